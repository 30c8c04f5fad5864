"""A hold of a stack: nobody's update may begin until it ends. Pure.

It is kept as the note `NOTE` beside the stack. Where the backend has lock files, it is one of those as well: that stops
a plain `pulumi up`, which prints the lock's user name.
"""

from __future__ import annotations

import re
import time
from typing import Final

import msgspec

from pulumi_rewind.state.locks import Lock

NOTE: Final = "hold"

LONGEST: Final = 200
"""Characters of a reason."""

COMMITS: Final = 200
"""How many commits a hold names at most."""

TOKEN: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What a lock file may be named by: no path leads elsewhere."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

NO_REASON: Final = "no reason given"


class Hold(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who holds a stack, why and how long; whoever may write the backend may have written it."""

    user: str
    host: str
    since: int
    """Unix seconds."""
    why: str = ""
    until: int = 0
    """Unix seconds; 0: until somebody releases it, or `commits` are reverted."""
    commits: tuple[str, ...] = ()
    """Full ids of the commits that the rollback went back over, without merges; empty where git doesn't know."""
    update: int = 0
    """The update that the rollback became; 0: it was placed by itself."""
    token: str = ""
    """Names its lock file."""

    def __str__(self) -> str:
        return f"{self.who}: {self.reason}"

    @property
    def who(self) -> str:
        """``ada@build1``."""
        return f"{self.user}@{self.host}" if self.host else self.user

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return self.why or NO_REASON

    def over(self, now: float) -> bool:
        """Whether its time has passed."""
        return 0 < self.until <= now

    @property
    def lock(self) -> Lock:
        """Its lock file. The CLI prints the user name, which therefore says what to do."""
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.since))
        told = f"{self.user} (held by pulumi-rewind: {self.reason}; `pulumi-rewind release` ends it)"
        return Lock(told, self.host, timestamp=since, hold=self.reason, holder=self.user)


def decode_hold(content: bytes) -> Hold:
    """A hold as its note has it, with what a terminal obeys taken out.

    Raises:
        msgspec.DecodeError: it is none.
    """
    found = msgspec.json.decode(content, type=Hold)
    return msgspec.structs.replace(
        found,
        user=one_line(found.user),
        host=one_line(found.host),
        why=one_line(found.why),
        since=max(0, min(found.since, _FAR)),
        until=max(0, min(found.until, _FAR)),
        commits=tuple(sha for sha in found.commits[:COMMITS] if _COMMIT.fullmatch(sha)),
        token=found.token if TOKEN.fullmatch(found.token) else "",
    )


def one_line(text: str) -> str:
    """Text for a line: at most `LONGEST` characters, all of them printable."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


_FAR: Final = 253_402_300_799
"""The last second of the year 9999: the last that has a date."""
