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
    """Nothing is run while it stands."""
    LOSES_DATA = 1
    """Needs a yes of its own."""
    SEVERE = 2
    """Something won't be as it was."""
    NOTE = 3
    """Anything else that the operator must know."""


BLOCKING: Final = Severity.BLOCKING
LOSES_DATA: Final = Severity.LOSES_DATA
SEVERE: Final = Severity.SEVERE
NOTE: Final = Severity.NOTE


@dataclass(frozen=True)
class Kind:
    """What all risks of one code have in common."""

    severity: Severity
    """The usual one; a risk that differs says so (`Risk.unusual`)."""
    meaning: str
    """One sentence for the docs."""
    wording: str = ""
    """The message, where it is always the same."""


# Codes that more than one module speaks of.
DATA_LOSS: Final = "data-loss"
DELETE_FIRST: Final = "delete-first"
DIRTY: Final = "dirty-commit"
HOOK_CODE: Final = "hook-code"
LEFTOVER: Final = "leftover"
LIVE_DAMAGED: Final = "live-damaged"
LIVE_UNREADABLE: Final = "live-unreadable"
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
    "adoption-replaces": Kind(BLOCKING, "An object that was named for adoption would have to be replaced."),
    "asset-missing": Kind(BLOCKING, "The content of an asset is nowhere to be found."),
    "asset-unsafe": Kind(BLOCKING, "An archive has members outside itself and can't be sent."),
    "crossed-names": Kind(
        NOTE, "A name stood for another object then; it blocks where the names can't be exchanged in the state."
    ),
    "damaged-target": Kind(BLOCKING, "The target's checkpoint lacks the parent of a resource."),
    "default-provider-lost": Kind(BLOCKING, "A resource needs a default provider that the state doesn't have."),
    DIRTY: Kind(BLOCKING, "The target was deployed with uncommitted changes that nobody kept."),
    "left-out-touched": Kind(BLOCKING, "The engine would change a resource that was to be left as it is."),
    "locked": Kind(BLOCKING, "The stack is locked."),
    PENDING_CREATE: Kind(
        BLOCKING, "A killed update may have created an object that the state doesn't know; `up` and `state` note it."
    ),
    "protected": Kind(BLOCKING, "A protected resource would be deleted, replaced or given up."),
    "renamed-stack": Kind(BLOCKING, "The stack had another name then, and its state fits no other."),
    "shared-object": Kind(BLOCKING, "Two entries of the state are one object, which would go with one of them."),
    DATA_LOSS: Kind(LOSES_DATA, "Something that holds data is deleted or replaced."),
    # What won't be as it was; the order is that in which they are listed.
    WOULD_VANISH: Kind(
        SEVERE, "The engine would remove something that the target has; it blocks for secrets and what holds data."
    ),
    NOT_RESTORED: Kind(
        SEVERE,
        "Something that held data is created again, without it.",
        "held data when it was recorded; it is re-created empty",
    ),
    NOT_RECORDED: Kind(SEVERE, "The program sent a value that no state keeps; the new object is made without it."),
    PATH_CONTENT: Kind(SEVERE, "A path that a resource names has other content than at the target's commit."),
    PATH_UNTRACKED: Kind(SEVERE, "A path that a resource names isn't in the target's commit; today's content is used."),
    OPAQUE: Kind(SEVERE, "A value was computed from an id that changes, and may be stale."),
    "runs-again": Kind(SEVERE, "A resource that does something when it is made does it once more."),
    # What else there is to know.
    "adopted": Kind(NOTE, "An existing object is taken over instead of being created."),
    "ambient-dependencies": Kind(
        NOTE,
        "The old program runs with today's Python packages.",
        "the program has no virtual environment of its own and runs with today's Python packages",
    ),
    "asset-remote": Kind(NOTE, "An asset is fetched again from its URL."),
    "asset-unverified": Kind(NOTE, "An asset goes as recorded; its content can't be checked."),
    "callback": Kind(NOTE, "A callback of the project will be called, or not, or goes on."),
    "config-differs": Kind(NOTE, "Today's configuration is used, and differs from the target's."),
    "config-reencrypted": Kind(NOTE, "Recorded secrets of the configuration are encrypted anew for the run."),
    "copy-kept": Kind(NOTE, "Where a copy of the present state will be kept."),
    DELETE_FIRST: Kind(NOTE, "The old object is deleted before its replacement is made."),
    "edited-outside": Kind(
        NOTE,
        "The live state was changed outside updates.",
        "the live state differs from the newest update: it was changed outside updates",
    ),
    "environment": Kind(NOTE, "A variable of the environment changes what the engine does, or is left out."),
    "existed-before": Kind(NOTE, "An object was there before the stack managed it: it stays."),
    "forgotten": Kind(NOTE, "An object that exists would be managed by nothing any more (strategy `state`)."),
    "from-record": Kind(NOTE, "The target's checkpoint comes from a record, not from the backend."),
    HOOK_CODE: Kind(NOTE, "The code of a resource's hooks isn't in the checkpoint."),
    "ignore-changes": Kind(NOTE, "Properties whose changes a resource ignores keep today's values."),
    "import-lost": Kind(NOTE, "An object that was imported is made anew instead of being imported again."),
    "left-out": Kind(NOTE, "A resource of the target waited for its replacement; it is left out."),
    LEFTOVER: Kind(NOTE, "An old copy waits for its deletion; it loses data where that copy holds some."),
    "live-credentials": Kind(NOTE, "Providers get today's credentials instead of the recorded ones."),
    LIVE_DAMAGED: Kind(NOTE, "The present state is damaged."),
    LIVE_UNREADABLE: Kind(NOTE, "The present state can't be read."),
    "made-by-update": Kind(NOTE, "Only what came into an object since the update made it goes with it."),
    "may-be-gone": Kind(NOTE, "An object of the target may not exist any more (strategy `state`)."),
    "may-exist": Kind(NOTE, "What is made anew may still exist and could be adopted."),
    "not-adopted": Kind(NOTE, "An object still exists but can't be adopted without being replaced."),
    "not-found": Kind(NOTE, "An object that was to be adopted is gone."),
    "not-installed": Kind(
        NOTE,
        "The old program's dependencies were not installed.",
        "the program's dependencies were not installed (`--no-install`): it runs with what is there",
    ),
    "not-refreshed": Kind(
        NOTE,
        "The state was not compared with the real resources.",
        "the state was not compared with the real resources (`--refresh` does)",
    ),
    "old-config": Kind(NOTE, "The configuration file names another secrets provider than the state."),
    "old-program-installs": Kind(NOTE, "Dependencies of the old program were installed, with their scripts."),
    "old-program-plugins": Kind(NOTE, "Plugins are run from the old commit's own files."),
    "other-inputs": Kind(NOTE, "A callback gave a resource other values than recorded."),
    "pending-operation": Kind(NOTE, "A killed update left an operation open."),
    PROGRAM_DIFFERS: Kind(NOTE, "The old program makes something else today than the target recorded."),
    "program-source": Kind(NOTE, "The program is that of an earlier update than the target."),
    "project-file-differs": Kind(NOTE, "The old project file makes the engine do something else than today's."),
    "released": Kind(
        NOTE,
        "An object that the target only reads leaves the care of the stack.",
        "is managed today and only read in the target: the object stays, and leaves the care of this stack",
    ),
    "returned": Kind(NOTE, "An old copy that still exists becomes the live object again."),
    REVISION: Kind(NOTE, "A component goes a revision up or down; it blocks where it can't, and may lose data."),
    "same-object": Kind(NOTE, "An old copy is the live object itself: it only leaves the state."),
    SAME_NAME: Kind(NOTE, "A replacement keeps a name that may be taken while the old object exists."),
    "second-object": Kind(NOTE, "A new object is made beside one that is only read today."),
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
    "uncommitted": Kind(NOTE, "Changes that were not committed then are taken from a record."),
    "uncommitted-left-out": Kind(NOTE, "Files that such a record does without."),
    "unfiltered": Kind(NOTE, "Filters of git that only the repository names don't run on the old program's files."),
    "unlike-live": Kind(NOTE, "The target makes the engine use something that live doesn't."),
    "unsure-value": Kind(NOTE, "A value is kept as recorded; it may come from something that changes."),
}
"""Every code of a risk."""

