"""Pulumi Cloud and services that speak its API: stacks by organization, numbers that are the service's versions."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from pulumi_rewind.backends.cloud_client import CloudClient, NotThere
from pulumi_rewind.backends.protocol import Glance, History, Steady, no_update
from pulumi_rewind.errors import BackendError, CheckpointError, StackNotFound, UsageError
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Checkpoint, StackRef, Update, decode_checkpoint

NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")
PAGE: Final = 60
"""Updates of one question; the first screen has as many."""

LISTED: Final = 20
"""How many stacks a message names."""

RUNNING: Final = frozenset({"not-started", "in-progress", "not started", "running"})
"""Results of updates that haven't ended; they are no part of the history yet."""


def open_cloud(url: str, environ: Mapping[str, str]) -> CloudBackend:
    """The backend behind an ``https://`` URL.

    Raises:
        BackendError: nobody is logged in there.
    """
    return CloudBackend(url, CloudClient(url, environ))


class CloudBackend:
    """See `Backend`. Opening it asks nothing."""

    def __init__(self, url: str, client: CloudClient) -> None:
        self.url = url
        self.client = client

    def stacks(self) -> list[StackRef]:
        """All that this login can see."""
        found: list[StackRef] = []
        token = None
        while True:
            answer = self.client.ask("user", "stacks", continuationToken=token)
            rows = answer.get("stacks") or ()
            found += [StackRef(one["projectName"], one["stackName"], one["orgName"]) for one in rows]
            token = answer.get("continuationToken")
            if not token:
                return sorted(found)

    def find(self, name: str, project: str) -> StackRef:
        """See `Backend.find`. Without an organization the user's default one is meant."""
        parts = name.split("/")
        if len(parts) > 3 or not all(NAME.fullmatch(part) for part in parts):
            raise UsageError(
                f"{name!r} is not the name of a stack",
                hint="Write NAME, ORGANIZATION/NAME or ORGANIZATION/PROJECT/NAME, with letters, digits, '-', '_', '.'.",
            )
        organization = parts[0] if len(parts) > 1 else self._default_organization()
        ref = StackRef(parts[1] if len(parts) == 3 else project, parts[-1], organization)
        try:
            self._stack(ref)
        except NotThere:
            raise self._not_found(ref) from None
        return ref

    def history(self, stack: StackRef) -> CloudHistory:
        """Asks how many versions there are; the rest is read by page."""
        return CloudHistory(self.client, stack, int(self._stack(stack).get("version") or 0))

    def live(self, stack: StackRef) -> Checkpoint:
        """What ``pulumi stack export`` prints."""
        raw = self.client.get("stacks", *_path(stack), "export")
        return decode_checkpoint(raw, source=f"the live state of {stack}")

    def locks(self, stack: StackRef) -> list[Lock]:
        """The operation that runs, if one does."""
        return list(_locks(self._stack(stack)))

    def glance(self, stack: StackRef) -> Glance:
        """One question: each import or update makes a version."""
        found = self._stack(stack)
        version = int(found.get("version") or 0)
        return Glance(version, version, tuple(_locks(found)))

    def shared(self, stack: StackRef) -> str:
        """Who may write a stack is up to the organization."""
        return f"whoever may update {stack} may have written it"

    def watch(self) -> Steady:
        """What is not reachable is told by whoever reads or writes."""
        return Steady()

    def obstacle(self) -> str:
        """Nothing that is known."""
        return ""

    def shortage(self, size: int) -> str:
        """There is room."""
        return ""

    # -- inside -------------------------------------------------------------------------------------------------

    def _stack(self, stack: StackRef) -> dict[str, Any]:
        found: dict[str, Any] = self.client.ask("stacks", *_path(stack))
        return found

    def _default_organization(self) -> str:
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

    def _not_found(self, ref: StackRef) -> StackNotFound:
        there = self.stacks()
        names = ", ".join(str(one) for one in there[:LISTED]) + (" …" if len(there) > LISTED else "")
        return StackNotFound(
            f"there is no stack {ref} on {self.client.shown}", hint=f"Stacks there: {names or 'none yet'}."
        )


