"""The command `revert`: what it prints, in words and as JSON, and its exit codes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.history.update_mark import Mark, Stamp
from tests.support.filestack import NOON, FileStack


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """#1 from a good commit; #2 from a bad one, and #3 went back to #1."""
    made = FileStack(tmp_path / "stack")
    made.git("init", "--quiet")
    for key, value in {"user.name": "Ada", "user.email": "ada@example.test"}.items():
        made.git("config", key, value)

    def deploy(title: str, size: str, **more: str) -> str:
        (made.work / "size").write_text(size)
        made.git("add", "--all")
        made.git("commit", "--quiet", "--allow-empty", "--message", title)
        sha = made.git("rev-parse", "HEAD")
        made.update(made.resource("api", {"size": size}), environment={"git.head": sha, **more})
        return sha

    deploy("good", "s")
    deploy("bad \x1b[31mred", "m", **{"git.dirty": "true"})
    agent = {"exec.agent": Stamp(Mark(1, NOON)).text(), "git.head": made.git("rev-parse", "HEAD")}
    made.update(made.resource("api", {"size": "s"}), message="rollback to #1", environment=agent)
    return made


def test_it_says_what_it_did_and_what_is_left_to_do(stack: FileStack) -> None:
    before = stack.git("rev-parse", "HEAD"), stack.git("status", "--porcelain"), stack.git("worktree", "list")
    ran = stack.run("revert", "--no-preview")
    assert ran.code == 0, ran.err
    for line in (
        "revert shop/dev: at #1, went back over #2",
        f"- {before[0][:7]}  bad ",
        "#2 came from uncommitted changes",
        "not previewed: it is not proved that the branch matches the stack",
        f"branch: revert-dev-2, 1 commit reverted on {before[0][:7]}",
        "next: git push origin revert-dev-2",
    ):
        assert line in ran.out
    assert "\x1b" not in ran.out
    assert before == (stack.git("rev-parse", "HEAD"), stack.git("status", "--porcelain"), stack.git("worktree", "list"))
    assert stack.git("show", "revert-dev-2:size") == "s"
    again = stack.run("revert", "dev", "--no-preview")
    assert (again.code, "branch revert-dev-2 already exists" in again.err) == (2, True)
    stack.git("merge", "--quiet", "revert-dev-2")
    ran = stack.run("revert", "--no-preview")
    assert ran.code == 0
    assert "= nothing to revert" in ran.out
    assert "HEAD has reverted it already" in ran.out


def test_it_is_pushed_and_offered_and_says_for_machines_how_far_it_came(stack: FileStack, tmp_path: Path) -> None:
    ran = stack.run("revert", "--no-preview", "--push")
    assert (ran.code, "it is not known which remote to push to" in ran.err) == (2, True)
    stack.git("init", "--quiet", "--bare", str(tmp_path / "bare"))
    stack.git("remote", "add", "origin", "https://forge.test/ada/shop")
    stack.git("remote", "set-url", "--push", "origin", str(tmp_path / "bare"))
    assert stack.git("branch", "--list", "revert*") == ""
    ran = stack.run("revert", "--no-preview", "--pr", "--json")
    assert (ran.code, "there is no gh on PATH" in ran.err) == (1, True), ran.err
    found = ran.json()
    assert (found["pushed"], found["pullRequest"], found["preview"]) == ("origin", None, None)
    assert [(one["title"], one["outcome"]) for one in found["commits"]] == [("bad \x1b[31mred", "reverted")]
    assert stack.git("--git-dir", str(tmp_path / "bare"), "rev-parse", found["branch"]) == found["tip"]
    gh = stack.root / "bin" / "gh"
    gh.write_text(f'#!/bin/sh\n{{ echo "$@"; cat; }} > {tmp_path}/asked\necho https://forge.test/ada/shop/pull/7\n')
    gh.chmod(0o755)
    ran = stack.run("revert", "--no-preview", "--pr", "--branch", "second")
    assert ran.code == 0, ran.err
    assert "pull request: https://forge.test/ada/shop/pull/7" in ran.out
    asked = (tmp_path / "asked").read_text()
    assert "--repo forge.test/ada/shop --head second --base main" in asked
    for line in ("`shop/dev` went back to `#1`", "# `shop/dev`: rolled back to `#1`", "## Timeline"):
        assert line in asked
    assert "\x1b" not in asked
