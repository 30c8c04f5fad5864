"""Deploy, look, go back and forth on each kind of backend, with the real engine and a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest

from pulumi_rewind.system.toolchain import EngineInfo
from tests.backends.served_stack import ServedStack
from tests.servers import databases, stores
from tests.servers.cloud.serving import cloud
from tests.servers.running import Server
from tests.support.rewind import roll_back, said, session

HEAD = "import pulumi, bridged_sdk as bridged\n"


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


@pytest.fixture(scope="module", params=sorted(SERVERS))
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with SERVERS[request.param](tmp_path_factory.mktemp(request.param)) as started:
        yield started


@pytest.fixture
def stack(server: Server, tmp_path: Path, engine: EngineInfo) -> Iterator[ServedStack]:
    made = ServedStack(tmp_path, engine.path, server, f"stack_{next(NUMBERS)}")
    yield made
    made.close()


def program(image: str) -> str:
    return HEAD + (
        f'db = bridged.Database("db", {{"engine": "pg16", "password": pulumi.Output.secret("hush-{image}")}})\n'
        f'web = bridged.Server("web", {{"image": "{image}", "dependsId": db.id}})\n'
    )


def test_there_and_back(stack: ServedStack) -> None:
    stack.up(program("one"))
    stack.up(program("two"))
    stack.up(HEAD)
    opened = session(stack)
    assert [update.number for update in opened.timeline.history.newest(9)] == [3, 2, 1]
    assert opened.timeline.live_update() == 3
    listed = said(stack, "history")
    assert listed.code == 0, listed
    assert "#3" in listed.out
    differing = said(stack, "diff", "1", "2")
    assert "one" in differing.out
    assert "hush" not in differing.out
    result = roll_back(stack, "2", trusts=True)
    assert result.result == "succeeded"
    assert [item for item in result.differences if not item.expected] == []
    assert stack.resources()["web"]["inputs"]["image"] == "two"
    assert session(stack).timeline.equals_live(2)


def test_a_failed_update_is_taken_back_and_kept_as_a_record(stack: ServedStack) -> None:
    stack.write_program(program("one"))
    stack.git_commit("the first")
    good = said(stack, "up", "--yes", "--json")
    assert good.code == 0, good
    stack.trouble({"name": "more", "operation": "create", "action": "fail"})
    stack.write_program(program("two") + 'more = bridged.Server("more", {"image": "x"})\n')
    stack.git_commit("the second")
    failed = said(stack, "up", "--yes", "--json", "--rollback-on-failure", "--allow-data-loss")
    assert failed.code == 5, failed
    assert failed.json_lines()[-1]["result"] == "rolled-back"
    assert stack.resources()["web"]["inputs"]["image"] == "one"
    kept = said(stack, "record", "--json")
    assert kept.code == 0, kept


def test_a_state_alone_is_put_back(stack: ServedStack) -> None:
    stack.up(program("one"))
    stack.up(program("two"))
    result = roll_back(stack, "1", strategy="state")
    assert result.result == "succeeded"
    assert stack.resources()["web"]["inputs"]["image"] == "one"
    assert session(stack).timeline.equals_live(1)
