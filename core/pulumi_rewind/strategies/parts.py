"""What the plans of all strategies have in common: how both sides are read, and how steps and stack get their risks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from pulumi_rewind.choices import Choices
from pulumi_rewind.goal.model import GoalChanges
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.history.targets import Target
from pulumi_rewind.plan.arrangement import Arrangement
from pulumi_rewind.plan.model import STILL, Step
from pulumi_rewind.plan.risks import stack_risks
from pulumi_rewind.plan.state_edit_risks import arranged_steps
from pulumi_rewind.risk import Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.integrity import check_sound
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import Json
from pulumi_rewind.strategies.preview import PreviewControl


@dataclass(frozen=True)
class PlanRequest:
    """What a strategy makes a plan from."""

    session: Session
    target: Target
    choices: Choices
    changes: GoalChanges | None
    """What undo callbacks returned."""
    observe: Observe
    """Gets the events of previews, and what is being done."""
    control: PreviewControl
    """Stops previews."""
    stays: Mapping[str, str] = field(default_factory=dict)
    """What is known to stay as it is, for its data's sake: see `plan.keeping_data`."""


def load(
    session: Session, target: Target, read: Callable[[Checkpoint, Checkpoint], None] = lambda *_: None
) -> tuple[Checkpoint, Checkpoint, Checkpoint, Checkpoint]:
    """Live and target, each as stored and decrypted; the two are decrypted side by side.

    `read` is called with both, as stored, before they are decrypted.

    Raises:
        RefusedError: live is damaged.
    """
    live = session.live()
    check_sound(live)
    goal_side = target.checkpoint or session.timeline.checkpoint(target.update.number)
    read(live, goal_side)
    with ThreadPoolExecutor(2) as pool:
        plains = list(pool.map(lambda item: session.vault.decrypt(item, session.stack), (live, goal_side)))
    return live, plains[0], goal_side, plains[1]


def with_risks(
    steps: Iterable[Step],
    risks: Callable[[Step], Iterable[Risk]],
    arrangement: Arrangement,
    stateful: Sequence[str],
) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
    """The steps with what is to be said of those that change something; all, and those alone."""
    told = (step if step.op in STILL else replace(step, risks=tuple(risks(step))) for step in steps)
    every = arranged_steps(told, arrangement, stateful)
    return every, tuple(step for step in every if step.op not in STILL)


def around(
    session: Session,
    live: Checkpoint,
    *,
    refreshed: bool,
    locks: Sequence[Lock] = (),
    live_known: bool = False,
    creates_block: bool = True,
    arrangement: Arrangement | None = None,
    target_config: Mapping[str, Json] | None = None,
    live_config: Mapping[str, Json] | None = None,
) -> list[Risk]:
    """The risks of the stack as it is now, `live` decrypted.

    `locks` are those seen earlier, if any; with `live_known` nothing is said of where it comes from.
    """
    return list(
        stack_risks(
            stack=session.stack.word,
            live=live,
            locks=locks or session.operations(),
            live_known=live_known or session.timeline.live_update() is not None,
            target_config=target_config,
            live_config=live_config,
            refreshed=refreshed,
            mentioned_ids=arrangement.mentioned_ids if arrangement is not None else (),
            stateful=session.settings.stateful_types,
            creates_block=creates_block,
        )
    )


def warned(target: Target, unlike: Iterable[Risk]) -> tuple[Risk, ...]:
    """What the target newly uses (see `consent`), and what was said when it was looked up."""
    return (*unlike, *(Risk("target", text) for text in target.warnings))


def digest(*parts: str, more: bytes = b"") -> str:
    """The fingerprint of what is reviewed."""
    return hashlib.sha256("\n".join(parts).encode() + more).hexdigest()[:16]
