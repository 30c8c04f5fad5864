"""Whether the directory of a ``file://`` backend is still the one that it was when a run began.

The CLI makes a directory that it misses. Where a mount goes away in mid-run it saves in a new one, says that all went
well, and everything it did is unknown to the state that comes back with the mount.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_rewind.backends.urls import FILE, file_path

RETURN: Final = (
    "Bring the directory of before back (mount it); `pulumi cancel` removes the lock that it may still hold. Then look "
    "for what is named here, and `pulumi-rewind resume` goes on from the state that is there."
)
"""The hint."""


@dataclass(frozen=True)
class Place:
    """A backend's directory, and which one it is: device and inode; None where it is no directory or not there."""

    path: Path
    identity: tuple[int, int] | None

    @classmethod
    def of(cls, url: str) -> Place:
        """The place of a backend now."""
        path = file_path(url, Path.cwd()) if url.startswith(FILE) else Path()
        return cls(path, _identity(path) if url.startswith(FILE) else None)

    def lost(self) -> str:
        """What has become of it; empty if it is the same."""
        now = _identity(self.path) if self.identity else None
        if now == self.identity:
            return ""
        what = "is gone" if now is None else "is another one than when the run began, and holds what was saved last"
        return f"the directory of the backend ({self.path}) {what}"


class Watch:
    """Looks at a backend's directory all through a run: one that comes back before the end was away all the same."""

    def __init__(self, url: str) -> None:
        self._place = Place.of(url)
        self._away = False

    def look(self) -> None:
        """To be called now and then."""
        self._away = self._away or bool(self._place.lost())

    def lost(self) -> str:
        """What has become of it; empty if it was there all the time."""
        lost = self._place.lost()
        if self._away and not lost:
            return (
                f"the directory of the backend ({self._place.path}) was away for a while; it lacks what was saved then"
            )
        return lost


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
