"""What has happened to the stack on the screen, in one line. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.words.words import ago, first_line, local_time

SHOWN = 30.0
"""Seconds that news stay in sight when no key is pressed."""


class News(msgspec.Struct, frozen=True):
    """What a look has found to be different."""

    at: float
    """When, in Unix seconds."""
    updates: tuple[Update, ...] = ()
    """Those that came, newest first."""
    live: int | None = None
    """The update that the state equals now."""
    took: bool = False
    """Whether somebody took the lock."""
    gave: bool = False
    """Whether the lock was released."""
    held: bool = False
    """Whether somebody holds the lock now."""
    replaced: bool = False
    """Whether the history lacks updates that it had."""

    def after(self, earlier: News | None) -> News:
        """Both combined: news of an update stays while a lock comes and goes, and its holder changes the state."""
        if earlier is None or not earlier.updates:
            return self
        if not (self.updates or self.took or self.gave or self.held):
            return self  # somebody has changed the state since that update
        if not self.updates:
            return earlier
        return msgspec.structs.replace(self, updates=self.updates + earlier.updates)


def news_line(news: News, now: float) -> Line:
    """``#10 is new: update, ok, 3 s ago``."""
    if news.updates:
        from pulumi_rewind.history.timeline import finished

        newest, oldest = news.updates[0], news.updates[-1]
        intro = f"#{newest.number} is new: "
        if newest is not oldest:
            intro = f"#{oldest.number} to #{newest.number} are new, the newest: "
        what = first_line(newest.message) if newest.is_rollback else newest.kind.removeprefix("resource-")
        result = "ok" if newest.succeeded else newest.result
        if newest.result == "unreadable":
            what, result = "its record", "damaged"
        role = "ok" if newest.succeeded else "failed"
        when = ago(now - (finished(newest) or news.at))
        return ((f"{intro}{what or newest.kind}, ", "bold"), (result, role), (f", {when}", ""))
    if news.replaced:
        what = "updates were removed or replaced"
    elif news.took:
        what = "the stack was locked"
    elif news.gave:
        what = "the lock was released"
    elif news.held:
        what = "the state changed"
    else:
        what = "the state was changed outside updates"
        what += f": it equals #{news.live} now" if news.live is not None else ""
    return ((what, "bold"), (f", {ago(now - news.at)}", ""))


def lock_text(lock: Lock) -> str:
    """``locked by root@ci (pid 15817) since 06:56:46``: who holds the stack, with the time of here."""
    try:
        since = datetime.fromisoformat(lock.timestamp)
    except ValueError:
        return lock.said
    form = "%Y-%m-%d %H:%M" if lock.hold else "%H:%M:%S"  # a hold may be days old
    return msgspec.structs.replace(lock, timestamp=local_time(since.timestamp(), form)).said


BEHIND: Final = {
    "away": "backend not reachable",
    "reading": "still reading what is new",
    "unread": "what is new can't be read (ctrl+r)",
}
"""Why the screen may be out of date, see `workers.watch.Behind`."""


def behind_line(since: float, why: str) -> Line:
    """``as of 05:41, backend not reachable``."""
    known = f"as of {local_time(since, '%H:%M')}, " if since else ""
    return ((f"{known}{BEHIND[why]}", "hazard"),)
