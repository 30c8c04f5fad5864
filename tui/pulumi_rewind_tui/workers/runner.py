"""Runs a rollback in threads: its events come to the screen in batches, its log to a file, its end as one message.

If the screen goes away, the run is not killed: it is asked once to finish the running steps, and can be resumed.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from pulumi_rewind.engine.events import EngineEvent, Phase, without_quotes
from pulumi_rewind.errors import RewindError
from pulumi_rewind_tui.text.outcome import Aftermath
from pulumi_rewind_tui.text.run_state import LogLine, RunState
from pulumi_rewind_tui.workers.background import CancelCheck, Post
from pulumi_rewind_tui.workers.private_file import PrivateLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.session import Session

BATCH = 0.1
"""Seconds between two messages to the screen; it is allowed to be a quarter of a second behind."""


class Run(Protocol):
    """The part of `pulumi_rewind.rollback.run.RollbackRun` that is used here."""

    @property
    def result(self) -> RollbackResult | None:
        """How it ended, None if it has not reached its end."""
        ...

    def events(self) -> Iterator[EngineEvent]:
        """Runs it."""
        ...

    def interrupt(self) -> None:
        """First gentle, then now."""
        ...

    def kill(self) -> None:
        """At once."""
        ...


class Begun(Run, Protocol):
    """A run that was prepared before its screen opened."""

    @property
    def title(self) -> str:
        """What it does: ``ROLLING BACK``."""
        ...


@dataclass
class RunBatch(Message):
    """Events that came since the last batch."""

    events: list[EngineEvent]


@dataclass
class RunEnded(Message):
    """The run is over."""

    result: RollbackResult | None
    error: BaseException | None
    aftermath: Aftermath


@dataclass
class _End:
    error: BaseException | None


class Runner:
    """One run: stops it when asked, and once if its screen is gone."""

    def __init__(self, run: Run, session: Session, plan: Plan) -> None:
        self.run = run
        self.session = session
        self.plan = plan
        self._gentle = threading.Event()

    def stop_gently(self) -> None:
        """No new steps; running ones finish. Asking again changes nothing."""
        if not self._gentle.is_set():
            self._gentle.set()
            self.run.interrupt()

    def stop_now(self) -> None:
        """Ends running steps; pending operations may stay."""
        self.stop_gently()
        self.run.interrupt()

    def kill(self) -> None:
        """Ends the engine at once."""
        self.run.kill()

    def work(self, post: Post, cancelled: CancelCheck) -> None:
        """Runs to the end; in a thread."""
        # A run masks what it tells; what goes into a file here is masked whatever the run may be.
        redact = self.session.redactor
        events: queue.SimpleQueue[EngineEvent | _End] = queue.SimpleQueue()
        threading.Thread(target=self._pump, args=(events,), name="rollback", daemon=False).start()
        log = PrivateLog(log_path(self.session), self.session.journal.state)
        scribe = RunState((), time.time())
        end: _End | None = None
        while end is None:
            batch, end = _collect(events, redact)
            if cancelled():
                self.stop_gently()
            scribe.apply(batch, time.time())
            log.write("".join(log_text(line) for line in scribe.log))
            scribe.log.clear()
            scribe.raw.clear()
            if batch:
                post(RunBatch(batch))
        error = end.error
        if error is not None:
            log.write(log_text(LogLine(time.time(), redact.said(error))))
        log.close()
        result = self.run.result
        if cancelled():
            return
        post(RunBatch([Phase("look", "reading the stack again")]))
        version = result.version if result is not None else None
        post(RunEnded(result, error, read_aftermath(self.session, self.plan, version)))

    def _pump(self, events: queue.SimpleQueue[EngineEvent | _End]) -> None:
        try:
            for event in self.run.events():
                events.put(event)
        except BaseException as err:  # noqa: BLE001 - it goes to the screen, whatever it is
            events.put(_End(err))
        else:
            events.put(_End(None))


def _collect(
    events: queue.SimpleQueue[EngineEvent | _End], redact: Callable[[str], str]
) -> tuple[list[EngineEvent], _End | None]:
    """What comes within one batch's time."""
    batch: list[EngineEvent] = []
    until = time.monotonic() + BATCH
    while (left := until - time.monotonic()) > 0:
        try:
            event = events.get(timeout=left)
        except queue.Empty:
            break
        if isinstance(event, _End):
            return batch, event
        batch.append(without_quotes(event, redact))
    return batch, None


def log_path(session: Session) -> Path:
    """Where the log of the last run of a stack is kept."""
    return session.journal.state.log(session.journal.key)


def log_text(line: LogLine) -> str:
    """A line of the log as it is kept in a file."""
    from pulumi_rewind.state.show import inert

    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(line.time))
    return f"{moment} {inert(line.text)}\n"


def read_aftermath(session: Session, plan: Plan, version: int | None) -> Aftermath:
    """Reads the stack again; reports what can't be read, never raises. `version` is None where the run failed."""
    from pulumi_rewind.history.failed_update import before_attempts, undo_number
    from pulumi_rewind.rollback.head_reminder import head_reminder
    from pulumi_rewind.rollback.reverts import revert_command

    found = Aftermath()
    try:
        session.reload()
        found = replace(found, entry=session.journal.peek(), locks=tuple(session.backend.locks(session.stack)))
        live = session.backend.live(session.stack)
        found = replace(found, pending=live.pending_operations, newest=len(session.timeline))
        found = replace(found, reminder=head_reminder(session, plan.target))
        if found.reminder and plan.target.checkpoint is None:
            found = replace(found, revert=revert_command(session, plan.target.update))
        undo = undo_number(session.timeline, version) if version else before_attempts(session.timeline)
        found = replace(found, undo=undo)
        if version is None:
            found = replace(found, remaining=_remaining(session, plan))
    except (RewindError, OSError) as err:
        found = replace(found, problem=session.redactor.said(err))
    return found


def _remaining(session: Session, plan: Plan) -> tuple[str, ...]:
    """The remaining differences between live and the target, in the order of the steps; a new id alone is none."""
    from pulumi_rewind.diff.checkpoints import diff_checkpoints
    from pulumi_rewind_tui.words.words import resource_name

    live = session.vault.decrypt(session.backend.live(session.stack), session.stack)
    diff = diff_checkpoints(live, plan.prepared.target_plain)
    order = {step.urn: number for number, step in enumerate(plan.steps)}
    return tuple(
        f"{item.op} {resource_name(item.urn)}"
        for item in sorted(diff.resources, key=lambda item: order.get(item.urn, len(order)))
        if not item.consequential and (not plan.prepared.partial or item.urn in order)
    )
