"""Uncommitted changes of a working tree: taken into a record, and put into a checkout of the same commit.

Taking looks only; neither index nor working tree is written. Files that look like secrets stay out and are named.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import RecordError
from pulumi_rewind.project.repository import Repository
from pulumi_rewind.records.content import LeftOut
from pulumi_rewind.records.credentials import NONE, Credentials
from pulumi_rewind.records.git import FILE, LINK, Blob
from pulumi_rewind.records.parts import PATCH, UNTRACKED
from pulumi_rewind.records.secrets import secret_content, secret_name
from pulumi_rewind.records.store import Record
from pulumi_rewind.system.git import GitCommand, GitFailed
from pulumi_rewind.system.untrusted import CHECKPOINT, read_bytes

EXECUTABLE: Final = "100755"
FILE_LIMIT: Final = 10 << 20
"""Bytes of an untracked file that is kept."""

TOTAL_LIMIT: Final = 50 << 20
"""Bytes of all untracked files of a record together, and of the patch."""

_DIFF: Final = (
    *("-c", "core.quotepath=true", "-c", "diff.noprefix=false", "-c", "diff.mnemonicPrefix=false"),
    *("diff", "--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-color", "--no-renames"),
    *("--submodule=short", "--ignore-submodules=dirty"),
)


@dataclass(frozen=True)
class Uncommitted:
    """What a working tree has that its commit doesn't."""

    files: Mapping[str, Blob]
    """The patch (if there is one) and the untracked files, by their paths in a record."""
    left_out: tuple[LeftOut, ...]


def take_uncommitted(repository: Repository, secrets: Credentials = NONE) -> Uncommitted:
    """The uncommitted changes of a whole repository, staged or not; ignored files are none.

    Raises:
        RecordError: git can't tell.
    """
    tree = _Tree(repository, secrets)
    files = dict(tree.untracked())
    patch = tree.patch()
    if patch:
        files[PATCH] = Blob(patch)
    tree.submodules()
    return Uncommitted(files, tuple(tree.left_out))


class _Tree:
    def __init__(self, repository: Repository, secrets: Credentials) -> None:
        self.root = repository.root
        self._git = repository.command.at(self.root)
        self._secrets = secrets
        self.left_out: list[LeftOut] = []

    def untracked(self) -> Iterator[tuple[str, Blob]]:
        """Path in the record → content."""
        left = TOTAL_LIMIT
        for name in self._names("ls-files", "--others", "--exclude-standard", "-z"):
            path = self.root / name
            if name.endswith("/"):
                self._leave(name, "it is a separate git repository")
                continue
            if reason := secret_name(name) or self._secrets.reason(path):
                self._leave(name, reason)
                continue
            try:
                if path.is_symlink():
                    yield UNTRACKED + name, Blob(os.fsencode(path.readlink()), LINK)
                    continue
                size = path.stat().st_size
                if size > min(FILE_LIMIT, left):
                    self._leave(name, f"it is too large ({size >> 20} MiB)")
                    continue
                content = read_bytes(path, FILE_LIMIT)
                mode = EXECUTABLE if path.stat().st_mode & 0o100 else FILE
            except OSError as err:
                self._leave(name, f"it can't be read: {err.strerror}")
                continue
            if reason := secret_content(content, self._secrets.values):
                self._leave(name, reason)
                continue
            left -= len(content)
            yield UNTRACKED + name, Blob(content, mode)

    def patch(self) -> bytes:
        """The changes to tracked files, ready for ``git apply``; empty if there are none to be kept."""
        names = self._names(*_DIFF, "--name-only", "-z", "HEAD", "--")
        reasons = {name: secret_name(name) or self._content_reason(name) for name in names}
        patch = self._changes(reasons)
        if secret_content(patch, self._secrets.values):  # in lines that were removed, or around a change
            for name in (name for name, reason in reasons.items() if not reason):
                one = self._run(*_DIFF, "HEAD", "--", f":(top,literal){name}")
                reasons[name] = secret_content(one, self._secrets.values)
            patch = self._changes(reasons)
        for name, reason in reasons.items():
            if reason:
                self._leave(name, reason)
        reason = "it is too large" if len(patch) > TOTAL_LIMIT else secret_content(patch, self._secrets.values)
        if reason:
            self._leave(PATCH, reason)
            return b""
        return patch

    def _changes(self, hidden: Mapping[str, str]) -> bytes:
        without = [f":(top,exclude,literal){name}" for name, reason in hidden.items() if reason]
        return self._run(*_DIFF, "HEAD", "--", ":(top)", *without)

    def submodules(self) -> None:
        """Names submodules with changes of their own, which are in no patch."""
        for entry in self._names("status", "--porcelain=v2", "-z", "--untracked-files=no", submodules=True):
            kind, _, rest = entry.partition(" ")
            fields = rest.split(" ", 7)
            if kind == "1" and len(fields) == 8 and fields[1].startswith("S") and fields[1][2:] != "..":
                self._leave(fields[7], "it is a submodule with uncommitted changes")

    def _content_reason(self, name: str) -> str:
        path = self.root / name
        try:
            if path.is_file() and not path.is_symlink():
                return self._secrets.reason(path) or secret_content(read_bytes(path, CHECKPOINT), self._secrets.values)
        except FileNotFoundError:
            pass
        except OSError as err:
            return f"it can't be read: {err.strerror}"
        return ""

    def _leave(self, path: str, reason: str) -> None:
        self.left_out.append(LeftOut(path, reason))

    def _names(self, *command: str, submodules: bool = False) -> list[str]:
        return [os.fsdecode(name) for name in self._run(*command, submodules=submodules).split(b"\0") if name]

    def _run(self, *command: str, submodules: bool = False) -> bytes:
        try:
            return self._git.read(*command, submodules=submodules)
        except GitFailed:
            raise RecordError(
                "git can't read the uncommitted changes", hint="`git status` in the project says why."
            ) from None


def put_uncommitted(record: Record, tree: Path) -> None:
    """Puts a record's uncommitted changes into a checkout of its commit; `tree` is the top of it.

    Raises:
        RecordError: the record is damaged, or the changes don't fit what is checked out there.
    """
    patch = record.patch()
    if patch:
        _apply(record, patch, tree)
    for name, blob in record.untracked().items():
        path = tree / name
        if ".." in path.parts or not path.parent.resolve().is_relative_to(tree.resolve()):
            raise RecordError(f"the record of #{record.number} has a file outside the repository: {name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if blob.mode == LINK:
                path.symlink_to(os.fsdecode(blob.content))
                continue
            with path.open("xb") as file:
                file.write(blob.content)
            path.chmod(0o700 if blob.mode == EXECUTABLE else 0o600)
        except OSError as err:
            raise RecordError(
                f"{name} of the record of #{record.number} can't be written: {err.strerror}",
                hint=f"{tree} must be a fresh checkout of commit {record.meta.git.get('commit')}.",
            ) from None


def _apply(record: Record, patch: bytes, tree: Path) -> None:
    try:
        GitCommand(tree).write("apply", "--binary", "--whitespace=nowarn", "-", stdin=patch)
    except GitFailed:
        commit = record.meta.git.get("commit")
        raise RecordError(
            f"the uncommitted changes of #{record.number} do not apply to {tree}",
            hint=f"They belong to commit {commit}; check that out there first.",
        ) from None
