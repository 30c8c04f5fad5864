"""What home loads in the background. Runs in threads, posts messages, touches no widget."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pulumi_rewind.errors import HistoryMoved, RewindError
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.text.comparison import Cancelled, Comparison, Key
from pulumi_rewind_tui.text.diff_rows import Shown, rows_of, unread, with_outputs
from pulumi_rewind_tui.workers.background import CancelCheck, Post

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.locks import Lock
    from pulumi_rewind_tui.workers.comparer import Comparer

FIRST = 60
"""Rows of the first screen."""

BATCH = 500
"""Records that are read between two messages."""


def load_timeline(session: Session, generation: int, post: Post, cancelled: CancelCheck, *, comparer: Comparer) -> None:
    """The first rows at once, then live and locks, then git."""
    glance = session.backend.glance(session.stack)  # first: what happens from now on is news
    timeline = session.glimpse()
    total = len(timeline)
    if comparer.large:
        timeline.history.expect(range(total, max(total - FIRST, 0), -1))
    else:
        timeline.ready(FIRST)
    updates = tuple(timeline.history.newest(FIRST))
    post(msg.HistoryLoaded(generation, total, updates, complete=total <= FIRST, first=glance))
    if cancelled():
        return
    post(read_marks(session, comparer, generation))
    if cancelled():
        return
    with contextlib.suppress(RewindError):  # reported already: live can't be read
        post(msg.EntriesLoaded(generation, tuple(timeline.entries(FIRST)), head_text(session)))
    if cancelled():
        return
    try:
        timeline.history.confirm()
    except HistoryMoved:
        post(msg.HistoryReplaced(generation))
    except RewindError:
        pass  # asked again before a plan; that the backend is away is said elsewhere


def read_marks(session: Session, comparer: Comparer, generation: int, *, moved: bool = False) -> msg.MarksLoaded:
    """Which update live equals, the last good one, the locks, and what is held; `moved`: see `Comparer.standing`."""
    from pulumi_rewind.holding.holds import see_hold, seen_locks

    found = None
    problem = ""
    try:
        found = comparer.standing(moved=moved)
        if damaged := found.standing.damage:
            problem = f"is damaged: {damaged}"
    except (RewindError, OSError) as err:
        problem = f"can't be read: {session.redactor.said(err)}"
    locks: tuple[Lock, ...] = ()
    try:
        locks = tuple(session.backend.locks(session.stack))
        locks = seen_locks(session, locks)
        if session.journal.peek() is not None and not any(lock.hold for lock in locks):
            hold = see_hold(session).hold  # a run that was killed may have left its lock file away
            locks = (*locks, *([hold.lock] if hold is not None else ()))
    except (RewindError, OSError):
        pass  # what is known is shown
    if found is None:
        return msg.MarksLoaded(generation, None, None, problem, locks, secrets=False)
    known = found.standing
    held = found.held if not problem else ()
    return msg.MarksLoaded(
        generation, known.live, known.last_good, problem, locks, known.secrets, known.digest, found.half_way, held
    )


def head_text(session: Session) -> str:
    """``main@f9bdcde*``, empty outside a repository."""
    repository = session.repository
    if repository is None:
        return ""
    head = repository.head()
    branch = repository.branch() or "detached"
    return f"{branch}@{head[:7]}{'*' if repository.dirty() else ''}" if head else branch


def load_more(session: Session, generation: int, post: Post, _: CancelCheck, *, before: int) -> None:
    """A page of older updates, for rows that came into sight."""
    entries = tuple(session.timeline.entries(FIRST * 2, before=before))
    post(msg.HistoryLoaded(generation, len(session.timeline), tuple(entry.update for entry in entries)))
    post(msg.EntriesLoaded(generation, entries, ""))


def load_all(session: Session, generation: int, post: Post, cancelled: CancelCheck) -> None:
    """Every update, in batches, for filtering."""
    timeline = session.timeline
    total = len(timeline)
    for start in range(total, 0, -BATCH):
        if cancelled():
            return
        entries = tuple(timeline.entries(BATCH, before=start + 1))
        post(msg.EntriesLoaded(generation, entries, ""))
        updates = tuple(entry.update for entry in entries)
        post(msg.HistoryLoaded(generation, total, updates, complete=start - BATCH <= 0))


def compare(
    comparer: Comparer,
    key: Key,
    showing: Comparison | None,
    shown: Shown,
    neighbours: tuple[Key, ...],
    post: Post,
    cancelled: CancelCheck,
) -> None:
    """Compares as stored, then with secrets decrypted, then the neighbours ahead of the cursor."""
    try:
        done = comparer.cached(key) or comparer.compare(key, cancelled)
        if cancelled():
            return
        if done is not showing:
            post(msg.ComparisonReady(done, rows_of(done, shown)))
        if done.secrets == "pending":
            done = comparer.compare_decrypted(key, cancelled)
            if cancelled():
                return
            post(msg.ComparisonReady(done, rows_of(done, shown)))
    except Cancelled:
        return
    for other in neighbours:
        if cancelled():
            return
        try:
            if comparer.cached(other) is None:
                ahead = comparer.compare(other, cancelled)
                if not cancelled():
                    rows_of(ahead, shown)
        except (RewindError, Cancelled):
            continue


def open_all(comparer: Comparer, key: Key, shown: Shown, post: Post, cancelled: CancelCheck) -> None:
    """Builds rows again after a choice; with everything open, all properties are compared first.

    Then it goes on with secrets, if the choice was made while they were being compared.
    """
    done = comparer.cached(key)
    if done is None:
        return
    if shown.unchanged:
        done.unchanged()
    for index in range(len(done.resources)):
        if cancelled():
            return
        if unread(done, index, shown):
            done.details(index, outputs=with_outputs(done, index, shown))
    if not cancelled():
        post(msg.ComparisonReady(done, rows_of(done, shown)))
        compare(comparer, key, done, shown, (), post, cancelled)


def read_details(done: Comparison, index: int, shown: Shown, post: Post) -> None:
    """The properties of one resource that was opened."""
    done.details(index, outputs=with_outputs(done, index, shown))
    post(msg.DetailsRead(done, index))


def prepare(done: Comparison, cancelled: CancelCheck) -> None:
    """The operator has gone into the differences: what is opened there soon comes at once then."""
    with contextlib.suppress(RewindError, Cancelled):  # an error is told where something is really opened
        done.prepare(cancelled)


def load_cause(
    _: Session, generation: int, post: Post, cancelled: CancelCheck, *, comparer: Comparer, number: int
) -> None:
    """Why an update failed; of `LIVE`, what was killed after the newest update."""
    try:
        cause = comparer.cause(number)
    except RewindError:
        cause = None  # the backend is gone, which home says by itself
    if not cancelled():
        post(msg.CauseRead(generation, number, cause))
