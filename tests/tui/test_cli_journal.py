"""A journal that is damaged, or whose process runs: told by what reads, refused by what changes, forgettable."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.project.journal import Journal
from pulumi_rewind.session import open_session
from pulumi_rewind.state.model import StackRef
from tests.support.filestack import FileStack
from tests.support.journals import begun_elsewhere
from tests.support.tui.shop import Shop
from tests.support.tui.stories import until


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    made.update(made.resource("api", {"size": "s"}))
    made.update(made.resource("api", {"size": "m"}))
    return made


@pytest.fixture
def journal(stack: FileStack, tmp_path: Path) -> Journal:
    stack.env["XDG_STATE_HOME"] = str(tmp_path / "state")
    return Journal(stack.env["PULUMI_BACKEND_URL"], StackRef("shop", "dev"), stack.env)


def test_a_damaged_journal_is_told_and_refused(stack: FileStack, journal: Journal) -> None:
    journal.state.write(journal.path, b'{"target": 1')
    before = stack.live_file.read_bytes()
    shown = stack.run("history")
    assert shown.code == 0, shown
    assert str(journal.path) in shown.err
    assert "may be in progress" in shown.err
    assert "fail" in stack.run("doctor", "--json").out
    for command in (
        ("rollback", "1", "--yes"),
        ("up", "--yes"),
        ("up", "--yes", "--rollback-on-failure"),
        ("resume", "--yes"),
        ("resume", "--forget"),
        ("resume", "--forget", "--json"),
    ):
        ran = stack.run(*command)
        assert ran.code == 3, ran
        assert str(journal.path) in ran.err, ran
        assert "--forget" in ran.err, ran
    assert stack.live_file.read_bytes() == before
    forgotten = stack.run("resume", "--forget", "--yes")
    assert forgotten.code == 0, forgotten
    assert str(journal.path) in forgotten.out
    assert not journal.path.exists()


def test_an_entry_whose_process_runs_is_forgotten_only_with_a_yes(stack: FileStack, journal: Journal) -> None:
    process = begun_elsewhere(stack.env["PULUMI_BACKEND_URL"], "shop", "dev", stack.env["XDG_STATE_HOME"])
    try:
        refused = stack.run("resume", "--yes")
        assert refused.code == 3, refused
        assert f"is still running (pid {process.pid})" in refused.err
        assert "resume dev --forget --yes" in refused.err
        refused = stack.run("resume", "--forget")
        assert refused.code == 3, refused
        assert journal.path.exists()
        forgotten = stack.run("resume", "--forget", "--yes")
        assert forgotten.code == 0, forgotten
        assert f"removed: {journal.path}" in forgotten.out
        assert not journal.path.exists()
    finally:
        process.kill()
        process.communicate()


async def test_the_ui_tells_of_a_damaged_journal(shop: Shop) -> None:
    app = shop.app()
    found = open_session(shop.root, "prod", environ=shop.environ).journal
    found.state.write(found.path, b"{")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: any(str(found.path) in one.message for one in app._notifications))
        assert app.screen is app.home
