"""Completion: what is offered where, and that it arrives in the real shells."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from pulumi_rewind_tui.terminal.shells import VARIABLE, typed
from tests.support.filestack import FileStack
from tests.support.terminal import ANSI

COMMANDS = Path(sys.executable).parent
HOSTILE = "$(touch owned)`x`;a b*"


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """#1 is v1.0 with api and db; #2, a failed one, has api and web; the stack other is in the same backend."""
    made = FileStack(tmp_path)
    made.git("init", "-q")
    made.git("commit", "-q", "--allow-empty", "-m", "first")
    made.git("tag", "v1.0")
    head = made.git("rev-parse", "HEAD")
    database = made.resource("orders-db", {"size": "s"}, "shop:net:Network$aws:rds:Database")
    made.update(made.resource("api", {}), database, environment={"git.head": head}, message="open\x1b[31m the shop")
    made.update(made.resource("api", {}), made.resource("web", {}), result="failed", message="close it\n\nmore")
    shutil.copy(made.live_file, made.live_file.with_name("other.json"))
    return made


def environ(stack: FileStack) -> dict[str, str]:
    return stack.env | {"PATH": f"{COMMANDS}:{stack.env['PATH']}", "LC_ALL": "C.UTF-8"}


def ask(
    stack: FileStack, line: str, shell: str = "fish", *, word: str = "", env: Mapping[str, str] = {}
) -> dict[str, str]:
    """Value → description, as a shell gets them."""
    done = subprocess.run(
        [sys.executable, "-m", "pulumi_rewind_tui.cli"],
        cwd=stack.work,
        env={**stack.env, **env, VARIABLE: f"{shell}_complete", "COMP_WORDS": line, "COMP_CWORD": word},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = (row.partition(",")[2].partition("\t") for row in done.stdout.splitlines())
    return {value: about for value, _, about in found}


def test_commands_and_options_come_with_what_they_do(stack: FileStack) -> None:
    assert ask(stack, "pulumi-rewind ro") == {"rollback": "Roll back to a target, after review."}
    assert ask(stack, "pulumi-rewind diff --ex")["--exit-code"].startswith("Exit with code 7")
    assert set(ask(stack, "pulumi-rewind plan --strategy ")) == {"checkpoint", "program", "state"}
    assert set(ask(stack, "pulumi-rewind plan --strategy=p")) == {"--strategy=program"}
    assert set(ask(stack, "pulumi-rewind completion ")) == {"bash", "zsh", "fish"}


def test_targets_come_with_what_they_were(stack: FileStack) -> None:
    found = ask(stack, "pulumi-rewind -s dev plan ")
    assert list(found) == ["last-good", "2", "1", "v1.0", "main"]
    assert found["2"].endswith("failed: close it …")
    assert found["1"].endswith("open␛[31m the shop"), "no control characters"
    assert found["v1.0"] == "tag, #1"
    assert list(ask(stack, "pulumi-rewind -s dev diff l")) == ["live", "last-good"]


def test_each_word_has_its_place(stack: FileStack) -> None:
    assert {"dev", "other", "last-good"} < set(ask(stack, "pulumi-rewind rollback "))
    assert "dev" not in ask(stack, "pulumi-rewind rollback dev ")
    assert "1" in ask(stack, "pulumi-rewind rollback dev ")
    assert ask(stack, "pulumi-rewind rollback dev 1 ") == {}
    assert ask(stack, "pulumi-rewind rollback 1 ") == {}
    assert "live" in ask(stack, "pulumi-rewind diff 1 ")
    assert set(ask(stack, "pulumi-rewind history -s ")) == {"dev", "other"}
    assert {"test", "show", "dev", "1"} < set(ask(stack, "pulumi-rewind hooks "))
    assert "web" in ask(stack, "pulumi-rewind hooks test ")
    assert set(ask(stack, "pulumi-rewind record --trust ")) == {"1", "2", "all"}
    assert ask(stack, "pulumi-rewind up dev -- ") == {}


def test_resources_are_named_as_short_as_they_can_be(stack: FileStack) -> None:
    assert ask(stack, "pulumi-rewind blame dev ") == {"api": "test:index:Thing", "web": "test:index:Thing"}
    assert set(ask(stack, "pulumi-rewind blame test:index:Thing::w")) == {"test:index:Thing::web"}
    assert stack.urn("web") in ask(stack, "pulumi-rewind blame urn:")
    assert set(ask(stack, "pulumi-rewind plan 1 --only !o")) == {"!orders-db"}, "those of the target as well"
    assert set(ask(stack, "pulumi-rewind plan 1 --adopt ")) == {"found", "orders-db="}


def test_descriptions_are_harmless(stack: FileStack) -> None:
    stack.update(stack.resource("api", {}, "a:b:C\x1b]0;x\x07\tD"))
    assert ask(stack, "pulumi-rewind blame dev a") == {"api": "a:b:C␛]0;x␇⇥D"}


def test_what_is_typed_before_counts(stack: FileStack, tmp_path: Path) -> None:
    other = FileStack(tmp_path / "b", name="prod")
    other.update(other.resource("queue", {}))
    line = f"pulumi-rewind --cwd {other.work} --backend file://{other.state} -s prod blame "
    assert set(ask(stack, line)) == {"queue"}
    assert set(ask(stack, f"pulumi-rewind blame --cwd '{other.work}' --backend file://{other.state} prod ")) == {
        "queue"
    }


@pytest.mark.parametrize("typed_so_far", ["plan ", "-s ", "blame x", "nothing ", "--cwd /nowhere plan ", "plan '"])
def test_without_a_backend_nothing_is_offered_or_said(stack: FileStack, typed_so_far: str) -> None:
    shutil.rmtree(stack.state)
    assert ask(stack, f"pulumi-rewind {typed_so_far}") == {}


def test_a_line_is_split_as_a_shell_does() -> None:
    assert typed('p a \'b c\' d\\ e "f\\"g" h') == (["p", "a", "b c", "d e", 'f"g'], "h", "h", "")
    assert typed("p 'a b") == (["p"], "a b", "'a b", "'")
    assert typed("p ~ x")[0] == ["p", os.path.expanduser("~")]  # noqa: PTH111
    assert typed("p urn:a\\$b") == (["p"], "urn:a$b", "urn:a\\$b", "")


def test_what_bash_inserts_is_quoted(stack: FileStack) -> None:
    stack.update(*(stack.resource(name, {}) for name in (HOSTILE, "two\nlines", "esc\x1b[2Jape")))
    assert list(ask(stack, "pulumi-rewind blame dev ")) == [HOSTILE], "none that a shell can't take on one line"
    (value,) = ask(stack, "pulumi-rewind blame dev ", "bash")
    printed = subprocess.run(["bash", "-c", f"printf %s {value}"], cwd=stack.work, capture_output=True, text=True)
    assert printed.stdout == HOSTILE
    assert ask(stack, 'pulumi-rewind blame dev "', "bash") == {}, "nothing that acts inside the open quote"
    assert list(ask(stack, "pulumi-rewind blame dev '", "bash")) == [HOSTILE]


class Prompt:
    """An interactive shell in a terminal, with our completion loaded."""

    def __init__(self, stack: FileStack, *command: str) -> None:
        self.pid, self.main = pty.fork()
        if self.pid == 0:
            os.chdir(stack.work)
            os.execvpe(command[0], command, environ(stack) | {"TERM": "dumb", "PS1": "ready> "})
        self.seen = ""

    def send(self, text: str) -> None:
        self.seen = ""
        os.write(self.main, text.encode())

    def until(self, shown: str) -> str:
        """What the terminal has got since the last `send`, once that is there."""
        end = time.monotonic() + 60
        while shown not in self.seen:
            assert time.monotonic() < end, f"never came: {shown!r}\n{self.seen!r}"
            if select.select([self.main], [], [], 0.1)[0]:
                text = os.read(self.main, 65536).decode(errors="replace")
                self.seen += ANSI.sub("", text).replace("\x08", "")
        return self.seen

    def close(self) -> None:
        os.close(self.main)
        os.waitpid(self.pid, 0)


def interactive(stack: FileStack, shell: str, *flags: str) -> Prompt:
    found = shutil.which(shell)
    assert found, f"this test needs {shell}; `make test` installs it where it may"
    prompt = Prompt(stack, found, *flags)
    prompt.send(f'eval "$(pulumi-rewind completion {shell})"; echo load""ed\r')
    prompt.until("loaded")
    return prompt


@pytest.mark.parametrize("name", ["pulumi-rewind", "pulumi-tool-rewind"])
def test_bash_completes_names_with_colons_and_values_after_equals(stack: FileStack, name: str) -> None:
    prompt = interactive(stack, "bash", "--norc", "-i")

    def completed(line: str) -> str:
        """The line after TAB, as bash would run it."""
        prompt.send(f'{line}\t\x01echo be""gin \x05 e""nd\r')
        return prompt.until(" end").partition("begin ")[2].partition(" end")[0].strip()

    urn = stack.urn("web")
    assert completed(f"{name} -s dev blame {urn[:-2]}") == f"{name} -s dev blame {urn}"
    assert completed(f"{name} -s dev plan --only=w") == f"{name} -s dev plan --only=web"
    assert completed(f"{name} -s dev plan 1 --adopt orders") == f"{name} -s dev plan 1 --adopt orders-db="
    prompt.send(f'alias rwd={name}; complete -F _pulumi_rewind_completion rwd; echo al""iased\r')
    prompt.until("aliased")
    assert completed("rwd -s dev plan --only=w") == "rwd -s dev plan --only=web"
    prompt.close()


def test_zsh_completes_with_descriptions(stack: FileStack) -> None:
    stack.update(stack.resource("web", {}), stack.resource("a space", {}))
    prompt = interactive(stack, "zsh", "-f", "-i")
    prompt.send("pulumi-rewind -s dev blame urn:pulumi:dev::shop::test:index:Thing::w\t")
    prompt.until("Thing::web")
    prompt.send("\x15pulumi-rewind -s dev plan --only=w\t")
    prompt.until("--only=web")
    prompt.send("\x15pulumi-rewind -s dev blame 'a sp\t")
    prompt.until("'a space'")
    prompt.send("\x15pulumi-tool-rewind -s dev show \t")
    assert "tag, #1" in prompt.until("branch")
    prompt.close()


@pytest.mark.parametrize(
    ("line", "value", "about"),
    [
        ("pulumi-rewind -s dev blame urn:pulumi:dev::shop::test:index:Thing::w", "Thing::web", ""),
        ("pulumi-rewind -s dev plan --only=w", "--only=web", "test:index:Thing"),
        ("pulumi-tool-rewind -s dev show v", "v1.0", "tag, #1"),
    ],
)
def test_fish_completes_with_descriptions(stack: FileStack, line: str, value: str, about: str) -> None:
    fish = shutil.which("fish")
    assert fish, "this test needs fish; `make test` installs it where it may"
    script = f'pulumi-rewind completion fish | source; complete -C "{line}"'
    done = subprocess.run(
        [fish, "--no-config", "-c", script],
        cwd=stack.work,
        env=environ(stack),
        capture_output=True,
        text=True,
        timeout=60,
    )
    (found,) = done.stdout.splitlines()
    assert found.partition("\t")[0].endswith(value)
    assert found.partition("\t")[2] == about