def _locks(stack: Mapping[str, Any]) -> Iterator[Lock]:
    """The operation that a stack's answer names as running."""
    found = stack.get("currentOperation")
    if isinstance(found, dict):
        started = datetime.fromtimestamp(int(found.get("started") or 0), UTC).isoformat()
        author, kind = str(found.get("author") or "someone"), str(found.get("kind") or "")
        yield Lock(username=author, timestamp=started, kind=kind)


class _Record(msgspec.Struct, rename="camel"):
    """An update as the service tells it."""

    version: int = 0
    kind: str = ""
    result: str = ""
    start_time: int = 0
    end_time: int = 0
    message: str | None = None
    environment: dict[str, str] | None = None
    config: dict[str, dict[str, Any]] | None = None
    resource_changes: dict[str, int] | None = None


class _Page(msgspec.Struct):
    updates: list[_Record]


class CloudHistory(History):
    """See `History`. A page is asked for when one of its updates is looked at."""

    def __init__(self, client: CloudClient, stack: StackRef, newest: int) -> None:
        self._client = client
        self._stack = stack
        self._newest = newest
        self._known: dict[int, Update] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._newest

    def update(self, number: int) -> Update:
        """One update; a version of which the service has no record comes back as ``unreadable``."""
        if not 1 <= number <= self._newest:
            raise no_update(self, self._stack, number)
        with self._lock:
            if number not in self._known:
                self._load((self._newest - number) // PAGE + 1)
            if number not in self._known:  # the pages have moved since they were counted
                self._load((self._newest - number) // PAGE + 2)
            found = self._known.get(number)
        return found or Update(
            number=number, kind="update", result="unreadable", start_time=0, end_time=0, has_checkpoint=True,
            problem=f"the service has no record of version {number}",
        )  # fmt: skip

    def raw(self, number: int) -> bytes:
        """As exported."""
        if not 1 <= number <= self._newest:
            raise no_update(self, self._stack, number)
        try:
            return self._client.get("stacks", *_path(self._stack), "export", str(number))
        except NotThere as err:
            raise CheckpointError(
                f"the checkpoint of #{number} does not exist: {err}", hint="Choose another update."
            ) from None

    def size(self, number: int) -> int | None:
        """Only reading it tells."""
        return None

    def checkpoint(self, number: int) -> Checkpoint:
        """The version's state."""
        return decode_checkpoint(self.raw(number), source=f"the checkpoint of #{number}")

    def touched(self, number: int) -> str:
        """The service keeps versions as they are."""
        return ""

    def _load(self, page: int) -> None:
        raw = self._client.get(
            "stacks", *_path(self._stack), "updates", pageSize=PAGE, page=page, **{"output-type": "cli"}
        )
        try:
            found = msgspec.json.decode(raw, type=_Page)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as err:
            raise BackendError(f"the history of {self._stack} can't be read: {err}", hint="Try again.") from None
        for record in found.updates:
            if record.version and record.result not in RUNNING:
                self._known[record.version] = _update(record)


def _update(record: _Record) -> Update:
    return Update(
        number=record.version,
        kind=record.kind or "update",
        result=record.result or "unreadable",
        start_time=record.start_time,
        end_time=record.end_time,
        message=record.message or "",
        environment=record.environment or {},
        config=msgspec.Raw(msgspec.json.encode(dict(_configuration(record.config or {})))),
        changes=record.resource_changes or {},
    )


def _configuration(config: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Settings in the shape that records of DIY backends have."""
    for key, value in config.items():
        text = value.get("string", "")
        if value.get("secret"):
            yield key, {"secure": text}
        elif value.get("object"):
            try:
                yield key, msgspec.json.decode(text)
            except msgspec.DecodeError:
                yield key, text
        else:
            yield key, text


def _path(stack: StackRef) -> tuple[str, str, str]:
    return stack.organization, stack.project, stack.name
