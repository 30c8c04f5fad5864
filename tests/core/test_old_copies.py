"""Old copies that wait for their deletion: steps of its URN, but not of the resource; and what can't be skipped."""

from __future__ import annotations

import shlex

import pytest

from pulumi_rewind.engine.events import (
    Diagnostic,
    EngineEvent,
    ResourceDone,
    ResourceFailed,
    ResourcePre,
    StepMetadata,
    StepState,
)
from pulumi_rewind.errors import UsageError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.plan.blockers import Blockers
from pulumi_rewind.plan.model import OLD_COPY, Step, counts, plan_steps
from pulumi_rewind.plan.risks import stack_risks
from pulumi_rewind.risk import NOTE
from pulumi_rewind.strategies.state import _only_forgotten
from tests.support.checkpoints import checkpoint, goal, res, urn

VM = urn("vm")


def empty() -> Goal:
    return goal(checkpoint(), checkpoint())


def meta(op: str, identifier: str = "vm-1", *, old: bool = False) -> StepMetadata:
    return StepMetadata(
        op, VM, "t:m:R", StepState(urn=VM, id=identifier, delete=old), diffs=["size"] if op == "update" else None
    )


def step(*metas: StepMetadata) -> Step:
    """The engine tells every step twice: that it begins and that it is done."""
    events: list[EngineEvent] = [kind(one, planning=True) for one in metas for kind in (ResourcePre, ResourceDone)]
    (found,) = plan_steps(events, empty())
    return found


def old(identifier: str) -> StepMetadata:
    return meta("delete-replaced", identifier, old=True)


def test_an_update_stays_an_update_where_old_copies_go() -> None:
    """https://github.com/pulumi/pulumi/issues/12077: two old copies of one URN."""
    for order in ((meta("update"), old("vm-a"), old("vm-b")), (old("vm-a"), old("vm-b"), meta("update"))):
        found = step(*order)
        assert (found.op, found.forecast, found.old_copies, found.old_id) == (
            "update",
            "restored",
            ("vm-a", "vm-b"),
            "vm-1",
        )
        assert found.keys == ("size",)


def test_a_replacement_deletes_one_object_and_old_copies_beside_it() -> None:
    found = step(meta("create-replacement"), meta("replace"), old("vm-1"), old("vm-a"))
    assert (found.op, found.old_copies, found.delete_first) == ("replace", ("vm-a",), False)
    found = step(meta("delete-replaced"), meta("replace"), meta("create-replacement"), old("vm-a"))
    assert (found.op, found.old_copies, found.delete_first) == ("replace", ("vm-a",), True)


def test_old_copies_alone_are_a_step_of_their_own_kind() -> None:
    for metas in ((old("vm-a"),), (meta("same"), old("vm-a"))):
        found = step(*metas)
        assert (found.op, found.forecast, found.old_copies) == (OLD_COPY, "cleaned", ("vm-a",))
        assert counts([found]) == {OLD_COPY: 1}


def test_what_goes_with_what_it_depends_on_is_deleted_and_a_delete_stays_one() -> None:
    assert step(meta("delete-replaced")).op == "delete"
    found = step(meta("delete"), old("vm-a"))
    assert (found.op, found.old_copies) == ("delete", ("vm-a",))


def test_an_old_copy_is_not_offered_to_be_skipped() -> None:
    found = Blockers()
    found.add(Diagnostic("vm-a: access denied", "error", VM))
    found.add(ResourceFailed(old("vm-a")))
    hint = found.hint("dev")
    assert "--skip" not in hint
    assert found.urns == ()
    assert "vm-a, an old copy of vm, could not be deleted" in hint
    commands = [shlex.split(part) for part in hint.split("`")[1::2]]
    assert commands == [
        ["pulumi", "refresh", "--target", VM, "-s", "dev"],
        ["pulumi", "state", "delete", VM, "-s", "dev"],
        ["pulumi-rewind", "resume", "dev"],
    ]
    found.add(ResourceFailed(meta("delete-replaced")))
    assert "--skip vm" in found.hint("dev"), "a replacement that deletes first can be left out: its object still lives"


def test_who_asks_to_leave_out_an_old_copy_is_told_why_that_can_not_be() -> None:
    target = checkpoint(res("web"))
    live = checkpoint(res("web"), res("vm", id="vm-a", delete=True))
    with pytest.raises(UsageError, match=r"'vm' is only an old copy that is pending deletion \(vm-a\)") as caught:
        build_goal(target, live, project="p", stack="dev", only=["!vm"])
    assert "remove the entry with `pulumi state delete`" in caught.value.hint
    both = checkpoint(res("web"), res("vm"), res("vm", id="vm-a", delete=True))
    kept = build_goal(target, both, project="p", stack="dev", only=["!vm"])
    assert [item.live_source.id for item in kept.registrations if item.name == "vm" and item.live_source] == ["vm-id"]


def test_an_import_of_the_state_deletes_no_old_copy_and_so_loses_no_data() -> None:
    copy = res("data", "aws:rds/instance:Instance", id="i-1", delete=True)
    around = {"live_known": True, "target_config": None, "live_config": None, "refreshed": True}
    (risk,) = stack_risks(stack="dev", live=checkpoint(copy), locks=(), stateful=(), **around)  # type: ignore[arg-type]
    assert risk.loses_data
    told = _only_forgotten(risk)
    assert (told.severity, told.code) == (NOTE, "leftover")
    assert "deletes nothing" in told.message
