"""Credentials, configuration and passphrases of today against those of the target."""

from __future__ import annotations

import json
import sys

import pytest

from pulumi_rewind.errors import SecretsError
from tests.support.rewind import plan, roll_back, run, session, steps
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"
EXPLICIT = (
    HEAD
    + """
prov = bridged.Provider("prov", {{"account": "main", "token": pulumi.Output.secret("{token}")}})
bridged.Server("web", {{"image": "{image}"}}, pulumi.ResourceOptions(provider=prov))
"""
)


def token(stack: EngineStack) -> str:
    inputs = stack.resources()["prov"]["inputs"]
    assert "plaintext" in inputs["token"], "it must stay a secret"
    return str(json.loads(inputs["token"]["plaintext"]))


def test_a_provider_keeps_todays_credentials_unless_the_recorded_ones_are_asked_for(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.up(EXPLICIT.format(token="old-token", image="one"))
    stack.up(EXPLICIT.format(token="new-token", image="two"))
    made = plan(stack, "1")
    (risk,) = [risk for risk in made.all_risks if risk.code == "live-credentials"]
    assert "token" in risk.message
    assert "old-token" not in risk.message
    assert set(steps(made)) == {"web"}, "the provider stays as it is"
    assert [diff.name for diff in made.diff.resources] == ["web"]
    result, _ = run(stack, made)
    assert result.differences == ()
    assert stack.resources()["web"]["inputs"]["image"] == "one"
    assert token(stack) == "new-token"
    recorded = plan(stack, "1", recorded_credentials=True)
    assert "live-credentials" not in {risk.code for risk in recorded.all_risks}
    assert run(stack, recorded)[0].differences == ()
    assert token(stack) == "old-token"


def test_default_providers_get_the_targets_settings_without_touching_the_users_file(stack: EngineStack) -> None:
    program = HEAD + 'bridged.Server("web", {"image": "one"})\n'
    stack.config_set("bridged:account", "north")
    stack.config_set("bridged:token", "tok-1", secret=True)
    stack.up(program)
    stack.config_set("bridged:account", "south")
    stack.config_set("bridged:token", "tok-2", secret=True)
    stack.config_set("shop:size", "010")
    stack.up(program)
    config, provider = stack.config_file.read_bytes(), stack.export()["deployment"]["secrets_providers"]

    todays = plan(stack, "1", todays_config=True)
    assert steps(todays) == {}
    risks = {risk.code: risk.message for risk in todays.all_risks}
    assert "bridged:account" in risks["config-differs"]
    assert "target-config" not in risks

    # What stays as it is in a partial rollback uses the same default provider, so that keeps today's settings.
    partial = plan(stack, "1", only=("web",))
    assert steps(partial) == {}
    risks = {risk.code: risk.message for risk in partial.all_risks}
    assert "bridged:account" in risks["config-differs"]
    assert "target-config" not in risks

    made = plan(stack, "1")
    risks = {risk.code: risk.message for risk in made.all_risks}
    assert "bridged:account" in risks["target-config"]
    assert "bridged:token" not in risks["target-config"]
    assert "bridged:account" not in risks["config-differs"]
    assert "shop:size" in risks["config-differs"]
    assert steps(made)["web"].op == "replace", "another account is another place"
    run(stack, made, allow_data_loss=True)
    now = stack.resources()
    assert now["web"]["outputs"]["arn"].startswith("arn:bridged:north:")
    default = next(res for name, res in now.items() if name.startswith("default"))
    assert default["inputs"]["account"] == "north"
    assert json.loads(default["inputs"]["token"]["plaintext"]) == "tok-2"
    assert stack.config_file.read_bytes() == config
    assert stack.export()["deployment"]["secrets_providers"] == provider
    stack.config_set("bridged:account", "north")
    stack.expect_no_changes()


SECRET = HEAD + 'bridged.Database("db", {{"engine": "pg", "password": pulumi.Output.secret("{word}")}})\n'


def rotate(stack: EngineStack, passphrase: str) -> None:
    """A new passphrase and salt; what was stored before keeps the old one."""
    stack.pulumi("stack", "change-secrets-provider", "passphrase", "-s", stack.name, stdin=f"{passphrase}\n" * 2)
    stack.extra_environ["PULUMI_CONFIG_PASSPHRASE"] = passphrase


def test_an_old_passphrase_opens_the_target_and_the_new_one_stays(stack: EngineStack) -> None:
    stack.up(SECRET.format(word="one-one-one"))
    rotate(stack, "a new passphrase")
    stack.up(SECRET.format(word="two-two-two"))
    salt = stack.export()["deployment"]["secrets_providers"]["state"]["salt"]
    with pytest.raises(SecretsError):
        plan(stack, "1")
    cli = [sys.executable, "-m", "pulumi_rewind_tui.cli"]
    missing = stack.run([*cli, "rollback", "1", "--yes", "--passphrase-file", "nowhere"])
    assert missing.returncode == 2
    assert "nowhere" in missing.stderr
    old = stack.write_file("old.txt", stack.passphrase + "\n")
    done = stack.run([*cli, "rollback", "1", "--yes", "--allow-data-loss", "--passphrase-file", str(old)])
    assert done.returncode == 0, done.stdout + done.stderr
    now = stack.export()["deployment"]
    assert now["secrets_providers"]["state"]["salt"] == salt
    assert json.loads(stack.resources()["db"]["inputs"]["password"]["plaintext"]) == "one-one-one"

    # Nothing in the environment at all: the files serve for the engine's own runs as well.
    new = stack.write_file("new.txt", "a new passphrase")
    stack.extra_environ["PULUMI_CONFIG_PASSPHRASE"] = "none of them"
    files = ["--passphrase-file", str(new), "--passphrase-file", str(old)]
    planned = stack.run([*cli, "plan", "-1", "--json", *files])
    assert planned.returncode == 0, planned.stderr


def test_the_vault_of_a_session_opens_both(stack: EngineStack) -> None:
    stack.up(SECRET.format(word="one-one-one"))
    opened = session(stack)
    live = opened.backend.live(opened.stack)
    assert opened.vault.decrypt(live, opened.stack).decrypted
    assert opened.vault.environment(live) == {}
    assert roll_back(stack, "1").result == "nothing-to-do"
