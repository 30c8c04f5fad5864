"""The journal of two processes, and creates in doubt; without an engine."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from pulumi_rewind.choices import Choices
from pulumi_rewind.doubts import Doubts, doubt, lost_sight_of
from pulumi_rewind.errors import RefusedError
from pulumi_rewind.events import Diagnostic, ResourceDone, ResourceFailed, StepMetadata, StepState
from pulumi_rewind.journal import Journal
from pulumi_rewind.model import StackRef


def journal(tmp_path: Path) -> Journal:
    return Journal("file:///b", StackRef("shop", "dev"), {"XDG_STATE_HOME": str(tmp_path)})


def test_a_rollback_that_runs_in_another_process_keeps_its_entry(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    entry = mine.begin(target=1, label="#1", digest="d", start=2)
    theirs = msgspec.structs.replace(entry, pid=os.getppid(), label="#7")
    mine.path.write_bytes(msgspec.json.encode(theirs))
    with pytest.raises(RefusedError, match=rf"another rollback of shop/dev to #7 is running \(pid {os.getppid()}\)"):
        mine.begin(target=1, label="#1", digest="d", start=2)
    mine.doubt(("urn:a",))
    mine.end()
    assert mine.read() == theirs
    mine.path.write_bytes(msgspec.json.encode(msgspec.structs.replace(entry, pid=2**22 + 1)))  # it has died
    mine.begin(target=3, label="#3", digest="d", start=2)
    mine.path.write_bytes(msgspec.json.encode(msgspec.structs.replace(theirs, started=1.0)))  # its number is another's
    mine.begin(target=3, label="#3", digest="d", start=2)
    mine.end()
    assert mine.read() is None


def test_what_is_deleted_first_is_kept_for_each_resume(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    mine.begin(target=1, label="#1", digest="d", start=2, choices=Choices(delete_first=("db", "*:Table")))
    entry = mine.read()
    assert entry is not None
    assert entry.choices.delete_first == ("db", "*:Table")


def test_doubts_are_noted_in_the_entry(tmp_path: Path) -> None:
    mine = journal(tmp_path)
    mine.begin(target=1, label="#1", digest="d", start=2)
    mine.doubt(("urn:pulumi:dev::shop::t::web",))
    entry = mine.read()
    assert entry is not None
    assert entry.doubtful == ("urn:pulumi:dev::shop::t::web",)
    assert mine.path.stat().st_mode & 0o777 == 0o600


def test_a_create_whose_provider_went_away_is_in_doubt_and_no_other() -> None:
    doubts = Doubts()
    for urn, op, message in (
        (
            "urn:pulumi:dev::shop::t::web",
            "create",
            "code = Unavailable desc = error reading from server: EOF",
        ),
        ("urn:pulumi:dev::shop::t::said-no", "create", "quota exceeded"),
        ("urn:pulumi:dev::shop::t::never-asked", "create", "Unavailable: connection refused"),
        ("urn:pulumi:dev::shop::t::known", "update", "error reading from server: EOF"),
    ):
        doubts.see(Diagnostic(message, "error", urn))
        doubts.see(ResourceFailed(StepMetadata(op, urn)))
    assert doubts.urns == ("urn:pulumi:dev::shop::t::web",)
    assert "web" in doubt(doubts.urns)
    assert doubt(()) == ""
    made = StepMetadata("create", "urn:pulumi:dev::shop::t::new", new=StepState(id="t-1"))
    doubts.see(ResourceDone(made))
    assert "new (t-1)" in lost_sight_of(doubts.made)
    assert lost_sight_of({}) == ""
