"""Whose records are used: those of whoever can only push to the repository are not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from pulumi_rewind.callbacks.code import chosen_code, named_code, recorded_codes
from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.errors import RecordError, RewindError, TargetError, UsageError
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.project.settings import load_settings, load_user_settings
from pulumi_rewind.records.content import RecordInput
from pulumi_rewind.records.evidence import error_of
from pulumi_rewind.records.foreign import ALL, agree, take_back
from pulumi_rewind.records.git import FILE, LINK, Blob
from pulumi_rewind.records.lookup import known_record, origin_of, recorded
from pulumi_rewind.records.parts import update_key
from pulumi_rewind.records.provenance import Provenance
from pulumi_rewind.records.retention import prune
from pulumi_rewind.records.store import Records, Written
from pulumi_rewind.records.verify import verify_records
from pulumi_rewind.rollback.recording import after_run, record_all, record_update
from pulumi_rewind.state.model import Update
from pulumi_rewind.strategies.choosing import recommended
from pulumi_rewind.strategies.program.config import RecordedConfig
from pulumi_rewind.strategies.program.risks import program_risks
from pulumi_rewind.strategies.program.worktree import ProgramTree
from pulumi_rewind.upkeep.doctor import diagnose
from tests.support.filestore import FileStore
from tests.support.plans import plan_of
from tests.support.recordshop import Shop

REF = "refs/pulumi-rewind/shop/dev/"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def forge(shop: Shop, update: Update, value: object, **more: Any) -> Written:
    """Writes a record as somebody who can push and knows the code can, in place of one that is there."""
    shop.git("update-ref", "-d", f"{REF}{update.number}")
    given = RecordInput(update, "shop", "dev", shop.store.url, shop.store.checkpoint(value), **more)
    records = Records(shop.records().store, "shop", "dev", shop.store.url)
    records.provenance.agreed.add(records.refs().values())
    return records.write(given)


def later(shop: Shop, number: int, **changes: Any) -> Update:
    """An update that never was, after all that the backend has."""
    last = shop.session().timeline.update(len(shop.session().timeline))
    return msgspec.structs.replace(
        last, number=number, start_time=last.start_time + 60, end_time=last.end_time + 60, **changes
    )


def said(shop: Shop) -> dict[int, str]:
    """What a check says of each foreign record."""
    found = verify_records(shop.records(), shop.session().timeline)
    return {item.number: item.message for item in found if item.foreign}


def test_a_forged_record_above_the_newest_update_is_no_target(shop: Shop) -> None:
    shop.deploy("good")
    record_update(shop.session(), 1)
    assert shop.repo is not None
    tagged = shop.repo.commit("never deployed", "v1.1")
    forged = forge(shop, later(shop, 2, environment={"git.head": tagged}), "open firewall")
    session = shop.session()
    assert [entry.update.number for entry in session.timeline.entries()] == [1]
    assert session.timeline.last_good() is None
    for text in ("2", "#2", "v1.1", tagged[:8]):
        with pytest.raises(TargetError) as caught:
            resolve_target(shop.session().timeline, text)
        assert f"The record of #2 ({forged.commit[:7]}) has it, but was not made here" in caught.value.hint
        assert "`pulumi-rewind record --trust 2`" in caught.value.hint
    with pytest.raises(TargetError) as caught:
        resolve_target(shop.session().timeline, "last-good")
    assert "1 record was not made here and not used" in caught.value.hint
    assert "no such update" in said(shop)[2]
    assert f"commit {forged.commit[:12]}, by pulumi-rewind <records@" in said(shop)[2]
    assert diagnose_records(shop) == ("warn", "1 in git, the newest of #1; 1 not made here and not used")

    # The operator's yes is for this very commit, and can be taken back.
    assert [record.commit for record in agree(shop.records(), ALL)] == [forged.commit]
    target = resolve_target(shop.session().timeline, "v1.1")
    assert origin_of(shop.session(), target) == f"the record {forged.commit[:7]} of #2, not made here, but trusted"
    assert said(shop) == {}
    another = forge(shop, later(shop, 3, environment={"git.head": tagged}), "another")
    assert len(shop.session().timeline) == 2
    shop.git("update-ref", f"{REF}2", another.commit)
    assert len(shop.session().timeline) == 1
    shop.git("update-ref", f"{REF}2", forged.commit)
    assert take_back(shop.records(), "2") == (2,)
    assert len(shop.session().timeline) == 1
    assert agree(shop.records(), "1") == ()  # made here: nothing to agree to
    with pytest.raises(UsageError, match="no record of '7'"):
        agree(shop.records(), "7")


def diagnose_records(shop: Shop) -> tuple[str, str]:
    findings = diagnose(shop.work, "dev", shop.store.url, {"PATH": os.environ["PATH"], "HOME": str(shop.root)})
    return next((it.status, it.message) for it in findings if it.check == "records")


def test_a_replaced_record_of_a_dirty_update_runs_nothing(shop: Shop) -> None:
    shop.write("rewind_hooks.py", "x = 1\n")
    shop.deploy("zero")
    shop.write("main.py", "mine")
    shop.deploy("one", commit=False, dirty=True, result="failed")
    mine = record_update(shop.session(), 2, {"errors.json": b'["mine"]'})
    update = shop.session().timeline.update(2)
    target = resolve_target(shop.session().timeline, "2")
    tree = ProgramTree(shop.root, shop.work, shop.work, shop.session().repository)  # type: ignore[arg-type]

    def risks() -> Mapping[str, tuple[bool, str]]:
        found = program_risks(shop.session(), target, update, tree, RecordedConfig(shop.root / "x"), ())
        return {risk.code: (risk.blocking, risk.message) for risk in found}

    assert "the record of #2 (made here)" in risks()["uncommitted"][1]
    evil = {"untracked/main.py": Blob(b"evil")}
    program = json.loads(shop.git("show", f"{REF}2:program.json"))
    forge(
        shop, update, "one", uncommitted=evil, hooks={"rewind_hooks.py": b"evil = 1\n"},
        evidence={"errors.json": b'["evil"]'}, program=msgspec.convert(program, kept_program()),
    )  # fmt: skip
    assert "uncommitted" not in risks()
    blocking, message = risks()["dirty-commit"]
    assert blocking
    assert "was not made here and is not used" in message
    assert "--trust 2`" in message
    session = shop.session()
    assert recorded(session, 2) is None
    assert error_of(session, 2) == ""
    assert list(recorded_codes(session)) == []
    assert "no usable hooks file" in chosen_code(session, 2, recorded=True).notes[0]
    with pytest.raises(UsageError, match="no hooks file is recorded"):
        named_code(session, "#2")
    known = known_record(session, 2)
    assert known is not None
    assert known[1].kind == "foreign"
    assert "its checkpoint is not the backend's; it carries untracked files, hooks" in said(shop)[2]
    # Nor is it made ours by something to add, and the operator hears of it.
    (note,) = after_run(shop.session(), 1, {"more.txt": b"more"})
    assert isinstance(note, Diagnostic)
    assert "is not used" in note.message
    assert shop.git("rev-parse", f"{REF}2") != mine.commit
    shop.git("update-ref", f"{REF}2", mine.commit)
    assert error_of(shop.session(), 2) == "mine"


def kept_program() -> Any:
    from pulumi_rewind.records.content import Program

    return Program


def test_a_forged_record_gives_no_lost_checkpoint(shop: Shop) -> None:
    for value in ("one", "two", "three"):
        shop.deploy(value)
    list(record_all(shop.session()))
    first = shop.session().timeline.update(1)
    shop.lose(1, "checkpoint")
    shop.store.write("history", b"{damaged", number=2)
    shop.lose(2, "checkpoint")
    session = shop.session()
    assert origin_of(session, resolve_target(session.timeline, "1")).endswith("of #1, made here")
    assert origin_of(session, resolve_target(session.timeline, "3")) == ""
    mine = shop.git("rev-parse", f"{REF}1")
    second = session.timeline.update(2)
    forge(shop, first, "evil one")
    forge(shop, second, "evil two")
    timeline = shop.session().timeline
    for number in (1, 2):
        update = timeline.update(number)
        assert not update.has_checkpoint
        assert f"then trust it with `pulumi-rewind record --trust {number}`" in update.problem
        with pytest.raises(TargetError, match="not made here"):
            resolve_target(timeline, str(number))
        with pytest.raises(RewindError) as caught:
            timeline.checkpoint(number)
        assert f"--trust {number}" in caught.value.hint
    assert "no checkpoint to compare it with" in said(shop)[1]
    # Nor does one under the id of ours, which git would give instead.
    other = shop.git("rev-parse", f"{REF}1")
    shop.git("update-ref", f"{REF}1", mine)
    shop.git("replace", mine, other)
    assert b"evil one" in shop.repo.git("show", f"{mine}:checkpoint.json").encode() if shop.repo else b""
    assert b'"one"' in shop.session().timeline.checkpoint(1).raw
    # A checkpoint that is there but damaged is replaced by ours, and that is said.
    shop.store.write("checkpoint", b'{"version": 3, "checkpoi', number=1)
    session = shop.session()
    target = resolve_target(session.timeline, "1")
    assert target.update.from_record == ""
    plan = recommended(session, plan_of(target=target, strategy="checkpoint"))
    assert [(risk.code, risk.blocking, risk.message) for risk in plan.risks] == [
        (
            "from-record",
            False,
            f"the checkpoint of #1 is from the record {mine[:7]} of #1, made here, not from the backend",
        )
    ]
    assert recommended(session, plan_of(target=resolve_target(session.timeline, "3"))).risks == ()


def test_numbers_are_bounded_and_cost_nothing(shop: Shop) -> None:
    shop.deploy("one")
    record_update(shop.session(), 1)
    forged = forge(shop, later(shop, 9_999_999), "far")
    shop.git("update-ref", f"{REF}999999999", forged.commit)
    assert shop.records().numbers() == (1, 9_999_999)
    assert len(shop.session().timeline) == 1
    # Also not with a yes: it can't be the number of an update.
    agree(shop.records(), ALL)
    session = shop.session()
    assert len(session.timeline) == 1
    assert [entry.update.number for entry in session.timeline.entries()] == [1]
    found = {item.ref: item.message for item in verify_records(shop.records(), session.timeline)}
    assert "is not the number of an update" in found[f"{REF}999999999"]
    assert "not in the history" in found[f"{REF}9999999"]
    with pytest.raises(TargetError):
        resolve_target(session.timeline, "9" * 18)


def test_a_foreign_record_numbers_nothing_and_pushes_out_nothing(shop: Shop) -> None:
    for value in ("one", "two", "three"):
        shop.deploy(value)
    list(record_all(shop.session()))
    third = shop.session().timeline.update(3)
    # The third update as it is, under another number: agreed to, all numbers would be others.
    forge(shop, msgspec.structs.replace(third, number=7), "three")
    assert [update.number for update in shop.session().timeline.history.newest(9)] == [3, 2, 1]
    for number in range(4, 7):
        forge(shop, later(shop, number), number)
    shop.write("rewind.toml", "keep = 2\n")
    assert prune(shop.session(), shop.records()) == (1,)
    assert shop.records().numbers() == (2, 3, 4, 5, 6, 7)
    # Pruned at the old end, ours still number it; the others don't.
    shop.lose(1)
    found = [(update.number, update.result) for update in shop.session().timeline.history.newest(9)]
    assert found == [(3, "succeeded"), (2, "succeeded"), (1, "unreadable")]
    shop.deploy("four")
    with pytest.raises(RecordError, match="record of another update") as caught:
        record_update(shop.session(), 4)
    assert f"git update-ref -d {REF}4" in caught.value.hint
    assert "record --trust all" in caught.value.hint
    # Nor is anything recorded under a number that is in doubt.
    shop.git("update-ref", "-d", f"{REF}3")
    with pytest.raises(RecordError, match="#3 is #7 in a record that was not made here"):
        record_update(shop.session(), 3)
    assert 3 not in shop.records().numbers()


def test_a_trusted_record_adds_only_what_the_backend_has_lost(shop: Shop, tmp_path: Path) -> None:
    for value in ("one", "two", "three", "four"):
        shop.deploy(value)
    list(record_all(shop.session()))
    fourth = shop.session().timeline.update(4)
    shop.lose(4)  # restored from an older backup
    assert [update.from_record for update in shop.session().timeline.history.newest(9)] == ["update", "", "", ""]
    # Older than what it would follow, it is of another life of the stack.
    shop.git("update-ref", "-d", f"{REF}4")
    old = msgspec.structs.replace(fourth, start_time=fourth.start_time - 600, end_time=fourth.end_time - 600)
    given = RecordInput(old, "shop", "dev", shop.store.url, shop.store.checkpoint("old"))
    shop.records().write(given)
    assert len(shop.session().timeline) == 3
    # So is one of a backend that has nothing in common with this one, although made here.
    shop.git("update-ref", "-d", f"{REF}4")
    shop.lose(1)
    shop.git("update-ref", "-d", f"{REF}1")
    other = FileStore(tmp_path / "other")
    other.updates = -2
    other.add("theirs")
    assert record_update(shop.session(PULUMI_BACKEND_URL=other.url), 1).new
    assert [update.from_record for update in shop.session().timeline.history.newest(9)] == ["", "", ""]
    assert shop.session().timeline.update(1).result == "unreadable"


# -- signatures -------------------------------------------------------------------------------------------------------


class People:
    """Users with ssh keys, each with a home of their own; all allow the key of ``ci``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("ci", "mallory"):
            self.home(name).mkdir(parents=True)
            self.key(name)
        public = (self.home("ci") / "key.pub").read_text().split()
        self.allowed = root / "allowed_signers"
        self.allowed.write_text(
            f'ci@example.test,ci2@example.test namespaces="pulumi-rewind" {public[0]} {public[1]}\n'
        )

    def key(self, name: str, passphrase: str = "", file: str = "key") -> None:
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", str(self.home(name) / file)], check=True
        )

    def home(self, name: str) -> Path:
        return self.root / name

    def settings(self, name: str, *, key: str = "", allow: bool = True) -> dict[str, str]:
        """The environment of a user with these settings."""
        place = self.home(name) / ".config" / "pulumi-rewind"
        place.mkdir(parents=True, exist_ok=True)
        lines = ["[records]"]
        lines += [f'sign_with = "~/{key}"'] if key else []
        lines += [f'allowed_signers = "{self.allowed}"'] if allow else []
        (place / "config.toml").write_text("\n".join(lines))
        return {"HOME": str(self.home(name))}


