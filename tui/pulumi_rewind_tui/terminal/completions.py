"""The completions where a stack, a target or a resource is expected. Read each time, without the CLI."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Final

from click.shell_completion import CompletionItem

from pulumi_rewind.errors import RewindError
from pulumi_rewind_tui.terminal.options import LIVE, Shared
from pulumi_rewind_tui.terminal.shells import OPEN
from pulumi_rewind_tui.words.words import first_line, local_time

if TYPE_CHECKING:
    import click

    from pulumi_rewind.history.timeline import Timeline
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Resource, StackRef, Update

    Item = CompletionItem[str]

UPDATES: Final = 50
"""How many updates are listed, the newest first."""

PATIENCE: Final = 3.0
"""Seconds that somebody who types waits for a backend at most; what is known by then is offered."""

_WORD = re.compile(r"\b(STACK|TARGET|FROM|TO|RESOURCE|N)\b")
_ABOUT_CODE = ("show", "trust", "distrust")


def completions(kind: str, ctx: click.Context, incomplete: str) -> list[Item]:
    """What may stand in a place of a kind: ``words`` for the arguments, else the kind of an option's value."""
    place = Place(ctx, incomplete)
    found: dict[str, Item] = {}

    def read() -> None:
        for item in place.words() if kind == "words" else place.of_kind(kind):
            if item.value.startswith(incomplete):
                found[item.value] = item

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(PATIENCE)
    place.shared.late = reader.is_alive()
    return list(found.copy().values())


