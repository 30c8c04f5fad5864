"""Leaving resources out, with the real engine: they stay as they are, and so does what they can't be without."""

from __future__ import annotations

import json
import shlex
from typing import Any

import pytest

from pulumi_rewind.errors import EngineError, IncompleteError
from pulumi_rewind.plan.model import OLD_COPY
from tests.support.faults import own
from tests.support.rewind import plan, roll_back, run, session, steps
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"

CONFLICT = (
    'Preview failed: 1 error occurred:\n\t* the Kubernetes API server reported that "web/app" failed to fully '
    "initialize or become live: Server-Side Apply field conflict detected.\n: Apply failed with 1 conflict: "
    'conflict with "kube-controller-manager" with subresource "scale" using apps/v1: .spec.replicas'
)


def program(version: str, engine: str) -> str:
    return (
        HEAD
        + f"""
net = bridged.Server("net", {{"image": "net:{version}"}})
cm = bridged.Database("cm", {{"engine": "{engine}"}})
app = bridged.Server("app", {{"image": "app:{version}", "dependsId": cm.id, "tags": {{"net": net.id}}}})
lone = bridged.Server("lone[0]", {{"image": "lone:{version}"}})
"""
    )


def deploy(stack: EngineStack) -> None:
    stack.up(program("1", "pg15"))
    stack.up(program("2", "pg16"))


def inputs(stack: EngineStack) -> dict[str, Any]:
    return {name: (res["id"], res["inputs"]) for name, res in stack.resources().items() if "bridged:" in res["type"]}


def current(stack: EngineStack, name: str) -> dict[str, Any]:
    """The entry of a resource that is no old copy."""
    entries = stack.export()["deployment"]["resources"]
    return next(res for res in entries if res["urn"].endswith(f"::{name}") and not res.get("delete"))


def test_what_is_left_out_stays_untouched_with_what_is_replaced_under_it(stack: EngineStack) -> None:
    """A ConfigMap that its Deployment uses; the same kind: https://github.com/pulumi/pulumi/issues/22694."""
    deploy(stack)
    before = inputs(stack)
    made = plan(stack, "1", only=("!app",))
    assert set(steps(made)) == {"net", "lone[0]"}, "net changes in place, which touches nobody"
    said = {risk.urn.rsplit("::", 1)[1]: risk.message for risk in made.risks if risk.code == "skipped"}
    assert "stays as it is, because app, which stays, uses it; it differs from the target in engine" in said["cm"]
    result, _ = run(stack, made)
    after = inputs(stack)
    assert (after["app"], after["cm"]) == (before["app"], before["cm"])
    assert (after["net"][1]["image"], after["lone[0]"][1]["image"]) == ("net:1", "lone:1")
    assert {(one.urn.rsplit("::", 1)[1], one.expected) for one in result.differences} == {("app", True), ("cm", True)}
    assert session(stack).journal.read() is None


def test_a_preview_that_fails_in_the_provider_says_both_ways_on(stack: EngineStack) -> None:
    """https://github.com/pulumi/pulumi-kubernetes/issues/2569: somebody scaled what the rollback would set back."""
    deploy(stack)
    for name in ("app", "lone[0]"):
        stack.trouble({"name": name, "operation": "preview", "action": "fail", "message": CONFLICT})
        with pytest.raises(EngineError) as caught:
            plan(stack, "1")
        assert caught.value.passed_by == (name,)
        assert "PULUMI_K8S_ENABLE_PATCH_FORCE=true" in caught.value.hint
        offered = caught.value.hint.split("`")[-2]
        assert shlex.split(offered) == ["--only", f"!{name}"]
        code, text = own(stack, "plan", "1", "--json", *shlex.split(offered))
        assert code == 0, text
        assert name not in {step["name"] for step in json.loads(text[text.index("{") :])["steps"]}
    stack.trouble({"name": "app", "operation": "preview", "action": "fail", "message": "spec.x: field is immutable"})
    with pytest.raises(EngineError, match="immutable") as caught:
        plan(stack, "1")
    assert "refuses to change this field in place" in caught.value.hint
    assert "`--only '!app'` leaves app as it is" in caught.value.hint


