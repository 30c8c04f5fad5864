"""An object that this stack once managed and only reads since: it is taken back, let go of again, and never doubled."""

from __future__ import annotations

import hashlib
import sys

import pytest

from tests.support.plain import HEAD, lose, objects, with_plain
from tests.support.rewind import plan, roll_back, session, steps
from tests.support.stack import EngineStack

MANAGED = (
    HEAD
    + """
zone = Plain("Zone", "zone", {"ttl": 60})
Plain("Pool", "user", {"label": "u", "zone": zone.id})
"""
)
READ = (
    HEAD
    + """
zone = get("Zone", "NAME", "ID")
Plain("Pool", "user", {"label": "u", "zone": zone.id})
"""
)
GONE = HEAD + 'Plain("Pool", "user", {"label": "u", "zone": "elsewhere"})\n'


def entry(stack: EngineStack, name: str = "zone") -> tuple[str, bool]:
    """Id, and whether it is only read."""
    found = stack.resources()[name]
    return found["id"], found.get("external", False)


@pytest.mark.slow
def test_going_back_takes_it_over_and_going_forth_lets_go_of_it(stack: EngineStack) -> None:
    """A stack that was split reads what another one owns: https://github.com/pulumi/pulumi/pull/1654"""
    with_plain(stack)
    stack.up(MANAGED)
    identifier = entry(stack)[0]
    stack.up(READ.replace("NAME", "zone").replace("ID", identifier))

    made = plan(stack, "1")
    assert (steps(made)["zone"].op, steps(made)["zone"].forecast) == ("import", "adopted")
    assert set(steps(made)) == {"zone"}, "who uses it sees no other id"
    assert not made.loses_data
    result = roll_back(stack, "1")
    assert result.differences == ()
    assert entry(stack) == (identifier, False)
    assert len(objects(stack, "Zone")) == 1
    stack.write_program(MANAGED)
    stack.expect_no_changes()

    forth = plan(stack, "2")
    assert [risk.code for risk in steps(forth)["zone"].risks] == ["released"]
    assert steps(forth)["zone"].forecast == "kept"
    assert roll_back(stack, "2").differences == ()
    assert entry(stack) == (identifier, True)
    assert len(objects(stack, "Zone")) == 1

    # By an automatic rollback as well: the update that fails takes it over.
    stack.write_program(
        READ.replace("NAME", "zone").replace("ID", identifier) + 'Plain("Zone", "bad", {"broken": True})'
    )
    roll_back(stack, "1")
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "up", "dev", "--yes", "--rollback-on-failure"])
    assert done.returncode == 5, done.stdout + done.stderr
    assert entry(stack) == (identifier, False)
    assert [one["id"] for one in objects(stack, "Zone")] == [identifier]


@pytest.mark.slow
def test_under_another_name_and_when_live_knows_nothing_of_it(stack: EngineStack) -> None:
    with_plain(stack)
    stack.up(MANAGED)
    identifier = entry(stack)[0]
    for name in ("zone", "other"):
        stack.up(READ.replace("NAME", name).replace("ID", identifier))
    assert entry(stack, "other") == (identifier, True)

    assert roll_back(stack, "1").differences == ()  # from the other name
    assert entry(stack) == (identifier, False)
    assert set(stack.resources()) == {"shop-dev", "default", "zone", "user"}

    # The engine by itself would delete it under one name and read it under the other.
    forth = plan(stack, "3")
    assert (steps(forth)["zone"].forecast, [risk.code for risk in steps(forth)["zone"].risks]) == ("kept", ["released"])
    assert roll_back(stack, "3").differences == ()
    assert set(stack.resources()) == {"shop-dev", "default", "other", "user"}
    assert entry(stack, "other") == (identifier, True)
    assert [one["id"] for one in objects(stack, "Zone")] == [identifier]

    roll_back(stack, "2")
    stack.up(GONE)
    assert roll_back(stack, "1").differences == ()  # live has lost sight of it, the history hasn't
    assert entry(stack) == (identifier, False)
    assert [one["id"] for one in objects(stack, "Zone")] == [identifier]

    # Where its owner has deleted it, another one is made, and the plan says so.
    roll_back(stack, "2")
    stack.up(GONE)
    lose(stack, "Zone", identifier)
    made = plan(stack, "1")
    assert steps(made)["zone"].op == "create"
    assert "not-found" in {risk.code for risk in made.all_risks}


@pytest.mark.slow
def test_what_would_have_to_be_replaced_stays_beside_a_second_one_that_is_announced(stack: EngineStack) -> None:
    with_plain(stack)
    stack.up(MANAGED.replace("60", "60, 'engine': 'old'"))
    identifier = entry(stack)[0]
    stack.up(READ.replace("NAME", "zone").replace("ID", identifier))
    (path,) = (stack.objects / "plain" / "Zone").glob("*.json")
    path.write_text(path.read_text().replace('"old"', '"new"'))  # by its owner

    made = plan(stack, "1")
    assert (steps(made)["zone"].op, steps(made)["zone"].forecast) == ("create", "recreated")
    said = {risk.code: risk.message for risk in steps(made)["zone"].risks}
    assert identifier in said["second-object"]
    assert "engine" in said["not-adopted"]
    assert roll_back(stack, "1").exact
    assert sorted(one["engine"] for one in objects(stack, "Zone")) == ["new", "old"]


@pytest.mark.slow
def test_found_means_whichever_id_the_object_had_last(stack: EngineStack) -> None:
    """The newest id first, then the older ones that rollbacks have left behind in the history."""
    with_plain(stack)
    stack.up(MANAGED)
    ids = [entry(stack)[0]]
    for _ in range(2):
        stack.up(GONE)
        roll_back(stack, "1")
        ids.append(entry(stack)[0])
    assert len(set(ids)) == 3

    def forgotten() -> None:
        stack.up(GONE, "--exclude", stack.resources()["zone"]["urn"])
        stack.pulumi("state", "delete", stack.resources()["zone"]["urn"], "--yes", "-s", stack.name)

    forgotten()
    roll_back(stack, "1", adopt={"*": ""})
    assert entry(stack)[0] == ids[2]
    forgotten()
    (path,) = (stack.objects / "plain" / "Zone").glob("*.json")
    moved = path.read_text().replace(ids[2], ids[1])
    path.unlink()
    path.with_name(hashlib.sha256(ids[1].encode()).hexdigest()[:16] + ".json").write_text(moved)
    roll_back(stack, "1", adopt={"*": ""})
    assert entry(stack)[0] == ids[1]
    assert len(objects(stack, "Zone")) == 1
    assert session(stack).journal.read() is None
