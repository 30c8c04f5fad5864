"""A gate before an old program: the engine waits at it with the stack's lock in its hand until the state was compared.

The engine looks for the language host of the program's runtime on PATH before it looks beside itself, and starts it
twice: once before it takes the lock, and once under it, before it refreshes or registers anything (pulumi 3.276; with
``PULUMI_IGNORE_AMBIENT_PLUGINS`` set it doesn't look on PATH). So a script of that name asks us first, and then
becomes the language host.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Self

from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.events import Diagnostic, EngineEvent
from pulumi_rewind.errors import RewindError

POLL_SECONDS: Final = 0.05
"""How soon a question is heard, and an answer."""

_ASKED: Final = "asked-"
_ANSWER: Final = "answer-"

_SCRIPT: Final = """#!/bin/sh
# Asks before it becomes the language host; without anybody to ask it goes no further. It never waits for a pipe: who is
# asked may be killed at any moment.
: > {place}/{asked}$$
while kill -0 {pid} 2>/dev/null; do
  state=
  [ -r /proc/{pid}/stat ] && read -r state < /proc/{pid}/stat
  case "$state" in *') Z '*) break ;; esac
  if [ -e {place}/{answer}$$ ]; then
    read -r said < {place}/{answer}$$
    [ "$said" = go ] && exec {real} "$@"
    break
  fi
  sleep {poll}
done
echo 'the rollback was refused' >&2
exit 1
"""


class Gate:
    """Use as a context manager; `environ` is added to the engine's environment inside.

    `check` raises RewindError where the state is no longer what it was; `locked` says whether the stack is locked.
    """

    def __init__(self, engine: Engine, directory: Path, check: Callable[[], None], locked: Callable[[], bool]) -> None:
        self.refusal = ""
        """Why the program may not run, empty if it may."""
        self.passed = False
        """Whether the state was compared under the lock."""
        self.environ: Mapping[str, str] = {}
        self._check = check
        self._locked = locked
        self._name = f"pulumi-language-{engine.workspace.runtime}"
        self._path = engine.environment()["PATH"]
        self._above = directory
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        real = shutil.which(self._name, path=self._path)
        if real is None:
            return self
        place = Path(tempfile.mkdtemp(prefix="gate-", dir=self._above))  # 0700
        text = _SCRIPT.format(
            pid=os.getpid(), place=shlex.quote(str(place)), asked=_ASKED, answer=_ANSWER, poll=POLL_SECONDS,
            real=shlex.quote(str(Path(real).absolute())),
        )  # fmt: skip
        script = place / self._name
        script.write_bytes(os.fsencode(text))
        script.chmod(0o700)
        self.environ = {"PATH": os.pathsep.join((str(place), self._path))}
        self._thread = threading.Thread(target=self._answer, args=(place,), name="gate", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def compare(self) -> bool:
        """Compares, unless that was done under the lock; whether the program may run."""
        if not self.passed and not self.refusal:
            try:
                locked = self._locked()
                self._check()
                self.passed = locked
            except RewindError as err:
                self.refusal = str(err)
        return not self.refusal

    def hides(self, event: EngineEvent) -> bool:
        """Whether an event only says that there is a gate."""
        return isinstance(event, Diagnostic) and f"using {self._name} from $PATH at {self._above}" in event.message

    def _answer(self, place: Path) -> None:
        while not self._ended.wait(POLL_SECONDS):
            for asked in place.glob(f"{_ASKED}*"):
                asked.unlink()
                answer = place / asked.name.replace(_ASKED, _ANSWER)
                half = answer.with_suffix(".part")
                half.write_bytes(b"go\n" if self.compare() else b"no\n")
                half.rename(answer)
