"""The screens on a bucket and on a service: the same as on a directory, and no key waits for the network."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from pulumi_rewind.backends import cloud_client, urls
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.screens import home as home_module
from pulumi_rewind_tui.screens.empty import EmptyScreen
from pulumi_rewind_tui.screens.help import HelpScreen
from pulumi_rewind_tui.screens.home import HomeScreen
from pulumi_rewind_tui.screens.stacks import StacksScreen
from pulumi_rewind_tui.terminal import completions
from pulumi_rewind_tui.terminal.shells import VARIABLE
from pulumi_rewind_tui.text.home_page import shorten_url
from pulumi_rewind_tui.workers import comparer
from pulumi_rewind_tui.workers import watch as watch_module
from tests.servers import stores
from tests.servers.cloud.service import Service
from tests.servers.cloud.serving import cloud
from tests.servers.cloud.stacks import Stack, Update
from tests.servers.running import Server, free_port
from tests.support.tui.served_shop import BucketShop, CloudShop
from tests.support.tui.shop import NOON, Shop, screen_text, settle
from tests.support.tui.stories import choose, until, wait_for

WIDE, NARROW = (120, 40), (80, 24)
NUMBERS = count()


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are made by the tests."""
    monkeypatch.setattr(watch_module, "EVERY", 3600.0)


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of buckets."""
    with stores.s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def bucket(s3: Server, tmp_path: Path) -> BucketShop:
    """The shop in a bucket."""
    return BucketShop(tmp_path, server=s3, prefix=f"teams/shops/number-{next(NUMBERS)}")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[CloudShop]:
    """The shop on a service."""
    with cloud() as (server, made):
        yield CloudShop(tmp_path, server=server, service=made)


def header(pilot: Pilot[Any]) -> str:
    return screen_text(pilot.app).splitlines()[0]


async def look(pilot: Pilot[Any]) -> str:
    assert isinstance(pilot.app, RewindApp)
    pilot.app.home.watching.look()
    await settle(pilot)
    return screen_text(pilot.app)


def happened(shop: BucketShop) -> None:
    """Another update elsewhere, with the state of #7; the CLI writes its state first, then what it was."""
    shop.live.write_text(shop.checkpoint(7).read_text())


def told(shop: BucketShop) -> None:
    """The record of that update, and its checkpoint."""
    record, state = json.loads(shop.record(7).read_text()), shop.checkpoint(7).read_text()
    stem = shop.record(8).with_name(f"prod-{(int(NOON) - 3) * 1_000_000_000}")
    record |= {"startTime": int(NOON) - 9, "endTime": int(NOON) - 3}
    stem.with_name(f"{stem.name}.checkpoint.json").write_text(state)
    stem.with_name(f"{stem.name}.history.json").write_text(json.dumps(record))


def lock(shop: BucketShop) -> Path:
    path = shop.backend / ".pulumi" / "locks" / "organization" / "shop" / "prod" / "4711.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"pid": 15817, "username": "root", "hostname": "ci", "timestamp": "2026-11-28T06:56:46.5Z"})
    )
    return path


@pytest.mark.s3
@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_bucket_looks_like_a_directory(bucket: BucketShop, size: tuple[int, int]) -> None:
    async with bucket.app().run_test(size=size) as pilot:
        await settle(pilot)
        text = screen_text(pilot.app)
        assert "shop/prod [PROD]" in header(pilot)
        assert "live  = #8, which failed half-way" in text
        assert "Rollback to #7: LIVE → #7   ~1" in text
        assert "endpoint" not in text
        if size == WIDE:
            assert "s3://state/…/number-" in header(pilot)
            assert "8 updates   lock: none   secrets: hidden" in header(pilot)


@pytest.mark.s3
async def test_what_happens_in_a_bucket_is_shown(bucket: BucketShop) -> None:
    async with bucket.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        held = lock(bucket)
        await look(pilot)
        assert "locked by root@ci (pid 15817) since 06:56:46" in header(pilot)
        happened(bucket)
        await look(pilot)
        assert pilot.app.home.timeline.total == 8  # type: ignore[attr-defined]
        told(bucket)
        held.unlink()
        text = await look(pilot)
        assert "#9 is new: update, ok, 3 s ago" in header(pilot), "though the state is as at the last look"
        assert "9 updates" in header(pilot)
        assert "live  = #9" in text
        assert pilot.app.home.timeline.number == 5  # type: ignore[attr-defined]


@pytest.mark.cloud
async def test_large_states_of_unknown_size_are_compared_in_another_process(
    service: CloudShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparer, "LARGE", 1000)
    app = service.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "Rollback to #7: LIVE → #7   ~1" in screen_text(app)
        assert app.home.comparer is not None
        assert app.home.comparer._far._process is not None
        assert app.home.comparer._near is None


