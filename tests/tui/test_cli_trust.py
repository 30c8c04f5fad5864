"""The command line before a target that others may have written: what it says, and how it is agreed to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.filestack import FileStack

FINDING = "another setting of a provider (endpoint of prov, cloud): https://old.example; live: https://now.example"


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """Two updates in a history that everybody may write, and a pulumi that only says its version and fails."""
    made = FileStack(tmp_path, env={"XDG_STATE_HOME": str(tmp_path / "xdg"), "COLUMNS": "200"})
    for endpoint in ("https://old.example", "https://now.example"):
        made.update(made.resource("prov", {"version": "1.0.0", "endpoint": endpoint}, "pulumi:providers:cloud"))
    made.history.chmod(0o777)
    pulumi = tmp_path / "bin" / "pulumi"
    pulumi.write_text('#!/bin/sh\n[ "$1" = version ] && echo v3.276.0\n')
    pulumi.chmod(0o755)
    return made


def test_without_a_terminal_it_is_refused_and_the_option_agrees_once(stack: FileStack) -> None:
    for command in ("plan", "rollback"):
        refused = stack.run(command, "1", *(("--yes",) if command == "rollback" else ()))
        assert refused.code == 3
        sentence = "#1 would make the engine use what the live stack does not use, and others may have written it"
        assert f"error: {sentence}" in refused.err
        assert f"every user of this machine can write {stack.history}" in refused.err
        assert f"- {FINDING}" in refused.err
        assert (
            "`--trust-target` trusts everything listed, and remembers it. Nothing was started or changed."
            in refused.err
        )
    machine = stack.run("rollback", "1", "--yes", "--json")
    assert machine.code == 3
    assert machine.json_lines()[-1]["findings"] == [
        {"code": "setting", "what": "endpoint of prov, cloud", "live": "https://now.example",
         "target": "https://old.example"},
    ]  # fmt: skip
    agreed = stack.run("plan", "1", "--trust-target")
    assert "trusted: #1 would" in agreed.err
    assert "the preview failed" in agreed.err  # that pulumi can do nothing
    assert "the preview failed" in stack.run("plan", "1").err


@pytest.mark.serial
def test_a_terminal_asks_for_a_typed_yes(stack: FileStack) -> None:
    left = stack.terminal("plan", "1", answers={"Type 'trust' to continue": "yes\n"})
    assert left.code == 3
    assert FINDING in " ".join(left.out.split())
    assert "not confirmed; nothing was changed" in left.out
    agreed = stack.terminal("plan", "1", answers={"Type 'trust' to continue": "trust\n"})
    assert "the preview failed" in agreed.out
    assert "trust" not in stack.run("plan", "1").err
