"""What comes out of a worker's pipes: lines in linear time, and answers of a known form. Pure.

The worker's code is ours, but what runs beside it in the same process is the project's: it may write anything anywhere.
"""

from __future__ import annotations

from typing import Any, Final

from pulumi_rewind.errors import CallbackError
from pulumi_rewind.system.documents import load_json

LINE: Final = 1 << 20
"""Bytes of a printed line that are kept."""

ANSWER: Final = 64 << 20
"""Bytes of an answer; it may hold all inputs of a resource."""


class Lines:
    """Chunks in, whole lines out. Of a line longer than `longest` only its beginning is kept."""

    def __init__(self, longest: int = LINE) -> None:
        self._longest = longest
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that a chunk completes."""
        first, *others = chunk.split(b"\n")
        self._keep(first)
        lines: list[bytes] = []
        for part in others:
            lines.append(self.rest())
            self._keep(part)
        return lines

    def rest(self) -> bytes:
        """What was begun and not ended."""
        line = b"".join(self._parts)
        self._parts, self._size = [], 0
        return line

    def _keep(self, part: bytes) -> None:
        part = part[: self._longest - self._size]
        if part:
            self._parts.append(part)
            self._size += len(part)


def message_of(line: bytes, function: str) -> dict[str, Any]:
    """One line of a worker: an answer (``end``), a line for the log, or progress (three values, of the right types).

    Raises:
        CallbackError: it is nothing of that kind.
    """
    try:
        found = load_json(line)
    except ValueError:
        found = None
    if isinstance(found, dict):
        if isinstance(found.get("end"), dict) or "log" in found:
            return found
        match found.get("progress"):
            case [int() | float(), int() | float(), str()]:
                return found
    raise CallbackError(
        f"{function}: its process sent an invalid answer",
        hint="Its code writes to a file descriptor that it did not open. Use only descriptors that your code opened.",
    )
