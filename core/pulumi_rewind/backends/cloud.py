"""Pulumi Cloud and services that speak its API: stacks by organization, numbers that are the service's versions."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from pulumi_rewind.backends.cloud_client import CloudClient, NotThere
from pulumi_rewind.backends.cloud_history import CloudHistory
from pulumi_rewind.backends.cloud_login import login_to
from pulumi_rewind.backends.cloud_notes import note_in, tags_with
from pulumi_rewind.backends.names import LISTED, parts_of, stacks_there
from pulumi_rewind.backends.notes import moved
from pulumi_rewind.backends.protocol import About, Glance, Note, Remote
from pulumi_rewind.errors import BackendError, StackNotFound
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.holds import NOTE as HOLD
from pulumi_rewind.state.holds import decode_hold
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Checkpoint, StackRef

KINDS: Final = ("update", "destroy", "refresh", "import", "preview")
"""What an operation may be, by its part of an address; the most frequent first."""

SETTLED: Final = 1.0
"""Seconds after which a note is looked for: by then another writer who had looked before us has written, too.

Of both the last one finds its own, and wins. (Fischer's algorithm for mutual exclusion.)
"""

CONSOLE: Final = "PULUMI_CONSOLE_DOMAIN"
"""Names the host of the service's web pages, where it isn't ``app.`` in the place of ``api.``."""

REMOTE: Final = ("environment", "secretsProvider", "encryptedKey", "encryptionSalt")
"""What the service keeps of a stack's configuration, where the stack has no file of its own."""


def open_cloud(url: str, environ: Mapping[str, str]) -> CloudBackend:
    """The backend behind an ``https://`` URL.

    Raises:
        BackendError: nobody is logged in there.
    """
    return CloudBackend(url, CloudClient(url, login_to(url, environ), environ), environ.get(CONSOLE, ""))


class CloudBackend(Remote):
    """See `Backend`. Opening it asks nothing."""

    def __init__(self, url: str, client: CloudClient, console: str = "") -> None:
        """`console` is the host of the service's web pages, where that is known."""
        self.url = url
        self.client = client
        self._console = console
        self._ended: set[str] = set()
        """Operations that are known not to run any more."""
        self._told: dict[StackRef, dict[str, Any]] = {}
        """What was last said of stacks, for showing it alone."""

    def stacks(self) -> list[StackRef]:
        """All that this login can see."""
        found: list[StackRef] = []
        token = None
        while True:
            answer = self.client.ask("user", "stacks", continuationToken=token)
            rows = answer.get("stacks") or ()
            try:
                found += [StackRef(one["projectName"], one["stackName"], one["orgName"]) for one in rows]
            except (KeyError, TypeError) as err:
                raise BackendError(
                    f"{self.client.shown} lists its stacks in a way that can't be read: {err}",
                    hint="Try again; if it persists, check the backend's URL.",
                ) from None
            token = answer.get("continuationToken")
            if not token:
                return sorted(found)

    def find(self, name: str, project: str) -> StackRef:
        """See `Backend.find`. Without an organization the user's default one is meant."""
        parts = parts_of(name, "NAME, ORGANIZATION/NAME or ORGANIZATION/PROJECT/NAME")
        organization = parts[0] if len(parts) > 1 else self.organization()
        ref = StackRef(parts[1] if len(parts) == 3 else project, parts[-1], organization)
        try:
            self._stack(ref)
        except NotThere:
            raise self._not_found(ref) from None
        return ref

    def history(self, stack: StackRef, *, quick: bool = False) -> CloudHistory:
        """Reads the newest page, which is quick in any case."""
        return CloudHistory(self.client, stack, lambda: self._at_rest(stack))

    def _at_rest(self, stack: StackRef) -> int:
        """The newest version while nothing runs, else 0."""
        found = self._stack(stack)
        return 0 if self._locks(stack, found) else int(found.get("version") or 0)

    def live(self, stack: StackRef) -> Checkpoint:
        """What ``pulumi stack export`` prints."""
        raw = self.client.get("stacks", *stack_path(stack), "export")
        return decode_checkpoint(raw, source=f"the live state of {stack}")

    def locks(self, stack: StackRef, *, quick: bool = False) -> list[Lock]:
        """The operation that runs, if one does, and a hold."""
        found = self._stack(stack)
        return [*self._locks(stack, found), *_held(stack, found)]

    def glance(self, stack: StackRef) -> Glance:
        """One question: each import or update makes a version."""
        found = self._stack(stack)
        version = int(found.get("version") or 0)
        return Glance(version, version, (*self._locks(stack, found), *_held(stack, found)))

    def about(self, stack: StackRef) -> About:
        """The stack's tags, and its configuration if the service keeps that (Pulumi ESC)."""
        found = self._stack(stack)
        config = found.get("config")
        config = config if isinstance(config, dict) and config.get("environment") else {}
        return About(
            {key: value for key, value in sorted(_tags(found).items()) if not key.startswith(NOTES)},
            {key: str(config[key]) for key in REMOTE if config.get(key)},
        )

    def note(self, stack: StackRef, name: str, *, quick: bool = False) -> Note | None:
        """From the stack's tags, which every answer about the stack has."""
        told = self._told.get(stack) if quick else None
        return note_in(_tags(told if told is not None else self._stack(stack)), name, _named(stack, name))

    def write_note(self, stack: StackRef, name: str, content: bytes, *, instead_of: str | None) -> None:
        """By three questions: the service replaces all tags in any case, so we look before and, `SETTLED`, after."""
        self._swap(stack, name, content, instead_of)

    def remove_note(self, stack: StackRef, name: str, *, instead_of: str) -> None:
        """As it is written."""
        self._swap(stack, name, None, instead_of)

    def _swap(self, stack: StackRef, name: str, content: bytes | None, instead_of: str | None) -> None:
        what = _named(stack, name)
        tags = _tags(self._stack(stack))
        there = note_in(tags, name, what)
        if (there.mark if there else None) != instead_of:
            raise moved(what)
        wanted, mark = tags_with(tags, name, content, what)
        self.client.patch("stacks", *stack_path(stack), "tags", body=wanted)
        time.sleep(SETTLED)
        there = note_in(_tags(self._stack(stack)), name, what)
        if (there.mark if there else "") != mark:
            raise moved(what)

    def place_lock(self, stack: StackRef, token: str, lock: Lock) -> bool:
        """There are none that we could make."""
        return False

    def remove_lock(self, stack: StackRef, token: str) -> None:
        """There is none."""

    def link(self, stack: StackRef, number: int | None = None) -> str:
        """The page of a stack, or of one of its updates, in the service's console; empty where no console is known."""
        parts = urlsplit(self.client.url)
        host = self._console
        if not host and parts.netloc.startswith("api."):
            host = f"app.{parts.netloc.removeprefix('api.')}"
        if not host:
            return ""
        more = ("updates", str(number)) if number is not None else ()
        path = "/".join(quote(part, safe="") for part in (*stack_path(stack), *more))
        return f"{parts.scheme}://{host}/{path}"

    def facts(self, project: str) -> Iterator[tuple[str, str]]:
        """The login; nobody is named where the service doesn't tell."""
        yield "credentials", f"the token from {self.client.login.source}"
        user = self.client.ask("user")
        name = user.get("githubLogin") or user.get("name")
        yield "layout", f"a service, asked as {name}" if isinstance(name, str) and name else "a service"

    def ping(self) -> None:
        """Who we are."""
        self.client.get("user")

    def shared(self, stack: StackRef) -> str:
        """Who may write a stack is up to the organization."""
        return f"whoever may update {stack} may have written it"

    # -- inside -------------------------------------------------------------------------------------------------

    def _stack(self, stack: StackRef) -> dict[str, Any]:
        self._told[stack] = found = self.client.ask("stacks", *stack_path(stack))
        return found

    def _locks(self, stack: StackRef, told: Mapping[str, Any]) -> list[Lock]:
        """Who changes a stack: its current operation, else the last one that it names if that still runs.

        Services that are not Pulumi's own may tell only the latter.
        """
        current, active = told.get("currentOperation"), told.get("activeUpdate")
        if isinstance(current, dict):
            since = ""
            with contextlib.suppress(TypeError, ValueError, OverflowError, OSError):
                since = datetime.fromtimestamp(current["started"], UTC).isoformat() if current.get("started") else ""
            return [Lock(str(current.get("author") or "someone"), timestamp=since, kind=str(current.get("kind") or ""))]
        if not isinstance(active, str) or not active or active in self._ended:
            return []
        return [Lock("someone", kind="operation")] if self._runs(stack, active) else []

    def _runs(self, stack: StackRef, operation: str) -> bool:
        """Whether an operation still runs; not every service takes any of the `KINDS` for it."""
        for kind in KINDS:
            try:
                status = self.client.ask("stacks", *stack_path(stack), kind, operation).get("status")
            except NotThere:
                continue
            if status == "running":
                return True
            break
        self._ended.add(operation)
        return False

    def organization(self) -> str:
        """The user's default one, else the user, whose name is one as well."""
        for path in (("user", "organizations", "default"), ("user",)):
            try:
                answer = self.client.ask(*path)
            except NotThere:
                continue
            name = answer.get("GitHubLogin") or answer.get("githubLogin")
            if isinstance(name, str) and name:
                return name
        raise BackendError(
            f"{self.client.shown} names no default organization", hint="Name the stack as ORGANIZATION/PROJECT/STACK."
        )

    def _not_found(self, ref: StackRef) -> BackendError | StackNotFound:
        mine = list(self._organizations())
        if mine and ref.organization not in mine:
            return BackendError(
                f"{ref.organization} is no organization of yours at {self.client.shown}",
                hint=f"You are in {', '.join(mine[:LISTED])}. Name the stack as ORGANIZATION/PROJECT/STACK, or log in "
                "as a member.",
            )
        return StackNotFound(f"there is no stack {ref} on {self.client.shown}", hint=stacks_there(self.stacks()))

    def _organizations(self) -> Iterator[str]:
        """The organizations that the user is in, and the user, whose name is one as well."""
        user = self.client.ask("user")
        for one in (user, *(user.get("organizations") or ())):
            if isinstance(one, dict) and isinstance(name := one.get("githubLogin"), str) and name:
                yield name


NOTES: Final = "rewind:"
"""How the names of tags begin that hold notes."""


def _named(stack: StackRef, name: str) -> str:
    return f"the note {NOTES}{name} in the tags of {stack}"


def _held(stack: StackRef, told: Mapping[str, Any]) -> Iterator[Lock]:
    """The lock that a hold would have, if the service had lock files."""
    try:
        note = note_in(_tags(told), HOLD, _named(stack, HOLD))
        if note is not None:
            yield decode_hold(note.content).lock
    except (BackendError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield Lock(hold=f"{_named(stack, HOLD)} can't be read", holder="someone")


def _tags(told: Mapping[str, Any]) -> dict[str, str]:
    tags = told.get("tags")
    return {str(key): str(value) for key, value in tags.items()} if isinstance(tags, dict) else {}


def stack_path(stack: StackRef) -> tuple[str, str, str]:
    """A stack's part of an address."""
    return stack.organization, stack.project, stack.name
