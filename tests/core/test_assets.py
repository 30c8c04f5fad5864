"""Contents of assets: found in the working tree, in git, in the store, verified always, or said to be missing."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pulumi_rewind.assets.find import AssetFinder, resolve_assets
from pulumi_rewind.assets.git import CommitFiles
from pulumi_rewind.assets.hash import EMPTY_ARCHIVE, EMPTY_TEXT, hash_path, hash_text, hash_value
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.project.repository import open_repository
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import ARCHIVE, ASSET, SECRET, SIG

Finder = Callable[..., AssetFinder]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project two levels inside a repository."""
    root = tmp_path / "repository" / "infra" / "shop"
    root.mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    git(tmp_path / "repository", "init", "--quiet", "--initial-branch", "main")
    return root


@pytest.fixture
def finder(root: Path, tmp_path: Path) -> Finder:
    def make(commit: str = "", store: Path | None = None) -> AssetFinder:
        return AssetFinder(root, commit, open_repository(root), store, tmp_path / "private")

    return make


def git(directory: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.test"]
    done = subprocess.run(["git", *who, *arguments], cwd=directory, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path) -> str:
    git(root, "add", "--all", ":/")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "deployed")
    return git(root, "rev-parse", "HEAD")


def put(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def recorded(kind: str, root: Path, **what: Any) -> dict[str, Any]:
    """An asset as the engine would record it now, inner ones with their own hashes."""
    return {SIG: kind, "hash": hash_value({SIG: kind, **what}, root), **what}


def file(root: Path, path: str) -> dict[str, Any]:
    return recorded(ASSET, root, path=path)


def archive(root: Path, path: str) -> dict[str, Any]:
    return recorded(ARCHIVE, root, path=path)


def codes(found: Any) -> list[tuple[str, bool]]:
    return [(problem.code, problem.blocking) for problem in found.problems]


MISSING = [("asset-missing", True)]


# -- the working tree -------------------------------------------------------------------------------------------


def test_what_still_lies_there_is_sent_by_its_own_path_and_without_hash(root: Path, finder: Finder) -> None:
    put(root / "app/index.js", "one")
    put(root / "app.zip", "bytes")
    for value in (file(root, "./app/index.js"), archive(root, "app"), archive(root, "app/../app.zip")):
        found = finder().resolve(value)
        assert found.value == {SIG: value[SIG], "path": value["path"]}
        assert not found.problems
    assert not (root.parent / "private").exists()


def test_a_path_above_the_project_is_read_because_the_hash_makes_it_safe(root: Path, finder: Finder) -> None:
    put(root.parents[2] / "outside.txt", "shared")
    value = file(root, "../../../outside.txt")
    assert finder().resolve(value).value == {SIG: ASSET, "path": "../../../outside.txt"}
    put(root.parents[2] / "outside.txt", "other")
    found = finder(commit(root)).resolve(value)
    assert found.value == value
    assert codes(found) == MISSING
    assert "outside the repository" in found.problems[0].message


def test_relative_paths_start_where_the_program_does(root: Path, finder: Finder) -> None:
    put(root / "src/__main__.py")
    put(root / "src/data.txt", "right")
    put(root / "data.txt", "wrong")
    value = file(root / "src", "data.txt")
    assert codes(finder().resolve(value)) == MISSING
    for main in ("src", "src/__main__.py"):
        put(root / "Pulumi.yaml", f"name: shop\nruntime: python\nmain: {main}\n")
        assert finder().resolve(value).value == {SIG: ASSET, "path": "data.txt"}


def test_special_files_are_never_read(root: Path, finder: Finder) -> None:
    os.mkfifo(root / "pipe")
    for path in ("pipe", "/dev/zero", "/dev/stdin", "a\0b"):
        assert codes(finder().resolve({SIG: ASSET, "hash": "1" * 64, "path": path})) == MISSING


# -- git --------------------------------------------------------------------------------------------------------


def test_a_changed_file_comes_from_the_recorded_commit(root: Path, finder: Finder, tmp_path: Path) -> None:
    content = "old\r\nline\n"
    (root / "lambda.tar.gz").write_bytes(content.encode())
    assets = {"file": file(root, "lambda.tar.gz"), "archive": archive(root, "lambda.tar.gz")}
    sha = commit(root)
    put(root / "lambda.tar.gz", "new")
    for value in assets.values():
        found = finder(sha).resolve(value)
        assert not found.problems
        assert found.value.keys() == {SIG, "path"}
        path = Path(found.value["path"])
        assert path.is_relative_to(tmp_path / "private")
        assert path.name == "lambda.tar.gz"
        assert path.read_bytes() == content.encode()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for above in (path.parent, tmp_path / "private"):
            assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert (root / "lambda.tar.gz").read_text() == "new"


def test_the_path_of_a_copy_tells_where_its_content_came_from(root: Path, finder: Finder, tmp_path: Path) -> None:
    put(root / "site/deep/page.html", "old")
    recorded = file(root, "site/deep/page.html")
    sha = commit(root)
    put(root / "site/deep/page.html", "new")
    later = commit(root)
    copied = {**recorded, "path": finder(sha).resolve(recorded).value["path"]}  # what the engine stores of it
    assert copied["path"].endswith("/site/deep/page.html")
    shutil.rmtree(tmp_path / "private")
    again = finder(later).resolve(copied)  # the rollback's own record has today's commit
    assert not again.problems
    assert Path(again.value["path"]).read_text() == "old"
    assert codes(finder(later).resolve(copied, copied, settled=True)) == [("asset-unverified", False)]
    put(root / "site/deep/page.html", "old")
    assert finder(later).resolve(copied).value == {SIG: ASSET, "path": "site/deep/page.html"}
    assert finder(later).resolve(copied, copied, settled=True).value == recorded
    other = {**copied, "hash": "1" * 64}  # a path that merely looks like one of ours
    assert codes(finder(later).resolve(other)) == MISSING
    for path in (str(root / "site/deep/page.html"), "../shop/site/deep/page.html"):
        put(root / "site/deep/page.html", "new")
        elsewhere = finder(sha).resolve({**recorded, "path": path}).value["path"]
        assert finder(later).sources.origin(elsewhere, recorded["hash"]) == (elsewhere, later)


def test_a_changed_directory_comes_from_the_recorded_commit(root: Path, finder: Finder) -> None:
    put(root / "site/index.html", "<p>")
    put(root / "site/deep/down/ü\n.css", "css")
    (root / "site/binary").write_bytes(os.urandom(1 << 17) + b"\n")
    put(root / "site/same-as-index", "<p>")
    put(root / "site/empty", "")
    put(root / "site/.pulumi/left-out", "x")
    (root / "site/link").symlink_to("deep/down/ü\n.css")
    (root / "site/away").symlink_to("../../common/shared.js")
    (root / "site/folder").symlink_to("deep")
    put(root.parent / "common/shared.js", "js")
    value = archive(root, "site")
    sha = commit(root)
    shutil.rmtree(root / "site")
    put(root.parent / "common/shared.js", "changed")
    found = finder(sha).resolve(value)
    assert not found.problems
    copy = Path(found.value["path"])
    assert copy.name == "site"
    assert hash_path(ARCHIVE, str(copy)) == value["hash"]
    assert (copy / "away").read_text() == "js"
    assert not any(path.is_symlink() for path in copy.rglob("*"))


def test_links_on_the_way_are_followed_inside_the_commit(root: Path, finder: Finder) -> None:
    put(root / "releases/2/app.txt", "two")
    put(root / "releases/2/lib/x", "x")
    (root / "current").symlink_to("releases/2")
    (root / "head.txt").symlink_to("current/app.txt")
    values = [file(root, "current/app.txt"), file(root, "head.txt"), archive(root, "current/lib")]
    whole = archive(root, "current")
    assert whole["hash"] == EMPTY_ARCHIVE  # what the engine makes of a link to a directory
    sha = commit(root)
    shutil.rmtree(root / "releases")
    (root / "current").unlink()
    for value in values:
        found = finder(sha).resolve(value)
        assert not found.problems
        assert hash_path(value[SIG], found.value["path"]) == value["hash"]
    assert not list(Path(finder(sha).resolve(whole).value["path"]).iterdir())


@pytest.mark.parametrize("target", ["/etc/hostname", "../../../../../../etc/hostname", "../../../outside.txt", "loop"])
def test_a_link_out_of_the_repository_is_not_followed_in_git(root: Path, finder: Finder, target: str) -> None:
    put(root.parents[2] / "outside.txt", "secret of the machine")
    (root / "loop").symlink_to(target)
    # What a careless reading of the link would end at: the same names from the top, or from the link.
    for decoy in (root.parents[1] / "etc/hostname", root / "etc/hostname", root.parents[1] / "outside.txt"):
        put(decoy, "secret of the machine")
    (root / "dir").mkdir()
    (root / "dir/x").symlink_to(f"../{target}")
    sha = commit(root)
    digest = hash_text((root.parents[2] / "outside.txt").read_text())
    (root / "loop").unlink()
    found = finder(sha).resolve({SIG: ASSET, "hash": digest, "path": "loop"})
    assert codes(found) == MISSING
    shutil.rmtree(root / "dir")
    assert codes(finder(sha).resolve({SIG: ARCHIVE, "hash": digest, "path": "dir"})) == MISSING


def test_git_is_asked_for_the_recorded_commit_alone(root: Path, finder: Finder, tmp_path: Path) -> None:
    put(root / "a.txt", "first")
    value = file(root, "a.txt")
    first = commit(root)
    put(root / "a.txt", "second")
    second = commit(root)
    put(root / "a.txt", "third")
    assert not finder(first).resolve(value).problems
    for sha, said in (
        (second, "has other content"),
        ("", "no commit was recorded"),
        ("0" * 40, "not in this repository"),
        ("--output=x", "not in this repository"),
        ("HEAD~1", "not in this repository"),
    ):
        found = finder(sha).resolve(value)
        assert found.value == value
        assert codes(found) == MISSING
        assert said in found.problems[0].message
    assert not list((tmp_path / "private").glob("*"))[1:]  # of the one copy that was right nothing but itself
    assert not (root / "x").exists()


def test_a_file_that_the_commit_lacks(root: Path, finder: Finder) -> None:
    put(root.parents[1] / ".gitignore", "dist\n")
    put(root / "dist/app.js", "built")
    values = [file(root, "dist/app.js"), archive(root, "dist")]
    sha = commit(root)
    shutil.rmtree(root / "dist")
    for value in values:
        found = finder(sha).resolve(value, path="code")
        assert codes(found) == MISSING
        message = found.problems[0].message
        assert value["path"] in message
        assert "code" in message
        assert f"commit {sha[:7]} doesn't have it" in message
        assert "is gone" in message


def test_a_submodule_is_not_mistaken_for_an_empty_directory(root: Path, finder: Finder) -> None:
    sha = commit(root)
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{sha},infra/shop/lib/module")
    put(root / "lib/x", "x")
    git(root, "add", "lib/x")
    git(root, "commit", "--quiet", "--message", "module")
    put(root / "lib/module/y", "y")
    value = archive(root, "lib")
    shutil.rmtree(root / "lib")
    found = finder(git(root, "rev-parse", "HEAD")).resolve(value)
    assert codes(found) == MISSING
    assert "submodule" in found.problems[0].message


def test_a_crafted_tree_writes_nothing_outside(root: Path, finder: Finder, tmp_path: Path) -> None:
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=root, input="evil", capture_output=True, text=True, check=True
    ).stdout.strip()
    inner = tree(root, f"100644 blob {blob}\tescaped")
    middle = tree(root, f"040000 tree {inner}\t..")
    infra = tree(root, f"040000 tree {tree(root, f'040000 tree {middle}	code')}\tshop")
    sha = git(root, "commit-tree", tree(root, f"040000 tree {infra}\tinfra"), "-m", "crafted")
    files = CommitFiles(open_repository(root), sha)  # type: ignore[arg-type]
    assert files.directory(b"infra/shop/code") == {b"../escaped": blob}
    found = finder(sha).resolve({SIG: ARCHIVE, "hash": "1" * 64, "path": "code"})
    assert codes(found) == MISSING
    assert "leads out of the archive" in found.problems[0].message
    assert not list(tmp_path.rglob("escaped"))


