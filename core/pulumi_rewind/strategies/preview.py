"""One preview of a goal by the real engine, which another thread can stop."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, Self

from pulumi_rewind.engine.cli import Engine, EngineRun
from pulumi_rewind.engine.crashes import with_report
from pulumi_rewind.engine.events import Diagnostic, EngineEvent, ResourceDone, ResourcePre
from pulumi_rewind.engine.messages import says_immutable, speaks_of_protection
from pulumi_rewind.errors import EngineError, InterruptedRun, RefusedError, RewindError
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import Observe, Previewed
from pulumi_rewind.guard.checks import lock_refusal
from pulumi_rewind.guard.state_editing import Staged, staged
from pulumi_rewind.plan.advice import advise
from pulumi_rewind.plan.asking import reaches_further, target_flags
from pulumi_rewind.plan.blockers import Blockers, speaker
from pulumi_rewind.plan.delete_first import deleted_before
from pulumi_rewind.plan.risks import protected_in_the_way
from pulumi_rewind.project.stack_configuration import without_environments
from pulumi_rewind.replay.host import ReplayHost
from pulumi_rewind.replay.left_open import without_open
from pulumi_rewind.replay.plan_constraint import constrain_plan
from pulumi_rewind.replay.sockets import WaitingSocket
from pulumi_rewind.session import Session
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Checkpoint, urn_name
from pulumi_rewind.state.values import Json
from pulumi_rewind.system.private_directory import private_directory
from pulumi_rewind.system.toolchain import parse_version

IGNORES_PROTECTION: Final = (3, 256, 0)
"""The first engine whose previews go past protection."""


PATIENCE: Final = 15.0
"""Seconds that an engine is made to wait for its goal: after 20 it takes the host for dead, as gRPC for Go does."""


def ignore_events(_: EngineEvent) -> None:
    """An observer that ignores all events."""


def past_protection(engine: Engine) -> tuple[str, ...]:
    """Lets a preview continue where something protected is in the way: the plan then says so, and doesn't run.

    Never for a run. Engines older than `IGNORES_PROTECTION` fail instead.
    """
    version = parse_version(engine.version)
    return ("--ignore-protect",) if version is None or version >= IGNORES_PROTECTION else ()


def protected_refusal(error: RewindError, engine: Engine, names: Iterable[str], locks: Iterable[Lock]) -> RewindError:
    """What an older engine's failure at something protected means, with all else that is in the way."""
    if not isinstance(error, EngineError) or past_protection(engine) or not speaks_of_protection(error.output):
        return error
    found = list(dict.fromkeys([*names, *map(urn_name, sorted(error.urns))]))
    what = [f"protected resources block the plan: {', '.join(found)}" if found else str(error)]
    what += [f"the stack is {lock.said}: {lock.advice}" for lock in locks]
    return RefusedError(
        "; ".join(what),
        hint="Unprotect what may be deleted (`pulumi state unprotect URN`), or leave it out with `--only '!NAME'`. "
        f"This engine ({engine.version}) can't preview past protection; 3.256 and newer show the whole plan.",
        unchanged=True,
    )


class PreviewControl:
    """Lets another thread stop a preview that is running."""

    def __init__(self) -> None:
        self._stop: Callable[[], None] | None = None
        self.stopped = False

    def attach(self, stop: Callable[[], None]) -> None:
        """Called by the preview when there is something to stop."""
        self._stop = stop
        if self.stopped:
            stop()

    def stop(self) -> None:
        """Ends the preview; nothing is changed by one."""
        self.stopped = True
        if self._stop is not None:
            self._stop()


