"""The one error tree.

Every error says what happened (``str(error)``), what to do next (``hint``) and
which exit code a command ends with (``exit_code``, see `EXIT_CODES`)::

    RewindError                 1  something failed
    ├── UsageError              2  bad input: an unknown target, stack, option
    │   ├── ProjectNotFound        no Pulumi.yaml here or above
    │   ├── StackNotFound          the backend has no such stack
    │   └── TargetError            unknown, ambiguous, without checkpoint
    ├── BackendError            1  history or state can't be read
    │   ├── HistoryMoved           updates were removed since they were listed
    │   ├── NoteMoved              somebody else wrote a note since it was read
    │   └── CheckpointError        truncated, not JSON, unsupported version or feature
    │       └── RecordError        a record is damaged, of another stack, or can't be written
    ├── SecretsError            1  the passphrase is missing or wrong
    ├── EngineError             1  the pulumi CLI is missing, too old, or failed
    ├── CallbackError           1  code of the project (hooks, undo callbacks) failed
    │   └── CopyError              a ready-made callback can't copy or restore data
    ├── TemporaryDirectoryError 1  there is no place for temporary files
    ├── RefusedError            3  a safety check failed; nothing was changed
    │   └── JournalError           a journal is damaged: a rollback may be in progress
    ├── StateDirectoryError     1  a file of the user's state directory can't be read or written
    ├── IncompleteError         4  a rollback stopped half-way; it can be resumed
    ├── UpdateFailed            1  an update failed, or its verify command did
    ├── RevertError             1  commits can't be reverted, or their branch not be published
    ├── RollbackFailedToo       6  an update failed, and so did going back to before it
    └── InterruptedRun        130  stopped by the operator

An update that failed and was rolled back is reported, not raised: its exit code is `ROLLED_BACK`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ROLLED_BACK = 5
"""The exit code of an update that failed and was rolled back."""

DIFFERS = 7
"""The exit code that ``--exit-code`` asks for where there is something to change; no error ends with it."""

EXIT_CODES: Final[Mapping[int, str]] = {
    0: "done, or nothing to do",
    1: "error",
    2: "wrong usage",
    3: "refused, nothing changed",
    4: "rollback incomplete, `resume` continues it",
    ROLLED_BACK: "update failed and was rolled back",
    6: "update failed and so did the rollback",
    DIFFERS: "there are differences (`--exit-code`)",
    130: "interrupted",
}
"""Every exit code, in the words of the help, the manual page and the documents."""

NOTHING_CHANGED = "Nothing was changed."
"""What an error says of the stack if it is as before."""

UNEXPLAINED = "The engine's message above names the cause."
"""The beginning of the hint of an engine failure if nothing better is known."""


class RewindError(Exception):
    """The root of all errors: a message (what happened) and a hint (what to do about it)."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", unchanged: bool = False) -> None:
        super().__init__(message)
        self.advice = hint
        """One or two sentences on the next step; may be empty."""
        self.unchanged = unchanged
        """Whether the hint says that nothing was changed."""
        self.passed_by: tuple[str, ...] = ()
        """The failed resources, as a selection names them (`naming`), if leaving them out may help."""
        self.stuck: tuple[str, ...] = ()
        """Resources that can't be left out, with one or two sentences on what helps."""
        self.resumes = False
        """Whether the hint already says that `resume` continues."""

    @property
    def next_step(self) -> str:
        """The hint without the sentence on what happened to the stack; may be empty."""
        return self.advice

    @property
    def hint(self) -> str:
        """The whole hint, shown below the message; may be empty."""
        return f"{self.next_step} {NOTHING_CHANGED}".strip() if self.unchanged else self.next_step

    def advise(self, *more: str) -> None:
        """Adds sentences to the advice."""
        self.advice = " ".join(filter(None, (self.advice, *more)))


class UsageError(RewindError):
    """The request is invalid, or names something that does not exist."""

    exit_code = 2


class ProjectNotFound(UsageError):
    """No Pulumi.yaml in the directory or above it."""


class StackNotFound(UsageError):
    """The backend holds no stack of that name."""


