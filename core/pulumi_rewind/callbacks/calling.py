"""The one way to call a callback: in a worker that has its code loaded, as often as it may fail, every call reported.

Undo callbacks, what they do after a `yield`, hooks around a rollback, Pulumi's own hooks, revisions of components and
dry calls for a plan all go through a `Caller`. It owns the workers' processes and how they are ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from pulumi_rewind.callbacks.callback_context import call_context, result_words, update_context
from pulumi_rewind.callbacks.code import interpreter, todays_code
from pulumi_rewind.callbacks.process import UndoProcess
from pulumi_rewind.engine.events import HookEnded, HookEvent, HookStarted
from pulumi_rewind.errors import CallbackError
from pulumi_rewind.hooks.declare import HOOK_KINDS
from pulumi_rewind.plan.called import Call, Callback, CallbackOutcome, Code
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Update

T = TypeVar("T")

CallbackEvents = Generator[HookEvent, None, T]
"""Yields the events to report, and returns the result."""

RESUME: Final = "Fix the cause, then run `pulumi-rewind resume`. It does not call again what has returned."


class Caller:
    """Calls callbacks; `codes` is what they are from by its hash; `python` runs it, by default the project's own."""

    def __init__(self, session: Session, codes: Mapping[str, Code] | None = None, python: str = "") -> None:
        self.session = session
        self.codes = dict(codes or {})
        self.python = python
        self.outcomes: list[CallbackOutcome] = []
        """How everything ended that was called, in that order; of several tries the last one."""
        self.stops = 0
        """How often it was asked to stop."""
        self._processes: dict[tuple[str, bool], UndoProcess] = {}
        """By the hash of their code. Pulumi's own hooks have one of their own: they are called at any time."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- processes ----------------------------------------------------------------------------------------------

    def load(self, code: Code) -> UndoProcess:
        """The worker of some code, with what that declares; loaded once.

        Raises:
            CallbackError: it can't be loaded.
        """
        loaded = (code.sha256, False) in self._processes
        self.codes[code.sha256] = code
        worker = self._worker(code.sha256)
        if not loaded:
            worker.load()
        return worker

    def interrupt(self) -> None:
        """First call: no further callback is called. Second call: those that run are ended."""
        self.stops += 1
        if self.stops > 1:
            for process in tuple(self._processes.values()):
                process.stop()

    def kill(self) -> None:
        """Ends what runs, at once."""
        self.stops += 1
        self.interrupt()

    def close(self) -> None:
        """Ends the workers."""
        for process in tuple(self._processes.values()):  # a thread of the host's may begin one meanwhile
            process.close()
        self._processes.clear()

    def _worker(self, sha256: str, *, hook: bool = False) -> UndoProcess:
        if (sha256, hook) not in self._processes:
            workspace, redact = self.session.workspace, self.session.redactor_of_callbacks
            python = Path(self.python) if self.python else interpreter(workspace)
            self._processes[sha256, hook] = UndoProcess(self.codes[sha256], python, workspace.environ, redact)
        return self._processes[sha256, hook]

    # -- calling ------------------------------------------------------------------------------------------------

    def call(
        self, callback: Callback, context: Mapping[str, Any], urn: str = "", *, note: str = "", beside: bool = False
    ) -> CallbackEvents[dict[str, Any] | None]:
        """Calls one function with its retries; `note` is said of a success instead of what it returned.

        ``again`` in the context, where it has that, becomes true in later tries. With `beside` it is called while the
        engine runs, from a thread of the host's.

        Raises:
            CallbackError: the last try failed.
        """

        def once(worker: UndoProcess, again: bool) -> CallbackEvents[dict[str, Any] | None]:
            return worker.call(callback, {**context, "again": again} if "again" in context else context, urn)

        def words(result: dict[str, Any] | None) -> tuple[str, str]:
            outcome, message = result_words(result)
            return outcome, note or message

        again = bool(context.get("again"))
        return (yield from self._tries(callback, urn, once, words, again=again, beside=beside))

    def continue_call(
        self, call: Call, context: Mapping[str, Any], resource: Mapping[str, Any], done: Callable[[Call], None]
    ) -> CallbackEvents[None]:
        """Lets a function that has yielded run to its end, with its retries; `done` is called when it has.

        It is called from its beginning again where its process is no more, or after a failure, with `context`, in which
        ``again`` is set: only then does it reach the point where it continues. Raises as `call`.
        """
        callback = call.callback

        def once(worker: UndoProcess, _again: bool) -> CallbackEvents[None]:
            if not (yield from worker.continue_call(callback, resource, call.urn)):
                result = yield from worker.call(callback, context, call.urn)
                if not (result or {}).get("more") or not (
                    yield from worker.continue_call(callback, resource, call.urn)
                ):
                    raise CallbackError(f"{callback.function} yielded the first time, but not when it was called again")
            done(call)

        yield from self._tries(callback, call.urn, once, lambda _: ("done", "went on after that"), beside=True)

    def dry_call(self, call: Call, target: str, update: Update | None) -> Iterator[HookEvent]:
        """Calls a callback that is safe to call, once, in dry mode; how it ended is the last event."""
        context = call_context(
            call,
            stack=str(self.session.stack),
            target=target,
            update=update_context(update),
            key="dry-run",
            dry_run=True,
        )
        with contextlib.suppress(CallbackError):
            yield from self.call(dataclasses.replace(call.callback, retries=0), context, call.urn)

    def _tries(
        self,
        callback: Callback,
        urn: str,
        once: Callable[[UndoProcess, bool], CallbackEvents[T]],
        words: Callable[[T], tuple[str, str]],
        *,
        again: bool = False,
        beside: bool = False,
    ) -> CallbackEvents[T]:
        worker = self._worker(callback.code, hook=callback.kind in HOOK_KINDS)
        name, kind = callback.function, callback.kind
        if beside and self.stops > 1:
            raise CallbackError(f"{name}: stopped")
        for attempt in range(callback.retries + 1):
            again = again or attempt > 0
            error: CallbackError | None = None
            started = time.monotonic()
            yield HookStarted(name, kind, urn, worker.code.label, again)
            try:
                result = yield from once(worker, again)
                outcome, message = words(result)
            except CallbackError as err:
                error, outcome, message = err, "failed", str(err)
            message = worker.redact(message)
            yield HookEnded(name, kind, urn, outcome, message, time.monotonic() - started)
            # What the engine waits for is tried again until all is to be ended at once.
            if error is not None and attempt < callback.retries and self.stops <= int(beside):
                continue
            self.outcomes.append(CallbackOutcome(name, kind, urn, outcome, message))
            if error is not None:
                raise error
            return result
        raise AssertionError("unreachable")


def declared(session: Session) -> UndoProcess | None:
    """The worker of the project's hooks file as it is now, already ended, with what that declares; None without one.

    Raises:
        UsageError, CallbackError: it can't be loaded.
    """
    code = todays_code(session.workspace.root, session.settings)
    if code is None:
        return None
    with Caller(session) as caller:
        return caller.load(code)


def drained(talk: CallbackEvents[T], tell: Callable[[HookEvent], object]) -> T:
    """The result of a call; its events are reported as they come."""
    while True:
        try:
            tell(next(talk))
        except StopIteration as end:
            result: T = end.value
            return result
