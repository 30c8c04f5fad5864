"""Another strategy from the review: chosen, reviewed, run, and what the result says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.strategy import StrategyScreen
from tests.support.tui.engine_shop import EngineShop
from tests.support.tui.shop import screen_text, settle
from tests.support.tui.stories import choose, review, wait_for

pytestmark = pytest.mark.engine


async def test_the_state_alone_is_put_back_from_the_review(tmp_path: Path) -> None:
    shop = EngineShop(tmp_path / "s", protected=False)
    before = shop.physical()
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        await review(pilot)
        await pilot.press("t")
        await wait_for(pilot, StrategyScreen)
        assert "recommended" in screen_text(app)
        await pilot.press("t", "t", "enter")
        screen = await review(pilot)
        assert screen.plan is not None
        assert (screen.plan.strategy, screen.plan.steps) == ("state", ())
        text = screen_text(app)
        assert "strategy: state" in text
        assert "Only in the state" in text
        assert "would be forgotten" in text
        await pilot.press("r", "space", *"prod", "enter")
        await wait_for(pilot, ResultScreen)
        text = " ".join(screen_text(app).split())
        assert "shop/prod equals #5 (v1.2)" in text
        assert "pulumi refresh --preview-only -s prod" in text
        assert "undo: pulumi stack import -s prod --file" in text
        assert "undo this rollback" not in text
    assert shop.physical() == before
    resources = json.loads((shop.root.parent / "backend/.pulumi/stacks/shop/prod.json").read_text())
    assert "shop/api:1.2.0" in json.dumps(resources)
