"""Git in both directions: tags set late, on merges, moved; what is nearest; the commits between two updates."""

from __future__ import annotations

import pytest

from pulumi_rewind.errors import TargetError
from pulumi_rewind.history.commits import Between, commits_between
from pulumi_rewind.history.targets import Target, resolve_target
from pulumi_rewind.state.model import REPLAY_AGENT
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo


def resolve(store: FileStore, text: str, repo: GitRepo) -> Target:
    return resolve_target(store.timeline(repo.open()), text)


def refuse(store: FileStore, text: str, repo: GitRepo) -> TargetError:
    with pytest.raises(TargetError) as caught:
        resolve(store, text, repo)
    return caught.value


def merge(repo: GitRepo) -> tuple[str, str, str]:
    """A branch with a commit, merged into main; returns the side's commit, main's own, and the merge."""
    base = repo.commit("base")
    repo.git("checkout", "--quiet", "-b", "side")
    side = repo.commit("side")
    repo.git("checkout", "--quiet", "main")
    own = repo.commit("own")
    assert base
    repo.made += 1
    repo.git("merge", "--quiet", "--no-ff", "--message", "merge", "side")
    return side, own, repo.git("rev-parse", "HEAD")


def test_a_tag_set_long_after_the_deployment_and_one_on_a_merge(store: FileStore, repo: GitRepo) -> None:
    side, _, merged = merge(repo)
    store.add(1, commit=side)
    store.add(2, commit=merged)
    store.add(3, commit=merged)
    store.add(4, commit=repo.commit("later"))
    repo.git("tag", "--annotate", "release", "--message", "set later", merged)
    repo.git("tag", "--annotate", "of-a-tag", "--message", "of a tag", "release")
    for name in ("release", "of-a-tag"):
        target = resolve(store, name, repo)
        assert (target.update.number, target.label, target.warnings) == (3, f"#3 ({name})", ())
        assert "the newest of 2 succeeded updates from it (also #2)" in target.reason
    assert resolve(store, "side", repo).update.number == 1


def test_a_tag_that_moved_since_a_rollback_used_it(store: FileStore, repo: GitRepo) -> None:
    one = repo.commit("one", "v1", "v2")
    two = repo.commit("two")
    store.add(1, commit=one)
    store.add(2, commit=two)
    client = {"exec.agent": REPLAY_AGENT}
    store.add(3, commit=two, message="rollback to #1 (v1, v2)", environment=client)
    assert resolve(store, "v1", repo).warnings == ()
    repo.git("tag", "--force", "v1", two)
    target = resolve(store, "v1", repo)
    assert target.update.number == 2
    assert target.warnings == (f"tag v1 has moved: it was commit {one[:7]} before (#3 went back to #1 by it)",)
    assert resolve(store, "v2", repo).warnings == ()
    three = repo.commit("three")
    repo.git("tag", "--force", "v1", three)
    assert "has moved" in refuse(store, "v1", repo).hint


def test_a_tag_whose_moves_git_remembers(store: FileStore, repo: GitRepo) -> None:
    repo.git("config", "core.logAllRefUpdates", "always")
    one = repo.commit("one", "@v1")
    repo.commit("never deployed")
    repo.git("tag", "--force", "--annotate", "v1", "--message", "again")
    three = repo.commit("three")
    repo.git("tag", "--force", "--annotate", "v1", "--message", "and again")
    store.add(1, commit=one)
    store.add(2, commit=three)
    target = resolve(store, "v1", repo)
    assert target.update.number == 2
    assert target.warnings == (f"tag v1 has moved: it was commit {one[:7]} before (#1 deployed it from there)",)


def test_a_tag_that_was_never_deployed_names_its_neighbours(store: FileStore, repo: GitRepo) -> None:
    one = repo.commit("one")
    repo.commit("never", "v2")
    three = repo.commit("three")
    four = repo.commit("four")
    store.add("4", commit=four)
    store.add("1", commit=one)
    store.add("3", commit=three)
    store.add("gone", commit="0123456789" * 4)
    error = refuse(store, "v2", repo)
    before, after = error.candidates
    assert before.startswith(f"#2 (commit {one[:7]}")
    assert before.endswith("before it")
    assert after.startswith(f"#3 (commit {three[:7]}")
    assert after.endswith("after it")


def test_the_commits_between_updates(store: FileStore, repo: GitRepo) -> None:
    side, own, merged = merge(repo)
    last = repo.commit("last")
    store.add(1, commit=own)
    store.add(2, commit=own, message="rollback to #1", environment={"exec.agent": REPLAY_AGENT})
    store.add(3, commit=last, kind="refresh")
    store.add(4, commit=last)
    store.add(5, commit=merged)
    store.add(6, commit=merged)
    store.add(7, commit="0123456789" * 4)
    store.add(8)
    timeline = store.timeline(repo.open())

    def between(number: int) -> Between:
        return commits_between(timeline, timeline.update(number))

    came = between(4)
    assert (came.since, [one.title for one in came.came], came.went) == (2, ["last", "merge", "side"], ())
    assert {one.sha for one in came.came} == {last, merged, side}
    back = between(5)
    assert (back.since, back.came, [one.title for one in back.went]) == (4, (), ["last"])
    assert between(6) == Between(5)
    assert "0123456 is not in this repository" in between(7).problem
    assert between(2) == Between(1)  # what it brought back is what was there
    for number in (1, 3, 8):
        assert between(number) == Between()
    assert commits_between(store.timeline(), timeline.update(4)) == Between()
