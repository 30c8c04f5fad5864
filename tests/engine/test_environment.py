"""Where the operator stands, and what is checked out there, changes nothing about which secrets can be opened."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.passphrases import rotate
from tests.support.stack import EngineStack

WORLD = """
import pulumi, bridged_sdk as bridged
bridged.Server("web", {"image": "%s", "userData": pulumi.Output.secret("hush-hush")})
"""


@pytest.mark.slow
def test_a_relative_passphrase_file_is_the_same_for_the_engine_and_for_us(stack: EngineStack) -> None:
    """In the project, in a sub-directory and with ``--cwd``; for a replay, a program of another commit, and `up`."""
    stack.write_file(".gitignore", ".passphrase\n").with_name(".passphrase").write_text(f"{stack.passphrase}\n")
    ops = stack.root / "ops"
    ops.mkdir()
    for version in ("one", "two"):
        stack.write_program(WORLD % version)
        stack.git_commit(version, tag=version)
        stack.up()
    environ = {name: value for name, value in stack.environ.items() if name != "PULUMI_CONFIG_PASSPHRASE"}
    environ["XDG_STATE_HOME"] = str(stack.directory / "state")

    def rewind(*args: str, file: str, inside: bool) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_rewind_tui.cli", *args],
            cwd=ops if inside else stack.root,
            env={**environ, "PULUMI_CONFIG_PASSPHRASE_FILE": file},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    rewind("diff", file=".passphrase", inside=False)
    rewind("rollback", "one", "--yes", file="../.passphrase", inside=True)
    assert stack.resources()["web"]["inputs"]["image"] == "one"
    rewind("rollback", "two", "--strategy", "program", "--yes", file="../.passphrase", inside=True)
    assert stack.resources()["web"]["inputs"]["image"] == "two"
    rewind("plan", "one", "--cwd", "ops", file="../.passphrase", inside=False)
    rewind("up", "--yes", "--rollback-on-failure", file="../.passphrase", inside=True)


@pytest.mark.slow
def test_an_old_configuration_file_does_not_take_the_state_back_to_the_old_passphrase(stack: EngineStack) -> None:
    """At night somebody checks the old tag out, and with it the configuration of before the passphrase was changed."""
    stack.config_set("shop:pw", "cfg-secret-one", secret=True)
    stack.up(WORLD % "one")
    stack.git_commit("one", tag="one")
    old = stack.passphrase
    rotate(stack, "new battery")
    stack.up(WORLD % "two")
    stack.git_commit("two", tag="two")
    salt = stack.export(show_secrets=False)["deployment"]["secrets_providers"]["state"]["salt"]
    stack.git("checkout", "--quiet", "one")
    before = stack.config_file.read_text()
    assert salt not in before
    del stack.extra_environ["OLD_PASSPHRASE"]

    def rewind(*args: str) -> subprocess.CompletedProcess[str]:
        return stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", *args])

    refused = rewind("rollback", "2", "--yes")
    assert refused.returncode == 1
    assert "Pulumi.dev.yaml does not match the state" in refused.stderr
    assert "--passphrase-file" in refused.stderr
    given = stack.directory / "old.txt"
    given.write_text(old)
    done = rewind("rollback", "1", "--yes", "--passphrase-file", str(given))
    assert done.returncode == 0, done.stderr
    assert "Pulumi.dev.yaml does not match the state" in done.stdout
    assert stack.resources()["web"]["inputs"]["image"] == "one"
    done = rewind("rollback", "2", "--yes", "--strategy", "state", "--passphrase-file", str(given))
    assert done.returncode == 0, done.stderr
    assert stack.export(show_secrets=False)["deployment"]["secrets_providers"]["state"]["salt"] == salt
    assert stack.config_file.read_text() == before
    up = rewind("up", "--yes")
    assert up.returncode == 1
    assert "does not match the state" in up.stderr
