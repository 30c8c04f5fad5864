"""What the operating system refuses to a run, as one of our errors: refused before a change, incomplete after one."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Final

from pulumi_rewind.engine.events import Diagnostic, EngineEvent
from pulumi_rewind.errors import IncompleteError, RefusedError, RewindError, StateDirectoryError

_FULL: Final = "Free some space on the disk, or set TMPDIR and XDG_STATE_HOME to directories on another one."
_REMEDIES: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EROFS: "Set TMPDIR and XDG_STATE_HOME to writable directories.",
    errno.EMFILE: "Raise the limit of open files (`ulimit -n`).",
    errno.ENOMEM: "Free some memory.",
    errno.EAGAIN: "End other processes, or raise their limit (`ulimit -u`).",
}


def with_system_cause(err: RewindError | OSError, *, changed: bool, resume: str) -> RewindError:
    """The error that says whether the stack, or what callbacks deal with, was changed before it.

    `resume` is the command that continues. Other errors stay as they are, except that once something was changed no
    error is called a refusal, and no hint says otherwise.
    """
    match err:
        case StateDirectoryError():
            said, hint = str(err), err.advice
        case RefusedError() if changed:
            said, hint = str(err), err.advice
        case RewindError():
            err.unchanged = err.unchanged and not changed
            return err
        case _:
            said = ": ".join(filter(None, (str(err.filename or ""), err.strerror or str(err))))
            hint = _REMEDIES.get(err.errno or 0, "Check the permissions of the named file.")
    if not changed:
        return RefusedError(said, hint=hint, unchanged=True)
    hint = f"{hint} Then run `{resume}` to continue.".strip()
    return IncompleteError(f"the rollback stopped half-way: {said}", hint=hint, resumes=True)


@contextlib.contextmanager
def refused_by_system() -> Iterator[None]:
    """Around what changes nothing: what the system refuses to it is a refusal. Of use as a decorator as well.

    A reader that has seen enough is none.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, StateDirectoryError) as err:
        raise with_system_cause(err, changed=False, resume="") from err


def errors_as_warnings(events: Iterator[EngineEvent]) -> Iterator[EngineEvent]:
    """Events after the end of a run: an error among them becomes a warning, so that the result is reported."""
    try:
        yield from events
    except (RewindError, OSError) as err:
        yield Diagnostic(f"a step after the run failed: {err}", "warning")
