"""What is read of real git repositories."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_rewind.project.repository import open_repository
from tests.support.gitrepo import GitRepo

MISSING = "0123456789" * 4


def test_a_commit_is_read(repo: GitRepo) -> None:
    sha = repo.commit("Überschrift: \x1b[31mred\x0b\u2028 end\n\nbody")
    commit = repo.open().commit(sha)
    assert commit is not None
    assert (commit.sha, commit.author, commit.time) == (sha, "Ada", 1_764_003_600)
    assert commit.title.startswith("Überschrift: \x1b[31mred")
    assert commit.title.endswith("end")


def test_missing_and_malformed_commits_are_none(repo: GitRepo) -> None:
    sha = repo.commit("one")
    opened = repo.open()
    for other in (MISSING, sha[:12], "", "--all", "HEAD", "x" * 40):
        assert opened.commit(other) is None
    assert list(opened.commits([MISSING, sha, sha, "-x"])) == [sha]


def test_many_commits_are_read_at_once(repo: GitRepo) -> None:
    shas = [repo.commit(f"commit {number}") for number in range(4)]
    found = repo.open().commits([*(f"{number:040x}" for number in range(1200)), *shas])
    assert [found[sha].title for sha in shas] == ["commit 0", "commit 1", "commit 2", "commit 3"]
    assert len(found) == 4


def test_a_title_in_another_encoding_does_not_stop_the_listing(repo: GitRepo) -> None:
    repo.commit("one")
    tree = repo.git("rev-parse", "HEAD^{tree}")
    raw = f"tree {tree}\nauthor Ren".encode() + b"\xe9 <r> 0 +0000\ncommitter A <a> 0 +0000\n\ncaf\xe9\n"
    sha = repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=raw)
    commit = repo.open().commit(sha)
    assert commit is not None
    assert (commit.title, commit.author) == ("caf\ufffd", "Ren\ufffd")


def test_tags_lead_to_their_commit_all_of_them(repo: GitRepo) -> None:
    one = repo.commit("one", "v1.0", "@release-1")
    two = repo.commit("two", "@v1.1")
    repo.git("tag", "--annotate", "nested", "--message", "x", "v1.1")
    opened = repo.open()
    assert opened.tags() == {one: ("release-1", "v1.0"), two: ("nested", "v1.1")}
    repo.git("tag", "--force", "v1.0", two)
    opened.refresh()
    assert opened.tags() == {one: ("release-1",), two: ("nested", "v1.0", "v1.1")}


def test_head_branch_and_dirt(repo: GitRepo) -> None:
    opened = repo.open()
    assert (opened.head(), opened.branch(), opened.tags(), opened.branches()) == ("", "main", {}, {})
    one = repo.commit("one")
    two = repo.commit("two")
    assert (opened.head(), opened.branch(), opened.dirty()) == (two, "main", False)
    (repo.root / "untracked").write_text("x")
    assert opened.dirty()
    (repo.root / "untracked").unlink()
    (repo.root / "file-1").write_text("changed")
    assert opened.dirty()
    repo.git("checkout", "--quiet", "--force", one)
    assert (opened.head(), opened.branch(), opened.dirty()) == (one, "", False)
    repo.git("branch", "feature/x")
    assert opened.branches() == {"main": two, "feature/x": one}


def test_revisions_are_resolved(repo: GitRepo) -> None:
    one = repo.commit("one", "@v1")
    two = repo.commit("two")
    opened = repo.open()
    for rev, sha in (("v1", one), ("main", two), ("HEAD~1", one), (one[:8], one), (two, two), ("refs/tags/v1", one)):
        assert opened.resolve(rev) == sha
    for rev in ("", "nothing", "--all", "HEAD~9", MISSING, "v1:file-1", "a\0b", "main..v1"):
        assert opened.resolve(rev) is None


def test_a_prefix_matches_commits_only(repo: GitRepo) -> None:
    shas = [repo.commit(f"commit {number}") for number in range(3)]
    opened = repo.open()
    assert opened.matching(shas[1][:10]) == (shas[1],)
    blob = repo.git("rev-parse", "HEAD:file-1")
    assert opened.matching(blob[:10]) == ()
    for prefix in ("", "abc", "xyzw", "-" * 8):
        assert opened.matching(prefix) == ()


def test_log_and_ancestors(repo: GitRepo) -> None:
    one, two, three = (repo.commit(title) for title in ("one", "two", "three"))
    repo.git("checkout", "--quiet", "-b", "side", one)
    side = repo.commit("side")
    opened = repo.open()
    assert [commit.title for commit in opened.log(one, three)] == ["three", "two"]
    assert [commit.title for commit in opened.log("", three, limit=2)] == ["three", "two"]
    assert [commit.title for commit in opened.log("main", "side")] == ["side"]
    assert opened.log(MISSING, three) == opened.log(one, "nothing") == []
    assert list(opened.ancestors(three)) == [three, two, one]
    assert list(opened.ancestors(MISSING)) == []
    assert opened.is_ancestor(one, side)
    assert opened.is_ancestor(side, side)
    assert not opened.is_ancestor(two, side)
    assert not opened.is_ancestor(MISSING, side)


def test_a_shallow_clone_lacks_what_it_lacks(repo: GitRepo, tmp_path: Path) -> None:
    one, two = repo.commit("one"), repo.commit("two")
    repo.git("clone", "--quiet", "--depth", "1", repo.root.as_uri(), str(tmp_path / "clone"))
    opened = open_repository(tmp_path / "clone")
    assert opened is not None
    assert opened.commit(one) is None
    assert opened.head() == two
    assert list(opened.ancestors(two)) == [two]


def test_a_subdirectory_belongs_and_a_worktree_too(repo: GitRepo, tmp_path: Path) -> None:
    sha = repo.commit("one", "v1")
    (repo.root / "infra").mkdir()
    below = open_repository(repo.root / "infra")
    assert below is not None
    assert below.root == repo.root
    repo.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    tree = open_repository(tmp_path / "tree")
    assert tree is not None
    assert (tree.head(), tree.tags()) == (sha, {sha: ("v1",)})


@pytest.mark.parametrize(
    "layout",
    [
        *("plain", "below", "linked", "relative", "submodule", "separate"),
        *("hidden-bare", "bare", "inside", "symlink", "above"),
    ],
)
def test_a_repository_is_found_where_git_finds_it(repo: GitRepo, tmp_path: Path, layout: str) -> None:
    repo.commit("one")
    there = repo.root
    match layout:
        case "below":
            there = repo.root / "infra/prod"
        case "linked" | "relative":
            there = tmp_path / "tree"
            repo.git("worktree", "add", "--quiet", "--detach", str(there))
            if layout == "relative":
                (there / ".git").write_text(f"gitdir: {os.path.relpath(repo.root, there)}/.git/worktrees/tree\n")
        case "submodule":
            outer = GitRepo(tmp_path / "outer")
            outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.root), "mod")
            there = outer.root / "mod"
        case "separate":
            there = tmp_path / "tree"
            repo.git("init", "--quiet", f"--separate-git-dir={tmp_path / 'kept here'}", str(there))
        case "hidden-bare":
            there = tmp_path / "all"
            repo.git("clone", "--quiet", "--bare", str(repo.root), str(there / ".bare"))
            (there / ".git").write_text("gitdir: ./.bare\r\n")
        case "bare":
            there = tmp_path / "bare.git"
            repo.git("clone", "--quiet", "--bare", str(repo.root), str(there))
        case "inside":
            there = repo.root / ".git/refs"
        case "symlink":
            (repo.root / "infra").mkdir()
            there = tmp_path / "link"
            there.symlink_to(repo.root / "infra")
        case "above":
            repo.git("config", "core.worktree", "../..")
    there.mkdir(parents=True, exist_ok=True)

    def says(*question: str) -> str:
        command = ["git", "rev-parse", "--path-format=absolute", *question]
        return subprocess.run(command, cwd=there, capture_output=True, text=True, check=False).stdout.strip()

    found = open_repository(there)
    assert found is not None
    assert str(found.directory.resolve()) == says("--git-dir")
    assert str(found.common_directory.resolve()) == says("--git-common-dir")
    top = says("--show-toplevel")  # a bare repository has none
    assert found.root == (Path(top) if top else there if layout != "inside" else repo.root / ".git")


@pytest.mark.parametrize("text", ["gitdir: /not/there\n", "rubbish", "", "\xff"])
def test_a_git_file_that_leads_nowhere_ends_the_search(repo: GitRepo, text: str) -> None:
    """As it does for git: what lies above is another repository."""
    repo.commit("one", "v1")
    inner = repo.root / "inner/project"
    inner.mkdir(parents=True)
    (inner.parent / ".git").write_bytes(text.encode("latin-1"))
    found = open_repository(inner)
    assert found is not None
    assert found.root == inner.parent
    assert found.refusal
    assert (found.head(), found.tags(), found.gaps().startswith("git refuses to read")) == ("", {}, True)


def test_the_root_is_asked_for_once(repo: GitRepo, monkeypatch: pytest.MonkeyPatch) -> None:
    repo.commit("one")
    opened = repo.open()
    assert opened.root == repo.root
    monkeypatch.setattr(opened, "command", None)
    assert opened.root == repo.root


def test_no_repository_and_a_broken_one(tmp_path: Path) -> None:
    assert open_repository(tmp_path) is None
    assert open_repository(tmp_path / "missing") is None
    (tmp_path / ".git").mkdir()
    assert open_repository(tmp_path) is None


def test_without_git_there_is_no_repository(repo: GitRepo, tmp_path: Path) -> None:
    repo.commit("one")
    where = f"Path({str(repo.root)!r})"
    code = f"from pathlib import Path; from pulumi_rewind.project.repository import *; print(open_repository({where}))"
    environ = {"PATH": str(tmp_path / "empty"), "PYTHONPATH": str(Path(__file__).parents[2] / "core")}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("None", 0), done.stderr
