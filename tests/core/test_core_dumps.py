"""A process that holds secrets leaves no core dump, nor does what it starts, unless the operator wants them."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_rewind.callbacks.process import UndoProcess
from pulumi_rewind.plan.called import Code
from pulumi_rewind.system.core_dumps import ALLOWED

GET_DUMPABLE = "import ctypes; print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
LIMITS = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
SECRET = "secret = 'canary-core-' + str(6 * 7)\n"

linux = pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")


def crash(folder: Path, prepare: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    """A process that crashes after `prepare`, where core dumps are wanted by the system."""
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    wanted = f"import resource; resource.setrlimit(resource.RLIMIT_CORE, ({hard}, {hard}))\n"
    code = f"{wanted}{SECRET}{prepare}\nimport os; os.kill(os.getpid(), {int(signal.SIGSEGV)})"
    return subprocess.run([sys.executable, "-c", code], cwd=folder, env={**os.environ, **env}, capture_output=True)


@pytest.mark.parametrize("call", ["limit_core_files", "leave_no_core"])
def test_a_crash_leaves_nothing(tmp_path: Path, call: str) -> None:
    done = crash(tmp_path, f"from pulumi_rewind.system.core_dumps import {call}; {call}()")
    assert done.returncode == -signal.SIGSEGV
    assert list(tmp_path.iterdir()) == []


@linux
def test_the_process_is_not_dumpable_and_can_still_look_at_itself() -> None:
    look = "import os; assert os.listdir('/proc/self/fd'); open('/proc/self/environ').close(); open('/dev/stdout', 'a')"
    code = (
        f"from pulumi_rewind.system.core_dumps import leave_no_core; leave_no_core(); {GET_DUMPABLE}; {look}; {LIMITS}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["0", "0"], done.stderr


@linux
def test_the_first_secret_makes_it_so() -> None:
    code = (
        "from pulumi_rewind.state.model import Checkpoint, Deployment; from pulumi_rewind.engine.vault import Vault\n"
        f"vault = Vault(lambda: None); {GET_DUMPABLE}; vault.key(Checkpoint(b'', Deployment())); {GET_DUMPABLE}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["1", "0"], done.stderr


@pytest.mark.parametrize(("wanted", "limited"), [("", True), ("1", False)])
def test_what_is_started_inherits_it_unless_core_dumps_are_wanted(wanted: str, limited: bool) -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == 0:
        pytest.skip("this machine has none")
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_CORE, ({hard}, {hard}))\n"
        "import subprocess, sys; from pulumi_rewind.system.core_dumps import leave_no_core; leave_no_core()\n"
        f"subprocess.run([sys.executable, '-c', {LIMITS!r}])"
    )
    env = {**os.environ, ALLOWED: wanted}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert int(done.stdout) == (0 if limited else hard)


@linux
def test_the_worker_of_hooks_is_so(tmp_path: Path) -> None:
    source = f"import os\nos.dup2(os.open({str(tmp_path / 'said')!r}, os.O_CREAT | os.O_WRONLY), 1)\n{GET_DUMPABLE}\n"
    process = UndoProcess(Code(tmp_path / "rewind_hooks.py", source, "0" * 64), Path(sys.executable), {})
    process.load()
    process.close()
    assert (tmp_path / "said").read_text().split() == ["0"]


def test_the_command_limits_them_at_its_start() -> None:
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    code = (
        f"import resource, sys; resource.setrlimit(resource.RLIMIT_CORE, ({hard}, {hard}))\n"
        "sys.argv[1:] = ['--version']\n"
        f"from pulumi_rewind_tui.cli import main\ntry: main()\nfinally: {LIMITS}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split()[-1] == "0", done.stderr
