"""Streams that are closed or full, and surroundings that are gone: a sentence and the right exit code, never a bug."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_rewind.errors import RefusedError
from pulumi_rewind_tui.terminal import consent, output
from pulumi_rewind_tui.terminal.failures import report
from pulumi_rewind_tui.terminal.writer import open_screen
from tests.support.filestack import FileStack

CLI = f"{sys.executable} -m pulumi_rewind_tui.cli"
UNWRITTEN = "error: standard output is not writable: "


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    made.update(made.resource("api", {"size": "s"}))
    made.update(made.resource("api", {"size": "m"}))
    return made


def shell(stack: FileStack, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command], cwd=stack.work, env=stack.env, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["history", "doctor"])
@pytest.mark.parametrize(
    ("where", "reason"), [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")]
)
def test_output_that_can_not_be_written_is_an_error(stack: FileStack, command: str, where: str, reason: str) -> None:
    done = shell(stack, f"{CLI} {command} </dev/null {where}")
    assert done.returncode == 1
    assert done.stderr.startswith(f"{UNWRITTEN}{reason}\nhint: ")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "<&-", "2>&- <&-"])
def test_other_streams_may_be_missing(stack: FileStack, where: str) -> None:
    done = shell(stack, f"{CLI} history {where}")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2
    failed = shell(stack, f"{CLI} show 77 {where}")
    assert (failed.returncode, failed.stdout) == (2, "")


def test_no_file_takes_the_place_of_a_closed_stream(stack: FileStack) -> None:
    opens = "import os; file = open('file', 'w'); print('out'); assert file.fileno() > 2"
    code = f"from pulumi_rewind_tui.terminal.output import open_streams; open_streams(); {opens}"
    done = shell(stack, f'{sys.executable} -c "{code}" <&- >&-')
    assert (done.returncode, done.stderr) == (0, "")
    assert (stack.work / "file").read_text() == ""


@pytest.mark.parametrize(
    ("command", "code", "ends"),
    [("history", 0, 1), ("history", 130, 130), ("rollback", 0, 0), ("up", 5, 5), (None, 0, 1)],
)
def test_the_exit_code_says_what_was_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str | None, code: int, ends: int
) -> None:
    monkeypatch.setattr(output, "lost_output", lambda: OSError(28, "No space left on device"))
    assert output.report_lost_output(code, command, no_color=True, ascii_only=False) == ends
    said = capsys.readouterr().err
    assert said.startswith(f"{UNWRITTEN}No space left on device\nhint: ")
    assert ("has finished its work" in said) == (command == "rollback")


def test_nobody_is_asked_about_what_they_can_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consent, "lost_output", lambda: OSError(28, "No space left on device"))
    with pytest.raises(RefusedError, match="can't be shown"):
        consent.ask_for_confirmation(None, open_screen(), [], "Roll back?")  # type: ignore[arg-type]


def test_a_directory_that_is_gone_is_told(stack: FileStack) -> None:
    leave = 'mkdir gone && cd gone && rmdir "$PWD" && '
    done = shell(stack, f"{leave}{CLI} history")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: the current directory no longer exists\nhint: ")
    elsewhere = shell(stack, f"{leave}{CLI} history --cwd {stack.work}")
    assert (elsewhere.returncode, elsewhere.stderr) == (0, "")
    assert shell(stack, f"{leave}{CLI} --version").returncode == 0


def test_a_home_that_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import pwd

    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(RuntimeError) as caught:
        Path.home()
    assert report(caught.value) == 2
    said = capsys.readouterr().err
    assert f"user {os.geteuid()} is not in the user database" in said
    assert "Set HOME" in said
