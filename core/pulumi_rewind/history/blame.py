"""Which update set each property of a resource last. Pure over a timeline, lazy from the newest update backwards."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from pulumi_rewind.errors import BackendError, CheckpointError, UsageError
from pulumi_rewind.history.origins import origin
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.history.trail import Trail
from pulumi_rewind.state.entries import Entry, find_entry
from pulumi_rewind.state.identity import is_constant_id, may_be_one
from pulumi_rewind.state.model import Checkpoint, Resource, Update
from pulumi_rewind.state.naming import Names
from pulumi_rewind.state.values import DEFAULTS, Json, contains_secret, each, is_secret, kind_of, mask, walk

MISSING: Any = object()

OPTIONS = (
    "protect", "retain_on_delete", "parent", "provider_urn", "dependencies", "deleted_with", "ignore_changes",
    "replace_on_changes", "additional_secret_outputs", "custom_timeouts",
)  # fmt: skip
"""Resource options that someone decided on, by the name of the field."""

_STORED_AS = {field.name: field.encode_name for field in msgspec.structs.fields(Resource)}


@dataclass(frozen=True)
class Blamed:
    """One property of a resource as it is now, and where it came from."""

    path: str
    """``inputs.tags.Name``, ``options.protect`` or ``id``."""
    value: Json
    """As it is now, secrets masked."""
    secret: bool
    update: Update | None
    """The update that set it last; None: it was changed outside updates."""
    certain: bool = True
    """False if a checkpoint in between can't be read, is gone, or holds a secret that can't be compared."""
    source: Update | None = None
    """The update whose commit has the value: where a rollback set it, what that went back to; else `update`."""


def find_resource(checkpoint: Checkpoint, text: str) -> Resource:
    """A resource by what `naming` takes: its URN, its name, ``type::name`` or a pattern; or by the end of its URN.

    Raises:
        UsageError: there is none, or several; the hint lists them.
    """
    resources = list(checkpoint.by_urn.values())
    names = Names(resources)
    found = names.meant(text) or {res.urn for res in resources if res.urn.endswith(text)}
    if len(found) == 1:
        return checkpoint.by_urn[next(iter(found))]
    if not found:
        near = [res for res in resources if text.lower() in res.urn.lower()] or resources
        there = ", ".join(sorted({res.name for res in near if not res.is_stack})[:12]) or "none"
        raise UsageError(f"there is no resource {text!r} in the live state", hint=f"Resources: {there}")
    listed = ", ".join(sorted(map(names.spoken, found))[:12])
    raise UsageError(f"{text!r} fits {len(found)} resources", hint=f"Name one of them: {listed}")


def properties(resource: Resource) -> dict[str, Json]:
    """The leaves of a resource by path: id, inputs and options; what providers filled in counts, outputs don't."""
    leaves: dict[str, Json] = {}
    if resource.id:
        leaves["id"] = resource.id
    for key, value in resource.decoded_inputs().items():
        if key != DEFAULTS:
            _flatten(_step("inputs", key), value, leaves)
    for option in OPTIONS:
        value = msgspec.to_builtins(getattr(resource, option))
        if value:
            name = "provider" if option == "provider_urn" else _STORED_AS[option]
            leaves[f"options.{name}"] = sorted(value) if option == "dependencies" else value
    return leaves