@pytest.fixture
def people(tmp_path: Path) -> People:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("there is no ssh-keygen")
    return People(tmp_path / "people")


def test_a_record_counts_if_an_allowed_signer_signed_it(shop: Shop, people: People, tmp_path: Path) -> None:
    shop.deploy("zero")
    shop.write("extra.py", "extra")
    shop.deploy("one", commit=False, dirty=True)
    ci, mallory = people.settings("ci", key="key"), people.settings("mallory", key="key")
    signed = record_update(shop.session(**ci), 2)
    assert (signed.new, signed.notes) == (True, ())
    colleague = people.settings("colleague")

    def origin(number: int = 2, /, **environ: str) -> tuple[str, str, str]:
        known = known_record(shop.session(**environ), number)
        assert known is not None
        return known[1].kind, known[1].signer, known[1].problem

    assert origin(**ci)[0] == "ours"
    assert origin(**colleague) == ("signed", "ci@example.test", "")
    assert origin(**people.settings("colleague", allow=False))[0] == "foreign"
    assert origin(**shop_home(tmp_path))[0] == "foreign"
    colleague = people.settings("colleague")
    assert list(verify_records(records_of(shop, colleague), shop.session(**colleague).timeline)) == []

    # Lost, it is read from there, and a plan says so.
    shop.lose(2, "checkpoint")
    session = shop.session(**colleague)
    assert "signed by ci@example.test" in origin_of(session, resolve_target(session.timeline, "2"))

    # What is signed is all that is used: with another mode or another file in the tree nothing changes.
    tree = f"{shop.git('ls-tree', '-r', f'{REF}2')}\n"
    line = next(line for line in tree.splitlines() if line.endswith("untracked/extra.py"))
    index = {**os.environ, "GIT_INDEX_FILE": str(tmp_path / "index")}
    changed = tree.replace(line, line.replace(FILE, LINK)) + line.replace("extra.py", "more.py") + "\n"
    for command, given in ((["update-index", "--add", "--index-info"], changed), (["write-tree"], "")):
        done = subprocess.run(["git", *command], cwd=shop.work, env=index, input=given, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr
    other = shop.git("commit-tree", "-m", "moved", done.stdout.strip())
    shop.git("update-ref", f"{REF}2", other)
    assert origin(**colleague)[0] == "signed"
    record = recorded(shop.session(**colleague), 2)
    assert record is not None
    assert {path: blob.mode for path, blob in record.untracked().items()} == {"extra.py": FILE}

    # Another key, another content, another number, another stack.
    shop.git("update-ref", "-d", f"{REF}2")
    assert record_update(shop.session(**mallory), 2).new
    kind, _, problem = origin(**colleague)
    assert (kind, "not in the allowed signers file" in problem) == ("foreign", True)
    record = shop.records().at(2, shop.git("rev-parse", f"{REF}2"))
    signature = shop.records().store.read(signed.commit, "update.json.sig") or b""
    files = {path: Blob(record.file(path)) for path in record.meta.files}
    files["update.json"] = Blob(shop.records().store.read(record.commit, "update.json") or b"")
    files["update.json.sig"] = Blob(signature + b"\n")
    shop.records().store.write(f"{REF}2", [record.commit], files, "with the signature of another")
    assert origin(**colleague) == ("foreign", "", "its signature by ci@example.test belongs to another record")
    shop.git("update-ref", f"{REF}5", signed.commit)
    with pytest.raises(RecordError, match="is the record of shop/dev #2"):
        origin(5, **colleague)
    assert len(shop.session(**colleague).timeline) == 2
    shop.git("update-ref", "refs/pulumi-rewind/shop/prod/2", signed.commit)
    prod = Records(shop.records().store, "shop", "prod", shop.store.url, records_of(shop, colleague).provenance)
    with pytest.raises(RecordError, match="is the record of shop/dev #2"):
        prod.usable(2)


def test_a_signature_for_another_backend_is_of_no_use_here(shop: Shop, people: People, tmp_path: Path) -> None:
    ci, colleague = people.settings("ci", key="key"), people.settings("colleague")
    there = FileStore(tmp_path / "there")
    there.updates = 5
    there.add("theirs")
    here = shop.session(**ci)
    assert here.workspace.root == shop.work
    record_update(shop.session(**ci, PULUMI_BACKEND_URL=there.url), 1)
    shop.deploy("one")
    assert [update.from_record for update in shop.session(**colleague).timeline.history.newest(9)] == [""]
    shop.store.write("history", b"{damaged", number=1)
    shop.lose(1, "checkpoint")
    update = shop.session(**colleague).timeline.update(1)
    assert (update.result, update.has_checkpoint) == ("unreadable", False)


def test_what_cannot_be_signed_is_written_without_and_said(shop: Shop, people: People) -> None:
    shop.deploy("one")
    people.key("ci", "a passphrase", file="locked")
    written = record_update(shop.session(**people.settings("ci", key="locked")), 1)
    assert written.new
    assert "written without a signature" in written.notes[0]
    shop.deploy("two")
    bin_ = people.root / "bin"
    bin_.mkdir()
    (bin_ / "git").symlink_to(shutil.which("git") or "")
    session = shop.session(**people.settings("ci", key="key"), PATH=str(bin_))
    written = record_update(session, 2)
    assert written.new
    assert "no ssh-keygen on PATH" in written.notes[0]
    assert len(shop.records().refs()) == 2


def shop_home(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "stranger")}


