"""The pager: only where there is a terminal and the text is longer than the screen; never in the way."""

from __future__ import annotations

import io
import os
import re
import signal
from pathlib import Path

import pytest

from pulumi_rewind_tui.terminal.pager import Paged, PagerClosed, pager_command
from tests.support.filestack import FileStack

SECRET = "correct-horse"


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """Two states of forty resources, all different; and a pager that keeps what it gets."""
    made = FileStack(tmp_path)
    for size in "sm":
        made.update(*(made.resource(f"r{number:02}", {"size": size}) for number in range(40)))
    script = made.root / "bin" / "keep"
    script.write_text(f'#!/bin/sh\necho "LESS=$LESS $*" > {made.root}/started\ncat > {made.root}/kept\necho paged\n')
    script.chmod(0o700)
    return made


def kept(stack: FileStack) -> str:
    path = stack.root / "kept"
    return path.read_text() if path.exists() else ""


def test_what_is_longer_than_the_screen_goes_through_it_in_colour(stack: FileStack) -> None:
    ran = stack.terminal("diff", env={"PAGER": "false", "PULUMI_REWIND_PAGER": "keep -x 'a b'"}, colors=True)
    assert ran.code == 0
    assert ran.out.strip() == "paged"
    assert "r39" in kept(stack)
    assert "\x1b[33m" in kept(stack)
    assert (stack.root / "started").read_text() == "LESS=FRX -x a b\n"
    stack.terminal("diff", env={"PAGER": "keep", "LESS": "-S"})
    assert (stack.root / "started").read_text() == "LESS=-S \n", "the user's own settings count"


@pytest.mark.parametrize("command", [("show", "2"), ("blame", "wide"), ("history",)])
def test_other_commands_have_it_too(stack: FileStack, command: tuple[str, ...]) -> None:
    for _ in range(30):
        stack.update(stack.resource("wide", {f"p{number:02}": number for number in range(30)}))
    assert stack.terminal(*command, env={"PAGER": "keep"}).code == 0
    assert kept(stack)
    (stack.root / "kept").unlink()
    ran = stack.terminal(*command, "--json", env={"PAGER": "keep"})
    assert ran.out.startswith(("[", "{"))
    assert kept(stack) == ""


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        (("diff", "--no-pager"), {}),
        (("--no-pager", "diff"), {}),
        (("diff", "--json"), {}),
        (("diff",), {"PULUMI_REWIND_PAGER": ""}),
        (("diff",), {"PULUMI_REWIND_PAGER": "cat"}),
        (("diff",), {"PULUMI_REWIND_PAGER": "no-such-pager"}),
        (("diff",), {"PULUMI_REWIND_PAGER": "keep 'unfinished"}),
        (("diff",), {"TERM": "dumb"}),
        (("diff",), {"CI": "true"}),
        (("history",), {}),
        (("diff",), {"LINES": "999"}),
    ],
)
def test_else_the_text_is_printed(stack: FileStack, arguments: tuple[str, ...], env: dict[str, str]) -> None:
    ran = stack.terminal(*arguments, env={"PAGER": "keep", **env})
    assert ran.code == 0
    assert kept(stack) == ""
    assert "r39" in ran.out or "#1" in ran.out


def test_without_a_terminal_there_is_none(stack: FileStack) -> None:
    assert "r39" in stack.run("diff", env={"PAGER": "keep"}).out
    assert kept(stack) == ""


def test_one_that_is_left_early_is_no_error(stack: FileStack) -> None:
    stack.update(*(stack.resource(f"r{number:03}", {"size": "m" * 200}) for number in range(400)))
    ran = stack.terminal("diff", "--exit-code", env={"PAGER": "true"})
    assert ran.code == 7, ran.out
    assert "rror" not in ran.out


def test_one_that_fails_is_named(stack: FileStack) -> None:
    ran = stack.terminal("diff", "--exit-code", env={"PAGER": "sh -c 'exit 3'"}, colors=True)
    assert ran.code == 7, ran.out
    assert re.search(r"note: the pager \S*sh -c 'exit 3' ended with exit code 3: `--no-pager` prints", ran.out)


def test_secrets_stay_masked_in_it(stack: FileStack) -> None:
    from tests.support.filestack import encrypted

    many = [stack.resource(f"x{number:02}", {"password": encrypted(f"v1:{SECRET}")}) for number in range(40)]
    stack.update(*many)
    stack.terminal("diff", env={"PAGER": "keep"})
    assert "x39" in kept(stack)
    assert SECRET not in kept(stack)


class Terminal(io.StringIO):
    encoding = "utf-8"


def test_it_starts_as_soon_as_the_screen_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "5")
    out = Terminal()
    stream = Paged(out, ["/bin/sh", "-c", f"cat > {tmp_path}/kept"])
    stream.write("\x1b[33m" + "x" * 30 + "\x1b[0m\n")  # three rows
    assert stream._process is None
    stream.write("y\ny\n")
    assert stream._process is not None
    stream.write("z\n")
    stream.close()
    assert (tmp_path / "kept").read_text().count("\n") == 4
    assert out.getvalue() == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_is_the_pagers_while_it_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "1")
    stream = Paged(Terminal(), ["/bin/sh", "-c", "cat > /dev/null; kill -INT $PPID; sleep 0.1"])
    stream.write("line\n")
    try:
        assert stream.close() == 0
    except KeyboardInterrupt:
        pytest.fail("the interrupt ended us, and the pager lost its terminal")


def test_one_that_can_not_be_started_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "2")
    out = Terminal()
    stream = Paged(out, ["/no/such/pager"])
    for line in "abc":
        stream.write(line + "\n")
    stream.close()
    assert out.getvalue() == "a\nb\nc\n"


def test_what_nobody_reads_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "1")
    stream = Paged(Terminal(), ["/bin/true"])
    with pytest.raises(PagerClosed):
        stream.write("line\n" * 1_000_000)
    stream.close()


def test_less_is_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/usr/bin/{name}")
    assert pager_command({"TERM": "xterm"}) == ["/usr/bin/less"]
    assert pager_command({"TERM": "xterm", "PAGER": "more -s"}) == ["/usr/bin/more", "-s"]
    assert pager_command({}) == []
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"./{name}")
    assert pager_command({"TERM": "xterm"}) == [], "not one that the project has put there"
    assert os.environ.get("CI") is None, "taken out by conftest"
