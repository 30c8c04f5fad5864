"""`history` and `show`, against file backends that are really there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pulumi_rewind.state.model import REPLAY_AGENT
from tests.support.filestack import NOON, FileStack, encrypted

HOSTILE = "\x1b]0;owned\x07\x1b[31m [red]x[/red] \u202e"


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    return FileStack(tmp_path)


@pytest.fixture
def three(stack: FileStack) -> FileStack:
    """#1 and #2 good, #3 failed; git tag v1.0 on the commit of #1."""
    stack.git("init", "-q")
    (stack.work / "a.txt").write_text("1")
    stack.git("add", "-A")
    stack.git("commit", "-qm", "first")
    stack.git("tag", "v1.0")
    first = stack.git("rev-parse", "HEAD")
    (stack.work / "a.txt").write_text("2")
    stack.git("commit", "-qam", "second")
    second = stack.git("rev-parse", "HEAD")
    env = {"git.headName": "refs/heads/main", "git.author": "Ada", "git.dirty": "false"}
    api = stack.resource("api", {"size": "s"})
    stack.update(api, environment={**env, "git.head": first}, resourceChanges={"create": 1})
    stack.update(
        stack.resource("api", {"size": "m"}),
        environment={**env, "git.head": second, "git.dirty": "true"},
        resourceChanges={"update": 1, "same": 4},
        message="grow\n\nmore about it",
    )
    stack.update(stack.resource("api", {"size": "x"}), result="failed", resourceChanges={"update": 1})
    return stack


def test_history_lists_updates_newest_first(three: FileStack) -> None:
    ran = three.run("history")
    assert ran.code == 0, ran.err
    rows = ran.out.splitlines()
    assert [row.split()[0] for row in rows] == ["#3", "#2", "#1"]
    assert "✗ failed" in rows[0]
    assert "● live" in rows[0]
    assert "✓ ok" in rows[1]
    assert "~1" in rows[1]
    assert "* dirty" in rows[1]
    assert "★ last good" in rows[1]
    assert "grow …" in rows[1]
    assert "+1" in rows[2]
    assert "v1.0" in rows[2]
    assert "(main)" in rows[2]
    assert "\x1b" not in ran.out


def test_history_json_has_the_promised_shape(three: FileStack) -> None:
    ran = three.run("history", "--json")
    assert ran.code == 0, ran.err
    newest, second, first = ran.json()
    assert first == {
        "version": 1,
        "kind": "update",
        "result": "succeeded",
        "startTime": "2026-11-25T09:46:40Z",
        "endTime": "2026-11-25T09:46:54Z",
        "message": "change 1",
        "author": "Ada",
        "git": {"commit": three.git("rev-parse", "v1.0"), "branch": "main", "tags": ["v1.0"], "dirty": False},
        "changes": {"create": 1},
        "hasCheckpoint": True,
        "verified": None,
        "live": False,
        "held": [],
    }
    assert newest["live"] is True
    assert newest["result"] == "failed"
    assert second["git"]["dirty"] is True
    assert second["message"] == "grow\n\nmore about it"


def test_limit(three: FileStack) -> None:
    ran = three.run("history", "--limit", "1")
    assert [row.split()[0] for row in ran.out.splitlines()] == ["#3"]
    assert "2 older updates" in ran.err
    assert len(three.run("history", "--json", "--limit", "2").json()) == 2
    refused = three.run("history", "--limit", "-1")
    assert refused.code == 2
    assert "'--limit': -1 is not in the range" in refused.err


def test_stack_can_be_named_in_four_ways(three: FileStack) -> None:
    for args, env in (
        (("history", "dev"), {"PULUMI_STACK": ""}),
        (("history", "-s", "dev"), {"PULUMI_STACK": ""}),
        (("-s", "dev", "history"), {"PULUMI_STACK": ""}),
        (("history", "--stack", "dev"), {"PULUMI_STACK": "other"}),
    ):
        ran = three.run(*args, env=env)
        assert ran.code == 0, (args, ran.err)
        assert "#3" in ran.out
    both = three.run("history", "dev", "-s", "prod")
    assert both.code == 2
    assert "two stacks are named: dev and prod" in both.err


def test_cwd_and_backend_options(three: FileStack, tmp_path: Path) -> None:
    url = three.env.pop("PULUMI_BACKEND_URL")
    for args in (
        ("history", "--cwd", str(three.work), "--backend", url),
        ("--cwd", str(three.work), "--backend", url, "history"),
    ):
        ran = three.run(*args, cwd=tmp_path)
        assert ran.code == 0, ran.err
        assert "#3" in ran.out


def test_without_a_command_and_terminal_the_history_is_printed(three: FileStack) -> None:
    ran = three.run()
    assert ran.code == 0, ran.err
    assert ran.out == three.run("history").out


def test_live_edited_outside_updates_is_a_line_of_its_own(three: FileStack) -> None:
    three.set_live(three.checkpoint([three.resource("api", {"size": "by hand"})]))
    ran = three.run("history")
    first, *rows = ran.out.splitlines()
    assert first.startswith("● live differs from #3: changed outside updates")
    assert not any("● live" in row for row in rows)
    assert not any(entry["live"] for entry in three.run("history", "--json").json())


def test_an_empty_history_is_no_error(stack: FileStack) -> None:
    stack.set_live(stack.checkpoint([]))
    ran = stack.run("history")
    assert ran.code == 0, ran.err
    assert "has no updates yet" in ran.out
    assert stack.run("history", "--json").json() == []


def test_a_rollback_is_told_apart(three: FileStack) -> None:
    three.update(environment={"exec.agent": REPLAY_AGENT}, message="rollback to #1 (v1.0)")
    assert "↺ rollback" in three.run("history").out.splitlines()[0]


