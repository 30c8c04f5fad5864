"""`hold`, `hold check`, `status` and `release`: who may update a stack, told and ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulumi_rewind.backends import open_backend
from pulumi_rewind.history.update_mark import Mark, Stamp
from pulumi_rewind.state.model import StackRef
from tests.support.filestack import NOON, FileStack

DEV = StackRef("shop", "dev")


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """Two updates from two commits; the second is bad."""
    made = FileStack(tmp_path)
    made.git("init", "-q")
    for size in ("s", "m"):
        (made.work / "size").write_text(size)
        made.git("add", ".")
        made.git("commit", "-q", "-m", f"size {size}")
        made.update(made.resource("api", {"size": size}), environment={"git.head": made.git("rev-parse", "HEAD")})
    return made


def lock_files(stack: FileStack) -> list[dict[str, str]]:
    folder = stack.state / ".pulumi" / "locks" / "organization" / "shop" / "dev"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*"))]


def lose_lock(stack: FileStack) -> None:
    """As `pulumi cancel` does, or a run that was killed while it passed the hold."""
    for path in (stack.state / ".pulumi" / "locks").rglob("*.json"):
        path.unlink()


def rewrite(stack: FileStack, **changed: object) -> None:
    """Changes the hold's note, as time or somebody else does."""
    backend = open_backend(f"file://{stack.state}")
    note = backend.note(DEV, "hold")
    assert note is not None
    content = json.dumps({**json.loads(note.content), **changed}).encode()
    backend.write_note(DEV, "hold", content, instead_of=note.mark)


def go_back(stack: FileStack) -> None:
    """A rollback to #1, as the history keeps it."""
    environment = {"git.head": stack.git("rev-parse", "HEAD"), "exec.agent": Stamp(Mark(1, NOON)).text()}
    stack.update(stack.resource("api", {"size": "s"}), message="rollback to #1", environment=environment)


def test_a_hold_is_seen_by_everybody_until_it_is_released(stack: FileStack) -> None:
    free = stack.run("hold", "check")
    assert (free.code, free.out) == (0, "shop/dev\nnot held\n")
    held = stack.run("hold", "--reason", "bad\x1b[31m release")
    assert held.code == 0, held
    assert "just now: bad [31m release\n" in held.out
    (lock,) = lock_files(stack)
    assert "held by pulumi-rewind: bad [31m release; `pulumi-rewind release` ends it" in lock["username"]
    check = stack.run("hold", "check", "dev")
    assert check.code == 3
    assert ": bad [31m release" in check.out
    assert "it ends by `pulumi-rewind release`\n" in check.out
    shown = stack.run("hold", "check", "--json").json()
    assert (shown["held"], shown["hold"]["why"], shown["hold"]["until"]) == (True, "bad [31m release", None)
    status = stack.run("status")
    assert status.code == 0
    assert "held by " in status.out
    assert "no update is running" in status.out
    assert "no rollback was interrupted" in status.out
    history = stack.run("history")
    assert history.code == 0
    assert "! held: by " in history.err
    doctor = stack.run("doctor", "--json").json()["findings"]
    (finding,) = [one for one in doctor if one["check"] == "lock"]
    assert "held by" in finding["message"]
    assert "pulumi cancel" not in finding["hint"]
    assert "pulumi-rewind release" in finding["hint"]
    released = stack.run("release")
    assert released.code == 0
    assert "released shop/dev: it was held by" in released.out
    assert lock_files(stack) == []
    assert stack.run("hold", "check").code == 0
    assert stack.run("release").out == "shop/dev is not held\n"
    assert stack.run("release", "--json").json() == {"released": None}


def test_an_update_of_ours_is_refused_as_any_other(stack: FileStack) -> None:
    stack.run("hold", "--reason", "bad release")
    for lost in (False, True):
        if lost:
            lose_lock(stack)
        ran = stack.run("up", "--yes")
        assert ran.code == 3, ran
        assert "the stack is held by" in ran.err
        assert "bad release" in ran.err
        assert "`pulumi-rewind release` ends the hold" in ran.err
        assert "pulumi cancel" not in ran.err


