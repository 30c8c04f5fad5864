"""How a rollback ended. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pulumi_rewind.plan.called import CallbackOutcome
from pulumi_rewind.plan.stale_values import StaleValue
from pulumi_rewind.plan.verify import Difference


@dataclass(frozen=True)
class RollbackResult:
    """How a rollback ended."""

    result: Literal["succeeded", "nothing-to-do"]
    version: int
    """Number of the update that the rollback itself became; the newest one where nothing was to do."""
    changes: dict[str, int]
    """Steps by operation, as the engine counted them."""
    differences: tuple[Difference, ...]
    """What is not as in the target; empty where the state equals it exactly."""
    seconds: float
    notes: tuple[str, ...] = ()
    """What else the operator should know, or do next."""
    undo: str = ""
    """The command that takes it back, where that isn't a rollback to the update before."""
    callbacks: tuple[CallbackOutcome, ...] = ()
    """How the project's callbacks and hooks ended."""
    stale: tuple[StaleValue, ...] = ()
    """Values that are as recorded, but may come from something that is another now."""
    held: tuple[str, ...] = ()
    """The names of the objects that it let go of alive."""
    held_until: float = 0
    """When the operator is asked about them, Unix seconds."""

    @property
    def stale_names(self) -> tuple[str, ...]:
        """``resource.property`` of each value that may be stale, once."""
        return tuple(dict.fromkeys(value.name for value in self.stale))

    @property
    def exact(self) -> bool:
        """Whether nothing differs that was not announced, and nothing may be stale."""
        return not self.stale and all(difference.expected for difference in self.differences)
