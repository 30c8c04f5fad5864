"""The check of what is about to be deployed: previewed forward, then back from where that would lead."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from pulumi_rewind.callbacks.calling import Caller, declared
from pulumi_rewind.callbacks.code import todays_code
from pulumi_rewind.callbacks.revisions.ledger import Ledger, unknown
from pulumi_rewind.callbacks.revisions.moves import Applied, revisions_of
from pulumi_rewind.callbacks.revisions.plan import loaded, rehoming, rollback_moves, update_revisions
from pulumi_rewind.callbacks.undo.match import calls_for
from pulumi_rewind.callbacks.undo.plan import embedded_methods
from pulumi_rewind.checking.predicted import predicted_state
from pulumi_rewind.checking.providers import providers_gone
from pulumi_rewind.checking.report import CheckReport, judged
from pulumi_rewind.checking.verdicts import (
    Evidence,
    Verdict,
    pending_verdicts,
    revision_verdicts,
    step_verdicts,
    without_doubles,
)
from pulumi_rewind.checking.way_back import WayBack, way_back
from pulumi_rewind.choices import HOLD_STATEFUL
from pulumi_rewind.engine.events import Phase
from pulumi_rewind.errors import EngineError
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.hooks.declare import UNDO_KINDS
from pulumi_rewind.plan.hold_deletes import holding
from pulumi_rewind.plan.model import STILL, Step
from pulumi_rewind.project.check_settings import check_settings
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import ROOT_STACK_TYPE, Checkpoint
from pulumi_rewind.strategies.preview import PreviewControl
from pulumi_rewind.strategies.program.result import program_steps
from pulumi_rewind.up.review import Forward, ordered, preview_update

LIVE: Final = "live"

_OPPOSITE: Final[Mapping[str, str]] = {
    "create": "delete",
    "delete": "create",
    "replace": "replace",
    "update": "update",
}
"""What going back does where the engine can't be asked: the opposite of what the update does."""


@dataclass(frozen=True)
class _Sides:
    """The state as it is."""

    stored: Checkpoint
    plain: Checkpoint
    """Decrypted."""


def check_update(
    session: Session,
    flags: Sequence[str] = (),
    *,
    observe: Observe,
    control: PreviewControl | None = None,
    today: date | None = None,
) -> CheckReport:
    """Whether what the project's program is about to deploy can be undone; `flags` are for `pulumi preview`.

    Changes nothing. `today` decides which waivers have expired, by default by the clock (UTC).

    Raises:
        UsageError: the settings of `check` or the hooks file are wrong.
        EngineError, SecretsError, RefusedError: the program can't be previewed, see `up.review.review_up`.
        CallbackError: code of callbacks can't be loaded.
        InterruptedRun: `control` stopped it.
    """
    settings = check_settings(session.settings.check)
    control = control or PreviewControl()
    observe(Phase("load", "reading the state"))
    stored = session.live()
    live = _Sides(stored, session.vault.decrypt(stored, session.stack))
    observe(Phase("preview", "previewing the update"))
    forward = preview_update(session, stored, flags, observe=observe, control=control)
    every = program_steps(forward.events, stored, session.stack.name, session.workspace.project)
    steps = ordered(without_doubles(every), forward.plan, stored)
    back = _way_back(session, live, forward, steps, observe, control)
    verdicts = [*step_verdicts(steps, _evidence(session, live, forward, steps, back))]
    verdicts += [*_revisions(session, live, steps, back), *pending_verdicts(stored)]
    day = today or datetime.now(UTC).date()
    return CheckReport(
        stack=str(session.stack),
        base=LIVE,
        judged=judged(verdicts, settings, day),
        settings=settings,
        expired=tuple(one for one in settings.waivers if one.expired(day)),
        problem=back.problem,
    )


def _touched(steps: Iterable[Step], live: Checkpoint) -> list[Step]:
    """The steps that do something to what is there already."""
    return [
        step
        for step in steps
        if step.op not in STILL and step.type != ROOT_STACK_TYPE and (step.renamed_from or step.urn) in live.by_urn
    ]


