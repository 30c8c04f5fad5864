"""What is loaded to print a history and to paint the first screen: every module costs, whoever waits."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.filestack import FileStack

PACKAGES = {"click", "msgspec", "pulumi_rewind", "pulumi_rewind_tui", "typing_extensions", "yaml"}
"""What a history takes besides the standard library; msgspec brings typing_extensions along."""

COSTLY = {"asyncio", "concurrent", "difflib", "hmac", "json", "random", "secrets", "socket", "subprocess", "tempfile"}
"""What a history does without in the standard library."""

CORE = """
backends backends.ahead backends.directory backends.diy backends.diy_history backends.files backends.interruptible
backends.listing backends.names backends.protocol backends.storage backends.update_files backends.urls choices diff
diff.certain diff.equality engine engine.vault errors history history.failed_update history.live history.origins
history.timeline history.update_mark history.verdict project project.git_place project.journal project.places
project.settings project.workspace records records.history records.parts records.place records.verdicts rollback
rollback.let_go secrets secrets.environment secrets.known secrets.passphrase session state state.decoding state.holds
state.integrity state.locks state.model state.naming state.same state.show state.values system system.core_dumps
system.documents system.nesting system.ownership system.path_variables system.processes system.shell
system.state_directory system.toolchain system.untrusted version
"""
"""The modules of the core that a history on a disk, outside git, is printed with."""

PAINTED = """
backends backends.protocol backends.urls errors history history.update_mark project project.places state state.locks
state.model state.same state.show state.values system system.core_dumps system.nesting system.own_python
system.ownership system.path_variables system.shell system.state_directory system.toolchain system.untrusted version
"""
"""The modules of the core that the first paint takes, before any stack is opened."""

SCREENS = "base home home_compare home_filter home_loading home_waiting home_watching web_page"
"""The parts of the first screen."""

HISTORY = """
import sys
from pathlib import Path
before = set(sys.modules)
from pulumi_rewind_tui.cli import run
assert run(["history"]) == 0
print("loaded:", *sorted(set(sys.modules) - before), sep="\\n")
"""

FIRST_PAINT = """
import os, sys
before = set(sys.modules)
from pathlib import Path
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.workers.appearance import appearance
found = appearance(Path(), os.environ, None, False)
app = RewindApp(theme=found.theme, ascii_only=found.ascii)
def painted(name):
    print("loaded:", *sorted(set(sys.modules) - before), sep="\\n", file=sys.__stdout__)
    app.exit(0)
app.open_stack = painted  # which comes after the first paint
sys.exit(app.run(headless=True))
"""


def loaded(stack: FileStack, code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=stack.work, env=stack.env, capture_output=True, text=True, check=True
    )
    return set(done.stdout.partition("loaded:\n")[2].split())


def core(modules: set[str]) -> set[str]:
    return {name.removeprefix("pulumi_rewind.") for name in modules if name.startswith("pulumi_rewind.")}


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    made.update(made.resource("api", {}))
    made.update(made.resource("api", {}), made.resource("web", {}))
    return made


def test_a_history_is_printed_with_these_modules_alone(stack: FileStack) -> None:
    found = loaded(stack, HISTORY)
    top = {name.partition(".")[0] for name in found}
    assert {name for name in top - sys.stdlib_module_names if "cython" not in name} <= PACKAGES
    assert top & COSTLY == set()
    assert core(found) == set(CORE.split())


def test_the_screens_are_painted_before_a_stack_is_looked_for(stack: FileStack) -> None:
    found = loaded(stack, FIRST_PAINT)
    assert core(found) == set(PAINTED.split())
    assert {name for name in found if name.startswith("pulumi_rewind_tui.screens.")} == {
        f"pulumi_rewind_tui.screens.{name}" for name in SCREENS.split()
    }
    assert found & {"yaml", "grpc", "pulumi", "botocore"} == set()
