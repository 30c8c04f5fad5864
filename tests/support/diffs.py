"""What the tests of the diff share: random values with secrets and awkward names, and edits applied to a value."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeAlias

from hypothesis import strategies as st

from pulumi_rewind.diff.checkpoints import Diff, ResourceDiff, diff_checkpoints
from pulumi_rewind.diff.properties import JSON_TEXT, Edit, Segment
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import SECRET, SIG
from tests.support.checkpoints import checkpoint, res

Step: TypeAlias = tuple[tuple[Segment, ...], Edit]


def secret(value: object) -> dict[str, Any]:
    return {SIG: SECRET, "plaintext": json.dumps(value)}


def encrypted(text: str) -> dict[str, Any]:
    return {SIG: SECRET, "ciphertext": text}


def one(old: dict[str, Any], new: dict[str, Any]) -> ResourceDiff:
    found = diff_checkpoints(checkpoint(res("r", inputs=old)), checkpoint(res("r", inputs=new))).resources
    assert len(found) == 1
    return found[0]


def changes(old: dict[str, Any], new: dict[str, Any], **options: bool) -> list[tuple[str, str, Any, Any]]:
    return [(item.path, item.kind, item.old, item.new) for item in one(old, new).changes(**options)]


def by_name(old: Checkpoint, new: Checkpoint) -> dict[str, ResourceDiff]:
    return {item.name: item for item in diff_checkpoints(old, new).resources}


def paths(item: ResourceDiff, **options: bool) -> list[str]:
    return [change.path for change in item.changes(**options)]


def nothing(old: Checkpoint, new: Checkpoint) -> bool:
    return diff_checkpoints(old, new) == Diff(())


leaves = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False, allow_infinity=False, width=16)
texts = st.text('ab:/$é {}[]."\n\x1b', max_size=6)
names = texts | st.sampled_from(["a::b", "a/b", "{json}", "[0]", "é‮", "x.y", "__defaults", ""])
values = st.recursive(
    leaves | texts | texts.map(secret) | st.dictionaries(names, leaves, max_size=2).map(json.dumps),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(names, inner, max_size=4),
    max_leaves=15,
)


def apply(value: Any, found: Iterable[Step]) -> Any:
    """Edits applied to the old value: lists first lose, then gain, then are looked into."""
    steps = list(found)
    if not steps:
        return value
    if not steps[0][0]:
        assert len(steps) == 1, "a value is changed once"
        return steps[0][1].new
    if steps[0][0][0] is JSON_TEXT:
        assert all(path[0] is JSON_TEXT for path, _ in steps)
        return json.dumps(apply(json.loads(value), [(path[1:], edit) for path, edit in steps]))
    inside: defaultdict[Any, list[Step]] = defaultdict(list)
    gained: dict[Any, Any] = {}
    lost: list[Any] = []
    for path, edit in steps:
        if len(path) == 1 and edit.kind == "added":
            assert path[0] not in gained
            gained[path[0]] = edit.new
        elif len(path) == 1 and edit.kind == "removed":
            lost.append(path[0])
        else:
            inside[path[0]].append((path[1:], edit))
    made = value.copy()
    for key in sorted(lost, reverse=True):
        del made[key]
    for key in sorted(gained):
        if isinstance(made, list):
            made.insert(key, gained[key])
        else:
            made[key] = gained[key]
    for key, deeper in inside.items():
        made[key] = apply(made[key], deeper)
    return made


def flat(value: Any) -> Any:
    """A value for comparing: JSON text by what it holds, booleans apart from numbers."""
    if isinstance(value, bool):
        return ["bool", value]
    if isinstance(value, dict):
        return {key: flat(item) for key, item in value.items()}
    if isinstance(value, list):
        return [flat(item) for item in value]
    if isinstance(value, str):
        try:
            inside = json.loads(value)
        except ValueError:
            return value
        return ["json", flat(inside)] if isinstance(inside, dict | list) else value
    return value
