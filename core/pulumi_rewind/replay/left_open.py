"""Inputs with one value left open, for an object that its provider can't try in a preview. Pure.

Some providers create an object for a trial in a preview (a dry run of pulumi-kubernetes 4.25), unless one of its inputs
is unknown. Where the object takes the name of one that the run deletes first, the trial meets that one, and fails for
what can't be changed in place: https://github.com/pulumi/pulumi-kubernetes/issues/3984.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec.structs import replace

from pulumi_rewind.engine.events import EngineEvent, ResourceDone, ResourcePre
from pulumi_rewind.state.property_path import PropertyPath, parse_path
from pulumi_rewind.state.values import SIG, UNKNOWN, Json

_DEEP: Final = 3
"""Further above are the kind, the name and the place of an object."""


def left_open(inputs: Mapping[str, Json], today: Mapping[str, Json]) -> tuple[dict[str, Json], PropertyPath]:
    """The inputs with one text unknown that is the same `today`, so no reason for anything, and its path.

    Where there is no such text, the inputs as they are, and an empty path.
    """
    same = set(_texts(dict(today)))
    paths = [path for path, text in _texts(dict(inputs)) if len(path) >= _DEEP and (path, text) in same]
    if not paths:
        return dict(inputs), ()
    path = max(paths, key=len)
    return _with_unknown(dict(inputs), path), path


def without_open(event: EngineEvent, opened: Mapping[str, PropertyPath]) -> EngineEvent:
    """An event of a preview without what differs only because it was left open; `opened` has the paths by URN."""
    if not isinstance(event, ResourcePre | ResourceDone) or not (path := opened.get(event.step.urn)):
        return event
    kept = {text: how for text, how in (event.step.detailed_diff or {}).items() if parse_path(text) != path}
    return replace(event, step=replace(event.step, detailed_diff=kept))


def _texts(value: Json, path: PropertyPath = ()) -> Iterator[tuple[PropertyPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _texts(inner, (*path, index))
    elif isinstance(value, dict) and SIG not in value:
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))


def _with_unknown(value: Any, path: PropertyPath) -> Any:
    if not path:
        return UNKNOWN
    changed: Any = list(value) if isinstance(value, list) else dict(value)
    changed[path[0]] = _with_unknown(value[path[0]], path[1:])
    return changed
