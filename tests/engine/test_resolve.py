"""Pending creates of a killed update are found, and resolved as the operator decides."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.faults import (
    engines,
    orphans,
    own,
    pending_creates,
    providers,
    slay,
    start_rollback,
    stuck,
    until,
)
from tests.support.stack import EngineStack

BASE = 'import pulumi, bridged_sdk as bridged\nbase = bridged.Server("base", {"image": "one"})\n'
MORE = (
    BASE
    + """
secret = pulumi.Output.secret("canary-5150")
bridged.Server("web", {"image": "one", "dependsId": base.id, "tags": {"token": secret}})
bridged.Server("gone", {"image": "one"})
"""
)


def kill_in_the_middle_of_creates(stack: EngineStack) -> None:
    """The engine dies while `web` and `gone` are made; then `web` comes to be, `gone` does not."""
    hang = {"operation": "create", "action": "hang"}
    # `web` is made whether or not its provider hears in time that the engine is dead.
    stack.trouble({"name": "web", "deaf": True, **hang}, {"name": "gone", **hang})
    stack.write_program(MORE)
    command = [str(stack.engine), "up", "--yes", "--skip-preview", "-s", stack.name, "--non-interactive"]
    running = subprocess.Popen(command, cwd=stack.root, env=stack.environ, stdout=subprocess.DEVNULL)
    until(lambda: stuck(stack, "create") == {"web", "gone"})
    for number in engines(stack):
        slay(number)
    running.wait()
    stack.trouble({"name": "gone", **hang})
    until(lambda: "web" in orphans(stack).values())
    for number in providers(stack):
        slay(number)
    stack.trouble()


def test_what_a_killed_rollback_has_made_is_what_it_goes_on_with(stack: EngineStack) -> None:
    """A third one could not be had where the second holds what it needs, as a claim does its volume."""
    stack.use_plugin_processes()
    stack.install_provider("1.0.0", Path(sys.executable))
    zone = 'import bridged_sdk as bridged\nbridged.Server("web", {"image": "one", "zone": "%s"})\n'
    stack.up(zone % "a")
    stack.up(zone % "b")
    stack.trouble({"name": "web", "operation": "create", "action": "hang", "deaf": True})
    process = start_rollback(stack)
    until(lambda: stuck(stack, "create") == {"web"})
    for number in (process.pid, *engines(stack)):
        slay(number)
    process.communicate()
    stack.trouble()
    until(lambda: "web" in orphans(stack).values())
    for number in providers(stack):
        slay(number)
    stack.pulumi("cancel", "--yes", stack.name)
    (made,) = orphans(stack)
    code, text = own(stack, "resolve", "--json", "--adopt", f"web={made}")
    assert (code, json.loads(text.splitlines()[-1])["leftovers"]) == (0, []), text
    code, text = own(stack, "resume", "--yes", "--allow-data-loss")
    assert code == 0, text
    assert list(stack.physical("srv")) == [made]
    stack.write_program(zone % "a")
    stack.expect_no_changes()


@pytest.mark.slow
def test_pending_creates_are_adopted_or_cleared_as_the_operator_decides(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    # A copy of a loaded process would end with the engine, and `web` might then never come to be.
    stack.install_provider("1.0.0", Path(sys.executable))
    stack.up(BASE)
    kill_in_the_middle_of_creates(stack)
    code, text = own(stack, "resolve", "--clear-all")
    assert (code, "locked by" in text) == (3, True), text
    stack.pulumi("cancel", "--yes", stack.name)
    urn = next(item["resource"]["urn"] for item in pending_creates(stack) if item["resource"]["urn"].endswith("web"))
    made = next(identifier for identifier, name in orphans(stack).items() if name == "web")
    before = stack.state_file.read_bytes()

    code, text = own(stack, "rollback", "1", "--yes")  # never silently carried along
    assert (code, f"resolve --adopt '{urn}=ID'" in text) == (3, True), text
    code, text = own(stack, "resolve")
    assert (code, "web" in text, "gone" in text) == (0, True, True), text
    code, text = own(stack, "resolve", "--adopt", f"web={made}")
    assert (code, "no decision is given for" in text) == (2, True), text
    code, text = own(stack, "resolve", "--adopt", "web=srv-nobody", "--clear", "gone")
    assert (code, "there is no bridged:index:Server with the id" in text) == (2, True), text
    stack.trouble({"name": "*", "operation": "read", "action": "fail", "message": "the raw state does not match"})
    code, text = own(stack, "resolve", "--adopt", f"web={made}", "--clear", "gone")
    assert (code, f"its provider can't read {made}" in text, "the raw state does not match" in text) == (1, True, True)
    assert "delete the object with other tools, then --clear it" in text
    stack.trouble()
    assert stack.state_file.read_bytes() == before

    code, text = own(stack, "resolve", "--json", "--adopt", f"{urn}={made}", "--clear", "gone")
    assert code == 0, text
    said = json.loads(text.splitlines()[-1])
    assert (said["adopted"], len(said["cleared"]), said["leftovers"]) == ([urn], 1, [])
    copy = Path(said["copy"])
    assert copy.stat().st_mode & 0o777 == 0o600
    assert b"canary-5150" not in copy.read_bytes()
    assert len(json.loads(copy.read_bytes())["deployment"]["pending_operations"]) == 2
    assert b"canary-5150" not in stack.state_file.read_bytes()
    assert not pending_creates(stack)
    web = stack.resources()["web"]
    assert web["id"] == made
    assert web["outputs"]["arn"]
    assert "name" in web["inputs"]["__defaults"]  # an import would have pinned its name
    assert sorted(web["propertyDependencies"]["dependsId"]) == [stack.resources()["base"]["urn"]]

    ops = {step["urn"].split("::")[-1]: step["op"] for step in stack.preview_json()["steps"]}
    assert ("web" in ops, ops["gone"]) == (False, "create")  # what stays the same is not a step
    code, text = own(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert code == 0, text
    assert orphans(stack) == {}
    assert {name for name in stack.resources() if name in {"base", "web", "gone"}} == {"base"}
    code, text = own(stack, "resolve", "--clear-all")
    assert (code, "no creates of dev are pending" in text) == (0, True), text
