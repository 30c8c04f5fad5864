"""What a target's text means: every form, and every way it can be wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from pulumi_rewind.errors import BackendError, TargetError
from pulumi_rewind.history.targets import Target, resolve_target
from pulumi_rewind.state.model import REPLAY_AGENT
from tests.support.filestore import START, FileStore
from tests.support.gitrepo import GitRepo

MISSING = "0123456789" * 4


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time is two hours ahead of UTC."""
    monkeypatch.setenv("TZ", "XYZ-2")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def resolve(store: FileStore, text: str, repo: GitRepo | None = None) -> Target:
    return resolve_target(store.timeline(repo.open() if repo else None), text)


def refuse(store: FileStore, text: str, repo: GitRepo | None = None) -> TargetError:
    with pytest.raises(TargetError) as caught:
        resolve(store, text, repo)
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return caught.value


# -- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2", "#2", " 2 ", "002", "#02"])
def test_an_update_by_number(store: FileStore, text: str) -> None:
    for value in (1, 2, 3):
        store.add(value)
    target = resolve(store, text)
    assert (target.update.number, target.text, target.label) == (2, text.strip(), "#2")
    assert target.reason == "update #2"
    assert target.warnings == ()


@pytest.mark.parametrize("text", ["0", "4", "#4", "#0", "99999999999"])
def test_an_unknown_number_names_the_range(store: FileStore, text: str) -> None:
    for value in (1, 2, 3):
        store.add(value)
    error = refuse(store, text)
    assert "shop/dev has no update" in str(error)
    assert "#1 to #3" in error.hint


def test_a_number_is_labelled_with_the_tags_of_its_commit(store: FileStore, repo: GitRepo) -> None:
    store.add(1, commit=repo.commit("one", "v1", "stable"))
    store.add(2, commit=MISSING)
    assert resolve(store, "1", repo).label == "#1 (stable, v1)"
    assert resolve(store, "2", repo).label == "#2"


def test_a_number_that_is_also_a_tag_is_ambiguous(store: FileStore, repo: GitRepo) -> None:
    sha = repo.commit("one", "2")
    repo.git("branch", "3")
    for value in (1, 2, 3):
        store.add(value, commit=sha)
    error = refuse(store, "2", repo)
    assert error.candidates[0].startswith("#2 (")
    assert error.candidates[1].startswith("refs/tags/2 (")
    assert refuse(store, "3", repo).candidates[1].startswith("refs/heads/3 (")
    assert resolve(store, "#2", repo).update.number == 2
    assert resolve(store, "refs/tags/2", repo).update.number == 3
    assert resolve(store, "1", repo).update.number == 1


def test_digits_out_of_range_may_be_a_tag_or_short_commit(store: FileStore, repo: GitRepo) -> None:
    store.add(1, commit="1234567" + "a" * 33)
    store.add(2, commit=repo.commit("one", "20260101"))
    assert resolve(store, "1234567", repo).update.number == 1
    assert resolve(store, "20260101", repo).update.number == 2
    assert "has no update #7654321" in str(refuse(store, "7654321", repo))


# -- relative ---------------------------------------------------------------------------------------------------------


def test_the_one_before_live(store: FileStore) -> None:
    for value in (1, 2, 3):
        store.add(value)
    target = resolve(store, "-1")
    assert target.update.number == 2
    assert target.reason == "1 before #3, which live equals → #2"
    assert resolve(store, "-2").update.number == 1
    error = refuse(store, "-3")
    assert "only 2 updates" in str(error)
    assert "-1" in refuse(store, "-0").hint


def test_before_live_counts_from_what_live_equals(store: FileStore) -> None:
    for value in ("one" * 200, "two" * 300, "three" * 400):
        store.add(value)
    store.write_live("two" * 300)
    assert resolve(store, "-1").update.number == 1


def test_before_an_edited_state_is_the_newest_update(store: FileStore) -> None:
    store.add(1)
    store.add(2)
    store.write_live("edited")
    target = resolve(store, "-1")
    assert target.update.number == 2
    assert "which equals no update" in target.reason


