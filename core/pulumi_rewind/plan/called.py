"""What of the project's code a plan calls: callbacks of steps, hooks, revisions. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pulumi_rewind.hooks.declare import HOOK_KINDS, Selector
from pulumi_rewind.hooks.revisions import When
from pulumi_rewind.state.model import Resource, urn_name

SHORT: Final = 12
"""Hexadecimal digits of a hash that are shown, and that are enough to name it."""


@dataclass(frozen=True)
class Code:
    """Code of callbacks, exactly as it is going to run."""

    path: Path
    """Where it is, or would be: what it imports is looked for beside it."""
    source: str = field(repr=False)
    """Python; of a state the provider as pickled, in base64."""
    sha256: str
    origin: Literal["today", "record", "state"] = "today"
    number: int = 0
    """Of a record: the update that it was recorded with."""

    @property
    def name(self) -> str:
        """``rewind_hooks.py``, and where it is from if that isn't the project as it is."""
        if self.origin == "record":
            return f"{self.path.name} as recorded with #{self.number}"
        return self.path.name if self.origin == "today" else "the dynamic provider in the state"

    @property
    def label(self) -> str:
        """How the very code is named: ``rewind_hooks.py, sha256 1a2b3c4d5e6f``."""
        return f"{self.name}, sha256 {self.sha256[:SHORT]}"

    @property
    def hint(self) -> str:
        """What can be done where it can't be loaded."""
        if self.origin == "record":
            return "Leave out `--hooks recorded` to use today's file."
        if self.origin == "state":
            return (
                "It needs the modules that the program needed. Write a callback in the hooks file: it is called "
                "instead."
            )
        return "Fix it, or move it away."


@dataclass(frozen=True)
class Callback:
    """One callback or hook that a file declares."""

    index: int
    kind: str
    function: str
    line: int
    selector: Selector
    hook: str
    timeout: float
    retries: int
    dry_run_safe: bool
    code: str = ""
    """SHA-256 of what it is from."""


@dataclass(frozen=True)
class CallbackOutcome:
    """How one callback or hook ended; told apart from what the engine did."""

    function: str
    kind: str
    urn: str
    outcome: str
    """restored, recreate, skip, delete, keep, done or failed."""
    message: str


# -- of single resources --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Call:
    """One callback that is going to be called for one step."""

    callback: Callback
    urn: str
    """Of the step, in this run."""
    goal_urn: str
    """In the target; empty where the target lacks it."""
    live_urn: str
    """In live; empty where live lacks it."""
    old: Resource | None = field(repr=False)
    """The target's entry, decrypted."""
    new: Resource | None = field(repr=False)
    """Live's entry, decrypted."""
    replaces: bool = False
    """Whether the step replaces the live object."""


@dataclass(frozen=True)
class UndoPlan:
    """The project's callbacks as they were when a plan was made."""

    today: Code | None = field(repr=False)
    """The hooks file of that moment; a run is refused if it has changed since."""
    codes: Mapping[str, Code] = field(repr=False)
    """Everything that may be called, by its hash."""
    python: str
    """The interpreter that runs them."""
    callbacks: tuple[Callback, ...]
    """Those around the rollback, and for Pulumi's own hooks."""
    calls: tuple[Call, ...]
    dry: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """By URN and function: what a dry call said that it would return."""
    recorded: bool = False
    """Whether code of records was asked for."""
    finishing: tuple[Call, ...] = ()
    """What was restored before the rollback was interrupted, with callbacks that had yet to continue afterwards."""
    uncalled: bool = False
    """Whether callbacks for single resources are left out: the plan's strategy can't carry out what they return."""

    def code(self, callback: Callback) -> Code:
        """What a callback is from."""
        return self.codes[callback.code]

    def around(self, kind: str) -> tuple[Callback, ...]:
        """The hooks of one kind around the rollback, in the order of the file."""
        return tuple(item for item in self.callbacks if item.kind == kind)

    @property
    def hooks(self) -> tuple[Callback, ...]:
        """The code of Pulumi's own hooks, in the order of the file."""
        return tuple(item for item in self.callbacks if item.kind in HOOK_KINDS)


# -- of components --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """One revision of one component that is to be run, or passed over."""

    urn: str
    """The component after the run; empty if it is deleted."""
    live_urn: str
    """The component today; empty if there is none yet."""
    revision: str
    direction: Literal["up", "down"]
    when: When
    callback: Callback | None = None
    """None: nothing is called; `problem` or `note` says why."""
    problem: str = ""
    """Why it can't be run, which blocks."""
    note: str = ""
    loses_data: bool = False

    @property
    def name(self) -> str:
        """The component's name."""
        return urn_name(self.urn or self.live_urn)


@dataclass(frozen=True)
class RevisionPlan:
    """The revisions that a run goes up or down."""

    moves: tuple[Move, ...] = ()
    codes: Mapping[str, Code] = field(default_factory=dict, repr=False)
    """What is called, by its hash."""
    python: str = ""
    """The interpreter that runs it."""
