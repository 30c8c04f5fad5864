"""State migrations of components: an update rewrote its own prior state, and a rollback goes back over that."""

from __future__ import annotations

import pytest

from pulumi_rewind.errors import EngineError
from tests.support.rewind import plan, roll_back, run, settled
from tests.support.stack import EngineStack

pytestmark = pytest.mark.since("3.264.0", "state migrations")

BEFORE = """
import pulumi, bridged_sdk as bridged
class Site(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("my:c:Site", name, {}, opts)
        self.web = bridged.Server(f"{name}-a", {"image": "i", "size": "small"}, pulumi.ResourceOptions(parent=self))
        self.register_outputs({"id": self.web.id})
site = Site("site")
user = bridged.Server("user", {"image": "u", "dependsId": site.web.id})
pulumi.export("web", site.web.id)
"""

RENAMED = """
import pulumi, bridged_sdk as bridged
def migrate(args):
    old = [dict(entry) for entry in args.old_state]
    moved = {}
    for entry in old:
        if entry["urn"].endswith("::site-a"):
            moved[entry["urn"]] = entry["urn"].removesuffix("site-a") + "site-web"
            entry["urn"] = moved[entry["urn"]]
            entry["inputs"] = entry["inputs"] | {"tags": {"by": "migration"}}
            entry["outputs"] = entry["outputs"] | {"tags": {"by": "migration"}}
    return pulumi.StateMigrationResult(old, moved) if moved else None
class Site(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(state_migrations=[migrate]))
        super().__init__("my:c:Site", name, {}, opts)
        self.web = bridged.Server(f"{name}-web", {"image": "i", "size": "small", "tags": {"by": "migration"}},
                                  pulumi.ResourceOptions(parent=self))
        self.register_outputs({"id": self.web.id})
site = Site("site")
user = bridged.Server("user", {"image": "u", "dependsId": site.web.id})
pulumi.export("web", site.web.id)
"""


def test_what_a_migration_renamed_and_rewrote_is_the_same_object(stack: EngineStack) -> None:
    stack.up(BEFORE)
    before = settled(stack)
    first = stack.resources()["site-a"]["id"]
    stack.up(RENAMED)
    assert stack.resources()["site-web"]["id"] == first
    assert "tags" not in stack.physical("srv")[first]["inputs"]
    made = plan(stack, "1")
    assert [(step.name, step.op, step.forecast, step.keys) for step in made.steps] == [
        ("site-a", "update", "restored", ("tags",))
    ]
    assert run(stack, made)[0].differences == ()
    assert settled(stack) == before
    stack.write_program(BEFORE)
    stack.expect_no_changes()
    stack.up(RENAMED)
    assert stack.resources()["site-web"]["id"] == first


SPLIT = """
import pulumi, bridged_sdk as bridged
def migrate(args):
    old = [dict(entry) for entry in args.old_state]
    if any(entry["urn"].endswith("::site-b") for entry in old):
        return None
    one = next(entry for entry in old if entry["urn"].endswith("::site-a"))
    return pulumi.StateMigrationResult([*old, dict(one, urn=one["urn"].removesuffix("-a") + "-b")], {})
class Site(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(state_migrations=[migrate]))
        super().__init__("my:c:Site", name, {}, opts)
        below = pulumi.ResourceOptions(parent=self)
        self.web = bridged.Server(f"{name}-a", {"image": "i", "size": "small"}, below)
        bridged.Server(f"{name}-b", {"image": "i", "size": "small"}, below)
        self.register_outputs({"id": self.web.id})
site = Site("site")
user = bridged.Server("user", {"image": "u", "dependsId": site.web.id})
pulumi.export("web", site.web.id)
"""


def test_an_object_of_two_entries_is_not_deleted_for_one_of_them(stack: EngineStack) -> None:
    stack.up(BEFORE)
    before = settled(stack)
    objects = stack.physical()
    stack.up(SPLIT)
    now = stack.resources()
    assert now["site-a"]["id"] == now["site-b"]["id"]
    made = plan(stack, "1")
    (risk,) = (risk for step in made.steps for risk in step.risks)
    assert (risk.code, risk.blocking, risk.urn) == ("shared-object", True, now["site-b"]["urn"])
    stack.pulumi("state", "delete", now["site-b"]["urn"], "--yes", "-s", stack.name)
    assert roll_back(stack, "1").result == "nothing-to-do"
    assert settled(stack) == before
    assert stack.physical() == objects


def test_a_plan_of_the_engine_and_a_migration_exclude_each_other(stack: EngineStack) -> None:
    stack.up(BEFORE)
    stack.write_program(RENAMED)
    stack.git_commit("renamed")
    stack.pulumi("up", "--yes", "--skip-preview", "-s", stack.name)
    roll_back(stack, "1")
    with pytest.raises(EngineError, match="state migration") as caught:
        plan(stack, "2", strategy="program")
    assert "--strategy checkpoint" in caught.value.hint
    assert roll_back(stack, "2").differences == ()
    stack.write_program(RENAMED)
    stack.expect_no_changes()
