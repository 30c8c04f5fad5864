"""What the operator's own `pulumi up` would do, asked from `pulumi preview`, in the words of a plan."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from pulumi_rewind.callbacks.revisions.plan import update_revisions
from pulumi_rewind.choices import HOLD_FOR, HOLD_NOTHING
from pulumi_rewind.engine.events import EngineEvent, ResourceDone, ResourceFailed, ResourcePre, StepMetadata, StepState
from pulumi_rewind.engine.system_errors import refused_by_system
from pulumi_rewind.errors import EngineError, RewindError, SecretsError
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.guard.checks import check_readable, lock_refusal
from pulumi_rewind.plan.arrangement import NOTHING, Holding
from pulumi_rewind.plan.called import RevisionPlan
from pulumi_rewind.plan.hold_deletes import holding, with_held_copies, with_holding
from pulumi_rewind.plan.model import Step, Weighed, counts, plan_steps
from pulumi_rewind.plan.planned_secrets import note_planned
from pulumi_rewind.plan.risks import stack_risks, step_risks
from pulumi_rewind.plan.step_order import in_order, registration_order
from pulumi_rewind.project.stack_configuration import of_another_time
from pulumi_rewind.risk import NOT_RESTORED, Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, Deployment, Resource
from pulumi_rewind.state.values import SIG, Json, each, is_secret
from pulumi_rewind.strategies.preview import PreviewControl, followed
from pulumi_rewind.system.durations import seconds_of
from pulumi_rewind.system.private_directory import private_directory
from pulumi_rewind.up.flags import given_options, preview_flags, rooted_flags

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Diff

_FORECASTS: Final = {"create": "created", "update": "in place"}
_OF_A_ROLLBACK: Final = frozenset({NOT_RESTORED, "not-refreshed", "edited-outside"})
"""Codes of risks that only going back has."""


@dataclass(frozen=True)
class UpReview(Weighed):
    """What an update would do."""

    stack: str
    steps: tuple[Step, ...]
    changes: dict[str, int]
    risks: tuple[Risk, ...]
    """Those that concern the whole update; each step carries its own."""
    diff: Diff
    """Inputs before and after, secrets masked."""
    revisions: RevisionPlan | None = None
    """The revisions of components that it goes up."""
    holding: Holding = NOTHING
    """What of it is held instead of deleted."""


@refused_by_system()
def review_up(
    session: Session,
    live: Checkpoint,
    flags: Sequence[str] = (),
    *,
    hold: str = HOLD_NOTHING,
    hold_for: str = HOLD_FOR,
    observe: Observe,
    control: PreviewControl | None = None,
) -> UpReview:
    """Runs `pulumi preview` of the project's own program; changes nothing. The session then knows its secrets.

    `hold` says what is held of what it would delete, and `hold_for` how long, see `choices`.

    Raises:
        UsageError: `hold_for` is no length of time.
        EngineError, SecretsError: the preview failed.
        RefusedError: the pulumi CLI can't read the state.
        InterruptedRun: `control` stopped it.
    """
    until = time.time() + seconds_of(hold_for, "--for")
    forward = preview_update(session, live, flags, observe=observe, control=control)
    steps = ordered(plan_steps(forward.events), forward.plan, live)
    return _with_holding(session, live, _review(session, live, forward.events, steps), hold, until)


@dataclass(frozen=True)
class Forward:
    """A preview of the operator's own program."""

    events: Sequence[EngineEvent]
    plan: bytes
    """The engine's own plan; its secrets are encrypted."""


@refused_by_system()
def preview_update(
    session: Session,
    live: Checkpoint,
    flags: Sequence[str] = (),
    *,
    observe: Observe,
    control: PreviewControl | None = None,
) -> Forward:
    """Runs `pulumi preview` of the project's own program; changes nothing. Raises what `review_up` does."""
    check_readable(session)
    control = control or PreviewControl()
    with private_directory() as private:
        plan, own_flags = private / "plan.json", preview_flags(rooted_flags(flags, session.workspace.cwd))
        run = session.engine.start(
            ["preview", "-s", session.stack.fqn, "--save-plan", str(plan), *own_flags],
            private=private,
            extra_env=given_options(session.workspace.environ) | dict(session.vault.environment(live)),
        )
        events = followed(run, observe, control)
        note_planned(session, live, plan)
        if run.returncode != 0:
            error = run.error("the preview failed")
            if isinstance(error, EngineError) and error.locked:
                raise lock_refusal(session, error)
            own = session.workspace.config_file(session.stack.name)
            if isinstance(error, SecretsError) and (other := of_another_time(own, live)):
                hint = f"Restore today's {own.name}, or use the earlier passphrase."
                error = SecretsError(other, hint=hint)
            error.unchanged = True
            raise error
        return Forward(events, plan.read_bytes() if plan.is_file() else b"")


