"""The steps of a plan as rows: an ordered tree, with properties unfolded below a step. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from glob import escape
from typing import TYPE_CHECKING, Literal, TypeAlias

from pulumi_rewind.identity import rehomed
from pulumi_rewind.model import ROOT_STACK_TYPE, parse_urn
from pulumi_rewind_tui.render.words import resource_name
from pulumi_rewind_tui.widgets.cells import Line, Span, cut, fit, line_width, width
from pulumi_rewind_tui.widgets.diff_lines import short_type
from pulumi_rewind_tui.widgets.values import shown_text

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change, ResourceDiff
    from pulumi_rewind.plan import Plan, Step

Kind: TypeAlias = Literal["step", "out", "change", "note", "state", "heading"]

TAKEN = "taken-along"
"""Code of the note on a resource that a partial rollback takes along."""

NAME = 28
"""Widest column of names."""

PATH = 28
"""Widest column of property paths."""


@dataclass(frozen=True)
class StepRow:
    """One row of the review."""

    kind: Kind
    urn: str = ""
    depth: int = 0
    number: int = 0
    """Place in the engine's order, from 1."""
    step: Step | None = None
    change: Change | None = None
    text: str = ""


class Choice:
    """Which of a plan's resources go back; what the operator took out stays in sight."""

    def __init__(self, only: tuple[str, ...] = ()) -> None:
        self._given = only
        self.known: dict[str, Step] = {}
        """Every step seen so far by URN, in order."""
        self.out: set[str] = set()
        self._patterns: dict[str, str] = {}

    def learn(self, plan: Plan) -> None:
        """Takes up the steps of a plan."""
        goal = plan.prepared.goal
        recorded = {rehomed(item.urn, goal.stack, goal.project): item.urn for item in goal.registrations}
        for step in plan.steps:
            self.known[step.urn] = step
            self._patterns[step.urn] = escape(recorded.get(step.urn, step.urn))

    def toggle(self, urn: str) -> bool:
        """Takes a resource out, or in again; False if it can't be chosen (the stack itself)."""
        step = self.known.get(urn)
        if step is None or step.type == ROOT_STACK_TYPE:
            return False
        self.out ^= {urn}
        return True

    @property
    def partial(self) -> bool:
        """Whether not everything goes back."""
        return bool(self.out or self._given)

    @property
    def chosen(self) -> int:
        """How many are in."""
        return len(self.known.keys() - self.out)

    def only(self) -> tuple[str, ...] | None:
        """The selection for `build_plan`; empty means everything, None nothing at all."""
        if not self.out:
            return self._given
        left = [
            self._patterns[urn]
            for urn, step in self.known.items()
            if urn not in self.out and step.type != ROOT_STACK_TYPE
        ]
        return tuple(left) or None


def build_rows(plan: Plan, choice: Choice, opened: set[str]) -> list[StepRow]:
    """The rows: steps as a tree in the engine's order, what is out, what changes in the state alone."""
    diffs = {item.urn: item for item in plan.diff.resources}
    steps = {step.urn: step for step in plan.steps}
    numbers = {urn: number for number, urn in enumerate(steps, 1)}
    left_out = [step for urn, step in choice.known.items() if urn not in steps and urn in choice.out]
    children: dict[str, list[Step]] = {}
    every = {**steps, **{step.urn: step for step in left_out}}
    for step in every.values():
        parent = step.parent if step.parent in every and step.parent != step.urn else ""
        children.setdefault(parent, []).append(step)
    rows: list[StepRow] = []
    seen: set[str] = set()

    def emit(branch: Iterable[Step], depth: int) -> None:
        for step in branch:
            if step.urn in seen:
                continue
            seen.add(step.urn)
            kind: Kind = "step" if step.urn in steps else "out"
            rows.append(StepRow(kind, step.urn, depth, numbers.get(step.urn, 0), step))
            rows.extend(_below(step, diffs.get(step.urn), depth + 1, opened))
            emit(children.get(step.urn, ()), depth + 1)

    emit(children.get("", ()), 0)
    emit(every.values(), 0)  # parents in a circle
    if plan.state_only:
        rows.append(StepRow("heading", text="In the state alone (no resource is touched)"))
        rows.extend(_state_rows(plan, diffs))
    return rows


def _state_rows(plan: Plan, diffs: Mapping[str, ResourceDiff]) -> list[StepRow]:
    """Resources of which only the state changes, each with its changes, or what is said where there are none."""
    rows: list[StepRow] = []
    for urn in dict.fromkeys(one.urn for one in plan.state_only):
        if urn:  # else it is about the state as a whole
            rows.append(StepRow("state", urn))
        changes = diffs[urn].changes(outputs=True) if urn in diffs else ()
        rows.extend(StepRow("change", urn, change=change) for change in changes)
        if not changes:
            mine = (one for one in plan.state_only if one.urn == urn)
            rows.extend(
                StepRow("note", urn, text=f"{one.path}: {one.message}" if one.path else one.message) for one in mine
            )
    return rows