def tree(root: Path, entry: str) -> str:
    """Writes a tree object that git itself would refuse to make."""
    mode, _, rest = entry.partition(" ")
    sha, name = rest.split(" ", 1)[1].split("\t")
    raw = f"{mode.lstrip('0')} {name}\0".encode() + bytes.fromhex(sha)
    done = subprocess.run(
        ["git", "hash-object", "-t", "tree", "-w", "--stdin", "--literally"],
        cwd=root, input=raw, capture_output=True, check=True,
    )  # fmt: skip
    return done.stdout.decode().strip()


# -- the store --------------------------------------------------------------------------------------------------


def test_the_store_is_asked_last_and_verified(root: Path, finder: Finder, tmp_path: Path) -> None:
    store = tmp_path / "store"
    put(root / "app.zip", "packed")
    put(root / "site/a/b", "page")
    (root / "site/link").symlink_to("a/b")
    values = [file(root, "app.zip"), archive(root, "app.zip"), archive(root, "site")]
    for value in values:
        kept = store / value["hash"]
        if kept.exists():
            continue
        if (root / value["path"]).is_dir():
            shutil.copytree(root / value["path"], kept, symlinks=True)
        else:
            store.mkdir(exist_ok=True)
            shutil.copy(root / value["path"], kept)
    (root / "app.zip").unlink()
    shutil.rmtree(root / "site")
    for value in values:
        found = finder(commit(root), store).resolve(value)
        assert not found.problems
        path = Path(found.value["path"])
        assert path.is_relative_to(tmp_path / "private")
        assert path.name == value["path"]
        assert hash_path(value[SIG], str(path)) == value["hash"]
    put(store / values[0]["hash"], "damaged")
    assert codes(finder("", store).resolve(values[0])) == MISSING
    assert codes(finder("", store).resolve({SIG: ASSET, "hash": "../private", "path": "gone"})) == MISSING


