"""What a repository brings along never runs as the operator, and that of somebody else is not used."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.assets.git import CommitFiles
from pulumi_rewind.assets.paths import _Places
from pulumi_rewind.errors import RecordError, TargetError, UsageError
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.project.repository import Repository, open_repository
from pulumi_rewind.records.git import Blob, RecordStore
from pulumi_rewind.records.worktree import take_uncommitted
from pulumi_rewind.reverting.publishing import find_remote, push_branch
from pulumi_rewind.reverting.revert import RevertOptions, make_revert
from pulumi_rewind.reverting.standing import read_standing
from pulumi_rewind.rollback.recording import record_update
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.strategies.program.source import program_problem
from pulumi_rewind.strategies.program.worktree import make_tree
from pulumi_rewind.system.git import GitCommand, GitFailed
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo

ROOT = Path(__file__).resolve().parents[2]
HOOKS = (
    "post-checkout",
    "reference-transaction",
    "post-index-change",
    "pre-auto-gc",
    "post-merge",
    "fsmonitor-watchman",
    *("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "post-rewrite", "pre-push"),
)


class Trap:
    """A program that leaves a file behind, and a repository that names it wherever git would run one."""

    def __init__(self, tmp_path: Path) -> None:
        self.sprung = tmp_path / "sprung"
        self.program = tmp_path / "trap.sh"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.sprung}\ncat\n')
        self.program.chmod(0o755)

    def lay(self, repo: GitRepo, git_dir: Path | None = None) -> None:
        """Names it in the repository's own configuration and as its hooks."""
        directory = git_dir or repo.root / ".git"
        file = ("config", "--file", str(directory / "config"))
        for key in (
            *("core.fsmonitor", "core.sshCommand", "core.askPass", "core.pager", "core.editor", "diff.external"),
            *("filter.a=b.clean", "filter.a=b.smudge", "filter.a=b.process", "filter.lfs.clean", "filter.lfs.smudge"),
            *("diff.text.textconv", "diff.text.command", "merge.text.driver", "credential.helper", "gpg.program"),
            *(
                "hook.late.command",
                "remote.origin.uploadpack",
                "alias.status",
                "pager.log",
                "uploadpack.packObjectsHook",
            ),
            *("lfs.customtransfer.x.path", "lfs.standalonetransferagent"),
        ):
            repo.git(*file, key, str(self.program))
        repo.git(*file, "hook.late.event", "post-checkout")
        repo.git(*file, "log.showSignature", "true")
        repo.git(*file, "core.hooksPath", str(self.hooks(directory / "hooks")))
        (directory / "hooks-by-include").write_text(f'[filter "inc"]\n\tsmudge = {self.program}\n')
        repo.git(*file, "include.path", "hooks-by-include")
        # An `includeIf` that only a worktree other than the main one matches.
        (directory / "apart").write_text(f'[filter "apart"]\n\tsmudge = {self.program}\n')
        repo.git(*file, "includeIf.gitdir:**/worktrees/**.path", "apart")

    def hooks(self, folder: Path) -> Path:
        folder.mkdir(exist_ok=True)
        for name in HOOKS:
            shutil.copy(self.program, folder / name)
        return folder

    def check(self) -> None:
        assert not self.sprung.exists(), self.sprung.read_text()


@pytest.fixture
def trap(tmp_path: Path) -> Iterator[Trap]:
    found = Trap(tmp_path)
    yield found
    found.check()


ATTRIBUTES = (
    "file-1 filter=a=b diff=text merge=text\nfile-2 filter=lfs diff=text\nfile-3 filter=inc\nPulumi.yaml filter=apart\n"
)


