"""Keeping the data, with the real engine: what would lose data stays, with all that has to stay for it."""

from __future__ import annotations

import json

import pytest

from pulumi_rewind.choices import Choices
from tests.support.rewind import plan, run, said, session, steps
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"

DATABASES = """
db = bridged.Database("db", {{"engine": "{engine}"}})
pulumi.export("engine", db.engine)
"""

SERVERS = """
app = bridged.Server("app", {{"image": "app:{engine}", "dependsId": db.id}})
lone = bridged.Server("lone", {{"image": "lone:{engine}"}})
"""

LATE = """
late = bridged.Database("late", {"engine": "pg16"})
user = bridged.Server("user", {"image": "user:1", "dependsId": late.id})
"""


def program(engine: str, more: str = "") -> str:
    return HEAD + (DATABASES + SERVERS).format(engine=engine) + more


def test_what_would_lose_data_stays_and_needs_no_yes(stack: EngineStack) -> None:
    stack.up(program("pg15"))
    stack.up(program("pg16", LATE))
    before = stack.resources()
    lossy = plan(stack, "1")
    assert {name for name, step in steps(lossy).items() if any(risk.loses_data for risk in step.risks)} == {
        "db",
        "late",
    }
    lossy.close()

    told = said(stack, "rollback", "1", "--yes", "--hold-deletes=none", "--json")
    assert (told.code, "data would be lost in: db, late" in told.out) == (3, True)
    kept = said(stack, "plan", "1", "--keep-data", "--json")
    document = json.loads(kept.out)
    assert document["keepData"] is True
    assert {(one["urn"].rsplit("::", 1)[1], one["keepsData"]) for one in document["leftOut"]} == {
        ("db", True),
        ("late", True),
    }
    assert "its data would be lost; it differs from the target in engine" in kept.out

    made = plan(stack, "1", keep_data=True)
    assert {name: step.op for name, step in steps(made).items()} == {
        "app": "update",
        "lone": "update",
        "user": "delete",
    }
    assert not made.loses_data
    assert not made.blocking
    result, _ = run(stack, made)
    after = stack.resources()
    assert [after[name]["id"] for name in ("db", "late")] == [before[name]["id"] for name in ("db", "late")]
    assert (after["db"]["inputs"]["engine"], after["app"]["inputs"]["image"]) == ("pg16", "app:pg15")
    assert "user" not in after
    assert {(one.urn.rsplit("::", 1)[1], one.expected) for one in result.differences} == {("db", True), ("late", True)}
    assert session(stack).journal.read() is None


def test_with_a_selection_only_what_is_selected_goes_and_no_data_with_it(stack: EngineStack) -> None:
    stack.up(program("pg15"))
    stack.up(program("pg16", LATE))
    made = plan(stack, "1", keep_data=True, only=("app", "db"))
    assert set(steps(made)) == {"app"}
    made.close()
    none = said(stack, "rollback", "1", "--keep-data", "--only", "db", "--yes")
    assert none.code == 0, none.err
    assert "nothing to do: keeping the data leaves nothing to roll back" in none.out
    assert "undo callback" in none.out
    assert "--allow-data-loss" in none.out


def test_a_strategy_without_selection_says_so(stack: EngineStack) -> None:
    stack.up(program("pg15"))
    stack.up(program("pg16"))
    for strategy in ("state", "program"):
        told = said(stack, "plan", "1", "--keep-data", "--strategy", strategy)
        assert told.code == 2
        assert f"the strategy '{strategy}' does not support `--keep-data`" in told.err


def test_an_interrupted_rollback_goes_on_keeping_the_data(stack: EngineStack) -> None:
    stack.up(program("pg15"))
    stack.up(program("pg16"))
    before = stack.resources()
    stack.trouble({"name": "lone", "operation": "update", "action": "fail", "message": "boom"})
    told = said(stack, "rollback", "1", "--keep-data", "--yes")
    assert told.code == 4, told.err
    entry = session(stack).journal.read()
    assert entry is not None
    assert entry.choices == Choices(keep_data=True)
    stack.trouble()
    done = said(stack, "resume", "--yes")
    assert done.code == 0, done.err
    after = stack.resources()
    assert (after["db"]["id"], after["lone"]["inputs"]["image"]) == (before["db"]["id"], "lone:pg15")


@pytest.mark.since("3.207.0", "replaceWith")
def test_what_would_replace_it_stays_with_it(stack: EngineStack) -> None:
    """A resource of ``replaceWith`` is among nobody's dependencies."""
    text = (
        HEAD
        + """
net = bridged.Server("net", {{"image": "net", "zone": "{version}"}})
bridged.Database("db", {{"engine": "pg"}}, opts=pulumi.ResourceOptions(replace_with=[net]))
bridged.Server("lone", {{"image": "{version}"}})
"""
    )
    stack.up(text.format(version="1"))
    stack.up(text.format(version="2"))
    before = stack.resources()
    made = plan(stack, "1", keep_data=True)
    assert {name: step.op for name, step in steps(made).items()} == {"lone": "update"}
    assert [note.message for note in made.prepared.notes if note.urn.endswith("::net")] == [
        "stays as it is, because db, which stays, uses it; it differs from the target in zone"
    ]
    run(stack, made)
    assert stack.resources()["db"]["id"] == before["db"]["id"]
