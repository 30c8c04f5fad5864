"""The main job with the real engine and real objects: back to an old checkpoint, proven equal to it."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import EngineError, IncompleteError, RefusedError
from pulumi_rewind.state.model import urn_name
from tests.support.rewind import plan, roll_back, run, session, settled, steps
from tests.support.stack import EngineStack

HEAD = "import base64, json, pulumi, bridged_sdk as bridged\n"


def web(image: str, size: str = "small") -> str:
    return HEAD + f'web = bridged.Server("web", {{"image": "{image}", "size": "{size}", "tags": {{"v": "{image}"}}}})\n'


def test_changed_values_are_restored_and_the_users_own_preview_is_clean(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    before = settled(stack)
    stack.up(web("nginx:2", "large"))
    result = roll_back(stack, "1")
    assert result.result == "succeeded"
    assert result.differences == ()
    after = settled(stack)
    assert {urn: res.get("inputs") for urn, res in after.items()} == {
        urn: res.get("inputs") for urn, res in before.items()
    }
    server = stack.resources()["web"]
    assert stack.physical("srv")[server["id"]]["inputs"]["image"] == "nginx:1"
    stack.write_program(web("nginx:1"))
    stack.expect_no_changes()


def test_flags_that_stand_in_the_environment_are_no_flags_of_a_rollback(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    stack.up(web("nginx:2"))
    urn = stack.resources()[f"shop-{stack.name}"]["urn"]
    stack.extra_environ = {"PULUMI_OPTION_TARGET": urn, "PULUMI_OPTION_EXPECT_NO_CHANGES": "true"}
    assert roll_back(stack, "1").differences == ()
    assert stack.resources()["web"]["inputs"]["image"] == "nginx:1"


CHAIN = (
    HEAD
    + """
db = bridged.Database("db", {"engine": "pg16", "password": pulumi.Output.secret("hush-hush")})
app = bridged.Server("app", {
    "image": "app:1",
    "dependsId": db.id,
    "userData": pulumi.Output.concat("connect ", db.id, " now"),
    "tags": {"nested": {"db": db.id}, "json": pulumi.Output.json_dumps({"db": db.id, "n": 1}),
             "b64": db.id.apply(lambda i: base64.b64encode(f"use {i}".encode()).decode())},
})
front = bridged.Server("front", {"image": "front:1", "dependsId": app.id,
                                 "userData": pulumi.Output.secret(pulumi.Output.concat("app=", app.id))})
