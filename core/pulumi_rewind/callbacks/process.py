"""Runs a project's hooks file in a separate process, so that nothing it does can harm a rollback.

What callbacks print become lines of the log, secrets taken out; one that hangs is killed with all its children; one
that ends the process fails alone. The code that runs is exactly the code that was hashed: it travels through the pipe.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pulumi_rewind.callbacks.answers import ANSWER, Lines, message_of
from pulumi_rewind.engine.events import HookLog, HookProgress
from pulumi_rewind.errors import CallbackError
from pulumi_rewind.hooks.declare import Selector
from pulumi_rewind.plan.called import Callback, Code

WORKER: Final = Path(__file__).parents[1] / "hooks" / "worker.py"
BOOT: Final = """
import os, sys
if sys.version_info < (3, 10):
    error = "it is run by Python %d.%d, and needs 3.10 or newer" % sys.version_info[:2]
    os.write(int(sys.argv[2]), ('{"end": {"error": "%s", "where": 0}}\\n' % error).encode())
    sys.exit(1)
sys.path[:] = filter(None, sys.path)
import runpy
runpy.run_path(sys.argv[1], run_name='__main__')
"""
"""Starts the worker without its own directory on the path, nor the project's: modules there have names that others
have too. The project's interpreter may be too old for ``-P``, and ``-I`` would take variables from the project's code.
One that is too old for the worker itself says so.
"""

LOAD_TIMEOUT: Final = 60.0
POLL: Final = 0.1
OFTEN: Final = 0.2
"""Seconds between two progress reports that are shown."""

LONGEST: Final = 2000
"""Characters of one line of output that are kept."""

MOST: Final = 5000
"""Lines of output of one call that are kept."""


class UndoProcess:
    """A worker with one piece of code loaded; started when first needed, and again after it was lost."""

    def __init__(
        self,
        code: Code,
        python: Path,
        environ: Mapping[str, str],
        redact: Callable[[str], str] = str,
    ) -> None:
        self.code = code
        self.python = python
        self.redact = redact
        self.callbacks: tuple[Callback, ...] = ()
        self.components: Sequence[Mapping[str, Any]] = ()
        """What the file declares of components' revisions."""
        self._environ = {**environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}
        self._pythonpath = self._environ.pop("PYTHONPATH", "")
        """For the project's code alone: the worker puts it behind the library that it has itself loaded from."""
        self._process: subprocess.Popen[bytes] | None = None
        self._reply: int | None = None
        self._stopped = threading.Event()

    def load(self) -> tuple[Callback, ...]:
        """Everything that the file declares.

        Raises:
            CallbackError: it can't be loaded.
        """
        for _ in self._start():
            pass
        return self.callbacks

    def call(
        self, callback: Callback, context: Mapping[str, Any], urn: str = ""
    ) -> Generator[HookLog | HookProgress, None, dict[str, Any] | None]:
        """Calls one function once; yields what it says and returns what it returned.

        That has ``more`` set where the function has yielded its result and is to `continue_call` afterwards.

        Raises:
            CallbackError: it raised, hung, ended its process, or returned what it may not.
        """
        yield from self._start()
        answer = yield from self._asked(callback, urn, op="call", context=context)
        result: dict[str, Any] | None = answer.get("result")
        return result

    def continue_call(
        self, callback: Callback, resource: Mapping[str, Any], urn: str
    ) -> Generator[HookLog | HookProgress, None, bool]:
        """Lets a function that has yielded run to its end; False where this process knows of none. Raises as `call`."""
        if self._process is None or self._process.poll() is not None:
            return False
        answer = yield from self._asked(callback, urn, op="continue_call", resource=resource)
        return bool(answer["found"])

    def _asked(
        self, callback: Callback, urn: str, **request: Any
    ) -> Generator[HookLog | HookProgress, None, dict[str, Any]]:
        self._ask({"index": callback.index, "urn": urn, "file": str(self.code.path), **request})
        answer = yield from self._answer(callback.function, urn, callback.timeout)
        if "error" in answer:
            where = f" ({self.code.name}:{answer['where'] or callback.line})"
            raise CallbackError(f"{callback.function}{where}: {self.redact(answer['error'])}")
        return answer

    def stop(self) -> None:
        """Ends it for good, whatever it does; from any thread."""
        self._stopped.set()
        if (process := self._process) is not None:
            _end(process)

    def close(self) -> None:
        """Ends it for good: there is nothing more to ask, also for a thread that would try once more."""
        self._stopped.set()
        self._kill()

    # -- inside -------------------------------------------------------------------------------------------------

    def _start(self) -> Generator[HookLog | HookProgress, None, None]:
        if self._process is not None and self._process.poll() is None:
            return
        self._kill()
        if self._stopped.is_set():
            raise CallbackError("stopped")
        mine, theirs = os.pipe()
        try:
            self._process = subprocess.Popen(
                [str(self.python), "-c", BOOT, str(WORKER), str(theirs), self._pythonpath],
                cwd=self.code.path.parent,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(theirs,),
                start_new_session=True,
            )
        except OSError as err:
            os.close(mine)
            raise CallbackError(
                f"{self.python} can't be started: {err.strerror}", hint="Recreate the project's virtual environment."
            ) from None
        finally:
            os.close(theirs)
        self._reply = mine
        if self._stopped.is_set():  # meanwhile, by a thread that did not see it yet
            _end(self._process)
        name = self.code.name
        op = "unpickle" if self.code.origin == "state" else "load"
        self._ask({"op": op, "file": str(self.code.path), "source": self.code.source})
        try:
            answer = yield from self._answer(name, "", LOAD_TIMEOUT)
        except CallbackError as err:
            raise CallbackError(f"{err}, while it was loaded", hint=self.code.hint) from None
        if "error" in answer:
            self._kill()  # half of it is loaded: nothing of that is to be called by the next try
            where = f" (line {answer['where']})" if answer["where"] else ""
            raise CallbackError(f"{name} can't be loaded{where}: {self.redact(answer['error'])}", hint=self.code.hint)
        self.callbacks = tuple(
            Callback(
                index=index,
                code=self.code.sha256,
                selector=Selector.of(item.pop("selector")),
                **item,
            )
            for index, item in enumerate(answer["found"])
        )
        self.components = answer["components"]

    def _ask(self, request: Mapping[str, Any]) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it has gone already: the answer says so
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()

    def _answer(
        self, function: str, urn: str, timeout: float
    ) -> Generator[HookLog | HookProgress, None, dict[str, Any]]:
        process, reply = self._process, self._reply
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert reply is not None
        deadline = time.monotonic() + timeout
        said = _Said(function, urn, self.redact)
        with selectors.DefaultSelector() as ready:
            for source in (reply, process.stdout.fileno(), process.stderr.fileno()):
                ready.register(source, selectors.EVENT_READ)
            parts: dict[int, Lines] = {reply: Lines(ANSWER)}
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    self._kill()
                    raise CallbackError(f"{function} did not end within {timeout:g} s and was stopped")
                # What was printed precedes the answer, which is looked at last.
                for key, _ in sorted(ready.select(min(left, POLL)), key=lambda item: item[0].fd == reply):
                    chunk = _read(key.fd)
                    lines = parts.setdefault(key.fd, Lines()).feed(chunk)
                    if key.fd != reply:
                        if not chunk:
                            ready.unregister(key.fd)
                        yield from said.lines(lines)
                        continue
                    for line in lines:
                        message = message_of(line, function)
                        if "end" in message:
                            yield from self._rest(said, ready, reply, parts)
                            answer: dict[str, Any] = message["end"]
                            return answer
                        yield from said.message(message)
                    if not chunk:
                        yield from self._rest(said, ready, reply, parts)
                        raise CallbackError(f"{function} {self._gone(process)}")

    def _rest(
        self, said: _Said, ready: selectors.BaseSelector, reply: int, parts: dict[int, Lines]
    ) -> Generator[HookLog | HookProgress, None, None]:
        """What was printed before the answer; the worker has flushed it."""
        for key, _ in ready.select(0):
            if key.fd != reply:
                yield from said.lines(parts.setdefault(key.fd, Lines()).feed(_read(key.fd)))
        for fd, part in parts.items():
            if fd != reply and (begun := part.rest()):
                yield from said.lines([begun])
        parts.clear()

    def _gone(self, process: subprocess.Popen[bytes]) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
        self._kill()
        if self._stopped.is_set():
            return "was stopped"
        code = process.returncode
        return f"ended its process (exit code {code})" if code is None or code >= 0 else f"was killed (signal {-code})"

    def _kill(self) -> None:
        process, reply = self._process, self._reply
        self._process = self._reply = None
        if process is None:
            return
        _end(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        if reply is not None:
            os.close(reply)


class _Said:
    """Turns what a callback says into events."""

    def __init__(self, function: str, urn: str, redact: Callable[[str], str]) -> None:
        self.function = function
        self.urn = urn
        self.redact = redact
        self.count = 0
        self.progressed = 0.0

    def lines(self, lines: list[bytes]) -> Generator[HookLog, None, None]:
        for line in lines:
            text = self.redact(line.decode(errors="replace").rstrip())
            if not text:
                continue
            self.count += 1
            if self.count <= MOST:
                yield HookLog(self.function, text[:LONGEST], self.urn)
            elif self.count == MOST + 1:
                yield HookLog(self.function, "… further output is dropped", self.urn)

    def message(self, message: Mapping[str, Any]) -> Generator[HookLog | HookProgress, None, None]:
        if "log" in message:
            yield from self.lines(str(message["log"]).encode(errors="replace").split(b"\n"))
        elif "progress" in message:
            done, total, text = message["progress"]
            now = time.monotonic()
            if now - self.progressed < OFTEN and done < (total or done + 1):
                return
            self.progressed = now
            yield HookProgress(self.function, done, total, self.redact(text)[:LONGEST], self.urn)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a worker with everything that it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 16)
    except OSError:
        return b""
