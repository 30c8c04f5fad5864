"""Every bad input has one clear message, a hint and its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from pulumi_rewind.errors import (
    EngineError,
    IncompleteError,
    InterruptedRun,
    RefusedError,
    RewindError,
    TargetError,
)
from pulumi_rewind_tui import cli
from pulumi_rewind_tui.terminal.failures import report
from tests.support.filestack import FileStack


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    made.update(made.resource("api", {"size": "s"}))
    made.update(made.resource("api", {"size": "m"}))
    return made


@pytest.mark.parametrize(
    ("err", "code"),
    [
        (RewindError("x"), 1),
        (EngineError("x"), 1),
        (TargetError("x"), 2),
        (RefusedError("x"), 3),
        (IncompleteError("x"), 4),
        (InterruptedRun("x"), 130),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 130),
        (click.UsageError("x"), 2),
        (ValueError("x"), 1),
    ],
)
def test_exit_codes(err: BaseException, code: int) -> None:
    assert report(err) == code


def test_an_interrupt_while_it_starts_prints_nothing(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "class Interrupt:\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        if name == 'click': os.kill(os.getpid(), {int(signal.SIGINT)})  # in mid-import\n"
        "sys.meta_path.insert(0, Interrupt)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}
    words = [sys.executable, "-m", "pulumi_rewind_tui.cli", "history"]
    done = subprocess.run(words, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


def test_message_candidates_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    report(TargetError("two things\nmatch \x1b[2J", hint="say which", candidates=("#1 a", "#2 b")))
    assert capsys.readouterr().err.splitlines() == [
        "error: two things",
        r"  match \x1b[2J",
        "  #1 a",
        "  #2 b",
        "hint: say which",
    ]


def test_a_bug_is_one_line_without_its_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        password = "hunter2"
        raise ValueError(password)

    monkeypatch.delenv("PULUMI_REWIND_DEBUG", raising=False)
    with pytest.raises(ValueError, match="hunter2") as caught:
        fails()
    assert report(caught.value) == 1
    shown = capsys.readouterr().err
    assert shown.splitlines()[0].startswith("error: unexpected ValueError at test_cli_errors.py:")
    assert "this is a bug" in shown
    assert "hunter2" not in shown
    assert "Traceback" not in shown
    monkeypatch.setenv("PULUMI_REWIND_DEBUG", "1")
    report(caught.value)
    assert "Traceback" in capsys.readouterr().err


def test_unexpected_errors_of_a_command_are_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(cli.cli, "invoke", breaks)
    assert cli.run(["history"]) == 1
    assert "unexpected RuntimeError" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["history", "show", "diff", "plan", "rollback", "resume", "doctor"])
def test_every_command_has_help_and_the_common_options(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([command, "-h"]) == 0
    shown = capsys.readouterr().out
    for option in ("--cwd", "--stack", "--backend", "--no-color", "--ascii", "--help"):
        assert option in shown


def test_commands_and_help_agree(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, text in cli.COMMANDS.items():
        assert f"  {name} " in shown
        assert text in shown
        command = cli.cli.get_command(click.Context(cli.cli), name)
        assert command is not None
        assert command.name == name


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("pulumi-rewind 0.")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("hisotry",), "did you mean history?"),
        (("plan",), "no target is given"),
        (("rollback",), "no target is given"),
        (("show",), "no target is given"),
        (("plan", "a", "b", "c"), "too many arguments: c"),
        (("history", "a", "b"), "too many arguments: b"),
        (("plan", "1", "--bogus"), "--bogus"),
        (("plan", "1", "-x"), "-x"),
        (("plan", "1", "--strategy", "magic"), "magic"),
        (("plan", "1", "--adopt", "web"), "neither NAME=ID nor `found`"),
        (("plan", "1", "--adopt", "=i-1"), "neither NAME=ID nor `found`"),
        (("rollback", "1"), "no terminal for a confirmation"),
        (("rollback", "1", "--json"), "--yes"),
        (("history", "--cwd", "/nowhere/at/all"), "/nowhere/at/all"),
        (("plan", "99"), "99"),
        (("plan", "-7"), "before"),
        (("show", "no-such-tag"), "no-such-tag"),
        (("history", "-s", "nope"), "nope"),
        (("history", "../../etc"), "../../etc"),
    ],
)
def test_usage_errors(stack: FileStack, args: tuple[str, ...], message: str) -> None:
    ran = stack.run(*args)
    assert ran.code == 2, ran
    assert ran.err.startswith("error: ")
    assert message in ran.err
    assert "hint: " in ran.err
    assert "Traceback" not in ran.err
    assert "bug" not in ran.err


def test_not_a_project(stack: FileStack, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    ran = stack.run("history", cwd=tmp_path / "elsewhere")
    assert ran.code == 2
    assert "Pulumi.yaml" in ran.err


def test_no_stack_selected(stack: FileStack) -> None:
    (stack.live_file.parent / "prod.json").write_bytes(stack.live_file.read_bytes())
    ran = stack.run("history", env={"PULUMI_STACK": ""})
    assert ran.code == 2
    assert "dev" in ran.err
    assert "prod" in ran.err


def test_no_such_stack_lists_what_there_is(stack: FileStack) -> None:
    ran = stack.run("history", "nope")
    assert ran.code == 2
    assert "dev" in ran.err


def test_unsupported_and_missing_backends(stack: FileStack, tmp_path: Path) -> None:
    for url in ("bogus://x", f"file://{tmp_path}/nowhere"):
        ran = stack.run("history", "--backend", url)
        assert ran.code in {1, 2}
        assert "hint: " in ran.err
        assert "bug" not in ran.err


def test_plan_without_an_engine(stack: FileStack) -> None:
    ran = stack.run("plan", "1")
    assert ran.code == 1
    assert "pulumi CLI" in ran.err
    assert "hint: " in ran.err
    assert stack.run("history").code == 0
    assert stack.run("diff").code == 0


def test_rollback_without_an_engine_ends_json_with_a_result(stack: FileStack) -> None:
    ran = stack.run("rollback", "1", "--yes", "--json")
    assert ran.code == 1
    last = ran.json_lines()[-1]
    assert last["result"] == "failed"
    assert last["differences"] == []
    assert "pulumi CLI" in last["error"]


def test_a_damaged_checkpoint_is_named(stack: FileStack) -> None:
    stack.checkpoint_file(1).write_text('{"version": 3, "checkpoint": {"sta')
    ran = stack.run("diff", "live", "1")
    assert ran.code in {1, 2}
    assert ran.err.startswith("error: ")
    assert "hint: " in ran.err


def test_broken_settings_name_the_key(stack: FileStack) -> None:
    (stack.work / "rewind.toml").write_text('produktion = ["x"]\n')
    ran = stack.run("history")
    assert ran.code == 2
    assert "produktion" in ran.err


def test_one_argument_is_the_target_two_are_stack_and_target(stack: FileStack) -> None:
    for args in (("show", "-1"), ("show", "dev", "-1"), ("show", "-s", "dev", "-1"), ("show", "--", "-1")):
        ran = stack.run(*args)
        assert ran.code == 0, (args, ran.err)
        assert ran.out.startswith("#1")


def test_interrupt_while_reading_is_130(stack: FileStack) -> None:
    import signal
    import subprocess
    import sys

    pipe = stack.history / "dev-1795600999000000000.history.json"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", "history"],
        cwd=stack.work,
        env=stack.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    writer = pipe.open("wb")  # returns as soon as somebody reads
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    writer.close()
    assert process.returncode == 130
    assert "interrupted" in err