def test_before_live_passes_over_updates_without_checkpoint(store: FileStore) -> None:
    store.add(1)
    store.add(2, stored=False)
    store.add(3)
    assert resolve(store, "-1").update.number == 1
    assert "only 1 updates" in str(refuse(store, "-2"))


# -- last-good --------------------------------------------------------------------------------------------------------


def test_last_good(store: FileStore) -> None:
    store.add("good")
    store.add("bad")
    store.add("bad", result="failed")
    target = resolve(store, "last-good")
    assert (target.update.number, target.warnings) == (1, ())
    assert "newest succeeded update that differs from live → #1" in target.reason


def test_no_last_good(store: FileStore) -> None:
    store.add("half", result="failed")
    store.add("only")
    assert "no succeeded update differs from live" in str(refuse(store, "last-good"))


def test_last_good_of_an_unreadable_state_says_what_is_wrong(store: FileStore) -> None:
    store.add(1)
    store.write_live(b"{")
    with pytest.raises(BackendError, match="live state"):
        resolve(store, "last-good")


# -- time -------------------------------------------------------------------------------------------------------------

# The updates end at 16:00:30, 16:01:30 and 16:02:30 UTC of 2025-11-24.


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("@2025-11-24T18:01:29", 1),
        ("@2025-11-24T18:01:30", 2),
        ("@2025-11-24T18:02", 2),
        ("@2025-11-24 18:02", 2),
        ("@2025-11-24T16:02Z", 2),
        ("@2025-11-24T16:02+00:00", 2),
        ("@2025-11-24T19:02+03:00", 2),
        ("@2025-11-24", 3),
        ("@20251124", 3),
        ("@2031-01-01", 3),
    ],
)
def test_what_was_there_at_a_time(store: FileStore, text: str, number: int) -> None:
    assert START == 1_764_000_000
    for value in (1, 2, 3):
        store.add(value)
    target = resolve(store, text)
    assert target.update.number == number
    assert f"→ #{number}, 2025-11-24 18:0{number - 1}" in target.reason


@pytest.mark.usefixtures("zone")
def test_before_the_first_update(store: FileStore) -> None:
    store.add(1)
    for text in ("@2025-11-24T18:00:29", "@2025-11-23", "@1850-01-01", "@0001-01-01"):
        error = refuse(store, text)
        assert "#1, 2025-11-24 18:00" in error.hint or "is not a time" in str(error)
    assert "no update had finished by 2025-11-24 18:00:29" in str(refuse(store, "@2025-11-24T18:00:29"))


@pytest.mark.parametrize("text", ["@", "@yesterday", "@14:00", "@2025-13-01", "@12", "@HEAD"])
def test_what_is_not_a_time(store: FileStore, text: str) -> None:
    store.add(1)
    error = refuse(store, text)
    assert "is not a time" in str(error)
    assert "@2026-11-23T14:00" in error.hint


def test_at_a_time_whose_state_was_not_kept(store: FileStore) -> None:
    store.add(1)
    store.add(2, stored=False)
    store.add(3)
    error = refuse(store, "@2025-11-24T16:02Z")
    assert "#2, but no checkpoint was kept" in str(error)
    assert error.candidates[0].startswith("#1 (")


# -- git --------------------------------------------------------------------------------------------------------------


def test_a_tag_a_branch_and_a_commit(store: FileStore, repo: GitRepo) -> None:
    one = repo.commit("one", "v1.0", "@annotated")
    two = repo.commit("two")
    store.add(1, commit=one)
    store.add(2, commit=two)
    for text, label in (("v1.0", "v1.0"), ("annotated", "annotated"), ("refs/tags/v1.0", "v1.0")):
        target = resolve(store, text, repo)
        assert (target.update.number, target.label) == (1, f"#1 ({label})")
        assert target.reason == f"tag {label} → commit {one[:7]} → #1"
    assert resolve(store, "main", repo).reason == f"branch main → commit {two[:7]} → #2"
    assert resolve(store, "main", repo).label == "#2"
    for text in (one, one[:7], one[:4], one[:9].upper()):
        target = resolve(store, text, repo)
        assert (target.update.number, target.label) == (1, "#1 (annotated, v1.0)")
        assert target.reason == f"commit {one[:7]} → #1"
    assert resolve(store, "HEAD~1", repo).reason == f"HEAD~1 → commit {one[:7]} → #1"


