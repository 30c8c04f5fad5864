"""The rows of a diff: a tree of resources with their changed properties, folded or open. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import msgspec

from pulumi_rewind.state.model import ROOT_STACK_TYPE, parse_urn
from pulumi_rewind_tui.text.comparison import Comparison, Heading, ResourceKey
from pulumi_rewind_tui.text.side_by_side import paired_lines
from pulumi_rewind_tui.text.values import shown_lines
from pulumi_rewind_tui.words.words import new_ids

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change

OUTPUTS: Final = "only outputs differ (o shows them)"
STALE: Final = "it refers to an object that has been replaced"
"""Why a resource changes whose properties are the same on both sides."""

READING: Final = "reading…"
"""What stands in an open resource until its properties are read."""

Kind: TypeAlias = Literal["group", "resource", "change", "more", "secret", "fold", "same", "note"]


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row of the diff pane; a struct, because there may be 100,000."""

    kind: Kind
    depth: int = 0
    index: int = -1
    """Position of the resource in the diff."""
    change: Change | None = None
    text: str = ""
    urn: str = ""
    part: int = 0
    """For rows of kind `more`: which line of a long value; of kind `fold`: 1 where new ids are folded."""
    beside: str | None = None
    """For rows of kind `more` with the sides side by side: the new one's line; `text` is the sign and the old one's."""


class Shown(msgspec.Struct):
    """What the operator chose to see."""

    outputs: bool = False
    """Outputs, and what the engine and providers made by themselves."""
    unchanged: bool = False
    consequential: bool = False
    chosen: dict[ResourceKey, bool] = msgspec.field(default_factory=dict)
    """Resources that were opened or folded by hand."""
    all_open: bool = False
    long: set[tuple[ResourceKey, str]] = msgspec.field(default_factory=set)
    """Long values that are unfolded, by resource and path."""
    words: str = ""
    """Filter, lower case."""
    side_by_side: bool = False
    """Whether what was and what is stand beside each other."""


def is_open(comparison: Comparison, index: int, shown: Shown) -> bool:
    """Whether the properties of a resource are shown."""
    res = comparison.resources[index]
    ahead = index < comparison.ahead and res.op not in ("create", "delete") and not res.uncertain
    return shown.chosen.get(res.key, shown.all_open or ahead)


def with_outputs(comparison: Comparison, index: int, shown: Shown) -> bool:
    """Whether outputs belong to the properties of a resource that are shown."""
    return shown.outputs or comparison.resources[index].consequential


def unread(comparison: Comparison, index: int, shown: Shown) -> bool:
    """Whether a resource is open and its properties are still to be read."""
    at_hand = comparison.known(index, outputs=with_outputs(comparison, index, shown))
    return not at_hand and is_open(comparison, index, shown)


class _Node(msgspec.Struct):
    urn: str
    index: int = -1
    children: dict[str, _Node] = msgspec.field(default_factory=dict)


def complete(comparison: Comparison, shown: Shown) -> bool:
    """Whether all that the rows need has been read; else `build_rows` reads it, which may take seconds."""
    if shown.unchanged and comparison.same is None:
        return False
    return not any(unread(comparison, index, shown) for index in range(len(comparison.resources)))


def build_rows(comparison: Comparison, shown: Shown) -> list[Row]:
    """All rows, in the order of the tree."""
    resources = comparison.resources
    root = _Node("")
    chains: dict[str, tuple[str, ...]] = {}
    folded: list[int] = []
    # What happens to resources comes before what the stack says of itself.
    for index, res in sorted(enumerate(resources), key=lambda item: item[1].type == ROOT_STACK_TYPE):
        if shown.words and not matches(comparison, index, shown.words):
            continue
        if res.consequential and not shown.consequential and not shown.words:
            folded.append(index)
            continue
        parent = comparison.parents.get(res.urn, "")
        if parent not in chains:
            chains[parent] = tuple(_chain(parent, comparison))
        _place(root, chains[parent], res.urn, index)
    rows: list[Row] = []
    for node in root.children.values():
        _emit(node, 0, comparison, shown, rows)
    if folded:
        rows.extend(_folded([resources[index] for index in folded], comparison))
    elif shown.consequential and any(res.consequential for res in resources) and not shown.words:
        rows.append(Row("fold", text="fold consequential changes"))
    if shown.unchanged:
        rows.extend(
            Row("same", urn=urn, text=type_) for urn, type_ in comparison.unchanged() if shown.words in urn.lower()
        )
    return rows


def _folded(folded: list[Heading], comparison: Comparison) -> Iterator[Row]:
    """What stands in place of the rows that are folded away."""
    fresh = [res for res in folded if res.only_new_id]
    rest = len(folded) - len(fresh)
    if fresh:
        text = new_ids(len(fresh), rest, same_content=comparison.same_content)
        yield Row("fold", text=f"= {text}" if comparison.same_content else text, part=1)
    if rest and not (fresh and comparison.same_content):
        yield Row("fold", text=f"{rest} consequential (ids, outputs and dependencies that follow)")


def matches(comparison: Comparison, index: int, words: str) -> bool:
    """Whether a resource, or one of its known changes, contains the words."""
    res = comparison.resources[index]
    if words in res.urn.lower() or words in f"{res.op} {res.name}".lower():
        return True
    return comparison.known(index) and any(words in change.path.lower() for change in comparison.changes(index))


