"""An update that waits, on the screens: counted down on home, kept, extended and taken back by keys."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widget import Widget

from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.protocol import Note
from pulumi_rewind.errors import BackendError
from pulumi_rewind.records.parts import update_key
from pulumi_rewind.rollback import planning
from pulumi_rewind.session import open_session
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.up import recovery
from pulumi_rewind.window.deadline import NOTE, Deadline, Waiting, WatchCommand, content_of
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.messages import WaitingRead
from pulumi_rewind_tui.screens.deciding import KeepScreen, TakeBackScreen
from pulumi_rewind_tui.screens.details import DetailsScreen
from pulumi_rewind_tui.screens.error import ErrorScreen
from pulumi_rewind_tui.screens.result import ResultScreen
from pulumi_rewind_tui.screens.running import RunningScreen
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.waiting import band, standing_text
from pulumi_rewind_tui.words.symbols import symbols
from pulumi_rewind_tui.workers import watch as watch_module
from tests.support.tui.pictures import SIZES
from tests.support.tui.replay import play, recorded
from tests.support.tui.shop import NOON, Shop, screen_text, settle
from tests.support.tui.stories import choose, until, wait_for

PROD = StackRef("shop", "prod")
WIDE = (120, 40)


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks are made by the tests."""
    monkeypatch.setattr(watch_module, "EVERY", 3600.0)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop", protected=False)


def made(**changed: Any) -> Deadline:
    """The newest update waits for 12 minutes and a half."""
    given = {
        "run": "r", "kind": "update", "update": 8, "key": "k", "before": 5, "digest": "d", "label": "#5 (v1.2)",
        "content": "c", "since": NOON - 149, "until": NOON + 751, "by": "ann@host",
    }  # fmt: skip
    return Deadline(**{**given, **changed})


def real(shop: Shop, **changed: Any) -> Deadline:
    """The same, as it is noted of what the shop holds."""
    session = open_session(shop.root, "prod", environ=shop.environ)
    return made(
        key=update_key(session.timeline.update(8)),
        digest=session.timeline.checkpoint(5).digest,
        content=content_of(session.live()),
        **changed,
    )


def written(shop: Shop, waiting: Waiting) -> None:
    backend = open_backend(f"file://{shop.backend}")
    there = backend.note(PROD, NOTE)
    content = msgspec.json.encode(waiting)
    backend.write_note(PROD, NOTE, content, instead_of=there.mark if there is not None else None)


def noted(shop: Shop) -> Waiting:
    note = open_backend(f"file://{shop.backend}").note(PROD, NOTE)
    assert note is not None
    return msgspec.json.decode(note.content, type=Waiting)


async def look(pilot: Pilot[Any]) -> str:
    """The band after a look at the backend."""
    app = pilot.app
    assert isinstance(app, RewindApp)
    app.home.watching.look()
    await settle(pilot)
    return shown_band(pilot)


def shown_band(pilot: Pilot[Any]) -> str:
    """The rows of the screen in which the band is; empty where there is none."""
    app = pilot.app
    assert isinstance(app, RewindApp)
    block = app.home.query_one("#waiting")
    rows = screen_text(app).splitlines()[block.region.y : block.region.bottom]
    return "\n".join(rows) if block.display else ""


