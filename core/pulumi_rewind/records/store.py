"""Records: everything kept of an update, as git objects that outlive the backend's history, branches and machines.

Each record is a commit of its own under ``refs/pulumi-rewind/<project>/<stack>/<number>``. Its parent is the commit of
the program, which therefore stays in the repository (and travels with a push) when its branch is gone. Records don't
stand on each other: one can be dropped, pushed or damaged without any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.errors import RecordError
from pulumi_rewind.records.content import (
    LeftOut,
    Meta,
    RecordInput,
    decode_meta,
    decode_update,
    evidence_name,
    evidence_reason,
    finished,
    in_the_way,
    record_files,
    unused,
)
from pulumi_rewind.records.git import FILE, Blob, RecordStore, open_store, ref_folder
from pulumi_rewind.records.parts import (
    ASSETS,
    CHECKPOINT,
    EVIDENCE,
    HISTORY,
    NOT_HERE,
    PATCH,
    SIGNATURE,
    UNTRACKED,
    UPDATE,
    backend_digest,
    digest_of,
    update_key,
)
from pulumi_rewind.records.provenance import Origin, Provenance
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint, StackRef, Update
from pulumi_rewind.version import __version__

if TYPE_CHECKING:
    from pulumi_rewind.project.settings import Settings
    from pulumi_rewind.project.workspace import Workspace


DAMAGED = "`pulumi-rewind record --verify` checks all records and shows how to get an intact one."
DIGITS = 7
"""How long a number may be: no stack has ten million updates, and a ref can say anything."""


@dataclass(frozen=True)
class Written:
    """What became of writing a record."""

    number: int
    ref: str
    commit: str
    new: bool
    """Whether anything was written; False: it was all there."""
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Why this record is, or may be for others, one that isn't used."""


class Record:
    """One record, each file read when it is asked for and compared with the digest that ``update.json`` lists."""

    def __init__(self, store: RecordStore, ref: str, commit: str, meta: Meta) -> None:
        self._store = store
        self.ref = ref
        self.commit = commit
        """The record's own commit."""
        self.meta = meta

    @property
    def number(self) -> int:
        """The update's number."""
        return self.meta.number

    @cached_property
    def update(self) -> Update:
        """The update, as the backend had it; marked as known from a record.

        Raises:
            RecordError: damaged.
        """
        found = decode_update(self.file(HISTORY), self.number)
        has = CHECKPOINT in self.meta.files
        problem = "" if has else "the record has no checkpoint"
        return msgspec.structs.replace(found, has_checkpoint=has, problem=problem, from_record="update")

    def raw(self) -> bytes:
        """The checkpoint as it was stored, decompressed.

        Raises:
            RecordError: the record has none, or a damaged one.
        """
        return self.file(CHECKPOINT)

    def checkpoint(self) -> Checkpoint:
        """The checkpoint, secrets encrypted; raises as `raw`, and CheckpointError for what can't be decoded."""
        return decode_checkpoint(self.raw(), source=f"the checkpoint in the record of #{self.number}")

    def patch(self) -> bytes:
        """The uncommitted changes to tracked files, for ``git apply``; empty if the record has none."""
        return self.file(PATCH) if PATCH in self.meta.files else b""

    def untracked(self) -> dict[str, Blob]:
        """The untracked files by their paths from the top of the repository."""
        found = self.blobs([path for path in self.meta.files if path.startswith(UNTRACKED)])
        return {path.removeprefix(UNTRACKED): blob for path, blob in found.items()}

    def blobs(self, paths: Iterable[str]) -> dict[str, Blob]:
        """Files with their modes, which are those of ``update.json``: a signature is of that alone."""
        modes = self.meta.modes
        if modes is None:
            modes = {path: mode for path, (mode, _) in (self._store.listing(self.commit) or {}).items()}
        return {path: Blob(self.file(path), modes.get(path, FILE)) for path in paths}

    def names(self, folder: str) -> tuple[str, ...]:
        """What the record has in one of its folders (``evidence/``, ``hooks/``, ``assets/``), without the folder."""
        return tuple(path.removeprefix(folder) for path in sorted(self.meta.files) if path.startswith(folder))

    def evidence(self) -> dict[str, bytes]:
        """The evidence by name."""
        return {name: self.file(EVIDENCE + name) for name in self.names(EVIDENCE)}

    def file(self, path: str) -> bytes:
        """Any file of the record.

        Raises:
            RecordError: it isn't there, or isn't what was written.
        """
        wanted = self.meta.files.get(path)
        content = self._store.read(self.commit, path) if wanted else None
        if wanted is None:
            raise RecordError(f"the record of #{self.number} has no {path}", hint="Choose another update.")
        if content is None:
            raise RecordError(f"{path} is missing from the record of #{self.number}", hint=DAMAGED)
        if digest_of(content) != wanted:
            raise RecordError(f"{path} in the record of #{self.number} is not what was recorded", hint=DAMAGED)
        return content


