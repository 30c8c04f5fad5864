"""`revert`: which commits it takes back, in a private worktree, and that nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pulumi_rewind.errors import BackendError, EngineError, RefusedError, RevertError, UsageError
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.history.update_mark import PROGRAM_AGENT, Mark, Stamp
from pulumi_rewind.plan.model import Step
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.reverting import preview as previewing
from pulumi_rewind.reverting import revert as reverting
from pulumi_rewind.reverting.preview import Preview
from pulumi_rewind.reverting.publishing import Remote, find_remote, open_pull_request, push_branch
from pulumi_rewind.reverting.revert import RevertOptions, RevertResult, make_revert
from pulumi_rewind.reverting.standing import Standing, read_standing, usable_repository
from pulumi_rewind.rollback.reverts import revert_command
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.strategies.preview import ignore_events
from pulumi_rewind.strategies.program.worktree import ProgramTree
from tests.support.filestore import START, FileStore
from tests.support.gitrepo import GitRepo
from tests.support.journals import begun_elsewhere

PLAIN = RevertOptions(preview=False)


@pytest.fixture
def shop(repo: GitRepo) -> GitRepo:
    """A project in ``infra`` of a repository that has a first commit ``good``, which is deployed as #1."""
    for key, value in {"user.name": "Ada", "user.email": "ada@example.test"}.items():
        repo.git("config", key, value)
    (repo.root / "infra").mkdir()
    (repo.root / "infra" / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    write(repo, "infra/size", "1\n")
    repo.git("add", "--all")
    repo.git("commit", "-qm", "good")
    return repo


def write(repo: GitRepo, name: str, text: str) -> None:
    (repo.root / name).write_text(text)


def commit(repo: GitRepo, title: str, name: str = "", text: str = "") -> str:
    """A commit that writes a file of the project."""
    write(repo, name or f"infra/{title.replace(' ', '-')}", text or title)
    repo.made += 1
    repo.git("add", "--all")
    repo.git("commit", "--allow-empty", "-qm", title)
    return repo.git("rev-parse", "HEAD")


def head(repo: GitRepo) -> str:
    return repo.git("rev-parse", "HEAD")


def session(repo: GitRepo, store: FileStore, **environ: str) -> Session:
    base = {"PULUMI_BACKEND_URL": store.url, "HOME": str(repo.root.parent), "PATH": os.environ["PATH"]}
    return open_session(repo.root / "infra", "dev", environ={**base, **environ})


def back(store: FileStore, number: int, value: str, **more: Any) -> int:
    """A rollback of ours to an update."""
    agent = Stamp(Mark(number, START + (number - 1) * 60), **more.pop("stamp", {})).text(**more.pop("how", {}))
    return store.add(value, message=f"rollback to #{number}", environment={"exec.agent": agent}, **more)


def deployed(repo: GitRepo, store: FileStore, *titles: str) -> list[str]:
    """#1 from the first commit, #2 from a commit for each title, and #3, which went back to #1."""
    store.add("v1", commit=head(repo))
    shas = [commit(repo, title) for title in titles]
    store.add("v2", commit=head(repo))
    back(store, 1, "v1", commit=head(repo))
    return shas


def around(repo: GitRepo) -> tuple[str, ...]:
    """Everything of the operator's that must not change."""
    index = (repo.root / ".git" / "index").read_bytes().hex()
    config = (repo.root / ".git" / "config").read_text()
    status = repo.git("--no-optional-locks", "status", "--porcelain", "--branch")
    seen = [repo.git(*one) for one in (("for-each-ref",), ("stash", "list"), ("worktree", "list"), ("reflog",))]
    return index, config, status, *seen


def standing(repo: GitRepo, store: FileStore, **how: Any) -> Standing:
    return read_standing(session(repo, store), **how)


def titles(found: Standing) -> list[str]:
    return [one.title for one in found.reverts.commits]


def run(repo: GitRepo, store: FileStore, options: RevertOptions = PLAIN, **how: Any) -> RevertResult:
    opened = session(repo, store)
    return make_revert(opened, read_standing(opened, **how), options, ignore_events)


# -- which commits -----------------------------------------------------------------------------------------------------


def test_the_branch_takes_back_what_was_gone_over_and_nothing_else_changes(shop: GitRepo, store: FileStore) -> None:
    shas = deployed(shop, store, "bad", "worse")
    later = commit(shop, "later")  # was never deployed
    write(shop, "infra/size", "not committed\n")
    write(shop, "staged", "x")
    shop.git("add", "staged")
    shop.git("stash", "push", "-q", "staged")
    write(shop, "infra/size", "not committed\n")
    write(shop, "staged", "y")
    shop.git("add", "staged")
    before = around(shop)
    result = run(shop, store)
    assert [one.sha for one in result.reverted.commits] == shas[::-1]
    assert (result.branch, result.word, result.standing.target.number) == ("revert-dev-2", "reverted", 1)
    assert shop.git("rev-parse", "revert-dev-2~2") == later
    assert shop.git("diff", "--name-status", later, "revert-dev-2").split() == ["D", "infra/bad", "D", "infra/worse"]
    assert f"This reverts commit {shas[0]}." in shop.git("show", "-s", "--format=%B", "revert-dev-2")
    shop.git("update-ref", "-d", "refs/heads/revert-dev-2")
    assert around(shop) == before
    assert revert_command(session(shop, store), result.standing.target) == "pulumi-rewind revert dev"


def test_what_was_not_gone_back_over_stays(shop: GitRepo, store: FileStore) -> None:
    store.add("v1", commit=head(shop))
    commit(shop, "two")
    store.add("v2", commit=head(shop))
    found = standing(shop, store)
    assert (found.target.number, found.over, titles(found)) == (2, (), [])
    result = run(shop, store, RevertOptions())  # without anything gone over there is nothing to preview, either
    assert (result.word, result.branch, result.preview) == ("nothing-to-do", "", None)
    commit(shop, "three")
    store.add("v3", commit=head(shop))
    back(store, 2, "v2", commit=head(shop))
    assert titles(standing(shop, store)) == ["three"]
    back(store, 3, "v3", commit=head(shop))  # undone: the stack is at #3 again
    assert titles(standing(shop, store)) == []


def test_a_refresh_and_a_rollback_by_the_old_program_are_followed(shop: GitRepo, store: FileStore) -> None:
    first = head(shop)
    deployed(shop, store, "bad")
    commit(shop, "later")
    store.add("v1", kind="refresh", commit=head(shop))  # ran no program
    assert titles(standing(shop, store)) == ["bad"]
    back(store, 2, "v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    assert titles(standing(shop, store)) == ["bad"]
    back(store, 1, "v1", commit=first, how={"agent": PROGRAM_AGENT}, stamp={"partial": True})
    found = standing(shop, store)
    assert (found.target.number, found.partial, titles(found)) == (1, True, ["bad"])


def test_a_state_that_was_put_back_without_an_update_counts(shop: GitRepo, store: FileStore) -> None:
    store.add("v1", commit=head(shop))
    commit(shop, "bad")
    store.add("v2", commit=head(shop))
    store.write_live(store.path("checkpoint", 1).read_bytes())
    assert titles(standing(shop, store)) == ["bad"]


def test_commits_outside_the_project_stay_unless_all_are_wanted(shop: GitRepo, store: FileStore) -> None:
    store.add("v1", commit=head(shop))
    commit(shop, "docs", "README")
    write(shop, "shared", "x")
    both = commit(shop, "both")
    (shop.root / "app").mkdir()
    commit(shop, "program", "app/main.py")
    store.add("v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    found = standing(shop, store)
    assert [one.sha for one in found.reverts.commits] == [both]
    assert [one.title for one in found.reverts.elsewhere] == ["program", "docs"]
    assert titles(standing(shop, store, every=True)) == ["program", "both", "docs"]
    write(shop, "infra/Pulumi.yaml", "name: shop\nruntime: python\nmain: ../app\n")
    assert titles(standing(shop, store)) == ["program", "both"]


def test_what_head_has_reverted_is_left_and_what_it_has_applied_again_is_not(shop: GitRepo, store: FileStore) -> None:
    bad, worse, titled = deployed(shop, store, "bad", "worse", "by a forge")
    shop.git("revert", "--no-edit", worse)
    shop.git("rm", "-q", "infra/by-a-forge")
    shop.git("commit", "-qm", 'Revert "by a forge" (#12)')
    found = standing(shop, store)
    assert (titles(found), {one.sha for one in found.reverts.reverted}) == (["bad"], {worse, titled})
    shop.git("revert", "--no-edit", "HEAD~1")  # of the revert
    assert [one.sha for one in standing(shop, store).reverts.commits] == [worse, bad]


def test_a_revert_that_was_deployed_with_what_it_reverts_changes_nothing(shop: GitRepo, store: FileStore) -> None:
    store.add("v1", commit=head(shop))
    worse = commit(shop, "worse")
    commit(shop, "bad")
    shop.git("revert", "--no-edit", worse)
    store.add("v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    result = run(shop, store)
    assert [one.title for one in result.reverted.commits] == ["bad"]
    assert shop.git("diff", "--name-only", "HEAD~3", "revert-dev-2") == ""


def test_a_revert_of_an_older_commit_is_taken_back_like_any_other(shop: GitRepo, store: FileStore) -> None:
    needed = commit(shop, "needed")
    store.add("v1", commit=needed)
    shop.git("revert", "--no-edit", needed)
    store.add("v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    run(shop, store)
    assert shop.git("diff", "--name-only", needed, "revert-dev-2") == ""


def merged(repo: GitRepo) -> dict[str, str]:
    """A feature of two commits is merged into main, which has one of its own."""
    kept = head(repo)
    repo.git("switch", "-qc", "feature")
    shas = {"kept": kept, "one": commit(repo, "one"), "two": commit(repo, "two")}
    repo.git("switch", "-q", "main")
    shas["own"] = commit(repo, "own")
    repo.git("merge", "-q", "--no-ff", "--no-edit", "feature")
    shas["merge"] = head(repo)
    return shas


def test_a_merge_is_reverted_as_one_against_its_first_parent(shop: GitRepo, store: FileStore) -> None:
    store.add("v1", commit=head(shop))
    shas = merged(shop)
    store.add("v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    found = standing(shop, store)
    assert [one.sha for one in found.reverts.commits] == [shas["merge"], shas["own"]]
    assert found.reverts.mainline == {shas["merge"]: 1}
    run(shop, store)
    assert shop.git("diff", "--name-only", shas["kept"], "revert-dev-2") == ""
    shop.git("merge", "-q", "revert-dev-2")
    again = standing(shop, store)
    assert (again.reverts.commits, len(again.reverts.reverted)) == ((), 3)


def test_of_a_merge_the_side_stays_that_the_target_has(shop: GitRepo, store: FileStore) -> None:
    shas = merged(shop)
    store.add("v1", commit=shas["one"])  # the feature was tried out before it was merged
    store.add("v2", commit=shas["merge"])
    back(store, 1, "v1", commit=head(shop))
    found = standing(shop, store)
    assert {one.sha for one in found.reverts.commits} == {shas["two"], shas["merge"]}
    assert found.reverts.mainline == {shas["merge"]: 2}
    run(shop, store)
    assert shop.git("diff", "--name-only", shas["one"], "revert-dev-2") == ""


def test_of_a_merge_with_commits_outside_the_project_only_the_others_are_reverted(
    shop: GitRepo, store: FileStore
) -> None:
    store.add("v1", commit=head(shop))
    shop.git("switch", "-qc", "feature")
    inside = commit(shop, "inside")
    commit(shop, "outside", "outside")
    shop.git("switch", "-q", "main")
    shop.git("merge", "-q", "--no-ff", "--no-edit", "feature")
    store.add("v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    assert [one.sha for one in standing(shop, store).reverts.commits] == [inside]
    assert list(standing(shop, store, every=True).reverts.mainline.values()) == [1]


def test_of_a_branch_that_was_deployed_what_head_has_counts(shop: GitRepo, store: FileStore) -> None:
    store.add("v1", commit=head(shop))
    common = commit(shop, "common")
    shop.git("switch", "-qc", "trial")
    store.add("v2", commit=commit(shop, "trial"))
    back(store, 1, "v1", commit=head(shop))
    shop.git("switch", "-q", "main")
    assert [one.sha for one in standing(shop, store).reverts.commits] == [common]


# -- what can't be reverted --------------------------------------------------------------------------------------------


def test_a_conflict_is_told_and_leaves_nothing(shop: GitRepo, store: FileStore) -> None:
    store.add("v1", commit=head(shop))
    bad = commit(shop, "bad", "infra/size", "2\n")
    store.add("v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    commit(shop, "more", "infra/size", "3\n")
    before = around(shop)
    with pytest.raises(RevertError, match=rf"commit {bad[:7]} \(bad\) can't be reverted: .* in infra/size") as caught:
        run(shop, store)
    assert f"git revert {bad[:12]}" in caught.value.hint
    assert around(shop) == before


def test_a_merge_driver_of_the_repository_is_a_conflict_and_does_not_run(shop: GitRepo, store: FileStore) -> None:
    """Where it were only switched off, git could take one side for the result."""
    write(shop, "infra/.gitattributes", "size merge=odd\n")
    write(shop, "infra/size", "1\n2\n3\n4\n5\n")
    shop.git("add", "--all")
    shop.git("commit", "-qm", "attributes")
    store.add("v1", commit=head(shop))
    commit(shop, "bad", "infra/size", "bad\n2\n3\n4\n5\n")
    store.add("v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    commit(shop, "more", "infra/size", "bad\n2\n3\n4\nmore\n")
    shop.git("config", "merge.odd.driver", f"touch {shop.root.parent}/ran")
    with pytest.raises(RevertError, match="in infra/size"):
        run(shop, store)
    assert not (shop.root.parent / "ran").exists()


def test_what_was_taken_back_by_hand_changes_nothing(shop: GitRepo, store: FileStore) -> None:
    deployed(shop, store, "bad", "worse", "worst")
    shop.git("rm", "-q", "infra/worse")
    shop.git("commit", "-qm", "by hand")
    result = run(shop, store)
    assert [one.title for one in result.reverted.commits] == ["worst", "bad"]
    assert [one.title for one in result.reverted.idle] == ["worse"]


def test_uncommitted_changes_are_told(shop: GitRepo, store: FileStore) -> None:
    store.add("v1", commit=head(shop))
    store.add("v2", commit=head(shop), dirty=True)
    back(store, 1, "v1", commit=head(shop), dirty=True)
    found = standing(shop, store)
    assert (found.dirty, found.reverts.commits) == ((2,), ())


def test_who_commits_must_be_known(shop: GitRepo, store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(shop, store, "bad")
    shop.git("config", "--unset", "user.email")
    shop.git("config", "user.useConfigOnly", "true")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for name in ("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RevertError, match="git can't make commits") as caught:
        run(shop, store)
    assert "user.email" in caught.value.hint


@pytest.mark.parametrize("name", ["-x", "a b", "@{-1}", "main", "a..b"])
def test_a_branch_that_can_not_be_made_is_told_before_any_work(shop: GitRepo, store: FileStore, name: str) -> None:
    deployed(shop, store, "bad")
    shop.git("switch", "-qc", "other")
    before = around(shop)
    with pytest.raises(UsageError, match="already exists" if name == "main" else "no name"):
        run(shop, store, replace(PLAIN, branch=name))
    assert around(shop) == before


def test_a_detached_head_is_as_good_as_any(shop: GitRepo, store: FileStore) -> None:
    deployed(shop, store, "bad")
    shop.git("switch", "-q", "--detach")
    assert run(shop, store, replace(PLAIN, branch="fix/x")).branch == "fix/x"
    assert shop.git("rev-parse", "fix/x~1") == head(shop)


def test_without_the_commits_it_says_how_to_get_them(shop: GitRepo, store: FileStore, tmp_path: Path) -> None:
    deployed(shop, store, "bad")
    shop.git("clone", "-q", "--depth", "1", shop.root.as_uri(), str(tmp_path / "clone"))
    clone = GitRepo(tmp_path / "clone")
    with pytest.raises(UsageError, match="is not in this repository") as caught:
        standing(clone, store)
    assert "--unshallow" in caught.value.hint


def test_without_git_or_a_known_state_it_says_so(
    shop: GitRepo, store: FileStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="has no updates yet"):
        standing(shop, store)
    deployed(shop, store, "bad")
    store.write_live(b"{")
    with pytest.raises(BackendError):
        standing(shop, store)
    store.write_live("edited")
    with pytest.raises(UsageError, match="edited outside updates"):
        standing(shop, store)
    bare = FileStore(tmp_path / "bare")
    bare.add("v1")
    bare.add("v2", commit=head(shop))
    back(bare, 1, "v1")
    with pytest.raises(UsageError, match="the commit that #1 was deployed from is unknown"):
        standing(shop, bare)
    (shop.root / ".git").rename(shop.root / "git")
    with pytest.raises(UsageError, match="is in no git repository"):
        standing(shop, store)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no git on PATH"):
        usable_repository(session(shop, store))


def test_an_unfinished_rollback_comes_first(shop: GitRepo, store: FileStore) -> None:
    deployed(shop, store, "bad")
    opened = session(shop, store, XDG_STATE_HOME=str(shop.root.parent / "state"))
    other = begun_elsewhere(store.url, "shop", "dev", str(shop.root.parent / "state"))
    for hint in ("still running", "pulumi-rewind resume dev"):
        with pytest.raises(RefusedError, match="to #7 is unfinished") as caught:
            read_standing(opened)
        assert hint in caught.value.hint
        other.kill()
        other.communicate()


# -- the proof ---------------------------------------------------------------------------------------------------------


def previewed(monkeypatch: pytest.MonkeyPatch, *ops: str) -> list[str]:
    """Lets previews have these steps; what is previewed is noted by the files of the project."""
    from pulumi_rewind.diff.checkpoints import diff_checkpoints
    from pulumi_rewind.state.model import Checkpoint, Deployment

    seen: list[str] = []
    nothing = Checkpoint(b"", Deployment(), decrypted=True)

    def preview(_: Session, tree: ProgramTree, observe: Observe) -> Preview:
        seen.append(" ".join(sorted(path.name for path in tree.project.iterdir())))
        steps = tuple(Step("urn:pulumi:dev::shop::a:b:C::web", op, "a:b:C", "web", "in place") for op in ops)
        return Preview(steps, {}, (), diff_checkpoints(nothing, nothing))

    monkeypatch.setattr(reverting, "preview_tree", preview)
    return seen


def test_a_branch_that_differs_is_made_only_if_it_is_kept(
    shop: GitRepo, store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed(shop, store, "bad")
    before = around(shop)
    seen = previewed(monkeypatch, "update")
    result = run(shop, store, RevertOptions())
    assert (result.word, result.branch, seen) == ("differs", "", ["Pulumi.yaml size"])
    assert around(shop) == before
    assert run(shop, store, RevertOptions(keep=True)).branch == "revert-dev-2"


def test_a_head_that_matches_needs_no_branch(shop: GitRepo, store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    (bad,) = deployed(shop, store, "bad")
    shop.git("revert", "--no-edit", bad)
    before = around(shop)
    seen = previewed(monkeypatch)
    result = run(shop, store, RevertOptions())
    assert (result.word, result.branch, len(seen)) == ("nothing-to-do", "", 1)
    assert around(shop) == before


@pytest.mark.parametrize("end", [KeyboardInterrupt, EngineError("the preview failed")])
def test_an_interrupted_preview_leaves_nothing(
    shop: GitRepo, store: FileStore, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    deployed(shop, store, "bad")
    before = around(shop)

    def preview(*_: object) -> Preview:
        assert around(shop)[5] != before[5], "there is a worktree now"
        raise end

    monkeypatch.setattr(reverting, "preview_tree", preview)
    with pytest.raises((KeyboardInterrupt, EngineError)):
        run(shop, store, RevertOptions())
    assert around(shop) == before


@pytest.mark.parametrize("committed", [True, False])
def test_the_preview_has_the_configuration_of_the_branch_or_ones_own(
    shop: GitRepo, store: FileStore, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """A bad commit may have changed the configuration, too."""
    write(shop, ".gitignore", "" if committed else "Pulumi.dev.yaml")
    commit(shop, "good config", "infra/Pulumi.dev.yaml", "config: {shop:size: '1'}")
    store.add("v1", commit=head(shop))
    commit(shop, "bad config", "infra/Pulumi.dev.yaml", "config: {shop:size: '2'}")
    commit(shop, "bad")
    store.add("v2", commit=head(shop))
    back(store, 1, "v1", commit=head(shop))
    opened = session(shop, store)
    opened.__dict__["engine"] = SimpleNamespace()
    seen: list[str] = []

    def previewed_program(_: Session, engine: Any, config: Path, *more: Any, **options: Any) -> tuple[list[Any], bytes]:
        assert engine.workspace.root.resolve() != (shop.root / "infra").resolve()
        seen.append(config.read_text())
        return [], b"{}"

    def engine_of(_: Any, root: Path) -> Any:
        return SimpleNamespace(workspace=find_workspace(root, backend=store.url, environ={}))

    monkeypatch.setattr(previewing, "check_readable", lambda _: None)
    monkeypatch.setattr(previewing, "todays_engine", engine_of)
    monkeypatch.setattr(previewing, "preview_program", previewed_program)
    result = make_revert(opened, read_standing(opened), RevertOptions(), ignore_events)
    assert (result.word, len(result.reverted.commits)) == ("reverted", 2 if committed else 1)
    assert seen == [f"config: {{shop:size: '{1 if committed else 2}'}}"]


KILLED = """
import os, signal, sys
from pathlib import Path
from pulumi_rewind.reverting import revert, tree
from pulumi_rewind.reverting.standing import read_standing
from pulumi_rewind.session import open_session
from pulumi_rewind.strategies.program import worktree

left = [int(sys.argv[1])]
def run_git(*args, real=worktree.run_git, **more):
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    return real(*args, **more)
worktree.run_git = tree.run_git = run_git
session = open_session(Path("infra"), "dev", environ=os.environ)
revert.make_revert(session, read_standing(session), revert.RevertOptions(preview=False), lambda event: None)
"""


def test_killed_at_any_moment_it_leaves_a_private_worktree_at_most(shop: GitRepo, store: FileStore) -> None:
    deployed(shop, store, "bad", "worse")
    before = around(shop)
    environ = {**os.environ, "PULUMI_BACKEND_URL": store.url, "HOME": str(shop.root.parent)}
    moment, ended = 0, -signal.SIGKILL
    while True:
        ran = subprocess.run([sys.executable, "-c", KILLED, str(moment)], cwd=shop.root, env=environ, check=False)
        ended = ran.returncode
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        left = around(shop)
        assert (*left[:5], left[6]) == (*before[:5], before[6]), moment
        moment += 3
    assert moment > 10
    assert shop.git("branch", "--list", "revert-dev-2")
    assert around(shop)[5] == before[5], "the last run removed all worktrees that the others left"


# -- push, and the pull request ----------------------------------------------------------------------------------------


def remote(repo: GitRepo, tmp_path: Path, name: str = "origin") -> Path:
    """A bare remote that is fetched from a forge and pushed to on the disk."""
    place = tmp_path / f"{name}.git"
    repo.git("init", "-q", "--bare", str(place))
    repo.git("remote", "add", name, f"git@forge.test:ada/{name}.git")
    repo.git("remote", "set-url", "--push", name, str(place))
    return place


def test_the_branch_is_pushed_to_the_upstreams_remote(shop: GitRepo, store: FileStore, tmp_path: Path) -> None:
    deployed(shop, store, "bad")
    for name in ("origin", "company"):
        remote(shop, tmp_path, name)
    repository = shop.open()
    assert find_remote(repository).name == "origin"
    shop.git("config", "branch.main.remote", "company")
    shop.git("config", "branch.main.merge", "refs/heads/trunk")
    shop.git("config", "remote.company.fetch", "+refs/heads/*:refs/remotes/company/*")
    found = find_remote(repository)
    assert (found.name, found.slug) == ("company", "forge.test/ada/company")
    assert found.base == "trunk"
    assert find_remote(repository, "origin").name == "origin"
    with pytest.raises(UsageError, match="no remote nowhere") as caught:
        find_remote(repository, "nowhere")
    assert "origin" in caught.value.hint
    result = run(shop, store)
    push_branch(repository, found, result.branch)
    assert shop.git("--git-dir", str(tmp_path / "company.git"), "rev-parse", result.branch) == result.reverted.tip


def test_a_push_that_fails_keeps_the_branch_and_says_so(shop: GitRepo, store: FileStore, tmp_path: Path) -> None:
    deployed(shop, store, "bad")
    place = remote(shop, tmp_path)
    shop.git("push", "-q", str(place), "HEAD~1:refs/heads/other")
    result = run(shop, store)
    other = shop.git("commit-tree", "HEAD^{tree}", "-m", "of somebody else")
    shop.git("push", "-q", str(place), f"{other}:refs/heads/{result.branch}")
    with pytest.raises(RevertError, match="was made, but can't be pushed to origin") as caught:
        push_branch(shop.open(), find_remote(shop.open()), result.branch)
    assert "git push origin revert-dev-2" in caught.value.hint
    assert shop.git("--git-dir", str(place), "rev-parse", result.branch) == other


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        ("https://forge.test/ada/shop.git", "forge.test/ada/shop"),
        ("https://ada:token@forge.test/ada/shop", "forge.test/ada/shop"),
        ("ssh://git@forge.test:22/ada/shop.git", "forge.test/ada/shop"),
        ("git@forge.test:ada/shop.git", "forge.test/ada/shop"),
        ("/srv/git/shop.git", ""),
        ("../shop", ""),
        ("file:///srv/ada/shop.git", ""),
        ("https://forge.test/group/ada/shop", ""),
    ],
)
def test_a_forge_is_told_from_a_path(url: str, slug: str) -> None:
    assert Remote("origin", url, "main").slug == slug


GH = """#!/bin/sh
{ printf '%%s\\n' "$@"; echo --; cat; echo --; pwd; env; } > %s
[ -z "$GH_FAILS" ] || { echo "no: $GH_FAILS" >&2; exit 1; }
echo creating
echo https://forge.test/ada/shop/pull/7
"""


def gh(tmp_path: Path) -> tuple[str, Path]:
    """A PATH with a `gh` that notes how it was called."""
    tools, seen = tmp_path / "tools", tmp_path / "seen"
    tools.mkdir()
    (tools / "gh").write_text(GH % seen)
    (tools / "gh").chmod(0o755)
    return f"{tools}{os.pathsep}{os.environ['PATH']}", seen


FORGE = Remote("origin", "git@forge.test:ada/shop.git", "main")


def test_the_pull_request_goes_through_the_redactor_and_outside_the_repository(
    shop: GitRepo, store: FileStore, tmp_path: Path
) -> None:
    path, seen = gh(tmp_path)
    opened = session(shop, store, PATH=path, PULUMI_CONFIG_PASSPHRASE="very-secret", GH_TOKEN="a-token")
    opened.redactor.note_texts(["hunter2-hunter2"])
    address = open_pull_request(opened, FORGE, "revert-dev-2", "Revert hunter2-hunter2", "Was hunter2-hunter2.\n")
    assert address == "https://forge.test/ada/shop/pull/7"
    words, body, around_it = seen.read_text().split("\n--\n")
    assert words.split("\n")[:8] == [
        *("pr", "create", "--repo", "forge.test/ada/shop", "--head", "revert-dev-2", "--base", "main")
    ]
    assert "hunter2" not in seen.read_text()
    assert body == "Was [secret]."
    assert around_it.startswith("/\n")
    assert "GH_TOKEN=a-token" in around_it
    assert "very-secret" not in around_it


def test_without_gh_or_a_forge_it_says_what_to_do_by_hand(shop: GitRepo, store: FileStore, tmp_path: Path) -> None:
    store.add("v1")
    for session_, to, reason in (
        (session(shop, store, PATH=str(tmp_path)), FORGE, "there is no gh on PATH"),
        (session(shop, store, PATH=gh(tmp_path)[0]), replace(FORGE, url="/srv/x"), "origin is no repository of a"),
        (session(shop, store, PATH=str(tmp_path / "tools") + ":/bin", GH_FAILS="log in"), FORGE, "gh failed: no: log"),
    ):
        with pytest.raises(RevertError, match=f"no pull request was opened: {reason}") as caught:
            open_pull_request(session_, to, "revert-dev-2", "t", "b")
        assert "from revert-dev-2 into main" in caught.value.hint
        assert "pulumi-rewind report dev" in caught.value.hint