def test_a_lock_file_that_is_lost_comes_back_at_the_next_look(stack: FileStack) -> None:
    stack.run("hold")
    before = lock_files(stack)
    lose_lock(stack)
    assert stack.run("hold", "check").code == 3
    assert lock_files(stack) == before


def test_it_ends_by_itself_when_its_time_is_over(stack: FileStack) -> None:
    held = stack.run("hold", "--for", "1d12h", "--json").json()
    assert held["hold"]["until"] > held["hold"]["since"]
    assert stack.run("hold", "check").code == 3
    rewrite(stack, until=1_600_000_000)
    ended = stack.run("hold", "check")
    assert ended.code == 0
    assert "its time is over" in ended.out
    assert lock_files(stack) == []
    assert stack.run("hold", "check").out == "shop/dev\nnot held\n"


def test_it_ends_by_itself_when_head_has_reverted_what_was_gone_back_over(stack: FileStack) -> None:
    bad = stack.git("rev-parse", "HEAD")
    go_back(stack)
    held = stack.run("hold", "--json").json()
    assert held["hold"]["commits"] == [bad]
    assert (held["hold"]["update"], held["hold"]["why"]) == (3, "rollback to #1")
    assert stack.run("status").out.count(bad[:7]) == 1
    stack.git("revert", "--no-edit", bad)
    reverted = stack.git("rev-parse", "HEAD")
    stack.git("revert", "--no-edit", reverted)
    assert stack.run("hold", "check").code == 3, "the revert was reverted"
    stack.git("reset", "-q", "--hard", reverted)
    ended = stack.run("status", "--json").json()
    assert ended["held"] is False
    assert ended["why"] == "HEAD contains a revert of every commit that was gone back over"
    assert stack.run("hold", "check").code == 0


def test_placing_it_again_keeps_since_and_commits(stack: FileStack) -> None:
    go_back(stack)
    first = stack.run("hold", "--reason", "one", "--json").json()["hold"]
    rewrite(stack, since=1_700_000_000)
    second = stack.run("hold", "--for", "48h", "--json").json()["hold"]
    assert second["commits"] == first["commits"]
    assert second["since"] == "2023-11-14T22:13:20Z"
    assert second["until"] is not None
    assert len(lock_files(stack)) == 1


@pytest.mark.parametrize("token", ["../../../stacks/shop/dev", "", "x" * 36])
def test_a_note_that_others_wrote_leads_nowhere(stack: FileStack, token: str) -> None:
    stack.run("hold")
    rewrite(stack, token=token, commits=["--output=x", "f" * 40], user="a\x1b]0;x", why="w" * 5000)
    check = stack.run("hold", "check")
    assert check.code == 3
    assert "\x1b" not in check.out
    assert "w" * 500 not in check.out
    assert stack.run("release").code == 0
    assert stack.live_file.exists()
    assert lock_files(stack) == []


def test_a_damaged_hold_is_told_and_can_be_released(stack: FileStack) -> None:
    stack.run("hold")
    rewrite(stack, since="yesterday")
    for words in (("hold", "check"), ("status",), ("hold",), ("up", "--yes")):
        ran = stack.run(*words)
        assert ran.code == 1, ran
        assert "the hold of shop/dev can't be read" in ran.err
        assert "`pulumi-rewind release` ends it all the same" in ran.err
    assert stack.run("release").out == "released shop/dev: it was held by someone: it could not be read\n"
    assert stack.run("hold", "check").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("hold", "--for", "soon"), "--for 'soon' is no length of time"),
        (("hold", "--for", "0h"), "--for '0h' is no length of time"),
        (("hold", "--preview"), "--preview is for `hold check`"),
        (("hold", "check", "--for", "2h"), "--for and --reason are for placing a hold"),
        (("hold", "check", "dev", "more"), "too many arguments"),
    ],
)
def test_what_makes_no_sense_is_refused(stack: FileStack, words: tuple[str, ...], said: str) -> None:
    ran = stack.run(*words)
    assert ran.code == 2
    assert said in ran.err
    assert lock_files(stack) == []
