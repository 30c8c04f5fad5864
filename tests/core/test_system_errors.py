"""What the system refuses, told as it is: before a change, after one, and when the target is reached."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pulumi_rewind.choices import USUAL
from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Phase
from pulumi_rewind.engine.system_errors import errors_as_warnings, refused_by_system, with_system_cause
from pulumi_rewind.errors import (
    BackendError,
    EngineError,
    IncompleteError,
    RefusedError,
    RewindError,
    StateDirectoryError,
)
from pulumi_rewind.guard.state_editing import Rewriting
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.rollback.run_journal import RunJournal
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import StackRef

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/rewind-x")


@pytest.mark.parametrize("changed", [False, True])
@pytest.mark.parametrize(
    "error",
    [
        FULL,
        StateDirectoryError("x can't be written", hint="Free some space."),
        RefusedError("no", hint="x.", unchanged=True),
    ],
)
def test_it_is_refused_before_a_change_and_incomplete_after_one(error: RewindError | OSError, changed: bool) -> None:
    told = with_system_cause(error, changed=changed, resume="pulumi-rewind resume dev")
    assert type(told) is (IncompleteError if changed else RefusedError)
    assert (told.resumes, "pulumi-rewind resume dev" in told.hint) == (changed, changed)
    assert ("nothing was changed" in told.hint.lower()) is not changed
    if error is FULL:
        assert "/tmp/rewind-x: No space left on device" in str(told)
        assert "Free some space" in told.hint


def test_other_errors_stay() -> None:
    error = BackendError("gone")
    assert with_system_cause(error, changed=True, resume="") is error


def test_once_something_was_changed_no_other_error_says_otherwise() -> None:
    error = EngineError("locked", hint="Wait.", unchanged=True, locked=True)
    assert with_system_cause(error, changed=False, resume="").hint == "Wait. Nothing was changed."
    assert with_system_cause(error, changed=True, resume="").hint == "Wait."


def test_the_claim_ends_the_hint_however_it_was_put_together() -> None:
    error = EngineError("no", unchanged=True, unexplained=True)
    error.advise("Leave it out.")
    first = "The engine's message above names the cause."
    assert error.hint == f"{first} Leave it out. Nothing was changed."
    assert error.next_step == f"{first} Leave it out."
    error.explain("Make it again.")
    error.explain("Too late.")
    assert error.hint == "Make it again. Leave it out. Nothing was changed."
    assert EngineError("no", unchanged=True).hint == "Nothing was changed."


def test_what_comes_after_a_run_only_warns() -> None:
    def events() -> Iterator[EngineEvent]:
        yield Phase("verify", "…")
        raise FULL

    phase, warning = errors_as_warnings(events())
    assert isinstance(phase, Phase)
    assert isinstance(warning, Diagnostic)
    assert warning.severity == "warning"


def test_a_plan_is_refused_and_a_reader_that_leaves_is_not() -> None:
    with pytest.raises(RefusedError, match="No space"), refused_by_system():
        raise FULL
    with pytest.raises(BrokenPipeError), refused_by_system():
        raise BrokenPipeError(errno.EPIPE, "x")


class World:
    """A journal in a directory, and a plan back to #1."""

    def __init__(self, tmp_path: Path) -> None:
        self.journal = Journal("file:///b", StackRef("shop", "dev"), {"XDG_STATE_HOME": str(tmp_path)})
        self.stack = StackRef("shop", "dev")
        self.history = lambda: [1, 2]
        self.run = RunJournal(cast("Session", self))
        target = SimpleNamespace(update=SimpleNamespace(number=1), label="#1", checkpoint=None)
        self.plan: Any = SimpleNamespace(
            target=target, prepared=SimpleNamespace(target=SimpleNamespace(digest="d"), choices=USUAL)
        )
        self.undone = 0
        self.rewriting: Any = SimpleNamespace(undo=self.undo)

    def undo(self) -> None:
        self.undone += 1

    def settled(self, error: RewindError | OSError, *, changed: bool) -> RewindError:
        return self.run.settled(error, cast("Rewriting", self.rewriting), changed=changed)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_entry_goes_where_nothing_was_changed_and_stays_where_something_was(world: World) -> None:
    world.run.begin(cast("Plan", world.plan))
    assert isinstance(world.settled(FULL, changed=True), IncompleteError)
    assert world.journal.read() is not None
    assert world.undone == 0
    assert isinstance(world.settled(FULL, changed=False), RefusedError)
    assert world.journal.read() is None
    assert world.undone == 1


def test_an_entry_of_an_earlier_run_survives_one_that_never_began(world: World) -> None:
    earlier = world.journal.begin(target=1, label="#1", digest="d", start=2)
    world.journal.release()
    world.settled(RefusedError("the guard says no"), changed=False)
    assert world.journal.read() == earlier
    world.run.begin(cast("Plan", world.plan))
    world.settled(RefusedError("so does a hook"), changed=False)
    assert world.journal.read() == earlier


def test_a_target_that_is_reached_is_told_although_the_entry_stays(world: World) -> None:
    world.run.begin(cast("Plan", world.plan))
    world.journal.path.unlink()
    world.journal.path.mkdir()
    (note,) = world.run.end()
    assert "the target is reached" in note
    assert str(world.journal.path) in note
    assert "resume dev --forget" in note
    assert world.settled(RefusedError("x"), changed=False).hint.startswith("The journal could not be cleared")
