"""What the operator must know before saying yes: `Risk`, and the one table of all its codes. Pure.

A new risk is a row of `RISKS` and the place that makes it; docs/risks.md is made of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from pulumi_rewind.errors import RefusedError
from pulumi_rewind.state.model import urn_name


class Severity(IntEnum):
    """How much a risk weighs, worst first."""

    BLOCKING = 0
    """The plan can't be run."""
    LOSES_DATA = 1
    """Requires a separate confirmation."""
    SEVERE = 2
    """Something will differ from the target."""
    NOTE = 3
    """Other information."""


BLOCKING: Final = Severity.BLOCKING
LOSES_DATA: Final = Severity.LOSES_DATA
SEVERE: Final = Severity.SEVERE
NOTE: Final = Severity.NOTE


@dataclass(frozen=True)
class Kind:
    """What all risks of one code have in common."""

    severity: Severity
    """The default; a risk can override it (`Risk.unusual`)."""
    meaning: str
    """One sentence for the docs."""
    wording: str = ""
    """The message, where it is always the same."""


# Codes that more than one module speaks of.
DATA_LOSS: Final = "data-loss"
DELETE_FIRST: Final = "delete-first"
DIRTY: Final = "dirty-commit"
HELD: Final = "held"
HOOK_CODE: Final = "hook-code"
KEPT_VALUE: Final = "kept-value"
LEFTOVER: Final = "leftover"
LIVE_DAMAGED: Final = "live-damaged"
LIVE_UNREADABLE: Final = "live-unreadable"
NOT_FOUND: Final = "not-found"
NOT_HELD: Final = "not-held"
NOT_RECORDED: Final = "not-recorded"
NOT_RESTORED: Final = "data-not-restored"
OPAQUE: Final = "opaque-dependency"
PATH_CONTENT: Final = "path-content"
PATH_UNTRACKED: Final = "path-untracked"
PENDING_CREATE: Final = "pending-create"
PROGRAM_DIFFERS: Final = "program-differs"
REVISION: Final = "revision"
SAME_NAME: Final = "same-name"
SKIPPED: Final = "skipped"
TAKEN_ALONG: Final = "taken-along"
TARGET_CONFIG: Final = "target-config"
WOULD_VANISH: Final = "would-vanish"