class Records:
    """The records of one stack."""

    def __init__(
        self,
        store: RecordStore,
        project: str,
        stack: str,
        backend: str = "",
        provenance: Provenance | None = None,
        moved_from: Iterable[str] = (),
    ) -> None:
        """Without `provenance` only what this object writes itself is trusted."""
        self.store = store
        self.provenance = provenance or Provenance()
        self.project = project
        self.stack = stack
        self.backend = backend
        """The URL of the backend that the stack is on."""
        self.backends = frozenset(map(backend_digest, (backend, *moved_from)))
        """Digests of the URLs of this backend and of those that the stack was on before."""
        self.folder = ref_folder(project, stack)
        self._read: dict[str, Record] = {}

    def refs(self) -> dict[int, str]:
        """Number → commit of every record, in order, whoever wrote it; what isn't named by a number is none."""
        named = self.store.refs(self.folder)
        return {int(name): named[name] for name in sorted(filter(_is_number, named), key=int)}

    def numbers(self) -> tuple[int, ...]:
        """The numbers of all records, ascending."""
        return tuple(self.refs())

    def ref(self, number: int) -> str:
        """The ref of a record, written or not."""
        return f"{self.folder}/{number}"

    def read(self, number: int) -> Record | None:
        """A record; None if there is none of that number.

        Raises:
            RecordError: it is damaged, or of another stack.
        """
        commit = self.store.refs(self.folder).get(str(number))
        return self.at(number, commit) if commit is not None else None

    def at(self, number: int, commit: str) -> Record:
        """The record of a number in a commit; raises as `read`."""
        record = self._read.get(commit)
        if record is None:
            raw = self.store.read(commit, UPDATE)
            if raw is None:
                raise RecordError(f"the record of #{number} can't be read: {UPDATE} is missing", hint=DAMAGED)
            record = Record(self.store, self.ref(number), commit, decode_meta(raw))
        meta = record.meta
        if (meta.project, meta.stack, meta.number) != (self.project, self.stack, number):
            raise RecordError(
                f"{self.ref(number)} is the record of {meta.project}/{meta.stack} #{meta.number}",
                hint=f"It was put there by mistake; `git update-ref -d {self.ref(number)}` removes it.",
            )
        return self._read.setdefault(commit, record)

    def claims(self, refs: Mapping[int, str]) -> dict[int, str]:
        """Those of these records that are trusted or may be: signatures are looked for, not checked.

        Raises:
            RecordError: it can't be told; then none is trusted.
        """
        known = self.provenance.known()
        unknown = [commit for commit in refs.values() if commit not in known]
        if unknown and self.provenance.signatures.checks:
            there = self.store.which([f"{commit}:{SIGNATURE}" for commit in unknown])
            known |= {commit for commit, has in zip(unknown, there, strict=False) if has}
        return {number: commit for number, commit in refs.items() if commit in known}

    def origin(self, record: Record) -> Origin:
        """Where a record comes from, and so whether it may be used; raises as `claims`."""

        def signed() -> tuple[bytes, bytes | None]:
            raw = self.store.read(record.commit, UPDATE) or b""
            # Without modes in what is signed, the tree could make a link of a file.
            signature = self.store.read(record.commit, SIGNATURE) if record.meta.modes is not None else None
            return raw, signature

        return self.provenance.origin(record.commit, signed)

    def usable(self, number: int) -> Record | None:
        """A record that may be used; None if there is none of that number, or a foreign one. Raises as `read`."""
        record = self.read(number)
        return record if record is not None and self.origin(record).trusted else None

    def trusted(self) -> dict[int, str]:
        """Number → commit of the records that may be used, damaged ones of known commits included.

        Raises:
            RecordError: as `claims`.
        """
        known, claims = self.provenance.known(), self.claims(self.refs())
        return {
            number: commit for number, commit in claims.items() if commit in known or self._is_signed(number, commit)
        }

    def _is_signed(self, number: int, commit: str) -> bool:
        try:
            return self.origin(self.at(number, commit)).trusted
        except RecordError:
            return False

    def asset(self, digest: str) -> bytes | None:
        """A content from the newest record that has it whole; None if none has.

        Any record will do, whoever wrote it: what is asked for by its SHA-256 can't be forged.

        Raises:
            RecordError: git can't be asked.
        """
        refs = sorted(self.refs().items(), reverse=True)
        there = self.store.which([f"{commit}:{ASSETS}{digest}" for _, commit in refs])
        for (_, commit), has in zip(refs, there, strict=False):
            content = self.store.read(commit, f"{ASSETS}{digest}") if has else None
            if content is not None and digest_of(content) == digest:
                return content
        return None

    def write(self, given: RecordInput) -> Written:
        """Writes a record; one that is there only gets what it lacks (a checkpoint, evidence) as a commit on top.

        One that is not trusted stays as it is: with a commit on top it would count as made here.

        Raises:
            RecordError: git can't write, or another update is recorded under this number.
        """
        number = given.update.number
        commit = self.refs().get(number)
        if commit is not None:
            return self._complete(self.at(number, commit), given)
        self._check_number(given.update)
        meta, files = record_files(given, __version__)
        program = given.program.commit
        parents = [program] if given.program.kept else []
        try:
            done = self._write(meta, parents, files)
        except RecordError:
            if (other := self.refs().get(number)) is None:
                raise
            return self._complete(self.at(number, other), given)  # written by somebody else meanwhile
        return replace(done, warnings=meta.warnings)

    def _check_number(self, update: Update) -> None:
        """Refuses to record an update under a number that is in doubt: later it would stand against the right one."""
        refs = self.refs()
        key = update_key(update)
        for number in sorted(refs.keys() - self.claims(refs).keys()):
            try:
                foreign = self.at(number, refs[number])
            except RecordError:
                continue
            if foreign.meta.key == key:
                raise RecordError(
                    f"#{update.number} is #{number} in a record that was {NOT_HERE}", hint=in_the_way(foreign.ref)
                )

    def _write(self, meta: Meta, parents: Sequence[str], files: dict[str, Blob]) -> Written:
        """Signs a record if that is wanted, writes it, and notes that it was made here."""
        notes: list[str] = []
        if self.provenance.signatures.signs:
            try:
                files[SIGNATURE] = Blob(self.provenance.signatures.sign(files[UPDATE].content))
            except RecordError as err:
                notes.append(f"{err}: it was written without a signature. {err.hint}".strip())
        ref = self.ref(meta.number)
        written = self.store.write(ref, parents, files, self._message(meta, files))
        try:
            self.provenance.made.add([written])
        except RecordError as err:
            notes.append(f"it can't be noted as made here, so it will not be used: {err}. {err.hint}")
        return Written(meta.number, ref, written, new=True, left_out=meta.left_out, notes=tuple(notes))

    def _complete(self, record: Record, given: RecordInput) -> Written:
        meta = record.meta
        trusted = self.origin(record).trusted
        if meta.key != update_key(given.update):
            raise RecordError(
                f"{record.ref} is the record of another update ({meta.kind} {meta.result})",
                hint="Records of another backend's stack of that name are in this repository; "
                "`pulumi-rewind record --verify` names them."
                if trusted
                else in_the_way(record.ref),
            )
        if not trusted:
            return Written(
                record.number,
                record.ref,
                record.commit,
                False,
                meta.left_out,
                notes=(unused(record.number, record.commit),),
            )
        more: dict[str, Blob] = {}
        left_out = list(meta.left_out)
        for name, content in given.evidence.items():
            path = f"{EVIDENCE}{evidence_name(name)}"
            if meta.files.get(path) == digest_of(content):
                continue
            if reason := evidence_reason(content, given.secrets):
                left_out.append(LeftOut(path, reason))
            else:
                more[path] = Blob(content)
        if CHECKPOINT not in meta.files and given.checkpoint:
            _, fresh = record_files(replace(given, evidence={}), __version__)
            more |= {path: blob for path, blob in fresh.items() if path == CHECKPOINT}
        if not more:
            return Written(record.number, record.ref, record.commit, new=False, left_out=meta.left_out)
        files = record.blobs(meta.files) | more
        source = given.checkpoint_source if CHECKPOINT in more else meta.checkpoint
        meta = finished(msgspec.structs.replace(meta, left_out=tuple(sorted(set(left_out))), checkpoint=source), files)
        return self._write(meta, [record.commit], files)

    def _message(self, meta: Meta, files: Mapping[str, Blob]) -> str:
        what = f"{self.project}/{self.stack} #{meta.number}: {meta.kind} {meta.result}"
        return f"{what}\n\nRecord-Digest: {digest_of(files[UPDATE].content)}\n"


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and not name.startswith("0") and len(name) <= DIGITS


def open_records(workspace: Workspace, settings: Settings, stack: StackRef, backend: str) -> Records | None:
    """The records of a stack on the backend with this URL; None outside git, and where ``rewind.toml`` turns them off.

    Raises:
        UsageError: ``records_repository`` names something that is no repository, or the user's settings can't be read.
    """
    if not settings.records:
        return None
    store = open_store(workspace.root, settings.records_repository)
    if store is None:
        return None
    project = stack.project or workspace.project  # in the legacy layout stacks have none of their own
    provenance = Provenance.of(workspace.environ, project, stack.name)
    return Records(store, project, stack.name, backend, provenance, settings.moved_from)
