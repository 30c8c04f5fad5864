"""How the verdict of ``up --verify`` is shown: rows, pages, JSON; always a symbol and a word."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pulumi_rewind.history.timeline import Entry
from pulumi_rewind.history.verdict import Said, Verdict
from pulumi_rewind.records.verdicts import keep_verdict
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.model import REPLAY_AGENT, Update
from pulumi_rewind_tui.text.cells import fit_line, plain
from pulumi_rewind_tui.text.details_page import details, read_evidence
from pulumi_rewind_tui.text.timeline_rows import Marks, update_line
from tests.support.filestack import NOON, FileStack

FINE = Verdict(good=True, command="./smoke --fast", at=NOON, code=0, output="all fine\n2 shops")
BAD = Verdict(good=False, command="./smoke", at=NOON, code=3, output="no \x1b[31manswer")
UPDATE = Update(number=7, kind="update", result="succeeded", message="Hotfix", changes={"replace": 1, "update": 2})


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """#1 verified, #2 verified and not good, #3 a rollback to #1, #4 not verified."""
    made = FileStack(tmp_path)
    made.update(made.resource("api", {"size": "s"}))
    made.update(made.resource("api", {"size": "m"}))
    made.update(made.resource("api", {"size": "s"}), environment={"exec.agent": REPLAY_AGENT}, message="rollback to #1")
    made.update(made.resource("api", {"size": "l"}))
    keep_verdict(session(made), 1, FINE)
    keep_verdict(session(made), 2, BAD)
    return made


def session(stack: FileStack) -> Session:
    return open_session(stack.work, stack.name, environ=stack.env)


def test_the_history_says_it(stack: FileStack) -> None:
    rows = stack.run("history").out.splitlines()
    assert [said for one in rows for said in ("✓ ok", "✓ verified", "✗ not good") if said in one] == [
        *("✓ ok", "✓ verified", "✗ not good", "✓ verified")
    ]
    assert [one.split()[0] for one in rows if "★" in one] == ["#3"]
    assert [one["verified"] for one in stack.run("history", "--json").json()] == [None, True, False, True]
    ascii_only = stack.run("--ascii", "history").out
    assert ascii_only.isascii()
    assert "v verified" in ascii_only
    assert "x not good" in ascii_only


def test_show_has_the_whole_verdict(stack: FileStack) -> None:
    good = stack.run("show", "1").out
    assert "✓ verified" in good.splitlines()[0]
    assert "verdict    ✓ verified by `./smoke --fast`, 2026-11-25" in good
    assert "it said    all fine\n             2 shops" in good
    bad = stack.run("show", "2").out
    assert "✗ not good: `./smoke` failed with exit code 3" in bad
    assert "\x1b" not in bad
    assert "⚠ #2 was found not good: ./smoke" in bad
    assert ", of #1, which this went back to" in stack.run("show", "3").out
    assert "verdict" not in stack.run("show", "4").out
    inherited = stack.run("show", "3", "--json").json()
    assert inherited["verified"] is True
    assert inherited["verdict"] == {
        "good": True,
        "source": "verify",
        "command": "./smoke --fast",
        "code": 0,
        "time": "2026-11-25T09:46:40Z",
        "output": "all fine\n2 shops",
        "of": 1,
    }
    assert stack.run("show", "4", "--json").json()["verdict"] is None


@pytest.mark.parametrize(
    ("code", "how"), [(None, "did not end in time"), (-9, "was ended by signal 9"), (3, "failed with exit code 3")]
)
def test_the_details_page_has_it_too(stack: FileStack, code: int | None, how: str) -> None:
    keep_verdict(session(stack), 2, msgspec.structs.replace(BAD, code=code, at=NOON + 1))
    opened = session(stack)
    update = opened.timeline.update(2)
    page = "\n".join(map(plain, details(update, (), read_evidence(opened, update), 120)))
    assert f"✗ not good: `./smoke` {how}, 2026-11-25" in page
    assert "it said" in page
    assert "verdict" not in "\n".join(map(plain, details(update, (), None, 120))), "not read yet"


def row(update: Update, said: Verdict | None, *, ascii_only: bool = False) -> str:
    entry = Entry(update, said=Said(said, update.number) if said is not None else None)
    line = update_line(update, entry, Marks(), cells=60, digits=2, dated=False, ascii_only=ascii_only)
    return plain(fit_line(line, 60))


def test_a_row_of_the_timeline_says_it() -> None:
    assert "✓ verified ±1 ~2" in row(UPDATE, FINE)
    assert "✗ not good ±1 ~2" in row(UPDATE, BAD)
    assert "✓ ±1 ~2" in row(UPDATE, None)
    assert "x not good" in row(UPDATE, BAD, ascii_only=True)
    agent = {"exec.agent": REPLAY_AGENT}
    back = msgspec.structs.replace(UPDATE, message="rollback to #3", environment=agent)
    assert "↺ verified rollback to #3" in row(back, FINE)
    assert "✗ not good rollback to #3" in row(back, BAD)
    assert "no checkpoint" in row(msgspec.structs.replace(UPDATE, has_checkpoint=False), FINE)