def _below(step: Step, diff: ResourceDiff | None, depth: int, opened: set[str]) -> list[StepRow]:
    rows = [StepRow("note", step.urn, depth, text=risk.message) for risk in step.risks if risk.code == TAKEN]
    if step.urn not in opened:
        return rows
    changes = diff.changes() if diff is not None else ()
    rows.extend(StepRow("change", step.urn, depth, change=change) for change in changes)
    if not changes:
        text = f"the engine names: {', '.join(step.keys)}" if step.keys else "no property changes"
        rows.append(StepRow("note", step.urn, depth, text=text))
    return rows


# -- how a row looks ------------------------------------------------------------------------------------------------


def verb(step: Step) -> str:
    """What happens, in words that leave no doubt."""
    match step.op:
        case "replace":
            return "replace, delete first" if step.delete_first else "replace, new id"
        case "delete":
            return "forget, object is kept" if step.forecast == "kept" else "DELETE"
        case "create":
            return "create, new id" if step.forecast == "recreated" else "create"
        case "import":
            return "adopt"
        case "rename":
            return f"was {resource_name(step.renamed_from)}"
        case "discard":
            return "forget"
        case _:
            return step.op


def row_line(row: StepRow, rows: Sequence[StepRow], cells: int, table: Mapping[str, str]) -> Line:
    """One row as spans."""
    indent = "  " * row.depth
    match row.kind:
        case "step" | "out":
            return _step_line(row, rows, cells, table)
        case "change":
            assert row.change is not None
            return _change_line(row.change, " " * 7 + indent, paths(rows, row.urn), cells, table)
        case "state":
            name = resource_name(row.urn) if row.urn else "the state itself"
            return (("     ", ""), (table["update"] + " ", "update"), (name, "bold"))
        case "heading":
            return ((f" {row.text}", "title"),)
        case _:
            return ((" " * 7 + indent, ""), (row.text, "dim"))


def _step_line(row: StepRow, rows: Sequence[StepRow], cells: int, table: Mapping[str, str]) -> Line:
    step = row.step
    assert step is not None
    indent = "  " * row.depth
    name = resource_name(step.urn)
    column = max(8, min(NAME, max((width(resource_name(one.urn)) for one in rows[:300] if one.step), default=8)))
    column = max(width(name), column - 2 * row.depth)
    if row.kind == "out":
        mark = table["waiting"].ljust(len(table["replace"]))
        left: Line = (
            (f"   - {indent}{mark} ", "dim"),
            (fit(name, column), "dim"),
            ("  stays as it is", "dim"),
        )
        return _with_type(left, step.type, cells)
    spans: list[Span] = [
        (f"{row.number:>3}  " + indent, "dim"),
        (table.get(step.op, table["waiting"]).ljust(len(table["replace"])) + " ", step.op),
        (fit(name, column), step.op if step.op == "delete" else "bold"),
        ("  " + verb(step), step.op),
    ]
    if any(risk.blocking for risk in step.risks):
        spans.append((f"  {table['failed']} blocks", "failed"))
    elif any(risk.loses_data for risk in step.risks):
        spans.append((f"  {table['hazard']} data", "hazard"))
    elif any(risk.code not in (TAKEN, "delete-first") for risk in step.risks):
        spans.append((f"  {table['hazard']}", "hazard"))
    parent = parse_urn(step.parent)
    if not row.depth and step.parent and parent.type != ROOT_STACK_TYPE:
        spans.append((f"  in {parent.name}", "dim"))
    keys = step.replace_keys or step.keys
    if keys and step.op in ("update", "replace"):
        because = "because of " if step.replace_keys else ""
        spans.append((f"  {because}{', '.join(keys)}", "dim"))
    return _with_type(tuple(spans), step.type, cells)


def _with_type(left: Line, type_: str, cells: int) -> Line:
    text = "" if type_ == ROOT_STACK_TYPE else short_type(type_)
    room = cells - line_width(left) - 3
    if not text or width(text) > room:
        return left
    return (*left, (" " * (room - width(text) + 2), ""), (text, "dim"), (" ", ""))


def paths(rows: Sequence[StepRow], urn: str) -> int:
    """How wide the column of property paths of a resource is."""
    found = (width(short_path(row.change)) for row in rows if row.urn == urn and row.change is not None)
    return max(6, min(PATH, max(found, default=6)))


def short_path(change: Change) -> str:
    """A property path without the section that is the ordinary case."""
    return change.path.removeprefix("inputs.").removeprefix("outputs.") or change.path


def _change_line(change: Change, indent: str, column: int, cells: int, table: Mapping[str, str]) -> Line:
    path = short_path(change)
    left: list[Span] = [(indent, ""), (fit(path, column), "path"), ("  ", "")]
    room = max(8, cells - line_width(tuple(left)))
    if change.secret:
        word = change.kind if change.comparable else "not comparable"
        return (*left, (table["secret"] + " ", "secret"), (word, change.kind))
    old, new = shown_text(change.old), shown_text(change.new)
    match change.kind:
        case "added":
            return (*left, ("+ ", "added"), (cut(new, room - 2), "added"))
        case "removed":
            return (*left, ("- ", "removed"), (cut(old, room - 2), "removed"))
    if width(old) + width(new) + 3 > room:
        half = max(4, (room - 3) // 2)
        spare = max(0, half - min(width(old), width(new)))
        old = cut(old, half + spare if width(old) > width(new) else half)
        new = cut(new, half + spare if width(new) > width(old) else half)
    return (*left, (old, "removed"), (f" {table['arrow']} ", "dim"), (new, "added"))
