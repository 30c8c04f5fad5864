"""Whether a process that left its number somewhere is still there; and starting one that is not left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec

_FIRST_PIDS: Final = 0xEFFFFFFC
"""The inode of the kernel's first pid namespace (PROC_PID_INIT_INO in its include/linux/proc_ns.h)."""
_FIRST_HOSTNAME: Final = 0xEFFFFFFE
"""The same of the first UTS namespace, which has the machine's own hostname."""


class Process(msgspec.Struct, frozen=True):
    """What tells a process from all others, on Linux; where a part can't be known it is empty."""

    pid: int
    namespace: int = 0
    """The inode of the pid namespace in which it has that number."""
    boot: str = ""
    """The kernel's random id of this start of the machine."""
    began: int = 0
    """When it began: clock ticks since the machine was started, which no change of the time touches."""

    @property
    def alive(self) -> bool | None:
        """Whether it is still there; None where that can't be seen from here, in another pid namespace."""
        if (self.namespace, self.boot) != (_inode("pid"), _boot()):
            return None if self.boot == _boot() else False
        return is_alive(self.pid, None) and _began(self.pid) == self.began


def this_process() -> Process:
    """Ourselves."""
    return process_of(os.getpid())


def process_of(pid: int) -> Process:
    """The process that has that number now."""
    return Process(pid, _inode("pid"), _boot(), _began(pid))


def is_alive(pid: int, since: float | None) -> bool:
    """Whether the process of that number on this machine is the one that was there at the moment `since` (Unix
    seconds, None: unknown); a number is used again.
    """
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    return since is None or not _began_after(pid, since)


def may_be_elsewhere(pid: int) -> bool:
    """Whether a process of a machine with our hostname may have that number in a pid namespace that isn't ours.

    Containers can have the hostname of their machine. From the machine itself all their processes can be seen; from
    such a container nobody else's can. A container with a hostname of its own shares it with nobody.
    """
    if _inode("pid") != _FIRST_PIDS:
        return _inode("uts") == _FIRST_HOSTNAME
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            line = next(line for line in status.read_text().splitlines() if line.startswith("NSpid:"))
        except (OSError, StopIteration):
            continue
        if len(numbers := line.split()[1:]) > 1 and numbers[-1] == str(pid):
            return True
    return False


def _began_after(pid: int, moment: float) -> bool:
    """Whether a process is younger than that, so that its number was merely used again; False where none can tell."""
    try:
        boot = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
        ticks = _began(pid)
        return ticks > 0 and int(boot.split()[1]) + ticks / os.sysconf("SC_CLK_TCK") > moment + 5
    except (OSError, ValueError, IndexError, StopIteration):
        return False


def _began(pid: int) -> int:
    """0 where that isn't known, and of one that has ended but still has a number (a zombie)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return 0 if fields[0] in "ZX" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return 0


def _inode(kind: str) -> int:
    try:
        return Path(f"/proc/self/ns/{kind}").stat().st_ino
    except OSError:
        return 0


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that these have; none where the system doesn't tell."""
    children: dict[int, list[int]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            parent = int(place.read_text(errors="replace").rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(place.parent.name))
    found = list(children.get(pid, ()))
    for one in found:  # grows while it is read
        found += children.get(one, ())
    return found


def kill_all(pid: int) -> None:
    """Kills a process, its group, and everything that it has started: plugins are in groups of their own.

    Left alone, they would notice only after minutes that the engine is gone.
    """
    started = descendants(pid)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    for one in started:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(one, signal.SIGKILL)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Holds signals that end us back while a process is being started, so that none is left that nobody knows.

    Python answers a signal between any two steps, also between the start of a process and its getting a name.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread is disturbed
        return
    came: list[tuple[int, FrameType | None]] = []
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {
        number: signal.signal(number, lambda *given: came.append(given))
        for number in numbers
        if callable(signal.getsignal(number))
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for given in came:
            handler = before[signal.Signals(given[0])]
            if callable(handler):
                handler(*given)
