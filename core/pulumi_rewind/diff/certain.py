"""What bytes alone tell of two checkpoints: often that they differ, for which nothing else has to be loaded. Pure."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.state.model import PROPERTIES, Checkpoint, Resource
from pulumi_rewind.state.values import DEFAULTS, SIG, Json, damaged_value, decoded

_AMBIGUOUS: Final = re.compile(rf'{SIG}|{DEFAULTS}|[\]}}](?: |\\[ntr])*"'.encode())
"""Special values, bookkeeping, text that may be JSON by its end: what differs there may mean the same."""

_members = msgspec.json.Decoder(dict[str, msgspec.Raw] | None)


def surely_other(old: Checkpoint, new: Checkpoint) -> bool:
    """Whether two states do not say the same, see `diff.equality`; False means that only a closer look tells."""
    before, after = old.by_urn, new.by_urn
    alone = [(before if urn in before else after)[urn] for urn in before.keys() ^ after.keys()]
    if not all(res.is_default_provider for res in alone):
        return True
    both = [(before[urn], res) for urn, res in after.items() if urn in before and before[urn] != res]
    steady = not alone and not any(replaced(*pair) for pair in both)
    return any(_surely_changed(*pair, steady=steady) for pair in both)


def _surely_changed(before: Resource, after: Resource, *, steady: bool) -> bool:
    """Whether a resource changed by itself; `steady`: all others are the objects that they were."""
    given = not replaced(before, after) and before.inputs != after.inputs
    if given and surely_differ(before.inputs, after.inputs, given=after):
        return True
    shown = steady and after.is_stack and before.outputs != after.outputs
    return shown and surely_differ(before.outputs, after.outputs)


def replaced(before: Resource, after: Resource) -> bool:
    """Whether a resource that both sides have is another physical object."""
    if before.custom != after.custom:
        return True
    if before.id == after.id or not (before.id and after.id):
        return False
    # The id of a provider means nothing; the id of what was only read is what the program asked for.
    return not (after.is_provider or after.external or before.external)


def surely_differ(one: msgspec.Raw, other: msgspec.Raw, *, given: Resource | None = None) -> bool:
    """Whether inputs or outputs whose bytes differ are different, told from the first member that does.

    False means that only a closer look tells. Of `given` only those inputs count that were, as recorded, computed
    from nothing else, or were filled in by the provider.
    """
    try:
        left, right = _opened(one), _opened(other)
    except CheckpointError:
        return False
    recorded = (given.property_dependencies or {}) if given is not None else {}
    if given is not None and not recorded:
        return False
    for key in left.keys() | right.keys():
        if key != DEFAULTS and not recorded.get(key):
            here, there = left.get(key), right.get(key)
            if here is None or there is None or (here != there and _tells(here, there)):
                return True
    return False


def _tells(one: msgspec.Raw, other: msgspec.Raw) -> bool:
    """Whether two members differ whatever they mean: not by the spelling of their JSON, nor where it is ambiguous."""
    if _AMBIGUOUS.search(one) or _AMBIGUOUS.search(other):
        return False
    try:
        return bool(msgspec.json.decode(one) != msgspec.json.decode(other))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def differing(one: msgspec.Raw, other: msgspec.Raw) -> tuple[dict[str, Json], dict[str, Json]]:
    """Inputs or outputs of both sides as JSON, without the members that both have byte for byte.

    Raises:
        CheckpointError: they are damaged.
    """
    left, right = _opened(one), _opened(other)
    if SIG not in left and SIG not in right:
        for key in [key for key, value in left.items() if value == right.get(key)]:
            del left[key], right[key]
    return {key: decoded(value, PROPERTIES) for key, value in left.items()}, {
        key: decoded(value, PROPERTIES) for key, value in right.items()
    }


def _opened(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    try:
        return _members.decode(raw) or {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise damaged_value(PROPERTIES) from None
