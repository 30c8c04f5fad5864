"""Recording updates of a session's stack: what is there to be kept is collected here.

`rollback.recording` is the one entry point for whoever has just made an update; `record_all` fills in the history.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from pulumi_rewind.callbacks.revisions.ledger import kept_with, settle
from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.errors import BackendError, RecordError, RewindError
from pulumi_rewind.history.timeline import deployed_commit
from pulumi_rewind.project.repository import Repository
from pulumi_rewind.records.assets import AssetTaker
from pulumi_rewind.records.content import LeftOut, Program, RecordInput, unused
from pulumi_rewind.records.credentials import credentials_of
from pulumi_rewind.records.evidence import evidence_of
from pulumi_rewind.records.git import Blob, RecordStore
from pulumi_rewind.records.parts import CHECKPOINT, update_key
from pulumi_rewind.records.secrets import secret_name
from pulumi_rewind.records.store import Records, Written
from pulumi_rewind.records.verdicts import kept_with as verdicts_with
from pulumi_rewind.records.worktree import take_uncommitted
from pulumi_rewind.session import Session
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Update
from pulumi_rewind.system.untrusted import read_bytes
from pulumi_rewind.window.ledger import Window

FILE_LIMIT: Final = 5 << 20
"""Bytes of a configuration or hooks file that is kept."""


def record_update(session: Session, number: int, evidence: Mapping[str, bytes] = {}) -> Written:
    """Records one update; what is recorded already only gets what it lacks. Evidence is files by name.

    The newest update gets what only the working tree knows: uncommitted changes, the configuration file, hook code.

    Raises:
        UsageError: there is no update of that number, or ``records_repository`` names no repository.
        RecordError: there is no git repository, git can't write, or the update can't be recorded.
    """
    if number > len(session.timeline):
        session.reload()  # it was made after the session looked
    return _Taker(session).record(number, evidence)


def record_all(session: Session) -> Iterator[Written]:
    """Records every update that retention would keep and that isn't recorded yet, newest first; raises as above.

    Updates without any record of the backend are passed over.
    """
    from pulumi_rewind.records.retention import kept_numbers

    taker = _Taker(session)
    timeline = session.timeline
    kept = kept_numbers(session, range(1, len(timeline) + 1))
    there = set(taker.records.numbers())
    timeline.history.expect(numbers := sorted(kept, reverse=True))
    wanted = (number for number in numbers if _to_be_recorded(timeline.update(number), recorded=number in there))
    for number in timeline.ahead(wanted):
        yield taker.record(number, {})


def _to_be_recorded(update: Update, *, recorded: bool) -> bool:
    if recorded and update.from_record != "":
        return False
    return _finished(update) and update.from_record != "update"


def after_run(session: Session, before: int, evidence: Mapping[str, bytes] = {}) -> Iterator[Diagnostic]:
    """Records what a run has made of the stack: every update after number `before`. What fails is a warning.

    `evidence` of a failure goes to the newest one.
    """
    session.reload()
    try:
        settle(session, before)
    except (RewindError, OSError) as err:
        yield Diagnostic(f"the applied revisions were not saved: {err}", "warning")
    try:
        if session.records is None:
            return
        newest = len(session.timeline)
        for number in range(before + 1, newest + 1):
            for note in record_update(session, number, evidence if number == newest else {}).notes:
                yield Diagnostic(f"the record of #{number} in git: {note}", "warning")
    except (RewindError, OSError) as err:
        hint = err.hint if isinstance(err, RewindError) else ""
        yield Diagnostic(f"the update was not recorded in git: {err}. {hint}".strip(), "warning")


def _finished(update: Update) -> bool:
    return update.result not in {"unreadable", "in-progress", "unknown"}


def needed_records(session: Session) -> Records:
    """The records of a session's stack.

    Raises:
        RecordError: there can be none.
        UsageError: ``records_repository`` names no repository.
    """
    if session.records is not None:
        return session.records
    if not session.settings.records:
        raise RecordError("records are turned off in rewind.toml", hint="Remove `records = false` from it.")
    raise RecordError(
        f"{session.workspace.root} is in no git repository, or git is missing",
        hint="Records are kept in git: run `git init`, or set `records_repository` in rewind.toml.",
    )


class _Taker:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.records = needed_records(session)
        self.repository: Repository | None = session.repository
        self.secrets = credentials_of(session.workspace, session.settings, session.vault.passphrases())
        self.assets = AssetTaker(session.workspace.root, self.repository, self.secrets)

    def record(self, number: int, evidence: Mapping[str, bytes]) -> Written:
        timeline = self.session.timeline
        update = timeline.update(number)
        frozen = evidence_of(self.session, number)
        said = verdicts_with(self.session, update, self.secrets.values)
        held = Window(self.session).kept_with(number)
        evidence = {**(frozen[0].files() if frozen is not None else {}), **said, **held, **evidence}
        if update.from_record == "update":
            commit = self.records.refs().get(number, "")
            return Written(number, self.records.ref(number), commit, new=False)
        if not _finished(update):
            raise RecordError(
                f"#{number} can't be recorded: {update.problem or f'its result is {update.result}'}",
                hint="Repair the backend's history, or record another update.",
            )
        if not evidence and update.from_record == "" and (known := self._recorded(number, update)):
            return known
        return self.records.write(self._input(update, number == len(timeline), evidence))

    def _recorded(self, number: int, update: Update) -> Written | None:
        """The record if it lacks nothing, so that nothing needs to be collected again."""
        try:
            record = self.records.read(number)
        except RecordError:
            return None
        if record is None or record.meta.key != update_key(update):
            return None
        left_out = {item.path for item in record.meta.left_out}
        if update.has_checkpoint and CHECKPOINT not in record.meta.files and CHECKPOINT not in left_out:
            return None
        notes = () if self.records.origin(record).trusted else (unused(number, record.commit),)
        return Written(number, record.ref, record.commit, new=False, left_out=record.meta.left_out, notes=notes)

    def _input(self, update: Update, newest: bool, evidence: Mapping[str, bytes]) -> RecordInput:
        session, workspace = self.session, self.session.workspace
        left_out: list[LeftOut] = []
        checkpoint, source = self._checkpoint(update, newest)
        program, uncommitted, more = self._program(update, newest)
        left_out += more
        assets: dict[str, bytes] = {}
        if checkpoint:
            try:
                decoded = decode_checkpoint(checkpoint, source=f"the checkpoint of #{update.number}")
                assets, not_taken = self.assets.take(decoded, deployed_commit(update) or update.commit)
                left_out += not_taken
            except BackendError:
                pass  # said of the checkpoint itself
        config, config_source = self._config(update, newest, left_out)
        return RecordInput(
            update=update,
            project=self.records.project,
            stack=self.records.stack,
            backend=session.place,
            checkpoint=checkpoint,
            checkpoint_source=source,
            config=config,
            config_source=config_source,
            config_suffix=workspace.config_file(session.stack.name).suffix,
            program=program,
            uncommitted=uncommitted,
            assets=assets,
            hooks=self._hooks(left_out) if newest else {},
            evidence=evidence,
            revisions=kept_with(session, update),
            left_out=tuple(left_out),
            secrets=self.secrets.values,
        )

    def _checkpoint(self, update: Update, newest: bool) -> tuple[bytes, str]:
        """The stored one; of the newest update, where none was kept, the state that is there now."""
        if update.has_checkpoint and not update.from_record:
            try:
                return self.session.timeline.history.raw(update.number), "stored"
            except BackendError:
                pass
        if newest:
            try:
                return self.session.backend.live(self.session.stack).raw, "live"
            except BackendError:
                pass
        return b"", ""

    def _program(self, update: Update, newest: bool) -> tuple[Program, Mapping[str, Blob], tuple[LeftOut, ...]]:
        repository, commit = self.repository, deployed_commit(update)
        if repository is None or not commit:
            return Program(commit, update.branch if commit else "", bool(commit) and update.dirty), {}, ()
        directory = os.path.relpath(self.session.workspace.root.resolve(), repository.root.resolve())
        same = self.records.store.directory.resolve() == repository.common_directory.resolve()
        kept = same and self.records.store.has_commit(commit)
        state, files, left_out = "", dict[str, Blob](), tuple[LeftOut, ...]()
        if update.dirty and update.kind == "update":
            if not newest:
                state = "they were not recorded at the time"
            elif repository.head() != commit:
                state = "another commit was checked out when the record was made"
            elif not repository.dirty():
                state = "they were gone when the record was made"
            else:
                try:
                    taken = take_uncommitted(repository, self.secrets)
                    state, files, left_out = "kept", dict(taken.files), taken.left_out
                except RecordError as err:
                    state = str(err)
        where = "" if directory == "." else directory.replace(os.sep, "/")
        return Program(commit, update.branch, update.dirty, where, kept, state), files, left_out

    def _config(self, update: Update, newest: bool, left_out: list[LeftOut]) -> tuple[bytes | None, str]:
        """The configuration file: of the newest update as it is, of an older one as its commit has it, if clean."""
        path = self.session.workspace.config_file(self.session.stack.name)
        if newest:
            return self._small(path, f"config{path.suffix}", left_out), "file"
        commit = deployed_commit(update)
        if self.repository is None or not commit or update.dirty:
            return None, ""
        from pulumi_rewind.assets.git import CommitFiles

        place = CommitFiles(self.repository, commit).place(os.path.realpath(path))
        if place is None:
            return None, ""
        return RecordStore(self.repository).read(commit, os.fsdecode(place)), "commit"

    def _hooks(self, left_out: list[LeftOut]) -> dict[str, bytes]:
        """The hooks file as it is now."""
        name = self.session.settings.hooks_file
        path = self.session.workspace.root / name
        if reason := secret_name(name):
            left_out.append(LeftOut(name, reason))
            return {}
        content = self._small(path, name, left_out)
        return {} if content is None else {path.name: content}

    def _small(self, path: Path, name: str, left_out: list[LeftOut]) -> bytes | None:
        try:
            if not path.is_file():
                return None
            if reason := self.secrets.reason(path):
                left_out.append(LeftOut(name, reason))
                return None
            if path.stat().st_size > FILE_LIMIT:
                left_out.append(LeftOut(name, "it is too large"))
                return None
            return read_bytes(path, FILE_LIMIT)
        except OSError as err:
            left_out.append(LeftOut(name, f"it can't be read: {err.strerror}"))
            return None
