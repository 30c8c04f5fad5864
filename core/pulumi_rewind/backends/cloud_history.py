"""The history of one stack on Pulumi Cloud, read by page; a version of the stack is an update's number."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from pulumi_rewind.backends.ahead import Ahead
from pulumi_rewind.backends.cloud_client import CloudClient, NotThere
from pulumi_rewind.backends.interruptible import at_once
from pulumi_rewind.backends.protocol import History, no_update
from pulumi_rewind.errors import BackendError, CheckpointError
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint, StackRef, Update

PAGE: Final = 60
"""Updates of one question; the first screen has as many."""

AT_ONCE: Final = 8
"""Pages that are asked for at the same time where a long way is read."""

RUNNING: Final = frozenset({"not-started", "in-progress", "not started", "running"})
"""Results of updates that haven't ended; they are no part of the history yet."""


class _Info(msgspec.Struct, rename="camel"):
    """An update as the CLI told it."""

    version: int = 0
    kind: str = ""
    result: str = ""
    start_time: int = 0
    end_time: int = 0
    message: str | None = None
    environment: dict[str, str] | None = None
    config: dict[str, dict[str, Any]] | None = None
    resource_changes: dict[str, int] | None = None


class _User(msgspec.Struct, rename="camel"):
    name: str = ""
    github_login: str = ""


class _Commit(msgspec.Struct):
    url: str = ""


class _Row(_Info, rename="camel"):
    """The same as the service tells it: with what it adds around `info`. Some services don't, and leave `info` out."""

    info: _Info | None = None
    requested_by: _User | None = None
    commit: _Commit | None = msgspec.field(name="githubCommitInfo", default=None)


class _Page(msgspec.Struct):
    updates: list[_Row] | None = None


class CloudHistory(History):
    """See `History`. Making it reads the newest page; others are read when one of their updates is looked at.

    Pages count from the newest update, so that all move on when one ends: rows are known by their version.
    """

    def __init__(self, client: CloudClient, stack: StackRef, at_rest: Callable[[], int]) -> None:
        """`at_rest` asks for the newest version; it says 0 while an operation runs."""
        self._client = client
        self._path = ("stacks", stack.organization, stack.project, stack.name)
        self._stack = stack
        self._at_rest = at_rest
        self._checkpoints = Ahead(self._raw, self.size)
        self._known: dict[int, Update] = {}
        self._lock = threading.Lock()
        self._ahead = 1
        rows = self._take(self._read(1))
        self._top = max(rows, default=0)
        """The version of the first row of the first page."""
        self._newest = max(self._known, default=0)

    def __len__(self) -> int:
        return self._newest

    def update(self, number: int) -> Update:
        """One update; a version of which the service has no record comes back as ``unreadable``."""
        if not 1 <= number <= self._newest:
            raise no_update(self, self._stack, number)
        with self._lock:
            if number not in self._known:
                self._look_for(number)
            found = self._known.get(number)
        return found or Update(
            number=number, kind="update", result="unreadable", start_time=0, end_time=0, has_checkpoint=True,
            problem=f"the service has no record of version {number}",
        )  # fmt: skip

    def newest(self, limit: int, *, before: int | None = None) -> Iterator[Update]:
        """Reads ahead: one page, then two, then four … at the same time, never more than `limit` asks for."""
        top = self._newest if before is None else min(before - 1, self._newest)
        bottom = max(top - limit, 0)
        for number in range(top, bottom, -1):
            with self._lock:
                if number not in self._known:
                    first, last = self._page(number), self._page(bottom + 1)
                    self._load(range(first, min(first + self._ahead, last + 1)))
                    self._ahead = min(2 * self._ahead, AT_ONCE)
            yield self.update(number)

    def expect(self, numbers: Sequence[int]) -> None:
        """Reads the pages of these at the same time."""
        with self._lock:
            missing = [number for number in numbers if 1 <= number <= self._newest and number not in self._known]
            self._load(sorted({self._page(number) for number in missing})[:AT_ONCE])

    def ahead(self, numbers: Iterable[int]) -> Iterator[int]:
        """Exports the next ones meanwhile."""
        return self._checkpoints.walk(numbers)

    def is_live(self, number: int) -> bool | None:
        """Each import or update makes a version, so that live is the newest one while nothing runs."""
        return True if number == self._at_rest() else None

    def raw(self, number: int) -> bytes:
        """As exported."""
        return self._checkpoints.get(number)

    def _raw(self, number: int) -> bytes:
        if not 1 <= number <= self._newest:
            raise no_update(self, self._stack, number)
        try:
            return self._client.get(*self._path, "export", str(number))
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

    # -- inside -------------------------------------------------------------------------------------------------

    def _page(self, number: int) -> int:
        """The page that an update was on when the history was opened."""
        return (self._top - number) // PAGE + 1

    def _look_for(self, number: int) -> None:
        """Reads the page of an update; it may be further down by now, or further up where versions are missing."""
        page, seen = self._page(number), set[int]()
        while page > 0 and page not in seen and number not in self._known:
            seen.add(page)
            versions = self._take(self._read(page))
            if versions and number < min(versions):
                page += 1
            elif not versions or number > max(versions):
                page -= 1

    def _load(self, pages: Sequence[int]) -> None:
        for rows in at_once(self._read, pages, AT_ONCE):
            self._take(rows)

    def _read(self, page: int) -> list[_Row]:
        raw = self._client.get(*self._path, "updates", pageSize=PAGE, page=page, **{"output-type": "service"})
        try:
            return msgspec.json.decode(raw, type=_Page).updates or []
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as err:
            raise BackendError(
                f"{self._client.shown} tells the history of {self._stack} in a way that can't be read: {err}",
                hint="Try again; if it persists, check the backend's URL.",
            ) from None

    def _take(self, rows: Sequence[_Row]) -> list[int]:
        """Remembers the rows of a page; returns their versions, also those of updates that still run."""
        versions = []
        for row in rows:
            info = row.info or row
            number = info.version or row.version
            if number > 0:
                versions.append(number)
                if info.result not in RUNNING:
                    self._known.setdefault(number, _update(number, info, row))
        return versions


def _update(number: int, info: _Info, row: _Row) -> Update:
    user = row.requested_by or _User()
    return Update(
        number=number,
        kind=info.kind or "update",
        result=info.result or "unreadable",
        start_time=info.start_time,
        end_time=info.end_time,
        message=info.message or "",
        environment=info.environment or {},
        config=msgspec.Raw(msgspec.json.encode(dict(_configuration(info.config or {})))),
        changes=info.resource_changes or {},
        requested_by=user.name or user.github_login,
        commit_url=row.commit.url if row.commit is not None else "",
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
