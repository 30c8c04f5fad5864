"""The operator's command that judges an update: exit code 0 within its time means good."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

from pulumi_rewind.errors import InterruptedRun, UpdateFailed, UsageError
from pulumi_rewind.history.verdict import Verdict
from pulumi_rewind.session import Session
from pulumi_rewind.up.command_output import CommandOutput

TIMEOUT = 300.0
"""Seconds that the command may take unless another number is given."""

GRACE = 5.0
"""Seconds between asking a command to end and ending it."""

COMMAND = 500
"""Characters of a command that are kept with its verdict."""

_PLAIN_WORD = re.compile(r"[\w./+@%-]+")


def check_command(command: str, timeout: float, environ: Mapping[str, str], cwd: Path) -> None:
    """Finds out early what could never succeed: a command that isn't there must not undo a good update.

    Raises:
        UsageError: it is empty, isn't shell text, or its program isn't found; or the time is none.
    """
    if timeout <= 0:
        raise UsageError("--verify-timeout must be more than 0 seconds", hint=f"Leave it out for {TIMEOUT:.0f}.")
    if not command.strip():
        raise UsageError("the verify command is empty", hint="For example: --verify 'curl -fsS https://shop/health'.")

    def succeeds(*arguments: str) -> bool:
        run = subprocess.run(["/bin/sh", *arguments], env=dict(environ), cwd=cwd, capture_output=True, check=False)
        return run.returncode == 0

    if not succeeds("-n", "-c", command):
        raise UsageError("the verify command is not valid shell text", hint="Check its quotes and brackets.")
    try:
        first = shlex.split(command)[0]
    except (ValueError, IndexError):
        return
    if not _PLAIN_WORD.fullmatch(first):
        return  # an assignment, a bracket: the shell will know
    if not succeeds("-c", 'command -v -- "$1"', "sh", first):
        raise UsageError(
            f"the verify command's program {first!r} is not found", hint="Check its name and PATH.", unchanged=True
        )


class VerifyCommand:
    """One run of the command, in a shell, where the operator stands. What it prints goes to standard error.

    When it has run, `verdict` says how it ended.
    """

    def __init__(self, session: Session, command: str, timeout: float = TIMEOUT, *, update: int = 0) -> None:
        self._command = command
        self._timeout = timeout
        self._cwd = session.workspace.cwd
        self._environ = {
            **session.workspace.environ,
            "PULUMI_STACK": session.stack.word,
            "PULUMI_BACKEND_URL": session.workspace.backend_url,
            "PULUMI_REWIND_UPDATE": str(update),
        }
        self._redact = session.redactor
        self._output = CommandOutput(_stderr())
        self._code: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._stopped = False

    def run(self) -> float:
        """Runs it and returns how long it took.

        Raises:
            UpdateFailed: the update is not good.
            InterruptedRun: it was stopped.
        """
        began = time.monotonic()
        with self._lock:
            if self._stopped:
                raise InterruptedRun("stopped before the verify command ran")
            with self._output.passed_on() as output:
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", self._command],
                    cwd=self._cwd,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
        process = self._process
        try:
            code = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            self._end()
            if self._stopped:
                raise InterruptedRun("stopped while the verify command ran") from None
            raise UpdateFailed(f"the verify command did not end within {self._timeout:g} s") from None
        except BaseException:
            self._end()
            raise
        finally:
            self._output.finish()
        if self._stopped:
            raise InterruptedRun("stopped while the verify command ran")
        self._code = code
        if code != 0:
            how = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
            raise UpdateFailed(f"the verify command {how}")
        return time.monotonic() - began

    def verdict(self) -> Verdict:
        """What it said of the update, secrets masked; asked after `run`, unless that was stopped."""
        return Verdict(
            good=self._code == 0,
            command=self._redact(self._command)[:COMMAND],
            at=int(time.time()),
            code=self._code,
            output=self._output.end(self._redact),
        )

    def interrupt(self) -> None:
        """Asks it to end; asked again, ends it."""
        with self._lock:
            self._signal(signal.SIGKILL if self._stopped else signal.SIGTERM)
            self._stopped = True

    def kill(self) -> None:
        """Ends it at once."""
        with self._lock:
            self._stopped = True
            self._signal(signal.SIGKILL)

    def _end(self) -> None:
        assert self._process is not None
        self._signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE)
        self._signal(signal.SIGKILL)  # also what the shell has left behind
        self._process.wait()

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _stderr() -> int | None:
    """Our standard error as a file, None if there is none."""
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return None
