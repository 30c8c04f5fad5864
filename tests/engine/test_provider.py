"""The `bridged` provider behaves as bridged providers do, shown with the real engine."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.faults import stuck, until
from tests.support.stack import EngineStack

SERVER = "bridged:index:Server"

WEB = """
import pulumi, bridged_sdk as bridged
web = bridged.Server(
    "web", {{"image": "{image}", "zone": "{zone}", "network": {{"subnet": "a"}}, "disks": [{{"size": 1}}]}}
)
pulumi.export("endpoint", web.endpoint)
"""


def web(image: str = "nginx:1", zone: str = "north") -> str:
    return WEB.format(image=image, zone=zone)


def step(preview: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in preview["steps"] if found["urn"].endswith(f"::{name}"))


def test_what_the_program_left_out_is_filled_in_and_named_at_every_depth(stack: EngineStack) -> None:
    stack.up(web())
    res = stack.resources()["web"]
    assert res["inputs"]["__defaults"] == ["name", "size"]
    assert res["inputs"]["network"] == {"subnet": "a", "mode": "private", "mtu": 1500, "__defaults": ["mode", "mtu"]}
    assert res["inputs"]["disks"] == [{"size": 1, "type": "ssd", "__defaults": ["type"]}]
    assert res["inputs"]["name"].startswith("web-")
    assert set(res["propertyDependencies"]) == {"image", "zone", "network", "disks"}
    assert "__defaults" not in json.dumps(res["outputs"])
    stack.expect_no_changes()


def test_an_auto_name_stays_over_updates_and_the_object_is_really_there(stack: EngineStack) -> None:
    stack.up(web("nginx:1"))
    before = stack.resources()["web"]
    stack.up(web("nginx:2"))
    after = stack.resources()["web"]
    assert (after["id"], after["inputs"]["name"]) == (before["id"], before["inputs"]["name"])
    assert after["outputs"]["etag"] != before["outputs"]["etag"]
    assert stack.physical("srv")[after["id"]]["inputs"]["image"] == "nginx:2"
    assert [call["operation"] for call in stack.calls()] == ["create", "update"]


def test_defaults_that_were_sent_as_if_explicit_make_the_next_update_replace(stack: EngineStack) -> None:
    """Trap 1 of replaying: it is what the provider exists for."""
    stack.up(web())
    name = stack.resources()["web"]["inputs"]["name"]
    explicit = web().replace('"zone"', f'"name": "{name}", "zone"')
    stack.write_program(explicit)
    stack.expect_no_changes()  # the plan says nothing …
    stack.up()
    assert stack.resources()["web"]["inputs"]["__defaults"] == ["size"]  # … but the name is pinned
    stack.write_program(web())
    assert step(stack.preview_json(), "web")["op"] == "replace"


def test_another_zone_replaces_with_a_new_name_created_before_the_old_is_deleted(stack: EngineStack) -> None:
    stack.up(web())
    before = stack.resources()["web"]
    stack.write_program(web(zone="south"))
    assert step(stack.preview_json(), "web")["replaceReasons"] == ["zone"]
    stack.forget_calls()
    stack.up()
    after = stack.resources()["web"]
    assert after["id"] != before["id"]
    assert after["inputs"]["name"] != before["inputs"]["name"]
    assert [call["operation"] for call in stack.calls()] == ["create", "delete"]
    assert list(stack.physical("srv")) == [after["id"]]


def test_a_fixed_name_and_a_database_are_deleted_before_they_are_replaced(stack: EngineStack) -> None:
    program = """
import bridged_sdk as bridged
bridged.Bucket("logs", {{"name": "shop-logs", "region": "{region}"}})
bridged.Database("db", {{"engine": "{engine}"}})
"""
    stack.up(program.format(region="north", engine="pg"))
    assert stack.resources()["logs"]["id"] == "shop-logs"
    stack.forget_calls()
    stack.up(program.format(region="south", engine="maria"))
    for name in ("logs", "db"):
        assert [call["operation"] for call in stack.calls() if call["name"] == name] == ["delete", "create"]


def test_previews_know_no_computed_output_of_what_is_to_be_created(stack: EngineStack) -> None:
    stack.write_program("""