def _with_holding(session: Session, live: Checkpoint, review: UpReview, mode: str, until: float) -> UpReview:
    if mode == HOLD_NOTHING:
        return review
    settings = session.settings
    found = holding(
        review.steps, live, mode, stateful=settings.stateful_types, excluded=settings.hold_excluded, until=until
    )
    steps, risks = with_holding(review.steps, found), with_held_copies(review.risks, found)
    changes = {op: count for op, count in {**review.changes, "delete": 0, **counts(steps)}.items() if count}
    return dataclasses.replace(review, steps=steps, changes=changes, risks=risks, holding=found)


def ordered(steps: tuple[Step, ...], plan: bytes, live: Checkpoint) -> tuple[Step, ...]:
    """The steps in the order of `plan.step_order`, or in that of the events where the engine's plan can't be read."""
    from pulumi_rewind.strategies.program.result import declared

    with contextlib.suppress(RewindError):
        return in_order(steps, registration_order(declared(plan).needs, live), live)
    return steps


def _review(session: Session, live: Checkpoint, events: Sequence[EngineEvent], all_steps: tuple[Step, ...]) -> UpReview:
    from pulumi_rewind.diff.checkpoints import diff_checkpoints

    stateful = session.settings.stateful_types
    steps = tuple(
        dataclasses.replace(
            step,
            forecast=_FORECASTS.get(step.op, step.forecast),
            risks=_of_an_update(step_risks(step, live, stateful, stack=session.stack.name)),
        )
        for step in all_steps
        if step.op not in {"same", "read"}
    )
    risks = stack_risks(
        stack=session.stack.word,
        live=live,
        locks=session.backend.locks(session.stack),
        live_known=True,
        target_config=None,
        live_config=None,
        refreshed=True,
        stateful=stateful,
        creates_block=False,  # that doesn't stop the engine
    )
    revisions, announced = update_revisions(session, live, all_steps)
    return UpReview(
        stack=str(session.stack),
        steps=steps,
        changes=counts(all_steps),
        risks=(*_of_an_update(risks), *announced),
        diff=diff_checkpoints(*sides(events)),
        revisions=revisions,
    )


def _of_an_update(risks: Iterable[Risk]) -> tuple[Risk, ...]:
    """The risks that an update has, too."""
    return tuple(risk for risk in risks if risk.code not in _OF_A_ROLLBACK)


def sides(events: Iterable[EngineEvent]) -> tuple[Checkpoint, Checkpoint]:
    """The inputs of everything that a preview changes, before and after, as two states to compare. Pure.

    Secrets come masked: those of a property that the provider says changes are made to differ, all others to be the
    same; what they hold is shown of neither.
    """
    old: dict[str, Resource] = {}
    new: dict[str, Resource] = {}
    for event in events:
        if not isinstance(event, ResourcePre | ResourceDone | ResourceFailed) or event.step.op == "same":
            continue
        step = event.step
        if step.old is not None and step.urn not in old:
            old[step.urn] = _resource(step, step.old, {})
        if step.new is not None and step.op not in {"delete-replaced", "delete"}:
            new[step.urn] = _resource(step, step.new, dict.fromkeys(step.changing, "2"))
    return _state(old), _state(new)


def _resource(step: StepMetadata, side: StepState, secrets: Mapping[str, str]) -> Resource:
    inputs = {key: _opened(value, secrets.get(key, "1")) for key, value in (side.inputs or {}).items()}
    return Resource(
        urn=step.urn,
        type=step.type or side.type,
        custom=True,
        id=side.id,
        parent=side.parent,
        inputs=msgspec.Raw(msgspec.json.encode(inputs)),
    )


def _opened(value: Json, stand_in: str) -> Json:
    """Masked secrets with something in them that can be compared and means nothing."""
    if is_secret(value):
        return {SIG: value[SIG], "plaintext": stand_in}
    return each(value, lambda inner: _opened(inner, stand_in))


def _state(resources: Mapping[str, Resource]) -> Checkpoint:
    kinds: dict[str, Any] = {"resources": tuple(resources.values())}
    return Checkpoint(b"", Deployment(**kinds), decrypted=True)