def _way_back(
    session: Session,
    live: _Sides,
    forward: Forward,
    steps: Sequence[Step],
    observe: Observe,
    control: PreviewControl,
) -> WayBack:
    """The way back; nothing is previewed where nothing that is there today is touched."""
    if not _touched(steps, live.stored):
        return WayBack(live.plain)
    try:
        predicted = predicted_state(forward.events, forward.plan, live.stored)
    except EngineError as err:
        return WayBack(live.plain, problem=str(err))
    observe(Phase("preview", "previewing the way back"))
    firsts = [step.urn for step in steps if step.delete_first]
    return way_back(session, live.stored, live.plain, predicted, firsts, observe=observe, control=control)


def _evidence(session: Session, live: _Sides, forward: Forward, steps: Sequence[Step], back: WayBack) -> Evidence:
    going = {step.renamed_from or step.urn for step in _touched(steps, live.stored)}
    lost = {step.urn for step in steps if step.op in {"delete", "replace"}}
    settings = session.settings
    held = holding(steps, live.stored, HOLD_STATEFUL, stateful=settings.stateful_types, excluded=settings.hold_excluded)
    return Evidence(
        live=live.stored,
        back=back.steps,
        risks=back.risks,
        problem=back.problem,
        covered=_covered(session, live, steps, back),
        gone=providers_gone(live.plain, going, back.risks, lost=() if back.previewed else lost, package=back.package),
        stateful=settings.stateful_types,
        holdable={urn for urn, _ in held.objects},
        protected=_protected(forward),
    )


def _protected(forward: Forward) -> Collection[str]:
    found = set()
    for event in forward.events:
        step = getattr(event, "step", None)
        if step is not None and step.op == "create" and step.new is not None and step.new.protect:
            found.add(step.urn)
    return found


def _covered(session: Session, live: _Sides, steps: Sequence[Step], back: WayBack) -> dict[str, str]:
    """URN → the function that going back calls to bring it back, or back to what it was."""
    if back.goal is None:
        return {}
    opposite = {
        there: replace(step, urn=there, op=_OPPOSITE[step.op], forecast="")
        for step in steps
        if step.op in _OPPOSITE and (there := step.renamed_from or step.urn)
    }
    wanted = tuple({**opposite, **back.steps}.values())
    code = todays_code(session.workspace.root, session.settings)
    with Caller(session) as caller:
        callbacks = caller.load(code).callbacks if code is not None else ()
        calls = calls_for(
            wanted,
            dict.fromkeys(UNDO_KINDS, callbacks),
            back.goal.by_run_urn,
            back.predicted,
            live.plain,
            embedded_methods(caller),
        )
    return {call.urn: call.callback.function for call in calls if call.callback.kind != "undo_create"}


def _revisions(session: Session, live: _Sides, steps: Sequence[Step], back: WayBack) -> Iterator[Verdict]:
    """The verdicts of the revisions that the update would run, and of those that going back would have to."""
    hooks = declared(session)
    known = loaded(hooks)
    have, problem = Ledger(session).now()
    if not (known or have):
        return
    if problem:
        ours = [res.urn for res in live.stored.resources if res.is_component and revisions_of(res, known)]
        yield from revision_verdicts((), str(unknown(problem)), ours)
        return
    plan, _ = update_revisions(session, live.stored, steps)
    after = _applied(have, back.predicted, [(move.urn, move.revision) for move in plan.moves] if plan else ())
    moves, _ = rollback_moves(
        back.predicted,
        live.plain,
        rehoming(session),
        known,
        after,
        have,
        known,
        pairs=back.goal.pairs if back.goal is not None else {},
        registered=back.goal.registrations if back.goal is not None else (),
    )
    yield from revision_verdicts([move for move in moves if move.urn], "", ())


def _applied(have: Applied, after: Checkpoint, ups: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """What is applied after an update."""
    found = {urn: revisions for urn, revisions in have.items() if urn in after.by_urn}
    for urn, revision in ups:
        found[urn] = (*found.get(urn, ()), revision)
    return found