def test_one_content_is_copied_once(root: Path, finder: Finder) -> None:
    put(root / "a.txt", "x")
    value = file(root, "a.txt")
    sha = commit(root)
    put(root / "a.txt", "y")
    one = finder(sha)
    assert one.resolve(value).value == one.resolve(value).value
    assert one.resolve(value).value != finder(sha).resolve(value).value  # another plan has copies of its own


# -- text, remote, archives of assets -----------------------------------------------------------------------------


def test_text_is_sent_from_the_checkpoint(root: Path, finder: Finder, tmp_path: Path) -> None:
    found = finder().resolve({SIG: ASSET, "hash": hash_text("grüße"), "text": "grüße"})
    assert found.value == {SIG: ASSET, "text": "grüße"}
    assert finder().resolve({SIG: ASSET, "hash": EMPTY_TEXT}).value == {SIG: ASSET, "text": ""}
    changed = {SIG: ASSET, "hash": hash_text("before"), "text": "after"}
    assert codes(finder().resolve(changed)) == MISSING
    hash_alone = {SIG: ASSET, "hash": hash_text("before")}
    assert codes(finder().resolve(hash_alone)) == MISSING
    put(tmp_path / "store" / hash_text("before"), "before")
    for value in (changed, hash_alone):
        path = Path(finder("", tmp_path / "store").resolve(value).value["path"])
        assert path.read_text() == "before"