def test_damaged_records_stay_with_their_reason(three: FileStack) -> None:
    three.record_file(2).write_text("{ not json")
    three.checkpoint_file(1).unlink()
    ran = three.run("history")
    assert ran.code == 0, ran.err
    rows = {row.split()[0]: row for row in ran.out.splitlines() if row.startswith("#")}
    assert "✗ unreadable" in rows["#2"]
    assert "no checkpoint" in rows["#1"] or "missing" in rows["#1"]
    assert three.run("history", "--json").json()[2]["hasCheckpoint"] is False


def test_a_damaged_live_state_leaves_the_history(three: FileStack) -> None:
    three.live_file.write_text('{"version": 3, "check')
    ran = three.run("history")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("✗ ")
    assert "can't be read" in ran.out.splitlines()[0]
    assert [row.split()[0] for row in ran.out.splitlines()[1:]] == ["#3", "#2", "#1"]
    assert len(three.run("history", "--json").json()) == 3


def test_escape_sequences_and_markup_are_inert(stack: FileStack) -> None:
    stack.update(message=HOSTILE, environment={"git.head": "a" * 40, "git.headName": f"refs/heads/{HOSTILE}"})
    for ran in (stack.run("history"), stack.run("show", "1")):
        assert ran.code == 0, ran.err
        assert "\x1b" not in ran.out
        assert "\x07" not in ran.out
        assert "\u202e" not in ran.out
        assert r"\x1b]0;owned" in ran.out
        assert "[red]x[/red]" in ran.out
    colored = stack.terminal("history", colors=True)
    assert "\x1b]0;" not in colored.out
    assert "[red]x[/red]" in colored.out


def test_colour_in_a_terminal_only_where_it_is_wanted(three: FileStack) -> None:
    assert "\x1b[" in three.terminal("history", colors=True).out
    for args, env in ((("--no-color",), {}), ((), {"NO_COLOR": "1"}), ((), {"TERM": "dumb"})):
        plain = three.terminal("history", *args, colors=True, env=env)
        assert plain.code == 0
        assert "\x1b" not in plain.out
        assert "★ last good" in plain.out


def test_ascii_fallback(three: FileStack) -> None:
    ran = three.run("history", "--ascii")
    assert ran.out.isascii()
    assert "^ last good" in ran.out
    latin = three.run("history", env={"PYTHONIOENCODING": "latin-1"})
    assert latin.code == 0
    assert latin.out.isascii()
    (three.work / "rewind.toml").write_text("ascii = true\n")
    assert three.run("history").out.isascii()


def test_show_prints_everything_recorded(three: FileStack) -> None:
    record = json.loads(three.record_file(1).read_text())
    record["config"] = {
        "shop:size": "s",
        "shop:password": {"secure": "v1:xxxx"},
        "shop:nested": {"user": "ada", "password": {"secure": "v1:yyyy"}},
    }
    three.record_file(1).write_text(json.dumps(record))
    ran = three.run("show", "v1.0")
    assert ran.code == 0, ran.err
    assert "#1 (v1.0)" in ran.out
    assert "took 00:14" in ran.out
    assert three.git("rev-parse", "v1.0") in ran.out
    assert "first, Ada" in ran.out
    assert "[secret]" in ran.out
    assert "v1:xxxx" not in ran.out
    assert "v1:yyyy" not in ran.out
    assert "git.headName" in ran.out
    assert "test:index:Thing" in ran.out
    shown = three.run("show", "--json", "#1").json()
    assert shown["version"] == 1
    assert shown["config"] == {
        "shop:size": "s",
        "shop:password": "[secret]",
        "shop:nested": {"user": "ada", "password": "[secret]"},
    }
    assert [res["name"] for res in shown["resources"]] == ["shop-dev", "api"]
    assert shown["commit"]["title"] == "first"
    assert shown["target"]["label"].startswith("#1")


def test_show_an_update_without_checkpoint(three: FileStack) -> None:
    three.checkpoint_file(1).write_text('{"version": 3, "checkpoint": {"sta')
    ran = three.run("show", "1")
    assert ran.code == 0, ran.err
    assert "✗" in ran.out
    assert "can't be read" in ran.out


def test_show_pending_operations(stack: FileStack) -> None:
    thing = stack.resource("half", {})
    state = stack.checkpoint([], pending_operations=[{"resource": thing, "type": "creating"}])
    stack.update()
    stack.checkpoint_file(1).write_bytes(state)
    ran = stack.run("show", "1")
    assert "1 pending operation" in ran.out
    assert stack.run("show", "1", "--json").json()["pendingOperations"] == [{"urn": thing["urn"], "type": "creating"}]


def test_secrets_are_masked_everywhere(stack: FileStack) -> None:
    stack.update(stack.resource("db", {"password": encrypted("v1:topsecret")}))
    for args in (("show", "1"), ("show", "1", "--json"), ("history",)):
        assert "topsecret" not in stack.run(*args).out


def test_a_closed_pipe_is_quiet(stack: FileStack) -> None:
    for _ in range(50):
        stack.update(message="x" * 3000)
    import subprocess

    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m pulumi_rewind_tui.cli history | head -n 1"],
        cwd=stack.work,
        env=stack.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("#50")
    assert done.stderr == ""


def test_times_are_local(stack: FileStack) -> None:
    stack.update()
    assert NOON == 1_795_600_000
    assert "2026-11-25 10:46:40" in stack.run("history", env={"TZ": "CET-1"}).out


def test_show_says_where_the_messages_of_a_failed_update_may_be(three: FileStack) -> None:
    shown = three.run("show", "3").out
    assert "why it failed" in shown
    assert "No message was kept." in shown
    assert "See the terminal or CI log of this update" in " ".join(shown.split())
    assert "why it failed" not in three.run("show", "2").out
