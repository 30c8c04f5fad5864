"""The part of home that watches the backend: shows changes within seconds and keeps the cursor where it is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on

from pulumi_rewind.state.locks import may_run, running
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens import home_loading as loading
from pulumi_rewind_tui.screens.home_filter import FilteringScreen
from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.text.comparison import LIVE
from pulumi_rewind_tui.text.stack_news import SHOWN, News, behind_line, news_line
from pulumi_rewind_tui.workers.watch import EVERY, Behind, CaughtUp, FellBehind, Follow, Watch

if TYPE_CHECKING:
    from pulumi_rewind.backends.protocol import Glance
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update
    from pulumi_rewind_tui.workers.background import Post
    from pulumi_rewind_tui.workers.comparer import Comparer


def read_news(
    session: Session,
    comparer: Comparer,
    generation: int,
    known: tuple[int, Update | None],
    post: Post,
    before: Glance | None,
    now: Glance,
) -> None:
    """Reads what is new since a glance; `known` is how many updates there were and the newest. Runs in a thread."""
    if before is None:
        return  # nothing is on the screen yet that could be out of date
    listed = bool(now.history)  # else an update may have come between the state and the lock's release
    if listed and (before.live, before.history) == (now.live, now.history):
        post(msg.StackMoved(generation, now))
        return
    session.reload(history=not listed or before.history != now.history, live=before.live != now.live, quick=True)
    timeline = session.timeline
    count, newest = known
    again = timeline.update(count) if newest is not None and len(timeline) >= count else None
    if len(timeline) < count or not same_update(again, newest):
        post(msg.HistoryReplaced(generation))
        return
    marks = loading.read_marks(session, comparer, generation, moved=True)
    # A record comes a moment before its checkpoint: then the newest update of before is read once more.
    entries = tuple(timeline.entries(len(timeline) - count + (again != newest)))
    post(msg.StackMoved(generation, now, marks, entries, loading.head_text(session) if entries else ""))


def same_update(one: Update | None, other: Update | None) -> bool:
    """Whether two readings of a number found the same update; an unreadable record says nothing of that."""
    if one is None or other is None or "unreadable" in (one.result, other.result):
        return True
    return (one.kind, one.start_time, one.end_time) == (other.kind, other.start_time, other.end_time)


class WatchingScreen(FilteringScreen):
    """Watches the backend while home is in sight."""

    def __init__(self) -> None:
        super().__init__()
        self.watching = Watch(self, self._following, self.read_beside)
        self._first: Glance | None = None
        """The stack as it was before the timeline was read."""
        self._news: News | None = None
        self._behind: Behind | None = None
        """Why what is on the screen may be out of date."""
        self._as_of = 0.0
        """When it last was not, in Unix seconds."""
        self._live_digest = ""
        """Of the live state when it could last be read."""

    def on_mount(self) -> None:
        """Starts watching."""
        self.watching.begin()

    def on_screen_suspend(self) -> None:
        """Stops watching while another screen is on top."""
        self.watching.pause()

    def on_screen_resume(self) -> None:
        """Shows at once what happened in the meantime."""
        self.watching.resume()

    def on_key(self) -> None:
        """A key press removes the news."""
        self._show_news(None)

    def forget_news(self) -> None:
        """Forgets the news before another stack opens."""
        self.watching.forget()
        self._behind, self._as_of, self._live_digest = None, 0.0, ""
        self._show_news(None)

    def follow_on(self) -> None:
        """All has been read; what has happened meanwhile is news."""
        self.watching.seen, self._as_of = self._first, self.rewind.clock()

    def refresh_all(self) -> None:
        """Reads everything again: the stack has changed."""

    def apply_marks(self, marks: msg.MarksLoaded) -> None:
        """Shows how live stands to the updates, whatever row the cursor is on."""
        self._live_digest = marks.digest or self._live_digest

    def read_beside(self, session: Session) -> None:
        """What is read with each look at the backend; in a thread."""

    def _following(self) -> tuple[Session, Follow] | None:
        session, comparer, timeline = self.session, self.comparer, self.timeline
        comparing = any(worker.group == "diff" and not worker.is_finished for worker in self.workers)
        if session is None or comparer is None or (comparing and self.watching.since_last < 2 * EVERY):
            return None  # a live state that changes all the time must not restart the comparison for ever
        known = timeline.total, timeline.updates.get(timeline.newest)
        return session, partial(read_news, session, comparer, self.generation, known, self.post_message)

    @on(msg.StackMoved)
    def _stack_moved(self, event: msg.StackMoved) -> None:
        before, now, marks = self.watching.seen, event.now, event.marks
        if event.generation != self.generation or before is None:
            return
        self.watching.seen = now
        known, problem = self._live_digest, self.timeline.marks.problem
        moved = marks is not None and bool(known and marks.digest) and marks.digest != known
        updates = tuple(entry.update for entry in event.entries if entry.update.number > self.timeline.newest)
        holds, held = bool(running(now.locks)), bool(running(before.locks))
        took, gave = holds and not held, held and not holds
        self.bar.locks = now.locks
        self.timeline.marks.locked = may_run(now.locks)
        self.timeline.changed()
        self.forget_causes(LIVE, *(entry.update.number for entry in event.entries))
        if marks is not None:
            self.timeline.grow(event.entries)
            self.bar.total = self.timeline.total
            self.bar.head = event.head or self.bar.head
            self.apply_marks(marks)
            self.refilter()
            if marks.digest != known or marks.problem != problem or event.entries:
                self._compare_with_live()
        self._show_cause(self.look())
        if moved or updates or took or gave:
            live = marks.live if marks is not None else None
            news = News(self.rewind.clock(), updates, live, took=took, gave=gave, held=holds)
            self._news = news.after(self._news)
        self._show_status()  # a hold that comes or goes is no news of its own
        self._show_news(self._news)

    def _compare_with_live(self) -> None:
        """What was compared with live is compared again; what is shown of two updates stays."""
        if self.comparer is None:
            return
        self.comparer.forget(LIVE)
        shown = self.diff.comparison
        if shown is None or LIVE in shown.key or shown.key != self.look().key:
            self.compare_soon(at_once=True)

    @on(msg.HistoryReplaced)
    def _history_replaced(self, event: msg.HistoryReplaced) -> None:
        if event.generation == self.generation:
            self._moved_by_hand = True  # the cursor stays on its number
            self.timeline.marks.base = None  # its number may be another update's now
            self._news = News(self.rewind.clock(), replaced=True)
            self._show_news(self._news)
            self.refresh_all()

    @on(CaughtUp)
    def _caught_up(self) -> None:
        was, self._behind = self._behind, None
        if self.watching.seen is not None:
            self._as_of = self.rewind.clock()
        elif was == "away":
            self.refresh_all()  # the backend was not reachable when the stack was read
        self._show_news(self._news)

    @on(FellBehind)
    def _fell_behind(self, event: FellBehind) -> None:
        self._behind = event.why
        self._show_news(self._news)

    def _show_news(self, news: News | None) -> None:
        now = self.rewind.clock()
        self._news = news if news is not None and now - news.at < SHOWN else None
        line: Line = (
            behind_line(self._as_of, self._behind) if self._behind else news_line(self._news, now) if self._news else ()
        )
        if line != self.bar.news or line:
            self.bar.news = line
            self._show_status()
