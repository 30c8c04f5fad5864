"""Held deletes in the review and on the command line: what is held by default, the key, the words."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner
from textual.pilot import Pilot

from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import UsageError
from pulumi_rewind.plan.arrangement import NOTHING
from pulumi_rewind.project.settings import Settings
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind_tui.cli import cli
from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.review import ReviewScreen
from pulumi_rewind_tui.terminal.planning import as_asked, goal_options
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.outcome import advice
from pulumi_rewind_tui.text.plan import plan_json, plan_lines
from pulumi_rewind_tui.text.result_page import result_lines
from pulumi_rewind_tui.text.selection import command_line, holding
from pulumi_rewind_tui.widgets.footer import KeyFooter
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.words.symbols import symbols
from tests.support.tui.replay import ReplayedRun, play
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import choose, review, wait_for

SETTINGS = 'production = ["prod*"]\nstateful_types = ["bridged:index:Server"]\n'


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Its database is deleted before its replacement is made, so it can't be held; its jobs can."""
    made = Shop(tmp_path / "shop", protected=False)
    (made.root / "rewind.toml").write_text(SETTINGS)
    return made


@pytest.fixture(autouse=True)
def played(monkeypatch: pytest.MonkeyPatch) -> type[ReplayedRun]:
    return play(monkeypatch)


async def opened(pilot: Pilot[Any]) -> ReviewScreen:
    await settle(pilot)
    await choose(pilot, 5)
    await pilot.press("r")
    screen = await review(pilot)
    await settle(pilot)
    return screen


async def pressed(pilot: Pilot[Any], key: str) -> ReviewScreen:
    await pilot.press(key)
    screen = await review(pilot)
    await settle(pilot)
    return screen


def note(screen: ReviewScreen) -> str:
    return screen.query_one(NoteLine).text


def shown(app: Any) -> str:
    return " ".join(screen_text(app).replace("│", " ").split())


def checks(screen: ReviewScreen) -> str:
    return " ".join(plain(row.line).strip() for row in screen.checks.rows)


async def leave_out(pilot: Pilot[Any], screen: ReviewScreen, name: str) -> ReviewScreen:
    screen.steps.go_to(next(row.urn for row in screen.steps.rows if row.urn.endswith(f"::{name}")))
    return await pressed(pilot, "space")


