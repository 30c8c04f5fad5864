"""Home: the timeline, and what going back to the selected update would change."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from pulumi_rewind.state.locks import may_run
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens import home_loading as loading
from pulumi_rewind_tui.screens.home_waiting import DecidingScreen
from pulumi_rewind_tui.screens.web_page import open_page
from pulumi_rewind_tui.text import home_page as text
from pulumi_rewind_tui.text.comparison import LIVE
from pulumi_rewind_tui.text.held import by_update, held_note
from pulumi_rewind_tui.text.views import DEFAULTS, next_view, next_words, row_kind
from pulumi_rewind_tui.widgets.backdrop import Backdrop, Uniform
from pulumi_rewind_tui.widgets.diff_view import DiffView
from pulumi_rewind_tui.widgets.filter_bar import FilterBar, FilterInput
from pulumi_rewind_tui.widgets.footer import FooterKey
from pulumi_rewind_tui.widgets.lines import LinesView
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.widgets.text_block import TextBlock
from pulumi_rewind_tui.widgets.timeline import TimelineView
from pulumi_rewind_tui.workers.comparer import Comparer
from pulumi_rewind_tui.workers.diff_process import SessionSpec
from pulumi_rewind_tui.workers.watch import OVERDUE

if TYPE_CHECKING:
    from pulumi_rewind.history.failed_update import HalfWay
    from pulumi_rewind.session import Session
    from pulumi_rewind.window.held import Held


class HomeScreen(DecidingScreen, Uniform):
    """Timeline left or above, diff right or below."""

    HELP = (
        "The timeline shows every update of the stack, newest first; live is on top and ★ is the newest successful "
        "update that differs from live, a verified one before others. The pane beside it compares two states, and its "
        "title says which: what a rollback from live to the selected update changes, what has changed since it, or "
        "what it did. d switches between these three; a failed update starts with what it did and why it failed. Red "
        "with - is only on the left of the arrow, green with + only on the right. With a base (m) everything is "
        "compared with it, and d turns the direction. Nothing changes before you have reviewed and confirmed a plan "
        "(r)."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "roll_back", "roll back…", id="home.rollback", tooltip="Review the rollback to this update"),
        Binding("R", "roll_back_failed", "undo failure…", id="home.failed",
                tooltip="Review the rollback to the update before the failed one"),
        Binding("d", "view", "next view", id="home.view",
                tooltip="What it did, what a rollback to it changes, changes since then; with a base: the direction"),
        Binding("B", "blame", "blame", id="home.blame", tooltip="Show which update set each property last"),
        Binding("slash", "filter", "filter", id="home.filter", key_display="/"),
        Binding("n", "match(1)", "next match", id="home.next-match"),
        Binding("N", "match(-1)", "previous match", id="home.previous-match"),
        Binding("H", "held", "held", id="home.held", tooltip="Show what is held, and delete it for good"),
        Binding("s", "stacks", "stacks", id="home.stacks", tooltip="Open another stack"),
        Binding("p", "passphrase", "passphrase", id="home.passphrase", tooltip="Unlock secrets for comparing"),
        Binding("ctrl+r,f5", "refresh", "read again", id="home.refresh", tooltip="Read the backend again"),
    ]  # fmt: skip
    TIMELINE_FOOTER = (
        "list.open", "home.rollback", "home.view", "home.filter", "timeline.mark", "home.stacks", "timeline.details",
        "home.blame",
    )  # fmt: skip
    DIFF_FOOTER = (
        "diff.toggle", "home.rollback", "home.blame", "home.view", "screen.back", "diff.next", "diff.outputs",
        "diff.reveal", "diff.copy",
    )  # fmt: skip

    def compose_body(self) -> ComposeResult:
        """An offer, if there is one, two panes and the filter."""
        yield NoteLine(id="offer")
        yield NoteLine(id="why")
        yield NoteLine(id="held")
        yield from self.compose_waiting()
        with Backdrop(id="panes"):
            yield TimelineView(id="timeline", classes="pane")
            with Vertical(id="differences", classes="pane"):
                yield TextBlock(lambda _: (), id="cause")
                yield DiffView(id="diff", stateful=self._stateful)
        yield FilterBar()

    def on_mount(self) -> None:
        """Says that something is on its way."""
        self.timeline.border_title = "Timeline"
        self.opening()
        self.status.show([(("opening…", "dim"),)])
        self.timeline.focus()

    @on(events.DescendantFocus)
    def _focus_moved(self) -> None:
        """A small terminal gives the pane that is read most of its rows."""
        self.set_class(self.diff.has_focus, "-reading")

    def footer_ids(self) -> Sequence[str]:
        """The keys of the focused pane."""
        if isinstance(self.focused, FilterInput):
            return ("filter.keep", "filter.clear")
        return self.DIFF_FOOTER if self.focused is not None and self.focused.id == "diff" else self.TIMELINE_FOOTER

    def footer_keys(self) -> list[FooterKey]:
        """The key of the views says what comes next."""
        words = next_words(self.look())
        return [
            msgspec.structs.replace(key, label=words) if key.action == "view" else key for key in super().footer_keys()
        ]

    # Opening and reading

    def closing(self) -> None:
        """Another stack is about to open."""
        self._stop_timers()
        self.generation += 1
        for group in ("diff", "reveal"):
            self.workers.cancel_group(self, group)
        self.forget_news()
        self.session = None
        self.forget_waiting()
        self.bar = text.StatusText()
        self._show_status()
        self._causes.clear()
        self._offer(None)
        self._say_held(())
        self.action_drop_filter()
        self.timeline.reset(0)
        self.timeline.marks.base = None
        self.views, self.reverse = dict(DEFAULTS), False
        self.opening()
        self.title_diff("")
        self._show_cause(self.look())

    def opening(self) -> None:
        """Says that a stack is on its way, and after a while why that takes so long."""
        self.diff.show_note((("opening the stack…", "dim"),))

        def go_on() -> None:
            if self.bar.total is None:
                late = (("The backend has not answered yet. q quits.", ""),)
                self.diff.show_note((("opening the stack…", "dim"),), late)

        self.set_timer(OVERDUE, go_on)

    def open_session(self, session: Session) -> None:
        """Shows a stack."""
        self.session = session
        if self.comparer is not None:
            self.comparer.close()
        app = self.rewind
        spec = SessionSpec(app.cwd.absolute(), str(session.stack), session.backend.url, dict(app.environ))
        self.comparer = Comparer(session, spec)
        self._moved_by_hand = False
        self.bar = text.StatusText(session)
        self._show_status()
        self._read()

    def refresh_all(self) -> None:
        """Reads everything again: the stack has changed."""
        if self.session is not None and self.comparer is not None:
            self.session.reload()
            self.comparer.forget()
            self._read()

    def _read(self) -> None:
        self.generation += 1
        self.watching.seen = None
        self._causes.clear()
        self.complete = False
        assert self.comparer is not None
        self.read_in_thread("history", partial(loading.load_timeline, comparer=self.comparer))

    @on(msg.HistoryLoaded)
    def _history_loaded(self, event: msg.HistoryLoaded) -> None:
        if event.generation != self.generation:
            return
        timeline = self.timeline
        if event.first is not None:
            self._first = event.first
            number = timeline.number
            timeline.reset(event.total)
            self.bar.total = event.total
            self._show_status()
            timeline.add_updates(event.updates)
            timeline.select(number if self._moved_by_hand else timeline.newest, tell=False)
        else:  # what has come meanwhile is news, which `StackMoved` brings
            timeline.add_updates(update for update in event.updates if update.number <= timeline.newest)
        self.complete = self.complete or event.complete
        self.refilter()
        if event.first is not None:
            self.read_rest()
            self.compare_soon(at_once=True)

    @on(msg.MarksLoaded)
    def _marks_loaded(self, event: msg.MarksLoaded) -> None:
        if event.generation == self.generation:
            self.follow_on()
            self.apply_marks(event)
            if event.last_good and not self._moved_by_hand:
                self.timeline.select(event.last_good)
            elif self.timeline.number == LIVE:
                self.compare_soon()  # it may be that an update was killed, which its row tells

    def apply_marks(self, marks: msg.MarksLoaded) -> None:
        """Live, the last good update, locks and the offer."""
        super().apply_marks(marks)
        shown = self.timeline.marks
        shown.known, shown.live, shown.last_good, shown.problem = True, marks.live, marks.last_good, marks.problem
        shown.locked = may_run(marks.locks)
        shown.held = {number: len(several) for number, several in by_update(marks.held).items()}
        self._offer(marks.half_way)
        self._say_held(marks.held)
        self.bar.locks = marks.locks
        self.bar.has_secrets = marks.secrets
        self._show_status()
        self.timeline.changed()

    def _offer(self, found: HalfWay | None) -> None:
        """Offers a rollback if the newest update failed half-way."""
        self.half_way = found
        line = self.query_one("#offer", NoteLine)
        line.set_class(found is not None, "-shown")
        if found is not None:
            line.show(text.offer(found, self.rewind.ascii_only))
            self.ask_cause(found.failed.number)
        self.show_why()
        self.refresh_bindings()

    def _say_held(self, found: Sequence[Held]) -> None:
        """One line about what is held."""
        self.held = tuple(found)
        line = self.query_one("#held", NoteLine)
        line.set_class(bool(found), "-shown")
        line.show(held_note(found, self.rewind.clock(), self.table["hold"]))
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys of the offer, of what is held and of what waits work while there is some."""
        if action == "held":
            return bool(self.held)
        if action == "roll_back_failed":
            return self.half_way is not None
        return super().check_action(action, parameters)

    @on(msg.EntriesLoaded)
    def _entries_loaded(self, event: msg.EntriesLoaded) -> None:
        if event.generation == self.generation:
            self.timeline.add_entries(event.entries)
            if event.head:
                self.bar.head = event.head
                self._show_status()
            self.refilter()

    @on(msg.LoadFailed)
    def _load_failed(self, event: msg.LoadFailed) -> None:
        if event.generation == self.generation:
            self.rewind.fail(
                event.error,
                meaning="The stack is not affected. What is on screen was read before and may be out of date.",
                retry=self.refresh_all,
            )

    @on(TimelineView.Wanted)
    def _more_wanted(self, event: TimelineView.Wanted) -> None:
        self.read_in_thread("more", partial(loading.load_more, before=event.before))

    # Keys and moves

    @on(LinesView.Moved, "#timeline")
    def _moved(self) -> None:
        self._moved_by_hand = True
        self.compare_soon()

    @on(LinesView.Opened, "#timeline")
    def _opened(self) -> None:
        self.diff.focus()

    @on(TimelineView.MarkToggled)
    def _mark_toggled(self, event: TimelineView.MarkToggled) -> None:
        marks = self.timeline.marks
        marks.base = None if marks.base == event.number else event.number
        self.reverse = False
        self.timeline.changed()
        self.compare_soon()

    @on(TimelineView.DetailsWanted)
    def _details_wanted(self, event: TimelineView.DetailsWanted) -> None:
        update = self.timeline.updates.get(event.number)
        if self.session is None or update is None:
            self.app.bell()
            return
        self.rewind.post_message(msg.DetailsRequested(update, self.timeline.entries.get(event.number)))

    @on(TimelineView.PageWanted)
    def _page_wanted(self, event: TimelineView.PageWanted) -> None:
        if self.session is not None:
            open_page(self, self.session, self.timeline.updates.get(event.number))

    def action_roll_back(self) -> None:
        """Asks the application for the review of the selected update."""
        update = self.timeline.updates.get(self.timeline.number)
        if update is None:
            self.app.bell()  # live itself: nothing to go back to
            return
        self.rewind.post_message(msg.RollbackRequested(f"#{update.number}"))

    def action_roll_back_failed(self) -> None:
        """Asks for the review of the rollback of an update that failed half-way."""
        if self.half_way is not None:
            self.rewind.post_message(msg.RollbackRequested(f"#{self.half_way.good.number}"))

    def action_view(self) -> None:
        """The row's next view; with a base, the other direction."""
        look = self.look()
        if look.base is not None:
            self.reverse = not self.reverse
        else:
            kind = row_kind(look.number, self.timeline.updates.get(look.number))
            self.views[kind] = next_view(kind, look.view)
        self.compare_soon(at_once=True)

    def action_blame(self) -> None:
        """Blames the resource under the cursor of the diff, or its first one."""
        diff = self.diff
        row = diff.current
        urn = diff.live_urn if diff.comparison is not None else ""
        if not urn:
            self.notify("Move to a resource in the differences (Tab), then press the key again.", severity="warning")
            return
        path = row.change.path if row is not None and row.change is not None and diff.has_focus else ""
        self.rewind.post_message(msg.BlameRequested(urn, path))

    def action_stacks(self) -> None:
        """Opens the picker."""
        self.rewind.post_message(msg.StacksRequested())

    def action_held(self) -> None:
        """Shows what is held."""
        from pulumi_rewind_tui.screens.held import HeldScreen

        if self.session is not None:
            self.app.push_screen(HeldScreen(self.session, self.held, self.rewind.clock()))

    def action_refresh(self) -> None:
        """Reads the backend again."""
        self.refresh_all()

    def action_back(self) -> None:
        """Filter off, then to the timeline, then base off; never quits."""
        if self.drop_filter():
            return
        if self.diff.has_focus:
            self.timeline.focus()
        elif self.timeline.marks.base is not None:
            self.timeline.marks.base = None
            self.timeline.changed()
            self.compare_soon()
