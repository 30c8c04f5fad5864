"""The part of home that tells of an update that waits for a confirmation: a countdown, and the keys that decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.timer import Timer
from textual.widget import Widget

from pulumi_rewind.errors import RewindError, SecretsError
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.home_watching import WatchingScreen
from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.widgets.text_block import TextBlock
from pulumi_rewind_tui.workers.background import CancelCheck, in_thread

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.window.deadline import Deadline, Deadlines
    from pulumi_rewind_tui.workers.taking_back import BackFailed, BackPlanned

LONGER: Final = 3600.0
"""Seconds that the key adds."""

DECIDING: Final = frozenset({"keep_update", "wait_longer", "take_back"})


class DecidingScreen(WatchingScreen):
    """Shows the update that waits, as the last look found it; the clock alone moves the countdown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("C", "keep_update", "keep…", id="home.keep",
                tooltip="Confirm the update that waits, so that nobody takes it back"),
        Binding("X", "wait_longer", "1 h more", id="home.extend",
                tooltip="Give the update that waits an hour more"),
        Binding("A", "take_back", "take back…", id="home.abort",
                tooltip="Take the update that waits back now"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.waits: Deadline | None = None
        """What waits, as it was last read."""
        self._unread = ""
        """Why nobody knows whether something waits."""
        self._decided: set[str] = set()
        """What waits no longer: a look that was under way then may still have seen it."""
        self._countdown: Timer | None = None

    def compose_waiting(self) -> Iterator[Widget]:
        """The band."""
        yield TextBlock(self._band, id="waiting")

    def on_mount(self) -> None:
        """The countdown stands still until something waits."""
        self._countdown = self.set_interval(1.0, self._tick, pause=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """The keys work while something can be decided."""
        if action in DECIDING:
            return self.waits is not None and not self.waits.taken_by
        return super().check_action(action, parameters)

    def read_beside(self, session: Session) -> None:
        """Which update waits; one question more for each look."""
        from pulumi_rewind.window.deadline import Deadlines

        try:
            self.post_message(msg.WaitingRead(session, Deadlines(session).read(quick=True).deadline))
        except RewindError as err:
            self.post_message(msg.WaitingRead(session, None, session.redactor.said(err)))

    @on(msg.WaitingRead)
    def _waiting_read(self, event: msg.WaitingRead) -> None:
        if event.session is not self.session:
            return
        found, known = event.deadline, self.waits
        if event.problem or (found is not None and found.run in self._decided):
            found = known
        elif found is not None and known is not None and found.run == known.run and found.until < known.until:
            found = known  # time is only ever added
        self._show_waiting(found, event.problem)

    def forget_waiting(self) -> None:
        """Another stack is about to open."""
        self._show_waiting(None)

    def _show_waiting(self, deadline: Deadline | None, problem: str = "") -> None:
        if (deadline, problem) == (self.waits, self._unread):
            return  # the backend is looked at every few seconds; at rest nothing is painted
        self.waits, self._unread = deadline, problem
        block = self.query_one("#waiting", TextBlock)
        block.set_class(deadline is not None or bool(self._unread), "-shown")
        if self._countdown is not None:
            if deadline is None:
                self._countdown.pause()
            else:
                self._countdown.resume()
        block.refresh(layout=True)
        self.refresh_bindings()

    def _tick(self) -> None:
        block = self.query_one("#waiting", TextBlock)
        block.refresh(layout=len(self._band(block.size.width)) != block.size.height)

    def _band(self, cells: int) -> list[Line]:
        if self.waits is not None:
            from pulumi_rewind_tui.text.waiting import band

            return band(self.waits, self.rewind.clock(), cells, self.table)
        if not self._unread:
            return []
        return [((f" {self.table['hazard']} whether an update waits is not known: ", "hazard"), (self._unread, ""))]

    # Keys

    def action_keep_update(self) -> None:
        """Asks, then confirms the update that waits."""
        from pulumi_rewind_tui.screens.deciding import KeepScreen

        deadline = self.waits
        if deadline is None:
            return

        def keep(deadlines: Deadlines) -> msg.WaitingChanged:
            from pulumi_rewind.confirming.verdicts import confirm

            confirm(deadlines, deadline.run)
            return msg.WaitingChanged(deadline, f"#{deadline.update} stays", kept=True)

        def answered(yes: bool | None) -> None:
            if yes:
                self._decide(deadline, keep)

        self.app.push_screen(KeepScreen(deadline), answered)

    def action_wait_longer(self) -> None:
        """Adds an hour: nothing is lost by that."""
        deadline = self.waits
        if deadline is None:
            return

        def extend(deadlines: Deadlines) -> msg.WaitingChanged:
            from pulumi_rewind_tui.words.words import local_time

            later = deadlines.extend(deadline.run, LONGER)
            return msg.WaitingChanged(later, f"#{later.update} waits until {local_time(later.until)}")

        self._decide(deadline, extend)

    def action_take_back(self) -> None:
        """Asks, plans the way back in the dialog, and runs it."""
        from pulumi_rewind_tui.screens.deciding import TakeBackScreen

        session, deadline = self.session, self.waits
        if session is None or deadline is None:
            return

        def planned(found: BackPlanned | BackFailed | None) -> None:
            from pulumi_rewind_tui.screens.running import RunningScreen
            from pulumi_rewind_tui.workers.taking_back import BackFailed, PlannedBack

            if isinstance(found, BackFailed):
                self._not_taken_back(found)
            elif found is not None:
                plan, begun = found.plan, PlannedBack(found.back, found.plan)
                self.app.push_screen(RunningScreen(session, plan, found.start, allow_data_loss=False, begun=begun))

        self.app.push_screen(TakeBackScreen(session, deadline), planned)

    def _not_taken_back(self, found: BackFailed) -> None:
        for text in found.told:
            self.notify(text, timeout=20, markup=False)
        retry = self.action_take_back if isinstance(found.error, SecretsError) else None
        self.rewind.fail(found.error, meaning="No step of the way back was run.", retry=retry)

    def _decide(self, deadline: Deadline, how: Callable[[Deadlines], msg.WaitingChanged]) -> None:
        session, clock = self.session, self.rewind.clock
        if session is None:
            return

        def work(_: CancelCheck) -> None:
            from pulumi_rewind.window.deadline import Deadlines

            self.post_message(how(Deadlines(session, clock)))

        in_thread(self, "decide", work, lambda err: msg.WaitingChanged(deadline, error=err))

    @on(msg.WaitingChanged)
    def _waiting_changed(self, event: msg.WaitingChanged) -> None:
        if event.error is not None:
            self.rewind.fail(event.error, meaning="Nothing was decided about the update that waits.")
            return
        if event.kept:
            self._decided.add(event.deadline.run)
        if self.waits is not None and self.waits.run == event.deadline.run:
            self._show_waiting(None if event.kept else event.deadline)
        self.notify(event.said, timeout=5, markup=False)