@pytest.mark.s3
async def test_a_bucket_that_is_away_at_the_start_is_opened_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setattr(stores, "free_port", lambda: port)
    url = f"s3://state/later?endpoint=http://127.0.0.1:{port}&use_path_style=true&region=us-east-1"
    keys = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret", "AWS_EC2_METADATA_DISABLED": "true"}
    shop = Shop(tmp_path / "shop", extra={**keys, "PULUMI_BACKEND_URL": url})
    async with shop.app().run_test(size=NARROW) as pilot:
        await wait_for(pilot, EmptyScreen)
        await settle(pilot)
        assert "nothing answers there" in screen_text(pilot.app)
        (tmp_path / "server").mkdir()
        with stores.s3(tmp_path / "server") as server:
            shutil.copytree(shop.backend, server.directory / "later")
            await pilot.press("ctrl+r")
            await wait_for(pilot, HomeScreen)
            await settle(pilot)
            assert "live  = #8" in screen_text(pilot.app)


@contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


async def test_no_key_waits_for_a_backend_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "OVERDUE", 0.2)
    monkeypatch.setattr(cloud_client, "TRIES", 1)
    with silent() as url:
        shop = Shop(tmp_path, extra={"PULUMI_BACKEND_URL": url, "PULUMI_ACCESS_TOKEN": "x"})
        async with shop.app().run_test(size=NARROW) as pilot:
            await until(pilot, lambda: "The backend has not answered yet." in screen_text(pilot.app))
            await pilot.press("?")
            await wait_for(pilot, HelpScreen)
            await pilot.press("escape", "s")
            await wait_for(pilot, StacksScreen)
            assert "reading…" in screen_text(pilot.app)


def test_completion_does_not_wait_for_a_backend_that_is_silent(tmp_path: Path) -> None:
    with silent() as url:
        shop = Shop(tmp_path, extra={"PULUMI_BACKEND_URL": url, "PULUMI_ACCESS_TOKEN": "x"})
        begun = time.monotonic()
        done = said(shop, env={VARIABLE: "fish_complete", "COMP_WORDS": "pulumi-rewind -s ", "COMP_CWORD": ""})
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert completions.PATIENCE <= time.monotonic() - begun < 25, "it is asked, and a question waits for a minute"


@pytest.mark.cloud
async def test_what_happens_on_a_service_is_shown(service: CloudShop) -> None:
    async with service.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "acme/shop/prod [PROD]" in header(pilot)
        assert f"{service.server.url}   8 updates   lock: none" in header(pilot)
        await choose(pilot, 5)
        await settle(pilot)
        asked = len(service.service.requests)
        await look(pilot)
        assert service.service.requests[asked:] == ["GET /api/stacks/acme/shop/prod"], "one question a look"
        service.stack.running = Update("update", {}, dry=False, started=NOON)
        await look(pilot)
        assert "locked by tester (update) since 12:00:00" in header(pilot)
        service.stack.running = None
        service.came(7, startTime=int(NOON) - 9, endTime=int(NOON) - 3)
        text = await look(pilot)
        assert "#9 is new: update, ok, 3 s ago" in header(pilot)
        assert "live  = #9" in text


@pytest.mark.cloud
async def test_stacks_are_looked_at_when_they_are_in_sight(service: CloudShop) -> None:
    for number in range(60):
        name = (("acme", "tester")[number % 2], "shop", f"s{number:02}")
        service.service.stacks[name] = Stack(name)
    app = service.app()
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("s")
        await wait_for(pilot, StacksScreen)
        await settle(pilot)
        text = screen_text(app)
        assert "61 stacks" in text
        assert "acme/shop/prod" in text
        assert "9 resources" in text
        assert "tester/shop/s01  no updates yet" in text
        asked = questions(service.service)
        assert "acme/shop/s00" in asked
        assert "tester/shop/s59" not in asked
        await pilot.press("G")
        await settle(pilot)
        assert "tester/shop/s59  no updates yet" in screen_text(app)
        assert "tester/shop/s59" in questions(service.service)
        assert "acme/shop/s30" not in questions(service.service), "nobody has seen it"
        await pilot.press("enter")
        await wait_for(pilot, HomeScreen)
        await settle(pilot)
        assert "tester/shop/s59" in header(pilot)


def questions(service: Service) -> set[str]:
    """The stacks that were asked for."""
    paths = (line.partition("/api/stacks/")[2] for line in service.requests)
    return {"/".join(path.split("/")[:3]) for path in paths if path}