def test_the_newest_succeeded_update_of_a_commit(store: FileStore, repo: GitRepo) -> None:
    sha = repo.commit("one", "v1")
    store.add(1, commit=sha)
    store.add(2, commit=sha)
    store.add(3, commit=sha, result="failed")
    store.add(4, commit=sha, kind="refresh")
    store.add(5, commit=sha, kind="destroy")
    store.add(6, commit=sha, message="rollback to #1 (v1)", environment={"exec.agent": REPLAY_AGENT})
    target = resolve(store, "v1", repo)
    assert (target.update.number, target.warnings) == (2, ())
    assert target.reason == f"tag v1 → commit {sha[:7]} → #2, the newest of 2 succeeded updates from it (also #1)"


def test_a_commit_that_was_only_deployed_in_vain(store: FileStore, repo: GitRepo) -> None:
    sha = repo.commit("one", "v1")
    store.add(1, commit=sha, result="failed")
    target = resolve(store, "v1", repo)
    assert target.update.number == 1
    assert "#1 failed" in target.warnings[0]


def test_a_later_update_whose_checkpoint_is_lost_is_mentioned(store: FileStore, repo: GitRepo) -> None:
    sha = repo.commit("one", "v1")
    store.add(1, commit=sha)
    store.add(2, commit=sha, stored=False)
    target = resolve(store, "v1", repo)
    assert target.update.number == 1
    assert "#2 deployed the same commit later" in target.warnings[0]


def test_uncommitted_changes_are_a_warning(store: FileStore, repo: GitRepo) -> None:
    sha = repo.commit("one", "v1")
    store.add(1, commit=sha)
    store.add(2, commit=sha, dirty=True)
    dirty, clean = resolve(store, "v1", repo).warnings
    assert "#2 was deployed with uncommitted changes" in dirty
    assert "#1 deployed the same commit without" in clean
    assert resolve(store, "1", repo).warnings == ()


def test_a_name_of_a_tag_and_a_branch_is_ambiguous_unless_they_agree(store: FileStore, repo: GitRepo) -> None:
    one = repo.commit("one", "live")
    store.add(1, commit=one)
    repo.git("branch", "live", one)
    assert resolve(store, "live", repo).reason == f"tag live → commit {one[:7]} → #1"
    two = repo.commit("two")
    store.add(2, commit=two)
    repo.git("branch", "--force", "live", two)
    error = refuse(store, "live", repo)
    assert "can mean 2 commits" in str(error)
    assert error.candidates == (f"refs/tags/live (commit {one[:7]}): #1", f"refs/heads/live (commit {two[:7]}): #2")
    assert resolve(store, "refs/heads/live", repo).update.number == 2


def test_hex_text_that_is_a_tag_and_a_short_commit_is_ambiguous(store: FileStore, repo: GitRepo) -> None:
    one = repo.commit("one")
    two = repo.commit("two", one[:7])
    store.add(1, commit=one)
    store.add(2, commit=two)
    error = refuse(store, one[:7], repo)
    assert error.candidates == (f"refs/tags/{one[:7]} (commit {two[:7]}): #2", f"{one[:12]}: #1")
    assert resolve(store, one[:8], repo).update.number == 1


def test_a_short_commit_of_several_is_ambiguous(store: FileStore, repo: GitRepo) -> None:
    store.add(1, commit="abcd1" + "0" * 35)
    store.add(2, commit="abcd2" + "0" * 35)
    for git in (repo, None):
        error = refuse(store, "abcd", git)
        assert error.candidates == ("abcd20000000: #2", "abcd10000000: #1")
        assert resolve(store, "abcd1", git).update.number == 1


