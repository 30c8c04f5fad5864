"""A file backend written by hand, byte for byte as a DIY backend stores it, without the engine."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import zstandard

from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.protocol import Backend
from pulumi_rewind.history.timeline import Timeline
from pulumi_rewind.project.repository import Repository
from pulumi_rewind.state.model import StackRef

START = 1_764_000_000
"""When the first update began, Unix seconds (2025-11-24 16:00 UTC); each further one a minute later."""

Compression = Literal["", "gzip", "zstd"]


class FileStore:
    """One stack on a backend of its own under `directory`."""

    def __init__(self, directory: Path, *, project: str = "shop", stack: str = "dev", legacy: bool = False) -> None:
        self.directory = directory
        self.ref = StackRef("" if legacy else project, stack)
        self.pulumi = directory / ".pulumi"
        self.history = self.pulumi / "history" / self.ref.project / stack
        self.state = self.pulumi / "stacks" / self.ref.project / f"{stack}.json"
        self.locks = self.pulumi / "locks" / (stack if legacy else f"organization/{project}/{stack}")
        self.history.mkdir(parents=True)
        self.state.parent.mkdir(parents=True)
        if not legacy:
            (self.pulumi / "meta.yaml").write_text("version: 1\n")
            (self.pulumi / "meta.yaml.attrs").write_text("{}")
        self.updates = 0
        self.write_live(None)

    @property
    def url(self) -> str:
        return f"file://{self.directory}"

    def open(self) -> Backend:
        return open_backend(self.url)

    def timeline(self, repository: Repository | None = None) -> Timeline:
        backend = self.open()
        return Timeline(backend.history(self.ref), backend, self.ref, repository)

    def checkpoint(self, value: object, *, time: str = "2025-11-24T16:00:00Z", **extra: Any) -> bytes:
        """A checkpoint whose one resource has the output ``value``; None makes an empty stack's."""
        latest: dict[str, Any] = {"manifest": {"time": time, "magic": "m", "version": "v3.276.0"}}
        if value is not None:
            stack, project = self.ref.name, self.ref.project or "shop"
            urn = f"urn:pulumi:{stack}::{project}::pulumi:pulumi:Stack::{project}-{stack}"
            resource = {"urn": urn, "custom": False, "type": "pulumi:pulumi:Stack", "outputs": {"value": value}}
            latest["resources"] = [resource]
        body = {"version": 3, "checkpoint": {"stack": self.ref.fqn, "latest": latest}, **extra}
        return json.dumps(body, separators=(",", ":")).encode()

    def add(
        self,
        value: object,
        *,
        kind: str = "update",
        result: str = "succeeded",
        commit: str = "",
        branch: str = "main",
        dirty: bool = False,
        message: str = "",
        environment: Mapping[str, str] | None = None,
        stored: bool = True,
        live: bool = True,
        compression: Compression = "",
    ) -> int:
        """Stores an update and makes its state live; `stored` False leaves its checkpoint out. Returns its number."""
        begun = START + self.updates * 60
        self.updates += 1
        git = {"git.head": commit, "git.headName": f"refs/heads/{branch}", "git.dirty": str(dirty).lower()}
        record = {
            "kind": kind,
            "startTime": begun,
            "message": message,
            "environment": {**(git if commit else {}), "git.author": "Ada", **(environment or {})},
            "config": {"shop:size": "3"},
            "version": 0,
            "result": result,
            "endTime": begun + 30,
            "resourceChanges": {"update": 1, "same": 2},
        }
        # Every state is written at its own time, as the engine does.
        raw = self.checkpoint(value, time=f"2025-11-24T16:{self.updates:02d}:00.{self.updates * 7}Z")
        self.write("history", json.dumps(record).encode(), compression=compression)
        if stored:
            self.write("checkpoint", raw, compression=compression)
        if live:
            self.write_live(raw)
        return self.updates

    def path(self, kind: str, number: int, suffix: str = "") -> Path:
        """Where the record (``history``) or ``checkpoint`` of an update is."""
        stamp = (START + (number - 1) * 60) * 1_000_000_000 + 17
        return self.history / f"{self.ref.name}-{stamp}.{kind}.json{suffix}"

    def write(self, kind: str, raw: bytes, *, number: int = 0, compression: Compression = "") -> Path:
        """Writes a file of an update (the newest if no number is given) and its sidecar."""
        path = self.path(kind, number or self.updates, {"": "", "gzip": ".gz", "zstd": ".zst"}[compression])
        path.write_bytes(compress(raw, compression))
        path.with_name(path.name + ".attrs").write_text('{"user.content_type":"text/plain; charset=utf-8"}')
        return path

    def write_live(self, value: bytes | object) -> None:
        """Makes a state live, given as bytes or as for `checkpoint`."""
        self.state.write_bytes(value if isinstance(value, bytes) else self.checkpoint(value))
        self.state.with_name(self.state.name + ".attrs").write_text("{}")

    def lock(self, name: str = "a", content: str | None = None) -> Path:
        """Puts a lock there as the CLI writes it."""
        self.locks.mkdir(parents=True, exist_ok=True)
        path = self.locks / f"{name}.json"
        body = {"pid": 4711, "username": "ada", "hostname": "box", "timestamp": "2025-11-24T16:00:00.5+01:00"}
        path.write_text(json.dumps(body) if content is None else content)
        path.with_name(path.name + ".attrs").write_text("{}")
        return path


def compress(raw: bytes, compression: Compression) -> bytes:
    """The bytes as a backend with that compression stores them."""
    if compression == "gzip":
        return gzip.compress(raw)
    if compression == "zstd":  # like Go's writer, a stream that doesn't say how long it is
        stream = zstandard.ZstdCompressor().compressobj()
        return stream.compress(raw) + stream.flush()
    return raw


@contextmanager
def denied(path: Path) -> Iterator[None]:
    """Takes away the right to read a file or directory, also from root."""
    mode = path.stat().st_mode
    path.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        if user == 0:
            os.seteuid(0)
        path.chmod(mode)
