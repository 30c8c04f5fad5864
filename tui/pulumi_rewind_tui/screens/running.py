"""The screen of a run: what the engine does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content

from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.screens.stop import Stop, StopScreen
from pulumi_rewind_tui.screens.text_modal import TextModal
from pulumi_rewind_tui.text.cells import Line, facts, heading, paragraph
from pulumi_rewind_tui.text.outcome import Aftermath
from pulumi_rewind_tui.text.result_page import Outcome
from pulumi_rewind_tui.text.run_state import RunState, doing
from pulumi_rewind_tui.widgets.lines import LinesView
from pulumi_rewind_tui.widgets.run_views import RunLogView, RunRowsView
from pulumi_rewind_tui.words.words import elapsed, op_to_do, plural, resource_name
from pulumi_rewind_tui.workers.background import in_thread
from pulumi_rewind_tui.workers.lost_terminal import detach
from pulumi_rewind_tui.workers.runner import Begun, Run, RunBatch, RunEnded, Runner

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.session import Session

INCOMPLETE = 4
"""Exit code when the terminal went away during a run: it can be resumed."""

PHASES = {"guard": "checking", "run": "", "verify": "verifying", "look": "looking"}


class RunningScreen(RewindScreen[None]):
    """Rows above, log below; esc never stops a run, q and ctrl+c ask."""

    CSS_PATH = "running.tcss"
    HELP = (
        "The rollback runs. Ctrl+c asks how to stop it: after the running steps, or immediately. You cannot "
        "leave this screen while it runs. If the terminal is closed, running steps finish and you can resume it."
    )
    FOOTER = ("run.stop", "run.follow", "run.error", "run.raw", "list.open", "run.pane")
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("F", "follow", "follow", id="run.follow", tooltip="Follow the end of the log"),
        Binding("e", "next_error", "next error", id="run.error"),
        Binding(
            "l", "raw", "raw log", id="run.raw", tooltip="Show every event of the engine, or only the important ones"
        ),
        Binding("tab", "app.focus_next", "pane", id="run.pane"),
        Binding("ctrl+c", "ask_interrupt", "stop…", id="run.stop", priority=True),
    ]

    def __init__(
        self, session: Session, plan: Plan, start: int, *, allow_data_loss: bool, begun: Begun | None = None
    ) -> None:
        """`begun`: what has been prepared elsewhere, in place of an ordinary rollback."""
        super().__init__()
        self.session = session
        self.plan = plan
        self.start = start
        """The newest update before the run: undoing leads there."""
        self.allow_data_loss = allow_data_loss
        self.begun = begun
        self.state = RunState((), 0.0)
        self.runner: Runner | None = None
        self.stopping = False
        self.lost = False
        """Whether the terminal went away."""
        self._loop: asyncio.AbstractEventLoop | None = None

    def compose_body(self) -> ComposeResult:
        """Two panes."""
        self.state = RunState(self.plan.steps, self.rewind.clock())
        with Container(id="run"):
            yield RunRowsView(self.state, id="rows", classes="pane")
            yield RunLogView(self.state, id="log", classes="pane")

    def on_mount(self) -> None:
        """Starts the run."""
        self.runner = runner = Runner(self._run(), self.session, self.plan)
        self.rewind.run_in_progress = self
        self.rows.border_title = "Resources"
        self.log_view.border_title = "Log"
        self.rows.show_from(0)
        self.rows.focus()
        self._catch_signals()
        self.set_interval(1.0, self._tick)
        self._tick()
        in_thread(
            self,
            "run",
            lambda cancelled: runner.work(self.post_message, cancelled),
            lambda err: RunEnded(None, err, Aftermath()),
        )

    def _run(self) -> Run:
        from pulumi_rewind.rollback.run import RollbackRun

        if self.begun is not None:
            return self.begun
        return RollbackRun(self.session, self.plan, allow_data_loss=self.allow_data_loss)

    def on_unmount(self) -> None:
        """When the screen closes during a run, asks the run to finish the running steps."""
        self._release_signals()
        if self.rewind.run_in_progress is self:
            self.rewind.run_in_progress = None
            if self.runner is not None:
                self.runner.stop_gently()

    @property
    def rows(self) -> RunRowsView:
        """The resources."""
        return self.query_one(RunRowsView)

    @property
    def log_view(self) -> RunLogView:
        """The log."""
        return self.query_one(RunLogView)

    # Events

    @on(RunBatch)
    def _batch(self, event: RunBatch) -> None:
        first = self.state.apply(event.events, self.rewind.clock())
        if first < self.state.total:
            self.rows.show_from(first)
        self.log_view.grown()
        self._tick()

    @property
    def _doing(self) -> str:
        return "DELETING HELD OBJECTS" if self.plan.prepared.choices.drop_held else "ROLLING BACK"

    def _tick(self) -> None:
        state, table = self.state, self.table
        now = self.rewind.clock()
        failed = state.count("failed")
        phase = "stopping" if self.stopping else PHASES.get(state.phase, state.phase)
        title = self.begun.title if self.begun is not None else self._doing
        pieces: list[Line] = [
            ((f"{title} ", "title"), (self.plan.stack, "bold"), (f" {table['arrow']} ", "dim"),
             (self.plan.target.label, "bold")),
            ((f"{state.count('ok')} of {plural(state.total, 'step')}", "bold"),),
            ((f"{state.count('running')} running", "running" if state.count("running") else "dim"),),
            ((f"{failed} failed", "failed" if failed else "dim"),),
            ((elapsed(state.seconds(now)), ""),),
        ]  # fmt: skip
        if phase:
            pieces.append(((phase + table["ellipsis"], "running"),))
        if state.phase == "run":
            pieces.append((("lock: this rollback", "dim"),))
        self.status.show(pieces)
        self.rows.tick()
        log = self.log_view
        following = "following" if log.follow else "F follows"
        log.border_title = Content(f"{'Raw log' if log.raw else 'Log'} ({following})")

    @on(RunEnded)
    def _ended(self, event: RunEnded) -> None:
        self.state.finish(self.rewind.clock(), succeeded=event.result is not None)
        self.rewind.run_in_progress = None
        self._release_signals()
        if self.lost:
            self.app.exit(0 if event.result is not None else INCOMPLETE)
            return
        outcome = Outcome(self.plan, self.start, event.result, event.error, event.aftermath, self.state)
        self.rewind.post_message(msg.RunFinished(self.session, outcome))

    # Stopping

    def ask_interrupt(self) -> None:
        """Asks whether to keep going, stop or kill; the run continues in the meantime."""
        if isinstance(self.app.screen, StopScreen):
            return

        def answered(how: Stop | None) -> None:
            runner = self.runner
            if how is None or runner is None or self.rewind.run_in_progress is not self:
                return
            self.stopping = True
            now = self.rewind.clock()
            match how:
                case "gently":
                    self.state.note("stopping after the running steps", "hazard", now)
                    self._off_loop(runner.stop_gently)
                case "now":
                    self.state.note("stopping now", "hazard", now)
                    self._off_loop(runner.stop_now)
                case "kill":
                    self.state.note("killed", "failed", now)
                    self._off_loop(runner.kill)
            self.log_view.grown()
            self._tick()

        self.app.push_screen(StopScreen(stopping=self.stopping), answered)

    def _off_loop(self, stop: object) -> None:
        """Stops the run in a thread: stopping may wait for the engine, and keys must still work."""
        assert callable(stop)
        in_thread(self, "stop", lambda _: stop(), lambda err: RunBatch([]))

    def _catch_signals(self) -> None:
        """SIGHUP and SIGTERM let the running steps finish."""
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                self._loop.add_signal_handler(number, self._terminal_lost, number)

    def _release_signals(self) -> None:
        if self._loop is not None:
            for number in (signal.SIGHUP, signal.SIGTERM):
                with contextlib.suppress(ValueError, RuntimeError, NotImplementedError):
                    self._loop.remove_signal_handler(number)
            self._loop = None

    def _terminal_lost(self, number: int) -> None:
        if number == signal.SIGHUP and not self.lost:
            detach(self.app)
        self.lost = self.stopping = True
        if self.runner is not None:
            self._off_loop(self.runner.stop_gently)

    # Keys

    def action_back(self) -> None:
        """Esc never stops a run."""
        self.app.bell()

    def action_ask_interrupt(self) -> None:
        """The same question by the footer."""
        self.ask_interrupt()

    def action_follow(self) -> None:
        """Follows the end of the log."""
        self.log_view.action_to_end()
        self.rows.tracking = True
        self._tick()

    def action_raw(self) -> None:
        """The other log."""
        self.log_view.toggle_raw()
        self._tick()

    def action_next_error(self) -> None:
        """Shows the next error."""
        if self.log_view.next_error() is None:
            self.app.bell()
        self._tick()

    @on(LinesView.Opened, "#rows")
    def _opened(self, event: LinesView.Opened) -> None:
        row = self.state.rows[event.index]
        self.app.push_screen(TextModal(resource_name(row.urn), lambda cells: row_lines(self.state, event.index, cells)))


def row_lines(state: RunState, index: int, cells: int) -> list[Line]:
    """Everything said about one resource."""
    row = state.rows[index]
    lines = facts([("resource", row.urn), ("planned", op_to_do(row.op)), ("now", doing(row) or "waiting")], cells)
    lines += heading("Messages")
    for message in row.messages or ["none"]:
        lines += paragraph(message, cells, indent=2)
    return lines
