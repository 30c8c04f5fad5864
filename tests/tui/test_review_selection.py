"""Taking resources out of a rollback in the review: [x] goes back, [ ] stays as it is, as on the command line."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from textual.pilot import Pilot

from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import EngineError, IncompleteError
from pulumi_rewind.goal.skipping import LeftAlone
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.plan.prepared import ReplayPrepared
from pulumi_rewind.rollback import planning
from pulumi_rewind.session import open_session
from pulumi_rewind.strategies.choosing import plan_by_strategy
from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.review import ReviewScreen
from pulumi_rewind_tui.screens.strategy import StrategyScreen
from pulumi_rewind_tui.terminal.planning import goal_options
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.result_page import result_lines
from pulumi_rewind_tui.text.selection import command_line, left_out, toggled
from pulumi_rewind_tui.widgets.footer import KeyFooter
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.words.symbols import symbols
from tests.support.tui.replay import play
from tests.support.tui.shop import Shop, screen_text, settle
from tests.support.tui.stories import choose, review, until, wait_for


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", protected=False)


@pytest.fixture(autouse=True)
def _played(monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch)


async def opened(pilot: Pilot[Any]) -> ReviewScreen:
    await settle(pilot)
    await choose(pilot, 5)
    await pilot.press("r")
    screen = await review(pilot)
    await settle(pilot)
    return screen


async def toggle(pilot: Pilot[Any], screen: ReviewScreen, name: str) -> ReviewScreen:
    screen.steps.go_to(next(row.urn for row in screen.steps.rows if row.urn.endswith(f"::{name}")))
    await pilot.press("space")
    await settle(pilot)
    return await review(pilot)


def note(screen: ReviewScreen) -> str:
    return screen.query_one(NoteLine).text


def plan_of(screen: ReviewScreen) -> Plan:
    assert screen.plan is not None
    return screen.plan


def row(app: Any, name: str) -> str:
    return next(line for line in screen_text(app).splitlines() if name in line and "[" in line)


def parsed(line: str) -> tuple[list[str], Choices]:
    """What a printed command line says to the command: its words and its choices."""
    found: list[Choices] = []

    @click.command()
    @click.argument("words", nargs=-1)
    @goal_options
    def rollback(words: tuple[str, ...], choices: Choices) -> None:
        found.append(choices)
        said.extend(words)

    said: list[str] = []
    _, _, *rest = shlex.split(line)
    rollback.main(rest, standalone_mode=False)
    return said, found[0]


async def test_what_is_taken_out_stays_as_it_is_everywhere(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert "[x]  1 ± orders-db" in screen_text(app)
        screen = await toggle(pilot, screen, "orders-db")
        assert "[ ] orders-db  stays as it is; it differs from the target in engine" in row(app, "orders-db")
        assert "6 steps, 1 left as it is" in screen_text(app)
        assert "orders-db" not in {step.name for step in plan_of(screen).steps}
        assert note(screen) == "6 steps, 2 destructive."
        await pilot.press("r")
        dialog = await wait_for(pilot, ConfirmScreen)
        text = " ".join(screen_text(app).replace("│", " ").split())
        assert "Deleted: jobs, レポート." in text
        assert "Left as they are: orders-db." in text
        assert not dialog.losing
        await pilot.press("escape")
        screen = await toggle(pilot, screen, "orders-db")
        assert screen.request.choices == Choices(hold_deletes="stateful")
        assert "[x]  1 ± orders-db" in screen_text(app)


async def test_the_command_line_beside_it_makes_the_same_plan(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        for name in ("orders-db", "レポート"):
            screen = await toggle(pilot, screen, name)
        shown = plan_of(screen)
        lines = [plain(one.line).strip() for one in screen.checks.rows]
        said = " ".join(lines[lines.index("The same on the command line") + 1 :]).removeprefix("$ ")
        assert said == command_line(shown)
        assert said == ("pulumi-rewind rollback prod 5 --only '!orders-db' --only '!レポート' --hold-deletes=stateful")
    words, choices = parsed(said)
    assert words == ["prod", "5"]
    session = open_session(shop.root, "prod", environ=app.environ)
    made = plan_by_strategy(session, resolve_target(session.timeline, words[1]), choices)
    assert [step.urn for step in made.steps] == [step.urn for step in shown.steps]
    assert left_out(made) == left_out(shown)
    assert made.fingerprint == shown.fingerprint


async def test_what_has_to_stay_says_why_and_can_not_be_taken_in_alone(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await toggle(pilot, await opened(pilot), "worker")
        plan = plan_of(screen)
        worker, api = (
            next(one.urn for one in plan.prepared.live.resources if one.name == name) for name in ("worker", "api")
        )
        why = "worker, which stays, uses it"
        held = LeftAlone("skipped", f"stays as it is, because {why}; it differs in image", api, because=worker, why=why)
        prepared = ReplayPrepared.of(plan.prepared)
        goal = dataclasses.replace(prepared.goal, notes=(*prepared.notes, held))
        steps = tuple(step for step in plan.steps if step.urn != api)
        screen.plan = dataclasses.replace(plan, steps=steps, prepared=dataclasses.replace(prepared, goal=goal))
        screen.show_plan()
        await pilot.pause()
        text = screen_text(app)
        assert " -  api  stays as it is, because worker, which stays, uses it" in text
        assert "[ ] worker  stays as it is; it differs from the target in" in text
        screen.steps.go_to(api)
        await pilot.press("space")
        await pilot.pause()
        assert note(screen) == "api has to stay, because worker, which stays, uses it. Select worker first."
        screen.action_run()
        await wait_for(pilot, ConfirmScreen)
        text = " ".join(screen_text(app).replace("│", " ").split())
        assert "Left as they are: worker; api (worker, which stays, uses it)." in text


async def test_esc_keeps_the_selection_and_says_so(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await toggle(pilot, await opened(pilot), "api")
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen is app.home
        screen = await opened(pilot)
        assert [one.urn.rsplit("::", 1)[1] for one in left_out(plan_of(screen)).values()] == ["api"]
        assert "selection kept from the last review; a selects all" in screen_text(app)
        await pilot.press("a")
        await until(pilot, lambda: screen.plan is not None and not left_out(screen.plan))
        assert "kept from the last review" not in screen_text(app)
        await pilot.press("a")
        await pilot.pause()
        assert note(screen) == "Everything is selected."


async def test_a_strategy_without_a_selection_does_not_offer_the_key_and_says_why(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = planning.build_plan

    def build_plan(session: Any, target: Any, choices: Choices, **options: Any) -> Plan:
        made = real(session, target, choices.but(strategy="checkpoint"), **options)
        return dataclasses.replace(
            made, strategy=choices.strategy, prepared=dataclasses.replace(made.prepared, choices=choices)
        )

    monkeypatch.setattr(planning, "build_plan", build_plan)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert "in/out" in [key.label for key in screen.query_one(KeyFooter).shown]
        screen.rebuild(Choices(strategy="state"))
        await review(pilot)
        await until(pilot, lambda: "in/out" not in [key.label for key in screen.query_one(KeyFooter).shown])
        assert "[x]" not in screen_text(app)
        await pilot.press("space")
        await pilot.pause()
        assert note(screen).startswith("The strategy state rolls everything back")
        screen.rebuild(Choices(only=("!api",)))
        await review(pilot)
        await pilot.press("t", "j", "j", "enter")
        await settle(pilot)
        assert "rolls everything back" in note(screen)
        assert screen.request.choices == Choices(only=("!api",)), "a selection isn't dropped on the way"


async def test_nothing_is_left_to_do_but_the_stack_is_not_at_the_target(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        screen.rebuild(Choices(only=("!*",)))
        screen = await review(pilot)
        await settle(pilot)
        if plan_of(screen).nothing_to_do:
            assert note(screen) == "= Nothing to do: all that differs from #5 (v1.2) is left as it is."
        assert "is as it was" not in screen_text(app)
        assert not plan_of(screen).steps


async def test_what_a_preview_fails_on_can_be_left_out_with_one_key(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = planning.build_plan

    def build_plan(session: Any, target: Any, choices: Choices, **options: Any) -> Plan:
        if "!api" not in choices.only:
            error = EngineError("the preview failed: no", hint="`--only '!api'` leaves api out.")
            error.passed_by = ("api",)
            raise error
        return real(session, target, choices, **options)

    monkeypatch.setattr(planning, "build_plan", build_plan)
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await choose(pilot, 5)
        await pilot.press("r")
        await wait_for(pilot, ErrorScreen)
        assert "leaves api out" in screen_text(app)
        await pilot.press("escape")
        screen = await wait_for(pilot, ReviewScreen)
        assert note(screen) == "There is no plan. r tries again, x leaves api out, esc goes back."
        await pilot.press("x")
        screen = await review(pilot)
        assert screen.request.choices.only == ("!api",)
        assert [one.urn.rsplit("::", 1)[1] for one in left_out(plan_of(screen)).values()] == ["api"]


async def test_the_stack_itself_and_unknown_rows_say_why_they_can_not_be_left_out(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        plan = plan_of(await opened(pilot))
        root = next(res for res in plan.prepared.live_plain.resources if res.is_stack)
        step = dataclasses.replace(plan.steps[0], urn=root.urn, type=root.type, op="update")
        other = dataclasses.replace(plan, steps=(*plan.steps, step))
        assert (
            toggled(other, root.urn)
            == "The stack itself can't be left out: its outputs follow the resources that go back."
        )
        assert str(toggled(plan, "")).startswith("The plan does not change it")
        copies = dataclasses.replace(plan, steps=(dataclasses.replace(plan.steps[0], op="delete-old"),))
        assert str(toggled(copies, plan.steps[0].urn)).startswith("An old copy can't be left out")


async def test_the_result_says_what_can_be_left_out_and_what_can_not(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, "failure")
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("r", "space", *"prod", "enter")
        screen = await wait_for(pilot, ResultScreen)
        error = screen.outcome.error
        assert isinstance(error, IncompleteError)
        error.passed_by = ("api",)
        error.stuck = ("vm-old2, an old copy of vm, could not be deleted.",)
        text = "\n".join(plain(line) for line in result_lines(screen.outcome, 110, symbols(False)))
        assert "finished steps stay done; press space there to leave api out" in text
        assert "vm-old2, an old copy of vm, could not be deleted." in text


async def test_one_key_keeps_the_data_and_takes_it_in_again(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)
        assert "Data is lost in orders-db" in note(screen)
        await pilot.press("K")
        screen = await review(pilot)
        await settle(pilot)
        assert plan_of(screen).prepared.choices == Choices(keep_data=True)
        assert not plan_of(screen).loses_data
        assert "-  orders-db  its data would be lost; it differs" in screen_text(app)
        assert "data is kept; K selects it again" in screen_text(app)
        assert command_line(plan_of(screen)).endswith("rollback prod 5 --keep-data")
        assert parsed(command_line(plan_of(screen)))[1] == Choices(keep_data=True)
        screen.steps.go_to(next(one.urn for one in plan_of(screen).prepared.notes if one.urn.endswith("::orders-db")))
        await pilot.press("space")
        assert note(screen).startswith("orders-db stays, because its data would be lost. K selects it again")
        await pilot.press("r")
        dialog = await wait_for(pilot, ConfirmScreen)
        assert not dialog.losing
        await pilot.press("escape")
        await pilot.pause()
        await pilot.press("K")
        screen = await review(pilot)
        await settle(pilot)
        assert plan_of(screen).prepared.choices == Choices(hold_deletes="stateful")
        assert "Data is lost in orders-db" in note(screen)


async def test_keeping_the_data_is_offered_where_some_is_lost_and_can_be_kept(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot)

        def labels() -> list[str]:
            return [key.label for key in screen.query_one(KeyFooter).shown]

        assert "keep data" in labels()
        screen.rebuild(Choices(only=("!orders-db",)))
        await review(pilot)
        await until(pilot, lambda: "keep data" not in labels())
        await pilot.press("K")
        assert note(screen) == "No step loses data, so there is nothing to keep."
        screen.rebuild(Choices(strategy="state"))
        await review(pilot)
        await until(pilot, lambda: "in/out" not in labels())
        assert not {"keep data", "drift"} & set(labels())
        await pilot.press("K")
        assert note(screen).startswith("The strategy state rolls everything back")
        await pilot.press("f")
        assert "calls no provider" in note(screen)
        screen.rebuild(Choices(keep_data=True))
        await review(pilot)
        await pilot.press("t", "j", "j", "enter")
        await settle(pilot)
        assert "Select all (K), then choose the strategy again." in note(screen)


async def test_keeping_the_data_may_leave_nothing(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        screen.rebuild(Choices(keep_data=True))
        screen = await review(pilot)
        await settle(pilot)
        screen.plan = dataclasses.replace(plan_of(screen), steps=(), state_only=(), undo=None)
        screen.show_plan()
        await settle(pilot)
        assert "keeping the data leaves nothing to roll back" in note(screen)
        text = " ".join(screen_text(app).replace("│", " ").split())
        assert "Other ways: an undo callback can save the data" in text
        assert "--allow-data-loss" in text


async def test_tab_goes_between_panes_and_the_worst_is_in_sight(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        assert "⚠ orders-db holds data, which is lost when it is replaced" in screen_text(app)
        assert screen.steps.has_focus
        await pilot.press("tab")
        assert screen.checks.has_focus
        await pilot.press("shift+tab")
        assert screen.steps.has_focus
        await pilot.press("t")
        await wait_for(pilot, StrategyScreen)