def records_of(shop: Shop, environ: Mapping[str, str]) -> Records:
    found = shop.session(**environ).records
    assert found is not None
    return found


# -- what the trust stands on -----------------------------------------------------------------------------------------


def test_a_damaged_ledger_trusts_nobody(shop: Shop) -> None:
    for value in ("one", "two"):
        shop.deploy(value)
    list(record_all(shop.session()))
    shop.lose(1)
    path = shop.records().provenance.made.path
    assert path is not None
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    whole = path.read_bytes()
    assert len(shop.session().timeline) == 2
    for damaged in (b"x\n" + whole, whole.replace(b"\n", b"\0"), whole.upper()):
        path.write_bytes(damaged)
        if damaged.endswith(b"\0"):
            assert shop.records().provenance.known() == frozenset()  # cut off in the first line
        else:
            with pytest.raises(RecordError, match="can't be used: it holds something other") as caught:
                shop.records().trusted()
            assert "record --trust all" in caught.value.hint
            assert diagnose_records(shop)[0] == "warn"
        assert len(shop.session().timeline) == 1
        assert [entry.update.number for entry in shop.session().timeline.entries()] == [1]
    path.write_bytes(whole)
    path.chmod(0o666)
    with pytest.raises(RecordError, match="other users can write it"):
        shop.records().trusted()
    path.chmod(0o600)
    assert len(shop.session().timeline) == 2
    # A line that a crash cut off is none, and the next one stands alone.
    path.write_bytes(whole + b"abc")
    shop.deploy("three")
    assert record_update(shop.session(), 3).notes == ()
    assert len(path.read_bytes().splitlines()) == 3
    assert len(shop.session().timeline) == 3
    # What can't be noted is written all the same, and said.
    shop.deploy("four")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pulumi_rewind.records.ledger.os.fsync", refuse)
        (note,) = after_run(shop.session(), 3)
    assert isinstance(note, Diagnostic)
    assert "can't be noted as made here, so it will not be used" in note.message
    # Without the list the numbers are in doubt, and nothing is written.
    path.unlink()
    path.mkdir()
    (note,) = after_run(shop.session(), 1)
    assert isinstance(note, Diagnostic)
    assert "can't be used: other users can write it" in note.message