import pulumi, bridged_sdk as bridged
web = bridged.Server("web", {"image": "nginx:1"})
bridged.Server("proxy", {"image": "proxy:1", "dependsId": web.id, "userData": web.endpoint, "zone": web.etag})
""")
    inputs = step(stack.preview_json(), "proxy")["newState"]["inputs"]
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    assert (inputs["dependsId"], inputs["userData"], inputs["zone"]) == (unknown, unknown, unknown)
    stack.up()
    real = stack.resources()
    assert real["proxy"]["inputs"]["dependsId"] == real["web"]["id"]
    # An update keeps what it surely keeps; the etag will change, and a zone made of it then replaces.
    stack.write_program((stack.root / "__main__.py").read_text().replace("nginx:1", "nginx:2"))
    preview = stack.preview_json()
    assert step(preview, "proxy")["replaceReasons"] == ["zone"]
    assert step(preview, "proxy")["newState"]["inputs"]["userData"] == real["web"]["outputs"]["endpoint"]


def test_secrets_stay_secret_in_inputs_outputs_and_after_a_refresh(stack: EngineStack) -> None:
    stack.config_set("password", "hunter2-hunter2", secret=True)
    stack.up("""
import pulumi, bridged_sdk as bridged
password = pulumi.Config().require_secret("password")
db = bridged.Database("db", {"engine": "pg", "password": password})
bridged.Server("web", {"image": "nginx:1", "userData": db.connectionString, "tags": {"login": password}})
""")
    stack.refresh()
    stack.expect_no_changes()
    assert "hunter2" not in stack.state_file.read_text()
    assert "hunter2" in json.dumps(stack.export())
    assert stack.physical("db").popitem()[1]["inputs"]["password"] == "hunter2-hunter2"
    web = stack.resources(show_secrets=False)["web"]
    assert "ciphertext" in web["inputs"]["userData"]
    assert "ciphertext" in json.dumps(web["outputs"]["tags"])


def test_an_existing_object_is_imported_and_a_missing_one_is_not(stack: EngineStack) -> None:
    stack.up(web())
    existing = stack.resources()["web"]
    stack.pulumi("state", "delete", existing["urn"], "--yes")
    name = existing["inputs"]["name"]
    adopt = f"""
import pulumi, bridged_sdk as bridged
bridged.Server("web", {{"image": "nginx:9", "name": "{name}", "zone": "north", "size": "small",
    "network": {{"subnet": "a", "mode": "private", "mtu": 1500}}, "disks": [{{"size": 1, "type": "ssd"}}]}},
    opts=pulumi.ResourceOptions(import_="{existing["id"]}"))
"""
    stack.write_program(adopt.replace(existing["id"], "srv-gone"))
    assert "does not exist" in stack.up(expect_failure=True).stdout
    stack.up(adopt)
    adopted = stack.resources()["web"]
    assert adopted["id"] == existing["id"]
    assert adopted["inputs"]["__defaults"] == []
    assert stack.physical("srv")[existing["id"]]["inputs"]["image"] == "nginx:9"


def test_a_refresh_finds_drift_and_vanished_objects(stack: EngineStack) -> None:
    stack.up(web() + '\nbridged.Bucket("logs", {"name": "shop-logs"})\n')
    identifier = stack.resources()["web"]["id"]
    path = stack.objects / "srv" / f"{identifier}.json"
    record = json.loads(path.read_text())
    record["inputs"]["image"] = "nginx:hacked"
    path.write_text(json.dumps(record))
    (stack.objects / "bkt" / "shop-logs.json").unlink()
    stack.refresh()
    found = stack.resources()
    assert found["web"]["inputs"]["image"] == "nginx:hacked"
    assert found["web"]["inputs"]["__defaults"] == ["name", "size"]
    assert found["web"]["inputs"]["network"]["__defaults"] == ["mode", "mtu"]
    assert "logs" not in found


def test_an_object_can_be_read_without_being_owned(stack: EngineStack) -> None:
    stack.objects.joinpath("bkt").mkdir()
    stack.objects.joinpath("bkt", "their-logs.json").write_text(
        json.dumps(
            {"id": "their-logs", "type": "bridged:index:Bucket", "inputs": {"name": "their-logs", "acl": "open"}}
        )
    )
    stack.up("""
