"""An update is judged by a command of the operator's, and the verdict is kept with it."""

from __future__ import annotations

import contextlib

from pulumi_rewind.errors import RewindError, UpdateFailed
from pulumi_rewind.records.verdicts import keep_verdict
from pulumi_rewind.rollback.recording import after_run
from pulumi_rewind.up.run import UpRun
from pulumi_rewind.up.verify_command import VerifyCommand


def judge(run: UpRun, command: VerifyCommand) -> None:
    """Runs the command on an update that the engine calls a success; keeps what it says here and in the record.

    What can't be kept is a note of the run: it makes no good update bad.

    Raises:
        UpdateFailed: the update is not good; the evidence is frozen.
        InterruptedRun: the command was stopped, which is no verdict.
    """
    try:
        command.run()
    except UpdateFailed as err:
        _keep(run, command)
        raise run.judged_failed(err) from None  # which records it
    _keep(run, command)
    for note in after_run(run.session, run.before.newest):
        run.notes = (*run.notes, note.message)


def _keep(run: UpRun, command: VerifyCommand) -> None:
    session, result = run.session, run.result
    if result is None or result.version <= run.before.newest:
        return  # the backend has no update that it could be about
    with contextlib.suppress(RewindError):  # so that the secrets of the new state are known, too
        session.vault.decrypt(session.timeline.live(), session.stack)
    try:
        keep_verdict(session, result.version, command.verdict())
    except RewindError as err:
        run.notes = (*run.notes, f"the verdict of the verify command was not saved: {err}")
