"""What is told of an update that fails, and of a way back that does: whole sentences, each once, and true."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pulumi_rewind.engine.cli import failure
from pulumi_rewind.errors import EngineError, InterruptedRun, RefusedError, RollbackFailedToo, UpdateFailed
from pulumi_rewind.plan.risks import pending_risk
from pulumi_rewind.risk import BlockedError, Risk
from pulumi_rewind.state.model import PendingOperation, Resource, StackRef
from pulumi_rewind.up.recovery import Recovery
from pulumi_rewind.up.run import UpRun
from tests.support.checkpoints import checkpoint, urn

LOCKED = "the stack is currently locked by 1 lock(s)"


class World:
    """A session, as far as the end of a run asks it."""

    def __init__(self, *, pending: tuple[PendingOperation, ...] = (), locks: tuple[Any, ...] = ()) -> None:
        self.stack = StackRef("shop", "dev")
        state = SimpleNamespace(pending_operations=pending)
        self.backend = SimpleNamespace(live=lambda _: state, locks=lambda _: locks, obstacle=str, url="s3://b")
        self.operations = lambda: locks
        self.redactor = SimpleNamespace(said=str)
        self.journal = SimpleNamespace(read=lambda: "an entry", end=lambda: None)
        self.timeline: list[int] = [1, 2, 3]

    def reload(self) -> None:
        """Nothing is cached."""


def up_run(world: Any, monkeypatch: pytest.MonkeyPatch, *, rolls_back: bool = False) -> UpRun:
    run = UpRun(world, SimpleNamespace(newest=2, checkpoint=checkpoint()), rolls_back=rolls_back)  # type: ignore[arg-type]
    monkeypatch.setattr(run, "_freeze", lambda errors: tuple(text for _, text in errors))
    monkeypatch.setattr(run, "_left", lambda: "")
    return run


def test_a_lock_is_told_once_and_what_was_changed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = SimpleNamespace(advice="wait for it", hold="", said="locked by ann")
    engine: Any = SimpleNamespace(error=lambda what: failure(what, LOCKED), errors=(), interrupted=False)
    run = up_run(World(locks=(lock,)), monkeypatch)
    for same, changed in ((True, False), (False, True)):
        monkeypatch.setattr(run, "_as_begun", lambda same=same: same)
        told = run._failure(engine)
        assert isinstance(told, UpdateFailed)
        assert told.changed is changed
        assert told.hint.count("Nothing was changed.") == (not changed)
        assert told.hint.endswith("wait for it. Nothing was changed." if same else "wait for it.")
        assert "  " not in told.hint


def test_a_stop_after_revisions_says_what_was_run_and_keeps_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    ended: list[bool] = []
    world.journal.end = lambda: ended.append(True)
    run = up_run(world, monkeypatch, rolls_back=True)
    assert run._not_begun().hint == "Nothing was changed."
    assert ended == [True]
    run._revisions.changed = True
    told = run._not_begun()
    assert isinstance(told, InterruptedRun)
    assert "revisions were run" in str(told)
    assert "`pulumi-rewind resume dev` takes back" in told.hint
    assert "Nothing was changed" not in told.hint
    assert ended == [True]


def test_a_failure_after_revisions_never_says_that_nothing_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine changed no resource, but an up may have changed a database: its journal entry stays."""
    world = World()
    ended: list[bool] = []
    world.journal.end = lambda: ended.append(True)
    run = up_run(world, monkeypatch, rolls_back=True)
    monkeypatch.setattr(run, "_as_begun", lambda: True)
    run._revisions.changed = True
    engine: Any = SimpleNamespace(error=lambda what: failure(what, "boom"), errors=(), interrupted=False)
    failed = run._failure(engine)
    assert isinstance(failed, UpdateFailed)
    assert failed.changed, "so that it is rolled back"
    assert "Nothing was changed" not in failed.hint
    engine.interrupted = True
    stopped = run._failure(engine)
    assert "after revisions were run" in str(stopped)
    assert "`pulumi-rewind resume dev` takes back" in stopped.hint
    world.timeline = [1, 2]
    engine = SimpleNamespace(error=lambda what: failure(what, LOCKED), errors=(), interrupted=False)
    locked = run._failure(engine)
    assert isinstance(locked, RollbackFailedToo), "no automatic rollback over somebody else's update"
    assert "`pulumi-rewind resume dev` takes back" in locked.hint
    assert ended == []


def recovery(world: Any) -> Recovery:
    before: Any = SimpleNamespace(target=SimpleNamespace(label="#2"))
    return Recovery(world, before, UpdateFailed("the update failed"))


def test_what_was_left_open_is_told_once_whatever_else_is_said_of_it() -> None:
    db = Resource(urn=urn("db"), type="t:m:R")
    blocked = BlockedError("not safe to run", [Risk("protected", "is protected", db.urn)])
    told = recovery(World(pending=(PendingOperation(resource=db, type="updating"),)))._failed_too(blocked)
    assert "was left pending by a killed update" in str(told)
    made = PendingOperation(resource=db, type="creating")
    told = recovery(World(pending=(made,)))._failed_too(BlockedError("not safe to run", [pending_risk(made, "dev")]))
    assert str(told).count("may have been created by a killed update") == 1


@pytest.mark.parametrize(
    "error",
    [
        RefusedError("no", hint="Plan again.", unchanged=True),
        EngineError("no", hint="Plan again.", unchanged=True, locked=True),
        BlockedError("no", [], hint="Plan again."),
    ],
)
def test_after_a_failed_update_nobody_says_that_nothing_was_changed(error: RefusedError | EngineError) -> None:
    told = recovery(World())._failed_too(error)
    assert told.hint == "Plan again. Then `pulumi-rewind resume dev` goes back to #2."


def test_what_an_old_cli_does_not_understand_in_a_url_is_told_with_what_it_does() -> None:
    """As 3.206 says it."""
    told = failure("the preview failed", 'error: open bucket s3://state: unknown query parameter "x"')
    assert "use_path_style only as s3ForcePathStyle=true" in told.hint
