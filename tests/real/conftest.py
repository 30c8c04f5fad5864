"""What the tests on real providers run on. They are slow, and run only when asked for: ``make test-real``."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from pulumi_rewind.demo.control_plane import ControlPlane
from pulumi_rewind.system.toolchain import EngineInfo, user_cache
from scripts.real import GROUPS
from tests.conftest import ORIGINAL
from tests.real.shop import World
from tests.servers.running import free_port, running

HERE = Path(__file__).parent
BUILT = user_cache(ORIGINAL) / "real"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what lies here as `real`."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.timeout(3 * 3600))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test is run where what it needs was built: the marker `needs` names groups of ``scripts.real``."""
    wanted = {group for mark in item.iter_markers("needs") for text in mark.args for group in text.split()}
    chosen = set(os.environ.get("REAL", " ".join(GROUPS)).split())
    if wanted - chosen:
        pytest.skip(f"REAL leaves out: {', '.join(sorted(wanted - chosen))}")


@contextlib.contextmanager
def plane_of_its_own(folder: Path) -> Iterator[ControlPlane]:
    """A Kubernetes control plane that is up in some seconds, and leaves nothing to the next one."""
    made = ControlPlane(folder / "plane", BUILT / "bin")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """A Kubernetes control plane of the test's own."""
    with plane_of_its_own(tmp_path) as made:
        yield made


@contextlib.contextmanager
def moto_of_its_own(folder: Path) -> Iterator[str]:
    """The URL of an AWS that holds nothing yet."""
    port = free_port()
    command = [sys.executable, "-P", HERE.parent / "servers" / "moto_as_aws.py", "-H", "127.0.0.1", "-p", port]
    with running(command, port, folder / "moto.log", {"PATH": os.defpath, "HOME": str(folder)}):
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def world_of_its_own(engine: Path, folder: Path) -> Iterator[World]:
    """What is deployed to, in a directory of its own."""
    folder.mkdir(exist_ok=True)
    with contextlib.ExitStack() as ends:

        @cache
        def plane() -> ControlPlane:
            return ends.enter_context(plane_of_its_own(folder))

        @cache
        def aws() -> str:
            return ends.enter_context(moto_of_its_own(folder))

        yield World(engine, BUILT, folder, plane, aws, lambda name: world_of_its_own(engine, folder / name))


@pytest.fixture
def world(engine: EngineInfo, tmp_path: Path) -> Iterator[World]:
    """What a stack is deployed to."""
    with world_of_its_own(engine.path, tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def note_result(engine: EngineInfo) -> Callable[[dict[str, object]], None]:
    """Takes down what a road came to; ``python -m scripts.fidelity_page`` makes docs/fidelity.md of it."""
    file = BUILT / "results" / f"{engine.version}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)

    def note(result: dict[str, object]) -> None:
        with file.open("a") as out:
            out.write(json.dumps({**result, "engine": engine.version}) + "\n")

    return note
