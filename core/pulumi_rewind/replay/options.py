"""The options of a registration as its request carries them. Pure but for the protobuf message that is filled."""

from __future__ import annotations

import functools
from typing import Any

from pulumi_rewind.goal.model import Registration
from pulumi_rewind.replay import wire
from pulumi_rewind.state.model import CustomTimeouts
from pulumi_rewind.state.values import Json, decoded


def fill_options(request: Any, item: Registration, root: str) -> None:
    """Writes the options of a registration into its request; `root` is the project's directory."""
    source = item.source
    if item.delete_first:
        request.deleteBeforeReplace = request.deleteBeforeReplaceDefined = True
    if source.custom_timeouts is not None:
        _fill_timeouts(request.customTimeouts, source.custom_timeouts)
    trigger = item_trigger(item)
    if trigger is not None:
        wire.fill_value(request.replacement_trigger, trigger)
    for event, names in (source.resource_hooks or {}).items():
        attribute = _HOOK_FIELDS.get(event)
        if attribute:
            getattr(request.hooks, attribute).extend(names or ())
    position = parse_position(source.source_position, root)
    if position is not None:
        request.sourcePosition.uri, request.sourcePosition.line, request.sourcePosition.column = position
    frames = decoded(source.stack_trace, "a stack trace")
    request.stackTrace.frames.extend(
        _frame(str(frame.get("sourcePosition") or ""), root)
        for frame in (frames if isinstance(frames, list) else ())
        if isinstance(frame, dict)
    )


@functools.lru_cache(maxsize=4096)
def _frame(position: str, root: str) -> Any:
    """One frame of a stack trace; most resources have most of theirs in common."""
    from pulumi.runtime.proto import source_pb2

    frame = source_pb2.StackFrame()
    place = parse_position(position, root)
    if place is not None:
        frame.pc.uri, frame.pc.line, frame.pc.column = place
    return frame


def item_trigger(item: Registration) -> Json:
    """The recorded replacement trigger, None where there is none.

    Of a secret one the engine keeps (and compares) that it is a secret and no more; it is sent as such.
    """
    value = decoded(item.source.replacement_trigger, "a replacement trigger")
    return None if value is None else wire.to_wire(value)


_HOOK_FIELDS = {
    "BeforeCreate": "before_create",
    "AfterCreate": "after_create",
    "BeforeUpdate": "before_update",
    "AfterUpdate": "after_update",
    "BeforeDelete": "before_delete",
    "AfterDelete": "after_delete",
    "OnError": "on_error",
}


def _fill_timeouts(slot: Any, timeouts: CustomTimeouts) -> None:
    for name in ("create", "update", "delete", "read"):
        seconds = getattr(timeouts, name)
        if seconds:
            setattr(slot, name, f"{seconds:g}s")


def parse_position(text: str, root: str) -> tuple[str, int, int] | None:
    """``project:///a.py#8,3`` as (file URI, line, column) for a registration."""
    if not text.startswith("project:///"):
        return None
    path, _, place = text.removeprefix("project:///").partition("#")
    line, _, column = place.partition(",")
    return f"file://{root}/{path}", int(line) if line.isdigit() else 0, int(column) if column.isdigit() else 0
