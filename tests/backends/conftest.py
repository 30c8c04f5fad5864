"""A server of each kind of backend, started once for all tests that ask for it, and stacks on it.

`pytest -m s3` runs the tests of one kind alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest

from pulumi_rewind.system.toolchain import EngineInfo
from tests.backends.served_stack import ServedStack
from tests.servers import databases, stores
from tests.servers.cloud.service import Service
from tests.servers.cloud.serving import cloud
from tests.servers.running import Server


@contextmanager
def _cloud(way: str) -> Iterator[Server]:
    with cloud(way) as (server, _):
        yield server


NUMBERS = count()
SERVERS: dict[str, Callable[[Path], AbstractContextManager[Server]]] = {
    "s3": stores.s3,
    "gs": stores.gcs,
    "azblob": stores.azure,
    "postgres": databases.postgres,
    "cloud": lambda _: _cloud("full"),
    "cloud-delta": lambda _: _cloud("delta"),
    "cloud-journal": lambda _: _cloud("journal"),
}


def _params() -> Iterator[object]:
    """Each kind under its marker, and in one worker, so that its server is started once."""
    for name in SERVERS:
        marks = (getattr(pytest.mark, name.partition("-")[0]), pytest.mark.xdist_group(name))
        yield pytest.param(name, marks=marks, id=name)


@pytest.fixture(scope="session", params=list(_params()))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A running server; a test that asks for it runs once on each kind."""
    with SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture
def stack(server: Server, tmp_path: Path, engine: EngineInfo) -> Iterator[ServedStack]:
    """A stack in a place of its own on the server."""
    made = ServedStack(tmp_path, engine.path, server, f"stack_{next(NUMBERS)}")
    yield made
    made.close()


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    """A service like Pulumi Cloud of a test's own, and its URL."""
    with cloud() as (started, service):
        yield started.url, service
