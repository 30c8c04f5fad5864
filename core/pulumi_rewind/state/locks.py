"""Who holds a stack."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Lock(msgspec.Struct, frozen=True):
    """A lock file of a DIY backend, or an operation that a service runs: someone is, or was, changing the stack."""

    username: str = ""
    hostname: str = ""
    pid: int = 0
    timestamp: str = ""
    path: str = ""
    kind: str = ""
    """What runs, where the backend is a service: ``update``, ``destroy`` …"""
    dead: bool = False
    """Whether it is of this machine, and its process is gone."""
    hold: str = ""
    """Why the stack is held, see `state.holds`; empty for an operation that runs, or ran."""
    holder: str = ""
    """Who holds it: the user name of a hold's lock file says more than that."""

    def __str__(self) -> str:
        if self.hold:
            host = f"@{self.hostname}" if self.hostname else ""
            since = f" since {self.timestamp}" if self.timestamp else ""
            return f"{self.holder or 'someone'}{host}{since}: {self.hold}"
        if not (self.timestamp or self.username or self.hostname or self.kind):
            return f"someone: the lock file {self.path} can't be read"
        who = f"{self.username}@{self.hostname}" if self.hostname else self.username or "someone"
        gone = ", whose process is dead" if self.dead else ""
        since = f" since {self.timestamp}" if self.timestamp else ""
        what = f" (pid {self.pid})" if self.pid else f" ({self.kind})" if self.kind else ""
        return f"{who}{what}{since}{gone}"

    @property
    def said(self) -> str:
        """``locked by …`` or ``held by …``."""
        return f"{'held' if self.hold else 'locked'} by {self}"

    @property
    def advice(self) -> str:
        """What to do about it."""
        if self.hold:
            return "`pulumi-rewind release` ends the hold"
        if self.dead:
            return "`pulumi cancel` removes the lock"
        if self.kind:
            return "wait for it; if it was killed, the service ends it within minutes, and `pulumi cancel` at once"
        return "wait for it; if that process is dead, `pulumi cancel` removes the lock"


def running(locks: Iterable[Lock]) -> list[Lock]:
    """Those of operations: holds left out, which our own runs pass."""
    return [lock for lock in locks if not lock.hold]


def may_run(locks: Iterable[Lock]) -> bool:
    """Whether somebody may be changing the stack: not all operations are known to be dead."""
    return not all(lock.dead for lock in running(locks))
