"""Notes beside a stack of a service like Pulumi Cloud: in its tags, packed. Pure.

A tag has a name of at most 40 characters and a value of at most 256 (source: Pulumi's documentation of stack tags). The
tag ``rewind:NAME`` holds the note's mark and how many parts follow; ``rewind:NAME.0`` and so on hold base64 of zlib.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
import zlib
from collections.abc import Mapping
from typing import Final

from pulumi_rewind.backends.notes import LARGEST, checked_name, damaged, too_large
from pulumi_rewind.backends.protocol import Note

VALUE: Final = 256
"""Characters of a tag's value."""

PARTS: Final = 40
"""Tags of a note; a service may have a limit of its own to all tags of a stack."""

Tags = dict[str, str]


def note_in(tags: Mapping[str, str], name: str, what: str) -> Note | None:
    """The note of a name in a stack's tags; `what` names it for people.

    Raises:
        BackendError: parts are missing, or it is none of ours.
    """
    head = tags.get(_tag(name))
    if head is None:
        return None
    remedy = f"`pulumi stack tag rm {_tag(name)}` removes it."
    mark, _, rest = head.partition(" ")
    count, _, digest = rest.partition(" ")
    if not count.isdecimal() or len(count) > 2 or int(count) > PARTS:
        raise damaged(what, "its first tag is another one", remedy)
    packed = "".join(tags.get(_tag(name, part), "") for part in range(int(count)))
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(base64.b64decode(packed, validate=True), LARGEST)
    except (binascii.Error, ValueError, zlib.error):
        content = b""
    if _digest(content) != digest:
        raise damaged(what, "parts of it are missing or changed", remedy)
    return Note(content, mark)


def tags_with(tags: Mapping[str, str], name: str, content: bytes | None, what: str) -> tuple[Tags, str]:
    """All tags of a stack with a note in the place of the one of that name, and the new mark; None removes it.

    Raises:
        BackendError: it doesn't fit.
    """
    ours = (_tag(name), *(_tag(name, part) for part in range(PARTS)))
    found = {key: value for key, value in tags.items() if key not in ours}
    if content is None:
        return found, ""
    packed = base64.b64encode(zlib.compress(content, 9)).decode()
    parts = [packed[at : at + VALUE] for at in range(0, len(packed), VALUE)]
    if len(parts) > PARTS:
        raise too_large(what, len(packed), f"{VALUE * PARTS:,} (packed)")
    mark = secrets.token_hex(8)
    found[_tag(name)] = f"{mark} {len(parts)} {_digest(content)}"
    return found | {_tag(name, number): part for number, part in enumerate(parts)}, mark


def _tag(name: str, part: int | None = None) -> str:
    return f"rewind:{checked_name(name)}" + ("" if part is None else f".{part}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