def refuse(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_whom_to_trust_is_no_business_of_the_project(tmp_path: Path) -> None:
    project = tmp_path / "rewind.toml"
    for text in ('sign_with = "/k"', 'allowed_signers = "signers"', '[records]\nallowed_signers = "signers"'):
        project.write_text(text)
        with pytest.raises(UsageError, match="the project can't decide whose records are trusted"):
            load_settings(tmp_path)
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "project/config"}
    user = tmp_path / ".config" / "pulumi-rewind" / "config.toml"  # a relative XDG_CONFIG_HOME doesn't count
    user.parent.mkdir(parents=True)
    user.write_text('[records]\nsign_with = "~/.ssh/id"\n')
    assert load_user_settings(environ).sign_with == tmp_path / ".ssh" / "id"
    for text, message in (
        ('[records]\nsign = "x"', "unknown key 'sign'"),
        ("[other]", "unknown key 'other'"),
        ("records = 1", "must be a table"),
        ('[records]\nsign_with = "id"', "absolute path"),
        ("[records]\nsign_with = 3", "absolute path"),
        ("[", "can't be read"),
    ):
        user.write_text(text)
        with pytest.raises(UsageError, match=message):
            load_user_settings(environ)


def test_an_update_is_known_by_what_the_backend_says(shop: Shop) -> None:
    """The key of a forged record is not enough: whoever knows the history can compute it."""
    shop.deploy("one")
    update = shop.session().timeline.update(1)
    written = forge(shop, update, "other")
    assert shop.records().at(1, written.commit).meta.key == update_key(update)
    shop.lose(1)
    assert len(shop.session().timeline) == 0


def test_what_was_made_for_one_stack_is_not_trusted_for_another(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    Provenance.of(environ, "shop", "dev").made.add(["a" * 40])
    assert Provenance.of(environ, "shop", "dev").known() == {"a" * 40}
    assert Provenance.of(environ, "shop", "prod").known() == frozenset()
    assert Provenance.of(environ, "other", "dev").known() == frozenset()


def test_a_record_of_another_update_with_its_number_is_not_used(shop: Shop) -> None:
    """A stack that was removed and made anew numbers from 1 again."""
    number = shop.deploy("one")
    session = shop.session()
    record_update(session, number)
    assert recorded(session, number) is not None

    update = msgspec.structs.replace(session.timeline.update(number), start_time=1)
    made_anew: Any = SimpleNamespace(records=session.records, timeline=SimpleNamespace(update=lambda _: update))
    assert recorded(made_anew, number) is None
