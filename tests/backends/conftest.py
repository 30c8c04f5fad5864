"""A server of each kind of backend, started once for all tests that ask for it, and stacks on it.

`pytest -m s3` runs the tests of one kind alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest

from pulumi_rewind.system.toolchain import EngineInfo
from tests.backends.served_stack import ServedStack, program
from tests.servers import databases, stores
from tests.servers.cloud.service import Service
from tests.servers.cloud.serving import cloud
from tests.servers.running import Server

SERVICES: dict[str, Service] = {}
"""What runs behind the URLs of services like Pulumi Cloud."""


@contextmanager
def _cloud(way: str) -> Iterator[Server]:
    with cloud(way) as (server, service):
        SERVICES[server.url] = service
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


def _params(names: Iterable[str] = SERVERS) -> Iterator[object]:
    """Each kind under its marker, and in one worker, so that its server is started once."""
    for name in names:
        marks = (getattr(pytest.mark, name.partition("-")[0]), pytest.mark.xdist_group(name))
        yield pytest.param(name, marks=marks, id=name)


def only_on(*names: str) -> pytest.MarkDecorator:
    """For a test that is too costly to run on every kind."""
    return pytest.mark.parametrize("server", list(_params(names)), indirect=True, scope="session")


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


@pytest.fixture(scope="session")
def shop(server: Server, tmp_path_factory: pytest.TempPathFactory, engine: EngineInfo) -> Iterator[ServedStack]:
    """One stack of three updates for all tests of a kind, which leave it whole and unlocked, at any update."""
    made = ServedStack(tmp_path_factory.mktemp("shop"), engine.path, server, f"shop_{next(NUMBERS)}")
    for image in ("one", "two", "three"):
        made.write_program(program(image))
        made.git_commit(f"version {image}")
        made.up()
    yield made
    made.close()


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    """A service like Pulumi Cloud of a test's own, and its URL."""
    with cloud() as (started, service):
        yield started.url, service
