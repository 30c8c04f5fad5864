"""The installed command in a real terminal: from its start to a stack that is rolled back. Needs tmux."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.tui.engine_shop import EngineShop

pytestmark = [pytest.mark.engine, pytest.mark.serial]

COMMAND = Path(sys.executable).parent / "pulumi-rewind"
PATIENCE = 90.0


class Terminal:
    """One tmux server of our own with one window."""

    def __init__(self, directory: Path, shop: EngineShop, width: int, height: int) -> None:
        tmux = shutil.which("tmux")
        assert tmux, "this test needs tmux; `make setup` installs it where it may"
        self._tmux = [tmux, "-S", str(directory / "tmux.sock"), "-f", os.devnull]
        environ = dict(shop.environ) | {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.pid_file = directory / "pid"
        script = directory / "start.sh"
        lines = [f"export {name}={_quoted(value)}" for name, value in environ.items()]
        lines += [f"echo $$ > {_quoted(str(self.pid_file))}", f"exec {_quoted(str(COMMAND))} -s prod"]
        script.write_text("\n".join(lines) + "\n")
        script.chmod(0o700)
        self._call("new-session", "-d", "-x", str(width), "-y", str(height), "-c", str(shop.root), "sh", str(script))
        self._call("set-option", "-g", "remain-on-exit", "on")

    def _call(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def text(self) -> str:
        """What the window shows."""
        return self._call("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        """Keys by tmux's names."""
        for key in keys:
            self._call("send-keys", key)
            time.sleep(0.05)

    def until(self, holds: str | Callable[[str], bool], *, seconds: float = PATIENCE) -> str:
        """Waits until the window shows something."""
        end = time.monotonic() + seconds
        text = ""
        while time.monotonic() < end:
            text = self.text()
            if holds in text if isinstance(holds, str) else holds(text):
                return text
            time.sleep(0.1)
        raise AssertionError(f"never came: {holds}\n{text}")

    def until_ended(self, *, seconds: float = PATIENCE) -> None:
        """Waits until the program is gone, and well if tmux knows how; its own words for that don't always come."""
        end = time.monotonic() + seconds
        said: list[str] = []
        while time.monotonic() < end:
            said = self._call("display-message", "-p", "#{pane_dead} #{pane_dead_status}").split()
            if said[:1] == ["1"]:
                assert said[1:] in ([], ["0"])
                return
            time.sleep(0.1)
        raise AssertionError(f"it did not end: {said}\n{self.text()}")

    def resize(self, width: int, height: int) -> None:
        """Another size."""
        self._call("resize-window", "-x", str(width), "-y", str(height))

    def close(self) -> None:
        """The terminal goes away."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False, timeout=30)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def cursor_line(text: str) -> str:
    """The row under the cursor; the diff beside it may change meanwhile."""
    return next((line.split("│")[1] for line in text.splitlines() if "❯" in line), "")


def elsewhere(line: str, text: str) -> bool:
    """Whether the cursor has left a row."""
    return cursor_line(text) not in ("", line)


def to_the_run(terminal: Terminal) -> None:
    """From the start to the yes."""
    terminal.until("★")
    terminal.until(lambda text: "#5 " in text)
    while "#5 " not in (line := cursor_line(terminal.text())):
        terminal.press("Down")
        terminal.until(functools.partial(elsewhere, line))
    terminal.press("r")
    terminal.until("Data is lost in orders-db")
    terminal.press("r")
    terminal.until("Roll back shop/prod to #5 (v1.2)?")
    terminal.press("Space", *"prod", "Enter")


@pytest.mark.timeout(240)
def test_from_the_start_to_rolled_back(tmp_path: Path, terminals: list[Terminal]) -> None:
    shop = EngineShop(tmp_path / "s", protected=False)
    terminal = Terminal(tmp_path, shop, 120, 40)
    terminals.append(terminal)
    to_the_run(terminal)
    terminal.until("ROLLING BACK shop/prod")
    terminal.resize(80, 24)
    text = terminal.until("is back at #5 (v1.2)")
    assert "recorded as #9" in text
    terminal.press("Escape")
    terminal.until("9 updates")
    terminal.press("q")
    terminal.until_ended()
    images = {res["inputs"].get("image") for res in shop.physical().values()}
    assert "shop/api:1.2.0" in images
    assert "shop/jobs:0.1.0" not in images
    assert len(shop.session().timeline) == 9


@pytest.mark.timeout(240)
def test_a_terminal_that_goes_away_leaves_the_run_resumable(tmp_path: Path, terminals: list[Terminal]) -> None:
    shop = EngineShop(tmp_path / "s", protected=False)
    # Until the engine, asked to stop, tells its providers: however long the terminal takes to go.
    shop.trouble({"name": "api", "operation": "update", "action": "hang"})
    terminal = Terminal(tmp_path, shop, 120, 40)
    terminals.append(terminal)
    to_the_run(terminal)
    terminal.until("api        ~ updating")
    pid = int(terminal.pid_file.read_text())
    terminal.close()
    end = time.monotonic() + PATIENCE
    while _alive(pid) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _alive(pid)
    session = shop.session()
    assert session.journal.read() is not None
    live = session.backend.live(session.stack)
    assert not live.pending_operations  # what was in flight has come to its end
    assert not session.backend.locks(session.stack)
    images = {res["inputs"].get("image") for res in shop.physical().values()}
    assert "shop/jobs:0.1.0" in images  # the rest was not begun any more
    log = next((shop.directory / "state" / "pulumi-rewind" / "logs").iterdir()).read_text()
    assert "stopped half-way" in log


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
