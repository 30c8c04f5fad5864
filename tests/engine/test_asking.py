"""With the real engine: providers are asked about what differs, and all else stays in the state as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulumi_rewind.choices import USUAL
from pulumi_rewind.engine.cli import EngineRun
from pulumi_rewind.engine.events import Phase, ResourceDone
from pulumi_rewind.errors import RewindError
from pulumi_rewind.goal.model import GoalChanges
from pulumi_rewind.goal.replay_report import Previewed
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.prepared import ReplayPrepared
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.strategies.checkpoint import previews
from pulumi_rewind.strategies.choosing import plan_by_strategy
from pulumi_rewind.strategies.preview import preview
from tests.support.faults import stuck, until
from tests.support.rewind import plan, roll_back, run, session, steps
from tests.support.stack import EngineStack

pytestmark = pytest.mark.engine

HEAD = "import pulumi, bridged_sdk as bridged\nO = pulumi.ResourceOptions\n"
OTHERS = "".join(f'bridged.Server("other-{number}", {{"image": "fixed"}})\n' for number in range(6))


def asked(stack: EngineStack) -> set[str]:
    """The names of all that the provider was asked about."""
    return {call["name"] for call in stack.calls()}


def without_times(resources: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    noted = {"created", "modified", "sourcePosition", "stackTrace"}
    return {name: {key: value for key, value in res.items() if key not in noted} for name, res in resources.items()}


@pytest.fixture
def refused(stack: EngineStack) -> EngineStack:
    """A stack of which all but `web`, which has changed, can't be looked at."""
    program = HEAD + 'web = bridged.Server("web", {"image": "IMAGE"})\npulumi.export("id", web.id)\n'
    program += 'pulumi.export("image", "IMAGE")\n' + OTHERS
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    for_all = [{"name": f"other-{number}", "operation": "*", "action": "fail"} for number in range(6)]
    stack.trouble(*for_all)
    stack.write_program(program.replace("IMAGE", "one"))
    return stack


def test_only_what_differs_is_asked_about(refused: EngineStack) -> None:
    before = refused.resources()
    made = plan(refused, "1")
    assert list(steps(made)) == ["web"]
    assert made.changes == {"update": 1, "same": 6}
    assert len(ReplayPrepared.of(made.prepared).report.kept) == 6
    result, _ = run(refused, made, check_again=True)
    assert result.differences == ()
    assert result.changes == {"update": 1, "same": 7}
    after = refused.resources()
    assert after.keys() == before.keys()
    assert {name: res for name, res in after.items() if "other" in name} == {
        name: res for name, res in before.items() if "other" in name
    }
    refused.trouble()
    refused.expect_no_changes()


