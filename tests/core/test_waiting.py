"""Waiting for a confirmation, by a clock of our own: it ends once, whoever decides, and the watch command counts."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pulumi_rewind.confirming import waiting
from pulumi_rewind.confirming.waiting import Wait
from pulumi_rewind.errors import RefusedError
from pulumi_rewind.history.verdict import Verdict
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.window.deadline import Deadline, Deadlines, WatchCommand
from tests.support.notes import Notes

START = 1_000.0


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = START
        self.at: dict[float, Any] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        for moment in sorted(self.at):
            if self.now < moment <= self.now + seconds:
                self.at[moment]()
        self.now += seconds


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    workspace = SimpleNamespace(cwd=tmp_path, environ={"PATH": "/usr/bin:/bin"}, backend_url="file:///b")
    verdicts: list[Verdict] = []
    monkeypatch.setattr(waiting, "keep", lambda _session, _deadline, verdict: verdicts.append(verdict))
    return SimpleNamespace(
        backend=Notes(), stack=StackRef("shop", "dev"), workspace=workspace, redactor=str, verdicts=verdicts
    )


def armed(world: Any, clock: Clock, **given: Any) -> Deadline:
    deadline = Deadline(
        run="r", kind="update", update=2, key="k", before=1, digest="d", label="#1", content="c",
        since=clock.now, until=clock.now + 60, by="ann@here", **given,
    )  # fmt: skip
    Deadlines(world, clock).arm(deadline)
    return deadline


def waited(world: Any, clock: Clock, deadline: Deadline) -> Wait:
    wait = Wait(world, deadline, clock=clock, pause=clock.sleep)
    for _ in wait.ticks():
        assert clock.now < START + 1000, "it ends"
    return wait


def test_it_is_due_when_its_time_is_over(world: Any) -> None:
    clock = Clock()
    wait = waited(world, clock, armed(world, clock))
    assert wait.due
    assert wait.ended is None
    assert clock.now == pytest.approx(START + 60, abs=0.1)


def test_who_confirms_elsewhere_ends_it_here(world: Any) -> None:
    clock = Clock()
    deadline = armed(world, clock)
    clock.at[START + 10] = lambda: Deadlines(world, clock).end("r", "confirmed")
    wait = waited(world, clock, deadline)
    assert wait.ended is not None
    assert wait.ended.how == "confirmed"
    assert clock.now < START + 15


def test_who_extends_it_elsewhere_is_heard(world: Any) -> None:
    clock = Clock()
    deadline = armed(world, clock)
    clock.at[START + 59.5] = lambda: Deadlines(world, clock).extend("r", 30)
    wait = waited(world, clock, deadline)
    assert wait.due
    assert clock.now == pytest.approx(START + 90, abs=0.1)


def test_a_backend_that_does_not_answer_decides_nothing(world: Any) -> None:
    clock = Clock()
    deadline = armed(world, clock)
    clock.at[START + 5] = lambda: setattr(world.backend, "gone", True)
    wait = Wait(world, deadline, clock=clock, pause=clock.sleep)
    assert all(clock.now < START + 61 for _ in wait.ticks())
    assert wait.problem == "no answer"
    assert wait.due


def test_the_watch_command_counts_failures_in_a_row(world: Any) -> None:
    clock = Clock()
    good = world.workspace.cwd / "good"
    deadline = armed(world, clock, watch=WatchCommand(f"test -e {good}", every=10, fail_after=2))
    clock.at[START + 15] = good.touch
    clock.at[START + 35] = good.unlink
    wait = waited(world, clock, deadline)
    assert wait.deadline.failed
    assert clock.now == pytest.approx(START + 50, abs=1.5), "10 bad, 20 and 30 good, 40 and 50 bad"
    now = Deadlines(world).read().deadline
    assert now is not None
    assert now.failures == 2
    assert [(one.good, one.source) for one in world.verdicts] == [(False, "watch")]


def test_of_two_that_take_it_one_does(world: Any) -> None:
    clock = Clock()
    armed(world, clock)
    world.backend.between = lambda: Deadlines(world, clock).take("r")
    with pytest.raises(RefusedError, match="has begun to take #2 back"):
        Deadlines(world, clock).take("r")
    with pytest.raises(RefusedError, match="has begun to take #2 back"):
        Deadlines(world, clock).end("r", "confirmed")
    assert Deadlines(world, clock).take("r", over=True).taken_by


def test_who_confirms_it_while_it_is_taken_is_told(world: Any) -> None:
    clock = Clock()
    armed(world, clock)
    world.backend.between = lambda: Deadlines(world, clock).end("r", "confirmed")
    with pytest.raises(RefusedError, match=r"no longer waits for a confirmation: .* confirmed #2"):
        Deadlines(world, clock).take("r")


def test_another_one_that_waits_is_not_ours(world: Any) -> None:
    clock = Clock()
    deadline = armed(world, clock)
    other = msgspec.structs.replace(deadline, run="other", update=3)
    clock.at[START + 4] = lambda: Deadlines(world, clock).arm(other)
    wait = waited(world, clock, deadline)
    assert wait.ended is not None
    assert wait.ended.how == "moved"
    with pytest.raises(RefusedError, match="no longer waits"):
        Deadlines(world).extend("r", 1)