import pulumi, bridged_sdk as bridged
theirs = bridged.Bucket.get("theirs", "their-logs")
bridged.Server("web", {"image": "nginx:1", "userData": theirs.acl})
""")
    found = stack.resources()
    assert found["theirs"]["external"] is True
    assert found["web"]["inputs"]["userData"] == "open"


def test_an_explicit_provider_has_a_root_and_an_account_that_replaces(stack: EngineStack, tmp_path: Path) -> None:
    stack.use_plugin_processes()
    program = """
import pulumi, bridged_sdk as bridged
west = bridged.Provider("west", {{"root": "{root}", "account": "{account}", "token": pulumi.Output.secret("{token}")}})
bridged.Server("web", {{"image": "nginx:1"}}, opts=pulumi.ResourceOptions(provider=west))
"""
    elsewhere = tmp_path / "elsewhere"
    stack.up(program.format(root=elsewhere, account="one", token="first-token"))
    res = stack.resources()["web"]
    assert res["outputs"]["arn"].startswith("arn:bridged:one:")
    assert (elsewhere / "srv" / f"{res['id']}.json").exists()
    stack.up(program.format(root=elsewhere, account="one", token="second-token"))
    assert stack.resources()["web"]["id"] == res["id"]
    stack.up(program.format(root=elsewhere, account="two", token="second-token"))
    assert stack.resources()["web"]["id"] != res["id"]


def test_two_plugin_versions_stand_side_by_side(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.install_provider("2.0.0")
    program = """
import pulumi, bridged_sdk as bridged
bridged.Server("one", {"image": "nginx:1"})
bridged.Server("two", {"image": "nginx:1"}, opts=pulumi.ResourceOptions(version="2.0.0"))
"""
    stack.up(program)
    found = stack.resources()
    assert (found["one"]["inputs"]["size"], found["two"]["inputs"]["size"]) == ("small", "medium")
    assert {"default_1_0_0", "default_2_0_0"} <= set(found)
    # The new version keeps an old default, as bridges do.
    stack.up(
        program.replace(
            '"one", {"image": "nginx:1"}', '"one", {"image": "nginx:2"}, opts=pulumi.ResourceOptions(version="2.0.0")'
        )
    )
    assert stack.resources()["one"]["inputs"]["size"] == "small"
    missing = stack.up(program.replace("2.0.0", "3.0.0"), expect_failure=True)
    assert "3.0.0" in missing.stdout + missing.stderr


def test_trouble_can_be_made(stack: EngineStack) -> None:
    stack.trouble({"name": "web", "operation": "create", "action": "fail", "message": "quota exceeded"})
    assert "quota exceeded" in stack.up(web(), expect_failure=True).stdout
    assert stack.physical() == {}
    stack.trouble({"name": "web", "operation": "create", "action": "partial"})
    assert "did not become healthy" in stack.up(expect_failure=True).stdout
    assert stack.resources()["web"]["initErrors"]
    stack.trouble()
    stack.up()
    assert "initErrors" not in stack.resources()["web"]
    stack.trouble({"name": "web", "operation": "update", "action": "slow", "seconds": 1.5})
    started = time.monotonic()
    stack.up(web("nginx:2"))
    assert time.monotonic() - started > 1.5


def test_a_hanging_operation_ends_with_the_engines_cancel(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.trouble({"name": "web", "operation": "create", "action": "hang"})
    stack.write_program(web())
    process = subprocess.Popen(
        [str(stack.engine), "up", "--yes", "--skip-preview", "--non-interactive", "-s", stack.name],
        cwd=stack.root,
        env=stack.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: stuck(stack, "create") == {"web"})
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0, output
    until(lambda: not providers_of(stack))
    assert stack.physical() == {}


def test_a_cancelled_operation_fails_at_once(stack: EngineStack) -> None:
    """Asked directly: the engine may end before it sees the answer."""
    import grpc
    from google.protobuf import empty_pb2, struct_pb2
    from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

    stack.trouble({"name": "web", "operation": "create", "action": "hang"})
    plugin = stack.home / "plugins" / "resource-bridged-v1.0.0" / "pulumi-resource-bridged"
    process = subprocess.Popen([str(plugin), "127.0.0.1:1"], env=stack.environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
            provider = provider_pb2_grpc.ResourceProviderStub(channel)
            inputs = struct_pb2.Struct()
            inputs.update({"image": "nginx:1", "name": "web-1"})
            request = provider_pb2.CreateRequest(urn=f"urn:pulumi:dev::shop::{SERVER}::web", properties=inputs)
            answer = provider.Create.future(request)
            time.sleep(0.3)
            assert not answer.done()
            provider.Cancel(empty_pb2.Empty())
            assert answer.exception(timeout=10).details() == "create of web was cancelled"
    finally:
        process.kill()
        process.communicate()
    assert stack.physical() == {}


def test_a_hanging_operation_goes_on_when_the_trouble_is_over(stack: EngineStack) -> None:
    stack.trouble({"name": "web", "operation": "create", "action": "hang"})
    threading.Timer(4, stack.trouble).start()
    started = time.monotonic()
    stack.up(web())
    assert time.monotonic() - started > 3.5
    assert [call["operation"] for call in stack.calls()] == ["hanging create", "create"]


def test_the_provider_ends_when_the_engine_is_killed(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.trouble({"name": "web", "operation": "create", "action": "hang"})
    stack.write_program(web())
    process = subprocess.Popen(
        [str(stack.engine), "up", "--yes", "--skip-preview", "--non-interactive", "-s", stack.name],
        cwd=stack.root,
        env=stack.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: stuck(stack, "create") == {"web"})
        assert providers_of(stack)
    finally:
        process.kill()
        process.wait()
    until(lambda: not providers_of(stack))
    assert pending(stack) == ["creating web"]


def test_a_dynamic_provider_writes_a_real_file(stack: EngineStack, tmp_path: Path) -> None:
    target = tmp_path / "motd"
    program = f"""
