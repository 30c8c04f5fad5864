"""Which files the updates of a DIY history have, sorted out by their names. Pure.

A history of 10,000 updates has 40,000 names, and looking at each by itself takes longer than all else that `history`
does. So names as the CLI nearly always writes them are sorted out together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from pulumi_rewind.backends.storage import Item

Files: TypeAlias = Mapping[int, Item | list[Item]]
"""By nanosecond; a list only where one file has several variants."""

RECORD: Final = ".history.json"
CHECKPOINT: Final = ".checkpoint.json"


def sorted_items(start: str, items: Iterable[Item]) -> tuple[list[int], Files, Files]:
    """The nanoseconds of the updates in order, their records and their checkpoints; names begin with `start`."""
    at = len(start)
    records: dict[int, Item | list[Item]] = {}
    checkpoints: dict[int, Item | list[Item]] = {}
    files = {f"{end[1:]}{packed}": found for packed in ("", ".gz", ".zst")
             for end, found in ((RECORD, records), (CHECKPOINT, checkpoints))}  # fmt: skip
    for item in items:
        stamp, _, rest = item.name[at:].partition(".")
        found = files.get(rest)
        if found is not None and stamp.isdecimal():
            _add(found, int(stamp), item)
    return sorted(records), records, checkpoints


def sorted_names(start: str, names: Sequence[str]) -> tuple[Sequence[int | str], Files, Files]:
    """The same of names alone; the nanoseconds may be text."""
    first, record, checkpoint = len(start), -len(RECORD), -len(CHECKPOINT)
    records = {name[first:record] for name in names if name[record:] == RECORD}
    checkpoints = {name[first:checkpoint] for name in names if name[checkpoint:] == CHECKPOINT}
    usual = _are_usual(records) and (checkpoints == records or _are_usual(checkpoints))
    if not usual or len(records) + len(checkpoints) < len(names):
        return sorted_items(start, map(Item, names))
    return sorted(records), _Usual(start, records, RECORD), _Usual(start, checkpoints, CHECKPOINT)


def _are_usual(stamps: set[str]) -> bool:
    """Whether these are numbers of one length, each in its one form: then their texts are in the order of numbers."""
    digits = "".join(stamps)
    return not stamps or (
        digits.isascii()
        and digits.encode().isdigit()
        and len(set(map(len, stamps))) == 1
        and not min(stamps).startswith("0")
    )


class _Usual(Mapping[int, Item]):
    """Files whose names differ by the nanosecond alone."""

    def __init__(self, start: str, stamps: set[str], end: str) -> None:
        self._start = start
        self._stamps = stamps
        self._end = end

    def __getitem__(self, stamp: int) -> Item:
        text = str(stamp)
        if text not in self._stamps:
            raise KeyError(stamp)
        return Item(f"{self._start}{text}{self._end}")

    def __iter__(self) -> Iterator[int]:
        return map(int, self._stamps)

    def __len__(self) -> int:
        return len(self._stamps)


def _add(files: dict[int, Item | list[Item]], stamp: int, item: Item) -> None:
    there = files.get(stamp)
    if there is None:
        files[stamp] = item
    elif isinstance(there, Item):
        files[stamp] = [there, item]
    else:
        there.append(item)
