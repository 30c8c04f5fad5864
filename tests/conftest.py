"""What every test gets: an environment that has nothing of the operator's, and the real engine on request."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from pulumi_rewind.system.toolchain import OVERRIDE, EngineInfo, find_engine
from tests.support import deployments
from tests.support.given import VARIABLE, UnusableEngine, given_engine, older_than
from tests.support.stack import EngineStack

ORIGINAL: dict[str, str] = dict(os.environ)
"""The environment that pytest was started in; the engine is looked for there."""

GIVEN = pytest.StashKey[EngineInfo | None]()
"""The engine that REWIND_ENGINE names."""

# A test run draws the same inputs each time, so that it fails for what was changed. To hunt with new ones:
# HYPOTHESIS_PROFILE=hunt, or REWIND_FUZZ, which draws more of them too.
# No deadline for one input: how long it takes depends on what else the machine does.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("hunt", derandomize=False, deadline=None)
settings.load_profile(ORIGINAL.get("HYPOTHESIS_PROFILE", "hunt" if "REWIND_FUZZ" in ORIGINAL else "steady"))

# A shell that starts the tests in the background lets them ignore an interrupt, and what they start would as well.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FOREIGN = ("PULUMI_", "GIT_", "XDG_", "BRIDGED_", "AWS_", "GOOGLE_", "AZURE_", "STORAGE_", "PG")


def pytest_configure(config: pytest.Config) -> None:
    """Takes the engine that REWIND_ENGINE names, or refuses to run."""
    staging = Path(tempfile.mkdtemp(prefix="rewind-engine-"))
    config.add_cleanup(lambda: shutil.rmtree(staging, ignore_errors=True))
    try:
        given = given_engine(ORIGINAL, staging / "bin")
    except UnusableEngine as err:
        raise pytest.UsageError(str(err)) from None
    config.stash[GIVEN] = given
    if given is not None:
        # Workers inherit it, so that it is put together once.
        os.environ[VARIABLE] = ORIGINAL[VARIABLE] = ORIGINAL[OVERRIDE] = str(given.path)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says which engine is tested, where it isn't the usual one."""
    given = config.stash[GIVEN]
    return [f"engine: pulumi {given.version}, given by {VARIABLE}"] if given else []


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what asks for the engine, skips what a given older one can't do, and puts what takes long first.

    So no worker is left alone with something long at the end.
    """
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)
        for mark in item.iter_markers("since"):
            version, what = mark.args
            if older_than(config.stash[GIVEN], version):
                item.add_marker(pytest.mark.skip(reason=f"{what}: pulumi {version} and newer"))

    def weight(item: pytest.Item) -> int:
        if item.get_closest_marker("slow"):
            return 0
        return 1 if item.get_closest_marker("engine") else 2

    items.sort(key=weight)


@pytest.fixture(scope="session", autouse=True)
def isolated_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Takes the operator's settings out of this process: home, git, Pulumi, clouds."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(FOREIGN) or name in {"NO_COLOR", "FORCE_COLOR", "CI"}:
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("TEXTUAL_ANIMATIONS", "none")
        yield


@pytest.fixture(scope="session", autouse=True)
def shared_deployments(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Lets all workers of this run copy what one of them has deployed."""
    base = tmp_path_factory.getbasetemp()
    deployments.shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "deployments"


@pytest.fixture(scope="session")
def engine() -> EngineInfo:
    """The engine that REWIND_ENGINE names, else the one on PATH, else that of `make setup`."""
    return find_engine(ORIGINAL)


@pytest.fixture(scope="session")
def engine_bin(engine: EngineInfo) -> Path:
    """The directory of the engine, to be put on PATH."""
    return engine.path.parent


@pytest.fixture
def make_stack(engine: EngineInfo, tmp_path: Path) -> Iterator[Callable[..., EngineStack]]:
    """Makes stacks, each in a directory of its own: ``make_stack()``, ``make_stack(project="p", stack="prod")``."""
    made: list[EngineStack] = []

    def make(**options: str) -> EngineStack:
        made.append(EngineStack(tmp_path / f"stack-{len(made) + 1}", engine.path, **options))
        return made[-1]

    yield make
    for stack in made:
        stack.close()


@pytest.fixture
def stack(make_stack: Callable[..., EngineStack]) -> EngineStack:
    """An empty stack ``shop/dev`` on a file backend, with the `bridged` provider 1.0.0 installed."""
    return make_stack()