def project(repo: GitRepo) -> str:
    """Three commits of a project whose files go through filters; the first one."""
    (repo.root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (repo.root / ".gitattributes").write_text(ATTRIBUTES)
    first = repo.commit("one")
    repo.commit("two")
    repo.commit("three")
    return first


def session(repo: GitRepo, store: FileStore, **environ: str) -> Session:
    base = {"PULUMI_BACKEND_URL": store.url, "HOME": str(repo.root), "PATH": os.environ["PATH"]}
    return open_session(repo.root, "dev", environ={**base, **environ})


def look_at(repository: Repository, commit: str) -> None:
    """Everything that is asked of a repository."""
    assert repository.dirty()
    assert repository.commit(commit)
    assert repository.log("", "HEAD")
    assert repository.branches()
    repository.tags()
    repository.moved("v1")
    repository.shallow()
    files = CommitFiles(repository, commit)
    assert files.file(b"file-1")
    assert _Places(repository, commit, repository.root).changed(commit, {"file-1"})
    assert take_uncommitted(repository).files


def test_nothing_of_a_repository_runs(repo: GitRepo, store: FileStore, trap: Trap) -> None:
    one = project(repo)
    store.add("one", commit=repo.git("rev-parse", "HEAD"))
    store.add("two", commit=repo.git("rev-parse", "HEAD"), dirty=True)
    trap.lay(repo)
    for name in ("file-1", "file-2", "new"):
        (repo.root / name).write_text("changed")
    os.utime(repo.root / "file-3")
    found = repo.open()
    look_at(found, one)
    opened = session(repo, store)
    assert [entry.update.number for entry in opened.timeline.entries()] == [2, 1]
    written = record_update(opened, 2)
    assert "uncommitted.patch" in repo.git("ls-tree", "--name-only", written.ref)
    records = RecordStore(found)
    records.write("refs/pulumi-rewind/x/y/1", (one,), {"a": Blob(b"a")}, "m")
    records.remove({"refs/pulumi-rewind/x/y/1": records.refs("refs/pulumi-rewind/x/y")["1"]})
    tree = make_tree(found, one, Path(), "shop")
    assert set(tree.unfiltered) == {"a=b", "apart"}
    assert (tree.top / "file-1").read_text() == "one"
    tree.close()
    trap.check()


def test_to_revert_and_push_runs_nothing_of_a_repository(
    repo: GitRepo, store: FileStore, trap: Trap, tmp_path: Path
) -> None:
    for key, value in {"user.name": "Ada", "user.email": "ada@example.test"}.items():
        repo.git("config", key, value)
    store.add("one", commit=project(repo))
    (repo.root / "file-1").write_text("one, but bad")
    store.add("two", commit=repo.commit("bad"))
    store.write_live(store.path("checkpoint", 1).read_bytes())
    repo.git("init", "-q", "--bare", str(tmp_path / "bare"))
    repo.git("remote", "add", "origin", str(tmp_path / "bare"))
    trap.lay(repo)
    opened = session(repo, store)
    result = make_revert(opened, read_standing(opened), RevertOptions(preview=False), lambda event: None)
    assert [one.title for one in result.reverted.commits] == ["bad", "three", "two"]
    found = repo.open()
    push_branch(found, find_remote(found), result.branch)
    assert repo.git("show", f"{result.branch}:file-1") == "one"
    trap.check()


def test_the_trap_is_one(repo: GitRepo, trap: Trap) -> None:
    """Plain git falls into it: otherwise the test above would prove nothing."""
    one = project(repo)
    trap.lay(repo)
    os.utime(repo.root / "file-1")
    repo.git("update-ref", "refs/heads/x", one)
    repo.git("worktree", "add", "--quiet", "--detach", str(repo.root.parent / "tree"), one)
    subprocess.run(["git", "diff"], cwd=repo.root, check=False, capture_output=True)
    said = trap.sprung.read_text()
    for name in ("reference-transaction", "post-checkout", "trap.sh \n"):
        assert name in said
    trap.sprung.unlink()


def test_submodules_run_nothing_either(repo: GitRepo, trap: Trap, tmp_path: Path) -> None:
    lib = GitRepo(tmp_path / "lib")
    (lib.root / ".gitattributes").write_text("file-1 filter=a=b\n")
    lib.commit("one")
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(lib.root), "lib")
    project(repo)
    trap.lay(repo, repo.root / ".git" / "modules" / "lib")
    (repo.root / "lib" / "file-1").write_text("ein")  # of the same size, so that git must look inside
    assert repo.open().dirty()
    assert [item.path for item in take_uncommitted(repo.open()).left_out] == ["lib"]


