"""`doctor` works whatever is missing, and says what to do about it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.support.filestack import FileStack, encrypted
from tests.support.journals import process_ended
from tests.support.terminal import Ran


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    made.update(made.resource("api", {"size": "s"}))
    made.update(made.resource("api", {"size": "m"}))
    return made


def fake_engine(stack: FileStack, version: str = "v3.276.0") -> None:
    """A CLI that only knows its version; nothing here runs an update."""
    path = stack.root / "bin" / "pulumi"
    path.write_text(f"#!/bin/sh\necho {version}\n")
    path.chmod(0o755)


def found(ran: Ran) -> dict[str, tuple[str, str]]:
    shown = ran.json()
    assert set(shown) == {"ok", "findings"}
    assert all(set(one) == {"check", "status", "message", "hint"} for one in shown["findings"])
    assert all(one["hint"] for one in shown["findings"] if one["status"] != "ok")
    return {one["check"]: (one["status"], one["message"]) for one in shown["findings"]}


def test_all_is_well(stack: FileStack) -> None:
    fake_engine(stack)
    stack.git("init", "-q")
    ran = stack.run("doctor", "--json")
    assert ran.code == 0, ran
    assert ran.json()["ok"] is True
    checks = found(ran)
    assert checks["engine"][0] == "ok"
    assert "3.276.0" in checks["engine"][1]
    assert checks["project"] == ("ok", f"shop (python) in {stack.work}")
    assert "PULUMI_BACKEND_URL" in checks["backend"][1]
    assert checks["stack"] == ("ok", "shop/dev")
    assert checks["history"] == ("ok", "2 updates")
    assert checks["passphrase"][0] == "ok"
    assert checks["lock"] == ("ok", "not locked")
    assert checks["pending"][0] == "ok"
    assert checks["interrupted"][0] == "ok"
    assert checks["language"][0] == "warn", "no language host beside that engine"
    plain = stack.run("doctor")
    assert plain.code == 0
    assert "✓ ok    engine" in plain.out


def test_nothing_is_there(stack: FileStack, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    ran = stack.run("doctor", "--json", cwd=empty)
    assert ran.code == 1
    checks = found(ran)
    assert checks["project"][0] == "fail"
    assert checks["engine"][0] == "fail"
    assert "stack" not in checks
    plain = stack.run("doctor", cwd=empty)
    assert plain.code == 1
    assert "✗ fail  project" in plain.out
    assert "→ " in plain.out


def test_engine_too_old(stack: FileStack) -> None:
    fake_engine(stack, "v3.100.0")
    ran = stack.run("doctor", "--json")
    assert ran.code == 1
    assert "3.100.0" in found(ran)["engine"][1]


def test_variables_that_are_not_passed_on_are_named(stack: FileStack) -> None:
    fake_engine(stack)
    assert "environment" not in found(stack.run("doctor", "--json"))
    stack.env |= {"TF_LOG": "TRACE", "PULUMI_DEBUG_GRPC": "log.json"}
    level, message = found(stack.run("doctor", "--json"))["environment"]
    assert (level, message) == ("warn", "not passed on to the engine: PULUMI_DEBUG_GRPC, TF_LOG")


def test_missing_stack_and_empty_history(stack: FileStack) -> None:
    checks = found(stack.run("doctor", "nope", "--json"))
    assert checks["stack"][0] == "fail"
    assert checks["backend"][0] == "ok"
    stack.live_file.with_name("fresh.json").write_bytes(stack.checkpoint([]))
    assert found(stack.run("doctor", "fresh", "--json"))["history"][0] == "warn"


def test_trouble_on_the_stack(stack: FileStack) -> None:
    locks = stack.state / ".pulumi" / "locks" / "organization" / "shop" / "dev"
    locks.mkdir(parents=True)
    lock = {"pid": 15817, "username": "root", "hostname": "box\x1b[2J", "timestamp": "2026-11-23T06:56:46Z"}
    (locks / "5a0e.json").write_text(json.dumps(lock))
    pending = [{"resource": stack.resource("half", {}), "type": "creating"}]
    stack.set_live(stack.checkpoint([], pending_operations=pending))
    stack.checkpoint_file(1).unlink()
    ran = stack.run("doctor", "--json")
    findings = ran.json()["findings"]
    by_check = {one["check"]: one for one in findings}
    assert by_check["lock"]["status"] == "warn"
    assert "15817" in by_check["lock"]["message"]
    assert by_check["pending"]["status"] == "warn"
    assert "creating half" in by_check["pending"]["message"]
    history = [one["message"] for one in findings if one["check"] == "history"]
    assert any("#1" in message for message in history)
    assert any("outside updates" in message for message in history)
    assert "\x1b" not in stack.run("doctor").out


def test_a_passphrase_that_cannot_be_tried_fails(stack: FileStack) -> None:
    stack.update(stack.resource("db", {"password": encrypted("v1:x")}))
    ran = stack.run("doctor", "--json")
    assert ran.code == 1
    assert found(ran)["passphrase"][0] == "fail"


def test_of_a_parameterised_package_the_plugin_that_carries_it_is_looked_for(stack: FileStack) -> None:
    fake_engine(stack)
    carried = {"name": "terraform-provider", "version": "1.1.3", "parameterization": "e30="}
    inputs = {"version": "0.0.0", "__internal": carried}
    stack.set_live(stack.checkpoint([stack.resource("default_0_0_0", inputs, "pulumi:providers:random")]))
    assert found(stack.run("doctor", "--json"))["providers"] == (
        "warn", "provider plugins not installed here: terraform-provider 1.1.3",
    )  # fmt: skip
    plugins = stack.root / "home" / ".pulumi" / "plugins"
    (plugins / "resource-terraform-provider-v1.1.3").mkdir(parents=True)
    assert found(stack.run("doctor", "--json"))["providers"] == ("ok", "terraform-provider 1.1.3")


def test_dynamic_providers_in_javascript_need_the_packages_of_the_program(stack: FileStack) -> None:
    fake_engine(stack)
    plugin = stack.root / "bin" / "pulumi-resource-pulumi-nodejs"
    plugin.write_text("#!/bin/sh\n")
    plugin.chmod(0o755)
    stack.set_live(stack.checkpoint([stack.resource("default", {}, type_="pulumi:providers:pulumi-nodejs")]))
    (one,) = (one for one in stack.run("doctor", "--json").json()["findings"] if one["check"] == "providers")
    assert one["status"] == "warn"
    assert "@pulumi/pulumi is not installed here" in one["message"]
    assert "`pulumi install`" in one["hint"]
    (stack.work.parent / "node_modules" / "@pulumi" / "pulumi").mkdir(parents=True)
    assert found(stack.run("doctor", "--json"))["providers"] == ("ok", "pulumi-nodejs")


def test_providers_that_are_not_installed(stack: FileStack) -> None:
    fake_engine(stack)
    type_ = "pulumi:providers:imaginary"
    provider = stack.resource("default_1_2_3", {"version": "1.2.3"}, type_)
    stack.update(provider, stack.resource("api", {}, provider=f"{provider['urn']}::uuid"))
    checks = found(stack.run("doctor", "--json"))
    assert checks["providers"][0] == "warn"
    assert "imaginary 1.2.3" in checks["providers"][1]
    (stack.root / "home" / ".pulumi" / "plugins" / "resource-imaginary-v1.2.3").mkdir(parents=True)
    assert found(stack.run("doctor", "--json"))["providers"][0] == "ok"


def test_an_interrupted_rollback_is_found(stack: FileStack) -> None:
    stack.env["XDG_STATE_HOME"] = str(stack.root / "xdg")
    from pulumi_rewind.project.journal import Journal
    from pulumi_rewind.state.model import StackRef

    journal = Journal(stack.env["PULUMI_BACKEND_URL"], StackRef("shop", "dev"), stack.env)
    journal.begin(target=1, label="#1", digest="0" * 64, start=2)
    assert found(stack.run("doctor", "--json"))["interrupted"] == (
        "warn",
        f"a rollback to #1 runs now (pid {os.getpid()})",
    )
    process_ended(journal)
    assert "was interrupted" in found(stack.run("doctor", "--json"))["interrupted"][1]
    assert "pulumi-rewind resume dev" in stack.run("history").err
    refused = stack.run("resume", "--yes")
    assert refused.code == 3
    assert "not the one" in refused.err


def test_an_interrupted_update_is_not_called_a_rollback(stack: FileStack) -> None:
    stack.env["XDG_STATE_HOME"] = str(stack.root / "xdg")
    from pulumi_rewind.project.journal import Journal
    from pulumi_rewind.state.model import StackRef

    journal = Journal(stack.env["PULUMI_BACKEND_URL"], StackRef("shop", "dev"), stack.env)
    journal.begin(target=1, label="#1", digest="0" * 64, start=2, update=True)
    assert found(stack.run("doctor", "--json"))["interrupted"][1] == f"an update runs now (pid {os.getpid()})"
    process_ended(journal)
    (finding,) = (one for one in stack.run("doctor", "--json").json()["findings"] if one["check"] == "interrupted")
    assert finding["message"] == "an update was interrupted"
    assert finding["hint"] == "`pulumi-rewind resume dev` rolls it back to #1, `resume dev --forget` keeps it."


def test_nothing_to_resume(stack: FileStack) -> None:
    ran = stack.run("resume")
    assert ran.code == 0, ran.err
    assert "no rollback of shop/dev was interrupted" in ran.out
    assert stack.run("resume", "--json").json()["result"] == "nothing-to-do"


def test_the_settings_that_were_read_are_named_and_those_of_the_screens_are_checked(stack: FileStack) -> None:
    fake_engine(stack)
    own = Path(stack.env["HOME"]) / ".config" / "pulumi-rewind" / "rewind.toml"
    own.parent.mkdir(parents=True)
    own.write_text("ascii = true\n")
    project = stack.work / "rewind.toml"
    project.write_text('[keys]\nhome.stacks = "j"\n')
    ran = stack.run("doctor", "--json")
    said = {one["message"]: one["status"] for one in ran.json()["findings"] if one["check"] == "settings"}
    assert said == {
        f"{own}, {project}; production stacks: prod*": "ok",
        "j is the key of home.stacks and of list.down (home): only one of them works": "warn",
    }
    project.write_text('theme = "blue"\n')
    checks = found(stack.run("doctor", "--json"))
    assert checks["settings"] == (
        "warn", f"the screens can't be opened: {project}, line 1: there is no theme 'blue'"
    )  # fmt: skip
    project.write_text("them = 1\n")
    checks = found(stack.run("doctor", "--json"))
    assert checks["settings"] == ("fail", f"{project}, line 1: unknown key 'them'")
