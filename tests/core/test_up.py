"""The parts of `up` that need no engine: flags, the verify command, the two sides of a review, evidence."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.choices import Choices
from pulumi_rewind.diff.checkpoints import diff_checkpoints
from pulumi_rewind.engine.events import PropertyDiff, ResourcePre, StepMetadata, StepState
from pulumi_rewind.errors import UpdateFailed, UsageError
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.risks import pending_risk, stack_risks
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.records.evidence import KEPT, Evidence, EvidenceStore, name_of
from pulumi_rewind.records.withheld import masked_events
from pulumi_rewind.risk import BlockedError, Risk
from pulumi_rewind.secrets.redaction import Redactor
from pulumi_rewind.state.model import StackRef, urn_name
from pulumi_rewind.state.values import MASK, SECRET, SIG
from pulumi_rewind.up.flags import OURS, UP_ONLY, VALUED, check_flags, given_options, preview_flags
from pulumi_rewind.up.recovery import MADE_BY_UPDATE, Recovery, without_own_losses
from pulumi_rewind.up.review import sides
from pulumi_rewind.up.verify_command import check_command
from tests.support.checkpoints import checkpoint, res, urn
from tests.support.plans import plan_of


@pytest.mark.parametrize("flag", sorted(OURS))
def test_flags_that_are_ours_are_refused_with_what_to_do(flag: str) -> None:
    for given_as in ([flag], ["-m", "x", flag], [f"{flag}=1"] if flag.startswith("--") else [f"-d{flag[1:]}"]):
        with pytest.raises(UsageError, match="can't be passed on") as caught:
            check_flags(given_as)
        assert caught.value.hint


def test_values_are_no_flags_and_words_are_refused() -> None:
    check_flags(["-m", "--yes", "--config", "a=--json", "-ca:b=-y", "--refresh", "--parallel=3", "-p", "4", "-dQ"])
    with pytest.raises(UsageError, match="'template' is not a flag"):
        check_flags(["--refresh", "template"])
    with pytest.raises(UsageError, match="don't go together"):
        check_flags(["--config-file", "x.yaml"], rolls_back=True)
    check_flags(["--config-file", "x.yaml"])


def test_flags_that_stand_in_the_environment_are_passed_on_unless_they_are_ours() -> None:
    theirs = {"PULUMI_OPTION_PARALLEL": "3", "PULUMI_OPTION_CONTINUE_ON_ERROR": "true"}
    ours = {"PULUMI_OPTION_STACK": "x", "PULUMI_OPTION_SHOW_SECRETS": "true", "PULUMI_OPTION_REMOTE_EXECUTOR": "x"}
    assert given_options(theirs | ours | {"PULUMI_HOME": "/x"}) == theirs


def test_the_preview_gets_what_it_knows() -> None:
    flags = ["--target", "x", "--continue-on-error", "--plan", "p.json", "--strict", "--secrets-provider=k", "-m", "y"]
    assert preview_flags(flags) == ("--target", "x", "-m", "y")


@given(st.lists(st.sampled_from(sorted((VALUED | UP_ONLY | {"-d", "--refresh"}) - {"--config-file"}))))
def test_no_flag_gets_lost_on_the_way_to_the_preview(names: list[str]) -> None:
    flags = [part for name in names for part in ([name, "value"] if name in VALUED else [name])]
    check_flags(flags)
    kept = [part for name in names if name not in UP_ONLY for part in ([name, "value"] if name in VALUED else [name])]
    assert list(preview_flags(flags)) == kept


@pytest.mark.parametrize(
    ("command", "timeout", "message"),
    [
        ("  ", 5, "empty"),
        ("echo 'open", 5, "not valid shell text"),
        ("no-such-program-here --fast", 5, "'no-such-program-here' is not found"),
        ("true", 0, "more than 0"),
    ],
)
def test_a_verify_command_that_cannot_succeed_is_refused_early(
    command: str, timeout: float, message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        check_command(command, timeout, os.environ, tmp_path)
    for good in ("true", "A=1 true", "(cd / && true)", "if true; then exit 1; fi", "test -f x"):
        check_command(good, 5, os.environ, tmp_path)


def masked(value: str = "[secret]") -> dict[str, str]:
    return {SIG: SECRET, "ciphertext": value}


def test_the_review_shows_what_changes_and_of_secrets_that_they_do() -> None:
    old = StepState(urn("db"), "t:m:R", "1", inputs={"size": "s", "password": masked(), "token": masked()})
    new = StepState(urn("db"), "t:m:R", "", inputs={"size": "m", "password": masked(), "token": masked()})
    diff = {"size": PropertyDiff("update"), "password": PropertyDiff("update")}
    event = ResourcePre(StepMetadata("update", urn("db"), "t:m:R", old, new, detailed_diff=diff), True)
    gone = ResourcePre(StepMetadata("delete", urn("x"), "t:m:R", old=StepState(urn("x"), "t:m:R", "2")), True)
    found = {item.name: item for item in diff_checkpoints(*sides([event, gone])).resources}
    assert found["x"].op == "delete"
    changes = {change.path: (change.old, change.new) for change in found["db"].changes()}
    assert changes == {"inputs.size": ("s", "m"), "inputs.password": (MASK, MASK)}


def test_evidence_is_kept_private_and_whole_and_the_oldest_goes(tmp_path: Path) -> None:
    journal = Journal("file:///x", StackRef("shop", "dev"), {"XDG_STATE_HOME": str(tmp_path)})
    store = EvidenceStore(journal)
    assert store.read("1") is None
    kept = Evidence(b'{"sequence":1}\n', ("boom",), b"{}")
    for number in range(KEPT + 3):
        place = store.freeze(str(number), kept)
        os.utime(place, (number, number))
    assert store.read("0") is None
    assert store.read(str(KEPT + 2)) == kept
    assert set(kept.files()) == {path.name for path in place.iterdir()}
    private = list((tmp_path / "pulumi-rewind" / "evidence").rglob("*"))
    assert len(private) == 1 + 4 * KEPT
    assert not [path for path in private if path.stat().st_mode & 0o077]
    (place / "errors.json").write_text("[")
    assert store.read(str(KEPT + 2)) is None
    assert (name_of(7, 8), name_of(7, 7)) == ("8", "7-after")


def test_the_longest_secret_is_masked_as_a_whole() -> None:
    long = "keys " * 1000
    redact = Redactor(more=[long, f"-{long}-", "keys"])
    assert [redact(f"a -{long}- b {long}."), redact("a keys")] == [f"a {MASK} b {MASK}.", f"a {MASK}"]


def test_text_of_others_in_events_is_masked_also_where_json_writes_it_otherwise() -> None:
    secret = 'pa"ss\\word'
    holder = res("db", inputs={"p": {SIG: SECRET, "plaintext": json.dumps(secret)}})
    side = checkpoint(holder)
    redact = Redactor([side])
    lines = [{"diagnosticEvent": {"message": f"refused {secret}"}}, {"resourcePreEvent": {"metadata": {"op": "same"}}}]
    log = b"\n".join(json.dumps(line).encode() for line in lines) + b'\n{"diagnosticEvent": "cut'
    clean = masked_events(log, redact).decode()
    assert "ss" not in clean.replace("[secret]", "").replace("message", "")
    assert [json.loads(line) for line in clean.splitlines() if line] == [
        {"diagnosticEvent": {"message": "refused [secret]"}},
        lines[1],
    ]


def test_only_what_is_older_than_the_update_is_lost_by_taking_it_back() -> None:
    before = checkpoint(res("db", id="db-1"))
    loss = Risk("data-loss", "holds data")

    def losing(old_id: str) -> Any:
        step = Step(urn("db"), "db", "t:m:R", "replace", "replaced", (loss,), old_id=old_id)
        plan = plan_of(steps=(step,))
        return without_own_losses(plan, before)

    assert losing("db-1").loses_data
    assert losing("").loses_data, "what it is isn't known"
    again = losing("db-2")
    assert not again.loses_data
    assert [risk.code for risk in again.all_risks] == [MADE_BY_UPDATE]


def test_what_a_killed_update_left_open_is_told_beside_another_risk_of_the_same_resource() -> None:
    left = [{"type": kind, "resource": res(name)} for kind, name in (("updating", "db"), ("creating", "web"))]
    state = checkpoint(res("db"), pending_operations=left)
    session: Any = SimpleNamespace(
        stack=StackRef("p", "dev"), redactor=SimpleNamespace(said=str), backend=SimpleNamespace(live=lambda _: state)
    )
    before: Any = SimpleNamespace(target=SimpleNamespace(label="#1"))
    blocked = BlockedError(
        "not safe to run",
        [Risk("protected", "is protected", urn("db")), pending_risk(state.pending_operations[1], "dev")],
    )
    told = str(Recovery(session, before, UpdateFailed("it failed"))._failed_too(blocked))
    assert told.count("was left pending by a killed update, which was updating it") == 1
    assert told.count("may have been created by a killed update") == 1


def test_an_old_copy_that_waits_for_its_deletion_takes_its_data_along() -> None:
    bucket = "aws:s3/bucket:Bucket"
    live = checkpoint(
        res("data", bucket, id="new"),
        res("data", bucket, id="old", delete=True),
        res("web", id="old", delete=True),
        res("kept", bucket, id="old", delete=True, retainOnDelete=True),
        res("ledger", "acme:crm/ledger:Ledger", id="old", delete=True),
    )
    risks = tuple(
        stack_risks(
            stack="dev",
            live=live, locks=(), live_known=True, target_config=None, live_config=None, refreshed=True,
            stateful=["acme:*"],
        )
    )  # fmt: skip
    assert {(urn_name(risk.urn), risk.loses_data) for risk in risks} == {
        ("data", True),
        ("web", False),
        ("kept", False),
        ("ledger", True),
    }
    assert ["data" in risk.message for risk in risks].count(True) == 2
    plan = plan_of(risks=risks)
    assert plan.losers == ("data", "ledger")
    older = checkpoint(res("data", bucket, id="old"))
    assert without_own_losses(plan, older).losers == ("data",)
    assert without_own_losses(plan, checkpoint()).losers == (), "the update that is taken back has made it"


def test_a_journal_of_an_older_release_is_still_read(tmp_path: Path) -> None:
    journal = Journal("file:///x", StackRef("shop", "dev"), {"XDG_STATE_HOME": str(tmp_path)})
    entry = journal.begin(
        target=3, label="#3", digest="d", start=4, choices=Choices(refresh=True), checkpoint=checkpoint()
    )
    assert (entry.kept, entry.choices.refresh, entry.update) == (True, True, False)
    assert journal.checkpoint_path.read_bytes() == checkpoint().raw
    raw = json.loads(journal.path.read_bytes())
    for name in ("kept", "choices", "update"):
        del raw[name]
    raw |= {"strategy": "program", "only": ["!web"], "adopt": {"db": "i-1"}}
    journal.path.write_bytes(msgspec.json.encode(raw))
    old = journal.read()
    assert old is not None
    assert old.choices == Choices(strategy="program", only=("!web",), adopt={"db": "i-1"})
    journal.end()
    assert list(journal.path.parent.glob("*.json")) == []
