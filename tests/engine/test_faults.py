"""Faults in the middle of a rollback: interrupts and kills at random moments lose nothing, and it can be resumed.

`REWIND_FAULTS` sets how many moments are tried of each kind (default 1), `REWIND_FAULT_RESOURCES` how many resources
the stack has, `REWIND_FAULT_SEED` which moments; docs/reliability.md has the figures of a long run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.toolchain import EngineInfo
from tests.support.faults import (
    check_whole,
    copied,
    deploy_both,
    engines,
    finish,
    own,
    pending_creates,
    providers,
    remove_orphans,
    slay,
    start_rollback,
    wait_for_quiet,
    wait_until_running,
)
from tests.support.rewind import session
from tests.support.stack import EngineStack

MOMENTS = int(os.environ.get("REWIND_FAULTS", "1"))
RESOURCES = int(os.environ.get("REWIND_FAULT_RESOURCES", "32"))
SEED = int(os.environ.get("REWIND_FAULT_SEED", "0"))
LENGTH = max(1.5, RESOURCES / 25)
"""Seconds after its beginning within which a rollback is broken."""


@pytest.fixture(scope="module")
def deployed(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> EngineStack:
    """The stack that every moment gets a copy of."""
    return deploy_both(EngineStack(tmp_path_factory.mktemp("faults") / "stack", engine.path), RESOURCES)


@pytest.fixture
def slow(deployed: EngineStack, tmp_path: Path) -> Iterator[EngineStack]:
    """A copy in which every operation takes its time."""
    directory = tmp_path / "stack"
    stack = copied(deployed, directory)
    stack.trouble({"name": "*", "operation": "*", "action": "slow", "seconds": 0.15})
    yield stack
    shutil.rmtree(directory, ignore_errors=True)


def pause(kind: int, moment: int) -> None:
    """Waits for a random moment."""
    time.sleep(random.Random(f"{SEED} {kind} {moment}").uniform(0.0, LENGTH))


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_an_interrupt_at_a_random_moment(slow: EngineStack, moment: int) -> None:
    process = start_rollback(slow)
    if moment:  # moment 0: while it is still starting
        wait_until_running(slow, process)
    pause(1, moment)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=120)
    assert process.returncode in {130, 0}, output
    assert "Traceback" not in output
    wait_for_quiet(slow)
    assert not session(slow).backend.locks(session(slow).stack)
    check_whole(slow)
    finish(slow)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_our_process_is_killed(slow: EngineStack, moment: int) -> None:
    process = start_rollback(slow)
    wait_until_running(slow, process)
    pause(2, moment)
    process.kill()
    process.communicate()
    wait_for_quiet(slow)  # the engine finds its host gone, finishes what runs, and ends by itself
    entry = session(slow).journal.read()
    assert entry is not None
    assert entry.target == 1
    assert not session(slow).journal.running(entry)
    check_whole(slow)
    finish(slow)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_the_engine_is_killed(slow: EngineStack, moment: int) -> None:
    process = start_rollback(slow)
    wait_until_running(slow, process)
    pause(3, moment)
    for number in engines(slow):
        slay(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 4, output
    assert "resume" in output
    check_whole(slow)
    slow.trouble()
    code, text = own(slow, "rollback", "1", "--yes", "--allow-data-loss")
    assert code == 3, text
    assert "locked by" in text
    assert "pulumi cancel" in text
    slow.pulumi("cancel", "--yes", slow.name)
    if pending_creates(slow):  # said before anything is touched; the operator decides
        _, text = own(slow, "plan", "1", "--json")
        shown = json.loads(text[text.index("{") :].splitlines()[0])
        assert "pending-create" in {risk["code"] for risk in shown["risks"]}
        remove_orphans(slow)
        code, text = own(slow, "resolve", "--clear-all")
        assert code == 0, text
    finish(slow)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_provider_is_killed(slow: EngineStack, moment: int) -> None:
    process = start_rollback(slow)
    wait_until_running(slow, process)
    pause(4, moment)
    for number in providers(slow):
        slay(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode in {0, 4}, output
    assert "Traceback" not in output
    wait_for_quiet(slow)
    assert not session(slow).backend.locks(session(slow).stack)
    check_whole(slow, said=output)
    remove_orphans(slow)
    finish(slow)