def test_what_was_not_asked_about_takes_no_part_in_the_plan(
    refused: EngineStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine tells of each resource that it leaves alone; a plan of 10 in 10,000 has no use for that."""
    told: list[str] = []

    def spied(*given: Any, **named: Any) -> Previewed:
        found = preview(*given, **named)
        told.extend(event.step.urn.rpartition("::")[2] for event in found[0] if isinstance(event, ResourceDone))
        return found

    monkeypatch.setattr(previews, "preview", spied)
    plan(refused, "1")
    assert "web" in told
    assert not [name for name in told if name.startswith("other")]


def test_a_refresh_asks_about_everything(refused: EngineStack) -> None:
    refused.trouble()
    refused.forget_calls()
    made = plan(refused, "1", refresh=True)
    assert ReplayPrepared.of(made.prepared).asked == ()


def test_where_the_run_fails_all_stays_in_the_state_and_it_can_be_tried_again(refused: EngineStack) -> None:
    made = plan(refused, "1")
    before = refused.resources()
    refused.trouble({"name": "*", "operation": "update", "action": "fail"})
    with pytest.raises(Exception, match="web"):
        run(refused, made)
    assert refused.resources().keys() == before.keys()
    refused.trouble()
    assert roll_back(refused, "1").differences == ()
    refused.expect_no_changes()


def test_where_a_replaced_object_has_more_users_than_were_asked_about_everything_is(stack: EngineStack) -> None:
    """The name stays, so that the two states differ in the object alone. The operator sees why it takes longer."""
    program = (
        HEAD + 'store = bridged.Bucket("store", {"name": "store", "region": "ZONE"}, O(delete_before_replace=True))\n'
    )
    program += "".join(
        f'bridged.Server("user-{number}", {{"image": "fixed", "dependsId": store.id}})\n' for number in range(6)
    )
    stack.up(program.replace("ZONE", "a"))
    stack.up(program.replace("ZONE", "b"))
    seen: list[str] = []
    made = plan(stack, "1", observe=lambda event: seen.append(event.message) if isinstance(event, Phase) else None)
    assert seen[-2:] == ["previewing with the engine", "previewing once more, about everything"]
    assert ReplayPrepared.of(made.prepared).asked == ()
    assert steps(made)["store"].op == "replace"
    assert [
        one for one in run(stack, made, check_again=True, allow_data_loss=True)[0].differences if not one.expected
    ] == []
    stack.write_program(program.replace("ZONE", "a"))
    stack.expect_no_changes()


def test_what_refers_to_a_new_object_follows(stack: EngineStack) -> None:
    program = HEAD + 'web = bridged.Server("web", {"image": "one", "zone": "ZONE"})\n'
    program += 'bridged.Server("user", {"image": "fixed", "dependsId": web.id})\n' + OTHERS
    stack.up(program.replace("ZONE", "a"))
    stack.up(program.replace("ZONE", "b"))
    made = plan(stack, "1")
    assert {name: step.op for name, step in steps(made).items()} == {"web": "replace", "user": "update"}
    stack.forget_calls()
    assert [one for one in run(stack, made, check_again=True)[0].differences if not one.expected] == []
    assert asked(stack) == {"web", "user"}
    stack.write_program(program.replace("ZONE", "a"))
    stack.expect_no_changes()


def test_what_refers_to_an_updated_object_is_not_asked_about_where_it_is_most(stack: EngineStack) -> None:
    program = HEAD + 'web = bridged.Server("web", {"image": "IMAGE"})\n'
    program += "".join(
        f'bridged.Server("user-{number}", {{"image": "fixed", "dependsId": web.id}})\n' for number in range(6)
    )
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    stack.forget_calls()
    assert roll_back(stack, "1").differences == ()
    assert {call["name"] for call in stack.calls()} == {"web"}
    stack.write_program(program.replace("IMAGE", "one"))
    stack.expect_no_changes()


def test_a_provider_with_another_configuration_is_met_by_everything(stack: EngineStack) -> None:
    """Its resources are the same on both sides, but not what the next run makes of them."""
    stack.config_set("bridged:account", "north")
    program = HEAD + 'bridged.Server("web", {"image": "IMAGE"})\n' + OTHERS
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    stack.config_set("bridged:account", "south")
    made = plan(stack, "1", todays_config=True)
    assert ReplayPrepared.of(made.prepared).asked == ()
    assert set(steps(made)) == {"web", *(f"other-{number}" for number in range(6))}


def test_a_changed_component_keeps_its_other_children(stack: EngineStack) -> None:
    program = HEAD + (
        "class Group(pulumi.ComponentResource):\n"
        "    def __init__(self, name, zone):\n"
        '        super().__init__("shop:index:Group", name)\n'
        '        first = bridged.Server(f"{name}-web", {"image": "fixed", "zone": zone}, O(parent=self))\n'
        "        for number in range(3):\n"
        '            bridged.Server(f"{name}-{number}", {"image": "fixed"}, O(parent=self))\n'
        "        self.web = first.id\n"
        '        self.register_outputs({"web": first.id})\n'
        'group = Group("group", "ZONE")\n'
        'bridged.Server("user", {"image": "fixed", "dependsId": group.web})\n'
        'pulumi.export("web", group.web)\n'
    )
    program += OTHERS
    stack.up(program.replace("ZONE", "a"))
    stack.up(program.replace("ZONE", "b"))
    made = plan(stack, "1")
    names = {one.rpartition("::")[2] for one in ReplayPrepared.of(made.prepared).asked}
    assert names == {"group", "group-web", "user"}
    assert [one for one in run(stack, made, check_again=True)[0].differences if not one.expected] == []
    stack.write_program(program.replace("ZONE", "a"))
    stack.expect_no_changes()
    resources = {name.rpartition("::")[2]: res for name, res in stack.resources().items()}
    assert resources["group"]["outputs"]["web"] == resources["group-web"]["id"]
    assert resources["user"]["inputs"]["dependsId"] == resources["group-web"]["id"]
    assert resources["shop-dev"]["outputs"]["web"] == resources["group-web"]["id"]


@pytest.mark.parametrize("name", ["a,b", "--yes", "two words", "Straße", "a'b $HOME"])
def test_any_other_name_is_meant_as_it_stands(stack: EngineStack, name: str) -> None:
    program = HEAD + OTHERS + f'bridged.Server({name!r}, {{"image": "IMAGE"}})\n'
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    made = plan(stack, "1")
    assert [one.rpartition("::")[2] for one in ReplayPrepared.of(made.prepared).asked] == [name]
    assert {found: step.op for found, step in steps(made).items()} == {name: "update"}
    assert run(stack, made)[0].differences == ()


def killed_after_a_step(stack: EngineStack, running: RollbackRun, kill: Callable[[Any], None]) -> None:
    """Kills the engine alone, or the whole run, once all but one is updated."""
    done = 0
    for event in running.events():
        if isinstance(event, ResourceDone) and event.step.op == "update":
            done += 1
            if done == 2:
                until(lambda: stuck(stack, "update") == {"web-1"})
                kill(running.engine_run if kill is EngineRun.kill else running)


@pytest.mark.parametrize("kill", [EngineRun.kill, RollbackRun.kill])
def test_a_killed_run_loses_nothing(stack: EngineStack, kill: Callable[[Any], None]) -> None:
    """What the engine was not told of stays in the state, whatever became of what it was told of."""
    program = HEAD + OTHERS + "".join(f'bridged.Server("web-{number}", {{"image": "IMAGE"}})\n' for number in range(3))
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    before = stack.resources()
    made = plan(stack, "1")
    assert len(ReplayPrepared.of(made.prepared).report.kept) == 6
    stack.trouble({"name": "web-1", "operation": "update", "action": "hang"})
    running = RollbackRun(session(stack), made)
    with pytest.raises(RewindError):
        killed_after_a_step(stack, running, kill)
    assert stack.resources().keys() == before.keys()
    stack.trouble()
    stack.pulumi("cancel", "--yes", check=False)
    result = roll_back(stack, "1")
    assert [one for one in result.differences if not one.expected] == []
    assert stack.resources().keys() == before.keys()
    stack.write_program(program.replace("IMAGE", "one"))
    stack.expect_no_changes()


def test_a_name_that_is_a_pattern_to_the_engine_does_not_mean_others(stack: EngineStack) -> None:
    program = HEAD + OTHERS + 'bridged.Server("*.shop.example", {"image": "IMAGE"})\n'
    program += 'bridged.Server("www.shop.example", {"image": "fixed"})\n'
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    made = plan(stack, "1")
    assert {name: step.op for name, step in steps(made).items()} == {"*.shop.example": "update"}
    assert run(stack, made, check_again=True)[0].differences == ()
    stack.write_program(program.replace("IMAGE", "one"))
    stack.expect_no_changes()


def test_what_is_made_and_deleted_keeps_the_others(stack: EngineStack) -> None:
    web = 'web = bridged.Server("web", {"image": "one"})\n'
    old = HEAD + web + 'bridged.Server("old", {"image": "one", "dependsId": web.id})\n' + OTHERS
    stack.up(old)
    stack.up(HEAD + web + 'bridged.Server("new", {"image": "one", "dependsId": web.id})\n' + OTHERS)
    stack.forget_calls()
    made = plan(stack, "1")
    assert {name: step.op for name, step in steps(made).items()} == {"old": "create", "new": "delete"}
    result, _ = run(stack, made, check_again=True)
    assert [one for one in result.differences if not one.expected] == []
    assert asked(stack) == {"old", "new"}
    stack.write_program(old)
    stack.expect_no_changes()


def test_a_default_provider_that_nothing_asked_about_uses_stays(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.install_provider("2.0.0")
    program = HEAD + 'bridged.Server("web", {"image": "IMAGE"}, O(version="2.0.0"))\n'
    program += OTHERS.replace('"fixed"})', '"fixed"}, O(version="1.0.0"))')
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    before = stack.resources()
    assert len([name for name in before if name.startswith("default")]) == 2, before.keys()
    made = plan(stack, "1")
    assert ReplayPrepared.of(made.prepared).asked
    assert run(stack, made, check_again=True)[0].differences == ()
    assert stack.resources().keys() == before.keys()
    stack.write_program(program.replace("IMAGE", "one"))
    stack.expect_no_changes()


def test_secrets_that_are_only_encrypted_anew_are_the_same(stack: EngineStack) -> None:
    program = HEAD + 'bridged.Server("web", {"image": "IMAGE"})\n'
    program += OTHERS.replace('"fixed"', 'pulumi.Output.secret("hush-hush")')
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    made = plan(stack, "1")
    assert [one.rpartition("::")[2] for one in ReplayPrepared.of(made.prepared).asked] == ["web"]
    assert run(stack, made, check_again=True)[0].differences == ()
    stack.write_program(program.replace("IMAGE", "one"))
    stack.expect_no_changes()


def two_changed(stack: EngineStack) -> tuple[str, str]:
    """A stack of which two have changed; their URNs."""
    program = HEAD + OTHERS + "".join(f'bridged.Server("web-{number}", {{"image": "IMAGE"}})\n' for number in range(2))
    stack.up(program.replace("IMAGE", "one"))
    stack.up(program.replace("IMAGE", "two"))
    found = sorted(res["urn"] for name, res in stack.resources().items() if name.startswith("web-"))
    return found[0], found[1]


def test_what_the_goal_has_otherwise_is_never_left_out(stack: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The goal decides, whatever the comparison of the two states has said."""
    one, _ = two_changed(stack)
    monkeypatch.setattr(previews, "asked_about", lambda *_: (one,))
    made = plan(stack, "1")
    assert ReplayPrepared.of(made.prepared).asked == ()
    assert set(steps(made)) == {"web-0", "web-1"}


@pytest.mark.parametrize(("name", "everything"), [("web-0", False), ("other-0", True)])
def test_what_a_callback_is_about_is_asked_about(stack: EngineStack, name: str, *, everything: bool) -> None:
    one, other = two_changed(stack)
    urn = f"{one.rpartition('::')[0]}::{name}"
    opened = session(stack)
    target = resolve_target(opened.timeline, "1")
    made = plan_by_strategy(opened, target, USUAL, changes=GoalChanges(inputs={urn: {"image": "restored"}}))
    assert ReplayPrepared.of(made.prepared).asked == (() if everything else (one, other))
    assert set(steps(made)) == {"web-0", "web-1", name}
