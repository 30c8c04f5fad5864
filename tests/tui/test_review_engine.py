"""The whole way with the real engine: open, choose, review, confirm, watch, and look at what is on disk."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pulumi_rewind.project.journal import Journal
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.interrupted import InterruptedScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.review import ReviewScreen
from pulumi_rewind_tui.screens.running import RunningScreen
from pulumi_rewind_tui.screens.stop import StopScreen
from tests.support.tui.engine_shop import EngineShop
from tests.support.tui.shop import screen_text, settle
from tests.support.tui.stories import choose, go_back, review, until, wait_for

pytestmark = pytest.mark.engine


def journal(shop: EngineShop) -> Journal:
    return shop.session().journal


async def test_from_the_timeline_to_a_verified_rollback(tmp_path: Path) -> None:
    shop = EngineShop(tmp_path / "s", protected=False)
    old = {res["id"] for res in shop.physical().values() if res["type"].endswith("Database")}
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        pressed = ["r"]
        await pilot.press("r")
        screen = await review(pilot)
        assert screen.plan is not None
        assert {step.name for step in screen.plan.steps if step.op == "delete"} == {"レポート", "jobs"}
        pressed += ["r", "space"]
        await pilot.press("r", "space", *"prod", "enter")
        pressed += ["enter"]
        await wait_for(pilot, ResultScreen)
        assert len(pressed) <= 12
        text = screen_text(app)
        assert "shop/prod is back at #5 (v1.2)" in text
        assert "recorded as #9" in text
        assert "HEAD (" in text
        assert app.run_in_progress is None
        await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert app.home.timeline.total == 9
    images = {res["inputs"].get("image") for res in shop.physical().values()}
    assert "shop/api:1.2.0" in images
    assert not {"shop/jobs:0.1.0", "shop/api:1.3.0"} & images
    database = next(res for res in shop.physical().values() if res["type"].endswith("Database"))
    assert database["inputs"]["engine"] == "pg15"
    assert database["inputs"]["password"] == "hunter2-at-first"
    assert database["id"] not in old
    assert journal(shop).read() is None


async def test_space_takes_a_resource_out_and_it_stays_as_it_is(tmp_path: Path) -> None:
    shop = EngineShop(tmp_path / "s")
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        screen = await review(pilot)
        assert not screen.runnable  # the database is protected
        assert "blocks" in screen_text(app)
        for name in ("orders-db", "api", "worker"):
            screen.steps.go_to(row_of(screen, name))
            await pilot.press("space")
            await settle(pilot)
        screen = await review(pilot)
        assert screen.plan is not None
        assert {step.name for step in screen.plan.steps} == {"assets", "net-a", "jobs", "レポート"}
        assert screen.runnable
        assert "[ ] orders-db  stays as it is" in screen_text(app)
        assert "3 left as they are" in screen_text(app)
        # In again: it needs the database of the target no more than live's.
        screen.steps.go_to(row_of(screen, "api"))
        await pilot.press("space")
        await settle(pilot)
        screen = await review(pilot)
        assert screen.plan is not None
        assert "api" in {step.name for step in screen.plan.steps}
        assert "orders-db" not in {step.name for step in screen.plan.steps}


def row_of(screen: ReviewScreen, name: str) -> str:
    return next(row.urn for row in screen.steps.rows if row.urn.endswith(f"::{name}"))


async def test_a_provider_error_in_the_preview_can_be_read_and_tried_again(tmp_path: Path) -> None:
    shop = EngineShop(tmp_path / "s", protected=False)
    shop.trouble({"name": "api", "operation": "check", "action": "fail", "message": "no credentials for region x"})
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        await wait_for(pilot, ErrorScreen)
        assert "no credentials for region x" in screen_text(app)
        assert "Nothing was changed" in screen_text(app)
        shop.trouble()
        await pilot.press("r")
        screen = await review(pilot)
        assert screen.plan is not None
        assert screen.runnable


async def test_an_engine_that_is_killed_leaves_a_way_on(tmp_path: Path) -> None:
    shop = EngineShop(tmp_path / "s", protected=False)
    shop.trouble({"name": "api", "operation": "update", "action": "hang"})
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await go_back(pilot)
        running = await wait_for(pilot, RunningScreen)
        await until(pilot, lambda: any(row.status == "running" and "api" in row.urn for row in running.state.rows))
        log = shop.objects / "calls.jsonl"  # the engine says first that it begins, and then notes it in the state
        await until(pilot, lambda: log.exists() and "hanging update" in log.read_text())
        await pilot.press("q")  # blocked: asks instead
        await wait_for(pilot, StopScreen)
        await pilot.press("escape")
        assert app.run_in_progress is running
        assert running.runner is not None
        process = running.runner.run.engine_run.process  # type: ignore[attr-defined]
        os.killpg(process.pid, signal.SIGKILL)
        shop.trouble()
        result = await wait_for(pilot, ResultScreen)
        text = screen_text(app)
        assert "BETWEEN #8 and #5 (v1.2)" in text
        assert "updating api" in text
        assert result.outcome.half_way
        assert journal(shop).read() is not None
    # The next start finds it, and the rest of the way can be gone.
    for lock in shop.backend.glob(".pulumi/locks/**/*.json"):
        lock.unlink()
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        await wait_for(pilot, InterruptedScreen)
        await settle(pilot)
        assert "between #8 and #5 (v1.2)" in screen_text(app)
        await pilot.press("r")
        screen = await review(pilot)
        assert screen.plan is not None
        assert {"api", "jobs"} <= {step.name for step in screen.plan.steps}
        await pilot.press("r")
        await pilot.pause()
        await pilot.press(*"prod", "enter")
        await wait_for(pilot, ResultScreen)
        await settle(pilot)
        assert "equals #5" in screen_text(app) or "back at #5" in screen_text(app)
    assert journal(shop).read() is None
