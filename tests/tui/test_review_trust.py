"""The question before a target is planned that others may have written."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind_tui.screens.home import HomeScreen
from pulumi_rewind_tui.screens.trust import TrustScreen
from pulumi_rewind_tui.widgets.text_page import TextView
from tests.support.tui.replay import ReplayedRun, play
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import choose, review, wait_for


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A history that everybody may write, in which #5 has its plugin from another place."""
    made = Shop(tmp_path / "shop", protected=False)
    path = made.checkpoint(5)
    path.write_text(
        path.read_text().replace('"__internal": {}', '"__internal": {"pluginDownloadURL": "https://evil.example"}')
    )
    assert "evil.example" in path.read_text()
    path.parent.chmod(0o777)
    return made


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> type[ReplayedRun]:
    return play(monkeypatch)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_nothing_is_planned_before_a_yes(shop: Shop, size: tuple[int, int]) -> None:
    app = shop.app()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        await wait_for(pilot, TrustScreen)
        await settle(pilot)
        text = " ".join(app.screen.query_one(TextView).text.split())
        assert "would make the engine use what the live stack does not use. Nothing was started." in text
        assert "https://evil.example" in text
        assert "every user of this machine can write" in text
        assert "https://evil.example" in screen_text(app)
        assert "y trust and plan" in screen_text(app)
        await pilot.press("enter")  # Cancel is focused
        await wait_for(pilot, HomeScreen)
        await pilot.press("r")
        await wait_for(pilot, TrustScreen)
        await pilot.press("escape")
        await wait_for(pilot, HomeScreen)
        await pilot.press("r")
        await wait_for(pilot, TrustScreen)
        await pilot.press("y")
        screen = await review(pilot)
        await settle(pilot)
        assert screen.plan is not None
        assert any("https://evil.example" in risk.message for risk in screen.plan.risks if risk.code == "unlike-live")
        await pilot.press("escape")
        await wait_for(pilot, HomeScreen)
        await pilot.press("r")
        await review(pilot)  # it is not asked again
