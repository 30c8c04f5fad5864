"""What the replay host calls while the engine runs: the code of Pulumi's own hooks, and callbacks that continue.

The engine may want several at once, from the host's threads; those of a kind run one after another. Their events
wait until the thread that reports events asks for them. Nothing that depends on the resource continues before the
callback has ended.
"""

from __future__ import annotations

import functools
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pulumi_rewind.callbacks.calling import Caller, drained
from pulumi_rewind.engine.events import HookEvent
from pulumi_rewind.errors import CallbackError
from pulumi_rewind.plan.called import Call, Callback


class HookRunner:
    """Runs `resource_hook` and `error_hook` functions."""

    def __init__(self, caller: Caller, callbacks: tuple[Callback, ...]) -> None:
        self.events: queue.SimpleQueue[HookEvent] = queue.SimpleQueue()
        """Events from the host's threads that have not been reported yet."""
        self._caller = caller
        self._callbacks = callbacks
        self._one = threading.Lock()

    def code(self) -> Mapping[str, Callable[[dict[str, Any]], str]]:
        """By name of the hook; the first function of the file for a name is the one."""
        return {item.hook: functools.partial(self._hook, item) for item in self._of("resource_hook")}

    def on_error(self) -> Mapping[str, Callable[[dict[str, Any]], bool]]:
        """The same for error hooks: whether what failed is tried again. A hook that fails itself says no."""
        return {item.hook: functools.partial(self._error_hook, item) for item in self._of("error_hook")}

    def pending_events(self) -> Iterator[HookEvent]:
        """The events since the last call."""
        while not self.events.empty():
            yield self.events.get()

    def _of(self, kind: str) -> list[Callback]:
        return [item for item in reversed(self._callbacks) if item.kind == kind]

    def _hook(self, callback: Callback, properties: dict[str, Any]) -> str:
        try:
            self._call(callback, properties)
        except CallbackError as err:
            return str(err)
        return ""

    def _error_hook(self, callback: Callback, properties: dict[str, Any]) -> bool:
        try:
            result = self._call(callback, properties)
        except CallbackError:
            return False
        return result is not None and bool(result["result"] == "try again")

    def _call(self, callback: Callback, properties: dict[str, Any]) -> dict[str, Any] | None:
        context = {"name": callback.hook, **properties}
        with self._one:
            talk = self._caller.call(callback, context, str(properties["urn"]), beside=True)
            return drained(talk, self.events.put)


class Afterwards:
    """What callbacks do after their `yield`, when the thing is there; `done` receives each that has ended well."""

    def __init__(self, caller: Caller, events: queue.SimpleQueue[HookEvent], done: Callable[[Call], None]) -> None:
        self._caller = caller
        self._events = events
        self._done = done
        self._pending: dict[str, tuple[Call, Mapping[str, Any]]] = {}
        """By URN of the goal."""
        self._one = threading.Lock()

    def add(self, call: Call, context: Mapping[str, Any]) -> None:
        """One that has yielded; with `context` it is called again where that is needed, see `Caller.continue_call`."""
        self._pending[call.goal_urn] = call, context

    def code(self) -> Mapping[str, Callable[[dict[str, Any]], str]]:
        """For the host, see `replay.registering.Afterwards`."""
        return {urn: functools.partial(self._run, *pending) for urn, pending in self._pending.items()}

    def _run(self, call: Call, context: Mapping[str, Any], resource: dict[str, Any]) -> str:
        try:
            with self._one:
                drained(self._caller.continue_call(call, context, resource, self._done), self._events.put)
        except CallbackError as err:
            return str(err)
        return ""
