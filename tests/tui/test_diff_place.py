"""When other rows take the place of those shown, the cursor stays on its row, and that on its line; nothing is lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from textual.pilot import Pilot

from pulumi_rewind.engine.vault import Vault
from pulumi_rewind.state.model import Checkpoint, StackRef
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.messages import ComparisonReady
from pulumi_rewind_tui.text.comparison import Comparison, Heading
from pulumi_rewind_tui.text.diff_place import find, places
from pulumi_rewind_tui.text.diff_rows import Row, build_rows
from tests.support.tui.shop import Shop, settle
from tests.support.tui.stories import choose, until

KEY = (6, 1)
LOW = (120, 16)


async def both(pilot: Pilot[Any]) -> tuple[RewindApp, Comparison, Comparison]:
    """The comparison as stored, and with secrets decrypted."""
    app = pilot.app
    assert isinstance(app, RewindApp)
    await settle(pilot)
    await choose(pilot, KEY[0])
    await pilot.press("m")
    await choose(pilot, KEY[1])
    await pilot.press("tab")
    await settle(pilot)
    comparer = app.home.comparer
    assert comparer is not None
    return app, comparer.compare(KEY), comparer.compare_decrypted(KEY)


async def show(pilot: Pilot[Any], app: RewindApp, done: Comparison) -> None:
    app.home.post_message(ComparisonReady(done, build_rows(done, app.home.diff.shown)))
    await settle(pilot)


async def test_nothing_jumps_when_secrets_have_been_compared(shop: Shop) -> None:
    """The database differs in nothing but what only decrypting tells to be the same."""
    async with shop.app().run_test(size=LOW) as pilot:
        app, stored, opened = await both(pilot)
        diff = app.home.diff
        await show(pilot, app, stored)
        rows = list(diff.rows)
        gone = next(at for at, row in enumerate(rows) if row.urn.endswith("orders-db"))
        assert 0 < gone < len(rows) - 1
        kept = []
        for at in (0, gone, gone + 1, gone + 3, len(rows) - 1):
            await show(pilot, app, stored)
            diff.move_to(at)
            diff.scroll_to(y=at - 3, animate=False, immediate=True)
            line, top = diff.cursor - diff.scroll_offset.y, diff.scroll_offset.y
            await show(pilot, app, opened)
            assert len(diff.rows) == len(rows) - 1
            assert diff.current is not None
            assert diff.current.urn == rows[at + 1 if at == gone else at].urn
            if 0 < top <= diff.max_scroll_y:
                assert diff.cursor - diff.scroll_offset.y == line
                kept.append(at)
        assert kept, "there was something to scroll"


async def test_what_was_folded_stays_folded_when_resources_come_and_go(shop: Shop) -> None:
    async with shop.app().run_test(size=LOW) as pilot:
        app, _, opened = await both(pilot)
        diff = app.home.diff
        at = next(i for i, row in enumerate(diff.rows) if row.kind == "resource" and row.index > 0)
        diff.move_to(at)
        await pilot.press("space")
        await settle(pilot)
        urn = diff.rows[at].urn
        assert diff.rows[at + 1].kind == "resource"
        other = Comparison(KEY, (opened.resources[-1], *opened.resources[:-1]), "compared", parents=opened.parents)
        shift = len(opened.resources)
        other.seen = {((index + 1) % shift, outputs): found for (index, outputs), found in opened.seen.items()}
        await show(pilot, app, other)
        folded = next(i for i, row in enumerate(diff.rows) if row.kind == "resource" and row.urn == urn)
        assert diff.cursor == folded
        assert diff.rows[folded + 1].kind == "resource"


@pytest.mark.parametrize("choice", "oucE")
async def test_a_choice_does_not_end_the_comparing_of_secrets(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    go, opened = threading.Event(), Vault.decrypt_differing

    def slow(vault: Vault, old: Checkpoint, new: Checkpoint, stack: StackRef) -> tuple[Checkpoint, Checkpoint]:
        assert go.wait(20)
        return opened(vault, old, new, stack)

    def secrets() -> str:
        done = home.diff.comparison
        return done.secrets if done is not None else ""

    monkeypatch.setattr(Vault, "decrypt_differing", slow)
    async with shop.app().run_test(size=(120, 40)) as pilot:
        home = pilot.app.home  # type: ignore[attr-defined]
        await until(pilot, lambda: home.comparer is not None and home.timeline.total > 0)
        await pilot.press("j", "tab")
        await until(pilot, lambda: secrets() == "pending")
        await pilot.press(choice)
        await pilot.pause()
        go.set()
        await until(pilot, lambda: secrets() == "compared", seconds=10)


def test_where_a_row_is_gone_the_next_one_takes_its_place() -> None:
    urns = [f"urn:pulumi:p::s::t::{name}" for name in "abcd"]
    before = Comparison(KEY, tuple(Heading(urn, None, "update", "t") for urn in urns), "pending")
    rows = [Row("resource", 0, index, urn=urn) for index, urn in enumerate(urns)]
    after = Comparison(KEY, before.resources[:1] + before.resources[3:], "compared")
    fewer = [Row("resource", 0, 0, urn=urns[0]), Row("resource", 0, 1, urn=urns[3])]
    assert find(places(before, rows, 1), after, fewer) == 1
    first_two = Comparison(KEY, before.resources[:2], "compared")
    assert find(places(before, rows[:3], 2), first_two, rows[:2]) == 1, "or the one above, where it was the last"
    assert places(before, [], 0) == []