async def test_what_holds_data_is_held_and_reads_so(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await leave_out(pilot, await opened(pilot), "orders-db")
        plan = screen.plan
        assert plan is not None
        assert plan.prepared.choices == Choices(only=plan.prepared.choices.only, hold_deletes="stateful")
        assert {step.name: step.op for step in plan.steps if step.holds} == {"jobs": "hold", "レポート": "hold"}
        assert "◇ jobs hold, stays alive" in shown(app)
        assert "⚠ data" not in screen_text(app)
        assert note(screen) == "6 steps; 2 held, no data lost."
        assert "◇ jobs is held: " in checks(screen)
        assert "◇ 2 objects held instead of deleted: press H to delete what holds data" in checks(screen)
        assert "hold" in [key.label for key in screen.query_one(KeyFooter).shown]
        assert command_line(plan).endswith("--hold-deletes=stateful")
        await pilot.press("r")
        dialog = await wait_for(pilot, ConfirmScreen)
        assert not dialog.losing
        text = " ".join(plain(line) for line in dialog.lines(70))
        assert "◇ 2 objects are held: jobs, レポート" in text
        assert "Only `pulumi-rewind confirm` deletes what is held" in text
        assert "Deleted:" not in text


async def test_the_key_deletes_them_after_all_and_holds_them_again(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await leave_out(pilot, await opened(pilot), "orders-db")
        screen = await pressed(pilot, "H")
        plan = screen.plan
        assert plan is not None
        assert plan.losers == ("jobs", "レポート")
        assert "- jobs" in screen_text(app)
        assert command_line(plan).endswith("--hold-deletes=none")
        assert "objects that hold data are deleted: press H to hold them" in checks(screen)
        screen = await pressed(pilot, "H")
        assert screen.request.choices.hold_deletes == "stateful"
        assert "2 held, no data lost" in note(screen)


async def test_what_can_t_be_held_is_said_and_still_asked_for(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("escape")
        (shop.root / "rewind.toml").write_text("")
        screen.session.settings = Settings()
        screen = await opened(pilot)
        assert note(screen) == "7 steps. ⚠ Data is lost in orders-db."
        assert "can't be held: it is deleted before its replacement is made" in checks(screen)


async def test_keeping_the_data_holds_nothing(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await leave_out(pilot, await opened(pilot), "orders-db")
        screen = await pressed(pilot, "K")
        assert (screen.request.choices.keep_data, screen.request.choices.hold_deletes) == (True, "none")
        assert screen.plan is not None
        assert "--hold-deletes" not in command_line(screen.plan)
        await pilot.press("H")
        assert note(screen).startswith("Nothing that holds data is deleted, because the data is kept.")
        screen = await pressed(pilot, "K")
        assert (screen.request.choices.keep_data, screen.request.choices.hold_deletes) == (False, "stateful")


async def test_another_strategy_holds_nothing_and_this_one_does_again(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        await pilot.press("t", "j", "j", "enter")
        await settle(pilot)
        await review(pilot)
        assert (screen.request.choices.strategy, screen.request.choices.hold_deletes) == ("state", "none")
        assert "hold" not in [key.label for key in screen.query_one(KeyFooter).shown]
        await pilot.press("H")
        assert note(screen) == "The strategy state can't hold what it deletes; only checkpoint can."
        await pilot.press("t", "k", "k", "enter")
        await settle(pilot)
        assert screen.request.choices == Choices(hold_deletes="stateful")


async def test_a_plan_that_deletes_nothing_has_nothing_to_hold(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        plan = (await opened(pilot)).plan
        assert plan is not None
    still = dataclasses.replace(
        plan, steps=(), prepared=dataclasses.replace(plan.prepared, choices=Choices(), holding=NOTHING)
    )
    assert holding(Choices(), still, "all") == "No step deletes or replaces anything, so there is nothing to hold."
    assert holding(Choices(), plan, "all") == Choices(hold_deletes="all")
    assert holding(Choices(), plan, "none") == Choices(hold_deletes="stateful")
    assert "--hold-deletes" not in command_line(still)


async def test_the_result_says_what_is_held_and_until_when(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("r", "space", *"prod", "enter")
        screen = await wait_for(pilot, ResultScreen)
        outcome = screen.outcome
        assert outcome.result is not None
        result = dataclasses.replace(outcome.result, held=("jobs", "db"), held_until=1_800_000_000)
        lines = result_lines(dataclasses.replace(outcome, result=result), 110, symbols(False))
        text = " ".join(plain(line).strip() for line in lines)
    assert "held: jobs, db stay alive outside the state (to be decided until 2027-01-15" in text
    assert "`pulumi-rewind confirm prod` deletes what is held" in text
    assert plain(lines[-1])


async def test_the_plan_as_text_and_json_says_it(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        plan = (await leave_out(pilot, await opened(pilot), "orders-db")).plan
        assert plan is not None
    text = "\n".join(plain(line) for line in plan_lines(plan))
    assert "◇ hold  jobs  bridged:index:Server  the object stays alive and can come back" in text
    assert "◇ 2 hold" in text
    assert "◇ jobs is held" in text
    found = plan_json(plan)
    assert (found["holdDeletes"], [one["urn"].split("::")[-1] for one in found["held"]]) == (
        "stateful",
        ["jobs", "レポート"],
    )


def test_nothing_is_said_where_nothing_is_held() -> None:
    assert [one.about for one in advice(RollbackResult("succeeded", 2, {}, (), 1.0), "back", "", "", "dev")] == ["undo"]


# -- the command line -----------------------------------------------------------------------------------------------


def asked(*words: str, hold: str = "stateful", loses: bool = False) -> Choices:
    found: list[Choices] = []

    @click.command()
    @goal_options
    def rollback(choices: Choices) -> None:
        session: Any = SimpleNamespace(settings=Settings(hold_deletes=hold))
        found.append(as_asked(session, choices, allow_data_loss=loses))

    rollback.main(list(words), standalone_mode=False)
    return found[0]


def test_a_rollback_holds_as_the_settings_say_unless_it_is_told_otherwise() -> None:
    assert asked().hold_deletes == "stateful"
    assert asked(hold="all").hold_deletes == "all"
    assert asked(loses=True).hold_deletes == "none"
    assert asked("--keep-data").hold_deletes == "none"
    assert asked("--strategy", "program").hold_deletes == "none"
    assert asked("--hold-deletes=none").hold_deletes == "none"
    assert asked("--hold-deletes=all", loses=True).hold_deletes == "all"
    assert asked("--hold-deletes", hold="none").hold_deletes == "stateful"
    assert asked("--strategy", "state", "--hold-deletes=all").hold_deletes == "all", "which is refused later"


@pytest.mark.parametrize("command", ["rollback", "plan", "up"])
def test_a_time_that_is_none_is_refused_before_anything_is_read(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, [command, "--cwd", str(tmp_path), "--for", "soon", "1"])
    assert isinstance(done.exception, UsageError), done
    assert str(done.exception) == "--for 'soon' is no length of time"
