"""Records in real git repositories, of updates on a real file backend; no engine needed."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from pulumi_rewind.assets.hash import hash_path
from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.errors import RecordError, TargetError, UsageError
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.records.assets import RecordedAssets
from pulumi_rewind.records.content import RecordInput
from pulumi_rewind.records.foreign import agree
from pulumi_rewind.records.git import Blob
from pulumi_rewind.records.retention import prune
from pulumi_rewind.records.store import Records
from pulumi_rewind.records.verify import verify_records
from pulumi_rewind.records.worktree import put_uncommitted
from pulumi_rewind.rollback.recording import after_run, record_all, record_update
from pulumi_rewind.state.values import ARCHIVE, ASSET, SECRET, SIG
from pulumi_rewind.upkeep.doctor import diagnose
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo
from tests.support.recordshop import Shop

KEY = b"-----BEGIN RSA " + b"PRIVATE KEY-----\nabc\n"
CLOUD_KEY = "AKIA" + "ABCDEFGHIJKLMNOP"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def untouched(shop: Shop) -> tuple[str, ...]:
    """All that a record must not change."""
    index = shop.work / ".git" / "index"
    return (
        shop.git("status", "--porcelain", "--branch"),
        shop.git("for-each-ref", "refs/heads", "refs/tags"),
        index.read_bytes().hex() if index.exists() else "",
        (shop.work / ".git" / "config").read_text(),
        shop.git("stash", "list"),
    )


def test_a_record_keeps_the_update_and_is_written_once(shop: Shop) -> None:
    shop.write("rewind_hooks.py", "print('hook')\n")
    shop.deploy("one", message="first")
    before = untouched(shop)
    written = record_update(shop.session(), 1, {"events.json": b"[]"})
    assert (written.new, written.ref) == (True, "refs/pulumi-rewind/shop/dev/1")
    assert untouched(shop) == before
    assert not list((shop.work / ".git").glob("fast_import_crash*"))

    record = shop.records().read(1)
    assert record is not None
    assert record.raw() == shop.store.path("checkpoint", 1).read_bytes()
    assert record.checkpoint().resources[0].name == "shop-dev"
    assert record.file("config.yaml") == (shop.work / "Pulumi.dev.yaml").read_bytes()
    assert record.file("hooks/rewind_hooks.py") == b"print('hook')\n"
    assert record.evidence() == {"events.json": b"[]"}
    assert record.patch() == b""
    assert record.update.message == "first"
    assert record.meta.engine == "v3.276.0"
    assert json.loads(record.file("program.json"))["commit"] == shop.git("rev-parse", "HEAD")
    assert json.loads(shop.git("show", f"{written.ref}:update.json"))["number"] == 1
    # The program's commit stays, whatever becomes of its branch.
    assert shop.git("rev-parse", f"{written.ref}^") == shop.git("rev-parse", "HEAD")

    again = record_update(shop.session(), 1)
    assert (again.new, again.commit) == (False, written.commit)
    same = record_update(shop.session(), 1, {"events.json": b"[]"})
    assert (same.new, same.commit) == (False, written.commit)
    more = record_update(shop.session(), 1, {"errors.txt": b"web: failed"})
    assert more.new
    assert shop.git("rev-parse", f"{more.ref}^") == written.commit
    record = shop.records().read(1)
    assert record is not None
    assert set(record.evidence()) == {"events.json", "errors.txt"}
    assert list(verify_records(shop.records(), shop.session().timeline)) == []
    with pytest.raises(RecordError, match="not a name for evidence"):
        record_update(shop.session(), 1, {"../x": b""})

    # Of two writers at the same time one comes too late, and changes nothing.
    store = shop.records().store
    with pytest.raises(RecordError, match="fast-import"):
        store.write(more.ref, [], {"update.json": Blob(b"{}")}, "too late")
    assert shop.git("rev-parse", more.ref) == more.commit


def test_uncommitted_changes_are_kept_and_come_back(shop: Shop, tmp_path: Path) -> None:
    shop.write("old.bin", bytes(range(256)))
    shop.write("gone.txt", "gone")
    shop.write("sub/tracked.txt", "a\nb\n")
    shop.write(".gitignore", "ignored/\n")
    shop.deploy("zero")
    shop.write("old.bin", bytes(reversed(range(256))))
    (shop.work / "gone.txt").unlink()
    shop.write("sub/tracked.txt", "a\nchanged\n")
    shop.write("staged.txt", "staged")
    shop.git("add", "staged.txt")
    shop.write("new/ünter file.txt", "untracked")
    shop.write("run.sh", "#!/bin/sh\n").chmod(0o755)
    (shop.work / "link").symlink_to("run.sh")
    shop.write("ignored/x", "ignored")
    shop.git("config", "diff.noprefix", "true")
    before = untouched(shop)
    shop.deploy("one", commit=False, dirty=True)
    record_update(shop.session(), 2)
    assert untouched(shop) == before

    record = shop.records().read(2)
    assert record is not None
    assert record.names("untracked/") == ("link", "new/ünter file.txt", "run.sh")
    assert json.loads(record.file("program.json"))["uncommitted"] == "kept"
    shop.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "there"), shop.git("rev-parse", "HEAD"))
    put_uncommitted(record, tmp_path / "there")
    for name in ("old.bin", "sub/tracked.txt", "staged.txt", "new/ünter file.txt", "run.sh", "link"):
        assert (tmp_path / "there" / name).read_bytes() == (shop.work / name).read_bytes()
    assert not (tmp_path / "there" / "gone.txt").exists()
    assert os.access(tmp_path / "there" / "run.sh", os.X_OK)
    assert (tmp_path / "there" / "link").is_symlink()
    with pytest.raises(RecordError, match="do not apply"):
        put_uncommitted(record, tmp_path / "there")

    # What the tree has today is not what an older update ran with.
    shop.deploy("two", commit=False, dirty=True)
    shop.deploy("three", commit=False, dirty=False)
    record_update(shop.session(), 3)
    record = shop.records().read(3)
    assert record is not None
    assert record.patch() == b""
    assert json.loads(record.file("program.json"))["uncommitted"] == "they were not recorded at the time"
    shop.deploy("four", commit=False, dirty=True)
    assert shop.repo is not None
    shop.repo.commit("gone on")
    shop.write("more.txt", "more")
    record_update(shop.session(), 5)
    record = shop.records().read(5)
    assert record is not None
    assert record.names("untracked/") == ()
    assert "another commit was checked out" in json.loads(record.file("program.json"))["uncommitted"]


def test_what_looks_like_a_secret_is_left_out_and_named(shop: Shop) -> None:
    shop.write("settings.py", "KEY = ''\n")
    shop.write("fine.py", "x = 1\n")
    shop.write("prod.env", "A=1\n")
    shop.deploy("zero")
    names = (".env", "deploy/id_rsa", "cert.pem", "credentials.json", ".aws/config", "a.tfvars")
    for name in names:
        shop.write(name, "hush-hush")
    shop.write(".env.example", "TOKEN=\n")
    shop.write("notes.txt", KEY)
    shop.write("settings.py", f"KEY = '{CLOUD_KEY}'\n")
    shop.write("fine.py", "x = 2\n")
    shop.write("prod.env", "A=hush-hush\n")
    shop.write("run.txt", "echo correct horse | pulumi up\n")
    shop.write("rewind_hooks.py", KEY)
    shop.deploy("one", commit=False, dirty=True, environment={"ci.token": f"x {CLOUD_KEY}"})
    session = shop.session(PULUMI_CONFIG_PASSPHRASE="correct horse")
    evidence = {"log.txt": b"failed with correct horse", "fine.txt": b"web: no such image"}
    written = record_update(session, 2, evidence)

    left_out = {item.path: item.reason for item in written.left_out}
    expected = {*names, "notes.txt", "settings.py", "prod.env", "run.txt", "history.json: ci.token"}
    assert left_out.keys() == expected | {"hooks/rewind_hooks.py", "evidence/log.txt", "rewind_hooks.py"}
    assert left_out["notes.txt"] == "it holds a private key"
    assert left_out["settings.py"] == "it holds an AWS key"
    assert left_out["run.txt"] == "it holds a passphrase or token of this session"
    record = shop.records().read(2)
    assert record is not None
    assert b"x = 2" in record.patch()
    assert record.names("untracked/") == (".env.example",)
    assert set(record.evidence()) == {"fine.txt"}
    # Not in any object of the repository, reachable or not.
    for text in ("hush-hush", CLOUD_KEY, "correct horse", KEY.decode()):
        for line in shop.git("cat-file", "--batch-all-objects", "--batch-check").splitlines():
            name, kind, _ = line.split()
            assert kind != "blob" or text.strip() not in shop.git("cat-file", "blob", name)
    more = record_update(session, 2, {"more.txt": b"correct horse"})
    assert not more.new


def test_a_state_with_secrets_in_the_clear_is_not_kept(shop: Shop) -> None:
    shop.deploy("one")
    open_secret = shop.store.checkpoint({SIG: SECRET, "plaintext": '"hush"'})
    shop.store.write("checkpoint", open_secret)
    written = record_update(shop.session(), 1, {"checkpoint.json": open_secret})
    assert [(item.path, item.reason) for item in written.left_out] == [
        ("checkpoint.json", "its secrets are not encrypted"),
        ("evidence/checkpoint.json", "its secrets are not encrypted"),
    ]
    assert not record_update(shop.session(), 1, {"state.json": open_secret}).new
    assert not record_update(shop.session(), 1).new
    record = shop.records().read(1)
    assert record is not None
    with pytest.raises(RecordError, match=r"has no checkpoint.json"):
        record.checkpoint()


def test_assets_are_kept_by_their_hashes(shop: Shop, tmp_path: Path) -> None:
    page = shop.write("page.html", "<p>one")
    shop.write("site/a.txt", "a")
    shop.write("site/ü/" + "b" * 120, "b")
    shop.write("keys/id_rsa", "hush")
    hashes = {
        "page": hash_path(ASSET, str(page)),
        "site": hash_path(ARCHIVE, str(shop.work / "site")),
        "key": hash_path(ASSET, str(shop.work / "keys/id_rsa")),
    }
    shop.deploy("one")
    inputs = {
        "page": {SIG: ASSET, "hash": hashes["page"], "path": "page.html"},
        "site": {SIG: ARCHIVE, "assets": {"in": {SIG: ARCHIVE, "hash": hashes["site"], "path": "./site"}}},
        "key": {SIG: ASSET, "hash": hashes["key"], "path": "keys/id_rsa"},
        "gone": {SIG: ASSET, "hash": "0" * 64, "path": "gone.txt"},
    }
    document = json.loads(shop.store.checkpoint("one"))
    document["checkpoint"]["latest"]["resources"][0]["inputs"] = inputs
    shop.store.write("checkpoint", json.dumps(document).encode())
    page.write_text("<p>two")  # the commit still has the first
    written = record_update(shop.session(), 1)
    assert {item.path.split(" (")[1] for item in written.left_out} == {"keys/id_rsa)", "gone.txt)"}

    private = tmp_path / "private"
    private.mkdir()
    store = shop.session().asset_store(private)
    found = store(hashes["page"], as_file=True)
    assert found is not None
    assert found.read_text() == "<p>one"
    found = store(hashes["site"], as_file=False)
    assert found is not None
    assert hash_path(ARCHIVE, str(found)) == hashes["site"]
    assert store(hashes["key"], as_file=True) is None
    assert store(hashes["page"], as_file=False) is None
    # What leads out of its archive isn't written anywhere.
    (tmp_path / "evil").write_text("evil")
    with tarfile.open(tmp_path / "evil.tar", "w") as tape:
        tape.add(tmp_path / "evil", "../../evil-was-here")
    content = (tmp_path / "evil.tar").read_bytes()
    update = shop.session().timeline.update(1)
    given = RecordInput(update, "shop", "other", "", assets={sha256(content).hexdigest(): content})
    records = Records(shop.records().store, "shop", "other")
    assert records.write(given).new
    stored = RecordedAssets(lambda: records, private)
    assert stored(sha256(content).hexdigest(), as_file=True) is not None
    assert stored(sha256(content).hexdigest(), as_file=False) is None
    assert not list(tmp_path.rglob("evil-was-here"))


def test_the_timeline_has_what_the_backend_lost(shop: Shop) -> None:
    for value in ("one", "two", "three", "four", "five"):
        shop.deploy(value)
    session = shop.session()
    assert [item.number for item in record_all(session)] == [5, 4, 3, 2, 1]
    shop.lose(4, "checkpoint")
    shop.store.write("history", b"{damaged", number=2)
    shop.lose(1)
    shop.lose(5)
    shop.store.write_live(shop.store.path("checkpoint", 3).read_bytes())
    timeline = shop.session().timeline
    updates = {entry.update.number: entry.update for entry in timeline.entries()}
    assert {number: update.from_record for number, update in updates.items()} == {
        5: "update", 4: "checkpoint", 3: "", 2: "update", 1: "update",
    }  # fmt: skip
    for number, value in enumerate(("one", "two", "three", "four", "five"), 1):
        assert f'"{value}"'.encode() in timeline.checkpoint(number).raw
        assert updates[number].has_checkpoint
        assert not updates[number].problem
    assert timeline.live_update() == 3
    target = resolve_target(timeline, "1")
    assert target.update.commit == updates[1].commit != ""
    # A further update gets the next number although the backend has but three.
    shop.deploy("six")
    session = shop.session()
    assert len(session.timeline) == 6
    assert record_update(session, 6).ref == "refs/pulumi-rewind/shop/dev/6"
    assert list(verify_records(shop.records(), session.timeline)) == []


def test_without_any_history_and_in_a_new_clone(shop: Shop, tmp_path: Path) -> None:
    for value in ("one", "two"):
        shop.deploy(value)
    list(record_all(shop.session()))
    shutil.rmtree(shop.store.history)
    assert len(shop.session().timeline) == 2
    bare = tmp_path / "origin.git"
    shop.git("init", "--quiet", "--bare", str(bare))
    shop.git("push", "--quiet", str(bare), "HEAD:refs/heads/main", "refs/pulumi-rewind/*:refs/pulumi-rewind/*")
    clone = tmp_path / "clone"
    shop.git("clone", "--quiet", "--depth=1", "--branch=main", bare.as_uri(), str(clone))
    assert len(shop.session(clone).timeline) == 0
    there = GitRepo(clone)
    there.git("fetch", "--quiet", "origin", "refs/pulumi-rewind/*:refs/pulumi-rewind/*")
    session = shop.session(clone)
    assert [f'"{value}"'.encode() in session.timeline.checkpoint(n).raw for n, value in ((1, "one"), (2, "two"))]
    assert session.records is not None
    assert list(verify_records(session.records, session.timeline)) == []
    # A shallow clone records and pushes, too.
    assert there.git("rev-parse", "--is-shallow-repository") == "true"
    shop.store.updates = 2
    shop.store.history.mkdir()
    shop.store.add("three", commit=there.git("rev-parse", "HEAD"))
    assert record_update(shop.session(clone), 3).new
    there.git("push", "--quiet", "origin", "refs/pulumi-rewind/*:refs/pulumi-rewind/*")
    assert len(shop.git("ls-remote", str(bare), "refs/pulumi-rewind/*").splitlines()) == 3


def test_records_of_another_stack_are_not_taken_for_ours(shop: Shop, tmp_path: Path) -> None:
    shop.deploy("one")
    record_update(shop.session(), 1)
    other = FileStore(tmp_path / "other")
    other.add("their one", message="theirs")
    other.add("their two", message="theirs")
    mine = shop.session(PULUMI_BACKEND_URL=other.url)
    assert [update.from_record for update in mine.timeline.history.newest(9)] == ["", ""]
    assert b"their one" in mine.timeline.checkpoint(1).raw
    with pytest.raises(RecordError, match="record of another update"):
        record_update(mine, 1)
    assert mine.records is not None
    assert ["a stack on another backend" in item.message for item in verify_records(mine.records, mine.timeline)] == [
        True
    ]
    later = FileStore(tmp_path / "later")
    later.updates = 10  # of a time when ours had long ended: still no earlier life of it
    later.add("theirs")
    mine = shop.session(PULUMI_BACKEND_URL=later.url)
    assert len(mine.timeline) == 1
    assert b"theirs" in mine.timeline.checkpoint(1).raw
    # A ref that was copied to another stack's place.
    shop.git("update-ref", "refs/pulumi-rewind/shop/dev/2", "refs/pulumi-rewind/shop/dev/1")
    shop.git("update-ref", "refs/pulumi-rewind/shop/dev/notes", "HEAD")
    messages = {item.ref: item.message for item in verify_records(shop.records(), shop.session().timeline)}
    assert "is the record of shop/dev #1" in messages["refs/pulumi-rewind/shop/dev/2"]
    assert "not a record" in messages["refs/pulumi-rewind/shop/dev/notes"]
    assert len(shop.session().timeline) == 1


def test_the_earlier_life_of_a_stack_that_was_made_anew(shop: Shop) -> None:
    for value in ("one", "two"):
        shop.deploy(value)
    list(record_all(shop.session()))
    shop.lose(1)
    shop.lose(2)
    shop.deploy("three")
    timeline = shop.session().timeline
    assert [update.from_record for update in timeline.history.newest(9)] == ["", "update", "update"]
    assert timeline.live_update() == 3


def test_damage_is_found_and_named(shop: Shop) -> None:
    for value in range(1, 6):
        shop.deploy(value)
    list(record_all(shop.session()))
    assert list(verify_records(shop.records(), shop.session().timeline)) == []

    def object_file(spec: str) -> Path:
        name = shop.git("rev-parse", spec)
        return shop.work / ".git" / "objects" / name[:2] / name[2:]

    ref = "refs/pulumi-rewind/shop/dev/"
    object_file(f"{ref}1:checkpoint.json").unlink()
    broken = object_file(f"{ref}2:checkpoint.json")
    broken.chmod(0o644)
    broken.write_bytes(b"garbage")
    object_file(f"{ref}3^{{tree}}").unlink()
    # Somebody edits a record by hand.
    blob = shop.repo.git("hash-object", "-w", "--stdin", stdin=b"{}") if shop.repo else ""
    tree = shop.git("ls-tree", f"{ref}4").replace(shop.git("rev-parse", f"{ref}4:checkpoint.json"), blob)
    made = shop.repo.git("mktree", stdin=tree.encode() + b"\n") if shop.repo else ""
    shop.git("update-ref", f"{ref}4", shop.git("commit-tree", "-m", "edited", made))
    assert agree(shop.records(), "4")[0].number == 4  # with a yes that was too quick

    found: dict[int, str] = {}
    for item in verify_records(shop.records(), shop.session().timeline):
        found[item.number] = found.get(item.number, "") + item.message
    assert set(found) == {1, 2, 3, 4}
    assert "checkpoint.json is missing" in found[1]
    assert "checkpoint.json is missing" in found[2]
    assert "update.json is missing" in found[3]
    assert "checkpoint.json in the record of #4 is not what was recorded" in found[4]
    assert "update.json is not what was recorded" in found[4]

    for number in (1, 4):
        shop.lose(number, "checkpoint")
    timeline = shop.session().timeline
    with pytest.raises(RecordError, match="missing"):
        timeline.checkpoint(1)
    with pytest.raises(RecordError, match="not what was recorded"):
        timeline.checkpoint(4)
    assert timeline.checkpoint(5).resources


def test_retention_never_drops_the_newest_nor_the_last_good(shop: Shop) -> None:
    shop.deploy("good")
    for value in range(2, 6):
        shop.deploy(value, result="failed")
    list(record_all(shop.session()))
    assert prune(shop.session(), shop.records()) == ()
    shop.write("rewind.toml", "keep = 2\n")
    assert prune(shop.session(), shop.records()) == (2, 3)
    assert shop.records().numbers() == (1, 4, 5)
    # What would be dropped again isn't written again.
    assert [item.number for item in record_all(shop.session()) if item.new] == []
    shop.write("rewind.toml", "keep = 0\nkeep_days = 30\n")
    assert prune(shop.session(), shop.records()) == (4,)
    assert shop.records().numbers() == (1, 5)
    shop.write("rewind.toml", "keep = -1\n")
    with pytest.raises(UsageError, match="keep must be a whole number"):
        shop.session()


def test_worktree_detached_head_and_subdirectory(tmp_path: Path) -> None:
    shop = Shop(tmp_path, inside="infra")
    shop.deploy("one")
    place = tmp_path / "wt"
    shop.git("worktree", "add", "--quiet", "--detach", str(place))
    head = shop.git("rev-parse", "HEAD")
    (place / "infra" / "extra.txt").write_text("extra")
    shop.store.add("two", commit=head, branch="", dirty=True)
    record_update(shop.session(place / "infra"), 2)
    record = shop.records().read(2)  # seen from the main working tree: refs are shared
    assert record is not None
    program = json.loads(record.file("program.json"))
    assert (program["commit"], program["directory"], program["dirty"]) == (head, "infra", True)
    assert record.names("untracked/") == ("infra/extra.txt",)
    assert shop.git("status", "--porcelain") == ""


def test_a_project_in_a_submodule_records_there(shop: Shop, tmp_path: Path) -> None:
    shop.deploy("one")
    outer = GitRepo(tmp_path / "outer")
    outer.commit("start")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(shop.work), "infra")
    outer.commit("submodule")
    session = shop.session(outer.root / "infra")
    assert record_update(session, 1).new
    assert outer.git("for-each-ref", "refs/pulumi-rewind") == ""
    assert len(shop.session(outer.root / "infra").records.numbers()) == 1  # type: ignore[union-attr]
    # Seen from outside, changes within a submodule are in no patch: they are named.
    inner = outer.root / "infra"
    (inner / "Pulumi.yaml").write_text("name: shop\nruntime: python\ndescription: changed\n")
    (outer.root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    shop.store.add("two", commit=outer.git("rev-parse", "HEAD"), dirty=True)
    written = record_update(shop.session(outer.root), 2)
    assert [item.path for item in written.left_out] == ["infra"]


def test_a_repository_named_in_rewind_toml(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.write("rewind.toml", 'records_repository = "../records.git"\n')
    shop.deploy("one")
    with pytest.raises(UsageError, match="not a git repository") as caught:
        record_update(shop.session(), 1)
    assert "git init --bare" in caught.value.hint
    assert len(shop.session().timeline) == 1  # history goes on without
    shop.git("init", "--quiet", "--bare", str(tmp_path / "records.git"))
    assert record_update(shop.session(), 1).new
    findings = {it.check: it for it in diagnose(shop.work, "dev", shop.store.url, {"PATH": "", "HOME": str(tmp_path)})}
    assert findings["records"].message == "1 in git, the newest of #1"
    assert shop.git("for-each-ref", "refs/pulumi-rewind") == ""
    assert "dev/1" in shop.git(f"--git-dir={tmp_path / 'records.git'}", "for-each-ref")
    shop.lose(1)
    assert len(shop.session().timeline) == 1
    record = shop.records().read(1)
    assert record is not None
    assert json.loads(record.file("program.json"))["kept"] is False
    shop.write("rewind.toml", 'records_repository = "git@example.test:x.git"\n')
    with pytest.raises(UsageError, match="not on this machine"):
        record_update(shop.session(), 1)
    shop.write("rewind.toml", 'records_repository = "~nobody-of-that-name/x"\n')
    with pytest.raises(UsageError, match="not a git repository"):
        record_update(shop.session(), 1)
    findings = {it.check: it for it in diagnose(shop.work, "dev", shop.store.url, {"PATH": "", "HOME": str(tmp_path)})}
    assert findings["records"].status == "warn"
    assert "history works without records" in findings["records"].message
    # After a run that is a warning, never an error.
    (warning,) = after_run(shop.session(), 0)
    assert isinstance(warning, Diagnostic)
    assert (warning.severity, "was not recorded in git" in warning.message) == ("warning", True)


def test_without_git_and_turned_off(tmp_path: Path) -> None:
    shop = Shop(tmp_path, git=False)
    shop.deploy("one")
    assert shop.session().records is None
    with pytest.raises(RecordError, match="no git repository") as caught:
        record_update(shop.session(), 1)
    assert "git init" in caught.value.hint
    with pytest.raises(TargetError):
        resolve_target(shop.session().timeline, "7")
    GitRepo(shop.work)
    shop.write("rewind.toml", "records = false\n")
    with pytest.raises(RecordError, match="turned off"):
        record_update(shop.session(), 1)
    (shop.work / "rewind.toml").unlink()
    assert record_update(shop.session(), 1).new  # before the first commit
