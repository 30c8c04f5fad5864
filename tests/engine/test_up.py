"""`up`: the operator's own program, run by the real engine; what fails is taken back, exactly."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from pulumi_rewind.records.evidence import EvidenceStore, error_of, evidence_of
from pulumi_rewind_tui.text.evidence import evidence_json
from tests.support.faults import engines, slay, stuck, until
from tests.support.rewind import session, settled
from tests.support.stack import EngineStack
from tests.support.terminal import Ran

PASSWORD = "hush-hush-77"

PROGRAM = """
import pulumi, bridged_sdk as bridged
db = bridged.Database("db", {{"engine": "{engine}", "password": pulumi.Output.secret("hush-hush-77")}})
app = bridged.Server("app", {{"image": "{image}", "dependsId": db.id, "userData": pulumi.Output.concat("at ", db.id)}})
zeta = bridged.Server("zeta", {{"image": "{image}"}}, pulumi.ResourceOptions(depends_on=[app]))
{more}
pulumi.export("db", db.id)
"""
OLD = 'bridged.Bucket("old", {"acl": "private"})'
LONE = 'bridged.Server("lone", {"image": "1"})'

HOOKS = """
import pulumi_rewind as rewind

@rewind.undo_update(name="app")
def watch(ctx):
    print(ctx.new.name, f"#{ctx.update.number}", "because", ctx.update.error.splitlines()[0])
"""

RESTORES = """
import json, os, pathlib
import pulumi_rewind as rewind

@rewind.undo_delete(name="db")
def restore(ctx):
    assert ctx.new is None and ctx.update.number == 2
    record = {"id": "db-restored", "type": ctx.old.type, "inputs": {"engine": "pg1", "name": ctx.old.inputs["name"],
              "password": ctx.old.inputs["password"].reveal(), "port": 5432}}
    (pathlib.Path(os.environ["BRIDGED_ROOT"]) / "db" / "db-restored.json").write_text(json.dumps(record))
    return rewind.Restored("db-restored")
"""


def program(version: str, more: str = "") -> str:
    return PROGRAM.format(engine=f"pg{version}", image=f"shop:{version}", more=more)


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "pulumi_rewind_tui.cli", *args]


def rewind(stack: EngineStack, *args: str) -> Ran:
    done = stack.run(command(*args))
    assert PASSWORD not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def comparable(stack: EngineStack) -> dict[str, Any]:
    """The state without what a new object can't have again: its id, names made from it, and what comes from them."""
    found = settled(stack)
    ids = {res["id"]: urn for urn, res in found.items() if res.get("id")}
    text = json.dumps({urn: {**res, "outputs": None} for urn, res in found.items()})
    for identifier, urn in sorted(ids.items(), key=lambda pair: -len(pair[0])):
        text = text.replace(identifier, f"<{urn}>")
    state = json.loads(text)
    for res in state.values():
        if "name" in ((res.get("inputs") or {}).get("__defaults") or ()):
            res["inputs"]["name"] = "<auto>"
    return dict(state)


