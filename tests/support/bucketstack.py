"""A project whose stack is written by hand into the bucket of a test server, as files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.servers.running import Server
from tests.support.filestack import FileStack


@dataclass
class BucketStack(FileStack):
    """As `FileStack`, in a bucket that is served from a directory."""

    server: Server | None = None
    prefix: str = "p"

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.server is not None
        self.env |= {**self.server.environ, "PULUMI_BACKEND_URL": self.server.backend(self.prefix)}

    @property
    def state(self) -> Path:
        """The directory behind the prefix."""
        assert self.server is not None
        return self.server.directory / self.prefix

    def fill(self, count: int) -> None:
        """Updates with one small state each."""
        for number in range(1, count + 1):
            self.update(self.resource("web", {"n": number}))
