"""What a review does in the background: plans, and looks whether live moves. Runs in threads, touches no widget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from pulumi_rewind.choices import USUAL, Choices
from pulumi_rewind.state.locks import running
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.review_page import Surroundings
from pulumi_rewind_tui.words.words import plural
from pulumi_rewind_tui.workers.background import CancelCheck, Post

if TYPE_CHECKING:
    from pulumi_rewind.backends.protocol import Glance
    from pulumi_rewind.engine.events import EngineEvent
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.session import Session
    from pulumi_rewind.strategies.preview import PreviewControl
    from pulumi_rewind.trust.targets import Finding

BATCH = 0.1
"""Seconds between two messages while the engine is asked."""


@dataclass(frozen=True)
class Request:
    """What is to be planned."""

    target: str
    choices: Choices = USUAL


@dataclass
class PlanProgress(Message):
    """The engine is being asked."""

    generation: int
    text: str


@dataclass
class PlanReady(Message):
    """A plan can be reviewed."""

    generation: int
    plan: Plan
    around: Surroundings


@dataclass
class PlanFailed(Message):
    """There is no plan."""

    generation: int
    error: BaseException


@dataclass
class LiveChecked(Message):
    """Live was looked at again."""

    generation: int
    """Of the plan that was in hand then."""
    digest: str
    around: Surroundings
    now: Glance
    """What was seen before it was read."""


def strategies(plan: Plan | None) -> list[tuple[str, str]]:
    """Every strategy with the reason why it can't be used, empty where it can as far as the plan in hand knows."""
    from pulumi_rewind.choices import PROGRAM
    from pulumi_rewind.strategies.choosing import STRATEGIES

    found = plan.recommendation if plan is not None else None
    return [(name, found.program_problem if found and name == PROGRAM else "") for name in STRATEGIES]


def observer(
    generation: int, post: Post, stop: Callable[[], None], cancelled: CancelCheck
) -> Callable[[EngineEvent], None]:
    """Posts the engine's progress as a line of text, at most ten times a second; stops it when cancelled."""
    from pulumi_rewind.engine.events import Phase, Progress, ResourceDone, ResourcePre

    seen: set[str] = set()
    phase, sent = "", 0.0

    def observe(event: EngineEvent) -> None:
        nonlocal phase, sent
        if cancelled():
            stop()
        at_once = False
        match event:
            case Phase(_, message):
                phase, at_once = message, True
            case ResourcePre(step) | ResourceDone(step):
                seen.add(step.urn)
            case Progress(_, message) if message:
                phase, at_once = message, True
        now = time.monotonic()
        if at_once or now - sent >= BATCH:
            sent = now
            count = f"  {plural(len(seen), 'resource')} checked" if seen else ""
            post(PlanProgress(generation, f"{phase}…{count}"))

    return observe


def make_plan(
    session: Session,
    request: Request,
    generation: int,
    control: PreviewControl,
    post: Post,
    cancelled: CancelCheck,
    agreed: Sequence[Finding] = (),
) -> None:
    """Resolves the target, builds the plan and reads its surroundings; raises errors, except after a stop.

    Remembers what is in `agreed` first.
    """
    from pulumi_rewind.errors import InterruptedRun
    from pulumi_rewind.guard.consent import agree
    from pulumi_rewind.rollback.planning import build_plan
    from pulumi_rewind.rollback.resuming import find_target

    agree(session, agreed)
    session.timeline.history.confirm()  # the number was chosen from what it shows
    session.reload()
    target = find_target(session, request.target)
    try:
        observe = observer(generation, post, control.stop, cancelled)
        plan = build_plan(session, target, request.choices, observe=observe, control=control)
    except InterruptedRun:
        if control.stopped:
            return
        raise
    try:
        around = read_surroundings(session, plan)
    except BaseException:
        plan.close()
        raise
    if cancelled():
        plan.close()
        return
    post(PlanReady(generation, plan, around))


def read_surroundings(session: Session, plan: Plan) -> Surroundings:
    """What the pane of checks says beside the plan's own risks."""
    from pulumi_rewind.errors import RewindError
    from pulumi_rewind.rollback.head_reminder import head_reminder

    number: int | None = None
    reminder = ""
    try:
        number = session.timeline.live_update()
        reminder = head_reminder(session, plan.target)
    except (RewindError, OSError):
        pass  # said elsewhere, or only a courtesy
    return Surroundings(number, len(session.timeline), tuple(session.operations()), reminder)


def look_at_live(
    session: Session,
    around: Surroundings,
    generation: int,
    post: Post,
    _: Glance | None,
    now: Glance,
) -> None:
    """Reads the live state (no decoding of resources' properties, no CLI) and tells its digest and the locks."""
    from dataclasses import replace

    live = session.backend.live(session.stack)
    newest = len(session.history())
    post(LiveChecked(generation, live.digest, replace(around, newest=newest, locks=tuple(running(now.locks))), now))


def plan_text(plan: Plan) -> str:
    """The plan as plain text, secrets masked."""
    from pulumi_rewind.state.show import inert
    from pulumi_rewind_tui.text.plan import plan_lines
    from pulumi_rewind_tui.text.selection import command_line

    lines = map(plain, plan_lines(plan))
    same = f"the same on the command line: {command_line(plan)}"
    return "\n".join(inert(line).rstrip() for line in (*lines, same)) + "\n"


def plan_document(plan: Plan) -> str:
    """The plan as JSON: the shape of ``plan --json`` with the property changes, secrets masked."""
    import json

    from pulumi_rewind.diff.checkpoints import diff_to_json
    from pulumi_rewind_tui.text.plan import plan_json

    document = plan_json(plan)
    document["diff"] = diff_to_json(plan.diff, "live", plan.target.label)["resources"]
    return json.dumps(document, indent=2) + "\n"
