"""The old commit's program, run again with the configuration that it had; real git, real engine, real objects."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from pulumi_rewind.engine.vault import Vault
from pulumi_rewind.errors import EngineError, IncompleteError, SecretsError
from pulumi_rewind.project.stack_configuration import config_document
from pulumi_rewind.rollback.recording import record_update
from pulumi_rewind.strategies.program.config import write_config
from pulumi_rewind.strategies.program.plan import ProgramPrepared
from tests.support.passphrases import rotate
from tests.support.rewind import plan, run, session, steps
from tests.support.stack import EngineStack

PROGRAM = """
import pulumi, bridged_sdk as bridged
from library import image
config = pulumi.Config()
web = bridged.Server("web", {"image": image() + config.require("n"), "userData": config.require_secret("token")})
bridged.Server("%s", {"image": "x", "dependsId": web.id})
pulumi.export("deep", config.require_secret_object("deep"))
"""
SECRETS = ("hush-hush-token", "deep-in-there")


def belongings(stack: EngineStack) -> list[str]:
    """What is the operator's own: working tree, index, branch, configuration, worktrees."""
    index = (stack.root / ".git" / "index").read_bytes().hex()
    status = stack.git("--no-optional-locks", "status", "--porcelain", "--branch")
    files = [
        path.read_text() for path in (stack.config_file, stack.root / "__main__.py", stack.root / ".git" / "config")
    ]
    refs = stack.git("for-each-ref", "refs/heads", "refs/tags", "refs/remotes")
    return [index, status, refs, stack.git("worktree", "list"), *files]


def nowhere(directory: Path) -> None:
    """No secret stands in the clear in any file below a directory."""
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in SECRETS), path


@pytest.mark.slow
def test_a_program_goes_back_with_its_own_configuration_and_is_resumed(
    stack: EngineStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OLD_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)
    stack.write_file(".gitignore", "__pycache__/\n")
    stack.write_file("rewind.toml", 'passphrase_env = ["OLD_PASSPHRASE"]\n')
    stack.write_file("library.py", 'def image():\n    return "one:"\n')
    stack.write_program(PROGRAM % "old")
    stack.config_set("n", "1")
    stack.config_set("token", "hush-hush-token", secret=True)
    deep = ["config", "set", "-s", stack.name, "--path", "--secret"]
    stack.pulumi(*deep, "deep.a[0].b", stdin="deep-in-there\n\n")
    stack.git_commit("one", tag="v1")
    stack.up()
    deployed, web = stack.git("rev-parse", "HEAD"), stack.resources()["web"]
    wanted = stack.resources()[f"shop-{stack.name}"]["outputs"]["deep"]["plaintext"]
    stack.write_file("library.py", 'def image():\n    return "two:"\n')
    stack.config_set("n", "2")
    stack.git_commit("two")
    stack.up(PROGRAM % "new")
    rotate(stack, "another passphrase")
    salt = stack.export(show_secrets=False)["deployment"]["secrets_providers"]["state"]["salt"]
    stack.write_file("staged.txt", "not committed")
    stack.git("add", "staged.txt")
    before = belongings(stack)

    made = plan(stack, "v1", strategy="program")
    prepared = made.prepared
    assert isinstance(prepared, ProgramPrepared)
    assert {name: (step.op, step.forecast) for name, step in steps(made).items()} == {
        "web": ("update", "restored"), "old": ("create", "recreated"), "new": ("delete", "deleted"),
    }  # fmt: skip
    assert [
        (change.old, change.new) for item in made.diff.resources if item.name == "web" for change in item.changes()
    ] == [("two:2", "one:1")]
    risks = {risk.code: risk.message for risk in made.risks}
    assert not made.blocking
    assert risks["config-reencrypted"].endswith(": shop:deep, shop:token")
    assert "differs in shop:n" in risks["target-config"]
    assert "ambient-dependencies" in risks
    assert "program-differs" not in risks
    assert made.recommendation is not None
    assert made.recommendation.strategy == "checkpoint"
    assert prepared.config_path.stat().st_mode & 0o777 == 0o600
    assert config_document(prepared.config_path)["encryptionsalt"] == salt
    nowhere(prepared.tree.private)
    opened, elsewhere = session(stack), prepared.tree.private / "elsewhere"
    elsewhere.mkdir()
    recorded = json.loads(bytes(opened.timeline.update(1).config))
    with pytest.raises(SecretsError, match="recorded configuration can't be decrypted") as caught:
        write_config(
            opened.engine, Vault(lambda: opened.engine), opened.stack, recorded,
            then=prepared.target, live=prepared.live, today={}, private=elsewhere,
        )  # fmt: skip
    assert "--passphrase-file" in caught.value.hint

    # It fails half-way, is resumed from the command line, and is there.
    stack.trouble({"name": "old", "operation": "create", "action": "fail"})
    with pytest.raises(IncompleteError) as failed:
        run(stack, made, allow_data_loss=True)
    assert "resume" in failed.value.hint
    assert belongings(stack) == before
    entry = session(stack).journal.read()
    assert entry is not None
    assert entry.choices.strategy == "program"
    journal = session(stack).journal.path  # as if the process had ended, too
    journal.write_text(json.dumps(json.loads(journal.read_text()) | {"pid": 2**40}))
    stack.trouble()
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "resume", "--yes", "--json"])
    assert done.returncode == 0, done.stderr
    assert not any(secret in done.stdout + done.stderr for secret in SECRETS)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["strategy"] == "program"
    assert lines[0]["recommended"] == "checkpoint"
    assert (lines[-1]["result"], lines[-1]["version"], lines[-1]["differences"]) == ("succeeded", 4, [])
    assert session(stack).journal.read() is None

    now = stack.resources()
    assert set(now) >= {"web", "old"}
    assert "new" not in now
    assert (now["web"]["id"], now["web"]["inputs"]["image"]) == (web["id"], "one:1")
    assert json.loads(now["web"]["inputs"]["userData"]["plaintext"]) == "hush-hush-token"
    assert now[f"shop-{stack.name}"]["outputs"]["deep"]["plaintext"] == wanted
    assert stack.export(show_secrets=False)["deployment"]["secrets_providers"]["state"]["salt"] == salt
    assert belongings(stack) == before
    record = session(stack).timeline.update(4)
    assert (record.commit, record.dirty, record.message) == (deployed, False, "rollback to #1 (v1)")
    assert session(stack).timeline.live_update() == 4