def test_a_remote_asset_is_fetched_by_the_engine_and_said_to_be(finder: Finder, tmp_path: Path) -> None:
    value = {SIG: ARCHIVE, "hash": hash_text("zip"), "uri": "https://user:pw@example.test/x/app.zip?sig=topsecret"}
    found = finder().resolve(value, path="code")
    assert found.value == {SIG: ARCHIVE, "uri": value["uri"]}
    assert codes(found) == [("asset-remote", False)]
    assert "https://example.test/x/app.zip" in found.problems[0].message
    assert "topsecret" not in found.problems[0].message
    assert "pw" not in found.problems[0].message
    assert finder().resolve(value, value).value == value
    assert not finder().resolve(value, value).problems
    put(tmp_path / "store" / value["hash"], "zip")
    kept = finder("", tmp_path / "store").resolve(value)
    assert Path(kept.value["path"]).name == "app.zip"
    assert not kept.problems


def test_a_file_uri_is_verified_like_a_path(root: Path, finder: Finder) -> None:
    put(root / "a b.txt", "x")
    value = {SIG: ASSET, "hash": hash_text("x"), "uri": (root / "a b.txt").as_uri()}
    assert finder().resolve(value).value == {SIG: ASSET, "uri": value["uri"]}
    sha = commit(root)
    put(root / "a b.txt", "y")
    assert Path(finder(sha).resolve(value).value["path"]).read_text() == "x"
    assert codes(finder().resolve(value)) == MISSING


