"""The private worktree of an old program: what is in it, and that nothing of it stays behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_rewind.errors import UsageError
from pulumi_rewind.strategies.program.worktree import ProgramTree, make_tree, sweep
from tests.support.gitrepo import GitRepo


def project(repo: GitRepo, folder: str, name: str = "shop") -> None:
    (repo.root / folder).mkdir(parents=True, exist_ok=True)
    (repo.root / folder / "Pulumi.yaml").write_text(f"name: {name}\nruntime: python\n")


def make(repo: GitRepo, commit: str, relative: str = ".") -> ProgramTree:
    return make_tree(repo.open(), commit, Path(relative), "shop")


def listed(repo: GitRepo) -> list[str]:
    return [line for line in repo.git("worktree", "list", "--porcelain").splitlines() if line.startswith("worktree ")]


def snapshot(repo: GitRepo) -> tuple[str, ...]:
    """Everything of the operator's that must not change."""
    index = (repo.root / ".git" / "index").read_bytes().hex()
    config = (repo.root / ".git" / "config").read_text()
    status = repo.git("--no-optional-locks", "status", "--porcelain", "--branch")
    return index, config, status, repo.git("for-each-ref"), repo.git("stash", "list")


def test_the_commit_is_checked_out_apart_and_removed_again(repo: GitRepo) -> None:
    project(repo, "infra")
    one = repo.commit("one")
    (repo.root / "infra" / "later").write_text("x")
    repo.commit("two")
    hook = repo.root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repo.root}/hook-ran\n")
    hook.chmod(0o755)
    (repo.root / "file-1").write_text("not committed")
    (repo.root / "staged").write_text("x")
    repo.git("add", "staged")
    before = snapshot(repo)
    tree = make(repo, one, "infra")
    assert tree.private.stat().st_mode & 0o777 == 0o700
    assert (tree.project.name, (tree.project / "later").exists()) == ("infra", False)
    assert (tree.top / "file-1").read_text() == "one"
    assert not (repo.root / "hook-ran").exists()
    assert len(listed(repo)) == 2
    second = make(repo, one, "infra")  # two at a time don't disturb each other
    second.close()
    assert (tree.top / "file-1").exists()
    tree.close()
    tree.close()
    assert not tree.private.exists()
    assert len(listed(repo)) == 1
    assert snapshot(repo) == before


def test_a_project_that_was_elsewhere_is_found_and_another_is_not(repo: GitRepo) -> None:
    project(repo, "old/place")
    project(repo, "other", "else")
    one = repo.commit("one")
    tree = make(repo, one, "infra")
    assert tree.project.name == "place"
    tree.close()
    project(repo, "old/place", "renamed")
    two = repo.commit("two")
    with pytest.raises(UsageError, match=r"no project shop: it has .*renamed in old/place") as caught:
        make(repo, two, "other")
    assert caught.value.hint
    sweep(repo.open())
    assert len(listed(repo)) == 1


def test_a_commit_with_missing_objects_says_so(repo: GitRepo) -> None:
    project(repo, ".")
    one = repo.commit("one")
    blob = repo.git("rev-parse", f"{one}:file-1")
    (repo.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(UsageError, match=f"{one[:7]} can't be checked out") as caught:
        make(repo, one)
    assert "git fetch --refetch" in caught.value.hint
    assert len(listed(repo)) == 1


def test_submodules_come_from_the_local_repository(repo: GitRepo, tmp_path: Path) -> None:
    deep, lib = GitRepo(tmp_path / "deep"), GitRepo(tmp_path / "lib")
    deep.commit("deep one")
    allow = ("-c", "protocol.file.allow=always")
    lib.git(*allow, "submodule", "--quiet", "add", str(deep.root), "inner")
    lib.commit("lib one")
    project(repo, ".")
    repo.git(*allow, "submodule", "--quiet", "add", "--name", "other name", str(lib.root), "vendor/lib")
    repo.git(*allow, "submodule", "--quiet", "add", str(lib.root), "gone")
    repo.git(*allow, "submodule", "--quiet", "update", "--init", "--recursive")
    one = repo.commit("one")
    repo.git("submodule", "--quiet", "deinit", "--force", "--all")  # the modules stay, the working tree goes
    (repo.root / ".git" / "modules" / "gone" / "HEAD").unlink()
    for name in ("lib", "deep"):
        (tmp_path / name).rename(tmp_path / f"{name}-away")  # nothing is fetched
    before = snapshot(repo)
    tree = make(repo, one)
    assert (tree.top / "vendor" / "lib" / "file-1").read_text() == "lib one"
    assert (tree.top / "vendor" / "lib" / "inner" / "file-1").read_text() == "deep one"
    assert tree.missing_submodules == ("gone",)
    tree.close()
    assert len(listed(repo)) == 1
    assert snapshot(repo) == before


def test_what_a_killed_process_left_is_removed_by_the_next(repo: GitRepo) -> None:
    project(repo, ".")
    one = repo.commit("one")
    code = (
        "import os, sys; from pathlib import Path; from pulumi_rewind.project.repository import open_repository\n"
        "from pulumi_rewind.strategies.program.worktree import make_tree\n"
        f"make_tree(open_repository(Path({str(repo.root)!r})), {one!r}, Path('.'), 'shop')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(listed(repo)) == 2
    left = Path(listed(repo)[1].removeprefix("worktree "))
    assert left.exists()
    make(repo, one).close()
    assert len(listed(repo)) == 1
    assert not left.parent.exists()
