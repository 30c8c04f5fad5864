"""Objects that left the state and still exist are taken over instead of created, and stay the provider's to name."""

from __future__ import annotations

import json

import pytest

from pulumi_rewind.errors import EngineError, IncompleteError, UsageError
from pulumi_rewind.strategies.checkpoint import repair
from tests.support.rewind import plan, roll_back, run, session, settled, steps
from tests.support.stack import EngineStack

PROGRAM = """import pulumi, bridged_sdk as bridged
logs = bridged.Bucket("logs", {})
web = bridged.Server("web", {"image": "nginx:1", "dependsId": logs.id, "network": {"mode": "public"},
                             "userData": pulumi.Output.secret("hush-hush")})
edge = bridged.Server("edge", {"image": "edge:1", "dependsId": web.id})
"""


def forget(stack: EngineStack, *names: str) -> None:
    """Takes resources out of the state; the objects stay."""
    for name in names:
        stack.pulumi("state", "delete", stack.resources()[name]["urn"], "--yes", "-s", stack.name)


def broken(*_: object) -> list[str]:
    raise EngineError("the backend is gone")


def codes(made: object) -> set[str]:
    return {risk.code for risk in made.all_risks}  # type: ignore[attr-defined]


@pytest.mark.slow
def test_what_still_exists_is_found_and_kept(stack: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.up(PROGRAM)
    before, objects = settled(stack), {**stack.physical("srv"), **stack.physical("bkt")}
    forget(stack, "edge", "web", "logs")
    assert "may-exist" in codes(plan(stack, "1"))

    # The state stays behind when its bookkeeping can't be put back; going on then replaces nothing.
    with monkeypatch.context() as patch:
        patch.setattr(repair, "put_back", broken)
        with pytest.raises(IncompleteError, match="could not be put back") as caught:
            roll_back(stack, "1", adopt={"*": ""})
    assert "resume" in caught.value.hint
    assert session(stack).journal.read() is not None
    made = plan(stack, "1")
    assert made.steps == ()
    assert {item.path for item in made.state_only} >= {"inputs.__defaults"}
    assert not made.nothing_to_do

    result = roll_back(stack, "1")
    assert result.differences == ()
    assert settled(stack) == before
    assert {**stack.physical("srv"), **stack.physical("bkt")} == objects
    live = session(stack).timeline.live_update()
    assert live == result.version, "the history ends with the state as it is"
    stack.expect_no_changes()


def test_what_its_provider_cannot_import_is_not_called_gone(stack: EngineStack) -> None:
    """The bridge of Terraform providers refuses some objects: "recovered raw state does not byte-for-byte match"."""
    stack.up(PROGRAM)
    forget(stack, "edge")
    stack.trouble({"name": "*", "operation": "read", "action": "fail", "message": "the raw state does not match"})
    made = plan(stack, "1", adopt={"*": ""})
    [risk] = [risk for risk in made.all_risks if risk.code in {"not-adopted", "not-found"}]
    assert risk.code == "not-adopted"
    assert risk.message.endswith("may still exist, but can't be imported: the raw state does not match")


@pytest.mark.slow
@pytest.mark.since("3.252.0", "an import id that is recorded at once")
def test_a_restored_object_under_another_name_is_adopted_and_what_is_gone_is_made_anew(
    stack: EngineStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.up(PROGRAM)
    ids = {name: res["id"] for name, res in stack.resources().items() if "id" in res}
    forget(stack, "edge", "web", "logs")
    # web comes back from a backup: another id, another auto-name, and older than the target.
    old = next(path for path in stack.objects.rglob("*.json") if ids["web"] in path.name)
    record = json.loads(old.read_text()) | {"id": "srv-restored"}
    record["inputs"] |= {"name": "web-restored", "image": "nginx:0"}
    old.with_name(old.name.replace(ids["web"], "srv-restored")).write_text(json.dumps(record))
    old.unlink()
    next(path for path in stack.objects.rglob("*.json") if ids["edge"] in path.name).unlink()

    with pytest.raises(UsageError, match="no resource 'wbe'") as caught:
        plan(stack, "1", adopt={"wbe": "x"})
    assert "web" in caught.value.hint
    with pytest.raises(EngineError, match="does not exist"):
        plan(stack, "1", adopt={"web": ids["web"]})

    made = plan(stack, "1", adopt={"*": "", "web": "srv-restored"})
    found = steps(made)
    assert {name: step.forecast for name, step in found.items()} == {
        "logs": "adopted",
        "web": "adopted",
        "edge": "recreated",
    }
    assert {"adopted", "not-found"} <= codes(made)
    monkeypatch.setattr(repair, "put_back", broken)
    with pytest.raises(IncompleteError):
        run(stack, made)
    monkeypatch.undo()
    result = roll_back(stack, "1")
    assert [item.message for item in result.differences if not item.expected] == []
    server = stack.physical("srv")["srv-restored"]["inputs"]
    assert (server["name"], server["image"]) == ("web-restored", "nginx:1")
    resources = stack.resources()
    assert resources["edge"]["inputs"]["dependsId"] == "srv-restored"
    assert resources["logs"]["id"] == ids["logs"]
    assert sorted(resources["web"]["inputs"]["__defaults"]) == ["name", "size"]
    stack.expect_no_changes()


def test_what_a_provider_cannot_import_is_not_called_gone(stack: EngineStack) -> None:
    stack.up(PROGRAM)
    forget(stack, "edge")
    refusal = {"name": "edge", "operation": "read", "action": "fail", "message": "servers can't be imported"}
    stack.trouble(refusal)
    made = plan(stack, "1", adopt={"*": ""})
    said = [risk.message for risk in made.all_risks if risk.code == "not-adopted"]
    assert len(said) == 1
    assert "servers can't be imported" in said[0]
    assert "gone" not in said[0]
    assert steps(made)["edge"].forecast == "recreated"
