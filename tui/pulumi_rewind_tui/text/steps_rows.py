"""The steps of a plan as rows: an ordered tree, with properties unfolded below a step. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pulumi_rewind.plan.model import OLD_COPY
from pulumi_rewind.risk import DELETE_FIRST, HELD, TAKEN_ALONG
from pulumi_rewind.state.model import ROOT_STACK_TYPE, parse_urn
from pulumi_rewind_tui.text.cells import Line, Piece, cut, fit, line_width, width, wrap_words
from pulumi_rewind_tui.text.selection import OTHER_WAYS, leaves_nothing, left_out, selects
from pulumi_rewind_tui.text.steps import if_needed, renewed, tree
from pulumi_rewind_tui.text.values import change_values, named, short_path, with_type
from pulumi_rewind_tui.words.words import resource_name

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change, ResourceDiff
    from pulumi_rewind.plan.model import Plan, Step

Kind: TypeAlias = Literal["step", "out", "change", "note", "state", "heading"]

NAME = 28
"""Widest column of names."""

PATH = 28
"""Widest column of property paths."""

VALUES = 32
"""Cells that a path leaves to the values behind it."""

UNFOLDED = 60
"""Width of the reason of what stays, when it is unfolded."""

BOXES = {(True, True): "[x] ", (False, True): "[ ] ", (True, False): "    ", (False, False): " -  "}
"""By whether it goes back, and whether that can be chosen: what stays for another's sake has no box of its own."""


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
    box: bool = False
    """Whether it can be left out or selected: such rows have a box."""
    diff: ResourceDiff | None = None
    """Of a step: what changes."""
    anew: frozenset[str] = frozenset()
    """Of a step: all resources of the plan that get a new id."""

    @property
    def if_needed(self) -> bool:
        """Whether only the run can tell if there is anything to do."""
        return self.step is not None and if_needed(self.step, self.diff, self.anew)


def build_rows(plan: Plan, opened: set[str]) -> list[StepRow]:
    """The rows: steps as a tree in the engine's order, what changes in the state alone, what stays as it is."""
    diffs = {item.urn: item for item in plan.diff.resources}
    steps = {step.urn: step for step in plan.steps}
    numbers = {urn: number for number, urn in enumerate(steps, 1)}
    chosen = selects(plan.strategy)
    rows: list[StepRow] = []
    anew = renewed(plan.steps)
    for step, place in tree(plan.steps):
        box = chosen and step.type != ROOT_STACK_TYPE and step.op != OLD_COPY
        rows.append(StepRow("step", step.urn, len(place) - 1, numbers[step.urn], step, box=box,
                            diff=diffs.get(step.urn), anew=anew))  # fmt: skip
        rows.extend(_below(step, diffs.get(step.urn), len(place), opened))
    if plan.state_only:
        rows.append(StepRow("heading", text="Only in the state (no resource changes)"))
        rows.extend(_state_rows(plan, diffs))
    left = [note for urn, note in left_out(plan).items() if urn not in steps]
    if left:
        rows.append(StepRow("heading", text="Stays as it is"))
        for note in left:
            reason = note.briefly or note.message  # its empty box says already that the operator took it out
            rows.append(StepRow("out", note.urn, text=reason, box=not note.because))
            pieces = wrap_words(reason, UNFOLDED) if note.urn in opened else ()
            rows.extend(StepRow("note", note.urn, 1, text=piece) for piece in pieces)
    if leaves_nothing(plan):
        rows.append(StepRow("heading", text="Keeping the data leaves nothing to roll back"))
        rows.extend(StepRow("note", text=piece) for piece in wrap_words(OTHER_WAYS, UNFOLDED))
    return rows


def _state_rows(plan: Plan, diffs: Mapping[str, ResourceDiff]) -> list[StepRow]:
    """Resources of which only the state changes, each with its changes, or what is said where there are none."""
    rows: list[StepRow] = []
    for urn in dict.fromkeys(one.urn for one in plan.state_only):
        if urn:  # else it is about the state as a whole
            rows.append(StepRow("state", urn))
        changes = diffs[urn].changes(outputs=True) if urn in diffs else ()
        rows.extend(_each_once(urn, changes))
        if not changes:
            mine = (one for one in plan.state_only if one.urn == urn)
            rows.extend(
                StepRow("note", urn, text=f"{one.path}: {one.message}" if one.path else one.message) for one in mine
            )
    return rows


def _each_once(urn: str, changes: Sequence[Change]) -> Iterator[StepRow]:
    """A row for each property: an output that only repeats what changes in an input has none."""
    inputs = {short_path(change.path, custom=False): change for change in changes if change.section == "inputs"}
    for change in changes:
        same = inputs.get(short_path(change.path, custom=False)) if change.section == "outputs" else None
        if same is None:
            yield StepRow("change", urn, change=change)
        elif (same.kind, same.old, same.new, same.secret) != (change.kind, change.old, change.new, change.secret):
            yield StepRow("change", urn, change=change, text=change.path)