RISKS: Final[Mapping[str, Kind]] = {
    # What goes, or can't be done.
    "adoption-replaces": Kind(BLOCKING, "An object to be adopted would have to be replaced."),
    "asset-missing": Kind(BLOCKING, "The content of an asset was not found."),
    "asset-unsafe": Kind(BLOCKING, "An archive has members outside itself and can't be sent."),
    "crossed-names": Kind(
        NOTE, "A name belonged to another object then; the risk blocks if the names can't be exchanged in the state."
    ),
    "damaged-target": Kind(BLOCKING, "The target's checkpoint lacks the parent of a resource."),
    "default-provider-lost": Kind(BLOCKING, "A resource needs a default provider that is not in the state."),
    DIRTY: Kind(BLOCKING, "The target was deployed with uncommitted changes that were not recorded."),
    "left-out-touched": Kind(BLOCKING, "The engine would change a resource that is left out."),
    "locked": Kind(BLOCKING, "The stack is locked."),
    PENDING_CREATE: Kind(
        BLOCKING,
        "A killed update may have created an object that is not in the state; a note for `up` and the "
        "strategy `state`.",
    ),
    "protected": Kind(BLOCKING, "A protected resource would be deleted, replaced or removed from the state."),
    "renamed-stack": Kind(BLOCKING, "The stack had another name then, and its state fits only that name."),
    "shared-object": Kind(
        BLOCKING, "Two entries of the state are one object, and deleting one entry would delete it for both."
    ),
    DATA_LOSS: Kind(LOSES_DATA, "A resource that holds data is deleted or replaced."),
    # What won't be as it was; the order is that in which they are listed.
    WOULD_VANISH: Kind(
        SEVERE,
        "The engine would remove a value that the target has; the risk blocks for secrets and for resources "
        "that hold data.",
    ),
    NOT_RESTORED: Kind(
        SEVERE,
        "A resource that held data is created again, without its data.",
        "held data when it was recorded; it is re-created empty",
    ),
    "held-locked": Kind(
        SEVERE, "A held object can't come back, because its secrets are encrypted otherwise than the state's."
    ),
    NOT_RECORDED: Kind(SEVERE, "The program sent a value that no state stores; the new object is created without it."),
    KEPT_VALUE: Kind(SEVERE, "A provider leaves a value as it is today, because the target does not set it."),
    PATH_CONTENT: Kind(SEVERE, "A file that a resource names has different content than at the target's commit."),
    PATH_UNTRACKED: Kind(
        SEVERE, "A file that a resource names is not in the target's commit; today's content is used."
    ),
    OPAQUE: Kind(SEVERE, "A value was computed from an id that changes, and may be stale."),
    "runs-again": Kind(SEVERE, "A job or command runs once more because it is re-created or changed."),
    # What else there is to know.
    "adopted": Kind(NOTE, "An existing object is adopted instead of created."),
    "ambient-dependencies": Kind(
        NOTE,
        "The old program runs with today's Python packages.",
        "the program has no virtual environment of its own and runs with today's Python packages",
    ),
    "asset-remote": Kind(NOTE, "An asset is fetched again from its URL."),
    "asset-unverified": Kind(NOTE, "An asset is sent as recorded; its content can't be checked."),
    "callback": Kind(NOTE, "A callback of the project will be called, will not be called, or continues."),
    "config-differs": Kind(NOTE, "Today's configuration is used, and differs from the target's."),
    "config-reencrypted": Kind(NOTE, "Recorded secrets of the configuration are re-encrypted for the run."),
    "copy-kept": Kind(NOTE, "Where a copy of the current state will be saved."),
    DELETE_FIRST: Kind(NOTE, "The old object is deleted before its replacement is created."),
    "edited-outside": Kind(
        NOTE,
        "The live state was changed outside updates.",
        "the live state differs from the newest update: it was changed outside updates",
    ),
    "environment": Kind(NOTE, "An environment variable changes what the engine does, or is not passed to it."),
    "existed-before": Kind(NOTE, "An object existed before the stack managed it: it stays."),
    "forgotten": Kind(NOTE, "An object that exists would no longer be managed by any stack (strategy `state`)."),
    "from-record": Kind(NOTE, "The target's checkpoint comes from a record, not from the backend."),
    HELD: Kind(NOTE, "An object leaves the state alive: it can come back, and goes only when that is confirmed."),
    HOOK_CODE: Kind(NOTE, "The code of a resource's hooks is not in the checkpoint."),
    "ignore-changes": Kind(NOTE, "Properties in a resource's `ignoreChanges` keep today's values."),
    "import-lost": Kind(NOTE, "An imported object is re-created instead of imported again."),
    "left-out": Kind(NOTE, "A resource of the target was pending replacement; it is left out."),
    LEFTOVER: Kind(
        NOTE,
        "An old copy is pending deletion, and the run deletes it; it needs the data-loss "
        "confirmation if the copy holds data.",
    ),
    "live-credentials": Kind(NOTE, "Providers get today's credentials instead of the recorded ones."),
    LIVE_DAMAGED: Kind(NOTE, "The current state is damaged."),
    LIVE_UNREADABLE: Kind(NOTE, "The current state can't be read."),
    "made-by-update": Kind(NOTE, "The only data lost is what an object received since the update created it."),
    "may-be-gone": Kind(NOTE, "An object of the target may not exist any more (strategy `state`)."),
    "may-exist": Kind(NOTE, "A resource that is re-created may still exist and could be adopted."),
    "not-adopted": Kind(NOTE, "An object still exists but can't be adopted without being replaced."),
    NOT_FOUND: Kind(NOTE, "An object that was to be adopted or to come back is gone, or nobody could look."),
    NOT_HELD: Kind(NOTE, "An object that is to be deleted can't be held instead."),
    "not-installed": Kind(
        NOTE,
        "The old program's dependencies were not installed.",
        "the program's dependencies were not installed (`--no-install`): it runs with those that are installed "
        "for today's program",
    ),
    "not-refreshed": Kind(
        NOTE,
        "The state was not compared with the real resources.",
        "the state was not compared with the real resources (`--refresh` does)",
    ),
    "old-config": Kind(NOTE, "The configuration file names another secrets provider than the state."),
    "old-program-installs": Kind(NOTE, "Dependencies of the old program were installed, with their scripts."),
    "old-program-plugins": Kind(NOTE, "Plugins run from the files of the old commit."),
    "other-inputs": Kind(NOTE, "A callback gave a resource values other than the recorded ones."),
    "pending-operation": Kind(NOTE, "A killed update left an operation pending."),
    PROGRAM_DIFFERS: Kind(NOTE, "The old program creates something other today than the target recorded."),
    "program-source": Kind(NOTE, "The program comes from an earlier update than the target."),
    "project-file-differs": Kind(NOTE, "The old project file makes the engine behave differently than today's."),
    "released": Kind(
        NOTE,
        "The target only reads an object that the stack manages today; the stack no longer manages it.",
        "is managed today and only read in the target: the object stays, but this stack no longer manages it",
    ),
    "returned": Kind(NOTE, "An old copy that still exists becomes the live object again."),
    REVISION: Kind(
        NOTE,
        "A revision of a component is applied or taken back; the risk blocks if it can't be, and "
        "may require the data-loss confirmation.",
    ),
    "same-object": Kind(NOTE, "An old copy is the live object itself: it is only removed from the state."),
    SAME_NAME: Kind(NOTE, "A replacement keeps a name that may be taken while the old object exists."),
    "second-object": Kind(NOTE, "A new object is created beside one that the stack only reads today."),
    SKIPPED: Kind(NOTE, "A resource stays as it is."),
    "snippet": Kind(NOTE, "A resource comes from a snippet, which only the engine can run."),
    "submodule-missing": Kind(NOTE, "Submodules of the old commit are not in the local repository."),
    "tainted": Kind(
        NOTE,
        "A resource is marked for replacement.",
        "is marked for replacement in the live state and will be replaced",
    ),
    TAKEN_ALONG: Kind(NOTE, "A resource goes back because something that was selected needs it."),
    "target": Kind(NOTE, "Something about the target itself, such as an update that failed."),
    TARGET_CONFIG: Kind(NOTE, "Which configuration is used, and where the other differs."),
    "target-damaged": Kind(NOTE, "The target's checkpoint is damaged; it blocks the strategy `state`."),
    "uncommitted": Kind(NOTE, "Changes that were uncommitted then are taken from a record."),
    "uncommitted-left-out": Kind(NOTE, "Files that such a record does not contain."),
    "unfiltered": Kind(NOTE, "Git filters that only the repository defines do not run on the old program's files."),
    "unlike-live": Kind(NOTE, "The target makes the engine use something that the live stack does not use."),
    "untried": Kind(
        NOTE,
        "A provider can't try a replacement in the preview while the old object, which is deleted first, exists.",
        "its provider can't try the new object while the old one, which is deleted first, exists; it may refuse it",
    ),
    "unsure-value": Kind(NOTE, "A value is kept as recorded; it may come from something that changes."),
}
"""Every code of a risk."""

