"""The three views of a row of home, and the error of a failed update above what it did."""

from __future__ import annotations

import json
import threading
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot

from pulumi_rewind.history.update_mark import Stamp
from pulumi_rewind.records.evidence import Evidence, EvidenceStore
from pulumi_rewind.rollback.report import REPORT, Report
from pulumi_rewind.session import open_session
from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.comparison import LIVE, NOTHING, CancelCheck, Comparison, Key
from pulumi_rewind_tui.text.details_page import Evidence as PageEvidence
from pulumi_rewind_tui.text.details_page import details
from pulumi_rewind_tui.text.failure import Cause, banner
from pulumi_rewind_tui.text.home_page import nothing_differs
from pulumi_rewind_tui.text.views import Look, next_view, next_words, sides
from pulumi_rewind_tui.words.symbols import UNICODE
from pulumi_rewind_tui.workers.diff_source import LocalSource
from tests.support.tui.shop import Shop, screen_text, settle, title
from tests.support.tui.stories import until

WIDE = (120, 40)


async def press(pilot: Pilot[Any], *keys: str) -> str:
    for key in keys:
        await pilot.press(key)
    await settle(pilot)
    return screen_text(pilot.app)


def diff_title(pilot: Pilot[Any]) -> str:
    return title(pilot.app.home.diff)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("look", "key", "name"),
    [
        (Look(7, "did", 9), (6, 7), "What #7 did"),
        (Look(7, "back", 9), (LIVE, 7), "Rollback to #7"),
        (Look(7, "since", 9), (7, LIVE), "Since #7"),
        (Look(1, "did", 9), (NOTHING, 1), "What #1 did"),
        (Look(LIVE, "since", 9), (9, LIVE), "Since #9"),
        (Look(LIVE, "did", 9), (8, 9), "What #9 did"),
        (Look(LIVE, "did", 1), (NOTHING, 1), "What #1 did"),
        (Look(LIVE, "since", 0), None, "Since #0"),
        (Look(7, "did", 9, base=3), (3, 7), "Against the base"),
        (Look(7, "did", 9, base=3, reverse=True), (7, 3), "Against the base"),
        (Look(7, "back", 9, base=LIVE), (LIVE, 7), "Against the base"),
        (Look(7, "back", 9, base=7), None, "Against the base"),
    ],
)
def test_what_a_view_compares(look: Look, key: tuple[int, int] | None, name: str) -> None:
    assert look.key == key
    assert look.name == name


def test_the_key_goes_round() -> None:
    assert [next_view("update", view) for view in ("did", "back", "since")] == ["back", "since", "did"]
    assert [next_view("live", view) for view in ("since", "did")] == ["did", "since"], "there is no rollback to live"
    assert next_words(Look(7, "did", 9)) == "rollback to it"
    assert next_words(Look(7, "did", 9, base=3)) == "other direction"


async def test_d_turns_a_row_between_its_views_and_the_choice_stays(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = screen_text(pilot.app)
        assert diff_title(pilot).startswith("Rollback to #7: LIVE → #7")
        assert "- goes away   + comes back" in text
        assert "d since then" in text
        text = await press(pilot, "d")
        assert diff_title(pilot).startswith("Since #7: #7 → LIVE")
        assert "- gone since #7   + new since #7" in text
        assert "d what it did" in text
        text = await press(pilot, "d")
        assert diff_title(pilot).startswith("What #7 did: #6 → #7")
        assert "- before #7   + after #7" in text
        assert "d rollback to it" in text
        await press(pilot, "j")
        assert diff_title(pilot).startswith("What #6 did: #5 → #6"), "the view stays while the cursor moves"
        text = await press(pilot, "G")
        assert diff_title(pilot).startswith("What #1 did: nothing → #1")
        assert "create" in text
        assert "(new id)" not in text, "nothing is created by looking back"
        await press(pilot, "d")
        assert diff_title(pilot).startswith("Rollback to #1: LIVE → #1")


def test_a_state_that_nobody_edited_says_nothing_of_the_real_resources() -> None:
    lines = nothing_differs(Look(LIVE, "since", 9), Comparison((9, LIVE), (), "none"))
    first, second = (plain(line) for line in lines)
    assert first == "The state is as #9 left it: nothing was changed outside updates."
    assert second.startswith("Changes to the real resources show only after a refresh.")


async def test_a_failed_row_starts_with_what_it_did_until_another_view_is_chosen(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "k")
        assert diff_title(pilot).startswith("What #8 did: #7 → #8")
        assert "✗ #8 failed. Its messages were not kept. See the terminal" in text
        assert "- before #8   + after #8" in text
        text = await press(pilot, "d")
        assert diff_title(pilot).startswith("Rollback to #8: LIVE → #8")
        assert "The stack is at #8 already: nothing to roll back." in text
        assert "✗ #8 failed" not in text
        await press(pilot, "j", "k")
        assert diff_title(pilot).startswith("Rollback to #8"), "it was chosen for failed rows"
        assert pilot.app.home.views["update"] == "back"  # type: ignore[attr-defined]


async def test_the_error_that_was_kept_stands_above_what_it_did(shop: Shop) -> None:
    session = open_session(shop.root, stack="prod", environ=shop.environ)
    errors = ("worker: ImagePullBackOff\n  shop/worker:1.3.1 is not in the registry", "api: gone")
    EvidenceStore(session.journal).freeze("8", Evidence(b"", errors, shop.checkpoint(8).read_bytes()))
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "k")
        assert "✗ #8 failed (and 1 more): worker: ImagePullBackOff" in text
        await press(pilot, "d", "d", "d", "i")
        text = screen_text(pilot.app)
        assert "Why it failed" in text
        assert "api: gone" in text
        assert "not kept" not in text


