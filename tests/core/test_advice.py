"""Where the engine fails on the way, the message names the resource, the cause and the command that helps."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.events import Diagnostic, ResourceFailed, StepMetadata, StepState
from pulumi_rewind.engine.messages import says_taken
from pulumi_rewind.errors import EngineError, RefusedError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.plan.advice import advise
from pulumi_rewind.plan.blockers import Blockers
from pulumi_rewind.plan.risks import pending_risk
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.integrity import check_target
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.strategies import preview
from pulumi_rewind.strategies.preview import past_protection, protected_refusal
from tests.support.checkpoints import checkpoint, res, urn

DYNAMIC = "pulumi-python:dynamic/shop:Row"
TARGET = checkpoint(
    res("corp", id="zone-old", external=True),
    res("base", "pulumi:pulumi:StackReference", id="organization/base/dev", external=True),
    res("vm", id="vm-1"),
    res("row", DYNAMIC, id="row-1"),
)
GOAL = build_goal(TARGET, checkpoint(), project="p", stack="dev")


def error(text: str, *names: str) -> EngineError:
    return EngineError(f"the preview failed: {text}", output=text, urns=frozenset(urn(name) for name in names))


@pytest.mark.parametrize(
    ("text", "named", "flag"),
    [
        ("resource 'zone-old' does not exist", "corp (zone-old)", "--only '!corp'"),
        ('unknown stack "organization/base/dev"', "organization/base/dev", "--only '!base'"),
    ],
)
def test_what_is_read_and_gone_is_named_with_the_way_around_it(text: str, named: str, flag: str) -> None:
    told = advise(error(text), GOAL, "")
    assert named in told
    assert f"`{flag}`" in told


@pytest.mark.parametrize(
    "text",
    [
        "ModuleNotFoundError: No module named 'rows'",
        "AttributeError: Can't get attribute 'RowProvider' on <module 'rows'>",
    ],
)
def test_a_dynamic_provider_whose_code_moved_leads_to_the_commit_that_has_it(text: str) -> None:
    """The state holds a reference to the code, not all of it: the module has to be there under its old name."""
    told = advise(error(text), GOAL, "0123456789abcdef")
    assert "git worktree add ../old 0123456789" in told
    assert "PYTHONPATH" in told
    assert "--strategy program" in told
    without = build_goal(checkpoint(res("vm")), checkpoint(), project="p", stack="dev")
    assert "PYTHONPATH" not in advise(error(text), without, "")


def node_goal() -> Goal:
    return build_goal(
        checkpoint(res("row", "pulumi-nodejs:dynamic:Resource", id="row-1")), checkpoint(), project="p", stack="dev"
    )


def test_a_dynamic_provider_in_javascript_leads_to_a_directory_with_its_packages() -> None:
    told = advise(error("Error: Cannot find module 'left-pad'"), node_goal(), "0123456789abcdef")
    assert "'left-pad'" in told
    assert "git worktree add ../old 0123456789" in told
    assert "`npm ci`" in told
    assert "`--cwd ../old`" in told
    assert "PYTHONPATH" not in told


@pytest.mark.parametrize(
    ("goal", "text"),
    [
        (node_goal(), "Error: Cannot find module '@pulumi/pulumi/cmd/dynamic-provider'"),
        (GOAL, "ModuleNotFoundError: No module named 'pulumi'"),
        (GOAL, "ModuleNotFoundError: No module named 'pulumi.dynamic'"),
    ],
)
def test_a_clone_without_its_packages_is_told_to_install_them(goal: Goal, text: str) -> None:
    told = advise(error(text), goal, "0123456789abcdef")
    assert "`pulumi install`" in told
    assert "worktree" not in told
    assert "no longer in the program" not in told


@pytest.mark.parametrize(
    ("message", "taken"),
    [
        ("Conflict: acme-logs exists already", True),
        ("BucketAlreadyExists: the name is not available", True),
        ("googleapi: Error 409: already exists, alreadyExists", True),
        ("the name acme-logs is taken", True),
        ("the region doesn't exist", False),
        ("access denied", False),
    ],
)
def test_what_exists_already_can_be_taken_over(message: str, taken: bool) -> None:
    assert says_taken(message) == taken
    blockers = Blockers()
    blockers.add(Diagnostic(message, "error", urn("logs")))
    blockers.add(ResourceFailed(StepMetadata("create", urn("logs"))))
    assert ("--adopt found" in blockers.hint("dev")) == taken
    updated = Blockers()
    updated.add(Diagnostic(message, "error", urn("logs")))
    updated.add(ResourceFailed(StepMetadata("update", urn("logs"))))
    assert "--adopt" not in updated.hint("dev")


@pytest.mark.parametrize(
    ("message", "missing"),
    [
        ("ResourceNotFoundException: Function not found: arn:aws:lambda:eu-west-1:1:function:thumb", True),
        ("NoSuchEntity: The role with name shop-fn cannot be found", True),
        ('deployments.apps "web" not found', True),
        ("googleapi: Error 404: gone", True),
        ("srv-1 does not exist", True),
        ("the bucket isn't empty", False),
        ("access denied", False),
    ],
)
@pytest.mark.parametrize("op", ["update", "delete", "delete-replaced", "create"])
def test_what_may_be_gone_or_changed_is_read_again(op: str, message: str, missing: bool) -> None:
    """Of what was to be created nothing can be gone: it is something else that its provider misses."""
    blockers = Blockers()
    blockers.add(Diagnostic(message, "error", urn("thumb")))
    blockers.add(ResourceFailed(StepMetadata(op, urn("thumb"))))
    offered = f"`pulumi refresh --target {urn('thumb')} -s dev` reads what is there"
    assert (offered in blockers.hint("dev")) == (missing and op != "create")
    assert (offered in blockers.hint("dev", again=True)) == (op != "create")


@pytest.mark.parametrize(
    ("message", "first"),
    [
        ("Table already exists: orders", False),
        ("Table already exists: orders3", True),
        ("Role with name shop-orders already exists", True),
        ("port 80 of orders is already in use", True),
        ("this already exists", True),
    ],
)
def test_what_the_old_object_does_not_have_is_not_deleted_first(message: str, first: bool) -> None:
    """After a kill: what has the target's name is what that run made, and the stack's own table has another one."""
    old, new = (StepState(inputs={"name": name, "port": 80}) for name in ("orders3", "orders"))
    blockers = Blockers()
    blockers.add(Diagnostic(message, "error", urn("table")))
    blockers.add(ResourceFailed(StepMetadata("create-replacement", urn("table"), old=old, new=new)))
    hint = blockers.hint("dev")
    assert blockers.taken == ((urn("table"),) if first else ())
    assert ("--delete-first table" in hint) == first
    assert ("is not the object that the stack has" in hint) == (not first)


def test_no_message_repeats_the_name_that_stands_before_it() -> None:
    """Whatever is shown with a name column says what follows a name."""
    live = checkpoint(
        res("corp", id="zone-old", external=True),
        pending_operations=[{"resource": res("vm"), "type": kind} for kind in ("creating", "updating", "deleting")],
    )
    goal = build_goal(TARGET, live, project="p", stack="dev", only=["!corp", "!vm"])
    risks = [Risk(note.code, note.message, urn=note.urn) for note in goal.notes]
    risks += [pending_risk(one, "dev", locked=locked) for one in live.pending_operations for locked in (True, False)]
    assert len(risks) > 6
    for risk in risks:
        name = risk.urn.rsplit("::", 1)[-1]
        assert not risk.message.startswith(name), risk.message
        assert risk.told == f"{name} {risk.message}"
    assert Risk("locked", "the stack is locked").told == "the stack is locked"


def test_what_a_killed_update_left_open_is_looked_at_by_the_stacks_full_name() -> None:
    """A URN has only the last part of the name of a stack on Pulumi Cloud."""
    left = checkpoint(pending_operations=[{"resource": res("vm"), "type": "updating"}])
    (risk,) = (pending_risk(one, "acme/p/dev") for one in left.pending_operations)
    assert f"{urn('vm')} -s acme/p/dev`" in risk.message


def test_a_target_with_a_resource_twice_is_refused() -> None:
    check_target(TARGET)
    with pytest.raises(RefusedError, match="vm is entered twice") as refused:
        check_target(checkpoint(res("vm"), res("vm")))
    assert "Choose another update" in refused.value.hint


def test_an_engine_that_can_not_plan_past_protection_says_so_and_names_all(tmp_path: Path) -> None:
    """Protected resources and the lock in one message; a newer engine's failure at something else is left alone."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    space = find_workspace(tmp_path, environ={"HOME": str(tmp_path), "PULUMI_BACKEND_URL": f"file://{tmp_path}"})
    old, new = (Engine(tmp_path / "pulumi", version, space) for version in ("3.252.0", "3.276.0"))
    met = error("unable to delete resource: it is currently marked for protection", "data")
    lock = Lock("eve", "far", 7, "2026-11-28T10:00:00Z")
    refused = protected_refusal(met, old, ["logs"], [lock])
    assert isinstance(refused, RefusedError)
    assert "protected resources block the plan: logs, data" in str(refused)
    assert "locked by eve@far" in str(refused)
    assert "3.256" in refused.hint
    assert protected_refusal(met, new, ["logs"], [lock]) is met
    other = error("the quota is used up", "data")
    assert protected_refusal(other, old, ["logs"], [lock]) is other
    assert (past_protection(old), past_protection(new)) == ((), ("--ignore-protect",))


@pytest.mark.parametrize("begun", [True, False])
def test_an_old_copy_in_the_way_of_a_rollback_that_was_begun_is_followed_by_resume(begun: bool) -> None:
    session: Any = SimpleNamespace(
        stack=StackRef("p", "dev"),
        engine=SimpleNamespace(version="3.276.0"),
        operations=list,
        journal=SimpleNamespace(peek=lambda: object() if begun else None),
    )
    run: Any = SimpleNamespace(error=error)
    blockers = Blockers()
    old = StepState(id="vm-0", delete=True)
    blockers.add(ResourceFailed(StepMetadata("delete-replaced", urn("vm"), "t:m:R", old=old)))
    told = preview._failure(session, run, GOAL, checkpoint(), blockers)
    assert (told.resumes, "`pulumi-rewind resume dev`" in told.hint) == (begun, begun)
