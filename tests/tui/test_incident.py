"""The incident note: what it tells, that nothing in it is active, and where the command says no."""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pulumi_rewind.plan.stale_values import StaleValue
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.project.repository import Commit
from pulumi_rewind.rollback.incident import Incident
from pulumi_rewind.rollback.report import Report, ReportedRisk, ReportedStep, bounded, keep, masked, report_after
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.rollback.reverts import Reverts
from pulumi_rewind.session import open_session
from pulumi_rewind.state.model import REPLAY_AGENT, Update
from pulumi_rewind_tui.text.incident import block, code, incident_json, incident_note
from tests.support.filestack import NOON, FileStack

HOSTILE = "`</code><img src=x onerror=alert(1)> [a](javascript:b) | ``` \x1b[31m\u202e\n# heading"
URN = "urn:pulumi:prod::shop::t::"


def update(number: int, result: str = "succeeded", **more: Any) -> Update:
    start = NOON + 100 * number
    return Update(number=number, kind="update", result=result, start_time=start, end_time=start + 14, **more)


def report(**more: Any) -> Report:
    result = RollbackResult(
        "succeeded", 5, {"replace": 1, "update": 2}, (Difference(f"{URN}api", "name", "is another"),), 21.0,
        stale=(StaleValue(f"{URN}api", "tags.h", "was computed from db"),),
    )  # fmt: skip
    return msgspec.structs.replace(
        Report(
            target=3,
            label="#3 (v1.2)",
            strategy="checkpoint",
            fingerprint="abcdef01",
            options=("--only", "api"),
            planned=NOON + 500,
            began=NOON + 565,
            ended=NOON + 586,
            before=4,
            changes={"replace": 1, "update": 2, "same": 7},
            steps=(ReportedStep("replace", "db", "aws:rds:Instance", "replaced", delete_first=True),),
            risks=(ReportedRisk("data-loss", "db holds data, which is lost", loses_data=True),),
            outcome="done",
            result=result,
            undo="pulumi-rewind rollback prod 4",
        ),
        **more,
    )


def incident(**more: Any) -> Incident:
    told: dict[str, Any] = {
        "stack": "shop/prod",
        "name": "prod",
        "number": 5,
        "rollback": update(5, environment={"exec.agent": REPLAY_AGENT}),
        "report": report(),
        "target": update(3, message="Spring sale", environment={"git.head": "a" * 40}),
        "tags": ("v1.2",),
        "over": (update(4, "failed", changes={"create": 1}, environment={"git.head": "b" * 40, "git.dirty": "true"}),),
        "error": "api: boom\nand more",
        "reverts": Reverts((Commit("b" * 40, "Break it", "Ada", 0),)),
    }
    return Incident(**(told | more))


def note(**more: Any) -> str:
    return incident_note(incident(**more), "0.2.0", NOON + 600)


def test_a_note_tells_everything_in_a_page() -> None:
    text = note()
    assert text.startswith("# `shop/prod`: update `#4` failed, rolled back to `#3 (v1.2)`\n")
    assert "All times are UTC." in text
    for line in (
        "update `#3` succeeded after 00:14: the target · `aaaaaaa` `v1.2` `Spring sale`",
        "update `#4` began · `bbbbbbb` with uncommitted changes",
        "update `#4` **failed after 00:14**, after it had changed +1",
        "the plan was made, and reviewed for 01:05",
        "rollback done after 00:21, recorded as `#5`",
        "```text\napi: boom\nand more\n```",
        "- Target `#3 (v1.2)`, strategy `checkpoint`, with `--only api`, fingerprint `abcdef01`",
        "- Steps: ±1 ~2, 7 unchanged",
        "- replace `db` (`aws:rds:Instance`), the old object deleted first",
        "- ⚠ data is lost: `db holds data, which is lost`",
        "⚠ done, 1 difference, 1 value may be stale: `shop/prod is back at #3 (v1.2)`",
        "- ⚠ `api name`: `is another`",
        "```text\npulumi-rewind rollback prod 4\n```",
        "`bbbbbbbbbbbb`. `pulumi-rewind revert prod` makes a branch without them",
        "- [ ] Look at 1 difference that the plan did not announce.",
        "`#4` came from uncommitted changes",
    ):
        assert line in text
    times = re.findall(r"^- (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) ", text, re.MULTILINE)
    assert times == sorted(times)
    assert len(times) == 6
    assert len(text.splitlines()) <= 60


def test_what_is_held_is_left_to_do() -> None:
    held = report(result=RollbackResult("succeeded", 5, {}, (), 1.0, held=("db", "net")))
    todo = "- [ ] Decide about `db, net`, which the rollback let go of alive: `pulumi-rewind confirm prod` deletes"
    assert todo in note(report=held)
    assert "Decide about" not in note()


