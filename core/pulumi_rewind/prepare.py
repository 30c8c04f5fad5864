"""From a target to a plan: load, build the goal, preview it with the real engine, read off steps and risks."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from pulumi_rewind.adoption import adopts, replaced_imports, without_imports
from pulumi_rewind.credentials import todays_credentials
from pulumi_rewind.engine import Engine
from pulumi_rewind.errors import EngineError, InterruptedRun, RefusedError, UsageError
from pulumi_rewind.events import EngineEvent, Phase
from pulumi_rewind.goal import Goal, GoalNote, build_goal
from pulumi_rewind.held import hold_to
from pulumi_rewind.host import ReplayHost
from pulumi_rewind.identity import rehomed
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.plan import Plan, Risk, counts, plan_steps
from pulumi_rewind.planned import planned_state
from pulumi_rewind.replay import ReplayReport
from pulumi_rewind.risks import protected_in_the_way, stack_risks, step_risks
from pulumi_rewind.session import Session
from pulumi_rewind.stackconfig import ConfigChanges, config_changes, config_file, todays_config, without
from pulumi_rewind.targets import Target
from pulumi_rewind.values import Json
from pulumi_rewind.verify import verify

Observe = Callable[[EngineEvent], None]
Previewed: TypeAlias = tuple[list[EngineEvent], bytes, ReplayReport]
"""What a preview gave: its events, the engine's plan held to the goal, and the host's report."""

STRATEGIES: Mapping[str, str] = {
    "checkpoint": "",
    "program": "running the old commit's program is not available yet",
    "state": "putting back the state alone is not available yet",
}
"""Every strategy with the reason why it can't be used, empty where it can."""


_ALWAYS_SHOWN = frozenset({"snippet", "left-out", "live-credentials", "target-config"})
"""Codes of notes that are shown even if no step is about them."""


@dataclass(frozen=True)
class Prepared:
    """What a reviewed plan is run with; lives in memory alone because the goal holds secrets."""

    goal: Goal
    live: Checkpoint
    """As stored when the plan was made."""
    live_plain: Checkpoint
    target: Checkpoint
    target_plain: Checkpoint
    update_plan: bytes
    """The engine's own plan (``--save-plan``), held to during the run."""
    report: ReplayReport
    only: tuple[str, ...] = ()
    """The selection of a partial rollback, empty for the whole stack."""
    refresh: bool = False
    """Whether the engine compares the state with the real resources first."""
    recorded_credentials: bool = False
    """Whether explicit providers get the credentials of the target instead of today's."""
    todays_config: bool = False
    """Whether the target's settings of default providers were declined."""
    config: Mapping[str, Json] = field(default_factory=dict)
    """Settings of the target that the run has instead of today's, see `stackconfig`."""
    private: Path | None = field(default=None)
    """Where materialised assets lie until the run is over."""

    def close(self) -> None:
        """Removes what was materialised."""
        if self.private is not None:
            shutil.rmtree(self.private, ignore_errors=True)


