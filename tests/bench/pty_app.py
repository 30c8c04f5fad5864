"""A program in a pseudo-terminal, timed from outside: when it first paints, and how long a key takes to show."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

QUIET = 0.12
"""Seconds without output after which a screen counts as painted."""


class PtyApp:
    """One program at 120x40."""

    def __init__(self, command: Sequence[str], *, cwd: Path, environ: Mapping[str, str]) -> None:
        self.begun = time.perf_counter()
        self.output = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.chdir(cwd)
                os.execvpe(command[0], list(command), dict(environ) | {"TERM": "xterm-256color"})
            finally:
                os._exit(127)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))

    def read(self, wait: float) -> bytes:
        """What comes within `wait` seconds, at most one chunk; answers the terminal queries that Textual makes."""
        ready, _, _ = select.select([self.fd], [], [], wait)
        if not ready:
            return b""
        try:
            chunk = os.read(self.fd, 1 << 16)
        except OSError:
            return b""
        self.output += chunk
        return chunk

    def until(self, text: bytes, seconds: float = 60) -> float:
        """Seconds since the start until a text has been painted.

        Raises:
            TimeoutError: it never was.
        """
        end = time.perf_counter() + seconds
        while text not in self.output:
            if time.perf_counter() > end:
                raise TimeoutError(f"{text!r} was not painted; the end of the output: {self.output[-500:]!r}")
            self.read(0.05)
        return time.perf_counter() - self.begun

    def cpu(self) -> float:
        """CPU seconds it has taken so far, to the nanosecond (Linux; as clock_getcpuclockid(3) makes the clock)."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def quiet(self, seconds: float = QUIET, limit: float = 30) -> None:
        """Waits until nothing is painted any more."""
        end = time.perf_counter() + limit
        while time.perf_counter() < end and self.read(seconds):
            pass

    def key(self, text: bytes, wait: float = 2) -> float:
        """Sends a key; seconds until the first output after it."""
        while self.read(0):
            pass
        begun = time.perf_counter()
        os.write(self.fd, text)
        self.read(wait)
        return time.perf_counter() - begun

    def memory(self) -> tuple[int, int]:
        """Its own peak memory so far in bytes, and the sum of its children's (Linux).

        What `wait4` tells is no use: there a process begins with the memory of the one that it was forked from.
        """
        children = Path(f"/proc/{self.pid}/task").glob("*/children")
        return peak(self.pid), sum(peak(int(child)) for file in children for child in file.read_text().split())

    def close(self) -> float:
        """Ends it; CPU seconds it took in all."""
        os.kill(self.pid, 15)
        _, _, usage = os.wait4(self.pid, 0)
        os.close(self.fd)
        return usage.ru_utime + usage.ru_stime


def peak(pid: int) -> int:
    """The most memory that a process has had since it was started, in bytes (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) << 10


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
