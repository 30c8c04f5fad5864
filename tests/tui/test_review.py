"""The review, on recordings: what it shows, what its keys do, and what it refuses."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button

from pulumi_rewind.choices import FOUND, Choices
from pulumi_rewind.engine.events import Phase
from pulumi_rewind.errors import EngineError, RefusedError
from pulumi_rewind.rollback import planning
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.naming import NameInput
from pulumi_rewind_tui.screens.passphrase import PassphraseScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.review import ReviewScreen
from pulumi_rewind_tui.screens.strategy import StrategyScreen
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.widgets.text_block import TextBlock
from pulumi_rewind_tui.workers import watch as watch_module
from tests.support.tui.replay import ReplayedRun, play
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import choose, review, until, wait_for

Open = Callable[..., Any]
USUAL = Choices(hold_deletes="stateful")
"""What a review begins with."""


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", protected=False)


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> type[ReplayedRun]:
    return play(monkeypatch)


async def opened(pilot: Pilot[Any], number: int = 5) -> ReviewScreen:
    """From the start to the review of the way to an update."""
    await settle(pilot)
    await choose(pilot, number)
    await pilot.press("r")
    screen = await review(pilot)
    await settle(pilot)
    return screen


def note(screen: ReviewScreen) -> str:
    return screen.query_one(NoteLine).text


def checks(screen: ReviewScreen) -> str:
    return " ".join(plain(row.line).strip() for row in screen.checks.rows)


async def test_a_key_that_is_pressed_twice_makes_one_plan(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for _ in range(2):  # both are asked for before the first one's screen is there
            app.post_message(msg.RollbackRequested("#5"))
        await review(pilot)
        assert [type(screen) for screen in app.screen_stack[1:]] == [ReviewScreen]


async def test_steps_stand_in_order_with_symbols_words_and_forecasts(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        lines = screen_text(app).splitlines()
        step = {name: next(line for line in lines if name in line and "│" in line) for name in ("orders-db", "net-a")}
        assert "± orders-db  replace, delete first  ⚠ data  because of engine" in step["orders-db"]
        assert "+ net-a      create, new id  in net" in step["net-a"]
        assert [row.number for row in screen.steps.rows if row.kind == "step"] == [1, 2, 3, 4, 5, 6, 7]
        assert "LIVE(#8) → #5 (v1.2)" in lines[0]
        assert "live unchanged ✓" in lines[0]
        text = screen_text(app)
        assert "not restored: data in orders-db; ids of orders-db, net-a" in checks(screen)
        assert "✓ no lock" in text
        assert "HEAD (" in text
        assert note(screen) == "7 steps. ⚠ Data is lost in orders-db."


async def test_enter_unfolds_properties_and_secrets_stay_masked(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("enter")
        text = screen_text(app)
        assert "pg16 → pg15" in text
        assert "●●● changed" in text
        assert "hunter2" not in text
        assert "correct-horse" not in text
        assert len([row for row in screen.steps.rows if row.kind == "change" and row.step is None]) > 2
        about = screen.query_one("#about", TextBlock).text
        assert "pg16 → pg15" in about, "and it is told below the steps"
        assert "hunter2" not in about
        await pilot.press("enter")
        assert not [
            row
            for row in screen.steps.rows
            if row.kind == "change" and row.step is None and row.urn.endswith("orders-db")
        ]


async def test_a_risk_jumps_to_its_resource(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        screen.steps.move_to(5)
        await pilot.press("right")
        assert screen.checks.has_focus
        assert screen.checks.current_urn.endswith("::orders-db")
        await pilot.press("enter")
        await pilot.pause()
        assert screen.steps.has_focus
        assert screen.steps.current_urn.endswith("::orders-db")
        assert "pg16 → pg15" in screen_text(app)  # unfolded


async def test_strategies_that_are_not_available_say_why(shop: Shop) -> None:
    (shop.root / ".git").rename(shop.root / "git-elsewhere")
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("t")
        await wait_for(pilot, StrategyScreen)
        assert "in use" in screen_text(app)
        await pilot.press("t")
        await pilot.pause()
        assert "is in no git repository" in " ".join(screen_text(app).replace("│", " ").split())
        assert "Recommended is checkpoint" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, StrategyScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert app.screen is screen
        assert screen.request.choices.strategy == "checkpoint"


async def test_the_options_plan_again_when_something_was_changed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Choices] = []
    real = planning.build_plan

    def build_plan(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments[2])
        return real(*arguments, **options)

    monkeypatch.setattr(planning, "build_plan", build_plan)
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        for keys in (("o", "escape"), ("o", "space", "enter", "escape")):  # nothing, and on and off again
            await pilot.press(*keys)
            await pilot.pause()
        assert (app.screen, len(asked)) == (screen, 1)
        await pilot.press("o", "j", "space", "j", "space", "end", "space", "g", "j", "j")
        await pilot.pause()
        assert "are adopted" not in screen_text(app)
        assert "the target's secrets instead of today's" in screen_text(app)
        assert "[x] adopt" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: len(asked) == 2)
        await review(pilot)
    chosen = USUAL.but(adopt={FOUND: ""}, delete_first=("*",), recorded_credentials=True)
    assert asked == [USUAL, chosen]


async def test_drift_plans_again_with_a_refresh(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    real = planning.build_plan

    def build_plan(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments[2].refresh)
        return real(*arguments, **options)

    monkeypatch.setattr(planning, "build_plan", build_plan)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        assert "⚠ not compared with the real resources" in screen_text(app)
        await pilot.press("f")
        await until(pilot, lambda: len(asked) == 2)
        await review(pilot)
        assert asked == [False, True]
        assert "✓ compared with the real resources" in screen_text(app)


async def test_progress_is_told_while_the_engine_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    real, go = planning.build_plan, threading.Event()

    def build_plan(*arguments: Any, **options: Any) -> Any:
        options["observe"](Phase("preview", "previewing with the engine"))
        go.wait(30)
        return real(*arguments, **options)

    monkeypatch.setattr(planning, "build_plan", build_plan)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        screen = await wait_for(pilot, ReviewScreen)
        await until(pilot, lambda: "previewing with the engine…" in screen_text(app))
        await pilot.press("r")  # nothing to say yes to yet: plans again, the first is stopped
        assert isinstance(app.screen, ReviewScreen)
        go.set()
        await until(pilot, lambda: screen.plan is not None)


async def test_leaving_stops_the_preview(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    stopped = threading.Event()

    def build_plan(*_: Any, **options: Any) -> Any:
        from pulumi_rewind.errors import InterruptedRun

        options["control"].attach(stopped.set)
        assert stopped.wait(30)
        raise InterruptedRun("the preview was stopped", unchanged=True)

    monkeypatch.setattr(planning, "build_plan", build_plan)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await wait_for(pilot, ReviewScreen)
        await pilot.press("escape")
        await settle(pilot)
        assert stopped.is_set()
        assert app.screen is app.home


async def test_what_was_chosen_in_a_review_that_was_left_is_kept_until_it_is_run(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("f")
        await settle(pilot)
        await review(pilot)
        await pilot.press("escape")
        await pilot.pause()
        again = await opened(pilot)
        assert again.request.choices == USUAL.but(refresh=True)
        await pilot.press("r", "space", *"prod", "enter")
        await wait_for(pilot, ResultScreen)
        await pilot.press("escape")
        await pilot.pause()
        assert (await opened(pilot)).request.choices == USUAL


async def test_a_copy_and_a_written_plan_hold_no_secret(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    app = shop.app()
    monkeypatch.setattr(app, "copy_to_clipboard", copied.append)
    saved = shop.directory / "state" / "pulumi-rewind" / "saved"
    saved.mkdir(parents=True)
    (saved / "rewind-plan-prod-5.json").write_text("in the way")
    tree = sorted(shop.root.rglob("*"))
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("y", "w")
        await until(pilot, lambda: note(screen).startswith("saved: "))
        path = saved / "rewind-plan-prod-5-2.json"
        await settle(pilot)
        said = screen.query_one(NoteLine)
        lines = said.render().plain.splitlines()
        assert len(lines) == said.size.height
        assert str(path) in "".join(lines), "wrapped, not cut"
    assert sorted(shop.root.rglob("*")) == tree, "the working tree stays as it is"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    plan = json.loads(path.read_text())
    assert plan["fingerprint"]
    assert {step["name"] for step in plan["steps"]} >= {"orders-db", "api"}
    assert any(resource["name"] == "api" for resource in plan["diff"])
    for text in (copied[0], path.read_text()):
        assert "orders-db" in text
        assert "hunter2" not in text
        assert "correct-horse" not in text


async def test_live_that_moves_discards_the_plan(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "EVERY", 0.1)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("r")
        await wait_for(pilot, ConfirmScreen)
        for kind in ("history", "checkpoint"):
            newest = sorted(shop.record(8).parent.glob(f"*.{kind}.json"))[-1]
            moved = newest.with_name(newest.name.replace("prod-1", "prod-2"))
            moved.write_text(newest.read_text())
        shop.live.write_text(shop.live.read_text().replace("shop/worker:1.3.1", "shop/worker:9"))
        await until(pilot, lambda: screen.moved)
        await pilot.pause(0.2)
        assert app.screen is screen  # the question is gone with the plan
        assert note(screen) == "✗ The state has changed: live is now #9. r plans again"
        assert not screen.runnable
        await pilot.press("r")
        await until(pilot, lambda: screen.plan is not None and not screen.moved)
        assert "shop/worker:9" in screen.plan.prepared.live.raw.decode()  # type: ignore[union-attr]


async def test_a_locked_stack_can_be_reviewed_but_not_rolled_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "EVERY", 0.1)
    lock = shop.backend / ".pulumi" / "locks" / "organization" / "shop" / "prod" / "4711.json"
    lock.parent.mkdir(parents=True)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert screen.runnable
        lock.write_text(json.dumps({"pid": 15817, "username": "root", "hostname": "ci", "timestamp": "06:56:46"}))
        await until(pilot, lambda: bool(screen.around.locks))
        assert "locked by root@ci (pid 15817) since 06:56:46" in checks(screen)
        await pilot.press("r")
        await pilot.pause()
        assert app.screen is screen
        lock.unlink()
        await until(pilot, lambda: screen.runnable)
    lock.write_text(json.dumps({"pid": 15817, "username": "root", "hostname": "ci", "timestamp": "06:56:46"}))
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert note(screen) == "✗ Can't be run: the stack is locked."
        assert screen.query_one("#run", Button).disabled
        lock.unlink()
        await until(pilot, lambda: "The lock is gone" in note(screen))
        await pilot.press("r")
        await until(pilot, lambda: screen.runnable)


async def test_a_protected_resource_blocks_and_r_goes_to_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(tmp_path / "shop")
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert "blocks: " in screen_text(app)
        screen.steps.move_to(4)
        await pilot.press("r")
        await pilot.pause()
        assert app.screen is screen
        assert screen.steps.current_urn.endswith("::orders-db")


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (RefusedError("protected resources block the plan: db", hint="Unprotect them."), "protected resources block"),
        (
            EngineError("the preview failed: boom", hint="See.", output="all that the engine said"),
            "preview failed: boom",
        ),
        (RuntimeError("surprise"), "Unexpected RuntimeError"),
    ],
)
async def test_every_failure_stays_with_its_text_and_can_be_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: Exception, shown: str
) -> None:
    real, tries = planning.build_plan, [error]

    def build_plan(*arguments: Any, **options: Any) -> Any:
        if tries:
            raise tries.pop()
        return real(*arguments, **options)

    monkeypatch.setattr(planning, "build_plan", build_plan)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        await wait_for(pilot, ErrorScreen)
        assert shown in screen_text(app)
        assert "Nothing was changed" in screen_text(app)
        await pilot.press("t")
        await pilot.pause()
        if isinstance(error, EngineError):
            assert "all that the engine said" in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        assert "There is no plan. r tries again" in screen_text(app)
        await pilot.press("r")
        assert (await review(pilot)).plan is not None


async def test_secrets_that_can_not_be_opened_ask_for_the_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path / "shop", passphrase=None, protected=False)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        await wait_for(pilot, PassphraseScreen)
        await pilot.press(*"open", "space", *"sesame", "enter")
        screen = await review(pilot)
        assert screen.runnable


async def test_a_target_that_is_not_there(shop: Shop) -> None:
    shop.checkpoint(5).unlink()
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        await wait_for(pilot, ErrorScreen)
        assert "#5 can't be a target" in screen_text(app)


# -- the question ----------------------------------------------------------------------------------------------------


async def test_enter_alone_never_applies_anything(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("r")
        await wait_for(pilot, ConfirmScreen)
        assert app.focused is not None
        assert app.focused.id == "cancel"
        await pilot.press("enter")
        await pilot.pause()
        assert app.screen is screen


async def test_the_name_and_a_yes_to_the_loss_are_wanted(shop: Shop, played: type[ReplayedRun]) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("r")
        dialog = await wait_for(pilot, ConfirmScreen)
        await pilot.press("y", "enter")
        assert dialog.query_one(NameInput).value == "y"  # typed, not answered
        assert "Type prod to continue" in screen_text(app)
        await pilot.press("backspace", *"prod", "enter")
        await pilot.pause()
        assert "Confirm the loss of data with space first." in screen_text(app)
        await pilot.press("space", "enter")
        await wait_for(pilot, ResultScreen)
        assert played.made.allow_data_loss


async def test_a_harmless_plan_on_a_stack_that_is_not_production_wants_a_plain_yes(
    shop: Shop, played: type[ReplayedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    (shop.root / "rewind.toml").write_text('production = ["live-*"]\n')
    real = planning.build_plan

    def build_plan(*arguments: Any, **options: Any) -> Any:
        plan = real(*arguments, **options)
        return dataclasses.replace(plan, steps=tuple(step for step in plan.steps if step.op == "update"))

    monkeypatch.setattr(planning, "build_plan", build_plan)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("r")
        dialog = await wait_for(pilot, ConfirmScreen)
        assert not dialog.query(NameInput)
        await pilot.press("enter")  # Cancel
        await pilot.pause()
        assert isinstance(app.screen, ReviewScreen)
        await pilot.press("r")
        await wait_for(pilot, ConfirmScreen)
        await pilot.press("y")
        await wait_for(pilot, ResultScreen)
        assert not played.made.allow_data_loss


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_every_key_in_the_footer_works(shop: Shop, size: tuple[int, int]) -> None:
    from pulumi_rewind_tui.widgets.footer import KeyFooter

    app = shop.app()
    assert isinstance(app, RewindApp)
    async with app.run_test(size=size) as pilot:
        screen = await opened(pilot)
        shown = screen.query_one(KeyFooter).shown
        assert [key.label for key in shown][-2:] == ["help", "quit"]
        actions = {binding.action for _, binding, enabled, _ in screen.active_bindings.values() if enabled}
        assert {key.action for key in shown} <= actions