edge = bridged.Server("edge", {"image": "edge:1", "dependsId": front.id})
pulumi.export("db", db.id)
pulumi.export("url", pulumi.Output.concat("http://", edge.id, "/"))
"""
)


def test_what_was_deleted_comes_back_relinked_three_levels_deep(stack: EngineStack) -> None:
    stack.up(CHAIN)
    stack.up(HEAD + 'other = bridged.Server("other", {"image": "x"})\n')
    made = plan(stack, "1")
    assert {name: step.forecast for name, step in steps(made).items()} == {
        "db": "recreated", "app": "recreated", "front": "recreated", "edge": "recreated", "other": "deleted",
    }  # fmt: skip
    result, _ = run(stack, made)
    assert [item for item in result.differences if not item.expected] == []
    now = stack.resources()
    db, app, front, edge = (now[name]["id"] for name in ("db", "app", "front", "edge"))
    inputs = now["app"]["inputs"]
    assert inputs["dependsId"] == db
    assert inputs["userData"] == f"connect {db} now"
    assert inputs["tags"]["nested"]["db"] == db
    assert json.loads(inputs["tags"]["json"]) == {"db": db, "n": 1}
    assert base64.b64decode(inputs["tags"]["b64"]) == f"use {db}".encode()
    assert now["front"]["inputs"]["dependsId"] == app
    assert json.loads(now["front"]["inputs"]["userData"]["plaintext"]) == f"app={app}"
    assert now["edge"]["inputs"]["dependsId"] == front
    outputs = now[f"shop-{stack.name}"]["outputs"]
    assert outputs == {"db": db, "url": f"http://{edge}/"}
    assert set(stack.physical()) == {db, app, front, edge}
    stack.write_program(CHAIN)
    stack.expect_no_changes()


def test_a_replacement_is_undone_by_a_replacement(stack: EngineStack) -> None:
    program = HEAD + 'web = bridged.Server("web", {{"image": "i", "zone": "{zone}"}})\n'
    program += 'user = bridged.Server("user", {{"image": "i", "dependsId": web.id}})\n'
    stack.up(program.format(zone="north"))
    stack.up(program.format(zone="south"))
    made = plan(stack, "1")
    assert steps(made)["web"].op == "replace"
    assert steps(made)["web"].replace_keys == ("zone",)
    assert [item.path for item in run(stack, made)[0].differences] == ["inputs.name"]  # a new auto-name, announced
    now = stack.resources()
    assert now["user"]["inputs"]["dependsId"] == now["web"]["id"]
    assert now["web"]["inputs"]["zone"] == "north"
    stack.write_program(program.format(zone="north"))
    stack.expect_no_changes()


def test_a_rename_keeps_the_object_with_and_without_aliases(stack: EngineStack) -> None:
    one = HEAD + 'bridged.Server("old", {"image": "i"})\n'
    stack.up(one)
    first = stack.resources()["old"]["id"]
    stack.up(
        HEAD + 'bridged.Server("new", {"image": "i"}, pulumi.ResourceOptions(aliases=[pulumi.Alias(name="old")]))\n'
    )
    made = plan(stack, "1")
    assert steps(made)["old"].forecast == "renamed"
    assert run(stack, made)[0].differences == ()
    assert stack.resources()["old"]["id"] == first
    stack.write_program(one)
    stack.expect_no_changes()
    stack.up(HEAD + 'bridged.Server("fresh", {"image": "i"})\n')  # never the same object
    assert {name: step.op for name, step in steps(plan(stack, "1")).items()} == {"old": "create", "fresh": "delete"}


COMPONENT = (
    HEAD
    + """
class Box(pulumi.ComponentResource):
    def __init__(self, name, image, opts=None):
        super().__init__("{type}", name, {{"image": image}}, opts)
        self.server = bridged.Server(f"{{name}}-srv", {{"image": image}}, pulumi.ResourceOptions(parent=self{alias}))
        self.id_out = self.server.id
        self.register_outputs({{"serverId": self.server.id}})
box = Box("{name}", "i")
user = bridged.Server("user", {{"image": "u", "dependsId": box.id_out}})
pulumi.export("box", box.id_out)
"""
)


def test_a_component_that_was_renamed_and_retyped_keeps_its_children(stack: EngineStack) -> None:
    one = COMPONENT.format(type="my:c:Box", name="one", alias="")
    stack.up(one)
    first = stack.resources()["one-srv"]["id"]
    urn = next(urn for urn in settled(stack) if urn.endswith("::one-srv"))
    alias = f', aliases=["{urn}"]'
    stack.up(COMPONENT.format(type="my:c:Crate", name="two", alias=alias))
    assert stack.resources()["two-srv"]["id"] == first
    assert roll_back(stack, "1").differences == ()
    assert stack.resources()["one-srv"]["id"] == first
    stack.write_program(one)
    stack.expect_no_changes()


PARENTS = (
    HEAD
    + """
class Box(pulumi.ComponentResource):
    def __init__(self, name, opts=None):
        super().__init__("my:c:Box", name, {{}}, opts)
        self.server = bridged.Server(f"{{name}}-srv", {{"image": "i"}}, pulumi.ResourceOptions(parent=self))
        self.register_outputs({{"serverId": self.server.id}})