@pytest.mark.since("3.248.0", "a virtual environment that is missing, with the language host of 3.60")
def test_what_a_program_can_not_do_is_said(stack: EngineStack, tmp_path: Path) -> None:
    """It is held to its review; changes that no commit has; what it makes otherwise; what doesn't install."""
    today = tmp_path / "today.txt"
    today.write_text("1")
    stack.write_file(".gitignore", "__pycache__/\n")
    stack.write_program(f'import bridged_sdk as b\nb.Server("web", {{"image": open({str(today)!r}).read()}})\n')
    stack.git_commit("one", tag="v1")
    stack.up()
    today.write_text("2")
    stack.up()
    today.write_text("3")
    made = plan(stack, "v1", strategy="program")
    assert steps(made)["web"].op == "update"
    today.write_text("4")
    with pytest.raises(EngineError, match="violates plan"):
        run(stack, made)
    assert stack.resources()["web"]["inputs"]["image"] == "2"

    (stack.root / "Pulumi.yaml").write_text("name: shop\nruntime:\n  name: python\n  options:\n    virtualenv: .venv\n")
    commit = stack.git_commit("two", tag="v2")
    records = sorted(stack.history_directory.glob("*.history.json"))
    document = json.loads(records[0].read_text())
    document["environment"]["git.dirty"] = "true"
    records[0].write_text(json.dumps(document))
    made = plan(stack, "1", strategy="program")
    assert [risk.code for risk in made.blocking] == ["dirty-commit"]
    assert "web inputs.image" in next(risk.message for risk in made.risks if risk.code == "program-differs")
    assert made.recommendation is not None
    assert "uncommitted changes" in made.recommendation.program_problem
    made.close()
    assert len(stack.git("worktree", "list").splitlines()) == 1

    # Uncommitted changes that a record keeps are part of the program.
    stack.write_file("extra.py", 'word = "dirty"\n')
    stack.up('from extra import word\nimport bridged_sdk as b\nb.Server("web", {"image": word})\n')
    record_update(session(stack), 4)
    stack.git("checkout", "--quiet", "--", ".")
    (stack.root / "extra.py").unlink()
    made = plan(stack, "#4", strategy="program")
    assert made.nothing_to_do
    assert "uncommitted" in {risk.code for risk in made.risks}
    assert not {"dirty-commit", "program-differs"} & {risk.code for risk in made.risks}
    made.close()

    document["environment"] |= {"git.head": commit, "git.dirty": "false"}
    records[0].write_text(json.dumps(document))
    stack.extra_environ["PULUMI_PYTHON_CMD"] = "/bin/false"
    with pytest.raises(EngineError, match="dependencies of the program can't be installed") as caught:
        plan(stack, "v2", strategy="program")
    assert "--strategy checkpoint" in caught.value.hint
    with pytest.raises(EngineError, match="the program failed in its preview") as caught:
        plan(stack, "v2", strategy="program", no_install=True)
    assert "`--no-install`" in caught.value.hint
    assert len(stack.git("worktree", "list").splitlines()) == 1

    # What is installed for today's program is used where nothing else is.
    del stack.extra_environ["PULUMI_PYTHON_CMD"]
    (stack.root / ".git" / "info" / "exclude").write_text(".venv\n")
    (stack.root / ".venv" / "bin").mkdir(parents=True)
    (stack.root / ".venv" / "bin" / "python").symlink_to(stack.environ["PULUMI_PYTHON_CMD"])
    made = plan(stack, "v2", strategy="program", no_install=True)
    assert "not-installed" in {risk.code for risk in made.risks}
    assert isinstance(made.prepared, ProgramPrepared)
    assert (made.prepared.tree.project / ".venv").resolve() == (stack.root / ".venv").resolve()
    made.close()
    assert (stack.root / ".venv" / "bin" / "python").exists()


FICKLE = """
import pathlib, pulumi, bridged_sdk as bridged
marker = pathlib.Path(%r)
bridged.Server("web", {"image": "late" if marker.exists() else "one"})
if not pulumi.runtime.is_dry_run():
    marker.touch()
"""


def test_the_check_after_it_is_the_program_once_more(stack: EngineStack, tmp_path: Path) -> None:
    """A replay of the checkpoint would find nothing left to do."""
    marker = tmp_path / "marker"
    stack.write_file(".gitignore", "__pycache__/\n")
    stack.write_program(FICKLE % str(marker))
    stack.git_commit("one", tag="v1")
    stack.up()
    stack.write_program('import bridged_sdk as bridged\nbridged.Server("web", {"image": "two"})\n')
    stack.git_commit("two")
    stack.up()
    marker.unlink()
    result, _ = run(stack, plan(stack, "v1", strategy="program"))
    assert [one.message for one in result.differences] == ["a second run of the program would still update it in image"]
    assert stack.resources()["web"]["inputs"]["image"] == "one"
