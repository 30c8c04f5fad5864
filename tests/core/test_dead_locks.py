"""A lock whose process is gone is said to be dead, where that can be known: on the machine that made it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from pulumi_rewind.plan.risks import stack_risks
from pulumi_rewind.state.locks import Lock
from tests.support.checkpoints import checkpoint
from tests.support.filestore import FileStore

NOW = datetime.now(UTC)


def found(store: FileStore, **lock: object) -> Lock:
    body = {"username": "ada", "hostname": socket.gethostname(), "timestamp": NOW.isoformat(), **lock}
    path = store.lock("a", json.dumps(body))
    (one,) = store.open().locks(store.ref)
    path.unlink()
    return one


@pytest.fixture
def ended() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_a_process_of_this_machine_that_is_gone_is_dead(store: FileStore, ended: int) -> None:
    assert found(store, pid=ended).dead
    assert not found(store, pid=ended, hostname="elsewhere").dead
    assert not found(store, pid=os.getpid(), timestamp=(NOW + timedelta(seconds=60)).isoformat()).dead
    for nonsense in (0, -1, 2**70):
        assert not found(store, pid=nonsense).dead or nonsense > 0
    assert found(store, pid=ended, timestamp="yesterday").dead


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="how old a process is can be told on Linux alone")
def test_a_number_that_was_used_again_is_another_process(store: FileStore) -> None:
    assert found(store, pid=os.getpid(), timestamp="2020-01-01T00:00:00.123456789Z").dead


def test_it_is_said_with_the_lock_and_with_what_helps(ended: int) -> None:
    dead = Lock("ada", "box", ended, "2026-11-28T10:00:00Z", dead=True)
    alive = Lock("ada", "box", 1, "2026-11-28T10:00:00Z")
    assert str(dead).endswith("whose process is dead")
    assert "dead" not in str(alive)
    for lock in (dead, alive):
        (risk, *_) = stack_risks(
            stack="dev",
            live=checkpoint(),
            locks=[lock],
            live_known=True,
            target_config=None,
            live_config=None,
            refreshed=True,
            stateful=(),
        )
        assert risk.blocking
        assert "`pulumi cancel` removes the lock" in risk.message
        assert ("wait for it" in risk.message) == (not lock.dead)