async def test_the_error_of_our_own_rollback_is_told_from_its_report(shop: Shop) -> None:
    record = json.loads(shop.record(8).read_text())
    record["environment"]["exec.agent"] = Stamp(run="ab12").text()
    shop.record(8).write_text(json.dumps(record))
    session = open_session(shop.root, stack="prod", environ=shop.environ)
    report = Report(
        target=7, label="#7", strategy="checkpoint", fingerprint="", planned=0, began=0, ended=0, before=7,
        outcome="failed", error="the rollback to #7 failed: worker: quota exceeded", run="ab12",
    )  # fmt: skip
    EvidenceStore(session.journal).keep("8", REPORT, msgspec.json.encode(report))
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "k")
        assert "✗ #8 failed: the rollback to #7 failed: worker: quota" in text
        text = await press(pilot, "i")
        assert "worker: quota exceeded" in text
        assert "No message was kept" not in text


@pytest.mark.parametrize(
    ("result", "evidence", "heading"),
    [
        ("failed", PageEvidence(cause=Cause(4)), "Why it failed"),
        ("succeeded", PageEvidence(cause=Cause(4)), ""),
        ("succeeded", PageEvidence(cause=Cause(4, leftovers=("api",))), "What it left unfinished"),
        ("succeeded", PageEvidence(problem="the checkpoint of #4 does not exist"), "What can't be read"),
        ("unreadable", PageEvidence(problem="the record of #4 is damaged"), "What can't be read"),
    ],
)
def test_details_call_only_a_failure_one(result: str, evidence: PageEvidence, heading: str) -> None:
    page = [plain(line).strip() for line in details(Update(number=4, kind="update", result=result), (), evidence, 80)]
    headings = {"Why it failed", "What it left unfinished", "What can't be read"}
    assert [line for line in page if line in headings] == ([heading] if heading else [])
    assert any("No message was kept" in line for line in page) is (result == "failed")


async def test_details_say_where_messages_may_be_found(shop: Shop) -> None:
    record = json.loads(shop.record(8).read_text())
    record["environment"]["ci.build.url"] = "https://ci.example/builds/77"
    shop.record(8).write_text(json.dumps(record))
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "k", "i")
        await press(pilot, "G")
        text += screen_text(pilot.app)
        assert "No message was kept." in text
        assert "https://ci.example/builds/77" in text


async def test_what_a_killed_update_left_is_said_at_live(shop: Shop) -> None:
    live = json.loads(shop.live.read_text())
    worker = next(res for res in live["checkpoint"]["latest"]["resources"] if res["urn"].endswith("::worker"))
    live["checkpoint"]["latest"]["pending_operations"] = [{"resource": worker, "type": "updating"}]
    shop.live.write_text(json.dumps(live))
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "g")
        assert diff_title(pilot).startswith("Since #8: #8 → LIVE")
        assert "✗ An update after #8 was killed while updating worker" in text


@pytest.mark.parametrize("left_this", [True, False])
async def test_what_was_kept_of_a_killed_update_is_told_of_the_state_that_it_left(shop: Shop, left_this: bool) -> None:
    left = shop.live.read_bytes().replace(b"shop/worker:1.3.1", b"shop/worker:9")
    shop.live.write_bytes(left)
    session = open_session(shop.root, stack="prod", environ=shop.environ)
    kept = Evidence(b"", ("worker: boom",), left if left_this else left.replace(b"worker:9", b"worker:8"))
    EvidenceStore(session.journal).freeze("8-after", kept)
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "g")
        assert ("An update after #8 was killed: worker: boom" in text) is left_this


async def test_without_the_checkpoint_before_it_what_it_did_is_not_known(shop: Shop) -> None:
    shop.checkpoint(5).unlink()
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        text = await press(pilot, "d", "d", "j")
        assert diff_title(pilot).startswith("What #6 did")
        flat = " ".join(text.replace("│", " ").split())
        assert "the checkpoint of #5 does not exist" in flat
        assert "What #6 did can't be shown without the checkpoint of #5" in flat
        assert 6 not in pilot.app.home.timeline.marks.broken  # type: ignore[attr-defined]
        text = await press(pilot, "d")
        assert "±" in text
        text = await press(pilot, "j")
        assert "the checkpoint of #5 does not exist" in text, "a row without a checkpoint says why"


def test_a_long_error_is_cut_and_says_where_the_rest_is() -> None:
    lines = banner(Cause(4, errors=("word " * 200,)), 60, 3, UNICODE)
    assert len(lines) == 3
    assert lines[-1][0][0].endswith("… (i shows all)")
    assert all(len(line[0][0]) <= 60 for line in lines)


async def test_the_title_is_always_that_of_what_is_shown(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, compare = threading.Event(), LocalSource.compare

    def late(source: LocalSource, key: Key, decrypt: bool, cancelled: CancelCheck) -> Comparison:
        go_on.wait(20)
        return compare(source, key, decrypt, cancelled)

    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        monkeypatch.setattr(LocalSource, "compare", late)
        diff = pilot.app.home.diff  # type: ignore[attr-defined]
        await pilot.press("G")
        try:
            assert diff.comparison is None or sides(diff.comparison.key) in title(diff)
            await until(pilot, lambda: "comparing…" in screen_text(pilot.app))
            assert diff_title(pilot) == "Rollback to #1: LIVE → #1"
        finally:
            go_on.set()
        await settle(pilot)
        assert diff_title(pilot).startswith("Rollback to #1: LIVE → #1   ±")