@pytest.mark.slow
def test_what_fails_is_rolled_back_exactly(stack: EngineStack) -> None:
    stack.write_program(program("15", OLD))
    stack.git_commit("the first")
    good = rewind(stack, "up", "--yes", "--json", "--verify", 'test "$PULUMI_STACK $PULUMI_REWIND_UPDATE" = "dev 1"')
    assert good.code == 0, good
    lines = good.json_lines()
    assert {step["op"] for step in lines[0]["steps"]} == {"create"}
    assert (lines[-1]["result"], lines[-1]["version"], lines[-1]["verified"]) == ("succeeded", 1, True)
    before, zeta = comparable(stack), stack.resources()["zeta"]["id"]

    stack.write_program(program("16", LONE))
    stack.trouble({"name": "zeta", "operation": "update", "action": "fail", "message": f"refused {PASSWORD}"})
    stack.write_file("rewind_hooks.py", HOOKS)
    ran = rewind(stack, "up", "--yes", "--rollback-on-failure", "--", "-m", "the second", "--parallel=4")
    assert ran.code == 5, ran
    assert "~ update  app  bridged:index:Server  in place" in ran.out
    assert '+ image: "shop:16"' in ran.out
    assert "- delete  old" in ran.out
    assert "because of engine" in ran.out
    assert "error: the update failed: zeta: refused [secret]" in ran.err
    assert "✓ done, 1 difference: shop/dev is back at #1" in ran.out, "the name of the new database"
    assert "watch: app #2 because the update failed: zeta: refused [secret]" in ran.out
    assert "✓ watch for app: done" in ran.out
    assert "KeyboardInterrupt" not in ran.out, "how the program was ended is no news"
    assert "next: fix the program, then run `pulumi-rewind up dev`" in ran.out
    assert comparable(stack) == before, "the database has a new id, and everything that used it says so"
    now = stack.resources()
    assert now["zeta"]["id"] == zeta
    assert set(stack.physical()) == {res["id"] for res in now.values() if res["type"].startswith("bridged:")}
    assert session(stack).journal.read() is None
    records = session(stack).records
    assert records is not None
    assert records.numbers() == (1, 2, 3), "the update, the one that failed, and the rollback"
    failed = records.read(2)
    assert failed is not None
    assert set(failed.names("evidence/")) == {"events.jsonl", "errors.json", "checkpoint.json"}
    assert b"refused [secret]" in failed.evidence()["errors.json"]
    assert error_of(session(stack), 2) == "zeta: refused [secret]"
    kept = EvidenceStore(session(stack).journal).directory
    away = kept.rename(kept.with_name("away"))
    assert error_of(session(stack), 2) == "zeta: refused [secret]", "the record has it, too"
    assert error_of(session(stack), 1) == ""
    away.rename(kept)
    assert [session(stack).timeline.update(number).message for number in (2, 3)] == ["the second", "rollback to #1"]

    found = evidence_of(session(stack), 2)
    assert found is not None
    evidence, place = found
    assert evidence.errors == ("zeta: refused [secret]",)
    assert "resOpFailedEvent" in evidence.events.decode()
    assert evidence.checkpoint == session(stack).timeline.history.raw(2)
    for path in [place, *place.iterdir()]:
        assert path.stat().st_mode & 0o077 == 0
        assert path.is_dir() or PASSWORD.encode() not in path.read_bytes()
    shown = rewind(stack, "show", "2")
    assert "refused [secret]" in shown.out
    assert str(place) in shown.out
    assert evidence_json(found) == {"errors": list(evidence.errors), "path": str(place)}
    assert evidence_of(session(stack), 1) is None

    # Without the flag it stops, and says how to go back and how to go on.
    stack.trouble()
    bad = rewind(stack, "up", "--yes", "--verify", "echo it is bad; exit 3")
    assert bad.code == 1, bad
    assert "it is bad" in bad.err
    assert "error: update #4 is not good: the verify command failed with exit code 3" in bad.err
    way = "Roll back: `pulumi-rewind rollback dev 3`; or fix the program and continue with `pulumi-rewind up dev`"
    assert way in bad.err
    assert stack.resources()["app"]["inputs"]["image"] == "shop:16"


@pytest.mark.slow
def test_a_rollback_that_fails_too_can_be_resumed_without_what_blocks_it(stack: EngineStack) -> None:
    stack.up(program("15", LONE))
    urn = stack.resources()["lone"]["urn"]
    stack.pulumi("state", "delete", urn, "--yes", "-s", stack.name)  # now the state is no update's
    before, physical = comparable(stack), stack.physical("srv")
    stack.write_program(program("16", LONE))
    rules = [{"name": "zeta", "operation": "update", "action": "fail", "message": f"zeta says no to {PASSWORD}"}]
    stack.write_file("rules.json", json.dumps(rules))
    verify = 'cp rules.json "$BRIDGED_ROOT/control.json"; exit 4'
    ran = rewind(stack, "up", "--yes", "--rollback-on-failure", "--verify", verify)
    assert ran.code == 6, ran
    assert "error: update #2 is not good: the verify command failed with exit code 4" in ran.err
    assert "and the rollback to the state before #2 failed too" in ran.err
    assert "zeta says no to [secret]" in ran.err
    assert "`pulumi-rewind resume dev --skip zeta` leaves zeta as it is" in ran.err
    entry = session(stack).journal.read()
    assert entry is not None
    assert entry.kept
    kept = session(stack).journal.checkpoint_path
    assert kept.stat().st_mode & 0o077 == 0
    assert PASSWORD.encode() not in kept.read_bytes()
    again = rewind(stack, "up", "--yes", "--rollback-on-failure")
    assert again.code == 3, again
    assert "resume dev --forget" in again.err
    assert "lone" in stack.resources(), "deletes come last"

    resumed = rewind(stack, "resume", "--yes", "--allow-data-loss", "--skip", "zeta")
    assert resumed.code == 0, resumed
    assert "stays as it is, because you skip it; it differs from the target in image" in resumed.out
    after = comparable(stack)
    zeta = urn.replace("::lone", "::zeta")
    assert after[zeta]["inputs"]["image"] == "shop:16"
    assert {key: res for key, res in after.items() if key != zeta} == {
        key: res for key, res in before.items() if key != zeta
    }
    assert physical.keys() <= stack.physical().keys(), "what the state had forgotten is nobody's business"
    assert session(stack).journal.read() is None
    assert not kept.exists()