def test_a_filter_of_the_operators_own_stays(
    repo: GitRepo, trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A globally installed git-lfs; what the repository says in its place doesn't count."""
    project(repo)
    trap.lay(repo)
    shout = tmp_path / "gitconfig"
    shout.write_text('[filter "lfs"]\n\tsmudge = tr a-z A-Z\n\tclean = tr A-Z a-z\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(shout))
    tree = make_tree(repo.open(), repo.git("rev-parse", "HEAD"), Path(), "shop")
    assert ((tree.top / "file-2").read_text(), "lfs" in tree.unfiltered) == ("TWO", False)
    tree.close()


def test_a_partial_clone_fetches_by_no_command(repo: GitRepo, trap: Trap) -> None:
    one = project(repo)
    blob = repo.git("rev-parse", f"{one}:file-1")
    (repo.root / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{trap.program} %S",
        "protocol.ext.allow": "always",
    }.items():
        repo.git("config", key, value)
    with pytest.raises(GitFailed):
        repo.open().command.read("cat-file", "blob", blob, fetch=True)
    with pytest.raises(UsageError, match="can't be checked out"):
        make_tree(repo.open(), one, Path(), "shop")


@pytest.mark.parametrize(
    "variable",
    ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_NAMESPACE"],
)
def test_the_environment_leads_nowhere_else(
    repo: GitRepo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """As in a hook of another repository, from which a deployment is started."""
    one = project(repo)
    other = GitRepo(tmp_path / "other")
    other.commit("other")
    before = (other.root / ".git" / "index").read_bytes(), (repo.root / ".git" / "index").read_bytes()
    place = {"GIT_WORK_TREE": ".", "GIT_INDEX_FILE": ".git/index", "GIT_OBJECT_DIRECTORY": ".git/objects"}
    monkeypatch.setenv(variable, str(other.root / place.get(variable, ".git")))
    found = repo.open()
    assert (found.head(), found.dirty()) == (repo.git("rev-parse", "HEAD"), False)
    RecordStore(found).write("refs/pulumi-rewind/x/y/1", (), {"a": Blob(b"a")}, "m")
    make_tree(found, one, Path(), "shop").close()
    assert ((other.root / ".git" / "index").read_bytes(), (repo.root / ".git" / "index").read_bytes()) == before
    assert other.git("for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_programs_of_the_environment_dont_run(repo: GitRepo, trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    one = project(repo)
    for name in ("GIT_EXTERNAL_DIFF", "GIT_PAGER", "GIT_EDITOR", "GIT_SEQUENCE_EDITOR"):
        monkeypatch.setenv(name, str(trap.program))
    monkeypatch.setenv("GIT_TRACE", str(repo.root / "trace"))
    (repo.root / "file-1").write_text("changed")
    look_at(repo.open(), one)
    assert not (repo.root / "trace").exists()


def test_git_in_the_current_directory_is_none(repo: GitRepo, trap: Trap, monkeypatch: pytest.MonkeyPatch) -> None:
    project(repo)
    shutil.copy(trap.program, repo.root / "git")
    monkeypatch.chdir(repo.root)
    monkeypatch.setenv("PATH", f".{os.pathsep}{os.pathsep}{os.environ['PATH']}")
    assert GitCommand(repo.root).read("rev-parse", "HEAD")


def test_a_repository_of_somebody_else_is_not_used(
    repo: GitRepo, store: FileStore, trap: Trap, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = project(repo)
    store.add("one", commit=one)
    record_update(session(repo, store), 1)
    record = repo.git("rev-parse", "refs/pulumi-rewind/shop/dev/1")
    trap.lay(repo)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    says = f"`git config --global --add safe.directory {repo.root}`"
    opened = session(repo, store)
    assert len(opened.timeline) == 1
    assert [entry.commit for entry in opened.timeline.entries()] == [None]
    assert resolve_target(opened.timeline, "1").update.number == 1
    with pytest.raises(TargetError, match=r"git refuses to read .*: detected dubious ownership") as caught:
        resolve_target(opened.timeline, "v1")
    assert says in caught.value.hint
    with pytest.raises(RecordError, match="dubious ownership") as failed:
        record_update(opened, 1, {"e": b"x"})
    assert says in failed.value.hint
    problem = program_problem(opened, opened.timeline.update(1))
    assert problem is not None
    assert says in problem.hint
    refused = open_repository(repo.root)
    assert refused is not None
    with pytest.raises(UsageError, match="dubious ownership"):
        make_tree(refused, one, Path(), "shop")
    with pytest.raises(RecordError):
        RecordStore(refused).read(record, "update.json") or RecordStore(refused).refs("refs")
    # CI says so by the environment; what the repository names doesn't run all the same.
    for name, value in {"COUNT": "1", "KEY_0": "safe.directory", "VALUE_0": "*"}.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    (repo.root / "file-1").write_text("changed")
    refused.refresh()
    assert refused.refusal == ""
    look_at(refused, one)


def _words(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


LIBRARIES = {"git", "dulwich", "pygit2"}


def test_git_is_run_in_one_place() -> None:
    """No other module starts a program called git, or has a library do it."""
    found: list[str] = []
    for folder in ("core", "tui"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if path.parts[-2:] == ("system", "git.py") or "git" not in text:
                continue
            for node in ast.walk(ast.parse(text)):
                place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
                match node:
                    case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]) if Path(_words(first)).name == "git":
                        # A list that begins with the word and goes on is a command line; a table of words isn't.
                        if len(node.elts) > 1 and isinstance(node, ast.List):
                            found.append(f"{place}: a command line")
                    case ast.Import(names) if LIBRARIES & {one.name.split(".")[0] for one in names}:
                        found.append(f"{place}: a library that runs git, or is one")
                    case ast.ImportFrom(module=str(module)) if module.split(".")[0] in LIBRARIES:
                        found.append(f"{place}: a library that runs git, or is one")
                    case ast.Constant(value=str(word)) if word.startswith("--git-dir="):
                        found.append(f"{place}: names the repository, so that git doesn't look at its owner")
    assert found == []


def test_a_repository_that_is_made_later_is_looked_at_anew(tmp_path: Path) -> None:
    git = GitCommand(tmp_path, {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"})
    git.read("version")
    repo = GitRepo(tmp_path)
    repo.git("config", "filter.odd.clean", "false")
    assert git.filters_off() == ("odd",)