def _chain(urn: str, comparison: Comparison) -> Iterator[str]:
    """A resource and what it lies in, from the inside out, without the stack."""
    seen: set[str] = set()
    while urn and urn not in seen and parse_urn(urn).type != ROOT_STACK_TYPE:
        yield urn
        seen.add(urn)
        urn = comparison.parents.get(urn, "")


def _place(root: _Node, chain: tuple[str, ...], urn: str, index: int) -> None:
    chain = chain[: chain.index(urn)] if urn in chain else chain  # a damaged state may say that it lies in itself
    node = root
    for ancestor in reversed(chain):
        node = node.children.setdefault(ancestor, _Node(ancestor))
    existing = node.children.get(urn)
    if existing is not None and existing.index < 0:
        existing.index = index
    else:
        # The old and the new copy of a replaced resource may share a URN: both are shown.
        node.children[urn if existing is None else f"{urn}\0{index}"] = _Node(urn, index)


def _emit(node: _Node, depth: int, comparison: Comparison, shown: Shown, rows: list[Row]) -> None:
    if node.index < 0:
        rows.append(Row("group", depth, urn=node.urn))
    else:
        rows.append(Row("resource", depth, node.index, urn=node.urn))
        rows.extend(_inside(node.index, depth + 1, comparison, shown))
    for child in node.children.values():
        _emit(child, depth + 1, comparison, shown, rows)


class _Drawn(msgspec.Struct, frozen=True):
    stamp: tuple[object, ...]
    rows: tuple[Row, ...]


def kept_rows(comparison: Comparison, shown: Shown) -> Sequence[Row] | None:
    """The rows as `rows_of` made them, if it has and nothing has changed since."""
    drawn = comparison.drawn
    return drawn.rows if isinstance(drawn, _Drawn) and drawn.stamp == _stamp(comparison, shown) else None


def rows_of(comparison: Comparison, shown: Shown) -> Sequence[Row]:
    """All rows, kept with the comparison: the cursor of the timeline comes back, and 50,000 rows take a while."""
    rows = kept_rows(comparison, shown)
    if rows is None:
        rows = build_rows(comparison, shown)
        stamp = _stamp(comparison, shown)
        comparison.drawn = _Drawn(stamp, tuple(rows)) if stamp is not None else None
    return rows


def _stamp(comparison: Comparison, shown: Shown) -> tuple[object, ...] | None:
    """Equal where the rows are; None where they are made for a moment: folded by hand, or filtered."""
    if shown.words or shown.chosen or shown.long:
        return None
    choices = (shown.outputs, shown.unchanged, shown.consequential, shown.all_open, shown.side_by_side)
    return (*choices, len(comparison.seen))


def end_of(rows: Sequence[Row], at: int) -> int:
    """Behind the last row inside the resource whose own row is at `at`."""
    end = at + 1
    while end < len(rows) and rows[end].index == rows[at].index and rows[end].kind != "resource":
        end += 1
    return end


def refold(rows: list[Row], at: int, comparison: Comparison, shown: Shown) -> None:
    """Makes the rows inside a resource anew, whose own row is at `at`; all others stay, and there may be 100,000.

    Reads nothing: what is `unread` has a row that says so.
    """
    index, end, depth = rows[at].index, end_of(rows, at), rows[at].depth + 1
    waits = unread(comparison, index, shown)
    reading = [Row("note", depth, index, text=READING)]
    rows[at + 1 : end] = reading if waits else _inside(index, depth, comparison, shown)


def _inside(index: int, depth: int, comparison: Comparison, shown: Shown) -> list[Row]:
    """The properties of a resource, if it is open."""
    return _changes(index, depth, comparison, shown) if is_open(comparison, index, shown) else []


def _changes(index: int, depth: int, comparison: Comparison, shown: Shown) -> list[Row]:
    rows: list[Row] = []
    outputs = with_outputs(comparison, index, shown)
    for change in comparison.changes(index, outputs=outputs):
        rows.append(Row("change", depth, index, change, urn=change.path))
        if (comparison.resources[index].key, change.path) in shown.long:
            rows.extend(
                Row("more", depth + 1, index, change, text=text, part=part, beside=beside)
                for part, (text, beside) in enumerate(_unfolded(change, shown))
            )
    rows.extend(
        Row("secret", depth, index, text=key, urn=f"inputs.{key}")
        for key in comparison.details(index, outputs=outputs).same_secrets
    )
    if not rows:
        rows.append(Row("note", depth, index, text=STALE if comparison.resources[index].stale else OUTPUTS))
    return rows


def _unfolded(change: Change, shown: Shown) -> Iterator[tuple[str, str | None]]:
    """The lines of a long value, and where both sides stand side by side, what stands beside them."""
    if shown.side_by_side:
        yield from ((sign + old, new) for sign, old, new in paired_lines(change))
    else:
        yield from ((sign + text, None) for sign, text in long_lines(change))


def long_lines(change: Change) -> list[tuple[str, str]]:
    """A long value, both sides, line by line: a sign (``-``, ``+`` or blank) and the line."""
    import difflib

    old = shown_lines(change.old) if change.kind != "added" else []
    new = shown_lines(change.new) if change.kind != "removed" else []
    lines: list[tuple[str, str]] = []
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for tag, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if tag == "equal":
            lines.extend((" ", line) for line in old[old_from:old_to])
            continue
        lines.extend(("-", line) for line in old[old_from:old_to])
        lines.extend(("+", line) for line in new[new_from:new_to])
    return lines
