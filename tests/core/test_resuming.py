"""The target of an interrupted rollback is found again, also where a clock was set back in between."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.errors import RefusedError
from pulumi_rewind.library import compare
from pulumi_rewind.rollback.resuming import RESUME, find_target
from pulumi_rewind.session import Session, open_session
from tests.support.filestack import FileStack


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    for size in "sml":
        made.update(made.resource("api", {"size": size}))
    return made


def session(stack: FileStack) -> Session:
    return open_session(stack.work, stack.name, environ=stack.env)


def step_in_before(stack: FileStack, number: int) -> None:
    """The newest update gets a time just before that of another one, as where the clock was set back."""
    newest, other = stack.record_file(len(session(stack).timeline)), stack.record_file(number)
    stem, moment = newest.name.split(".")[0], int(other.name.split(".")[0].rsplit("-", 1)[1])
    for path in stack.history.glob(f"{stem}.*"):
        path.rename(path.with_name(path.name.replace(stem, f"{stack.name}-{moment - 1}")))


def test_updates_that_stepped_in_before_it_do_not_hide_it(stack: FileStack) -> None:
    opened = session(stack)
    digest = opened.timeline.checkpoint(2).digest
    opened.journal.begin(target=2, label="#2", digest=digest, start=3)
    assert find_target(opened, RESUME).update.number == 2
    stack.update(stack.resource("api", {"size": "xl"}))
    step_in_before(stack, 2)
    opened = session(stack)
    assert len(opened.timeline) == 4
    found = find_target(opened, RESUME)
    assert (found.update.number, opened.timeline.checkpoint(3).digest) == (3, digest)


def test_another_checkpoint_is_not_taken_for_it(stack: FileStack) -> None:
    opened = session(stack)
    opened.journal.begin(target=2, label="#2", digest="0" * 64, start=3)
    with pytest.raises(RefusedError, match="not the one"):
        find_target(opened, RESUME)
    newest = opened.timeline.checkpoint(3).digest
    opened.journal.begin(target=2, label="#2", digest=newest, start=3)
    with pytest.raises(RefusedError, match="not the one"):  # it was there before, under its own number
        find_target(opened, RESUME)


def test_a_state_that_no_update_left_is_compared_and_not_the_update_beside_it(stack: FileStack) -> None:
    opened = session(stack)
    kept = opened.timeline.checkpoint(1)
    opened.journal.begin(target=3, label="the state before", digest=kept.digest, start=3, checkpoint=kept)
    (change,) = compare(opened, "1", "live").resources
    assert change.op == "update"
    assert not compare(opened, "1", RESUME).resources
    assert [one.op for one in compare(opened, RESUME, "live").resources] == ["update"]