import pulumi
from file_resource import FileResource
motd = FileResource("motd", path="{target}", content="CONTENT")
pulumi.export("id", motd.id)
pulumi.export("sha256", motd.sha256)
"""
    stack.up(program.replace("CONTENT", "hello"))
    first = stack.resources()["motd"]
    assert target.read_text() == "hello"
    stack.expect_no_changes()
    stack.up(program.replace("CONTENT", "good evening"))
    assert target.read_text() == "good evening"
    assert stack.resources()["motd"]["id"] == first["id"]
    stack.destroy()
    assert not target.exists()


def test_history_carries_the_commit_that_was_deployed(stack: EngineStack) -> None:
    stack.write_program(web())
    commit = stack.git_commit("first version", tag="v1.0")
    stack.up()
    newest = stack.history()[0]
    assert newest["environment"]["git.head"] == commit
    assert newest["environment"]["git.dirty"] == "false"
    assert stack.git("rev-parse", "v1.0^{commit}") == commit


def pending(stack: EngineStack) -> list[str]:
    """The open operations in the live checkpoint, like ``creating web``."""
    if not stack.state_file.exists():
        return []
    try:
        latest = json.loads(stack.state_file.read_text())["checkpoint"].get("latest") or {}
    except json.JSONDecodeError:
        return []
    found = latest.get("pending_operations") or []
    return [f"{operation['type']} {operation['resource']['urn'].split('::', 3)[3]}" for operation in found]


def providers_of(stack: EngineStack) -> list[int]:
    """The provider processes that work on this stack's objects."""
    wanted = f"BRIDGED_ROOT={stack.objects}".encode()
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            ours = b"bridged_provider.py" in (directory / "cmdline").read_bytes()
            if ours and wanted in (directory / "environ").read_bytes().split(b"\0"):
                found.append(int(directory.name))
        except OSError:
            continue
    return found
