"""Driving one update of the engine: started, watched, stopped."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pulumi_rewind.backends.protocol import Backend
from pulumi_rewind.engine.cli import Engine, EngineRun
from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.errors import EngineError, IncompleteError, RewindError
from pulumi_rewind.plan.blockers import Blockers
from pulumi_rewind.plan.progress import RunProgress
from pulumi_rewind.plan.unsure_creates import unknown_to_state


class EngineDriver(ABC):
    """What an update has done so far, and the means to stop it; a rollback drives one or several."""

    def __init__(self, backend: Backend, passing: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """`passing` is entered while the engine runs."""
        self._backend = backend
        self._passing = passing
        self.blockers = Blockers()
        """What failed, for the offer to pass it by."""
        self.engine_run: EngineRun | None = None
        """The newest run of the engine."""
        self._stops = 0
        self._lock = threading.RLock()  # a signal handler may interrupt the thread that holds it
        self.progress = RunProgress()
        """What the engine has done."""
        self._changed = False
        """Whether anything in the stack has been changed, or may have been."""

    def interrupt(self) -> None:
        """First call: stop after the running steps. Second call: stop now (pending operations may stay)."""
        with self._lock:
            self._stops += 1
            if self.engine_run is not None:
                self.engine_run.interrupt()

    def kill(self) -> None:
        """Ends the engine at once; the journal stays."""
        with self._lock:
            self._stops += 1
            if self.engine_run is not None:
                self.engine_run.kill()

    def asked_to_stop(self) -> bool:
        """Whether it was to end, gently or at once."""
        return self._stops > 0

    @abstractmethod
    def _not_begun(self) -> Exception:
        """What is raised where it was stopped before the engine was started."""

    def _not_started(self, error: EngineError) -> RewindError:
        """What is raised where the engine, found before, can't be started; the same is tidied up as by `_not_begun`."""
        self._not_begun()
        if self._changed:
            return IncompleteError(str(error), hint=f"{error.hint} `pulumi-rewind resume` continues to the target.")
        error.advise("Nothing in the stack was changed.")
        return error

    def _said_by_hooks(self) -> Iterator[EngineEvent]:
        """What hooks have said since the last event."""
        yield from ()

    def stream(
        self,
        engine: Engine,
        arguments: Sequence[str],
        private: Path,
        environ: Mapping[str, str],
        keep_log: Path | None = None,
    ) -> Generator[EngineEvent, None, EngineRun]:
        """Starts the update and passes its events on; it has ended when this does. `keep_log`: see `EngineRun`.

        Raises:
            IncompleteError: the backend was another one for a while, see `Backend.watch`.
        """
        with self._passing():
            return (yield from self._streamed(engine, arguments, private, environ, keep_log))

    def _streamed(
        self, engine: Engine, arguments: Sequence[str], private: Path, environ: Mapping[str, str], keep_log: Path | None
    ) -> Generator[EngineEvent, None, EngineRun]:
        place = self._backend.watch()
        with self._lock:
            if self.asked_to_stop():
                raise self._not_begun()
            try:
                self.engine_run = engine.start(arguments, private=private, extra_env=environ)
            except EngineError as err:
                raise self._not_started(err) from None
            self.engine_run.keep_log = keep_log
            if self.asked_to_stop():  # while it was being started
                self.engine_run.interrupt()
        run = self.engine_run
        try:
            for event in run.events():
                place.check()
                self.blockers.add(event)
                self.progress.see(event)
                self._changed = self._changed or self.progress.moved
                yield from self._said_by_hooks()
                yield event
        finally:
            if run.returncode is None:  # nobody listens any more: stop gently, never leave it running unseen
                run.interrupt()
                run.process.wait()
        yield from self._said_by_hooks()
        if lost := place.problem():
            raise IncompleteError("\n".join(filter(None, (lost, unknown_to_state(self.progress)))), hint=place.remedy)
        return run