_PLACES: Final = {code: place for place, code in enumerate(code for code in RISKS if RISKS[code].severity == SEVERE)}


@dataclass(frozen=True)
class Risk:
    """Something that the operator must know before confirming a plan."""

    code: str
    """A stable word of `RISKS`, for example ``data-loss`` or ``opaque-dependency``."""
    message: str
    """With `urn`, the text after the resource's name, which it does not repeat."""
    urn: str = ""
    unusual: Severity | None = None
    """Its severity, where that isn't the usual one of its code."""
    object_id: str = ""
    """The id of the object whose data is lost, if it isn't the step's own."""
    names: tuple[str, ...] = ()
    """The names of the hooks concerned."""

    def __post_init__(self) -> None:
        """Refuses a code that isn't in the table.

        Raises:
            KeyError: it isn't.
        """
        RISKS[self.code]

    @classmethod
    def usual(cls, code: str, urn: str = "") -> Risk:
        """A risk whose message is always the same."""
        return cls(code, RISKS[code].wording, urn)

    @property
    def severity(self) -> Severity:
        """Its severity."""
        return RISKS[self.code].severity if self.unusual is None else self.unusual

    @property
    def rank(self) -> tuple[Severity, int]:
        """The sort key, worst first."""
        return self.severity, _PLACES.get(self.code, len(_PLACES))

    @property
    def blocking(self) -> bool:
        """Whether the plan can't be run."""
        return self.severity == BLOCKING

    @property
    def loses_data(self) -> bool:
        """Whether it requires a separate confirmation."""
        return self.severity == LOSES_DATA

    @property
    def told(self) -> str:
        """The message, with the resource's name before it."""
        return f"{urn_name(self.urn)} {self.message}" if self.urn else self.message


class BlockedError(RefusedError):
    """Risks block the plan."""

    def __init__(self, what: str, risks: Iterable[Risk], *, hint: str = "Resolve this and plan again.") -> None:
        self.risks = tuple(risks)
        reasons = "; ".join(dict.fromkeys(risk.told for risk in self.risks))
        super().__init__(f"{what}: {reasons}", hint=hint, unchanged=True)


class DataLossError(RefusedError):
    """Data would be lost, and the operator has not confirmed that."""

    def __init__(self, names: Sequence[str], *, keepable: bool = False) -> None:
        self.names = tuple(names)
        """The resources that hold it."""
        hint = "Back it up, then confirm with `--allow-data-loss`"
        hint += "; or leave it as it is with `--keep-data`." if keepable else "."
        super().__init__(f"data would be lost in: {', '.join(names)}", hint=hint, unchanged=True)