def bundle(root: Path) -> dict[str, Any]:
    """An archive of assets of every form."""
    put(root / "b.txt", "b")
    put(root / "lib/x", "x")
    members = {
        "z.txt": recorded(ASSET, root, text="z"),
        "b.txt": file(root, "b.txt"),
        "empty": {SIG: ASSET, "hash": EMPTY_TEXT},
        ".": archive(root, "lib"),
        "inner": recorded(ARCHIVE, root, assets={"none": {SIG: ARCHIVE, "hash": EMPTY_ARCHIVE, "assets": {}}}),
    }
    return recorded(ARCHIVE, root, assets=members)


def test_an_archive_of_assets_is_resolved_member_by_member(root: Path, finder: Finder) -> None:
    value = bundle(root)
    found = finder().resolve(value)
    assert not found.problems
    assert found.value == {
        SIG: ARCHIVE,
        "assets": {
            ".": {SIG: ARCHIVE, "path": "lib"},
            "b.txt": {SIG: ASSET, "path": "b.txt"},
            "empty": {SIG: ASSET, "text": ""},
            "inner": {SIG: ARCHIVE, "assets": {"none": {SIG: ARCHIVE, "assets": {}}}},
            "z.txt": {SIG: ASSET, "text": "z"},
        },
    }
    assert list(found.value["assets"]) == sorted(found.value["assets"])
    sha = commit(root)
    put(root / "lib/x", "changed")
    moved = finder(sha).resolve(value)
    assert not moved.problems
    assert moved.value["assets"]["."]["path"] != "lib"
    assert moved.value["assets"]["b.txt"] == {SIG: ASSET, "path": "b.txt"}
    assert hash_value(moved.value, root) == value["hash"]


def test_an_archive_with_a_lost_member_is_named_with_it(root: Path, finder: Finder) -> None:
    value = bundle(root)
    (root / "b.txt").unlink()
    found = finder().resolve(value, path="code")
    assert found.value == value
    assert codes(found) == MISSING
    assert "code.assets.b.txt" in found.problems[0].message


def test_an_archive_whose_members_do_not_make_its_hash(root: Path, finder: Finder) -> None:
    value = bundle(root) | {"hash": "1" * 64}
    found = finder().resolve(value)
    assert found.value == value
    assert codes(found) == MISSING


