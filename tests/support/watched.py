"""What a test opens and lists below a directory, as Python itself reports it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_watched: list[tuple[str, str]] | None = None


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _watched is not None and event in {"open", "os.scandir", "os.listdir"}:
        _watched.append((event, str(arguments[0])))


sys.addaudithook(_audit)


@contextmanager
def watched(below: Path) -> Iterator[Callable[[str], list[str]]]:
    """Every open and directory listing that happens below a directory, as Python itself reports them."""
    global _watched
    events: list[tuple[str, str]] = []
    _watched = events
    try:
        yield lambda event: [path for kind, path in events if kind == event and path.startswith(str(below))]
    finally:
        _watched = None
