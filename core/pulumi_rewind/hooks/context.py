"""What undo callbacks and hooks get: the sides of a resource, secrets, and a way to speak to the operator.

Uses only the standard library, like `hooks.declare`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


class Secret:
    """A secret value; printing it shows ``[secret]``, `reveal` opens it."""

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def reveal(self) -> Any:
        """The value itself; keep it out of what you print, log or return."""
        return self._value

    def __repr__(self) -> str:
        return "[secret]"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self._value == other._value)

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> str | tuple[Any, ...]:
        raise TypeError("a secret can't be serialized; call reveal() where you need the value")


@dataclass(frozen=True)
class UndoResource:
    """One side of a resource, as a checkpoint has it."""

    urn: str
    type: str
    name: str
    id: str
    inputs: Mapping[str, Any]
    """As the provider checked them; secrets are `Secret`."""
    outputs: Mapping[str, Any]


@dataclass(frozen=True)
class UndoUpdate:
    """The update whose change is undone."""

    number: int = 0
    """0 if unknown."""
    kind: str = ""
    result: str = ""
    message: str = ""
    error: str = ""
    """Why it failed, if known: in an automatic rollback, and if its evidence was saved."""
    commit: str = ""
    branch: str = ""
    author: str = ""
    time: int = 0
    """When it ended, Unix seconds."""
    start: int = 0
    """When it began, Unix seconds; 0 if unknown."""


@dataclass(frozen=True)
class UndoStep:
    """One step of the plan, for the hooks around a rollback."""

    urn: str
    type: str
    name: str
    op: str
    forecast: str


@dataclass(frozen=True)
class Reporting:
    """Reports to the operator while a callback runs."""

    _send: Callable[[Mapping[str, Any]], None] = field(repr=False, compare=False, kw_only=True)

    def log(self, message: object) -> None:
        """Adds a line to the log, as printing does."""
        self._send({"log": str(message)})

    def progress(self, done: float, total: float = 0, message: str = "") -> None:
        """Reports progress: ``ctx.progress(3, 10, "tables")``; without a total, only that it is still running."""
        self._send({"progress": [float(done), float(total), str(message)]})


@dataclass(frozen=True)
class UndoContext(Reporting):
    """What an undo callback gets."""

    stack: str
    """``project/stack``."""
    target: str
    """The target of the rollback, for example ``#6 (v1.2)``."""
    old: UndoResource | None
    """The resource in the target; None in `undo_create`, because the target does not have it."""
    new: UndoResource | None
    """The live resource; None in `undo_delete`, unless an interrupted run has created it and the callback continues."""
    update: UndoUpdate
    """The update that removed, created or changed it."""
    dry_run: bool
    """If True, the callback must change nothing; only callbacks with ``dry_run_safe=True`` get True."""
    again: bool
    """Whether it was already started, by an earlier try or an interrupted run."""
    idempotency_key: str
    """The same for every try of this call; a different one in the next rollback."""
    replaces: bool
    """In `undo_update`: the engine is going to replace the live object, with all that it holds.

    False if it is restored in place, and also if it has been replaced already: the callback only continues then.
    """


@dataclass(frozen=True)
class RollbackContext(Reporting):
    """What the hooks around a rollback get."""

    stack: str
    target: str
    steps: Sequence[UndoStep]
    result: str
    """Empty before the rollback; then ``succeeded``, ``nothing-to-do`` or ``failed``."""
    version: int
    """The number of the rollback's own update; 0 before it and if it failed."""
    changes: Mapping[str, int]
    """Steps by operation, once it has succeeded."""
    differences: Sequence[str]
    """Differences to the target, once it has succeeded."""
    error: str
    """Why it failed, in `on_failure`."""
    resumable: bool
    """Whether it can be resumed, in `on_failure`."""


@dataclass(frozen=True)
class _OfHook(Reporting):
    """What the code of all of Pulumi's own hooks gets."""

    name: str
    """The hook's name."""
    urn: str
    id: str
    resource_name: str
    resource_type: str
    new_inputs: Mapping[str, Any]
    old_inputs: Mapping[str, Any]
    old_outputs: Mapping[str, Any]


@dataclass(frozen=True)
class HookContext(_OfHook):
    """What the code of one of Pulumi's own resource hooks gets."""

    new_outputs: Mapping[str, Any]


@dataclass(frozen=True)
class ErrorContext(_OfHook):
    """What the code of one of Pulumi's own error hooks gets."""

    failed_operation: str
    """``create``, ``update`` or ``delete``."""
    errors: Sequence[str]
    """The error of every try so far, newest first."""
