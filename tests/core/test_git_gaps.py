"""Where git refuses a repository, or a clone lacks what is asked for, the message says so and how to get it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pulumi_rewind.errors import TargetError
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.project.repository import Repository, open_repository
from pulumi_rewind.upkeep.doctor import diagnose
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo


def clone(repo: GitRepo, place: Path, *flags: str) -> Repository:
    subprocess.run(["git", "clone", "--quiet", *flags, f"file://{repo.root}", str(place)], check=True)
    found = open_repository(place)
    assert found is not None
    return found


def unknown(store: FileStore, repository: Repository, said: str = "unknown target 'v1'") -> TargetError:
    with pytest.raises(TargetError, match=said) as caught:
        resolve_target(store.timeline(repository), "v1")
    return caught.value


def test_a_clone_without_tags_says_how_to_get_them(store: FileStore, repo: GitRepo, tmp_path: Path) -> None:
    for title in ("one", "two"):
        store.add(title, commit=repo.commit(title, "v1" if title == "one" else "v2"))
    shallow = clone(repo, tmp_path / "shallow", "--depth", "1", "--no-tags")
    assert "`git fetch --unshallow --tags`" in unknown(store, shallow).hint
    assert "`git fetch --tags`" in unknown(store, clone(repo, tmp_path / "tagless", "--no-tags")).hint
    whole = clone(repo, tmp_path / "whole")
    assert whole.gaps() == ""
    with pytest.raises(TargetError) as caught:
        resolve_target(store.timeline(whole), "v9")
    assert "fetch" not in caught.value.hint


def test_a_repository_of_somebody_else_is_named_as_git_names_it(
    store: FileStore, repo: GitRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers of CI check out as another user; git then reads nothing of it."""
    store.add("one", commit=repo.commit("one", "v1"))
    (repo.root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    assert repo.open().refusal == ""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    refused = repo.open()
    assert "dubious ownership" in refused.refusal
    hint = unknown(store, refused, "'v1' can't be looked up: git refuses to read .*: detected dubious ownership").hint
    assert f"git config --global --add safe.directory {repo.root}" in hint
    assert "Outside a git repository" not in hint
    environ = {"PULUMI_BACKEND_URL": store.url, "HOME": str(repo.root), "PATH": "/usr/bin:/bin"}
    finding = next(one for one in diagnose(repo.root, "dev", environ=environ) if one.check == "git")
    assert finding.status == "warn"
    assert "safe.directory" in finding.hint
    assert "dubious ownership" in finding.message