@pytest.mark.cloud
async def test_how_often_it_is_looked_depends_on_what_it_costs(
    service: CloudShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_module, "EVERY", 0.05)
    monkeypatch.setattr(urls, "pace", lambda _: 3600.0)
    app = service.app()
    async with app.run_test(size=WIDE) as pilot:
        await until(pilot, lambda: "secrets: hidden" in header(pilot) and not app.home.watching._failed)
        await look(pilot)
        asked = len(service.service.requests)
        await pilot.pause(0.5)
        assert len(service.service.requests) == asked
        service.stack.running = Update("update", {}, dry=False)
        await look(pilot)
        asked = len(service.service.requests)
        await until(pilot, lambda: len(service.service.requests) > asked + 2)


def test_a_look_at_a_bucket_costs_more_than_one_at_a_directory() -> None:
    found = [urls.pace(url) for url in ("file:///a", "https://api.pulumi.com", "postgres://h/d", "s3://b?region=x")]
    assert found == sorted(found)
    assert found[0] == 0 < found[1]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("file:///srv/state", "file:///srv/state"),
        ("file:///a/very/long/way/to/the/state", "file://…/state"),
        ("s3://state/team?endpoint=http://127.0.0.1:9000&region=x", "s3://state/team"),
        ("s3://state/team/platform/production", "s3://state/…/production"),
        ("s3://acme-pulumi-states-of-the-shop/prod", "s3://acme-pulumi-state…/prod"),
        ("azblob://state?storage_account=a&sig=hush", "azblob://state"),
        ("postgres://pulumi@db.internal:5432/state?sslmode=disable", "postgres://db.int…:5432/state"),
        ("https://api.pulumi.com", "https://api.pulumi.com"),
        ("https://pulumi.platform.acme.example", "https://pulumi.platform.acm…"),
    ],
)
def test_a_url_in_the_header_is_short_and_has_no_query(url: str, shown: str) -> None:
    assert len(shorten_url(url)) <= 28
    if "…:5432" not in shown:
        assert shorten_url(url) == shown


def said(shop: Shop, *words: str, env: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
    """Runs a command line in the project."""
    return subprocess.run(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", *words],
        cwd=shop.root,
        env={**shop.environ, **env},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.cloud
def test_a_stack_of_a_service_goes_by_its_organization(service: CloudShop) -> None:
    name = ("tester", "shop", "dev")
    service.service.stacks[name] = Stack(name)
    elsewhere = service.environ | {"PULUMI_BACKEND_URL": "file:///nowhere"}
    for words in (("-s", "acme/shop/prod"), ("-s", "prod"), ("-s", "acme/prod", "--backend", service.server.url)):
        done = said(service, "history", *words, env=elsewhere if "--backend" in words else {})
        assert done.returncode == 0, done
        assert "#8" in done.stdout
        assert "`pulumi-rewind rollback acme/shop/prod last-good`" in done.stderr
    none = said(service, "history")
    assert none.returncode == 2
    assert "stacks of shop: tester/shop/dev, acme/shop/prod" in none.stderr
    foreign = said(service, "history", "-s", "dev")
    assert foreign.returncode == 2
    assert "there is no stack acme/shop/dev" in foreign.stderr
    assert "tester/shop/dev" in foreign.stderr


@pytest.mark.cloud
def test_completion_offers_short_names_where_they_are_enough(service: CloudShop) -> None:
    for name in (("tester", "shop", "preview"), ("acme", "other", "prize")):
        service.service.stacks[name] = Stack(name)

    def offered(begun: str) -> list[str]:
        done = said(
            service,
            env={VARIABLE: "fish_complete", "COMP_WORDS": f"pulumi-rewind history -s {begun}", "COMP_CWORD": ""},
        )
        assert not done.stderr, done
        return [row.partition(",")[2].partition("\t")[0] for row in done.stdout.splitlines()]

    assert offered("pr") == ["prod"], "of another organization or project the whole name is needed"
    assert offered("acme/") == ["acme/other/prize", "acme/shop/prod"]
    assert sorted(offered("''")) == ["acme/other/prize", "acme/shop/prod", "prod", "tester/shop/preview"]


LEAVING = """
import atexit, sys, threading, weakref
from pulumi_rewind_tui.cli import leave
class Held: pass
held = Held()
weakref.finalize(held, print, "finalized", flush=True)
atexit.register(print, "at exit", flush=True)
threading.Thread(target=threading.Event().wait, daemon=True).start()
sys.stdout.write("said, ")
leave(3)
"""


def test_a_process_that_leaves_threads_behind_loses_nothing(tmp_path: Path) -> None:
    environ = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", LEAVING], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == "said, at exit\nfinalized\n"
