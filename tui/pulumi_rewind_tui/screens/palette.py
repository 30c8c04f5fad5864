"""The palette (ctrl+p): every action, and every update, resource, stack and theme, found by words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from rich.text import Text
from textual import on
from textual.binding import Binding
from textual.command import CommandInput, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.message import Message
from textual.widgets import Input

from pulumi_rewind.project.settings import ANSWERS
from pulumi_rewind.state.model import parse_urn
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.actions import Action, actions, shown
from pulumi_rewind_tui.screens.base import RewindModal
from pulumi_rewind_tui.screens.palette_index import Index, read_index
from pulumi_rewind_tui.text.cells import cut, inert
from pulumi_rewind_tui.theme import NAMES
from pulumi_rewind_tui.words.palette import key_actions
from pulumi_rewind_tui.words.words import first_line, short_commit
from pulumi_rewind_tui.workers.background import CancelCheck, in_thread

if TYPE_CHECKING:
    from pulumi_rewind.history.timeline import Entry
    from pulumi_rewind.session import Session
    from pulumi_rewind_tui.host import Host
    from pulumi_rewind_tui.screens.home import HomeScreen

MOVES = ("list.", "screen.next-pane", "screen.previous-pane", "app.quit-too", "app.interrupt", "app.palette")
"""Actions by the beginning of their names that only make sense as keys."""

ONLY_THERE = (*MOVES, *ANSWERS, "filter.", "help.", "text.", "error.", "options.", "strategy.")
"""Those that only make sense where they work."""

TYPED = 40
"""Characters of a message in a row of the palette."""

EXACT, HERE, FOUND, ELSEWHERE, LIKE = 1000.0, 800.0, 600.0, 300.0, 0.0
"""Scores: a name that was typed whole, an action that works now, what has all words, other actions, what is similar."""

VERB = re.compile(r"^(?:update|roll back(?:…|\.\.\.)?(?: to)?|blame|show|open stack) +(?=\S)", re.IGNORECASE)
"""What rows begin with, and an operator may type before what is looked for."""

Command = Callable[[], Any]


class Indexed(Message):
    """The index is complete; what can't be read is left out without an error."""


@dataclass
class NotIndexed(Message):
    """Reading ended early."""

    error: BaseException


class Palette(CommandPalette):
    """Reads its index while it is open, and searches again when the index is complete."""

    def __init__(self) -> None:
        super().__init__([Finder], placeholder="Actions, updates, resources, stacks, themes…", id="--command-palette")
        self.index = Index()
        self.session: Session | None = None
        """The stack whose updates and resources are listed; None while another one is being opened."""
        self.in_diff: frozenset[str] = frozenset()
        """Resources that have a row in the diff of home."""
        self.actions: Mapping[str, Action] = {}

    def on_mount(self) -> None:
        """Reads in the background."""
        host, index = cast("Host", self.app), self.index
        home = cast("HomeScreen", self.app.screen_stack[0])
        self.session = session = home.session
        comparer = home.comparer
        self.in_diff = frozenset(home.diff.rows_of_resources())

        def read(cancelled: CancelCheck) -> None:
            keys = session.settings.keys if session is not None else {}
            self.actions = actions(type(self.app), keys, lambda _: "[keys]")
            read_index(index, host, session, comparer, self.in_diff, cancelled)
            self.post_message(Indexed())

        in_thread(self, "palette", read, NotIndexed)

    @on(Indexed)
    @on(NotIndexed)
    def _look_again(self) -> None:
        field = self.query_one(CommandInput)
        if field.value.strip():
            field.post_message(Input.Changed(field, field.value))


