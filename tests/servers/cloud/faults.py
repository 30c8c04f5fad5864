"""What can go wrong between a service and who asks it: a fault is met by the next requests whose path it fits."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["status", "cut", "page", "hang", "close", "elsewhere"]


@dataclass
class Fault:
    """One way to fail: an answer of a `status`, cut off, a web page, none at all, or that of another host."""

    kind: Kind
    where: str = ""
    """A part of the paths that it is met at; empty: of all."""
    times: int = 1_000_000
    status: int = 503
    retry_after: str = "0"
    body: bytes = b"<html>Please log in</html>"
    after: int = 0
    """So many requests pass before it is met."""
    met: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    """Set by who ends a `hang`."""

    def fits(self, path: str) -> bool:
        """Whether a request meets it, which is counted."""
        if self.where not in path or self.met >= self.times:
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.met += 1
        return True
