"""The application: opens a stack, routes between screens, keeps quitting safe."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.message import Message
from textual.screen import Screen

from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.base import RewindScreen
from pulumi_rewind_tui.screens.home import HomeScreen
from pulumi_rewind_tui.theme import NAMES, PREFIX, ThemedApp, theme_name, themes
from pulumi_rewind_tui.widgets.ascii_filter import AsciiFilter
from pulumi_rewind_tui.widgets.few_colours_filter import FewColoursFilter
from pulumi_rewind_tui.workers.background import CancelCheck, clean, in_thread

if TYPE_CHECKING:
    from pulumi_rewind.choices import Choices
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.host import RunControl

EXIT_SECONDS = 5.0
"""How long quitting waits for readers in threads; the terminal is restored long before."""

COLLECT_AFTER = 1.0
"""Seconds after which Python collects garbage again; it costs a tenth of the start-up."""


class RewindApp(ThemedApp):
    """The application; the only class that knows all screens (they know it as `Host`)."""

    TITLE = "pulumi-rewind"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["app.tcss", "screens/base.tcss", "screens/home.tcss"]
    COMMAND_PALETTE_BINDING = "ctrl+p"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark", "help", "help", id="app.help", key_display="?"),
        Binding("q", "quit", "quit", id="app.quit"),
        Binding("ctrl+q", "quit", "quit", id="app.quit-too", show=False, priority=True),
        Binding("ctrl+c", "interrupt", "stop or quit", id="app.interrupt", show=False, priority=True),
        Binding("ctrl+p", "command_palette", "palette", id="app.palette", show=False, priority=True,
                tooltip="Find any action, update, resource, stack or theme"),
        Binding("ctrl+t", "next_theme", "next theme", id="app.theme",
                tooltip="Change the colours; remembered for the next start"),
    ]  # fmt: skip

    def __init__(
        self,
        *,
        cwd: Path | None = None,
        stack: str | None = None,
        backend: str | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.time,
        theme: str | None = None,
        ascii_only: bool = False,
    ) -> None:
        super().__init__()
        self.cwd = cwd or Path()
        self.stack_name = stack
        self.backend_url = backend
        self.environ = os.environ if environ is None else environ
        self.clock = clock
        """Unix seconds; tests freeze it."""
        self.ascii_only = ascii_only
        self.session: Session | None = None
        self.run_in_progress: RunControl | None = None
        """Set by the running screen; while it is, nothing quits."""
        self._kept_choices: dict[tuple[str, str], Choices] = {}
        """By stack and target: what was chosen in reviews that were left."""
        for each in themes():
            self.register_theme(each)
        self.theme = theme_name(theme or "dark")

    def get_default_screen(self) -> Screen[Any]:
        """Home is at the bottom of the stack of screens."""
        return HomeScreen()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every row goes through before it is drawn."""
        usual = list(super().get_line_filters())
        if self.console.color_system == "standard" and not (self.no_color or self.is_headless):
            usual.append(FewColoursFilter())
        return [*usual, AsciiFilter()] if self.ascii_only else usual

    def on_mount(self) -> None:
        """Opens the stack in the background after the first paint, which would else share the processor with it."""
        self.call_after_refresh(self.open_stack, self.stack_name)
        self.set_timer(COLLECT_AFTER, self._collect_from_now_on)

    def _collect_from_now_on(self) -> None:
        """Enables garbage collection after the first screen is built, without scanning what exists by then."""
        gc.freeze()
        gc.enable()

    # Opening a stack

    def open_stack(self, name: str | None) -> None:
        """Opens a stack (None: the current one) in the background; a message says how it went."""
        in_thread(self, "session", partial(self._open, name), msg.SessionFailed)

    def _open(self, name: str | None, cancelled: CancelCheck) -> None:
        from pulumi_rewind.errors import RewindError
        from pulumi_rewind.session import open_session

        session = open_session(self.cwd, stack=name, backend=self.backend_url, environ=self.environ)
        keys, clashes = self._keys(session) if session.settings.keys else ({}, ())
        if cancelled():
            return  # another stack was chosen meanwhile
        self.post_message(msg.SessionOpened(session, keys, clashes))
        try:
            entry = session.journal.read()
        except RewindError as err:
            session.redactor.error(err)
            found: Message | None = msg.JournalUnread(err)
        else:
            found = msg.InterruptedFound(entry) if entry and not session.journal.running(entry) else None
        if found is not None and not cancelled():
            self.post_message(found)

    def _keys(self, session: Session) -> tuple[dict[str, str], tuple[str, ...]]:
        """The keys as the settings change them, and the conflicts between them."""
        from pulumi_rewind.project.settings import where_set
        from pulumi_rewind_tui.screens.actions import actions, clashes, keymap

        at = partial(where_set, session.workspace.root, self.environ)
        found = actions(type(self), session.settings.keys, at)
        return keymap(found), tuple(clashes(found))

    @on(msg.SessionOpened)
    def _session_opened(self, event: msg.SessionOpened) -> None:
        self.session = event.session
        settings = event.session.settings
        if settings.ascii and not self.ascii_only:
            self.ascii_only = True
            for screen in self.screen_stack:
                screen.add_class("-ascii")
        self.set_keymap(event.keys)
        if event.clashes:
            text = "\n".join([*event.clashes, "`pulumi-rewind keys` lists all keys."])
            self.notify(text, title="Two actions on one key", severity="warning", timeout=20, markup=False)
        self.home.open_session(event.session)

    @on(msg.SessionFailed)
    def _session_failed(self, event: msg.SessionFailed) -> None:
        from pulumi_rewind_tui.screens.empty import EmptyScreen

        self.push_screen(EmptyScreen(event.error))

    @property
    def home(self) -> HomeScreen:
        """The screen at the bottom."""
        home = self.screen_stack[0]
        assert isinstance(home, HomeScreen)
        return home

    # Routes

    @on(msg.RollbackRequested)
    def _review(self, event: msg.RollbackRequested) -> None:
        if self.session is None:
            return
        from pulumi_rewind_tui.screens.result import ResultScreen
        from pulumi_rewind_tui.screens.review import ReviewScreen

        if isinstance(self.screen, ReviewScreen) and self.screen.request.target == event.target:
            return  # the key was pressed twice: one plan is made, not two at once
        kept = self._kept_choices.get((str(self.session.stack), event.target)) if event.choices is None else None
        screen = ReviewScreen(self.session, event.target, event.choices or kept)
        screen.kept = kept is not None
        if isinstance(self.screen, ResultScreen):
            self.switch_screen(screen)
        else:
            self.push_screen(screen)

    def keep_choices(self, session: Session, target: str, choices: Choices) -> None:
        """Remembers, until the application ends, what was chosen in a review that was left."""
        self._kept_choices[str(session.stack), target] = choices

    def start_run(self, session: Session, target: str, plan: Plan, start: int, *, allow_data_loss: bool) -> None:
        """Starts a reviewed run; the next review of this target starts without choices."""
        from pulumi_rewind_tui.screens.running import RunningScreen

        self._kept_choices.pop((str(session.stack), target), None)
        self.switch_screen(RunningScreen(session, plan, start, allow_data_loss=allow_data_loss))

    @on(msg.RunFinished)
    def _run_finished(self, event: msg.RunFinished) -> None:
        from pulumi_rewind_tui.screens.result import ResultScreen
        from pulumi_rewind_tui.screens.running import RunningScreen

        run = next((screen for screen in self.screen_stack if isinstance(screen, RunningScreen)), self.screen)
        while self.screen is not run:  # the operator may have opened something else meanwhile
            self.pop_screen()
        self.switch_screen(ResultScreen(event.session, event.outcome))
        self.home.refresh_all()

    @on(msg.InterruptedFound)
    def _interrupted(self, event: msg.InterruptedFound) -> None:
        if self.session is None:
            return
        from pulumi_rewind_tui.screens.interrupted import InterruptedScreen

        self.push_screen(InterruptedScreen(self.session, event.entry))

    @on(msg.JournalUnread)
    def _journal_unread(self, event: msg.JournalUnread) -> None:
        text = f"{event.error}\n{event.error.hint}".strip()
        self.notify(text, title="A rollback may be running", severity="error", timeout=60, markup=False)

    @on(msg.BlameRequested)
    def _blame(self, event: msg.BlameRequested) -> None:
        if self.session is None:
            return
        from pulumi_rewind_tui.screens.blame import BlameScreen

        self.push_screen(BlameScreen(self.session, event.urn, event.path))

    @on(msg.DetailsRequested)
    def _details(self, event: msg.DetailsRequested) -> None:
        if self.session is None:
            return
        from pulumi_rewind_tui.screens.details import DetailsScreen

        self.push_screen(DetailsScreen(self.session, event.update, event.entry))

    @on(msg.StacksRequested)
    def _stacks(self) -> None:
        from pulumi_rewind_tui.screens.stacks import StacksScreen

        self.push_screen(StacksScreen())

    def go_home(self) -> None:
        """Leaves all screens but the one at the bottom; a review keeps what was chosen in it."""
        from pulumi_rewind_tui.screens.review import ReviewScreen

        while len(self.screen_stack) > 1:
            if isinstance(self.screen, ReviewScreen):
                self.screen.action_back()
            else:
                self.pop_screen()

    @on(msg.StackSelected)
    def _stack_selected(self, event: msg.StackSelected) -> None:
        self.go_home()
        self.stack_name = event.name
        self.home.closing()
        self.open_stack(event.name)

    def fail(self, error: BaseException, *, meaning: str, retry: Callable[[], None] | None = None) -> None:
        """Shows an error that stays; secrets that can't be opened ask for the passphrase first."""
        from pulumi_rewind.errors import SecretsError

        clean(self, error, wait=False)  # what a worker says has been masked there, in full
        if isinstance(error, SecretsError) and retry is not None and self.session is not None:
            self.ask_passphrase(str(error), retry)
            return
        from pulumi_rewind_tui.screens.error import ErrorScreen

        if not isinstance(self.screen, ErrorScreen):  # one at a time: the first is the cause
            self.push_screen(ErrorScreen(error, meaning=meaning, retry=retry))

    def ask_passphrase(self, reason: str, retry: Callable[[], None]) -> None:
        """Asks for a passphrase, offers it to the vault (memory only) and tries again."""
        from pulumi_rewind_tui.screens.passphrase import PassphraseScreen

        def answered(passphrase: str | None) -> None:
            if passphrase and self.session is not None:
                self.session.vault.add_passphrase(passphrase)
                self.home.passphrase_added(passphrase)
                retry()

        self.push_screen(PassphraseScreen(reason, self._passphrase_problem), answered)

    def _passphrase_problem(self, text: str) -> str:
        """Why a passphrase is of no use for what is on the screens, empty if it opens some of it; slow: in a thread."""
        from pulumi_rewind.errors import RewindError
        from pulumi_rewind.rollback.resuming import find_target
        from pulumi_rewind_tui.screens.review_planning import PlanningScreen

        session = self.session
        if session is None:
            return ""
        targets = [f"#{number}" for number in self.home.shown_numbers]
        targets += [screen.request.target for screen in self.screen_stack if isinstance(screen, PlanningScreen)]
        sides = []
        with contextlib.suppress(RewindError):
            sides.append(session.live())
        for name in targets:
            with contextlib.suppress(RewindError):
                found = find_target(session, name)
                sides.append(found.checkpoint or session.timeline.checkpoint(found.update.number))
        return "" if session.vault.fits(text, sides) else "This passphrase is wrong: it decrypts none of these secrets."

    def copy(self, text: str) -> None:
        """Copies text by OSC 52, secrets masked."""
        self.copy_to_clipboard(self.redact(text))
        self.notify("copied", timeout=2)

    def redact(self, text: str) -> str:
        """A text without the secrets that the session knows by now: no key waits for a backend."""
        return text if self.session is None else self.session.redactor.at_once(text)

    def get_key_display(self, binding: Binding) -> str:
        """Keys by their names, as the documentation calls them."""
        shown = super().get_key_display(binding)
        if shown.startswith("^"):
            return "ctrl+" + shown[1:]
        return {"⏎": "enter", "␛": "esc"}.get(shown, shown)

    # Actions

    def action_help(self) -> None:
        """Help for the focused pane."""
        from pulumi_rewind_tui.screens.help import HelpScreen

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen.of(self.screen))

    def action_command_palette(self) -> None:
        """The palette, which reads what it finds when it is opened."""
        from pulumi_rewind_tui.screens.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def action_next_theme(self) -> None:
        """Dark, light, colour-blind safe."""
        at = NAMES.index(self.theme.removeprefix(PREFIX))
        self.choose_theme(NAMES[(at + 1) % len(NAMES)])

    def choose_theme(self, name: str) -> None:
        """Changes the colours, and remembers them for the next start; says so if settings decide that one."""
        from pulumi_rewind_tui.workers.appearance import remember

        self.theme = theme_name(name)
        session, environ = self.session, self.environ
        if session is not None and session.settings.theme:
            from pulumi_rewind.errors import UsageError
            from pulumi_rewind.project.settings import where_set

            where = "rewind.toml"
            with contextlib.suppress(UsageError):  # it was changed, and can't be read any more
                where = where_set(session.workspace.root, environ, "theme")
            self.clear_notifications()
            text = f"{name} holds until you quit: {where} sets {session.settings.theme}. Change it there to keep it."
            self.notify(text, title="Theme", timeout=8, markup=False)
        in_thread(self, "theme", lambda _: remember(environ, name), msg.ThemeNotKept)

    @on(msg.ThemeNotKept)
    def _theme_not_kept(self, event: msg.ThemeNotKept) -> None:
        text = f"{event.error}\n{getattr(event.error, 'hint', '')}".strip()
        self.notify(text, title="The theme is not remembered", severity="warning", timeout=20, markup=False)

    async def action_quit(self) -> None:
        """Quits, unless a rollback runs: then asks."""
        if self.run_in_progress is not None:
            self.run_in_progress.ask_interrupt()
        else:
            self._end_for_sure()
            self.exit(0)

    def _end_for_sure(self) -> None:
        """Ends the process even if a reader hangs (a dead network drive); nothing runs that could be lost."""
        if not self.is_headless:
            timer = threading.Timer(EXIT_SECONDS, os._exit, (0,))
            timer.daemon = True
            timer.start()

    async def action_interrupt(self) -> None:
        """Ctrl-C: stops what the screen is reading, else it is like quitting."""
        if not (isinstance(self.screen, RewindScreen) and self.screen.interrupted()):
            await self.action_quit()

    # A crash must not show local variables: they may hold secrets.

    def _fatal_error(self) -> None:
        from rich.segment import Segments
        from rich.traceback import Traceback

        if (error := sys.exception()) is not None:
            clean(self, error, wait=False)
        traceback = Traceback(show_locals=False, width=None)
        self._exit_renderables.append(Segments(self.console.render(traceback, self.console.options)))
        self._close_messages_no_wait()
