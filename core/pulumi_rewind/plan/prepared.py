"""What a reviewed plan is run with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi_rewind.choices import USUAL, Choices
from pulumi_rewind.goal.model import Goal, GoalChanges, Registration
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.plan.arrangement import NOTHING, Holding
from pulumi_rewind.plan.stale_values import StaleValue, stale_values
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import Json
from pulumi_rewind.system.private_directory import remove_private


@dataclass(frozen=True)
class Prepared:
    """What a reviewed plan of any strategy is run with; lives in memory alone because it holds secrets."""

    live: Checkpoint
    """As stored when the plan was made."""
    live_plain: Checkpoint
    """Decrypted, as the run begins with it: rewritten, where `rewritten` is given."""
    target: Checkpoint
    target_plain: Checkpoint
    choices: Choices = USUAL
    """What the operator chose."""
    refresh: bool = False
    """Whether the engine compares the state with the real resources first, as chosen or as the project says."""
    rewritten: Checkpoint | None = field(default=None, repr=False)
    """The state that is written into the backend before the engine runs, as stored; None where that is live."""
    holding: Holding = NOTHING
    """What leaves the state alive, and is noted before."""

    def close(self) -> None:
        """Removes what was materialised."""

    @property
    def partial(self) -> bool:
        """Whether some resources were chosen, or left out."""
        return bool(self.choices.only)

    @property
    def registered(self) -> Mapping[str, Registration]:
        """What the run itself registers, by the URN in the run; nothing unless it is a replay."""
        return {}

    @property
    def pairs(self) -> Mapping[str, str]:
        """URN of the target → live URN of the same object, as far as a replay has paired them."""
        return {}

    @property
    def notes(self) -> tuple[Risk, ...]:
        """What a replay does otherwise than the target has it, what it leaves alone included."""
        return ()

    def stale(self, report: ReplayReport | None = None) -> tuple[StaleValue, ...]:
        """What a replay leaves stale, by the report of its run; by that of the preview, where none is given."""
        return ()


@dataclass(frozen=True, kw_only=True)
class ReplayPrepared(Prepared):
    """What a reviewed plan is run with that registers a goal: that of the strategy `checkpoint`."""

    goal: Goal
    update_plan: bytes
    """The engine's own plan (``--save-plan``), which constrains the run."""
    report: ReplayReport
    """Of the preview."""
    asked: tuple[str, ...] = ()
    """The URNs that providers are asked about, see `plan.asking`; none: everything."""
    stays: Mapping[str, str] = field(default_factory=dict)
    """What stays with what was left out: URN of live → URN of what uses it, see `plan.staying_along`."""
    config: Mapping[str, Json] = field(default_factory=dict)
    """Settings of the target that the run has instead of today's, see `project.stack_configuration`."""
    private: Path | None = None
    """Where materialised assets lie until the run is over."""
    changes: GoalChanges | None = None
    """What undo callbacks returned."""

    @classmethod
    def of(cls, prepared: Prepared) -> ReplayPrepared:
        """The same, of a plan that is known to be a replay's."""
        assert isinstance(prepared, cls)
        return prepared

    def close(self) -> None:
        """Removes what was materialised."""
        if self.private is not None:
            remove_private(self.private)

    @property
    def partial(self) -> bool:
        """Whether some resources were chosen, or left out."""
        return bool(self.choices.only or self.stays)

    @property
    def registered(self) -> Mapping[str, Registration]:
        """The goal's registrations, by the URN in the run."""
        return self.goal.by_run_urn

    @property
    def pairs(self) -> Mapping[str, str]:
        """URN of the target → live URN of the same object, for what goes back."""
        return self.goal.pairs

    @property
    def notes(self) -> tuple[Risk, ...]:
        """What the goal notes of single resources."""
        return self.goal.notes

    def stale(self, report: ReplayReport | None = None) -> tuple[StaleValue, ...]:
        """What may be stale in the state that the replay makes."""
        return stale_values(self.goal, report or self.report)
