"""Notes beside a stack, in memory."""

from __future__ import annotations

from typing import Any

from pulumi_rewind.backends.protocol import Note
from pulumi_rewind.errors import BackendError, NoteMoved
from pulumi_rewind.state.model import StackRef


class Notes:
    """A backend's notes, as far as they are asked here; `between` runs before a write is looked at."""

    url = "file:///b"

    def __init__(self, room: int = 1 << 20) -> None:
        self.room = room
        self.kept: dict[str, tuple[bytes, int]] = {}
        self.between: Any = lambda: None
        self.gone = False

    def note(self, _: StackRef, name: str, *, quick: bool = False) -> Note | None:
        """What is kept."""
        if self.gone:
            raise BackendError("no answer")
        found = self.kept.get(name)
        return None if found is None else Note(found[0], str(found[1]))

    def write_note(self, _: StackRef, name: str, content: bytes, *, instead_of: str | None) -> None:
        """Keeps it, if nobody else was faster."""
        if len(content) > self.room:
            raise BackendError("there is no room for it")
        between, self.between = self.between, lambda: None
        between()
        found = self.kept.get(name)
        if (None if found is None else str(found[1])) != instead_of:
            raise NoteMoved("somebody else wrote it")
        self.kept[name] = (content, 0 if found is None else found[1] + 1)