@pytest.mark.parametrize("key", ["../evil", "a/../../evil", "/etc/evil", "..", "a\\..\\evil"])
def test_members_outside_the_archive_are_refused(root: Path, finder: Finder, key: str) -> None:
    value = recorded(ARCHIVE, root, assets={key: recorded(ASSET, root, text="x")})
    found = finder().resolve(value)
    assert found.value == value
    assert codes(found) == [("asset-unsafe", True)]


def test_without_a_recorded_hash_nothing_is_believed(root: Path, finder: Finder) -> None:
    put(root / "a.txt", "x")
    for path in ("a.txt", "missing.txt"):
        assert codes(finder().resolve({SIG: ASSET, "path": path})) == MISSING


# -- live -------------------------------------------------------------------------------------------------------


def test_what_live_has_too_is_sent_as_stored(root: Path, finder: Finder, tmp_path: Path) -> None:
    put(root / "a.txt", "x")
    value = file(root, "a.txt")
    live = {SIG: ASSET, "hash": value["hash"], "path": "/somewhere/else"}
    assert finder().resolve(value, live).value == value
    assert not finder().resolve(value, live).problems
    text = recorded(ASSET, root, text="t")
    assert finder().resolve(text, text).value == text
    sha = commit(root)
    put(root / "a.txt", "y")
    settled = finder(sha).resolve(value, live, settled=True)
    assert settled.value == value  # no reason to write the path of a copy into the state
    assert codes(settled) == [("asset-unverified", False)]
    moving = finder(sha).resolve(value, live)  # a provider that uploads it again gets the right content
    assert Path(moving.value["path"]).read_text() == "x"
    assert not moving.problems
    lost = finder().resolve(value, live)
    assert lost.value == value
    assert codes(lost) == [("asset-unverified", False)]


def test_the_same_hash_of_the_other_kind_is_another_value(root: Path, finder: Finder) -> None:
    put(root / "a.zip", "x")
    value = archive(root, "a.zip")
    assert finder().resolve(value, file(root, "a.zip")).value == {SIG: ARCHIVE, "path": "a.zip"}


# -- a whole goal -----------------------------------------------------------------------------------------------

URN = "urn:pulumi:dev::shop::test:index:Thing::thing"


def checkpoint(inputs: dict[str, Any], kind: str = "test:index:Thing", **more: Any) -> Checkpoint:
    entry = {"urn": URN, "type": kind, "custom": True, "id": "i-1", "inputs": inputs, **more}
    raw = msgspec.json.encode({"version": 3, "deployment": {"resources": [entry]}})
    return decode_checkpoint(raw, source="test", decrypted=True)


def goal_of(target: Checkpoint, live: Checkpoint) -> Goal:
    return build_goal(target, live, project="shop", stack="dev")


def secret(value: Any) -> dict[str, Any]:
    return {SIG: SECRET, "plaintext": json.dumps(value)}


def test_assets_at_any_depth_of_a_registration(root: Path, finder: Finder) -> None:
    put(root / "a.txt", "x")
    old = file(root, "a.txt")
    sha = commit(root)
    put(root / "a.txt", "y")
    new = file(root, "a.txt")
    shape: Callable[[Any], dict[str, Any]] = lambda asset: {  # noqa: E731
        "plain": asset,
        "list": [{"deep": asset}, 1],
        "secret": secret({"inner": asset, "nested": secret(asset), "n": 1.5}),
        "other": None,
    }
    target, live = checkpoint(shape(old)), checkpoint(shape(new))
    goal, notes = resolve_assets(goal_of(target, live), live, finder(sha))
    assert not notes
    (item,) = goal.registrations
    copy = item.inputs["plain"]
    assert copy.keys() == {SIG, "path"}
    assert Path(copy["path"]).read_text() == "x"
    assert item.inputs["list"] == [{"deep": copy}, 1]
    inside = json.loads(item.inputs["secret"]["plaintext"])
    assert inside["inner"] == copy
    assert json.loads(inside["nested"]["plaintext"]) == copy
    assert inside["n"] == 1.5
    assert item.inputs["other"] is None