def test_a_large_incident_stays_short() -> None:
    risks = tuple(ReportedRisk("data-loss", f"r{number} is lost") for number in range(50))
    steps = tuple(ReportedStep("delete", f"r{number}", "t", "deleted") for number in range(50))
    differences = tuple(Difference(f"{URN}r{number}", "a", "differs") for number in range(50))
    result = RollbackResult("succeeded", 5, {}, differences, 1.0, notes=("a", "b"))
    text = note(
        report=report(risks=risks, steps=steps, result=result),
        over=tuple(update(number, "failed") for number in range(4, 60)),
        error="line\n" * 100,
        reverts=Reverts(tuple(Commit(f"{number:040x}", "t", "a", 0) for number in range(100))),
    )
    assert len(text.splitlines()) <= 75
    assert "… and 44 more" in text
    assert "… 51 more updates …" in text
    assert "… and 94 more lines" in text


def outside(text: str) -> str:
    """What Markdown reads as such: all that is in no code span and no code block."""
    without_blocks = re.sub(r"^(`{3,})text\n.*?\n\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", without_blocks)


def test_nothing_that_others_wrote_is_active() -> None:
    result = RollbackResult("succeeded", 5, {}, (Difference(f"{URN}{HOSTILE}", HOSTILE, HOSTILE),), 1.0, (HOSTILE,))
    text = note(
        stack=f"shop/{HOSTILE}",
        target=update(3, message=HOSTILE, environment={"git.head": HOSTILE}),
        tags=(HOSTILE,),
        over=(msgspec.structs.replace(update(4, "failed", message=HOSTILE), kind=HOSTILE),),
        error=f"{HOSTILE}\n```\n````text\n<script>",
        half_made=(HOSTILE,),
        pending=(HOSTILE,),
        reminder=HOSTILE,
        reverts=Reverts(problem=HOSTILE),
        report=report(
            label=HOSTILE,
            strategy=HOSTILE,
            fingerprint=HOSTILE,
            options=(HOSTILE,),
            steps=(ReportedStep("replace", HOSTILE, HOSTILE, "replaced"),),
            risks=(ReportedRisk("data-loss", HOSTILE),),
            result=result,
            undo=HOSTILE,
        ),
    )
    read = outside(text)
    for active in ("<", "](", "javascript", "alert", "|"):
        assert active not in read, read
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    assert [line for line in read.splitlines() if line.startswith("# ")] == [read.splitlines()[0]]


@pytest.mark.parametrize("text", ["", " ", "`", "``", "a`b", "`a`", "a``b`c", "a\nb", "#12"])
def test_a_code_span_holds_any_text(text: str) -> None:
    assert outside(f"x{code(text)}y") == "xy"
    assert outside("\n".join(["x", *block(text), "y"])) == "x\n\ny"


def test_what_is_not_known_is_said() -> None:
    text = note(report=None, error="", reverts=Reverts(), undo_to=4)
    assert "Not known: the messages of a failed update are kept where `pulumi-rewind up` ran it." in text
    assert "Not kept: the rollback was run elsewhere or by an earlier release." in text
    assert "Whether it equals the target was not kept; `pulumi-rewind diff prod 5 3` compares." in text
    assert "pulumi-rewind rollback prod 4" in text


def test_a_failed_update_that_nobody_rolled_back() -> None:
    more: dict[str, Any] = {"number": 4, "rollback": None, "report": None, "target": None, "reverts": Reverts()}
    text = note(**more)
    assert text.startswith("# `shop/prod`: update `#4` failed\n")
    assert "Not rolled back." in text
    assert "`pulumi-rewind plan prod last-good`" in text
    assert "## Plan" not in text
    for back, said in (
        (update(5, environment={"exec.agent": f"{REPLAY_AGENT};run=a"}), "`#5` rolled it back. `pulumi"),
        (
            update(5, environment={"exec.agent": f"{REPLAY_AGENT};run=a;partial"}),
            "`#5` rolled it back in part. `pulumi",
        ),
        (update(5, "failed", environment={"exec.agent": REPLAY_AGENT}), "Not rolled back: the rollback `#5` failed."),
    ):
        text = note(**more, way_back=back)
        assert said in text
        assert "`pulumi-rewind report prod 5` writes its note." in text
        assert ("plan prod last-good" in text) == (not back.succeeded)


def test_a_rollback_that_failed_half_way() -> None:
    text = note(report=report(outcome="failed", result=None, error="api: boom", undo=""), resumes=True)
    assert "update `#4` failed, rollback failed on the way to `#3 (v1.2)`" in text
    assert "The rollback failed half-way; it left the stack between `#4` and `#3 (v1.2)`." in text
    assert "- [ ] A rollback of the stack is unfinished: `pulumi-rewind resume prod` continues it." in text
    assert (
        "HEAD still contains 1 commit that the rollback was to undo: `bbbbbbbbbbbb`. `pulumi-rewind revert prod`"
        in text
    )
    text = note(report=report(outcome="failed", changed=False, result=None, error="db: no copy", undo=""))
    assert "The rollback failed; callbacks were called, and nothing in the stack was changed." in text
    assert "half-way" not in text
    text = note(report=report(outcome="unchanged", result=None, error="it moved", undo=""))
    assert "rollback ended, with nothing changed, after 00:21" in text
    assert "It changed nothing." in text
    assert "pulumi-rewind revert" not in text


