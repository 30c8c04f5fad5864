"""What a reviewed plan is run with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulumi_rewind.choices import USUAL, Choices
from pulumi_rewind.goal.model import Goal, GoalChanges
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import Json
from pulumi_rewind.system.private_directory import remove_private


@dataclass(frozen=True)
class Prepared:
    """What a reviewed plan is run with; lives in memory alone because the goal holds secrets."""

    goal: Goal
    live: Checkpoint
    """As stored when the plan was made."""
    live_plain: Checkpoint
    """Decrypted, as the run begins with it: rewritten, where `rewritten` is given."""
    target: Checkpoint
    target_plain: Checkpoint
    update_plan: bytes
    """The engine's own plan (``--save-plan``), held to during the run."""
    report: ReplayReport
    choices: Choices = USUAL
    """What the operator chose."""
    stays: Mapping[str, str] = field(default_factory=dict)
    """What stays with what was left out: URN of live → URN of what uses it, see `staying`."""
    config: Mapping[str, Json] = field(default_factory=dict)
    """Settings of the target that the run has instead of today's, see `project.stack_configuration`."""
    private: Path | None = field(default=None)
    """Where materialised assets lie until the run is over."""
    changes: GoalChanges | None = None
    """What undo callbacks returned."""
    rewritten: Checkpoint | None = field(default=None, repr=False)
    """The state that is written into the backend before the engine runs, as stored; None where that is live."""
    refresh: bool = False
    """Whether the engine compares the state with the real resources first, as chosen or as the project says."""

    def close(self) -> None:
        """Removes what was materialised."""
        if self.private is not None:
            remove_private(self.private)
