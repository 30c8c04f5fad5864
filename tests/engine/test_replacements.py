"""Replacements that take the place of what they replace: nothing may be lost by the order in which they are made."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pulumi_rewind.errors import UsageError
from tests.support.plain import FIRST, HEAD, objects, with_plain
from tests.support.rewind import plan, roll_back, session, steps
from tests.support.stack import EngineStack
from tests.support.terminal import Ran

PROGRAM = (
    HEAD
    + f"""
import json
made = []
for at, item in enumerate(json.load(open("spec.json"))):
    props = {{**item["props"], "engine": item["engine"]}}
    if item["uses"] and made:
        props["uses"] = made[item["uses"] % len(made)].arn
    made.append(Plain(item["kind"], f"r{{at}}", props, {FIRST}))
"""
)

WAYS = {
    "File": lambda at: {"path": f"/srv/{at}"},
    "Hashed": lambda at: {"filename": f"/etc/{at}.conf", "mode": "600"},
    "Pool": lambda at: {"label": f"pool-{at}"},
    "Zone": lambda at: {"comment": f"zone {at}"},
}
PLACES = {"File": "path", "Hashed": "filename", "Pool": "label", "Zone": "comment"}

resource = st.tuples(st.sampled_from(sorted(WAYS)), st.booleans(), st.integers(0, 3))


@pytest.mark.slow
@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(resource, min_size=2, max_size=6).filter(lambda found: any(one[1] for one in found)))
def test_whatever_is_replaced_is_there_afterwards(
    make_stack: Callable[..., EngineStack], drawn: list[tuple[str, bool, int]]
) -> None:
    """The file that is gone after a replacement made first: https://github.com/hashicorp/terraform-provider-local/issues/146"""
    stack = with_plain(make_stack())

    def deploy(version: int) -> None:
        spec = [
            {"kind": kind, "props": WAYS[kind](at), "engine": f"v{version if moves else 1}", "uses": uses}
            for at, (kind, moves, uses) in enumerate(drawn)
        ]
        stack.write_file("spec.json", json.dumps(spec))
        stack.up(PROGRAM)

    deploy(1)
    deploy(2)
    result = roll_back(stack, "1")
    assert result.differences == ()
    for at, (kind, _, _) in enumerate(drawn):
        mine = [one for one in objects(stack, kind) if one[PLACES[kind]] == WAYS[kind](at)[PLACES[kind]]]
        assert [one["engine"] for one in mine] == ["v1"], (kind, at)
    spec = json.loads((stack.root / "spec.json").read_text())
    stack.write_file("spec.json", json.dumps([{**item, "engine": "v1"} for item in spec]))
    stack.expect_no_changes()


def test_what_was_deleted_with_its_predecessor_is_named_and_comes_back(stack: EngineStack) -> None:
    with_plain(stack)
    text = HEAD + f"Plain('Slot', 'a', dict(place='p1', engine='{{}}'), {FIRST})\nPlain('Zone', 'z')\n"
    stack.up(text.format("1"))
    stack.up(text.format("2"))

    result = roll_back(stack, "1")
    assert not result.exact
    (difference,) = result.differences
    assert "is gone" in difference.message
    assert "--delete-first a" in difference.message
    assert objects(stack, "Slot") == []

    stack.refresh()
    assert roll_back(stack, "1", delete_first=("a",)).differences == ()
    stack.up(text.format("2"))
    result = roll_back(stack, "1", delete_first=("*:Slot",))  # a pattern of the type
    assert (result.differences, [one["engine"] for one in objects(stack, "Slot")]) == ((), ["1"])
    with pytest.raises(UsageError, match="matches no resource"):
        plan(stack, "2", delete_first=("b",))


def command(stack: EngineStack, *args: str) -> Ran:
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", *args])
    return Ran(done.returncode, done.stdout, done.stderr)


def test_a_name_that_is_taken_is_announced_and_the_run_goes_on(stack: EngineStack) -> None:
    """https://github.com/pulumi/pulumi-azure/issues/215"""
    with_plain(stack)
    text = (
        HEAD
        + f"""
pool = Plain("Pool", "pool", dict(label="blue", engine="{{}}"), {FIRST})
Plain("Zone", "zone", dict(uses=pool.arn))
"""
    )
    stack.up(text.format("1"))
    stack.up(text.format("2"))
    made = plan(stack, "1")
    assert [risk.code for risk in steps(made)["pool"].risks] == ["same-name"]
    assert not steps(made)["pool"].delete_first
    assert roll_back(stack, "1").differences == ()
    assert [one["engine"] for one in objects(stack, "Pool")] == ["1"]
    assert session(stack).journal.read() is None

    # A failed update has shown the order: then the plan knows it.
    stack.write_program(text.format("3") + "Plain('Zone', 'bad', dict(broken=True, uses=pool.arn))\n")
    ran = command(stack, "up", "dev", "--yes", "--rollback-on-failure", "--json")
    assert ran.code == 5, ran.out + ran.err
    planned = next(line for line in map(json.loads, ran.out.splitlines()) if line.get("of") == "rollback")
    (step,) = [one for one in planned["steps"] if one["name"] == "pool"]
    assert "as an earlier update of this stack did" in step["risks"][0]["message"]
    assert [one["engine"] for one in objects(stack, "Pool")] == ["1"]


def test_what_could_not_be_foreseen_ends_with_an_offer_that_leads_to_the_end(stack: EngineStack) -> None:
    with_plain(stack)
    text = HEAD + f'Plain("Pool", "pool", dict(code="77", engine="{{}}"), {FIRST})\n'
    stack.up(text.format("1"))
    stack.up(text.format("2"))
    assert steps(plan(stack, "1"))["pool"].risks == ()
    for words in (("rollback", "dev", "1"), ("resume", "dev")):
        ran = command(stack, *words, "--yes")
        assert (ran.code, "resume dev --delete-first pool" in ran.err) == (4, True), ran.out + ran.err
    ran = command(stack, "resume", "dev", "--yes", "--delete-first", "pool")
    assert ran.code == 0, ran.out + ran.err
    assert [one["engine"] for one in objects(stack, "Pool")] == ["1"]
    assert session(stack).journal.read() is None

    # What a team knows is in its settings.
    stack.up(text.format("2"))
    (stack.root / "rewind.toml").write_text('delete_first = ["plain:index:Pool"]\n')
    made = plan(stack, "1")
    assert [risk.message for risk in steps(made)["pool"].risks] == [
        "is deleted before its replacement is created, as rewind.toml says"
    ]
    assert roll_back(stack, "1").differences == ()