def test_a_goal_without_changes_keeps_its_registrations(root: Path, finder: Finder) -> None:
    put(root / "a.txt", "x")
    target = checkpoint({"plain": file(root, "a.txt"), "secret": secret(file(root, "a.txt"))})
    goal = goal_of(target, target)
    found, notes = resolve_assets(goal, target, finder())
    assert not notes
    assert found.registrations[0] is goal.registrations[0]


def test_whether_the_resource_changes_otherwise_decides_about_a_lost_file(root: Path, finder: Finder) -> None:
    put(root / "a.txt", "x")
    value = file(root, "a.txt")
    sha = commit(root)
    put(root / "a.txt", "y")
    live = checkpoint({"code": value, "size": 2})
    same, notes = resolve_assets(goal_of(live, live), live, finder(sha))
    assert same.registrations[0].inputs["code"] == value
    assert [(note.code, note.blocking, note.urn) for note in notes] == [("asset-unverified", False, URN)]
    for target, there in (
        (checkpoint({"code": value, "size": 1}), live),
        (live, checkpoint({"code": value, "size": 2}, taint=True)),
    ):
        moved, notes = resolve_assets(goal_of(target, there), there, finder(sha))
        assert Path(moved.registrations[0].inputs["code"]["path"]).read_text() == "x"
        assert not notes


def test_a_missing_asset_blocks_with_its_resource_and_property(root: Path, finder: Finder) -> None:
    put(root / "a.txt", "x")
    target = checkpoint({"code": [file(root, "a.txt")]})
    put(root / "a.txt", "y")
    live = checkpoint({"code": [file(root, "a.txt")]})
    _, (note,) = resolve_assets(goal_of(target, live), live, finder())
    assert (note.code, note.urn, note.blocking) == ("asset-missing", URN, True)
    assert "code[0]" in note.message
    assert "a.txt is not what was deployed" in note.message
    assert "put the deployed content at a.txt and plan again" in note.message


def test_nothing_of_a_secret_is_told(root: Path, finder: Finder) -> None:
    put(root / "canary-path.txt", "x")
    hidden = secret(
        {
            "f": file(root, "canary-path.txt"),
            "a": {SIG: ARCHIVE, "hash": "1" * 64, "assets": {"canary-key": {SIG: ASSET, "hash": "1" * 64}}},
            "b": {SIG: ARCHIVE, "hash": "1" * 64, "assets": {"../canary-key": {SIG: ASSET, "hash": "1" * 64}}},
            "u": {SIG: ASSET, "hash": "1" * 64, "uri": "https://canary.test"},
        }
    )
    target = checkpoint({"s": hidden})
    (root / "canary-path.txt").unlink()
    live = checkpoint({"s": "other"})
    goal, notes = resolve_assets(goal_of(target, live), live, finder(commit(root)))
    assert len(notes) == 4
    assert not any("canary" in note.message for note in notes)
    assert goal.registrations[0].inputs["s"]["plaintext"]


def test_components_keep_theirs_because_no_provider_reads_them(root: Path, finder: Finder) -> None:
    value = {SIG: ASSET, "hash": "1" * 64, "path": "gone"}
    target = checkpoint({"code": value}, custom=False, id="")
    live = checkpoint({}, custom=False, id="")
    goal, notes = resolve_assets(goal_of(target, live), live, finder())
    assert goal.registrations[0].inputs["code"] == value
    assert not notes


def test_secrets_that_stay_encrypted_are_left_alone(finder: Finder) -> None:
    value = {SIG: SECRET, "ciphertext": "v1:abc"}
    assert finder().resolve(value).value == value