def test_a_deployed_commit_is_found_without_git_and_after_it_was_pruned(store: FileStore, repo: GitRepo) -> None:
    repo.commit("one")
    store.add(1, commit=MISSING)
    for git in (repo, None):
        assert resolve(store, MISSING[:8], git).update.number == 1
    assert "#1" in resolve(store, MISSING, None).reason


def test_a_commit_that_was_never_deployed_names_its_nearest_ancestors(store: FileStore, repo: GitRepo) -> None:
    shas = [repo.commit(f"commit {number}") for number in range(6)]
    never = repo.commit("never", "v9")
    store.add("1", commit=shas[4])
    store.add("2", commit=shas[4])
    store.add("3", commit=shas[4], result="failed")
    for number in (0, 1, 2):
        store.add(number, commit=shas[number])
    repo.git("checkout", "--quiet", "--orphan", "other")
    orphan = repo.commit("orphan")
    store.add("7", commit=orphan)
    for text in ("v9", never, never[:8]):
        error = refuse(store, text, repo)
        assert f"{never[:7]} was never deployed to shop/dev" in str(error)
        assert [line.split(",")[0] for line in error.candidates] == [
            f"#2 (commit {shas[4][:7]}",
            f"#6 (commit {shas[2][:7]}",
            f"#5 (commit {shas[1][:7]}",
        ]
    repo.git("checkout", "--quiet", "--orphan", "third")
    repo.commit("third", "alone")
    assert refuse(store, "alone", repo).candidates == ()


def test_an_unknown_name_suggests_similar_ones(store: FileStore, repo: GitRepo) -> None:
    store.add(1, commit=repo.commit("one", "v1.2"))
    error = refuse(store, "v1.3", repo)
    assert "unknown target 'v1.3'" in str(error)
    assert error.candidates == ("v1.2",)
    assert str(error).endswith("did you mean one of these?")
    assert "last-good" in refuse(store, "lastgood", repo).candidates
    assert "git repository" in refuse(store, "v1.2").hint


@pytest.mark.parametrize("text", ["--help", "-x", "--all", "a\0b", "\x1b[31m", "..", "v1..v2", "^main", ":/one"])
def test_odd_text_is_an_unknown_target_and_no_option_of_git(store: FileStore, repo: GitRepo, text: str) -> None:
    store.add(1, commit=repo.commit("two"))
    error = refuse(store, text, repo)
    assert "\x1b" not in str(error)


# -- what makes a bad target ------------------------------------------------------------------------------------------


def test_nothing_to_choose_from(store: FileStore) -> None:
    assert "has no updates yet" in str(refuse(store, "1"))
    store.add(1)
    assert "no target" in str(refuse(store, "  "))


@pytest.mark.parametrize("text", ["2", "#2", "v2"])
def test_an_update_without_checkpoint_is_no_target(store: FileStore, repo: GitRepo, text: str) -> None:
    store.add(1, commit=repo.commit("one"))
    store.add(2, commit=repo.commit("two", "v2"), stored=False)
    store.add(3)
    error = refuse(store, text, repo)
    assert "#2 can't be a target: no checkpoint was kept" in str(error)
    assert [line.split(" ")[0] for line in error.candidates] == ["#1", "#3"]


def test_failed_destroyed_and_unreadable_updates_are_targets_with_a_warning(store: FileStore) -> None:
    store.add(1, result="failed")
    store.add(None, kind="destroy")
    store.add(3)
    store.write("history", b"{")
    store.add(4)
    assert "#1 failed" in resolve(store, "1").warnings[0]
    assert "#2 was a destroy" in resolve(store, "2").warnings[0]
    assert "record of #3 is unreadable" in resolve(store, "3").warnings[0]
    assert resolve(store, "4").warnings == ()


def test_a_rollback_is_a_target_without_the_tag_of_the_commit_that_was_checked_out(
    store: FileStore, repo: GitRepo
) -> None:
    sha = repo.commit("one", "v1")
    store.add(1, commit=sha, dirty=True, message="rollback to #1", environment={"exec.agent": REPLAY_AGENT})
    target = resolve(store, "1", repo)
    assert (target.label, target.warnings) == ("#1", ())
