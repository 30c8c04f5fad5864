"""One moment: a run, its fault, what must be whole, and the way to the target."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.faults.draw import Moment
from tests.faults.inflict import FAULTS, TIMEOUT, NotHere, Run, prepared
from tests.faults.stage import AGREED, ROADS, Stage, content, remove
from tests.faults.whole import check_outcome, check_secrets, check_whole, check_words, go_on
from tests.support.faults import start
from tests.support.stack import EngineStack

WHOLE: Final = "whole"
ABSENT: Final = "not here"
BROKEN: Final = "BROKEN"


@dataclass
class Outcome:
    """How a moment went."""

    moment: Moment
    event: int
    """After which event it struck; 0: before the first."""
    verdict: str = WHOLE
    """`WHOLE`, `ABSENT` or `BROKEN`."""
    code: int | None = None
    """What our command ended with."""
    took: list[str] = field(default_factory=list)
    """The commands that it took to reach the target."""
    why: str = ""
    said: str = ""
    seconds: float = 0.0


class Output:
    """What a run prints, read while it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._lines: list[str] = []
        self._come = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._thread.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._come:
                self._lines.append(line)
                self._come.notify_all()
        with self._come:
            self._ended = True
            self._come.notify_all()

    def wait_for(self, count: int) -> None:
        """Waits for that many events, or the end."""
        with self._come:
            self._come.wait_for(lambda: self._ended or self._count() >= count, TIMEOUT)

    def _count(self) -> int:
        return sum(line.startswith('{"event"') for line in self._lines)

    def text(self) -> str:
        """All of it; the process has ended."""
        self._thread.join(10)
        with self._come:
            return "".join(self._lines)

    @property
    def events(self) -> int:
        """How many events it has told of."""
        with self._come:
            return self._count()


class Trials:
    """Runs moments, each on a copy of its own."""

    def __init__(self, stage: Stage, directory: Path) -> None:
        self._stage = stage
        self._directory = directory
        self._calm: dict[str, tuple[int, float]] = {}
        """Kind → the events of an undisturbed run, and the seconds until the first."""
        self._locks: dict[str, threading.Lock] = {}

    def calm(self, moment: Moment) -> tuple[int, float]:
        """Runs a kind once without any fault: its events, and the seconds until the first."""
        with self._locks.setdefault(moment.kind, threading.Lock()):
            if moment.kind not in self._calm:
                stack = self._stage.set(moment.road, self._directory / moment.kind, callbacks=moment.callbacks)
                began = time.monotonic()
                process = start(stack, *ROADS[moment.road].command, *AGREED)
                output = Output(process)
                output.wait_for(1)
                first = time.monotonic() - began
                code = process.wait(TIMEOUT)
                assert code == (5 if moment.road == "up" else 0), output.text()
                check_secrets(stack)
                remove(stack)
                self._calm[moment.kind] = (output.events, first)
            return self._calm[moment.kind]

    def run(self, moment: Moment, *, keep: bool = False) -> Outcome:
        """Runs one moment; what is not whole is told, never raised. With `keep` the stack then stays."""
        events, first = self.calm(moment)
        event = 0 if moment.early else 1 + int(moment.place * (events - 1))
        delay = moment.delay * 10 * first if moment.early else moment.delay
        outcome, began = Outcome(moment, event), time.monotonic()
        directory = self._directory / str(moment.number)
        shutil.rmtree(directory, ignore_errors=True)
        stack = self._stage.set(moment.road, directory, callbacks=moment.callbacks)
        try:
            with prepared(self._stage, stack, moment.fault) as variables:
                self._strike(outcome, delay, stack, variables)
        except NotHere as err:
            outcome.verdict, outcome.why = ABSENT, str(err)
        except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as err:
            outcome.verdict, outcome.why = BROKEN, f"{type(err).__name__}: {err}"
        if not (outcome.verdict == BROKEN and keep):
            remove(stack)
        outcome.seconds = time.monotonic() - began
        return outcome

    def _strike(self, outcome: Outcome, delay: float, stack: EngineStack, variables: Mapping[str, str]) -> None:
        moment = outcome.moment
        before, objects = content(stack), stack.physical()
        usual = stack.extra_environ
        stack.extra_environ = {**usual, **variables}
        process = start(stack, *ROADS[moment.road].command, *AGREED)
        stack.extra_environ = usual
        run, output = Run(stack, self._stage, moment, process), Output(process)
        try:
            output.wait_for(outcome.event)
            time.sleep(delay)
            FAULTS[moment.fault](run)
            outcome.code = process.wait(TIMEOUT)
        finally:
            process.kill()
        outcome.said = said = output.text()
        check_words(outcome.code, said, moment.fault, early=moment.early)
        check_whole(run, said, objects)
        check_outcome(run, outcome.code, said, before)
        check_secrets(stack)
        for code, answer in run.others:
            outcome.took.append(f"the other: {code}")
            if moment.fault == "race-rollback":
                check_words(code, answer, moment.fault, early=False)
        outcome.took += go_on(run)
        check_secrets(stack)
