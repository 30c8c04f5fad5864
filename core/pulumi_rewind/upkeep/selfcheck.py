"""The self-check: would the newest state come out the same if it were replayed? Changes nothing.

Live is replayed onto itself by a preview. Whatever then differs is lossy in every rollback of this stack, whichever
target is chosen, and is better known before one is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pulumi_rewind.engine.events import EngineEvent, Phase
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal, registers
from pulumi_rewind.goal.replay_report import Observe, ReplayReport
from pulumi_rewind.plan.model import Step, plan_steps
from pulumi_rewind.plan.verify import verify
from pulumi_rewind.risk import HOOK_CODE, TAKEN_ALONG, Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.identity import rehomed
from pulumi_rewind.state.model import Checkpoint, parse_urn
from pulumi_rewind.strategies.checkpoint.plan import with_assets
from pulumi_rewind.strategies.preview import PreviewControl, ignore_events, preview
from pulumi_rewind.system.private_directory import private_directory

HARMLESS = frozenset({"ignore-changes", HOOK_CODE, TAKEN_ALONG})
"""Codes of notes that say nothing about whether a resource comes out the same."""


@dataclass(frozen=True)
class Lossy:
    """A resource that a replay would not bring out as it is."""

    urn: str
    reasons: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its logical name."""
        return parse_urn(self.urn).name

    @property
    def type(self) -> str:
        """Its type."""
        return parse_urn(self.urn).type


@dataclass(frozen=True)
class SelfCheck:
    """What a replay of the newest state would make of it."""

    resources: int
    """How many resources were replayed."""
    lossy: tuple[Lossy, ...]
    """In the order of the state."""

    @property
    def exact(self) -> bool:
        """Whether everything would come out the same."""
        return not self.lossy


def self_check(session: Session, observe: Observe | None = None) -> SelfCheck:
    """Replays live onto itself, dry.

    Raises:
        CheckpointError, SecretsError: live can't be read or decrypted.
        RefusedError, EngineError: the preview failed, so that nothing can be replayed at all.
    """
    observe = observe or ignore_events
    observe(Phase("load", "reading live"))
    live = session.backend.live(session.stack)
    plain = session.vault.decrypt(live, session.stack)
    goal = build_goal(plain, plain, project=session.workspace.project, stack=session.stack.name)
    newest = session.timeline.update(len(session.timeline)) if len(session.timeline) else None
    with private_directory() as private:
        goal, asset_notes = with_assets(session, goal, plain, newest.commit if newest else "", private)
        observe(Phase("preview", "previewing with the engine"))
        events, _, report = preview(session, goal, live, observe, PreviewControl())
    return judge(goal, [*goal.notes, *asset_notes], events, report, plain)


def judge(
    goal: Goal, notes: Iterable[Risk], events: Iterable[EngineEvent], report: ReplayReport, live: Checkpoint
) -> SelfCheck:
    """What a preview of live's own goal says about each resource. Pure."""
    found: dict[str, list[str]] = {}

    def add(urn: str, reason: str) -> None:
        reasons = found.setdefault(urn, [])
        if reason not in reasons:
            reasons.append(reason)

    for step in plan_steps(events, goal):
        if step.op not in {"same", "read"}:
            add(step.urn, _step_reason(step))
    for note in notes:
        if note.code not in HARMLESS:
            add(rehomed(note.urn, goal.stack, goal.project) if note.urn else "", note.message)
    for difference in verify(goal, report, live, live):
        if not difference.expected:
            add(difference.urn, f"{difference.path}: {difference.message}" if difference.path else difference.message)
    for urn, reason in _not_replayed(live):
        add(urn, reason)
    order = {res.urn: index for index, res in enumerate(live.resources)}
    lossy = sorted(found.items(), key=lambda item: order.get(item[0], len(order)))
    return SelfCheck(len(goal.registrations), tuple(Lossy(urn, tuple(reasons)) for urn, reasons in lossy))


def _step_reason(step: Step) -> str:
    where = f" because of {', '.join(step.keys)}" if step.keys else ""
    return f"a replay would {step.op} it{where}"


def _not_replayed(live: Checkpoint) -> Iterator[tuple[str, str]]:
    """What no registration stands for."""
    for res in live.resources:
        if res.snippet_id:
            yield res.urn, "comes from a snippet, which only the engine can run; a replay can't restore it"
        elif registers(res) and res.pending_replacement:
            yield res.urn, "was deleted for a replacement that was never created; a replay leaves it out"
        elif registers(res) and res.init_errors:
            yield res.urn, "was left partly created by a failed update; every update tries to finish it"
