"""After rollbacks with the real engine: what equals what, what is good, what a run that was stopped has reached."""

from __future__ import annotations

import pytest

from pulumi_rewind.diff.checkpoints import diff_checkpoints
from pulumi_rewind.engine.events import ResourceDone, ResourcePre
from pulumi_rewind.errors import InterruptedRun
from pulumi_rewind.history.failed_update import undo_number
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.history.update_mark import read_stamp
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.strategies.checkpoint import previews
from tests.support.rewind import plan, roll_back, run, session
from tests.support.stack import EngineStack

HEAD = "import base64, json, pulumi, bridged_sdk as bridged\n"
SHOP = (
    HEAD
    + """
db = bridged.Database("db", {"engine": "pg16", "password": pulumi.Output.secret("hush-hush")})
app = bridged.Server("app", {
    "image": "app:1",
    "dependsId": db.id,
    "userData": pulumi.Output.secret(pulumi.Output.concat("connect ", db.id, " now")),
    "tags": {"json": pulumi.Output.json_dumps({"db": db.id, "n": 1}),
             "b64": db.id.apply(lambda i: base64.b64encode(f"use {i}".encode()).decode())},
})
edge = bridged.Server("edge", {"image": "edge:1", "dependsId": app.id})
pulumi.export("db", db.id)
pulumi.export("url", pulumi.Output.concat("http://", edge.id, "/"))
"""
)


def web(image: str, **options: str) -> str:
    more = "".join(f", pulumi.ResourceOptions({key}={value})" for key, value in options.items())
    tags = f'{{"v": "{image}", "owner": "{image}"}}'
    return HEAD + f'web = bridged.Server("web", {{"image": "{image}", "tags": {tags}}}{more})\n'


def stopped_at(made: RollbackRun, kind: type[ResourcePre | ResourceDone]) -> None:
    """Runs it, and stops it gently when its update begins, or is done."""
    for event in made.events():
        if isinstance(event, kind) and event.step.op == "update":
            made.interrupt()


def test_what_was_made_anew_equals_what_it_was(stack: EngineStack) -> None:
    stack.up(SHOP)
    stack.up(web("other"))
    result = roll_back(stack, "1")
    assert result.version == 3
    made = plan(stack, "1")
    assert made.nothing_to_do
    made.close()
    opened = session(stack)
    timeline = opened.timeline
    found = diff_checkpoints(*opened.vault.decrypt_differing(timeline.live(), timeline.checkpoint(1), opened.stack))
    assert found.same_content, [(item.name, item.op) for item in found.resources if not item.consequential]
    assert {item.name for item in found.new_objects} == {"db", "app", "edge"}
    assert timeline.equals_live(1)
    assert not timeline.equals_live(2)
    good = timeline.last_good()
    assert good is not None
    assert good.number == resolve_target(timeline, "-1").update.number == 2
    stamp = read_stamp(timeline.update(3))
    assert stamp is not None
    assert stamp.target is not None
    assert stamp.before is not None
    assert (stamp.target.number, stamp.before.number, stamp.partial) == (1, 2, False)
    assert undo_number(timeline, 3) == 2


def test_a_way_back_to_a_failed_update_is_not_good(stack: EngineStack) -> None:
    stack.up(web("v1"))
    stack.trouble({"name": "bad", "operation": "create", "action": "fail"})
    stack.up(web("v2") + 'bridged.Server("bad", {"image": "x"})\n', expect_failure=True)
    stack.trouble()
    stack.up(web("v3"))
    roll_back(stack, "2")
    good = session(stack).timeline.last_good()
    assert good is not None
    assert good.number == 3
    roll_back(stack, "4")  # once more, by way of the rollback; live is the failed one's state still
    stack.up(web("v3"))
    good = session(stack).timeline.last_good()
    assert good is not None
    assert good.number == 1


def test_a_stop_after_the_last_step_has_reached_the_target(stack: EngineStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is registered one after the other behind the only change is the same: stopped there, nothing is missing.

    Everything is asked about, as where much has changed: else nothing takes time behind the change.
    """
    monkeypatch.setattr(previews, "asked_about", lambda *_: ())
    chain = "".join(
        f'web = bridged.Server("s{number}", {{"image": "s"}}, pulumi.ResourceOptions(depends_on=[web]))\n'
        for number in range(12)
    )
    stack.up(web("v1") + chain)
    stack.up(web("v2") + chain)
    made = RollbackRun(session(stack), plan(stack, "1"))
    stopped_at(made, ResourceDone)
    assert made.result is not None
    assert (made.result.result, made.result.differences) == ("succeeded", ())
    assert "stopped after its last step" in made.result.notes[0]
    assert session(stack).journal.read() is None
    assert session(stack).timeline.equals_live(1)


def test_a_stop_before_that_has_not(stack: EngineStack) -> None:
    stack.up(web("v1"))
    stack.up(web("v2"))
    stack.trouble({"name": "web", "operation": "update", "action": "slow", "seconds": 2})
    made = RollbackRun(session(stack), plan(stack, "1"))
    with pytest.raises(InterruptedRun):
        stopped_at(made, ResourcePre)
    assert session(stack).journal.read() is not None


def test_ignored_paths_stay_and_are_announced(stack: EngineStack) -> None:
    """Keys with dots, and paths into a property: https://github.com/pulumi/pulumi/issues/9054."""
    stack.up(web("v1", ignore_changes="""['tags["owner"]']"""))
    stack.up(web("v2"))
    made = plan(stack, "1")
    paths = [change.path for item in made.diff.resources for change in item.changes()]
    assert "inputs.tags.v" in paths
    assert "inputs.tags.owner" not in paths
    result, _ = run(stack, made)
    assert [(item.path, item.expected) for item in result.differences] == [("inputs.tags.owner", True)]
    assert stack.resources()["web"]["inputs"]["tags"]["owner"] == "v2"
    made = plan(stack, "1")
    assert made.nothing_to_do
    made.close()


def test_a_project_that_always_refreshes_is_shown_what_is_really_there(stack: EngineStack) -> None:
    """The option is a word, not a flag: https://github.com/pulumi/pulumi/issues/8058."""
    stack.up(web("v1"))
    stack.up(web("v2"))
    project = stack.root / "Pulumi.yaml"
    project.write_text(project.read_text() + "options:\n  refresh: always\n")
    made = plan(stack, "1")
    assert "not-refreshed" not in {risk.code for risk in made.all_risks}
    assert made.prepared.refresh
    made.close()
