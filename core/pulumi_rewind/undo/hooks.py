"""The project's code for Pulumi's own resource hooks: called by the replay host while the engine runs.

The engine may want several at once, from the host's thread; they run one after another in a worker of their own, and
what they say is kept until the thread that tells events asks for it.
"""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any

from pulumi_rewind.called import Callback
from pulumi_rewind.errors import CallbackError
from pulumi_rewind.events import HookEnded, HookEvent, HookStarted
from pulumi_rewind.undo.match import told_result
from pulumi_rewind.undo.process import UndoProcess


class HookRunner:
    """Runs `resource_hook` and `error_hook` functions; `start` makes their worker when the first one is wanted."""

    def __init__(self, callbacks: tuple[Callback, ...], start: Callable[[], UndoProcess]) -> None:
        self._callbacks = callbacks
        self._start = start
        self._process: UndoProcess | None = None
        self._one = threading.Lock()
        self.events: queue.SimpleQueue[HookEvent] = queue.SimpleQueue()
        """What was said in the host's threads and not told yet."""
        self._stopped = False
        self.ended: list[HookEnded] = []
        """How each call ended."""

    def code(self) -> Mapping[str, Callable[[dict[str, Any]], str]]:
        """By name of the hook; the first function of the file for a name is the one."""
        return {item.hook: functools.partial(self._hook, item) for item in self._of("resource_hook")}

    def on_error(self) -> Mapping[str, Callable[[dict[str, Any]], bool]]:
        """The same for error hooks: whether what failed is tried again. A hook that fails itself says no."""
        return {item.hook: functools.partial(self._error_hook, item) for item in self._of("error_hook")}

    def _of(self, kind: str) -> list[Callback]:
        return [item for item in reversed(self._callbacks) if item.kind == kind]

    def _hook(self, callback: Callback, properties: dict[str, Any]) -> str:
        return self._run(callback, properties)[0]

    def _error_hook(self, callback: Callback, properties: dict[str, Any]) -> bool:
        _, result = self._run(callback, properties)
        return result is not None and bool(result["result"] == "try again")

    def said(self) -> Iterator[HookEvent]:
        """What hooks have said since last asked."""
        while not self.events.empty():
            yield self.events.get()

    def stop(self) -> None:
        """Ends the one that runs, and runs none any more; from any thread."""
        self._stopped = True
        if self._process is not None:
            self._process.stop()

    def close(self) -> None:
        """Ends the worker."""
        if self._process is not None:
            self._process.close()

    def _run(self, callback: Callback, properties: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """One call, with its retries; in a thread of the host. Returns what went wrong, and what it returned."""
        urn = str(properties["urn"])
        with self._one:
            if self._stopped:
                return f"{callback.function}: stopped", None
            if self._process is None:
                self._process = self._start()
            process, error, result = self._process, "", None
            for attempt in range(callback.retries + 1):
                source = process.code.label
                self.events.put(HookStarted(callback.function, callback.kind, urn, source, attempt > 0))
                started, error = time.monotonic(), ""
                try:
                    result = self._told(process.call(callback, {"name": callback.hook, **properties}, urn))
                except CallbackError as err:
                    error = str(err)
                outcome = "failed" if error else told_result(result)[0]
                took = time.monotonic() - started
                self.ended.append(HookEnded(callback.function, callback.kind, urn, outcome, error, took))
                self.events.put(self.ended[-1])
                if not error or self._stopped:
                    break
            return error, result

    def _told(self, talk: Generator[HookEvent, None, dict[str, Any] | None]) -> dict[str, Any] | None:
        while True:
            try:
                self.events.put(next(talk))
            except StopIteration as end:
                result: dict[str, Any] | None = end.value
                return result
