"""Finished commands, and the terminal that one is run in."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


@dataclass
class Ran:
    """One finished command."""

    code: int
    out: str
    err: str = ""

    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    def json_lines(self) -> list[Any]:
        """Standard output as one JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines()]


def run_in_terminal(
    command: list[str], cwd: Path, env: dict[str, str], answers: dict[str, str], *, colors: bool = False
) -> Ran:
    """Runs a command with a pseudo terminal as its stdin, stdout and stderr; without a pager unless `env` names one."""
    main, side = pty.openpty()
    env = {"PAGER": "cat", **env}
    process = subprocess.Popen(
        command, cwd=cwd, env=env, stdin=side, stdout=side, stderr=side, start_new_session=True, close_fds=True
    )
    os.close(side)
    seen = b""
    waiting = dict(answers)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if select.select([main], [], [], 0.1)[0]:
            try:
                chunk = os.read(main, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not chunk:
                break
            seen += chunk
            for question in list(waiting):
                if question in ANSI.sub("", seen.decode(errors="replace")):
                    os.write(main, waiting.pop(question).encode() + b"\n")
        elif process.poll() is not None:
            break
    process.wait(timeout=20)
    os.close(main)
    text = seen.decode(errors="replace")
    return Ran(process.returncode, text if colors else ANSI.sub("", text))