async def test_home_counts_down_by_the_clock_alone(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    now, asked, ask = [NOON], list[str](), DiyBackend.note

    def counted(backend: DiyBackend, stack: StackRef, name: str, *, quick: bool = False) -> Note | None:
        asked.append(name)
        return ask(backend, stack, name, quick=quick)

    written(shop, Waiting(made()))
    monkeypatch.setattr(DiyBackend, "note", counted)
    async with shop.app(clock=lambda: now[0]).run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert asked == [], "the first paint waits for nothing more"
        first = await look(pilot)
        assert "waiting: #8 is taken back to #5 (v1.2) in 12:31 unless confirmed" in first
        assert "C keep  X 1 h more  A take back" in first
        now[0] += 2
        await until(pilot, lambda: "in 12:29 unless" in shown_band(pilot))
        now[0] += 749
        await until(
            pilot, lambda: "its time is over: #8 is taken back to #5 (v1.2) unless confirmed" in shown_band(pilot)
        )
        assert asked == [NOTE], "one question for each look"
        written(shop, Waiting(made(taken_by="bob@build1")))
        asked.clear()
        assert "being taken back by bob@build1: #8 → #5 (v1.2)" in await look(pilot)
        assert "keep" not in shown_band(pilot)
        await pilot.press("C", "X", "A")
        assert pilot.app.screen is pilot.app.home  # type: ignore[attr-defined]
        written(shop, Waiting())
        assert not await look(pilot), "it was decided elsewhere"


async def test_what_can_t_be_read_is_said_and_what_was_read_stays(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Note:
        raise BackendError("the note is gone mad")

    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        with monkeypatch.context() as patch:
            patch.setattr(DiyBackend, "note", broken)
            assert "whether an update waits is not known: the note is gone mad" in await look(pilot)
        written(shop, Waiting(made()))
        assert "waiting: #8" in await look(pilot)
        monkeypatch.setattr(DiyBackend, "note", broken)
        assert "waiting: #8" in await look(pilot)


async def test_a_look_that_finds_nothing_new_paints_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    refresh, painted = Widget.refresh, list[Widget]()

    def noted_down(widget: Widget, *regions: Region, **options: bool) -> Widget:
        painted.append(widget)
        return refresh(widget, *regions, **options)

    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await look(pilot)
        monkeypatch.setattr(Widget, "refresh", noted_down)
        for _ in range(3):
            await look(pilot)
        assert painted == []


async def test_a_key_keeps_it_after_a_question(shop: Shop) -> None:
    written(shop, Waiting(made()))
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await look(pilot)
        await pilot.press("C")
        await wait_for(pilot, KeepScreen)
        assert "#8 stays: nobody takes it back to #5 (v1.2)." in screen_text(app)
        await pilot.press("enter")
        await settle(pilot)
        assert noted(shop).deadline is not None, "Cancel is focused"
        await pilot.press("C")
        await wait_for(pilot, KeepScreen)
        await pilot.press("y")
        await until(pilot, lambda: not shown_band(pilot))
        await settle(pilot)
        ended = noted(shop).ended
        assert ended is not None
        assert (noted(shop).deadline, ended.how, ended.at) == (None, "confirmed", NOON)
        assert app.session is not None
        app.home.post_message(WaitingRead(app.session, made()))
        await settle(pilot)
        assert not shown_band(pilot), "a look that was under way then does not bring it back"
    assert "✓ confirmed by" in shown(shop, "show", "8")


async def test_a_key_gives_it_an_hour_more(shop: Shop) -> None:
    written(shop, Waiting(made()))
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await look(pilot)
        await pilot.press("X")
        await until(pilot, lambda: "in 1:12:31 unless confirmed" in shown_band(pilot))
        deadline = noted(shop).deadline
        assert deadline is not None
        assert deadline.until == NOON + 751 + 3600
        assert app.session is not None
        app.home.post_message(WaitingRead(app.session, made()))
        await settle(pilot)
        assert "in 1:12:31" in shown_band(pilot), "time is only ever added"


async def test_a_key_on_what_was_decided_elsewhere_is_refused(shop: Shop) -> None:
    written(shop, Waiting(made()))
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await look(pilot)
        written(shop, Waiting())
        await pilot.press("X")
        await wait_for(pilot, ErrorScreen)
        assert "the update no longer waits for a confirmation" in screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: not shown_band(pilot))


async def test_the_keys_are_there_only_while_something_waits(shop: Shop) -> None:
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await look(pilot)
        assert not {"home.keep", "home.extend", "home.abort"} & enabled(app)
        written(shop, Waiting(made()))
        await look(pilot)
        assert {"home.keep", "home.extend", "home.abort"} <= enabled(app)


def enabled(app: RewindApp) -> set[str]:
    return {str(one.binding.id) for one in app.screen.active_bindings.values() if one.enabled}


async def ask_to_take_back(pilot: Pilot[Any]) -> TakeBackScreen:
    await settle(pilot)
    await look(pilot)
    await pilot.press("A")
    return await wait_for(pilot, TakeBackScreen)


async def test_a_key_takes_it_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    played = play(monkeypatch, events_to_play=recorded("success"), stop_after=4)
    played.undo = SimpleNamespace(cause="")  # type: ignore[attr-defined]
    monkeypatch.setattr(recovery, "build_plan", planning.build_plan)
    monkeypatch.setattr(recovery, "RollbackRun", played)
    written(shop, Waiting(real(shop)))
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await ask_to_take_back(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert app.screen is app.home, "Cancel is focused"
        await ask_to_take_back(pilot)
        await pilot.press(*"dev", "enter")
        await settle(pilot)
        assert "Type prod to continue" in screen_text(app)
        deadline = noted(shop).deadline
        assert deadline is not None
        assert deadline.taken_by == ""
        await pilot.press(*["backspace"] * 3, *"prod", "enter")
        await wait_for(pilot, RunningScreen)
        await until(pilot, lambda: "TAKING #8 BACK shop/prod → #5 (v1.2)" in screen_text(app))
        taken = noted(shop).deadline
        assert taken is not None
        assert taken.taken_by, "all others stand aside"
        played.made.go()
        await wait_for(pilot, ResultScreen)
        await settle(pilot)
        now = noted(shop)
        assert now.ended is not None
        assert (now.deadline, now.ended.how) == (None, "aborted")
        await pilot.press("escape")
        await until(pilot, lambda: not shown_band(pilot))
    assert "aborted it" in shown(shop, "show", "8")


async def test_what_changed_meanwhile_is_not_taken_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulumi_rewind.confirming.taking_back.tell_unable", lambda *_: iter(()))
    written(shop, Waiting(msgspec.structs.replace(real(shop), content="other")))
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await ask_to_take_back(pilot)
        await pilot.press(*"prod", "enter")
        await wait_for(pilot, ErrorScreen)
        assert "the stack has changed since it began to wait" in screen_text(app)
        assert app.run_in_progress is None, "q quits again"
        await pilot.press("escape")
        await until(pilot, lambda: not shown_band(pilot))
    ended = noted(shop).ended
    assert ended is not None
    assert ended.how == "moved"


async def test_without_a_passphrase_nothing_is_begun(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", protected=False, passphrase=None)
    written(shop, Waiting(real(shop)))
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await ask_to_take_back(pilot)
        await pilot.press(*"prod", "enter")
        await until(pilot, lambda: type(app.screen).__name__ == "PassphraseScreen")
        await pilot.press(*"open sesame", "enter")
        await wait_for(pilot, TakeBackScreen)
        deadline = noted(shop).deadline
        assert deadline is not None
        assert deadline.taken_by == ""


async def test_the_details_say_that_it_waits(shop: Shop) -> None:
    written(shop, Waiting(real(shop, until=4_000_000_000.0)))
    app = shop.app()
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await choose(pilot, 8)
        await pilot.press("i")
        await wait_for(pilot, DetailsScreen)
        await settle(pilot)
        assert "is taken back to #5 (v1.2) at 2096-10-02" in screen_text(app)
    assert "waiting    is taken back to #5 (v1.2) at 2096-10-02" in shown(shop, "show", "8")
    assert "waiting " not in shown(shop, "show", "7")
    waiting = json.loads(shown(shop, "show", "8", "--json"))["waiting"]
    assert (waiting["update"], waiting["before"], waiting["until"]) == (8, 5, "2096-10-02T07:06:40Z")
    assert json.loads(shown(shop, "show", "7", "--json"))["waiting"] is None


def shown(shop: Shop, *words: str) -> str:
    command = [str(Path(sys.executable).parent / "pulumi-rewind"), "-s", "prod", *words]
    done = subprocess.run(command, cwd=shop.root, env=shop.environ, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(
    ("deadline", "wide", "narrow"),
    [
        (made(), " ◐ waiting: #8 is taken back to #5 (v1.2) in 12:31 unless confirmed ",
         [" ◐ waiting: #8 is taken back to #5 in 12:31"]),
        (made(until=NOON - 1), " ◐ its time is over: #8 is taken back to #5 (v1.2) unless confirmed ",
         [" ◐ its time is over: #8 is taken back to #5"]),
        (made(watch=WatchCommand("w"), failures=3),
         " ◐ its watch command failed 3 times: #8 is taken back to #5 (v1.2) unless confirmed ",
         [" ◐ its watch command failed 3 times: #8 is taken back to #5 (v1.2) unless confirmed", ""]),
        (made(watch=WatchCommand("w"), failures=2), "",
         [" ◐ waiting: #8 is taken back to #5 (v1.2) in 12:31 unless confirmed  its watch command failed 2 of 3", ""]),
    ],
)  # fmt: skip
def test_the_band(deadline: Deadline, wide: str, narrow: list[str]) -> None:
    keys = "  C keep  X 1 h more  A take back"
    if wide:
        assert [plain(line) for line in band(deadline, NOON, 120, symbols(False))] == [wide + keys]
    rows = [plain(line) for line in band(deadline, NOON, 80, symbols(False))]
    assert rows == [*narrow[:-1], narrow[-1] + keys]
    assert [plain(line).isascii() for line in band(deadline, NOON, 80, symbols(True))] == [True] * len(rows)


def test_the_sentence() -> None:
    assert standing_text(made(taken_by="bob@build1"), NOON) == "is being taken back to #5 (v1.2) by bob@build1"
    over = "it is taken back to #5 (v1.2) unless confirmed"
    assert standing_text(made(until=NOON - 1), NOON) == f"its time is over: {over}"
    failed = made(watch=WatchCommand("w"), failures=3)
    assert standing_text(failed, NOON) == f"its watch command has failed: {over}"


@pytest.mark.parametrize("size", SIZES, ids=["120x40", "80x24"])
def test_picture(snap_compare: Any, shop: Shop, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await look(pilot)

    written(shop, Waiting(made()))
    assert snap_compare(shop.app(), run_before=before, terminal_size=size)