_PLACES: Final = {code: place for place, code in enumerate(code for code in RISKS if RISKS[code].severity == SEVERE)}


@dataclass(frozen=True)
class Risk:
    """Something the operator must know before saying yes."""

    code: str
    """A stable word of `RISKS`, for example ``data-loss`` or ``opaque-dependency``."""
    message: str
    """With `urn`, words that follow the resource's name, which they don't repeat."""
    urn: str = ""
    unusual: Severity | None = None
    """Its severity, where that isn't the usual one of its code."""
    object_id: str = ""
    """The id of the object whose data goes, where that isn't the step's own."""
    names: tuple[str, ...] = ()
    """The hooks that it is about."""

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
        """How much it weighs."""
        return RISKS[self.code].severity if self.unusual is None else self.unusual

    @property
    def rank(self) -> tuple[Severity, int]:
        """To sort by, worst first."""
        return self.severity, _PLACES.get(self.code, len(_PLACES))

    @property
    def blocking(self) -> bool:
        """Whether nothing is run while it stands."""
        return self.severity == BLOCKING

    @property
    def loses_data(self) -> bool:
        """Whether it needs a yes of its own."""
        return self.severity == LOSES_DATA

    @property
    def told(self) -> str:
        """The message where no name stands before it."""
        return f"{urn_name(self.urn)} {self.message}" if self.urn else self.message


class BlockedError(RefusedError):
    """Risks stand in the way of what was to be done."""

    def __init__(self, what: str, risks: Iterable[Risk], *, hint: str = "Resolve this and plan again.") -> None:
        self.risks = tuple(risks)
        reasons = "; ".join(dict.fromkeys(risk.told for risk in self.risks))
        super().__init__(f"{what}: {reasons}", hint=hint, unchanged=True)


class DataLossError(RefusedError):
    """Data would go, and nobody has agreed to that."""

    def __init__(self, names: Sequence[str], *, keepable: bool = False) -> None:
        self.names = tuple(names)
        """The resources that hold it."""
        hint = "Back it up, then say so with `--allow-data-loss`"
        hint += "; or leave it as it is with `--keep-data`." if keepable else "."
        super().__init__(f"data would be lost in: {', '.join(names)}", hint=hint, unchanged=True)