class TargetError(UsageError):
    """A target is unknown, ambiguous, or has no checkpoint."""

    def __init__(self, message: str, *, hint: str = "", candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.candidates = candidates
        """Possible targets, one line each."""


class BackendError(RewindError):
    """The backend can't be read: missing, not permitted, or not a Pulumi backend."""

    facts: tuple[tuple[str, str], ...] = ()
    """What is known all the same of a backend that can't be opened, as `Backend.facts` tells it."""


class HistoryMoved(BackendError):
    """Updates were removed or replaced since they were listed: a number may mean another update now."""


class NoteMoved(BackendError):
    """Somebody else wrote or removed a note beside the stack since it was read."""


class CheckpointError(BackendError):
    """A checkpoint is damaged, or uses a version or feature that this release does not support."""

    number = 0
    """The update whose checkpoint it is, where that is known."""
    raw = b""
    """The raw content, if it could be read; secrets in it are encrypted as stored."""
    intact = ""
    """How an intact copy is put in the place of a live state, where the backend has one: a sentence."""


class RecordError(CheckpointError):
    """A record is damaged, belongs to another stack, or git can't read or write it."""


class SecretsError(RewindError):
    """Secrets can't be decrypted: a passphrase or key is missing or wrong."""


class EngineError(RewindError):
    """The pulumi CLI is missing, too old, or an operation of it failed."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        unchanged: bool = False,
        output: str = "",
        urns: frozenset[str] = frozenset(),
        locked: bool = False,
        unexplained: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, unchanged=unchanged)
        self.output = output
        """What the engine printed, secrets already redacted by it."""
        self.locked = locked
        """Whether another operation holds the stack's lock."""
        self.unexplained = unexplained
        """Whether the engine's own message is the only explanation."""
        self.whole = ""
        """The full output of a provider or program that crashed, which may contain secrets; empty if none did."""
        self.urns = urns
        """The resources that the engine's errors name."""
        self.reasons: Mapping[str, str] = {}
        """The first line that it says of each of them."""

    @property
    def next_step(self) -> str:
        """The advice; if nothing better is known, preceded by a pointer to the engine's message."""
        return f"{UNEXPLAINED} {self.advice}".strip() if self.unexplained else self.advice

    def explain(self, advice: str) -> None:
        """Adds advice if the engine's message was the only explanation."""
        if self.unexplained and advice:
            self.unexplained = False
            self.advice = f"{advice} {self.advice}".strip()


class CallbackError(RewindError):
    """An undo callback or hook of the project raised, hung, crashed, or returned an invalid value."""


class CopyError(CallbackError):
    """A ready-made callback can't copy data, can't prove that a copy is whole, or can't restore one."""


class TemporaryDirectoryError(RewindError):
    """No directory for temporary files can be written."""


class RefusedError(RewindError):
    """A safety check refused to continue; nothing was changed."""

    exit_code = 3


class JournalError(RefusedError):
    """A stack's journal can't be read: a rollback may be in progress."""


class StateDirectoryError(RewindError):
    """Something in the user's state directory can't be read or written, or other users can access it."""


class IncompleteError(RewindError):
    """A rollback stopped after it had started to make changes; it can be resumed."""

    exit_code = 4

    def __init__(self, message: str, *, hint: str = "", changed: bool = True, resumes: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.resumes = resumes
        self.changed = changed
        """Whether this run may have changed the stack; False: only callbacks were called."""


class UpdateFailed(RewindError):
    """An update failed, or its verify command did."""

    def __init__(
        self, message: str, *, hint: str = "", unchanged: bool = False, changed: bool = True, left: str = ""
    ) -> None:
        super().__init__(message, hint=hint, unchanged=unchanged)
        self.changed = changed
        """Whether the update changed the stack."""
        self.left = left
        """The digest of the state after it; empty if that could not be read."""


class RevertError(RewindError):
    """Commits that a stack went back over can't be reverted, or the branch that reverts them can't be published."""


class RollbackFailedToo(RewindError):
    """An update failed, and so did the rollback to the state before it; it can be resumed."""

    exit_code = 6


class InterruptedRun(RewindError):
    """The operator stopped the operation."""

    exit_code = 130
