"""The faults themselves. Each is told of a run under way, and takes back what it can take back."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.draw import Moment
from tests.faults.stage import AGREED, ROADS, Stage
from tests.support.faults import engines, own, providers, slay
from tests.support.stack import EngineStack

CLOCK: Final = tuple(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
SLEEP: Final = "import select, time\ntime.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"
"""libfaketime 0.9.10 takes Python's own sleep, until a moment of a clock that it leaves alone, for an invalid one."""

SMALL: Final = "size=8m"
TIMEOUT: Final = 120
"""Seconds that a run gets to end; nothing here takes a tenth of that."""


class NotHere(Exception):
    """This machine can't do that to anybody."""


@dataclass
class Run:
    """Our own command under way."""

    stack: EngineStack
    stage: Stage
    moment: Moment
    process: subprocess.Popen[str]
    others: list[tuple[int, str]] = field(default_factory=list)
    """What others, who came in between, ended with: exit code and output."""

    def signal(self, number: int) -> None:
        """Sends our process a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def wait(self) -> None:
        """Waits for our process to end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(TIMEOUT)

    @property
    def moment_of_rest(self) -> float:
        """Seconds that something lasts which passes: 0.3 to 2."""
        return 0.3 + 1.7 * self.moment.turn


Fault = Callable[[Run], None]


def _kill_us(run: Run) -> None:
    run.signal(signal.SIGKILL)


def _kill_engine(run: Run) -> None:
    for number in engines(run.stack):
        slay(number)


def _kill_provider(run: Run) -> None:
    for number in providers(run.stack):
        slay(number)


def _stopped(find: Callable[[Run], list[int]]) -> Fault:
    def stop(run: Run) -> None:
        found = find(run)
        for number in found:
            _send(number, signal.SIGSTOP)
        time.sleep(run.moment_of_rest)
        for number in found:
            _send(number, signal.SIGCONT)

    return stop


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _signalled(number: int, *, again: bool = False) -> Fault:
    def send(run: Run) -> None:
        run.signal(number)
        if again:
            time.sleep(0.05 + 0.45 * run.moment.turn)
            run.signal(number)

    return send


def _place(run: Run, name: str) -> Path:
    return run.stack.directory / name


def _last(run: Run, name: str) -> None:
    """To the end of the run; on the backend for a moment, as the engine tries again for half a minute."""
    if name == "backend":
        time.sleep(run.moment_of_rest)
    else:
        run.wait()


def _full(name: str) -> Fault:
    def fill(run: Run) -> None:
        filler = _place(run, name) / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        _last(run, name)
        filler.unlink()

    return fill


def _readonly(name: str) -> Fault:
    def protect(run: Run) -> None:
        place = str(_place(run, name))
        # Over itself, so that files which are open already don't prevent it.
        _mount("--bind", place, place)
        try:
            _mount("-o", "remount,bind,ro", place)
            _last(run, name)
        finally:
            _unmount(Path(place))

    return protect


def _gone(run: Run) -> None:
    away = run.stack.backend.with_name("backend.away")
    run.stack.backend.rename(away)
    if run.moment.fault == "gone-backend":
        run.wait()
    else:
        time.sleep(run.moment_of_rest)
    if run.stack.backend.exists():  # the engine makes what it misses, as in the place of something not mounted
        run.stack.backend.rename(run.stack.backend.with_name("backend.anew"))
    away.rename(run.stack.backend)


def _race_rollback(run: Run) -> None:
    run.others.append(own(run.stack, *ROADS[run.moment.road].command, *AGREED))


def _race_up(run: Run) -> None:
    done = run.stack.pulumi("up", "--yes", "--skip-preview", "-s", run.stack.name, check=False)
    run.others.append((done.returncode, done.stdout + done.stderr))


def _clock(run: Run) -> None:
    days = (-400, -2, 2, 400)[int(run.moment.turn * 4)]
    (run.stack.directory / "clock").write_text(f"{days:+}d")


def _engine(*, gone: bool) -> Fault:
    def change(run: Run) -> None:
        engine = run.stack.engine
        real = engine.readlink()
        if gone:
            engine.unlink()
            run.wait()
            engine.symlink_to(real)
        else:
            part = engine.with_name("pulumi.new")
            part.symlink_to(run.stage.other_engine)
            part.replace(engine)

    return change


FAULTS: Final[Mapping[str, Fault]] = {
    "kill-us": _kill_us,
    "kill-engine": _kill_engine,
    "kill-provider": _kill_provider,
    "stop-us": _stopped(lambda run: [run.process.pid]),
    "stop-engine": _stopped(lambda run: engines(run.stack)),
    "stop-provider": _stopped(lambda run: providers(run.stack)),
    "int": _signalled(signal.SIGINT),
    "int-twice": _signalled(signal.SIGINT, again=True),
    "term": _signalled(signal.SIGTERM),
    "hup": _signalled(signal.SIGHUP),
    "full-backend": _full("backend"),
    "full-state": _full("state"),
    "full-tmp": _full("tmp"),
    "readonly-backend": _readonly("backend"),
    "readonly-state": _readonly("state"),
    "readonly-tmp": _readonly("tmp"),
    "gone-backend": _gone,
    "blinking-backend": _gone,
    "race-rollback": _race_rollback,
    "race-up": _race_up,
    "clock": _clock,
    "engine-replaced": _engine(gone=False),
    "engine-gone": _engine(gone=True),
}


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NotHere(f"mount: {done.stderr.strip()}")


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], capture_output=True, check=False)


@contextlib.contextmanager
def prepared(stage: Stage, stack: EngineStack, fault: str) -> Iterator[dict[str, str]]:
    """Makes a stack ready for a fault; gives the variables that only our first command gets.

    Raises:
        NotHere: it can't be had on this machine.
    """
    what, _, where = fault.partition("-")
    if what in {"full", "readonly"} and (os.geteuid() != 0 or shutil.which("mount") is None):
        raise NotHere("only root may mount file systems")
    if fault == "clock":
        if not CLOCK:
            raise NotHere("libfaketime is not installed")
        file, patience = stack.directory / "clock", stack.directory / "patience"
        file.write_text("+0")
        patience.mkdir()
        (patience / "sitecustomize.py").write_text(SLEEP)
        yield {
            "PYTHONPATH": os.pathsep.join((str(patience), stack.environ["PYTHONPATH"])),
            "LD_PRELOAD": str(CLOCK[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        return
    if fault.endswith("provider"):
        stack.use_plugin_processes()
    if what == "engine":
        stage.own_engine(stack)
    if what != "full":
        yield {}
        return
    place = stack.directory / where
    aside = place.with_name(f"{where}.aside")
    place.rename(aside)
    place.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", SMALL, "tmpfs", str(place))
        shutil.copytree(aside, place, dirs_exist_ok=True)
        yield {}
    finally:
        _unmount(place)