def _below(step: Step, diff: ResourceDiff | None, depth: int, opened: set[str]) -> list[StepRow]:
    rows = [StepRow("note", step.urn, depth, text=risk.message) for risk in step.risks if risk.code == TAKEN_ALONG]
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
    """What happens to the resource, in words."""
    match step.op:
        case "replace":
            old = ", old one held" if step.holds else ", new id"
            return "replace, delete first" if step.delete_first else f"replace{old}"
        case "delete":
            return "DELETE"
        case "create":
            return "create, new id" if step.forecast == "recreated" else "create"
        case "import":
            return "adopt"
        case "rename":
            return f"renamed from {resource_name(step.renamed_from)}"
        case "hold":
            return "hold, stays alive"
        case "discard":
            return "forget, object stays"
        case "return":
            return "return, same id"
        case _ if step.op == OLD_COPY:
            return "hold old copy" if step.held_ids.issuperset(step.old_copies) else "delete old copy"
        case _:
            return step.op


def row_line(
    row: StepRow, rows: Sequence[StepRow], cells: int, table: Mapping[str, str], *, typed: bool = True
) -> Line:
    """One row as spans; without types where these stand elsewhere."""
    indent = "  " * row.depth
    match row.kind:
        case "step":
            line = _step_line(row, rows, table, reason=True)
            if not typed and line_width(line) > cells:
                line = _step_line(row, rows, table, reason=False)
            return with_type(line, row.step.type, cells, gap=2) if typed and row.step is not None else line
        case "out":
            return _out_line(row, cells)
        case "change":
            return change_line(row, " " * 8 + indent, paths(rows, row.urn), cells, table)
        case "state":
            name = resource_name(row.urn) if row.urn else "the state itself"
            return (("     ", ""), (table["update"] + " ", "update"), (name, "bold"))
        case "heading":
            return ((f" {row.text}", "title"),)
        case _:
            return ((" " * 8 + indent, ""), (row.text, "dim"))


def _step_line(row: StepRow, rows: Sequence[StepRow], table: Mapping[str, str], *, reason: bool) -> Line:
    step = row.step
    assert step is not None
    indent = "  " * row.depth
    name = resource_name(step.urn)
    column = max(8, min(NAME, max((width(resource_name(one.urn)) for one in rows[:300] if one.step), default=8)))
    column = max(width(name), column - 2 * row.depth)
    held = bool(step.old_copies) and step.held_ids.issuperset(step.old_copies)
    role = ("hold" if held else "delete") if step.op == OLD_COPY else step.op
    spans: list[Piece] = [
        (BOXES[True, row.box], ""),
        (f"{row.number:>2} " + indent, "dim"),
        (table.get(role, table["waiting"]).ljust(len(table["replace"])) + " ", role),
        (fit(name, column), role if step.op == "delete" else "bold"),
        ("  " + verb(step) + (" if needed" if row.if_needed else ""), role),
    ]
    if any(risk.blocking for risk in step.risks):
        spans.append((f"  {table['failed']} blocks", "failed"))
    elif any(risk.loses_data for risk in step.risks):
        spans.append((f"  {table['hazard']} data", "hazard"))
    elif any(risk.code not in (TAKEN_ALONG, DELETE_FIRST, HELD) for risk in step.risks):
        spans.append((f"  {table['hazard']}", "hazard"))
    parent = parse_urn(step.parent)
    if not row.depth and step.parent and parent.type != ROOT_STACK_TYPE:
        spans.append((f"  in {parent.name}", "dim"))
    keys = step.replace_keys or step.keys
    if reason and keys and step.op in ("update", "replace"):
        because = "because of " if step.replace_keys else ""
        spans.append((f"  {because}{', '.join(keys)}", "dim"))
    if step.old_copies:
        about = "" if step.op == OLD_COPY else "holds old copy " if held else "and old copy "
        spans.append((f"  {about}{', '.join(step.old_copies)}", "hold" if held else "delete"))
    return tuple(spans)


def _out_line(row: StepRow, cells: int) -> Line:
    """What stays, with the reason."""
    name = resource_name(row.urn)
    box, bold = ("hazard", "bold") if row.box else ("dim", "")
    left: Line = ((BOXES[False, row.box], box), (name, bold), ("  ", ""))
    return (*left, (cut(row.text, max(8, cells - line_width(left))), "dim"))


def paths(rows: Sequence[StepRow], urn: str) -> int:
    """How wide the column of property paths of a resource is."""
    found = (width(_path(row, row.change)) for row in rows if row.urn == urn and row.change is not None)
    return max(6, min(PATH, max(found, default=6)))


def _path(row: StepRow, change: Change) -> str:
    return row.text or short_path(change.path, custom=False)


def change_line(row: StepRow, indent: str, column: int, cells: int, table: Mapping[str, str]) -> Line:
    """One changed property of a step."""
    assert row.change is not None
    change = named(row.change)
    path, column = _path(row, change), min(column, max(10, cells // 3))
    most = max(column, cells - width(indent) - VALUES)  # a longer path takes what the values can spare
    left: list[Piece] = [(indent, ""), (fit(path, min(most, max(column, width(path)))), "path"), ("  ", "")]
    room = max(8, cells - line_width(tuple(left)))
    if change.secret:
        word = change.kind if change.comparable else "not comparable"
        return (*left, (table["secret"] + " ", "secret"), (word, change.kind))
    return (*left, *change_values(change, room, table))
