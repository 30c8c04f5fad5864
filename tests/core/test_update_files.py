"""Which files the updates of a history have: names that are sorted out together, and one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from pulumi_rewind.backends.storage import Item
from pulumi_rewind.backends.update_files import sorted_items, sorted_names

STAMPS = some.one_of(
    some.integers(10**18, 10**19 - 1).map(str),
    some.sampled_from(
        ["", "7", "07", "007", "12", "x", "\N{ARABIC-INDIC DIGIT SEVEN}", "1_0", "1764022320000000017.2"]
    ),
)
ENDS = some.sampled_from(
    [".history.json", ".checkpoint.json", ".history.json.gz", ".checkpoint.json.zst", ".json", ".history.json.bak"]
)


def told(start: str, names: list[str]) -> None:
    stamps, *files = sorted_names(start, names)
    numbers, *wanted = sorted_items(start, map(Item, names))
    assert [int(stamp) for stamp in stamps] == numbers
    for found, there in zip(files, wanted, strict=True):
        assert dict(found) == dict(there)
        assert all(found.get(number) == there.get(number) for number in [*numbers, 7])


@given(some.sampled_from(["dev-", "history-", "a.history.json-"]), some.sets(some.tuples(STAMPS, ENDS), max_size=12))
def test_both_ways_say_the_same(start: str, parts: set[tuple[str, str]]) -> None:
    told(start, [f"{start}{stamp}{end}" for stamp, end in parts])


@given(some.sets(some.integers(10**18, 10**19 - 1)), some.sets(some.integers(10**18, 10**19 - 1)))
def test_usual_names_are_sorted_out_together(records: set[int], checkpoints: set[int]) -> None:
    both = ((records, "history"), (checkpoints | records, "checkpoint"))
    told("dev-", [f"dev-{stamp}.{kind}.json" for stamps, kind in both for stamp in stamps])
