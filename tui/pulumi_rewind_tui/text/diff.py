"""What differs between two states: per resource, per property, old in red with ``-``, new in green with ``+``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from pulumi_rewind.state.stateful_types import is_stateful
from pulumi_rewind_tui.text.cells import Line, Span, inert
from pulumi_rewind_tui.text.spans import changes_line, op_span
from pulumi_rewind_tui.text.values import named, short_path, value_lines
from pulumi_rewind_tui.words.words import listed, new_ids, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change, Diff, ResourceDiff


AROUND = 2
"""Lines that are shown around a line of a text that differs."""

LONG, TOO_LONG = 16, 10_000
"""Lines of both sides of a text for which the lines that differ are looked for."""

_STYLES = {" ": "dim", "-": "removed", "+": "added"}


def heading(from_label: str, to_label: str, diff: Diff) -> Line:
    """``live (#9) → #7 (v1.2)   ±1 +1``."""
    unsure = sum(resource.uncertain for resource in diff.resources)
    counts = diff.counts()
    changes = changes_line(counts) if counts or not unsure else []
    if diff.new_objects and diff.same_content:
        changes = [Span("= same content", "ok")]
    return [
        Span("- ", "removed"),
        Span(from_label, "title"),
        " → ",
        Span("+ ", "added"),
        Span(to_label, "title"),
        "   ",
        *changes,
        Span(f"{' ' if counts else ''}?{unsure} not comparable" if unsure else "", "warn"),
    ]


def diff_lines(diff: Diff, *, secrets: bool = False, stateful: Callable[[str], bool] = is_stateful) -> Iterator[Line]:
    """All changed resources with all their changed properties, then what is folded away."""
    folded = 0
    for resource in diff.resources:
        if _follows(resource):
            folded += not resource.only_new_id
            continue
        yield []
        yield resource_line(resource)
        yield from change_lines(resource.changes(secrets=secrets), indent="    ")
    fresh = new_id_lines(diff, stateful)
    if fresh:
        yield []
        yield from fresh
    if folded and not (fresh and diff.same_content):
        yield []
        yield [Span(f"{folded} more changed only in generated ids, outputs or dependencies", "dim")]


def new_id_lines(diff: Diff, stateful: Callable[[str], bool] = is_stateful) -> list[Line]:
    """What is the same but another object, in one line, and which of these hold data; nothing if there is none."""
    fresh = diff.new_objects
    if not fresh:
        return []
    follow = sum(item.consequential and not item.only_new_id for item in diff.resources)
    text = new_ids(len(fresh), follow, same_content=diff.same_content)
    lines: list[Line] = [[Span(f"= {text}", "ok" if diff.same_content else "dim")]]
    holders = [item.name for item in fresh if stateful(item.type)]
    if holders:
        lines.append([Span(f"  ⚠ another object, its data may differ: {listed(holders)}", "warn")])
    return lines


def stat_rows(diff: Diff) -> Iterator[list[Line]]:
    """One row for each changed resource; what has only a new id is for `new_id_lines`, and what follows from it too."""
    for resource in diff.resources:
        if resource.only_new_id and not resource.uncertain:
            continue
        if resource.consequential and diff.same_content and diff.new_objects:
            continue
        changes = resource.changes()
        unknown = sum(not change.comparable for change in changes)
        what = ", ".join(dict.fromkeys(short_path(change.path) for change in changes if change.comparable))
        note = [Span(f"? {unknown} secret not comparable", "warn")] if unknown else []
        yield [
            [_op(resource)],
            [Span(resource_name(resource.urn), "bold")],
            [Span(resource.type, "dim")],
            [Span("consequential", "dim")] if _follows(resource) else note,
            [what] if resource.op in {"update", "replace", "return", "rename", "same"} else [],
        ]


def resource_line(resource: ResourceDiff) -> Line:
    """``± replace  orders-db  aws:rds/instance:Instance``."""
    line: list[Span | str] = [
        _op(resource),
        "  ",
        Span(resource_name(resource.urn), "bold"),
        "  ",
        Span(resource.type, "dim"),
    ]
    if resource.renamed and resource.old_urn is not None:
        before = resource_name(resource.old_urn)
        line.append(Span(f"  renamed from {before if before != resource.name else resource.old_urn}", "update"))
    if resource.stale:
        line.append(Span("  still refers to the replaced object", "warn"))
    if any(side is not None and side.protect for side in (resource.old, resource.new)):
        line.append(Span("  [P] protected", "warn"))
    return line


def _follows(resource: ResourceDiff) -> bool:
    """Whether a resource may be folded away; a secret that can't be compared may have its own change."""
    return resource.consequential and not resource.uncertain


def _op(resource: ResourceDiff) -> Span:
    """Encrypted secrets that can't be compared are no change that is known of."""
    return Span("? not comparable", "warn") if resource.uncertain else op_span(resource.op)


def change_lines(changes: Iterable[Change], *, indent: str) -> Iterator[Line]:
    """The changed properties of one resource."""
    for change in map(named, changes):
        path = short_path(change.path)
        if not change.comparable:
            yield [indent, Span("? ", "warn"), Span(path, "bold"), Span("  [secret] not comparable", "warn")]
        elif change.secret and change.kind == "changed" and change.old == change.new:
            yield [indent, Span("● ", "warn"), Span(path, "bold"), Span("  [secret] changed", "warn")]
        elif change.kind == "changed" and (lines := _text_lines(change.old, change.new)):
            yield [indent, Span(f"~ {path}{' ●' if change.secret else ''}: |", "update")]
            for sign, line in lines:
                yield [indent, Span(f"{sign}   {inert(line)}", _STYLES[sign])]
        else:
            mark = " ●" if change.secret else ""
            if change.kind != "added":
                yield from _side(indent, "-", "removed", path + mark, change.old)
            if change.kind != "removed":
                yield from _side(indent, "+", "added", path + mark, change.new)


def _text_lines(old: object, new: object) -> list[tuple[str, str]]:
    """The lines in which two long texts differ, each with its sign and those around it; empty if they aren't such."""
    if not (isinstance(old, str) and isinstance(new, str)):
        return []
    before, after = old.splitlines(), new.splitlines()
    if min(len(before), len(after)) < 2 or not LONG < len(before) + len(after) < TOO_LONG:
        return []
    import difflib

    lines: list[tuple[str, str]] = []
    for group in difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(AROUND):
        if group[0][1]:
            lines.append((" ", "…"))
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                lines.extend((" ", line) for line in before[old_from:old_to])
                continue
            lines.extend(("-", line) for line in before[old_from:old_to])
            lines.extend(("+", line) for line in after[new_from:new_to])
    return lines


def _side(indent: str, symbol: str, style: str, path: str, value: object) -> Iterator[Line]:
    first, *rest = value_lines(value)
    yield [indent, Span(f"{symbol} {path}: {first}", style)]
    for line in rest:
        yield [indent, Span(f"{symbol}   {line}", style)]