def test_an_old_copy_that_can_not_be_deleted_is_named_and_never_offered_to_be_skipped(stack: EngineStack) -> None:
    """https://github.com/pulumi/pulumi/issues/12077, seen from a rollback."""
    deploy(stack)
    document = stack.export()
    resources = document["deployment"]["resources"]
    app = next(res for res in resources if res["urn"].endswith("::app"))
    resources += [app | {"id": f"srv-old{number}", "delete": True} for number in (1, 2)]
    stack.pulumi("stack", "import", stdin=json.dumps(document))
    stack.trouble({"name": "app", "operation": "delete", "action": "fail", "message": "403 access denied"})
    made = plan(stack, "1")
    assert steps(made)["app"].op == "update"
    assert sorted(steps(made)["app"].old_copies) == ["srv-old1", "srv-old2"]
    with pytest.raises(IncompleteError) as caught:
        run(stack, made, allow_data_loss=True)
    assert "--skip" not in caught.value.hint
    assert "srv-old1, an old copy of app, could not be deleted" in caught.value.hint
    assert (current(stack, "app")["inputs"]["image"], current(stack, "app")["id"]) == ("app:1", app["id"])
    left = plan(stack, "1")
    assert {step.name: (step.op, sorted(step.old_copies)) for step in left.steps} == {
        "app": (OLD_COPY, ["srv-old1", "srv-old2"])
    }
    assert not left.nothing_to_do
    stack.trouble()
    assert all(one.expected for one in roll_back(stack, "1").differences)
    assert not [res for res in stack.export()["deployment"]["resources"] if res.get("delete")]


def test_what_a_killed_run_has_deleted_already_leads_to_the_end(stack: EngineStack) -> None:
    """Providers that call it an error to delete what is gone: Terraform's of 2020, of a Lambda function or a table."""
    stack.up(program("1", "pg15"))
    stack.up(program("2", "pg15") + 'bridged.Server("thumb", {"image": "thumb:1"})\n')
    gone = current(stack, "thumb")
    next(stack.objects.glob(f"*/{gone['id']}.json")).unlink()
    document = stack.export()
    app = current(stack, "app")
    document["deployment"]["resources"].append(app | {"id": "srv-old", "delete": True})
    stack.pulumi("stack", "import", stdin=json.dumps(document))
    refused = {"operation": "delete", "action": "fail", "message": "404: it does not exist"}
    stack.trouble(*({"name": name} | refused for name in ("thumb", "app")))
    with pytest.raises(IncompleteError) as caught:
        run(stack, plan(stack, "1"), allow_data_loss=True)
    for offered in (text for text in caught.value.hint.split("`") if text.startswith("pulumi refresh")):
        stack.pulumi(*shlex.split(offered)[1:], "--yes", "--skip-preview")
    code, text = own(stack, "resume", "--yes")
    assert code == 0, text
    assert "thumb" not in stack.resources()
    assert [res["id"] for res in stack.export()["deployment"]["resources"] if res["urn"] == app["urn"]] == [app["id"]]
    assert session(stack).journal.read() is None


def test_what_a_killed_run_has_changed_already_leads_to_the_end(stack: EngineStack) -> None:
    """A role that an instance profile has already: AWS refuses a second one, whatever it is."""
    deploy(stack)
    app = current(stack, "app")
    document = json.loads(stack.state_file.read_text())
    document["checkpoint"]["latest"]["pending_operations"] = [{"type": "updating", "resource": app}]
    stack.state_file.write_text(json.dumps(document))
    path = next(stack.objects.glob(f"*/{app['id']}.json"))
    changed = json.loads(path.read_text())
    changed["inputs"]["image"] = "app:1"
    path.write_text(json.dumps(changed))
    stack.trouble({"name": "app", "operation": "update", "action": "fail", "message": "LimitExceeded: quota is 1"})
    made = plan(stack, "1", only=("app",))
    said = [next(risk.message for risk in made.all_risks if risk.code == "pending-operation")]
    for again in (False, True):
        with pytest.raises(IncompleteError) as caught:
            run(stack, plan(stack, "1", only=("app",)))
        assert ("pulumi refresh" in caught.value.hint) == again
    said.append(caught.value.hint)
    offered = {next(part for part in text.split("`") if part.startswith("pulumi refresh")) for text in said}
    stack.pulumi(*shlex.split(offered.pop())[1:], "--yes", "--skip-preview")
    assert not offered
    assert current(stack, "app")["inputs"]["image"] == "app:1"
    code, text = own(stack, "resume", "--yes")
    assert code == 0, text
