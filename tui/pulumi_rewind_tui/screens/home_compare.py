"""The part of home that compares: the diff follows the cursor, in the background."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from textual import events, on
from textual.content import Content
from textual.timer import Timer

from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens import home_loading as loading
from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.text import home_page as text
from pulumi_rewind_tui.text.comparison import LIVE, Comparison, Key
from pulumi_rewind_tui.text.diff_rows import complete, kept_rows
from pulumi_rewind_tui.text.failure import Cause, banner, briefly
from pulumi_rewind_tui.text.side_by_side import COLUMNS
from pulumi_rewind_tui.text.views import DEFAULTS, Look, RowKind, View, row_kind
from pulumi_rewind_tui.widgets.diff_view import DiffView
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.widgets.text_block import TextBlock
from pulumi_rewind_tui.widgets.timeline import TimelineView
from pulumi_rewind_tui.workers.background import CancelCheck, Post, in_thread
from pulumi_rewind_tui.workers.comparer import Comparer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulumi_rewind.history.failed_update import HalfWay
    from pulumi_rewind.session import Session
    from pulumi_rewind.window.held import Held

Load: TypeAlias = "Callable[[Session, int, Post, CancelCheck], None]"
"""Reads a session and posts what it finds, with the generation it belongs to."""

PAUSE = 0.05
"""Seconds the cursor must rest before an unknown comparison is begun."""

PATIENCE = 0.3
"""Seconds an old comparison stays in sight while the new one is made."""

AT_ONCE = 500
"""Changed resources of a known comparison that is drawn before the next key; rows of larger ones are made beside."""

CAUSE_ROWS = 4
"""Lines that the error of a failed update may take above the diff."""

CAUSE_ROWS_SHORT = 2


class ComparingScreen(RewindScreen[None]):
    """Holds the session and shows the comparison of the selected row."""

    def __init__(self) -> None:
        super().__init__()
        self.session: Session | None = None
        self.comparer: Comparer | None = None
        self.views: dict[RowKind, View] = dict(DEFAULTS)
        """Which view the rows of a kind show; the operator's choice stays while the cursor moves."""
        self.reverse = False
        """Whether a marked base is compared the other way round."""
        self._causes: dict[int, Cause | None] = {}
        self.generation = 0
        self.complete = False
        self.bar = text.StatusText()
        self.half_way: HalfWay | None = None
        self.held: tuple[Held, ...] = ()
        """What updates let go of alive."""
        self._moved_by_hand = False
        self._waiting: list[Timer] = []

    def on_resize(self, event: events.Resize) -> None:
        """Old and new stand side by side where the terminal is wide enough."""
        self.diff.stand_beside(event.size.width >= COLUMNS)

    def on_unmount(self) -> None:
        """The process that compares ends with the application."""
        if self.comparer is not None:
            self.comparer.close()

    @property
    def timeline(self) -> TimelineView:
        """The left pane."""
        return self.query_one(TimelineView)

    @property
    def diff(self) -> DiffView:
        """The right pane."""
        return self.query_one(DiffView)

    @property
    def shown_numbers(self) -> tuple[int, ...]:
        """The updates whose states are compared on the screen."""
        return tuple(number for number in self.look().key or () if number > LIVE)

    def look(self, number: int | None = None) -> Look:
        """What is shown of a row; of the selected one if none is named."""
        timeline = self.timeline
        number = timeline.number if number is None else number
        kind = row_kind(number, timeline.updates.get(number))
        return Look(number, self.views[kind], timeline.newest, timeline.marks.base, self.reverse)

    def _stateful(self, type_: str) -> bool:
        from pulumi_rewind.state.stateful_types import is_stateful

        return is_stateful(type_, self.session.settings.stateful_types if self.session else ())

    def _show_status(self) -> None:
        self.status.show(*self.bar.pieces())

    def refilter(self) -> None:
        """Applies the filter again; see `FilteringScreen`."""

    def read_in_thread(self, group: str, load: Load) -> None:
        """Runs a read in a thread; reports an error only if the session is still open."""
        session, generation = self.session, self.generation
        if session is not None:
            in_thread(
                self,
                group,
                lambda cancelled: load(session, generation, self.post_message, cancelled),
                lambda err: msg.LoadFailed(generation, err),
            )

    def _stop_timers(self) -> None:
        for timer in self._waiting:
            timer.stop()
        self._waiting.clear()

    def compare_soon(self, *, at_once: bool = False) -> None:
        """Shows the comparison of the selected row: now if it is known, else when the cursor rests."""
        self._stop_timers()
        for group in ("diff", "prepare"):
            self.workers.cancel_group(self, group)
        if self.comparer is None:
            return
        timeline = self.timeline
        look = self.look()
        key = look.key
        self.update_footer()
        self._show_cause(look)
        if key is None:
            self.title_diff("")
            nothing = text.no_updates(self.session) if not timeline.total else None
            self.diff.show_note(*nothing or text.same_side(timeline.number, timeline.marks))
            return
        done = self.comparer.cached(key)
        beside = done is not None and done is not self.diff.comparison and not self._quickly_drawn(done)
        if done is not None and not beside:
            self._show(done)
        elif self.diff.comparison is None or self.diff.comparison.key != key:
            self._waiting.append(self.set_timer(PATIENCE, lambda: self._say_comparing(look, key)))
        delay = 0.001 if at_once or beside else PAUSE
        self._waiting.append(self.set_timer(delay, lambda: self._compare(key)))

    def _quickly_drawn(self, done: Comparison) -> bool:
        shown = self.diff.shown
        return kept_rows(done, shown) is not None or (len(done.resources) <= AT_ONCE and complete(done, shown))

    def _say_comparing(self, look: Look, key: Key) -> None:
        """Replaces the old comparison and its title at the same time."""
        self.title_diff(text.begun_title(look, key, self.rewind.ascii_only))
        self.diff.show_note((("comparing…", "dim"),))

    def _compare(self, key: Key) -> None:
        comparer, shown, showing = self.comparer, self.diff.shown, self.diff.comparison
        if comparer is None:
            return
        near = (self.timeline.number_at(self.timeline.cursor + step) for step in (1, -1))
        pairs = (self.look(number).key for number in near if number != LIVE)
        neighbours = tuple(other for other in pairs if other is not None)
        in_thread(
            self,
            "diff",
            lambda cancelled: loading.compare(comparer, key, showing, shown, neighbours, self.post_message, cancelled),
            lambda err: msg.ComparisonFailed(key, err),
        )

    @on(msg.ComparisonReady)
    def _comparison_ready(self, event: msg.ComparisonReady) -> None:
        if event.comparison.key == self.look().key:
            self._stop_timers()
            self._show(event.comparison, event)

    def _show(self, done: Comparison, event: msg.ComparisonReady | None = None) -> None:
        diff = self.diff
        if event is None and diff.comparison is done:
            self._show_titles(done)
            return
        diff.show_comparison(done, event.rows if event is not None else kept_rows(done, diff.shown))
        self._show_titles(done)
        self.bar.secrets = done.secrets
        self._show_status()
        self.refilter()

    def _show_titles(self, done: Comparison) -> None:
        """Which view this is, what - and + mean; two views of live's newest update may have the same sides."""
        diff, look = self.diff, self.look()
        self.title_diff(text.diff_title(look, done, self.rewind.ascii_only), text.diff_subtitle(look, done))
        if not done.resources and not diff.rows:
            diff.note = text.nothing_differs(look, done)
            diff.changed()

    def title_diff(self, title: str, subtitle: str = "") -> None:
        """What the pane compares, on the frame around it."""
        for widget in (self.diff, self.query_one("#differences")):
            widget.border_title, widget.border_subtitle = Content(title), Content(subtitle)

    # Why an update failed

    def ask_cause(self, number: int) -> None:
        """Reads why an update failed; a message brings it."""
        if number not in self._causes and self.comparer is not None:
            read = partial(loading.load_cause, comparer=self.comparer, number=number)
            self.read_in_thread(f"cause-{number}", read)

    def forget_causes(self, *numbers: int) -> None:
        """What is known of these, or being read, is no longer so."""
        for number in numbers:
            self._causes.pop(number, None)
            self.workers.cancel_group(self, f"cause-{number}")

    def show_why(self) -> None:
        """The error of the update that failed half-way, below the offer of the way back."""
        cause = self._causes.get(self.half_way.failed.number) if self.half_way is not None else None
        said = briefly(cause) if cause is not None and cause.told else ""
        line = self.query_one("#why", NoteLine)
        line.set_class(bool(said), "-shown")
        line.show((("   ", ""), (said, "failed")))

    def _show_cause(self, look: Look) -> None:
        """The error of a failed update above what it did; of one that was killed above what live has since then."""
        block = self.query_one("#cause", TextBlock)
        number, update = look.number, self.timeline.updates.get(look.number)
        failed = look.view == "did" and row_kind(number, update) == "failed"
        killed = number == LIVE and look.view == "since" and self.timeline.marks.known
        if look.base is not None or not (failed or killed):
            block.set_class(False, "-shown")
        elif number in self._causes:
            self._draw_cause(self._causes[number])
        else:
            block.set_class(False, "-shown")
            self.ask_cause(number)

    def _draw_cause(self, cause: Cause | None) -> None:
        block = self.query_one("#cause", TextBlock)
        block.set_class(cause is not None, "-shown")
        if cause is not None:
            rows = CAUSE_ROWS_SHORT if self.has_class("-short") else CAUSE_ROWS
            block.show(lambda cells: banner(cause, cells, rows, self.table))

    @on(msg.CauseRead)
    def _cause_read(self, event: msg.CauseRead) -> None:
        if event.generation == self.generation:
            self._causes[event.number] = event.cause
            self.show_why()
            look = self.look()
            if look.number == event.number:
                self._show_cause(look)

    @on(msg.ComparisonFailed)
    def _comparison_failed(self, event: msg.ComparisonFailed) -> None:
        from pulumi_rewind.errors import CheckpointError

        self._stop_timers()
        number = event.error.number if isinstance(event.error, CheckpointError) else 0
        if number:
            self.timeline.marks.broken[number] = "damaged state"
            self.timeline.changed()
        look = self.look()
        if event.key != look.key:
            return  # of a row that the cursor has left
        self.title_diff(text.begun_title(look, event.key, self.rewind.ascii_only))
        self.diff.show_note(*text.error_lines(event.error, text.meaning(event.error, look, number)))

    @on(DiffView.RebuildWanted)
    def _rebuild_wanted(self) -> None:
        comparer, done, shown = self.comparer, self.diff.comparison, self.diff.shown
        if comparer is None or done is None:
            return
        in_thread(
            self,
            "diff",
            lambda cancelled: loading.open_all(comparer, done.key, shown, self.post_message, cancelled),
            lambda err: msg.ComparisonFailed(done.key, err),
        )

    @on(DiffView.DetailsWanted)
    def _properties_wanted(self, event: DiffView.DetailsWanted) -> None:
        done, index, shown = event.comparison, event.index, self.diff.shown
        in_thread(
            self,
            f"details-{index}",
            lambda _: loading.read_details(done, index, shown, self.post_message),
            lambda err: msg.ComparisonFailed(done.key, err),
        )

    @on(msg.DetailsRead)
    def _properties_read(self, event: msg.DetailsRead) -> None:
        if self.diff.comparison is event.comparison:
            self.diff.show_details(event.index)

    @on(DiffView.Entered)
    def _diff_entered(self) -> None:
        done = self.diff.comparison
        if done is not None:
            in_thread(
                self,
                "prepare",
                lambda cancelled: loading.prepare(done, cancelled),
                lambda err: msg.ComparisonFailed(done.key, err),
            )

    @on(DiffView.RevealWanted)
    def _reveal_wanted(self, event: DiffView.RevealWanted) -> None:
        done = self.diff.comparison
        if done is None:
            return

        def work(cancelled: CancelCheck) -> None:
            change = done.revealed(event.index, event.path)
            if change is not None and not cancelled():
                self.post_message(msg.SecretRevealed(done, event.position, change))

        in_thread(self, "reveal", work, lambda err: msg.ComparisonFailed(done.key, err))

    @on(msg.SecretRevealed)
    def _secret_revealed(self, event: msg.SecretRevealed) -> None:
        if self.diff.comparison is event.comparison:
            self.diff.show_revealed(event.position, event.change)

    @on(DiffView.UnlockWanted)
    def action_passphrase(self) -> None:
        """Asks for a passphrase and compares again."""
        done = self.diff.comparison
        if self.comparer is None or self.session is None:
            return

        self.rewind.ask_passphrase(done.reason if done is not None else "", lambda: self.compare_soon(at_once=True))

    def passphrase_added(self, passphrase: str) -> None:
        """A passphrase was given: what could not be compared is compared again."""
        if self.comparer is not None:
            self.comparer.add_passphrase(passphrase)