outer = pulumi.ComponentResource("my:c:Outer", "outer")
box = Box("box", pulumi.ResourceOptions(parent={parent}, aliases={aliases}))
"""
)


def test_a_component_that_was_re_parented_keeps_its_children(stack: EngineStack) -> None:
    one = PARENTS.format(parent="None", aliases="[]")
    stack.up(one)
    first = stack.resources()["box-srv"]["id"]
    stack.up(PARENTS.format(parent="outer", aliases="[pulumi.Alias(parent=pulumi.ROOT_STACK_RESOURCE)]"))
    assert stack.resources()["box-srv"]["id"] == first
    assert "my:c:Outer$my:c:Box$" in stack.resources()["box-srv"]["urn"]
    assert roll_back(stack, "1").differences == ()
    assert stack.resources()["box-srv"]["id"] == first
    assert "Outer" not in stack.resources()["box-srv"]["urn"]
    stack.write_program(one)
    stack.expect_no_changes()


def test_a_components_outputs_follow_a_re_created_child(stack: EngineStack) -> None:
    one = COMPONENT.format(type="my:c:Box", name="one", alias="")
    stack.up(one)
    stack.up(HEAD)
    result = roll_back(stack, "1")
    assert [item for item in result.differences if not item.expected] == []
    now = stack.resources()
    assert now["one"]["outputs"] == {"serverId": now["one-srv"]["id"]}
    assert now["user"]["inputs"]["dependsId"] == now["one-srv"]["id"]
    stack.write_program(one)
    stack.expect_no_changes()


def test_explicit_providers_and_options_come_back(stack: EngineStack) -> None:
    stack.use_plugin_processes()

    def program(account: str, image: str, protect: bool, timeout: str) -> str:
        return HEAD + (
            f'p = bridged.Provider("mine", {{"account": "{account}", "token": pulumi.Output.secret("t0ken")}})\n'
            'dep = bridged.Server("dep", {"image": "d"})\n'
            f'web = bridged.Server("web", {{"image": "{image}"}}, pulumi.ResourceOptions(provider=p, protect={protect},'
            f' depends_on=[dep], custom_timeouts=pulumi.CustomTimeouts(create="{timeout}"),'
            ' additional_secret_outputs=["endpoint"]))\n'
        )

    stack.up(program("a", "1", True, "90s"))
    stack.up(program("a", "2", False, "10s"))
    assert roll_back(stack, "1").differences == ()
    res = stack.resources()["web"]
    assert res["protect"] is True
    assert res["customTimeouts"]["create"] == 90
    assert "::mine::" in res["provider"]
    stack.write_program(program("a", "1", True, "90s"))
    stack.expect_no_changes()


def test_options_alone_are_restored_without_a_step(stack: EngineStack) -> None:
    program = HEAD + 'web = bridged.Server("web", {{"image": "1"}}, pulumi.ResourceOptions(protect={0}))\n'
    program += 'pulumi.export("note", "{0}")\n'
    stack.up(program.format(True))
    stack.up(program.format(False))
    made = plan(stack, "1")
    assert made.steps == ()
    assert not made.nothing_to_do
    assert run(stack, made)[0].differences == ()
    assert stack.resources()["web"]["protect"] is True
    assert stack.resources()[f"shop-{stack.name}"]["outputs"] == {"note": "True"}


def test_nothing_to_do_changes_nothing(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    state = stack.state_file.read_bytes()
    assert roll_back(stack, "1").result == "nothing-to-do"
    assert stack.state_file.read_bytes() == state
    assert len(stack.history()) == 1


@pytest.mark.slow
def test_forth_and_back_six_times_gives_the_same_state_each_time(stack: EngineStack) -> None:
    first, second = web("nginx:1"), CHAIN
    stack.up(first)
    stack.up(second)
    shapes: dict[str, Any] = {}
    for _ in range(3):
        for target in ("1", "2"):
            result = roll_back(stack, target)
            assert [item for item in result.differences if not item.expected] == []
            shape = {urn: sorted(res.get("inputs") or ()) for urn, res in settled(stack).items()}
            assert shapes.setdefault(target, shape) == shape
    stack.write_program(second)
    stack.expect_no_changes()


def test_a_value_that_was_derived_from_an_id_is_called_opaque(stack: EngineStack) -> None:
    program = HEAD + (
        'db = bridged.Database("db", {"engine": "pg16"})\n'
        "import hashlib\ndigest = lambda i: hashlib.md5(i.encode()).hexdigest()\n"
        'web = bridged.Server("web", {"image": "i", "tags": {"h": db.id.apply(digest)}})\n'
    )
    stack.up(program)
    stack.up(HEAD + 'web = bridged.Server("web", {"image": "i", "tags": {"h": "none"}})\n')
    risks = {risk.code for risk in steps(plan(stack, "1"))["web"].risks}
    assert "opaque-dependency" in risks


def test_losing_data_needs_a_yes_of_its_own(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    stack.up(web("nginx:1") + 'db = bridged.Database("db", {"engine": "pg16"})\n')
    made = plan(stack, "1")
    assert made.loses_data
    with pytest.raises(RefusedError, match="data would be lost in: db"):
        run(stack, made)
    assert stack.physical("db")
    assert run(stack, made, allow_data_loss=True)[0].result == "succeeded"
    assert not stack.physical("db")


def test_live_that_moved_after_the_review_stops_it(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    stack.up(web("nginx:2"))
    made = plan(stack, "1")
    stack.up(web("nginx:3"))
    with pytest.raises(RefusedError, match="has changed"):
        run(stack, made)
    assert stack.resources()["web"]["inputs"]["image"] == "nginx:3"
    assert session(stack).journal.read() is None


@pytest.mark.since("3.256.0", "plans past protection")
def test_a_protected_resource_in_the_way_is_named(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    stack.up(web("nginx:1") + 'bridged.Server("keep", {"image": "k"}, pulumi.ResourceOptions(protect=True))\n')
    made = plan(stack, "1")
    assert [(risk.code, urn_name(risk.urn)) for risk in made.blocking] == [("protected", "keep")]
    with pytest.raises(RefusedError, match="keep is protected"):
        run(stack, made)


def test_a_lock_refuses_and_says_who(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    stack.up(web("nginx:2"))
    made = plan(stack, "1")
    folder = stack.backend / ".pulumi" / "locks" / "organization" / stack.project / stack.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "x.json").write_text(
        json.dumps({"pid": 77, "username": "eve", "hostname": "far", "timestamp": "2026-01-01T00:00:00Z"})
    )
    with pytest.raises(RefusedError, match=r"eve@far \(pid 77\)"):
        run(stack, made)


def test_a_failure_half_way_is_incomplete_and_can_be_resumed(stack: EngineStack) -> None:
    both = (
        HEAD
        + 'a = bridged.Server("a", {{"image": "{0}"}})\n'
        + 'b = bridged.Server("b", {{"image": "{0}"}}, pulumi.ResourceOptions(depends_on=[a]))\n'
    )
    stack.up(both.format("1"))
    stack.up(both.format("2"))
    made = plan(stack, "1")
    stack.trouble({"name": "b", "operation": "update", "action": "fail"})
    with pytest.raises(IncompleteError, match="failed"):
        run(stack, made)
    entry = session(stack).journal.read()
    assert entry is not None
    assert entry.target == 1
    stack.trouble()
    assert roll_back(stack, "1").differences == ()
    assert session(stack).journal.read() is None
    assert {res["inputs"]["image"] for name, res in stack.resources().items() if name in "ab"} == {"1"}


def test_a_secret_stays_a_secret_and_is_written_nowhere(stack: EngineStack) -> None:
    program = HEAD + 'bridged.Server("web", {{"image": "{0}", "userData": pulumi.Output.secret("canary-{0}-plain")}})\n'
    stack.up(program.format("1"))
    stack.up(program.format("2"))
    made = plan(stack, "1")
    assert "canary" not in repr(made)
    _, events = run(stack, made)
    assert "canary" not in repr(events)
    assert stack.resources()["web"]["inputs"]["userData"]["plaintext"] == '"canary-1-plain"'
    for path in [*stack.backend.rglob("*"), *stack.root.rglob("*"), *stack.home.rglob("*")]:
        if path.is_file() and path.name != "__main__.py" and path.suffix != ".pyc":
            assert b"canary-1-plain" not in path.read_bytes(), path


def test_the_stack_config_file_is_left_alone(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    stack.up(web("nginx:2"))
    before = stack.config_file.read_bytes()
    provider = stack.export()["deployment"]["secrets_providers"]
    roll_back(stack, "1")
    assert stack.config_file.read_bytes() == before
    stack.config_file.unlink()
    roll_back(stack, "2")
    assert stack.export()["deployment"]["secrets_providers"] == provider
    assert not stack.config_file.exists()


def test_the_rollback_is_an_update_that_says_so(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    stack.up(web("nginx:2"))
    result = roll_back(stack, "-1")
    assert result.version == 3
    update = session(stack).timeline.update(3)
    assert update.is_rollback
    assert update.message == "rollback to #1"


def test_hooks_are_noops_that_say_so(stack: EngineStack) -> None:
    program = HEAD + (
        'hook = pulumi.ResourceHook("note", lambda args: None)\n'
        'bridged.Server("web", {{"image": "{0}"}}, pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding('
        "before_update=[hook], before_delete=[hook])))\n"
    )
    stack.up(program.format("1"))
    stack.up(program.format("2"))
    made = plan(stack, "1")
    assert "hook-code" in {risk.code for risk in steps(made)["web"].risks}
    result, events = run(stack, made)
    assert result.differences == ()
    assert any("hook note was not run" in getattr(event, "message", "") for event in events)
    assert stack.resources()["web"]["resourceHooks"] == {"BeforeUpdate": ["note"], "BeforeDelete": ["note"]}


def test_a_partial_rollback_takes_along_what_it_needs(stack: EngineStack) -> None:
    stack.up(CHAIN + 'lone = bridged.Server("lone", {"image": "1"})\n')
    stack.up(HEAD + 'lone = bridged.Server("lone", {"image": "2"})\nextra = bridged.Server("extra", {"image": "e"})\n')
    made = plan(stack, "1", only=("app",))
    assert set(steps(made)) == {"app", "db"}
    assert any("app needs it" in risk.message for risk in steps(made)["db"].risks)
    result, _ = run(stack, made)
    assert [item for item in result.differences if not item.expected] == []
    now = stack.resources()
    assert now["lone"]["inputs"]["image"] == "2"
    assert "extra" in now
    assert now["app"]["inputs"]["dependsId"] == now["db"]["id"]


def test_a_refresh_sees_drift_in_the_plan_and_the_run_brings_it_back(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    server = stack.resources()["web"]["id"]
    path = next(stack.objects.glob(f"srv/{server}.json"))
    record = json.loads(path.read_text())
    record["inputs"]["image"] = "somebody:else"
    path.write_text(json.dumps(record))
    assert plan(stack, "1").steps == ()
    made = plan(stack, "1", refresh=True)
    assert steps(made)["web"].op == "update"
    assert run(stack, made)[0].differences == ()
    assert stack.physical("srv")[server]["inputs"]["image"] == "nginx:1"


def test_a_provider_plugin_that_is_missing_is_named(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.up(web("nginx:1"))
    stack.up(web("nginx:2"))
    (stack.home / "plugins").rename(stack.home / "away")
    with pytest.raises(EngineError, match="pulumi-resource-bridged") as caught:
        plan(stack, "1")
    assert "plugin install" in caught.value.hint


def test_a_backend_that_cannot_be_written_changes_nothing(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    stack.up(web("nginx:2"))
    made = plan(stack, "1")
    locks = stack.backend / ".pulumi" / "locks"
    shutil.rmtree(locks, ignore_errors=True)
    locks.write_text("in the way: a read-only file system would not stop root, who may run this test")
    state = stack.state_file.read_bytes()
    with pytest.raises(EngineError) as caught:
        run(stack, made)
    assert "Nothing was changed" in caught.value.hint
    assert stack.state_file.read_bytes() == state
    assert session(stack).journal.read() is None


def test_a_temporary_directory_that_lies_deep_is_no_obstacle(
    stack: EngineStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("a-long-name-" * 8)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    stack.up(web("nginx:1"))
    stack.up(web("nginx:2"))
    assert roll_back(stack, "1").differences == ()
    assert list(deep.iterdir()) == []