class Place:
    """A place on the command line, with what was typed before it."""

    def __init__(self, ctx: click.Context, incomplete: str) -> None:
        self.shared = ctx.ensure_object(Shared)
        self.incomplete = incomplete
        self.metavar = next((param.metavar or "" for param in ctx.command.params if param.name == "words"), "")
        self.given: tuple[str, ...] = ctx.params.get("words") or ()
        self.stack = self.shared.stack

    def words(self) -> Iterator[Item]:
        """The arguments that the command's metavar announces, at the position that is reached."""
        if "--" in self.given or "--" in os.environ.get("COMP_WORDS", "").split():
            return  # what follows is another program's
        kinds, given = _WORD.findall(self.metavar), self.given
        if self.metavar.startswith("[test"):
            if given[:1] == ("test",):
                kinds, given = ["RESOURCE", "STACK", "TARGET"], given[1:]
            elif given and given[0] in _ABOUT_CODE:
                kinds, given = ["N"], given[1:]
            else:
                kinds = ["STACK", "TARGET"]
                yield from map(CompletionItem, () if given else ("test", *_ABOUT_CODE))
        wanted = kinds[len(given) : len(given) + 1]
        if kinds[:1] == ["STACK"]:
            if given and not self.stack and self._is_stack(given[0]):
                self.stack = given[0]
            elif given or self.stack:
                wanted = kinds[len(given) + 1 : len(given) + 2]
            else:
                wanted = kinds[:2]
        for kind in wanted:
            yield from self.of_kind(kind)

    def of_kind(self, kind: str) -> Iterator[Item]:
        """The values of a kind; nothing where what they are read from isn't there."""
        found: dict[str, Callable[[], Iterator[Item]]] = {
            "STACK": lambda: (CompletionItem(name, help="stack") for name in self._stacks),
            "TARGET": self._targets,
            "FROM": self._states,
            "TO": self._states,
            "RESOURCE": self._resources,
            "N": self._updates,
            "selection": self._selection,
            "adopt": self._adoptable,
            "pending": self._pending,
            "pending-id": lambda: (CompletionItem(f"{item.value}=", OPEN, item.help) for item in self._pending()),
            "record": lambda: iter((*self._updates(), CompletionItem("all"))),
        }
        try:
            yield from found[kind]()
        except (RewindError, OSError):
            return

    # -- stacks -----------------------------------------------------------------------------------------------------

    @cached_property
    def _stacks(self) -> dict[str, StackRef]:
        """By the names that are offered."""
        from pulumi_rewind.backends import open_backend
        from pulumi_rewind.project.workspace import find_workspace

        try:
            workspace = find_workspace(self.shared.cwd, backend=self.shared.backend)
            backend = open_backend(workspace.backend_url, workspace.environ)
            there, home = backend.stacks(), ""
        except (RewindError, OSError):
            return {}
        with suppress(RewindError, OSError):
            home = backend.organization()
        ours = {ref.name: ref for ref in there if ref.project in {"", workspace.project} and ref.organization == home}
        return ours | {str(ref): ref for ref in there if ref.organization or ours.get(ref.name) != ref}

    def _is_stack(self, word: str) -> bool:
        """Whether a word names a stack, be it without its organization."""
        return word in self._stacks or any(ref.organization and ref.name == word for ref in self._stacks.values())

    @cached_property
    def _session(self) -> Session:
        from pulumi_rewind.session import open_session

        return open_session(self.shared.cwd, stack=self.stack, backend=self.shared.backend, environ=os.environ)

    @cached_property
    def _timeline(self) -> Timeline:
        """As the session's, but without a way to decrypt: that takes the CLI."""
        from pulumi_rewind.history.timeline import Timeline

        session = self._session
        return Timeline(session.history(), session.backend, session.stack, lambda: session.repository)

    # -- targets ----------------------------------------------------------------------------------------------------

    def _states(self) -> Iterator[Item]:
        yield CompletionItem(LIVE, help="the state now")
        yield from self._targets()

    def _targets(self) -> Iterator[Item]:
        if not len(self._timeline):
            return
        yield CompletionItem("last-good", help="the newest good update that differs from live")
        updates = list(self._newest())
        yield from map(_update_item, updates)
        repository = None if self.incomplete.isdigit() else self._session.repository
        if repository is None:
            return
        deployed = {update.commit: f", #{update.number}" for update in reversed(updates) if update.commit}
        for sha, names in repository.tags().items():
            yield from (CompletionItem(name, help=f"tag{deployed.get(sha, '')}") for name in names)
        for name, sha in repository.branches().items():
            yield CompletionItem(name, help=f"branch{deployed.get(sha, '')}")

    def _updates(self) -> Iterator[Item]:
        yield from map(_update_item, self._newest())

    def _newest(self) -> Iterator[Update]:
        total = len(self._timeline)
        begun = self.incomplete if self.incomplete.isdigit() else ""
        if not begun:
            yield from self._timeline.history.newest(UPDATES)
            return
        fits = (number for number in range(total, 0, -1) if str(number).startswith(begun))
        yield from islice((self._timeline.update(number) for number in fits), UPDATES)

    # -- resources --------------------------------------------------------------------------------------------------

    def _resources(self) -> Iterator[Item]:
        yield from self._named(list(self._live.values()))

    def _selection(self) -> Iterator[Item]:
        """Resources of live and target; ``!`` before one leaves it out."""
        from pulumi_rewind.state.naming import NOT

        before = NOT if self.incomplete.startswith(NOT) else ""
        self.incomplete = self.incomplete.removeprefix(NOT)
        for item in self._named(list({**self._goal, **self._live}.values())):
            yield CompletionItem(before + item.value, help=item.help)

    def _adoptable(self) -> Iterator[Item]:
        """What the target has and live hasn't."""
        yield CompletionItem("found", help="all that still exist")
        gone = [res for urn, res in self._goal.items() if urn not in self._live]
        for item in self._named(gone):
            yield CompletionItem(f"{item.value}=", OPEN, item.help)

    def _pending(self) -> Iterator[Item]:
        for operation in self._session.live().pending_operations:
            yield CompletionItem(operation.resource.urn, help=operation.type)

    def _named(self, resources: list[Resource]) -> Iterator[Item]:
        """Resources by what they are called, or by their URNs where one is begun."""
        from pulumi_rewind.state.naming import Names

        if self.incomplete.startswith("urn:"):
            yield from (CompletionItem(res.urn) for res in resources)
            return
        names = Names(resources)
        for res in resources:
            if res.is_stack or res.type.startswith("pulumi:providers:"):
                continue
            typed = f"{res.type}::{res.name}"
            whole = "::" in self.incomplete or not res.name.startswith(self.incomplete)
            yield CompletionItem(typed if whole else names.spoken(res.urn), help="" if whole else res.type)

    @cached_property
    def _live(self) -> dict[str, Resource]:
        return dict(self._timeline.live().by_urn)

    @cached_property
    def _goal(self) -> dict[str, Resource]:
        """The resources of the target that was typed; none without one."""
        from pulumi_rewind.history.targets import resolve_target

        given, named = self.given, self.stack
        if given and not named and self._is_stack(given[0]):
            self.stack, given = given[0], given[1:]
        if "TARGET" not in self.metavar or not given:
            return {}
        target = resolve_target(self._timeline, given[0])
        return dict(self._timeline.checkpoint(target.update.number).by_urn)


def _update_item(update: Update) -> Item:
    """An update with what it was."""
    result = "" if update.succeeded else f"{update.result}: "
    when = local_time(update.start_time, "%Y-%m-%d %H:%M")
    return CompletionItem(str(update.number), help=f"{when}  {result}{first_line(update.message)}".strip())
