"""Which states this process reads from directories; other processes have their own."""

from __future__ import annotations

import pytest

from pulumi_rewind.backends.files import FileStorage


def state_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of all states and checkpoints that are read from now on; one entry for each time."""
    found: list[str] = []
    read = FileStorage.read

    def noting(self: FileStorage, key: str, limit: int) -> bytes:
        if "/stacks/" in key or ".checkpoint." in key:
            found.append(key)
        return read(self, key, limit)

    monkeypatch.setattr(FileStorage, "read", noting)
    return found
