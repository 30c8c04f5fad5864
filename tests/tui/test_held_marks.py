"""What is held is marked where the updates are listed: in the timeline, `history`, `show`, and once on home."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pulumi_rewind.choices import Choices
from pulumi_rewind.plan.arrangement import Holding
from pulumi_rewind.rollback.let_go import held_here
from pulumi_rewind.rollback.report import undo_command
from pulumi_rewind.rollback.resuming import LIVE
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.model import Update
from pulumi_rewind.window.ledger import Window
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.held import HeldScreen
from pulumi_rewind_tui.screens.review import ReviewScreen
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.details_page import read_evidence
from pulumi_rewind_tui.text.held import held_note
from pulumi_rewind_tui.text.selection import command_line, holding, keeping
from pulumi_rewind_tui.text.timeline_rows import Marks, update_line
from pulumi_rewind_tui.widgets.note_line import NoteLine
from tests.support.filestack import FileStack
from tests.support.plans import plan_of
from tests.support.tui.shop import screen_text, settle
from tests.support.tui.stories import until, wait_for

DAY = 24 * 3600.0


def opened(stack: FileStack) -> Session:
    return open_session(stack.work, stack.name, environ=stack.env)


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """#2 let go of a database, which is held; #3 changed something else."""
    made = FileStack(tmp_path)
    api, db = made.resource("api", {"size": "s"}), made.resource("db", {"size": "s"})
    made.update(api, db)
    session = opened(made)
    found = Holding(frozenset({(db["urn"], db["id"])}), until=time.time() + DAY)
    Window(session).begin("update", session.live(), found)
    made.update(api)
    made.update(made.resource("api", {"size": "m"}))
    return made


def test_a_row_says_how_many() -> None:
    update = Update(number=2, kind="update", result="succeeded", changes={"delete": 1})
    for ascii_only, mark in ((False, "◇2 held"), (True, "h2 held")):
        line = update_line(update, None, Marks(held={2: 2}), cells=60, digits=1, dated=False, ascii_only=ascii_only)
        assert f"-1 {mark}" in plain(line)
        assert "held" not in plain(update_line(update, None, Marks(held={1: 2}), cells=60, digits=1, dated=False))


def test_the_commands_mark_the_update(stack: FileStack) -> None:
    rows = {line.split()[0]: line for line in stack.run("history").out.splitlines()}
    assert [number for number, row in rows.items() if "◇1 held" in row] == ["#2"]
    listed = {one["version"]: one["held"] for one in stack.run("history", "--json").json()}
    db = {"urn": stack.urn("db"), "id": "db-1"}
    assert listed == {3: [], 2: [db], 1: []}
    assert "◇ db, to be decided until 20" in stack.run("show", "2").out
    assert "to be decided" not in stack.run("show", "3").out
    assert stack.run("show", "2", "--json").json()["held"] == [db]


def test_the_details_page_says_it(stack: FileStack) -> None:
    session = opened(stack)
    told = [read_evidence(session, session.timeline.update(number)).held for number in (1, 2, 3)]
    assert told[1].startswith("db, to be decided until ")
    assert [told[0], told[2]] == ["", ""]


def test_what_came_back_is_marked_no_longer(stack: FileStack) -> None:
    stack.update(stack.resource("api", {"size": "s"}), stack.resource("db", {"size": "s"}))
    assert held_here(opened(stack)) == ()
    assert "held" not in stack.run("history").out


def test_a_damaged_ledger_stands_in_nobodys_way(stack: FileStack) -> None:
    session = opened(stack)
    assert [one.name for one in held_here(session)] == ["db"]
    Window(session).path.write_bytes(b"{")
    assert held_here(session) == ()
    assert stack.run("history").code == 0


def test_the_note_says_when_to_decide_and_that_it_is_late(stack: FileStack) -> None:
    found = held_here(opened(stack))
    now = time.time()
    early = plain(held_note(found, now, "◇"))
    assert early.startswith(" ◇ 1 object held, decide until 20")
    assert early.endswith("  H shows them")
    assert "the time to decide was over 1 h ago" in plain(held_note(found, now + DAY + 3600, "◇"))
    assert held_note((), now, "◇") == ()


async def test_home_marks_the_row_and_says_it_once(stack: FileStack) -> None:
    app = RewindApp(cwd=stack.work, stack=stack.name, environ=stack.env)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot, lambda app: app.home.timeline.marks.known)
        text = screen_text(app)
        row = next(line for line in text.splitlines() if " #2 " in line)
        assert "◇1 held" in row
        assert text.count("object held") == 1
        note = app.home.query_one("#held", NoteLine)
        assert note.display
        assert "1 object held, decide until" in note.text
        stack.update(stack.resource("api", {"size": "s"}), stack.resource("db", {"size": "s"}))
        await pilot.press("ctrl+r")
        await settle(pilot, lambda app: app.home.timeline.total == 4 and not app.home.timeline.marks.held)
        assert not note.display
        assert "held" not in screen_text(app)


async def test_the_page_of_what_is_held_leads_to_the_review_that_deletes_it(stack: FileStack) -> None:
    app = RewindApp(cwd=stack.work, stack=stack.name, environ=stack.env)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot, lambda app: app.home.timeline.marks.known)
        await pilot.press("H")
        await wait_for(pilot, HeldScreen)
        text = screen_text(app)
        assert "1 object held: alive, but not in the state" in text
        assert "db  test:index:Thing  db-1" in text
        await pilot.press("c")
        await until(pilot, lambda: any(isinstance(one, ReviewScreen) for one in app.screen_stack))
        review = next(one for one in app.screen_stack if isinstance(one, ReviewScreen))
        assert (review.request.target, review.request.choices) == (LIVE, Choices(drop_held=("*",)))


async def test_without_anything_held_the_key_does_nothing(tmp_path: Path) -> None:
    stack = FileStack(tmp_path)
    stack.update(stack.resource("api", {"size": "s"}))
    app = RewindApp(cwd=stack.work, stack=stack.name, environ=stack.env)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot, lambda app: app.home.timeline.marks.known)
        await pilot.press("H")
        await pilot.pause()
        assert app.screen is app.home
        assert not app.home.query_one("#held", NoteLine).display


def test_what_deletes_held_objects_says_so() -> None:
    target: Any = SimpleNamespace(again=LIVE, label="the state as it is")
    choices = Choices(drop_held=("*",))
    plan = plan_of(stack="shop/dev", target=target, prepared=SimpleNamespace(choices=choices))
    assert command_line(plan) == "pulumi-rewind confirm dev"
    some = plan_of(stack="shop/dev", target=target, prepared=SimpleNamespace(choices=Choices(drop_held=("db", "x"))))
    assert command_line(some) == "pulumi-rewind confirm dev --only db --only x"
    assert ConfirmScreen(plan, production=False)._question == "Delete what is held of shop/dev?"
    for told in (holding(choices, plan, "stateful"), keeping(choices, plan)):
        assert told == "This plan deletes what is held. Esc leaves it held."
    assert undo_command(SimpleNamespace(), None, choices) == ""  # type: ignore[arg-type]