@contextlib.contextmanager
def private_directory() -> Iterator[Path]:
    """A directory that only we can enter, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="rewind-"))  # 0700
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


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


def load(session: Session, target: Target) -> tuple[Checkpoint, Checkpoint, Checkpoint, Checkpoint]:
    """Live and target, each as stored and decrypted; the two are decrypted side by side."""
    live = session.backend.live(session.stack)
    goal_side = session.timeline.checkpoint(target.update.number)
    with ThreadPoolExecutor(2) as pool:
        plains = list(pool.map(lambda item: session.vault.decrypt(item, session.stack), (live, goal_side)))
    return live, plains[0], goal_side, plains[1]


def build_plan(
    session: Session,
    target: Target,
    *,
    strategy: str = "checkpoint",
    only: Sequence[str] = (),
    refresh: bool = False,
    recorded_credentials: bool = False,
    use_todays_config: bool = False,
    observe: Observe | None = None,
    control: PreviewControl | None = None,
) -> Plan:
    """Plans the way from live to `target`, previewed by the engine; changes nothing.

    With `refresh` the engine first compares the state with the real resources, here and again in the run. Explicit
    providers get today's credentials unless `recorded_credentials`; default providers get the target's settings
    unless `use_todays_config` (or a selection: what stays as it is uses them as well).

    Raises:
        UsageError: a strategy or selection that isn't available.
        CheckpointError, SecretsError: live or target can't be read or decrypted.
        RefusedError: a protected resource is in the way.
        EngineError: the preview failed.
    """
    from pulumi_rewind.diff import diff_checkpoints

    observe = observe or _ignore
    reason = STRATEGIES.get(strategy, f"there is no strategy {strategy!r}")
    if reason:
        raise UsageError(reason, hint="Use `--strategy checkpoint`, which needs no program.")
    engine = session.engine
    observe(Phase("load", f"reading live and {target.label}"))
    locks = session.backend.locks(session.stack)  # before live is read: who holds one now is changing it
    live, live_plain, stored, plain = load(session, target)
    goal = make_goal(
        session, plain, live_plain, number=target.update.number, only=only, recorded_credentials=recorded_credentials
    )
    today = todays_config(session.workspace.config_file(session.stack.name))
    settings = ConfigChanges()
    if not only and not use_todays_config:
        settings = config_changes(plain, live_plain, _config(target.update.config), today)
    private = Path(tempfile.mkdtemp(prefix="rewind-assets-"))
    try:
        goal, asset_notes = with_assets(session, goal, live_plain, target.update.commit, private)
        observe(Phase("preview", "asking the engine what it would do"))
        watch = control or PreviewControl()
        goal, (events, update_plan, report) = _agreeable(
            goal,
            lambda goal: preview(session, engine, goal, live, observe, watch, refresh=refresh, config=settings.values),
        )
    except BaseException:
        shutil.rmtree(private, ignore_errors=True)
        raise
    if not any(private.iterdir()):
        private.rmdir()
    steps = plan_steps(events, goal)
    notes = [*goal.notes, *asset_notes, *settings.notes]
    stateful = session.settings.stateful_types
    moving = tuple(
        replace(step, risks=step_risks(step, goal, live_plain, report, stateful) + _notes_for(step.urn, goal, notes))
        for step in steps
        if step.op not in {"same", "read"}
    )
    shown = {note for step in moving for note in notes if rehomed(note.urn, goal.stack, goal.project) == step.urn}
    rest = tuple(
        Risk(note.code, f"{_name(note)}{note.message}", blocking=note.blocking, urn=note.urn)
        for note in notes
        if note not in shown and (note.blocking or note.code in _ALWAYS_SHOWN)
    )
    newest = session.timeline.update(len(session.timeline)) if len(session.timeline) else None
    risks = tuple(
        stack_risks(
            live=live_plain,
            locks=locks or session.backend.locks(session.stack),
            live_known=session.timeline.live_update() is not None,
            target_config=without(_config(target.update.config), settings.values),
            live_config=without(_config(newest.config) if newest else None, settings.values),
            refreshed=refresh,
        )
    )
    warned = tuple(Risk("target", text) for text in target.warnings)
    # What a step changes and what an alias renames is shown there.
    shown_elsewhere = {step.urn for step in moving} | set(goal.pairs.values()) - set(report.urns.values())
    return Plan(
        stack=str(session.stack),
        target=target,
        strategy=strategy,
        fingerprint=fingerprint(
            goal, live, stored, engine.version, [recorded_credentials, sorted(settings.values.items())]
        ),
        steps=moving,
        risks=rest + risks + warned,
        changes=counts(steps),
        diff=diff_checkpoints(
            live_plain, planned_state(goal, report, live_plain, {step.urn: step.op for step in steps})
        ),
        created=time.time(),
        state_only=tuple(
            difference
            for difference in verify(goal, report, live_plain, live_plain)
            if not difference.expected and difference.urn not in shown_elsewhere
        ),
        prepared=Prepared(
            goal,
            live,
            live_plain,
            stored,
            plain,
            update_plan,
            report,
            tuple(only),
            refresh,
            recorded_credentials,
            use_todays_config,
            settings.values,
            private if private.exists() else None,
        ),
    )


def make_goal(
    session: Session,
    target: Checkpoint,
    live: Checkpoint,
    *,
    number: int = 0,
    only: Sequence[str] = (),
    recorded_credentials: bool,
) -> Goal:
    """The goal of a rollback of this stack, both checkpoints decrypted; the same again for the check after a run.

    With the `number` of the target's update, the history is asked for renames where something has no partner.
    """
    notes: tuple[GoalNote, ...] = ()
    if not recorded_credentials:
        made = todays_credentials(target, live)
        target, notes = made.target, made.notes
    goal = build_goal(
        target,
        live,
        project=session.workspace.project,
        stack=session.stack.name,
        only=only,
        history=session.timeline.around(number) if number else (),
    )
    chosen = {item.urn for item in goal.registrations if not item.from_live}
    return replace(goal, notes=(*goal.notes, *(note for note in notes if note.urn in chosen)))


def _agreeable(goal: Goal, look: Callable[[Goal], Previewed]) -> tuple[Goal, Previewed]:
    """A preview in which no import id stands in the way, and the goal that it is of."""
    try:
        seen = look(goal)
    except EngineError:
        if not adopts(goal):
            raise
        lost = {item.urn for item in goal.registrations if not item.live_urn}
        goal = without_imports(goal, lost)
        seen = look(goal)
    replaced = replaced_imports(goal, plan_steps(seen[0], goal))
    if replaced:
        goal = without_imports(goal, replaced)
        seen = look(goal)
    return goal, seen


def _ignore(_: EngineEvent) -> None:
    return


def _name(note: GoalNote) -> str:
    from pulumi_rewind.model import urn_name

    return f"{urn_name(note.urn)}: " if note.urn else ""


def _notes_for(urn: str, goal: Goal, notes: Sequence[GoalNote]) -> tuple[Risk, ...]:
    return tuple(
        Risk(note.code, note.message, blocking=note.blocking, urn=urn)
        for note in notes
        if note.urn and rehomed(note.urn, goal.stack, goal.project) == urn
    )


def with_assets(
    session: Session, goal: Goal, live: Checkpoint, commit: str, private: Path
) -> tuple[Goal, tuple[GoalNote, ...]]:
    """The goal with the contents of its assets found; `commit` is where the program was when they were recorded."""
    if b"c44067f5952c0a294b673a41bacd8c17" not in live.raw + msgspec.json.encode(
        [dict(item.inputs) for item in goal.registrations]
    ) and not any(_has_archive(item.inputs) for item in goal.registrations):
        return goal, ()
    from pulumi_rewind.assets import AssetFinder, resolve_assets

    finder = AssetFinder(session.workspace.root, commit, session.repository, None, private)
    return resolve_assets(goal, live, finder)


def _has_archive(inputs: Mapping[str, Any]) -> bool:
    return b"0def7320c3a5731c473e5ecbe6d01bc7" in msgspec.json.encode(dict(inputs))


def _config(raw: msgspec.Raw) -> dict[str, object] | None:
    value = msgspec.json.decode(raw)
    return value if isinstance(value, dict) else None


def fingerprint(goal: Goal, live: Checkpoint, target: Checkpoint, engine_version: str, choices: Json) -> str:
    """A digest of what is reviewed: both checkpoints as stored (secrets encrypted), the goal, the engine, the choices
    made.
    """
    parts = [live.digest, target.digest, goal.fingerprint(), engine_version, msgspec.json.encode(choices).decode()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def preview(
    session: Session,
    engine: Engine,
    goal: Goal,
    live: Checkpoint,
    observe: Observe,
    control: PreviewControl,
    *,
    refresh: bool = False,
    config: Mapping[str, Json] = {},
) -> Previewed:
    """One preview of a goal: its events, the engine's plan held to the goal, and the host's report.

    `config` holds settings that today's configuration file has otherwise.

    Raises:
        EngineError, RefusedError: the preview failed.
        InterruptedRun: `control` stopped it.
    """
    with private_directory() as private, ReplayHost(goal, private, session.workspace.root) as host:
        plan_file = private / "plan.json"
        own_config = session.workspace.config_file(session.stack.name)
        run = engine.start(
            [
                "preview",
                *("--client", host.address),
                *("-s", session.stack.fqn),
                *("--config-file", str(config_file(own_config, live, private, config))),
                *("--save-plan", str(plan_file)),
                *(("--refresh",) if refresh else ()),
            ],
            private=private,
            extra_env=session.vault.environment(live),
        )
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
            raise InterruptedRun("the preview was stopped; nothing was changed")
        if run.returncode != 0:
            raise _preview_failure(run.error("the preview failed"), host, goal, live)
        return events, hold_to(plan_file.read_bytes(), host.report), host.report


def _preview_failure(error: Exception, host: ReplayHost, goal: Goal, live: Checkpoint) -> Exception:
    if host.refusal:
        return RefusedError(host.refusal, hint="Nothing was changed.")
    protected = protected_in_the_way(goal, live)
    if isinstance(error, EngineError) and "protect" in error.output.lower():
        names = ", ".join(res.name for res in protected)
        what = f"protected resources are in the way: {names}" if names else f"{error}"
        return RefusedError(
            what, hint="Unprotect them with `pulumi state unprotect URN` if they may really go; nothing was changed."
        )
    return error
