"""Which resources of a plan go back, how a key changes that, and the equivalent command line. Pure.

A resource that is left out stays as it is. The review and ``--only '!NAME'`` do the same; the core decides which other
resources have to stay with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pulumi_rewind.choices import HOLD_NOTHING, HOLD_STATEFUL, Choices, flags, option
from pulumi_rewind.goal.model import registers
from pulumi_rewind.goal.selection import names_of, parted
from pulumi_rewind.goal.skipping import LeftAlone
from pulumi_rewind.plan.hold_deletes import GOES
from pulumi_rewind.plan.model import OLD_COPY
from pulumi_rewind.rollback.resuming import LIVE, RESUME
from pulumi_rewind.state.model import ROOT_STACK_TYPE, urn_name
from pulumi_rewind.state.naming import NOT, Names
from pulumi_rewind.strategies.choosing import STRATEGIES
from pulumi_rewind.system.shell import command

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan


def selects(strategy: str) -> bool:
    """Whether a strategy can leave resources out."""
    return "only" in STRATEGIES[strategy].knows


def keepable(plan: Plan) -> bool:
    """Whether the data that a plan loses could be kept; a resumed rollback keeps its first choices."""
    return selects(plan.strategy) and plan.target.again != RESUME


def no_selection(strategy: str) -> str:
    """Why a strategy has none."""
    able = " and ".join(filter(selects, STRATEGIES))
    return f"The strategy {strategy} rolls everything back; only {able} can leave resources out."


def left_out(plan: Plan) -> dict[str, LeftAlone]:
    """What a plan leaves as it is: URN → why."""
    return {note.urn: note for note in plan.prepared.notes if isinstance(note, LeftAlone)}


def toggled(plan: Plan, urn: str) -> Choices | str:
    """The choices with a resource left out or selected again; a sentence if that is not possible."""
    choices = plan.prepared.choices
    if not selects(plan.strategy):
        return no_selection(plan.strategy)
    left = left_out(plan)
    wanted, _ = parted(choices.only, _names(plan))
    note = left.get(urn)
    if note is not None:
        if note.for_data:
            return f"{urn_name(urn)} stays, because {note.why}. K selects it again."
        if note.because:
            return f"{urn_name(urn)} has to stay, because {note.why}. Select {urn_name(note.because)} first."
        asked = (one.urn for one in left.values() if not one.because and one.urn != urn)
        return choices.but(only=(*wanted, *(NOT + one for one in asked)))
    step = next((step for step in plan.steps if step.urn == urn), None)
    if step is None:
        return "The plan does not change it, so there is nothing to leave out."
    if step.type == ROOT_STACK_TYPE:
        return "The stack itself can't be left out: its outputs follow the resources that go back."
    if step.op == OLD_COPY:
        return "An old copy can't be left out: the engine deletes it in every run."
    item = plan.prepared.registered.get(urn)
    return choices.but(only=(*choices.only, NOT + (item.urn if item is not None else urn)))


def everything(plan: Plan) -> Choices | str:
    """The choices with all resources selected; a sentence if all are selected already."""
    choices = plan.prepared.choices
    if choices.only:
        return choices.but(only=())
    return (
        "Everything is selected but the resources that are kept for their data (K)."
        if choices.keep_data
        else "Everything is selected."
    )


def keeping(choices: Choices, plan: Plan | None) -> Choices | str:
    """The choices with or without keeping the data; a sentence if that is not possible."""
    if choices.keep_data:
        return choices.but(keep_data=False)
    if not selects(choices.strategy):
        return no_selection(choices.strategy)
    if choices.drop_held:
        return _DROPS
    if plan is not None and not (plan.loses_data or plan.prepared.holding.objects):
        return "No step loses data, so there is nothing to keep."
    return choices.but(keep_data=True, hold_deletes=HOLD_NOTHING)


def holds(strategy: str) -> bool:
    """Whether a strategy can hold what it would delete."""
    return "hold_deletes" in STRATEGIES[strategy].knows


def holdable(choices: Choices) -> bool:
    """Whether it can be chosen to hold what would be deleted, or to keep its data."""
    return holds(choices.strategy) and not choices.drop_held


def decides_to_hold(plan: Plan) -> bool:
    """Whether it makes a difference for a plan what is held."""
    return bool(plan.prepared.holding.objects) or any(step.op in GOES or step.old_copies for step in plan.steps)


_DROPS: Final = "This plan deletes what is held. Esc leaves it held."


def holding(choices: Choices, plan: Plan | None, usual: str) -> Choices | str:
    """The choices with or without holding what would be deleted; a sentence if that is not possible.

    `usual` is what the settings say; where that is nothing, what holds data is held.
    """
    if choices.hold_deletes != HOLD_NOTHING:
        return choices.but(hold_deletes=HOLD_NOTHING)
    if not holds(choices.strategy):
        able = " and ".join(filter(holds, STRATEGIES))
        return f"The strategy {choices.strategy} can't hold what it deletes; only {able} can."
    if choices.drop_held:
        return _DROPS
    if choices.keep_data:
        return "Nothing that holds data is deleted, because the data is kept. K selects it again; then H holds it."
    if plan is not None and not decides_to_hold(plan):
        return "No step deletes or replaces anything, so there is nothing to hold."
    return choices.but(hold_deletes=HOLD_STATEFUL if usual == HOLD_NOTHING else usual)


OTHER_WAYS: Final = (
    "Other ways: an undo callback can save the data and restore it (`pulumi-rewind hooks`); a rollback without keeping "
    "the data, with --allow-data-loss, loses it."
)
"""What can be done where keeping the data leaves nothing to roll back."""


def leaves_nothing(plan: Plan) -> bool:
    """Whether keeping the data leaves nothing to roll back."""
    return plan.nothing_to_do and any(note.for_data for note in left_out(plan).values())


def why_nothing(plan: Plan) -> str:
    """Why a plan has nothing to do."""
    if leaves_nothing(plan):
        return "keeping the data leaves nothing to roll back"
    if left_out(plan):
        return f"all that differs from {plan.target.label} is left as it is"
    return f"{plan.stack} is as it was at {plan.target.label}"


def stack_word(plan: Plan) -> str:
    """What names the stack on a command line."""
    in_full = plan.stack.count("/") > 1  # the name alone would be another organization's
    return plan.stack if in_full else plan.stack.rsplit("/", 1)[-1]


def command_line(plan: Plan) -> str:
    """The command that makes the same plan and runs it; names stand for URNs where they mean one resource alone."""
    stack = stack_word(plan)
    choices = plan.prepared.choices
    names = _names(plan) if choices.only else Names(())
    only = tuple(_short(text, names) for text in choices.only)
    if plan.target.again == RESUME:
        skips = (text.removeprefix(NOT) for text in only if text.startswith(NOT))
        return command("resume", stack, *(word for text in skips for word in ("--skip", text)))
    if choices.drop_held and plan.target.again == LIVE:
        named = (text for text in choices.drop_held if text != "*")
        return command("confirm", stack, *(word for text in named for word in ("--only", text)))
    target = plan.target.again.removeprefix("#")
    return command("rollback", stack, target, *_words(plan, choices.but(only=only)))


def _words(plan: Plan, choices: Choices) -> Iterator[str]:
    """The options of a rollback; what is held is said wherever it matters, as settings may say something else."""
    yield from flags(choices.but(hold_deletes=HOLD_NOTHING))
    matters = holds(choices.strategy) and decides_to_hold(plan)
    if matters and not (choices.keep_data and choices.hold_deletes == HOLD_NOTHING):
        yield f"{option('hold_deletes')}={choices.hold_deletes}"


def _short(text: str, names: Names) -> str:
    sign = NOT if text.startswith(NOT) else ""
    urn = text.removeprefix(sign)
    return sign + names.spoken(urn) if urn in names else text


def _names(plan: Plan) -> Names:
    prepared = plan.prepared
    entries = (res for res in prepared.target_plain.resources if registers(res))
    return names_of(entries, prepared.live_plain)


def names_left(notes: Mapping[str, LeftAlone]) -> str:
    """``db; net (web, which stays, uses it)``: what stays, and what it stays for."""
    parts = []
    for urn, note in notes.items():
        parts.append(f"{urn_name(urn)} ({note.why})" if note.why else urn_name(urn))
    return "; ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")