def test_for_machines() -> None:
    found = incident_json(incident(), "the note")
    assert found["failed"] == 4
    assert found["report"]["fingerprint"] == "abcdef01"
    assert found["revert"] == ["b" * 40]
    assert found["note"] == "the note"


def test_no_secret_is_kept(stack: FileStack) -> None:
    """Whatever part of plan and result quotes one."""
    stack.update(stack.resource("api", {"size": "s"}))
    session = open_session(stack.work, "dev", environ=stack.env)
    session.redactor.note_texts(["correct-horse"])
    quoting = report(
        before=1,
        label="the correct-horse one",
        options=("--only", "correct-horse"),
        steps=(ReportedStep("delete", "correct-horse", "t", "deleted"),),
        risks=(ReportedRisk("data-loss", "correct-horse is lost"),),
        result=RollbackResult("succeeded", 1, {}, (Difference("", "", "not correct-horse"),), 1.0, ("correct-horse",)),
        error="correct-horse",
    )
    (content,) = keep(session, quoting).values()
    (path,) = stack.root.rglob("rollback.json")
    assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"correct-horse" not in content
    assert content.count(b"[secret]") == 7


def test_what_is_kept_has_an_end_and_a_secret_may_be_called_as_our_words_are() -> None:
    differences = tuple(Difference(f"{URN}r{number}", "a", "differs") for number in range(5000))
    kept = bounded(RollbackResult("succeeded", 5, {}, differences, 1.0, ("look",)))
    assert kept.differences == differences[:1000]
    assert kept.notes == ("look", "5,000 differences were found; the first 1,000 are kept")
    undo = f"pulumi-rewind rollback dev 4{' --only api' * 1000}"
    found = masked(report(error="long " * 10**6, undo=undo), lambda text: text.replace("done", "[secret]"))
    assert (found.outcome, found.undo, len(found.error)) == ("done", undo, 4001)
    assert undo in note(report=found)


def test_an_attempt_that_changed_nothing_does_not_take_the_place_of_one_that_did(stack: FileStack) -> None:
    stack.update(stack.resource("api", {"size": "s"}))
    session = open_session(stack.work, "dev", environ=stack.env)
    refused = report(before=1, outcome="unchanged", result=None, error="it moved")
    for one, outcome in ((refused, "unchanged"), (report(before=1, began=2e10), "done"), (refused, "done")):
        keep(session, one)
        (path,) = stack.root.rglob("rollback.json")
        assert msgspec.json.decode(path.read_bytes())["outcome"] == outcome
    assert report_after(session, 1) is not None
    path.write_bytes(msgspec.json.encode(report(before=1, began=1.0)))
    assert report_after(session, 1) is None, "it is of a stack of the same name, which was made anew"


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    return FileStack(tmp_path)


def test_the_command_says_what_it_can_not_tell(stack: FileStack) -> None:
    stack.update(stack.resource("api", {"size": "s"}))
    ran = stack.run("report")
    assert ran.code == 2
    assert "has no rollback and no failed update" in ran.err
    stack.update(stack.resource("api", {"size": "m"}), result="failed")
    for words, said in (
        (("1",), "#1 is neither a rollback nor a failed update"),
        (("#1",), "Those of shop/dev are #2."),
        (("9",), "#9"),
        (("dev", "x"), "'x' is not the number of an update"),
        (("dev", "1", "2"), "too many arguments: 2"),
        (("nobody",), "nobody"),
    ):
        ran = stack.run("report", *words)
        assert ran.code == 2, ran.out
        assert said in ran.err


def test_the_command_writes_the_newest_or_the_named_note(stack: FileStack) -> None:
    stack.update(stack.resource("api", {"size": "s"}))
    stack.update(stack.resource("api", {"size": "m"}), result="failed", message="<b>grow</b>")
    stack.update(stack.resource("api", {"size": "m"}), result="failed")
    back: dict[str, Any] = {"environment": {"exec.agent": REPLAY_AGENT}, "message": "rollback to #1"}
    stack.update(stack.resource("api", {"size": "m"}), result="failed", **back)
    stack.update(stack.resource("api", {"size": "s"}), **back)
    newest = stack.run("report")
    assert newest.code == 0, newest.err
    assert "rolled back to `#1`" in newest.out
    assert newest.out.count("**failed") == 3
    assert "pulumi-rewind rollback dev 3\n" in newest.out, "undoing leads to before the first attempt"
    assert "Not kept" in newest.out
    for words in (("2",), ("dev", "#2")):
        one = stack.run("report", *words)
        assert one.out.startswith("# `shop/dev`: update `#2` failed\n")
        assert "`<b>grow</b>`" in one.out
        assert "`#5` rolled it back. " in one.out, "#4 failed"
    found = stack.run("report", "--json").json()
    assert (found["number"], found["target"], found["failed"]) == (5, 1, 3)
    assert found["note"].splitlines()[0] == newest.out.splitlines()[0]
