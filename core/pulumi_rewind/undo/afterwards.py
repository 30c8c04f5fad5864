"""What callbacks do after their `yield`: called by the replay host as soon as the thing is there again.

It runs in one of the host's threads, while the thread that tells events passes on what the engine says; nothing that
depends on the resource goes on before it has ended.
"""

from __future__ import annotations

import functools
import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from pulumi_rewind.called import Call
from pulumi_rewind.errors import CallbackError
from pulumi_rewind.events import HookEnded, HookEvent, HookStarted
from pulumi_rewind.undo.process import UndoProcess


@dataclass(frozen=True)
class Pending:
    """A callback that has yielded."""

    call: Call
    context: Mapping[str, Any]
    """With which it is called again where its process is no more, or after a failure; ``again`` is set."""
    process: UndoProcess


class Afterwards:
    """The callbacks of one run that go on; `done` is told of each that has ended well."""

    def __init__(self, events: queue.SimpleQueue[HookEvent], done: Callable[[Call], None]) -> None:
        self.pending: dict[str, Pending] = {}
        """By URN of the goal."""
        self.ended: list[HookEnded] = []
        self._events = events
        self._done = done
        self._one = threading.Lock()
        self._stopped = False

    def code(self) -> Mapping[str, Callable[[dict[str, Any]], str]]:
        """For the host, see `replay.Afterwards`."""
        return {urn: functools.partial(self._run, pending) for urn, pending in self.pending.items()}

    def stop(self) -> None:
        """No further try is made; the processes are not ours to end."""
        self._stopped = True

    def go_on(self, pending: Pending, resource: Mapping[str, Any]) -> Generator[HookEvent, None, str]:
        """Lets one go on, with its retries; returns what went wrong."""
        call, process = pending.call, pending.process
        callback, error = call.callback, ""
        for attempt in range(callback.retries + 1):
            started = time.monotonic()
            yield HookStarted(callback.function, callback.kind, call.urn, process.code.label, attempt > 0)
            try:
                found = yield from process.go_on(callback, resource, call.urn)
                if not found:
                    yield from self._caught_up(pending, resource)
                error = ""
                self._done(call)
            except CallbackError as err:
                error = str(err)
            outcome = "failed" if error else "done"
            message = error or "went on after that"
            self.ended.append(
                HookEnded(callback.function, callback.kind, call.urn, outcome, message, time.monotonic() - started)
            )
            yield self.ended[-1]
            if not error or self._stopped:
                break
        return error

    def _caught_up(self, pending: Pending, resource: Mapping[str, Any]) -> Generator[HookEvent, None, None]:
        """Calls it from its beginning again: only so does it get to where it goes on."""
        call, process = pending.call, pending.process
        result = yield from process.call(call.callback, pending.context, call.urn)
        if not (result or {}).get("more") or not (yield from process.go_on(call.callback, resource, call.urn)):
            raise CallbackError(f"{call.callback.function} yielded before, and does not when it is called again")

    def _run(self, pending: Pending, resource: dict[str, Any]) -> str:
        with self._one:
            if self._stopped:
                return f"{pending.call.callback.function}: stopped"
            talk = self.go_on(pending, resource)
            while True:
                try:
                    self._events.put(next(talk))
                except StopIteration as end:
                    return str(end.value)