class Begun:
    """An engine that was started to preview a goal and waits for it. Use as a context manager, or `close` it.

    Until it has the goal it reads the state and the configuration, and asks no provider.
    """

    def __init__(
        self,
        session: Session,
        live: Checkpoint,
        *,
        refresh: bool = False,
        config: Mapping[str, Json] = {},
        place: Staged | None = None,
        targets: Collection[str] = (),
    ) -> None:
        """`place` is the backend, the stack's own by default; the rest as for `preview`."""
        self.targets = frozenset(targets)
        with contextlib.ExitStack() as held:
            self.private = held.enter_context(private_directory())
            self.socket = held.enter_context(contextlib.closing(WaitingSocket(self.private)))
            self.plan_file = self.private / "plan.json"
            config_path = session.config_file(live, self.private, config)
            place = place or Staged(session.stack.fqn, {})
            if place.environ:
                config_path = without_environments(config_path, self.private)
            self.run = session.engine.start(
                [
                    "preview",
                    *("--client", self.socket.address),
                    *("-s", place.fqn),
                    *("--config-file", str(config_path)),
                    *("--save-plan", str(self.plan_file)),
                    *target_flags(targets),
                    *past_protection(session.engine),
                    *(("--refresh",) if refresh else ()),
                ],
                private=self.private,
                extra_env={**session.vault.environment(live), **place.environ},
            )
            self._held = held.pop_all()
        self.since = time.monotonic()

    @classmethod
    def early(
        cls,
        session: Session,
        live: Checkpoint,
        control: PreviewControl,
        *,
        refresh: bool,
        targets: Collection[str] = (),
    ) -> Self | None:
        """One before the goal is made; None where that is too early.

        A service would list a preview that is given up, and which passphrase opens the state is only known when one of
        several has opened it.
        """
        if session.stack.organization or session.vault.has_passphrases:
            return None
        begun = cls(session, live, refresh=refresh, targets=targets)
        control.attach(begun.run.kill)
        return begun

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends it, and removes what it needed."""
        if self.run.returncode is None:
            self.run.kill()
        self._held.close()


def preview(
    session: Session,
    goal: Goal,
    live: Checkpoint,
    observe: Observe,
    control: PreviewControl,
    *,
    refresh: bool = False,
    config: Mapping[str, Json] = {},
    state: Checkpoint | None = None,
    targets: Collection[str] = (),
    early: Begun | None = None,
) -> Previewed:
    """One preview of a goal: its events, the engine's plan, constrained to the goal, and the host's report.

    Where there are `targets` (URNs), providers are asked about these alone, and all else counts as unchanged. `config`
    holds settings that today's configuration file has otherwise. `state` is what the backend will hold before the run,
    where that is to be rewritten: the preview then runs on it in a private backend. An engine that was started `early`
    is used if it fits and has not waited for too long, else closed. Where the preview fails on resources, the error
    names them and says how to leave them out. Where a trial fails only because it meets what the run deletes first, it
    previews again without (`replay.left_open`).

    Raises:
        EngineError, RefusedError: the preview failed.
        InterruptedRun: `control` stopped it.
    """
    if early is not None and (
        config or state is not None or early.targets != frozenset(targets) or time.monotonic() - early.since > PATIENCE
    ):
        early.close()
        early = None
    with (
        staged(session, state, (item.source for item in goal.registrations)) as place,
        early or Begun(session, live, refresh=refresh, config=config, place=place, targets=targets) as begun,
        ReplayHost(goal, begun.private, session.workspace.root, waiting=begun.socket, asked=targets) as host,
    ):
        blockers = Blockers()

        def look(event: EngineEvent) -> None:
            blockers.add(event)
            observe(event)

        run = begun.run
        seen = followed(run, look, control)
        kept = frozenset(map(goal.run_urn, host.report.kept))
        events = [without_open(event, host.report.left_open) for event in seen if not _stays(event, kept)]
        if run.returncode == 0:
            return events, constrain_plan(begun.plan_file.read_bytes(), host.report, goal), host.report
        if host.refusal:
            raise RefusedError(host.refusal, unchanged=True)
        opened = _without_trials(goal, events)
        if opened == goal:
            raise _failure(session, run, goal, live, blockers)
    return preview(
        session, opened, live, observe, control, refresh=refresh, config=config, state=state, targets=targets
    )


def _stays(event: EngineEvent, kept: Collection[str]) -> bool:
    """Whether an event only says that the engine leaves alone what it was not asked about."""
    return isinstance(event, ResourcePre | ResourceDone) and event.step.op == "same" and event.step.urn in kept


def enough(
    ask: Callable[[Collection[str]], Previewed], goal: Goal, live: Checkpoint, targets: Collection[str]
) -> Previewed | None:
    """What a preview finds that asks about these targets alone, where that says enough; None: ask about everything.

    `live` is decrypted. An error says nothing here: that of the preview of everything is the one that counts.
    """
    if targets:
        with contextlib.suppress(EngineError):
            previewed = ask(targets)
            if not reaches_further(previewed, goal, live, targets):
                return previewed
    return None


def _without_trials(goal: Goal, events: Iterable[EngineEvent]) -> Goal:
    """The goal with what is left open that a provider could not change in place, though it is deleted first."""
    first = deleted_before(events)
    refused = {
        event.urn for event in events if isinstance(event, Diagnostic) and event.urn and says_immutable(event.message)
    }
    return goal.each(lambda item: replace(item, left_open=True) if goal.run_urn(item.urn) in first & refused else item)


def _failure(session: Session, run: EngineRun, goal: Goal, live: Checkpoint, blockers: Blockers) -> RewindError:
    """Why a preview failed; with what may be left out, where the engine names it."""
    failed = run.error("the preview failed")
    if isinstance(failed, EngineError) and failed.locked:  # a service previews nothing while an update runs
        return lock_refusal(session, failed)
    names = [res.name for res in protected_in_the_way(goal, live)]
    error = protected_refusal(failed, session.engine, names, session.operations())
    if isinstance(error, EngineError | RefusedError):
        spoken = speaker(goal.by_run_urn, live)
        # In a rollback that was begun, `resume` continues without it; else another plan does.
        begun = session.journal.peek() is not None
        way_past = blockers.hint(session.stack.word, spoken) if begun else blockers.leaving_out(spoken)
        error.advise(way_past.strip())
        error.resumes = begun and bool(blockers.stuck(session.stack.word))
        error.passed_by = tuple(dict.fromkeys(map(spoken, blockers.urns)))
    return error


@contextlib.contextmanager
def explained(session: Session, goal: Goal, commit: str) -> Iterator[None]:
    """Around a preview of a goal: its errors say what helps; `commit` is the target's."""
    try:
        yield
    except RewindError as err:
        if isinstance(err, EngineError):
            err.explain(advise(err, goal, commit))
        raise with_report(err, session.workspace.environ) from None


def followed(run: EngineRun, observe: Observe, control: PreviewControl) -> list[EngineEvent]:
    """The events of a preview that runs, each told to `observe`; it has ended when they are returned.

    Raises:
        InterruptedRun: `control` stopped it.
    """
    control.attach(run.kill)
    events: list[EngineEvent] = []
    try:
        for event in run.events():
            events.append(event)
            observe(event)
    finally:
        if run.returncode is None:
            run.kill()
    if control.stopped:
        raise InterruptedRun("the preview was stopped", unchanged=True)
    return events