def stuck_update(stack: EngineStack) -> subprocess.Popen[str]:
    """An update that hangs in the create of ``lone``, all else being done."""
    stack.write_program(program("15", LONE))
    stack.trouble({"name": "lone", "operation": "create", "action": "hang"})
    stack.forget_calls()
    process = subprocess.Popen(
        command("up", "--yes", "--rollback-on-failure"),
        cwd=stack.root,
        env=stack.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: stuck(stack, "create", after="zeta") == {"lone"})
    return process


@pytest.mark.slow
def test_killed_and_interrupted_updates_carry_nothing_along(stack: EngineStack) -> None:
    process = stuck_update(stack)
    entry = session(stack).journal.read()
    assert entry is not None
    assert entry.update
    assert session(stack).journal.running(entry)
    for engine in engines(stack):
        slay(engine)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 6, (out, err)
    assert "locked by" in err
    assert "lone may have been created" in err
    assert "pulumi-rewind resolve --clear" in err
    assert EvidenceStore(session(stack).journal).read("0-after") is not None
    stack.trouble()
    stack.pulumi("cancel", "--yes", stack.name)
    stack.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "-s", stack.name)
    resumed = rewind(stack, "resume", "--yes", "--allow-data-loss")
    assert resumed.code == 0, resumed
    assert stack.resources() == {}, "there was nothing before the first update"
    assert stack.physical() == {}
    assert session(stack).journal.read() is None

    # Ctrl-C: what runs is finished or cancelled, and the operator says what next.
    process = stuck_update(stack)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130, (out, err)
    assert "stopping after the running steps" in out
    assert "error: the update was stopped half-way" in err
    assert f"Roll back: `pulumi-rewind resume {stack.name}`" in err
    assert "zeta" in stack.resources()
    left = session(stack).journal.read()
    assert left is not None
    assert (left.update, session(stack).journal.running(left)) == (True, False)
    assert rewind(stack, "resume", "--forget").code == 0
    assert session(stack).journal.read() is None


@pytest.mark.slow
@pytest.mark.parametrize(
    "hooks",
    [
        pytest.param("", id="anew"),
        pytest.param(
            RESTORES, id="restored", marks=pytest.mark.since("3.252.0", "an import in place of what is deleted")
        ),
    ],
)
def test_what_a_failed_update_has_deleted_is_no_data_that_its_rollback_loses(stack: EngineStack, hooks: str) -> None:
    stack.up(program("1"))
    if hooks:
        stack.write_file("rewind_hooks.py", hooks)
    stack.write_program(program("2"))
    stack.trouble({"name": "db", "operation": "create", "action": "once"})  # it is deleted first
    failed = rewind(stack, "up", "--yes", "--rollback-on-failure")
    assert failed.code == 5, failed
    now = stack.resources()["db"]
    assert set(stack.physical("db")) == {now["id"]}
    assert now["inputs"]["engine"] == "pg1"
    assert stack.resources()["app"]["inputs"]["userData"] == f"at {now['id']}"
    assert (now["id"] == "db-restored") == bool(hooks)
    stack.write_program(program("1"))
    stack.expect_no_changes()
