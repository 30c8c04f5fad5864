"""The protocol of a strategy: `rollback` calls it, and knows nothing else about it.

The table of them all is in `strategies.choosing`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pulumi_rewind.state.model import REPLAY_AGENT

if TYPE_CHECKING:
    from pulumi_rewind.engine.cli import Engine, EngineRun
    from pulumi_rewind.engine.events import Diagnostic, EngineEvent
    from pulumi_rewind.goal.replay_report import ReplayReport
    from pulumi_rewind.history.update_mark import Stamp
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.plan.verify import Difference
    from pulumi_rewind.replay.host import ReplayHost
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Checkpoint
    from pulumi_rewind.state.values import Json
    from pulumi_rewind.strategies.parts import PlanRequest
    from pulumi_rewind.strategies.preview import PreviewControl


class Running(Protocol):
    """The run, as far as a strategy sees it."""

    session: Session
    plan: Plan
    control: PreviewControl
    """Stops previews."""
    stamp: Stamp
    begun_from: Checkpoint
    """What the backend holds before the update, as stored."""
    engine_run: EngineRun | None
    """The newest one; None: the engine has not been started."""

    @property
    def message(self) -> str:
        """Of the update that the rollback becomes."""

    def asked_to_stop(self) -> bool:
        """Whether the operator wants it to end."""

    def attach(self, host: ReplayHost) -> None:
        """Lets a host call the project's code while the engine runs."""

    def stream(
        self, engine: Engine, arguments: Sequence[str], private: Path, environ: Mapping[str, str]
    ) -> Generator[EngineEvent, None, EngineRun]:
        """Starts an update and passes its events on; it has ended when this does."""

    def ended_early(self, run: EngineRun, report: ReplayReport, refusal: str = "") -> Diagnostic:
        """What to say of an update that did not end well although nothing was left to do; else raises why."""


class Strategy(Protocol):
    """One way of going back."""

    def plan(self, asked: PlanRequest) -> Plan:
        """The way from live to the target; nothing is changed."""

    def live(self, session: Session) -> Checkpoint:
        """The present state, as the run compares it with the plan's."""
        return session.backend.live(session.stack)

    def update(self, run: Running) -> Generator[EngineEvent, None, ReplayReport]:
        """Changes the stack; returns the report of a replay, empty for other strategies."""

    def repair_state(self, run: Running, report: ReplayReport) -> Generator[EngineEvent, None, list[str]]:
        """Puts into the state after the update what none can bring about; the URNs of what was put there."""
        yield from ()
        return []

    def settings(self, plan: Plan) -> Mapping[str, Json]:
        """Settings that the run has instead of today's."""
        return {}

    def verify(self, plan: Plan, report: ReplayReport, after: Checkpoint) -> Iterable[Difference]:
        """Where the state `after` the update, decrypted, is not what was to come out."""

    def second_plan(
        self, run: Running, after: Checkpoint, differences: list[Difference], *, record: bool
    ) -> Iterator[EngineEvent]:
        """Plans once more from the state `after`; what it would still do becomes a difference.

        With `record`, where nothing is left to do, one more update records what was written into the state since.
        """
        yield from ()

    def closing(self, run: Running) -> tuple[tuple[str, ...], str]:
        """What the operator should know in the end, and the command that takes it back if that is no rollback."""
        return (), ""


def update_arguments(
    run: Running, config: Path, plan_file: Path, *, message: str = "", refresh: bool = False, agent: str = REPLAY_AGENT
) -> list[str]:
    """The words of an update that is constrained to a plan of the engine."""
    return [
        *("up", "--yes", "--skip-preview", "-s", run.session.stack.fqn),
        *("--config-file", str(config)),
        *("--plan", str(plan_file)),
        *(("--refresh",) if refresh else ()),
        *("-m", message or run.message, "--exec-agent", run.stamp.text(agent)),
    ]