class Finder(Provider):
    """Finds matches for the typed words, for the screen that the palette was opened on."""

    @property
    def _host(self) -> Host:
        return cast("Host", self.app)

    @property
    def _home(self) -> HomeScreen:
        return cast("HomeScreen", self.app.screen_stack[0])

    @property
    def _palette(self) -> Palette | None:
        screen = self.app.screen
        return screen if isinstance(screen, Palette) else None

    async def discover(self) -> Hits:
        """What keys can do here, before anything is typed."""
        for label, about, run, _ in self._here():
            yield DiscoveryHit(label, run, help=about or None)

    async def search(self, query: str) -> Hits:
        """All that matches."""
        words = query.split()
        for score, label, command in self._found(query):
            text = Text(inert(self._host.redact(label)), no_wrap=True, overflow="ellipsis")
            text.highlight_words(words, "bold underline", case_sensitive=False)
            yield Hit(score, text, command)

    def _found(self, query: str) -> Iterator[tuple[float, str, Command]]:
        yield from self._actions(query)
        yield from self._themes(query)
        palette = self._palette
        if palette is None or not self._can_leave:
            return
        index, seen, at, query = palette.index, set[int](), 0, VERB.sub("", query, count=1)
        for base, look in ((EXACT, "named"), (FOUND, "find")):
            for listing, offers in (
                (index.updates, self._update), (index.resources, self._resource), (index.stacks, self._stack)
            ):  # fmt: skip
                for row in getattr(listing, look)(query):
                    if id(row) in seen:
                        continue
                    seen.add(id(row))
                    for label, command in offers(row):
                        at += 1
                        of_stack = offers != self._stack
                        yield base - at, label, partial(self._of, palette.session, command) if of_stack else command

    # Actions

    def _here(self) -> Iterator[tuple[str, str, Command, str]]:
        for namespace, binding in key_actions(self.screen):
            if binding.id is not None and not binding.id.startswith(MOVES):
                run = partial(self.app.run_action, binding.action, default_namespace=namespace)
                yield self._label(binding), binding.tooltip, run, binding.id

    def _label(self, binding: Binding) -> str:
        return f"{binding.description.rstrip('…').capitalize()}  ({self.app.get_key_display(binding)})"

    def _actions(self, query: str) -> Iterator[tuple[float, str, Command]]:
        words = query.lower().split()
        matcher = self.matcher(query)
        here = set()
        for label, about, run, name in self._here():
            here.add(name)
            whole = f"{label}  {about}".rstrip()
            exact = all(word in whole.lower() for word in words)
            if exact or matcher.match(label) > 0:
                yield HERE - len(here) if exact else LIKE, whole, run
        elsewhere = self._palette.actions.values() if self._palette is not None else ()
        for action in elsewhere:
            if action.name in here or action.name.startswith(ONLY_THERE):
                continue
            label, run = self._elsewhere(action)
            if all(word in f"{action.name} {action.what}".lower() for word in words):
                yield ELSEWHERE, label, run

    def _elsewhere(self, action: Action) -> tuple[str, Command]:
        """An action of another pane of this screen, which is run there; or of another screen: where that is."""
        label = f"{action.what[:1].upper()}{action.what[1:]}  ({', '.join(map(shown, action.keys))})"
        pane = next((pane for pane in self.screen.focus_chain if isinstance(pane, action.owner)), None)
        if pane is not None:

            async def run() -> None:
                pane.focus()
                await self.app.run_action(action.run, default_namespace=pane)

            return f"{label}  in {action.where}", run
        where = "not possible now" if isinstance(self.screen, action.owner) else f"works in {action.where}"
        return f"{label}  {where}", lambda: self.app.notify(f"{label}: {where}", timeout=8, markup=False)

    def _themes(self, query: str) -> Iterator[tuple[float, str, Command]]:
        for name in NAMES:
            label = f"Theme {name}"
            if all(word in label.lower() for word in query.lower().split()):
                yield HERE, label, partial(self._host.choose_theme, name)

    # Updates, resources, stacks

    @property
    def _can_leave(self) -> bool:
        """Whether another screen may be opened from here: not from a question, and not while a rollback runs."""
        return self._host.run_in_progress is None and not isinstance(self.screen, RewindModal)

    def _of(self, session: Session | None, command: Command) -> None:
        """Runs what is about a stack, unless another one was opened while the palette listed this one."""
        if self._home.session is session:
            command()
        else:
            text = "Another stack was opened meanwhile. Nothing was done."
            self.app.notify(text, severity="warning", timeout=8, markup=False)

    def _update(self, entry: Entry) -> Iterator[tuple[str, Command]]:
        update = entry.update
        known = (*entry.tags, short_commit(update), cut(first_line(update.message), TYPED))
        about = f"#{update.number}  {'  '.join(filter(None, known))}".rstrip()
        yield f"Update {about}", partial(self._show_update, update.number)
        yield f"Roll back… to {about}", partial(self._review, update.number)

    def _show_update(self, number: int) -> None:
        self._host.go_home()
        home = self._home
        home.drop_filter()
        home.timeline.focus()
        home.timeline.select(number)

    def _review(self, number: int) -> None:
        self._host.go_home()
        self._host.post_message(msg.RollbackRequested(f"#{number}"))

    def _resource(self, urn: str) -> Iterator[tuple[str, Command]]:
        parsed = parse_urn(urn)
        about = f"{parsed.name}  {parsed.type}"
        if self._palette is not None and urn in self._palette.in_diff:
            yield f"Show in the diff: {about}", partial(self._show_resource, urn)
        yield f"Blame {about}", partial(self._blame, urn)

    def _show_resource(self, urn: str) -> None:
        self._host.go_home()
        diff = self._home.diff
        diff.focus()
        diff.move_to(diff.rows_of_resources().get(urn, diff.cursor))

    def _blame(self, urn: str) -> None:
        self._host.post_message(msg.BlameRequested(urn))

    def _stack(self, name: str) -> Iterator[tuple[str, Command]]:
        yield f"Open stack {name}", lambda: self._host.post_message(msg.StackSelected(name))
