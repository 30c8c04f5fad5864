"""The git repository that holds records: refs, commits and blobs, by plumbing alone.

Nothing here looks at, or changes, a working tree, index, branch or configuration: blobs, tree, commit and ref of a
record are one stream into ``git fast-import``, so that a record is there whole or not at all.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, Final

from pulumi_rewind.errors import RecordError, UsageError
from pulumi_rewind.project.repository import Repository, is_commit_id, open_repository, trust_hint
from pulumi_rewind.records.place import REFS, place_of
from pulumi_rewind.system.git import GitFailed
from pulumi_rewind.system.shell import quoted

IDENTITY: Final = "pulumi-rewind <records@pulumi-rewind.invalid>"
FILE: Final = "100644"
LINK: Final = "120000"
_WRITING: Final = frozenset({"fast-import", "update-ref"})


@dataclass(frozen=True)
class Blob:
    """A file of a record that is to be written."""

    content: bytes
    mode: str = FILE


def ref_folder(project: str, stack: str) -> str:
    """Where the records of a stack are: ``refs/pulumi-rewind/<project>/<stack>``."""
    return f"{REFS}/{_part(project)}/{_part(stack)}"


def _part(name: str) -> str:
    """A name as git takes it in a ref; what git refuses in the names that Pulumi allows is written as ``%2e``."""
    if name.startswith("."):
        name = "%2e" + name[1:]
    name = name.replace("..", ".%2e")
    if name.endswith((".", ".lock")):
        head, _, tail = name.rpartition(".")
        name = f"{head}%2e{tail}"
    return name


def open_store(root: Path, named: str) -> RecordStore | None:
    """The repository for records: the one that `root` lies in, or the one that ``records_repository`` names.

    None if `root` lies in none.

    Raises:
        UsageError: what is named isn't a repository.
    """
    if not named:
        repository = open_repository(root)
        return RecordStore(repository) if repository is not None else None
    if "://" in named or (":" in named.partition("/")[0]):
        raise UsageError(
            f"records_repository names {named!r}, which is not on this machine",
            hint="Clone it (`git clone --bare`), name the clone's directory, and push the records from there.",
        )
    place = place_of(root, named)
    found = open_repository(place) if place.is_dir() else None
    if found is None or not ((place / ".git").exists() or found.directory.resolve() == place.resolve()):
        raise UsageError(
            f"records_repository names {named}, which is not a git repository",
            hint=f"Make it with `git init --bare {quoted(str(named))}`, or correct rewind.toml.",
        )
    return RecordStore(found)


class RecordStore:
    """Reads and writes records in one repository; safe to use from several threads."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    @property
    def directory(self) -> Path:
        """The repository's git directory."""
        return self._repository.common_directory

    def refs(self, folder: str) -> dict[str, str]:
        """Name below `folder` → commit."""
        listing = self.run("for-each-ref", "--format=%(objectname) %(refname)", f"{folder}/").decode()
        pairs = (line.split(" ", 1) for line in listing.splitlines())
        return {name.removeprefix(f"{folder}/"): commit for commit, name in pairs}

    def has_commit(self, commit: str) -> bool:
        """Whether a commit is there; an id that is none isn't."""
        return is_commit_id(commit) and self._ask("cat-file", "-e", f"{commit}^{{commit}}") is not None

    def read(self, commit: str, path: str) -> bytes | None:
        """A file of a commit, None if it isn't there or can't be read."""
        return self._ask("cat-file", "blob", f"{commit}:{path}")

    def listing(self, commit: str) -> dict[str, tuple[str, str]] | None:
        """Path → mode and blob of everything in a commit; None if its trees can't be read."""
        found = self._ask("ls-tree", "-r", "-z", "--full-tree", commit)
        if found is None:
            return None
        entries: dict[str, tuple[str, str]] = {}
        for line in found.split(b"\0"):
            head, _, path = line.partition(b"\t")
            if path:
                mode, _, name = head.decode().split(" ")
                entries[os.fsdecode(path)] = (mode, name)
        return entries

    def message(self, commit: str) -> str:
        """A commit's message, empty if it can't be read."""
        found = self._ask("cat-file", "commit", commit) or b""
        return found.partition(b"\n\n")[2].decode(errors="replace")

    def written_by(self, commit: str) -> str:
        """Who wrote a commit and when, as it says, which anybody may have written; empty if it can't be read."""
        found = self._ask("show", "--no-patch", "--no-show-signature", "--format=%cn <%ce>, %ci", commit) or b""
        return found.decode(errors="replace").strip()

    def which(self, names: Sequence[str]) -> Iterator[bool]:
        """For each ``commit:path`` whether there is such an object."""
        if not names:
            return
        wanted = "".join(f"{name}\n" for name in names).encode()
        answer = self.run("cat-file", "--batch-check=%(objecttype)", stdin=wanted)
        for line in answer.decode(errors="replace").splitlines():
            yield line == "blob"

    def write(self, ref: str, parents: Sequence[str], files: Mapping[str, Blob], message: str) -> str:
        """Writes a commit with exactly these files and points `ref` there; returns it.

        Raises:
            RecordError: git can't write, or the ref holds a commit that isn't among the parents.
        """
        import tempfile

        with tempfile.TemporaryFile() as stream:
            _stream(stream, ref, parents, files, message)
            stream.seek(0)
            # Not what the ref holds afterwards: somebody else may have moved it by then.
            written = self.run("fast-import", "--quiet", "--done", "--date-format=raw", stdin=stream).decode().strip()
        if not written:
            raise RecordError(f"git fast-import named no commit for {ref}", hint="Upgrade git.")
        return written

    def remove(self, refs: Mapping[str, str]) -> None:
        """Removes refs that still hold the commit given for each; git drops the objects in its own time.

        Raises:
            RecordError: one holds another commit now, or git can't write; then none is removed.
        """
        wanted = "".join(f"delete {ref} {commit}\n" for ref, commit in refs.items()).encode()
        self.run("update-ref", "--stdin", stdin=wanted)

    def run(self, *command: str, stdin: BinaryIO | bytes | None = None) -> bytes:
        """What git prints.

        Raises:
            RecordError: it failed.
        """
        git = self._repository.command
        run = git.write if command[0] in _WRITING else git.read
        try:
            return run(*command, stdin=stdin)
        except GitFailed as err:
            reason = str(err).splitlines()[0]
            raise RecordError(
                f"git {command[0]} failed in {self.directory}: {reason}",
                hint=trust_hint(reason, git.place)
                or "Check that the repository is whole (`git fsck`) and that you may write there.",
            ) from None

    def _ask(self, *command: str) -> bytes | None:
        try:
            return self.run(*command)
        except RecordError:
            return None


def _stream(out: IO[bytes], ref: str, parents: Sequence[str], files: Mapping[str, Blob], message: str) -> None:
    """The commands of ``git fast-import``."""
    text = message.encode(errors="replace")
    out.write(f"commit {ref}\nmark :1\ncommitter {IDENTITY} {int(time.time())} +0000\ndata {len(text)}\n".encode())
    out.write(text + b"\n")
    for number, parent in enumerate(parents):
        out.write(f"{'merge' if number else 'from'} {parent}\n".encode())
    out.write(b"deleteall\n")
    for path, blob in files.items():
        out.write(f"M {blob.mode} inline ".encode() + _quoted(path) + f"\ndata {len(blob.content)}\n".encode())
        out.write(blob.content + b"\n")
    out.write(b"get-mark :1\ndone\n")


def _quoted(path: str) -> bytes:
    """A path as fast-import reads it."""
    raw = os.fsencode(path)
    return b'"' + b"".join(bytes((c,)) if 32 <= c < 127 and c not in b'"\\' else b"\\%03o" % c for c in raw) + b'"'
