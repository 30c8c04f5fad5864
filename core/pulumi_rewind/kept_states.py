"""Copies of a stack's state, kept before it is rewritten by ``pulumi stack import``."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pulumi_rewind.backends.place import RETURN, Place
from pulumi_rewind.errors import EngineError, RefusedError
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.session import Session
from pulumi_rewind.state_file import exported


def copy_path(session: Session) -> Path:
    """Where the present state is going to be kept: a new file in the user's state directory.

    Named by the microsecond: two plans can be made within a second, and none may meet the other's file.
    """
    journal = session.journal.path
    now = time.time_ns()
    moment = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now // 10**9))}-{now // 1000 % 10**6:06}"
    stem = f"{session.stack.project or 'legacy'}-{session.stack.name}-{journal.stem[:8]}-{moment}"
    return journal.parent.parent / "states" / f"{stem}.json"


def keep(live: Checkpoint, path: Path) -> None:
    """Writes the state as it is stored to a new file that only we can read; secrets stay encrypted.

    Raises:
        RefusedError: it can't be written; nothing was changed.
    """
    try:
        content = exported(live.raw)
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError, RecursionError):
        content = live.raw  # damaged: as it is
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as err:
        raise RefusedError(
            f"the present state can't be kept in {path}: {err.strerror}",
            hint="Make room there, or set XDG_STATE_HOME to another directory; nothing was changed.",
        ) from None


def import_state(session: Session, document: bytes, env: Mapping[str, str]) -> None:
    """Makes an exported document the stack's state; a Ctrl-C doesn't cut it off.

    Raises:
        SecretsError, EngineError: the CLI did not take it, or put it where the backend no longer is.
    """
    place = Place.of(session.workspace.backend_url)
    session.engine.call(["stack", "import", "-s", session.stack.fqn], env=env, stdin=document, shielded=True)
    if lost := place.lost():
        raise EngineError(lost, hint=RETURN)
