"""What the service alone knows, on the screens and by `show`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.rollback.recording import record_all
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.screens.details import DetailsScreen
from tests.backends.seeded_service import add
from tests.servers.cloud.service import TOKEN, Service
from tests.servers.cloud.serving import cloud
from tests.support.recordshop import Shop
from tests.support.tui.shop import screen_text, settle

pytestmark = pytest.mark.cloud

PAGE = "http://pages.example/acme/shop/dev"


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    with cloud() as (started, service):
        yield started.url, service


@pytest.fixture
def environ(served: tuple[str, Service], tmp_path: Path) -> dict[str, str]:
    """Of a project whose stack has been asked for by Ada, from a commit that GitHub has."""
    url, service = served
    stack = add(service)
    stack.tags = {"owner": "the shop's team"}
    stack.users[3] = "Ada"
    stack.commits[3] = "https://github.com/acme/shop/commit/42"
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: yaml\n")
    return {
        "PULUMI_ACCESS_TOKEN": TOKEN, "PULUMI_BACKEND_URL": url, "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_CONSOLE_DOMAIN": "pages.example", "XDG_STATE_HOME": str(tmp_path / "state"), "PATH": os.environ["PATH"],
    }  # fmt: skip


async def test_o_opens_the_page_and_the_details_have_it(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    monkeypatch.setattr(RewindApp, "open_url", lambda _, url, new_tab=True: pages.append(url))
    app = RewindApp(cwd=tmp_path, stack="acme/shop/dev", environ=environ)
    async with app.run_test(size=(120, 50)) as pilot:
        await settle(pilot)
        await pilot.press("g", "o", "j", "o")
        await pilot.press("i")
        await settle(pilot)
        assert type(pilot.app.screen) is DetailsScreen
        text = screen_text(pilot.app)
        for words in (f"{PAGE}/updates/3", "Ada", "https://github.com/acme/shop/commit/42", "the shop's team"):
            assert words in text
        await pilot.press("o")
    assert pages == [PAGE, f"{PAGE}/updates/3", f"{PAGE}/updates/3"]


def test_show_has_the_page_and_who_asked(environ: dict[str, str], tmp_path: Path) -> None:
    def shown(*more: str) -> str:
        command = [sys.executable, "-m", "pulumi_rewind_tui.cli", "show", "acme/shop/dev", "3", *more]
        done = subprocess.run(
            command, cwd=tmp_path, env={**environ, "COLUMNS": "140"}, capture_output=True, text=True, check=True
        )
        return done.stdout

    text = shown()
    for words in (f"{PAGE}/updates/3", "Ada", "https://github.com/acme/shop/commit/42"):
        assert words in text
    told = json.loads(shown("--json"))
    assert (told["requestedBy"], told["page"]) == ("Ada", f"{PAGE}/updates/3")
    assert told["commitPage"] == "https://github.com/acme/shop/commit/42"


def test_a_stack_that_was_moved_there_has_the_pages_of_the_services_own_versions(
    served: tuple[str, Service], tmp_path: Path
) -> None:
    url, service = served
    shop = Shop(tmp_path)
    for value in ("one", "two", "three"):
        shop.deploy(value)
    list(record_all(shop.session()))
    shop.write("rewind.toml", f"moved_from = [{json.dumps(shop.store.url)}]\n")
    add(service, updates=2)
    session = shop.session(
        PULUMI_BACKEND_URL=url, PULUMI_ACCESS_TOKEN=TOKEN, PULUMI_CONSOLE_DOMAIN="pages.example"
    )  # fmt: skip
    updates = list(session.timeline.history.newest(10))
    assert [update.number for update in updates] == [5, 4, 3, 2, 1]
    assert [session.page(update) for update in updates] == [f"{PAGE}/updates/2", f"{PAGE}/updates/1", PAGE, PAGE, PAGE]
