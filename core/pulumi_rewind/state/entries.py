"""One resource's bytes in a stored state, found without decoding the other resources. Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.state.model import Resource

_ESCAPED: Final = frozenset('<>&"\\')
"""What JSON text may spell in more than one way; Go escapes the first three."""


class Entry(NamedTuple):
    """A resource as a state has it stored."""

    place: int
    """Where its bytes begin in the state's."""
    raw: bytes
    """A JSON object, from brace to brace."""

    def resource(self) -> Resource:
        """The resource.

        Raises:
            CheckpointError: it is damaged.
        """
        try:
            return _resource.decode(self.raw)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as err:
            raise _damaged(err) from None


class _Listed(msgspec.Struct):
    resources: list[msgspec.Raw] | None = None


class _Body(msgspec.Struct):
    latest: _Listed | None = None


class _File(msgspec.Struct):
    checkpoint: _Body | None = None
    deployment: _Listed | None = None


class _Named(msgspec.Struct):
    urn: str
    delete: bool = False


_file = msgspec.json.Decoder(_File)
_named = msgspec.json.Decoder(_Named)
_resource = msgspec.json.Decoder(Resource)


def find_entry(raw: bytes, urn: str) -> Entry | None:
    """The current resource of a URN, as `Checkpoint.by_urn` has it; None if the state has none.

    Raises:
        CheckpointError: the state is damaged.
    """
    plain = urn.isascii() and not _ESCAPED & set(urn)
    needle = b'"' + urn.encode() + b'"' if plain else b'"urn"'
    found = None
    try:
        file = _file.decode(raw)
        listed = file.deployment or (file.checkpoint.latest if file.checkpoint else None)
        for entry in (listed.resources if listed else None) or ():
            content = bytes(entry)
            if needle in content:
                named = _named.decode(content)
                if named.urn == urn and not named.delete:
                    found = content
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as err:
        raise _damaged(err) from None
    return Entry(raw.rindex(found), found) if found is not None else None


def same_entry(raw: bytes, entry: Entry, start: int = 0) -> Entry | None:
    """The entry in another state, or in a part of it that begins at `start`, if it has the very same bytes.

    They can't be met within a text, where quotes are escaped. A pending operation may hold a resource, but not as it
    was left: what waits to be created has no id, all else is among the resources as well.
    """
    if raw.startswith(entry.raw, entry.place - start):
        return entry
    place = raw.find(entry.raw)
    return Entry(start + place, entry.raw) if place >= 0 else None


def _damaged(err: Exception) -> CheckpointError:
    return CheckpointError(f"a state can't be read: {err}", hint="Choose another update.")
