"""Copies of a stack's state, kept before it is rewritten by ``pulumi stack import``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pulumi_rewind.errors import CheckpointError, EngineError, StateDirectoryError
from pulumi_rewind.guard.checks import check_unmoved
from pulumi_rewind.holding.passing import passing
from pulumi_rewind.session import Session
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.model import Checkpoint, Deployment


def copy_path(session: Session) -> Path:
    """Where the present state is going to be kept: a new file in the user's state directory.

    Named by the microsecond: two plans can be made within a second, and none may meet the other's file.
    """
    journal = session.journal
    now = time.time_ns()
    moment = f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now // 10**9))}-{now // 1000 % 10**6:06}"
    stem = f"{session.stack.project or 'legacy'}-{session.stack.name}-{journal.key[:8]}-{moment}"
    return journal.state.states / f"{stem}.json"


def read_live(session: Session) -> tuple[Checkpoint, str]:
    """The live state, and why it can't be read: it is then empty, but has the bytes that are there."""
    try:
        return session.backend.live(session.stack), ""
    except CheckpointError as err:
        return Checkpoint(err.raw, Deployment()), str(err)


def keep(session: Session, live: Checkpoint, path: Path) -> None:
    """Writes the state as it is stored to a new file that only we can read; secrets stay encrypted.

    Raises:
        StateDirectoryError: it can't be written.
    """
    try:
        content = exported(live.raw)
    except (msgspec.MsgspecError, KeyError, UnicodeDecodeError, RecursionError):
        content = live.raw  # damaged: as it is
    try:
        session.journal.state.create(path, content)
    except StateDirectoryError as err:
        raise StateDirectoryError(f"a copy of the current state can't be saved: {err}", hint=err.hint) from err


def import_state(session: Session, document: bytes, env: Mapping[str, str], *, instead_of: Checkpoint | None) -> None:
    """Makes an exported document the stack's state; a Ctrl-C doesn't cut it off.

    The CLI puts it in the place of whatever is there. So the state is compared once more with the one that the document
    was made from (`instead_of`; None: the caller has just done so).

    Raises:
        RefusedError: it is another one by now; nothing was changed.
        SecretsError, EngineError: the CLI did not take it, or put it where the backend no longer is.
    """
    if instead_of is not None:
        check_unmoved(read_live(session)[0], instead_of)
    place = session.backend.watch()
    with passing(session):
        session.engine.call(["stack", "import", "-s", session.stack.fqn], env=env, stdin=document, shielded=True)
    if lost := place.problem():
        raise EngineError(lost, hint=place.remedy)