def blame(
    timeline: Timeline,
    urn: str,
    *,
    decrypt: Callable[[Checkpoint, Resource], Resource] = lambda _, res: res,
    observe: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[Blamed]:
    """The properties of a live resource, each as soon as its origin is known; those set most recently come first.

    `decrypt` makes secrets comparable; without it they are attributed with ``certain=False``. `observe` hears before
    each update how many were checked, and of how many; what it raises ends the search.

    Raises:
        UsageError: the live state has no such resource.
        BackendError: live can't be read.
    """
    live = timeline.live()
    resource = find_resource(live, urn)
    open_paths = properties(decrypt(live, resource))
    trail = Trail(timeline, find_entry(live.raw, resource.urn), observe)

    def blamed(path: str, *, certain: bool) -> Blamed:
        newer = timeline.update(trail.reached) if trail.reached else None
        return _blamed(timeline, path, open_paths.pop(path), newer, certain=certain and not trail.gap)

    for number, raw in trail.walk() if open_paths else ():
        try:
            entry, older = _in_state(timeline, number, raw, resource)
            differs = older is not None and not _equal_bytes(older, resource)
            checkpoint = timeline.checkpoint(number) if differs else None
        except BackendError:
            trail.gap = True
            continue
        if older is None:
            break
        if checkpoint is not None:
            before = properties(decrypt(checkpoint, older))
            for path, verdict in _compare(open_paths, before):
                yield blamed(path, certain=verdict == "differs")
            if not open_paths:
                return
        resource = older
        trail.pass_to(number, entry)
    # Whatever is left was there when the resource first appeared.
    for path in tuple(open_paths):
        yield blamed(path, certain=True)


def _in_state(timeline: Timeline, number: int, raw: bytes, resource: Resource) -> tuple[Entry | None, Resource | None]:
    """The resource in the state of an older update; of one that was renamed no bytes are known.

    Raises:
        BackendError, CheckpointError: the state can't be read.
    """
    with contextlib.suppress(CheckpointError):  # a record in git may have it whole
        entry = find_entry(raw, resource.urn)
        if entry is not None:
            return entry, entry.resource()
    older = _same_resource(timeline.checkpoint(number), resource)
    return None, older


def _blamed(timeline: Timeline, path: str, value: Json, update: Update | None, *, certain: bool) -> Blamed:
    source = origin(timeline.history, update) if update is not None else None
    return Blamed(path, mask(value), contains_secret(value), update, certain, source)


def _compare(now: dict[str, Json], before: dict[str, Json]) -> list[tuple[str, Literal["differs", "unknown"]]]:
    found: list[tuple[str, Literal["differs", "unknown"]]] = []
    for path, value in now.items():
        old = before.get(path, MISSING)
        if old is MISSING:
            found.append((path, "differs"))
            continue
        if value == old:
            continue
        hidden = _encrypted(value) and _encrypted(old)
        if hidden:
            found.append((path, "unknown"))
        elif _revealed(value) != _revealed(old):
            found.append((path, "differs"))
    return found


def _same_resource(checkpoint: Checkpoint, resource: Resource) -> Resource | None:
    """The resource in an older state: by URN, else (it was renamed) by type and physical id."""
    same = checkpoint.by_urn.get(resource.urn)
    if same is not None:
        return same
    if resource.custom and resource.id:
        for other in checkpoint.by_urn.values():
            if may_be_one(other, resource) and (other.created or not is_constant_id(resource.id)):
                return other
    for alias in resource.aliases or ():
        if alias in checkpoint.by_urn:
            return checkpoint.by_urn[alias]
    return None


def _equal_bytes(one: Resource, other: Resource) -> bool:
    return (
        bytes(one.inputs) == bytes(other.inputs)
        and one.id == other.id
        and all(getattr(one, option) == getattr(other, option) for option in OPTIONS)
    )


def _encrypted(value: Json) -> bool:
    return any(is_secret(inner) and "plaintext" not in inner for inner in walk(value))


def _revealed(value: Json) -> Json:
    """A value for comparing: plaintexts without the ciphertexts beside them."""
    if is_secret(value):
        return ("secret", value.get("plaintext", value.get("ciphertext")))
    return each(value, _revealed)


def _flatten(path: str, value: Json, leaves: dict[str, Json]) -> None:
    if isinstance(value, dict) and value and kind_of(value) is None:
        for key, inner in value.items():
            if key != DEFAULTS:
                _flatten(_step(path, key), inner, leaves)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            _flatten(f"{path}[{index}]", inner, leaves)
    else:
        leaves[path] = value


def _step(path: str, key: str) -> str:
    plain = key and not any(char in '.[]"{}' or char.isspace() for char in key)
    return f"{path}.{key}" if plain else f"{path}[{json.dumps(key, ensure_ascii=False)}]"
