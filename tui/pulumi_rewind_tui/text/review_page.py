"""What the review says beside the steps: risks, checks, what is not restored, and the plan as plain text. Pure."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pulumi_rewind.choices import HOLD_NOTHING
from pulumi_rewind.risk import DATA_LOSS, DELETE_FIRST, HELD, NOT_RESTORED, SKIPPED, TAKEN_ALONG
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import urn_name
from pulumi_rewind_tui.text.cells import Line, width, wrap_words
from pulumi_rewind_tui.text.selection import command_line, holdable, why_nothing
from pulumi_rewind_tui.words.words import listed, plural, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.risk import Risk

CHECKED = frozenset(
    {"not-refreshed", "locked", "target", "config-differs", "edited-outside", DELETE_FIRST, "may-exist"}
)
"""Codes of risks that stand among the checks, or with another risk of the same resource."""

ROWS = frozenset({TAKEN_ALONG, SKIPPED})
"""Codes of notes that the steps show where they are about."""


@dataclass(frozen=True)
class Surroundings:
    """What was last read around a plan: live and its locks."""

    live_number: int | None = None
    """The update that live equals; None: live was edited outside updates."""
    newest: int = 0
    locks: tuple[Lock, ...] = ()
    reminder: str = ""
    """What the next ordinary deploy would do."""


@dataclass(frozen=True)
class CheckRow:
    """One line of the pane of risks and checks."""

    line: Line
    urn: str = ""
    """The resource that it is about."""
    head: bool = True
    """Whether an entry begins here; the cursor stops only there."""


def live_name(around: Surroundings) -> str:
    """``LIVE(#9)``, or ``LIVE(edited)`` where it equals no update."""
    return f"LIVE(#{around.live_number})" if around.live_number else "LIVE(edited)"


def title_pieces(
    plan: Plan | None,
    stack: str,
    target: str,
    around: Surroundings,
    strategy: str,
    *,
    moved: bool,
    table: Mapping[str, str],
) -> tuple[list[Line], Line]:
    """The status bar: what, from where to where, when, and how."""
    arrow = f" {table['arrow']} "
    label = plan.target.label if plan is not None else target
    pieces: list[Line] = [
        (("PLAN ", "title"), (stack, "bold"), (": ", ""), (live_name(around) if plan else "LIVE", ""), (arrow, "dim"),
         (label, "bold")),
    ]  # fmt: skip
    if plan is not None:
        pieces.append((("built " + time.strftime("%H:%M:%S", time.localtime(plan.created)), "dim"),))
        if moved:
            pieces.append(((f"{table['failed']} live has changed", "failed"),))
        else:
            pieces.append((("live unchanged ", "dim"), (table["ok"], "ok")))
    return pieces, (("strategy: ", "dim"), (strategy, ""), (f" {table['closed']}", "dim"))


def risk_entries(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Risks first: symbol name, role, URN and text; those of one resource form one entry."""
    risks = [risk for risk in plan.all_risks if risk.code not in CHECKED and risk.code not in ROWS]
    first = {risk.urn for risk in risks if risk.urn}
    groups: dict[str, list[Risk]] = {}
    for index, risk in enumerate(sorted(risks, key=lambda risk: risk.rank)):
        groups.setdefault(risk.urn or f"\0{index}", []).append(risk)
    for risk in plan.all_risks:  # a replacement that deletes first says so with the loss that it means
        if risk.code == DELETE_FIRST and risk.urn in first:
            groups[risk.urn].append(risk)
        elif risk.code == DELETE_FIRST:
            groups.setdefault(risk.urn, []).append(risk)
    found = []
    for group in groups.values():
        blocking = any(risk.blocking for risk in group)
        text = "; ".join(dict.fromkeys(risk.message for risk in group))
        mark = "failed" if blocking else "hold" if all(risk.code == HELD for risk in group) else "hazard"
        found.append((mark, mark, group[0].urn, ("blocks: " if blocking else "") + text))
    return found


def not_restored(plan: Plan) -> str:
    """What the rollback can't restore, in one sentence."""
    data = (
        step.name
        for step in plan.steps
        if any(risk.code in (DATA_LOSS, NOT_RESTORED) and not risk.object_id for risk in step.risks)
    )
    ids = (step.name for step in plan.steps if step.forecast in ("recreated", "replaced"))
    found = {"data in": list(dict.fromkeys(data)), "ids of": list(dict.fromkeys(ids))}
    return "; ".join(f"{what} {listed(names)}" for what, names in found.items() if names)


def check_entries(plan: Plan, around: Surroundings, *, moved: bool) -> Iterator[tuple[str, str, str]]:
    """The checks: symbol name, role, text."""
    codes = {risk.code: risk.message for risk in plan.risks}
    prepared = plan.prepared
    if moved:
        yield "failed", "failed", f"live is now #{around.newest}: this plan is no longer valid"
    if around.locks:
        yield "failed", "failed", f"{around.locks[0].said}: {around.locks[0].advice}"
    else:
        yield "ok", "ok", "no lock"
    pending = len(prepared.live.pending_operations)
    if pending:
        yield "hazard", "hazard", f"{plural(pending, 'pending operation')} left by a killed update"
    else:
        yield "ok", "ok", "no pending operations"
    provider = prepared.live.deployment.secrets_providers
    if provider is not None:
        yield "ok", "ok", f"secrets decrypted; their provider stays the same ({provider.type})"
    if prepared.choices.refresh:
        yield "ok", "ok", "compared with the real resources"
    elif "not-refreshed" in codes:
        yield "hazard", "hazard", "not compared with the real resources: press f to compare"
    if prepared.holding.objects:
        count = plural(len(prepared.holding.objects), "object")
        yield "hold", "hold", f"{count} held instead of deleted: press H to delete what holds data"
    elif holdable(prepared.choices) and plan.loses_data and prepared.choices.hold_deletes == HOLD_NOTHING:
        yield "waiting", "dim", "objects that hold data are deleted: press H to hold them"
    if "may-exist" in codes:
        yield "waiting", "dim", "resources that would be re-created may still exist (o, adopt)"
    for code in ("edited-outside", "config-differs"):
        if code in codes:
            yield "hazard", "hazard", codes[code]
    for warning in plan.target.warnings:
        yield "hazard", "hazard", warning
    if around.reminder:
        yield "hazard", "hazard", around.reminder


def check_rows(
    plan: Plan, around: Surroundings, cells: int, table: Mapping[str, str], *, moved: bool
) -> list[CheckRow]:
    """All of it as rows, wrapped to a width: the worst first, and what is in order in as few lines as possible."""
    rows: list[CheckRow] = []
    checks = list(check_entries(plan, around, moved=moved))
    for mark, role, text in checks:
        if role == "failed":
            rows.extend(_entry(table[mark], role, "", text, cells, ""))
    for mark, role, urn, text in risk_entries(plan):
        about = f"{resource_name(urn)} " if urn else ""
        rows.extend(_entry(table[mark], role, about, text, cells, urn))
    lost = not_restored(plan)
    if lost:
        rows.extend(_entry(table["hazard"], "hazard", "not restored: ", lost, cells, ""))
    for mark, role, text in checks:
        if role in ("hazard", "hold", "dim"):
            rows.extend(_entry(table[mark], role, "", text, cells, ""))
    for texts in _packed([text for _, role, text in checks if role == "ok"], table["ok"], cells):
        rows.extend(_entry(table["ok"], "ok", "", texts, cells, ""))
    rows += [CheckRow((("", ""),), head=False), CheckRow((("The same on the command line", "title"),), head=False)]
    rows.extend(_entry("$", "dim", "", command_line(plan), cells, ""))
    return rows


def _packed(texts: Iterable[str], mark: str, cells: int) -> list[str]:
    """Short texts as lines of several, with the mark between them."""
    lines: list[str] = []
    for text in texts:
        longer = f"{lines[-1]}   {mark} {text}" if lines else text
        if lines and width(longer) <= cells - 4:
            lines[-1] = longer
        else:
            lines.append(text)
    return lines


def _entry(mark: str, role: str, about: str, text: str, cells: int, urn: str) -> Iterator[CheckRow]:
    pieces = wrap_words(about + text, max(12, cells - 4))
    head, rest = pieces[0], pieces[1:]
    spans: list[tuple[str, str]] = [(f"{mark} ", role)]
    if about and head.startswith(about.rstrip()):
        spans += [(about.rstrip(), "bold"), (head[len(about.rstrip()) :], "")]
    else:
        spans.append((head, ""))
    yield CheckRow(tuple(spans), urn)
    margin = " " * (len(mark) + 1)
    for piece in rest:
        yield CheckRow(((margin + piece, ""),), urn, head=False)


def held_words(plan: Plan) -> str:
    """``2 objects are held: db, net; you are asked about them from 2026-07-01 09:00 on``."""
    found = plan.prepared.holding
    names = [urn_name(urn) for urn, _ in sorted(found.objects)]
    one = len(names) == 1
    about = f"you are asked about {'it' if one else 'them'} from {found.deadline} on"
    return f"{plural(len(names), 'object')} {'is' if one else 'are'} held: {listed(names)}; {about}"


def destructive(plan: Plan) -> int:
    """How many steps delete or replace something real."""
    return sum(step.op in ("delete", "replace") and step.forecast != "kept" for step in plan.steps)


def unlocked_since(plan: Plan, around: Surroundings) -> bool:
    """Whether the stack was locked when the plan was made, and isn't any more."""
    return not around.locks and any(risk.code == "locked" for risk in plan.risks)


def verdict(plan: Plan, around: Surroundings, table: Mapping[str, str], *, moved: bool = False) -> Line:
    """The line above the buttons: what a confirmation would do."""
    if moved:
        note = f"{table['failed']} The state has changed: live is now #{around.newest}. "
        return ((note, "failed"), ("r", "key"), (" plans again", ""))
    if plan.nothing_to_do:
        return ((f"{table['same']} Nothing to do: ", "ok"), (f"{why_nothing(plan)}.", ""))
    if around.locks:
        return ((f"{table['failed']} Can't be run: the stack is locked.", "failed"),)
    if unlocked_since(plan, around):
        return ((f"{table['ok']} The lock is gone; ", "ok"), ("r", "key"), (" plans again", ""))
    if plan.blocking:
        count = plural(len(plan.blocking), "risk blocks", "risks block")
        return ((f"{table['failed']} Can't be run: {count} it.", "failed"),)
    count = plural(len(plan.steps), "step")
    if not plan.steps:
        return (("Only the state changes; no resource does.", ""),)
    lost = plan.losers
    if lost:
        return ((f"{count}. ", ""), (f"{table['hazard']} Data is lost in {listed(lost)}.", "hazard"))
    number = destructive(plan)
    held = len(plan.prepared.holding.objects)
    kept = f"; {held} held, no data lost." if held else "."
    if number:
        return ((f"{count}, ", ""), (f"{number} destructive", "hazard"), (kept, ""))
    if held:
        return ((f"{count}{kept}", ""),)
    return ((f"{count}, nothing is deleted or replaced.", ""),)
