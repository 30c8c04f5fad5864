"""The old checkpoint as the state again: nothing is touched, the state before is kept, a damaged one is mended."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pulumi_rewind.errors import CheckpointError, EngineError, RefusedError
from pulumi_rewind.guard.kept_states import copy_path
from pulumi_rewind.strategies.state import StatePrepared
from tests.support.passphrases import rotate
from tests.support.rewind import plan, run, session
from tests.support.stack import EngineStack

WORLD = """
import pulumi, bridged_sdk as bridged
web = bridged.Server("web", {"image": "%s", "userData": pulumi.Output.secret("hush-hush")})
bridged.Bucket("%s", {"acl": "private"})
"""


def content(stack: EngineStack) -> list[dict[str, object]]:
    """The resources of the live state, decrypted."""
    found: list[dict[str, object]] = stack.export()["deployment"]["resources"]
    return found


@pytest.mark.slow
def test_an_old_state_comes_back_without_touching_anything(stack: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OLD_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    stack.write_file("rewind.toml", 'passphrase_env = ["OLD_PASSPHRASE"]\n')
    stack.up(WORLD % ("one", "old"))
    one = content(stack)
    old = stack.resources()["old"]["id"]
    stack.up(WORLD % ("two", "new"))
    rotate(stack, "another passphrase")
    two, new = content(stack), stack.resources()["new"]["id"]
    salt = stack.export(show_secrets=False)["deployment"]["secrets_providers"]["state"]["salt"]
    config = stack.config_file.read_text()
    things = stack.physical()
    stack.forget_calls()

    made = plan(stack, "1", strategy="state")
    assert made.steps == ()
    assert not made.nothing_to_do
    assert {(one.urn.rsplit("::", 1)[-1], one.message.split(";")[0]) for one in made.state_only} == {
        ("web", "is recorded as it was"), ("old", "is in the state again"), ("new", "is no longer in the state"),
    }  # fmt: skip
    risks = {risk.code: risk for risk in made.risks}
    assert risks["forgotten"].message == (
        f"exists now as {new} and would be forgotten: the object stays, but no stack manages it any more"
    )
    assert risks["forgotten"].urn.endswith("::new")
    assert f"was {old} then" in risks["may-be-gone"].message
    assert isinstance(made.prepared, StatePrepared)
    assert str(made.prepared.copy) in risks["copy-kept"].message
    assert not made.blocking
    moved = stack.state_file.read_bytes()
    stack.state_file.write_bytes(moved.replace(b'"two"', b'"2.5"'))
    with pytest.raises(RefusedError, match="changed since the plan"):
        run(stack, made)
    stack.state_file.write_bytes(moved)
    assert not made.prepared.copy.exists()

    # From the command line: the events, the copy, the way back.
    command = ["rollback", "1", "--strategy", "state", "--yes", "--json"]
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", *command])
    assert done.returncode == 0, done.stderr
    assert "hush-hush" not in done.stdout + done.stderr
    end = json.loads(done.stdout.splitlines()[-1])
    assert (end["result"], end["differences"]) == ("succeeded", [])
    assert "pulumi refresh --preview-only -s dev" in end["notes"][1]
    copy = Path(end["notes"][0].removeprefix("the previous state is in "))
    assert copy.stat().st_mode & 0o777 == 0o600
    assert b"hush-hush" not in copy.read_bytes()
    assert content(stack) == one
    assert stack.export(show_secrets=False)["deployment"]["secrets_providers"]["state"]["salt"] == salt
    assert stack.config_file.read_text() == config
    assert session(stack).journal.read() is None
    assert len(session(stack).timeline) == 2
    stack.pulumi("stack", "import", "-s", stack.name, "--file", str(copy))
    assert content(stack) == two
    assert (stack.calls(), stack.physical()) == ([], things)

    # A state that can't be read any more.
    stack.state_file.write_bytes(stack.state_file.read_bytes()[:300])
    damaged = stack.state_file.read_bytes()
    with pytest.raises(CheckpointError) as unreadable:
        plan(stack, "2")
    assert "--strategy state" in unreadable.value.hint
    broken = plan(stack, "2", strategy="state")
    assert "live-unreadable" in {risk.code for risk in broken.risks}
    assert "edited-outside" not in {risk.code for risk in broken.risks}
    assert broken.recommendation is not None
    assert broken.recommendation.strategy == "state"
    assert isinstance(broken.prepared, StatePrepared)
    result, _ = run(stack, broken)
    assert (result.result, result.differences) == ("succeeded", ())
    assert broken.prepared.copy.read_bytes() == damaged
    assert [res.get("inputs") for res in content(stack)] == [res.get("inputs") for res in two]
    assert (stack.calls(), stack.physical()) == ([], things)


def test_what_can_not_be_put_back_changes_nothing(stack: EngineStack) -> None:
    """A lock, no room for the copy, a CLI that says no, a name of another time; then a state that is lost."""
    stack.up(WORLD % ("one", "old"))
    stack.up(WORLD % ("two", "old"))
    before = stack.state_file.read_bytes()
    made = plan(stack, "1", strategy="state")
    assert isinstance(made.prepared, StatePrepared)
    lock = stack.backend / ".pulumi" / "locks" / "organization" / "shop" / "dev" / "a.json"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.write_text('{"pid": 1, "username": "ada", "hostname": "box"}')
    with pytest.raises(RefusedError, match="locked by ada@box"):
        run(stack, made)
    lock.unlink()
    made.prepared.copy.parent.mkdir(parents=True)
    made.prepared.copy.write_text("taken")
    with pytest.raises(RefusedError, match="can't be saved"):
        run(stack, made)
    made.prepared.copy.unlink()
    stack.passphrase = "wrong"
    with pytest.raises(Exception, match="passphrase is wrong") as caught:
        run(stack, made)
    assert "Nothing was changed" in getattr(caught.value, "hint", "")
    stack.passphrase = "correct horse battery staple"
    assert stack.state_file.read_bytes() == before
    assert session(stack).journal.read() is None

    checkpoint = sorted(stack.history_directory.glob("*.checkpoint.json"))[0]
    checkpoint.write_bytes(checkpoint.read_bytes().replace(b"urn:pulumi:dev::", b"urn:pulumi:old::"))
    renamed = plan(stack, "1", strategy="state")
    assert [risk.code for risk in renamed.blocking] == ["renamed-stack"]
    stack.state_file.unlink()
    with pytest.raises(Exception, match="no stack shop/dev") as lost:
        session(stack)
    assert "pulumi stack init dev" in getattr(lost.value, "hint", "")
    assert not isinstance(lost.value, EngineError)
    stack.pulumi("stack", "init", "dev")
    result, _ = run(stack, plan(stack, "2", strategy="state"))
    assert result.result == "succeeded"
    assert stack.resources()["web"]["inputs"]["image"] == "two"


def test_plans_of_one_second_keep_their_copies_apart(stack: EngineStack) -> None:
    opened = session(stack)
    names = [copy_path(opened) for _ in range(3)]
    assert len(set(names)) == 3
    assert sorted(names) == names
