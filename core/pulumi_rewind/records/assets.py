"""Contents of assets in records: found when one is written, handed out when a rollback needs them.

A content is kept under the hash that Pulumi knows it by: a file as it is, a directory as the tar file that its hash
is of. So the SHA-256 of what is kept is its name, whatever it is.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pulumi_rewind.assets.git import new_file
from pulumi_rewind.assets.hash import AssetError, content_pieces, located
from pulumi_rewind.assets.sources import Sources, escapes, program_directory
from pulumi_rewind.errors import CheckpointError, RewindError
from pulumi_rewind.project.repository import Repository
from pulumi_rewind.records.content import LeftOut
from pulumi_rewind.records.credentials import Credentials
from pulumi_rewind.records.parts import ASSETS, digest_of
from pulumi_rewind.records.secrets import secret_content, secret_name
from pulumi_rewind.records.store import Records
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import ARCHIVE, ASSET, Json, kind_of, walk
from pulumi_rewind.system.private_directory import private_directory

ASSET_LIMIT: Final = 50 << 20
"""Bytes of a content that is kept."""

TOTAL_LIMIT: Final = 200 << 20
"""Bytes of all contents of a record together."""


class AssetTaker:
    """Finds the contents that checkpoints speak of; what was found for one needs not be read again for another."""

    def __init__(self, root: Path, repository: Repository | None, secrets: Credentials) -> None:
        self._directory = root.resolve()
        self._repository = repository
        self._secrets = secrets
        self._found: dict[str, bytes] = {}

    def take(self, checkpoint: Checkpoint, commit: str) -> tuple[dict[str, bytes], tuple[LeftOut, ...]]:
        """Hash → content of all assets with a path whose content is there, now or in `commit`; and what is left out.

        A secret asset is encrypted in the checkpoint and therefore not looked for.
        """
        taken: dict[str, bytes] = {}
        left_out: list[LeftOut] = []
        with private_directory() as private:
            sources = Sources(program_directory(self._directory), commit, self._repository, None, private)
            left = TOTAL_LIMIT
            for kind, path, digest in sorted(set(_recorded(checkpoint))):
                content, reason = self._content(sources, kind, path, digest)
                if content is not None and (size := len(content)) > min(ASSET_LIMIT, left):
                    content, reason = None, f"it is too large ({size >> 20} MiB)"
                if content is None:
                    left_out.append(LeftOut(f"{ASSETS}{digest} ({path})", reason))
                elif digest not in taken:
                    taken[digest] = content
                    left -= len(content)
        self._found = dict(taken)
        return taken, tuple(left_out)

    def _content(self, sources: Sources, kind: str, path: str, digest: str) -> tuple[bytes | None, str]:
        if reason := secret_name(path):
            return None, reason
        if digest in self._found:
            return self._found[digest], ""
        place = located(path, sources.directory)
        if sources.hash_at(kind, place) != digest:
            place, _ = sources.from_git(kind, path, digest, sources.commit)
            if not place:
                return None, "its content is neither at its recorded path nor in the commit"
        try:
            content = b"".join(_limited(content_pieces(kind, place)))
        except AssetError as err:
            return None, str(err)
        if len(content) <= ASSET_LIMIT and digest_of(content) != digest:
            return None, "its content changed while it was read"
        if reason := self._secrets.reason(Path(place)) or secret_content(content, self._secrets.values):
            return None, reason
        return content, ""


def _limited(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Content up to a little more than what is kept."""
    size = 0
    for piece in pieces:
        yield piece
        size += len(piece)
        if size > ASSET_LIMIT:
            return


def _recorded(checkpoint: Checkpoint) -> Iterator[tuple[str, str, str]]:
    """Kind, path and hash of every asset that state knows by its path."""
    for res in checkpoint.resources:
        if ASSET.encode() not in bytes(res.inputs) and ARCHIVE.encode() not in bytes(res.inputs):
            continue
        try:
            inputs = res.decoded_inputs()
        except CheckpointError:
            continue
        for value in walk(inputs):
            kind = kind_of(value)
            if kind in {ASSET, ARCHIVE} and isinstance(digest := value.get("hash"), str) and len(digest) == 64:
                path = _path(value)
                if path:
                    yield str(kind), path, digest


def _path(value: Json) -> str:
    path = value.get("path")
    if isinstance(path, str) and path:
        return path
    parts = urlsplit(str(value.get("uri") or ""))
    return unquote(parts.path) if parts.scheme == "file" and parts.netloc in {"", "localhost"} else ""


class RecordedAssets:
    """Hands out contents from records as files and directories under `private`, for `AssetFinder`."""

    def __init__(self, records: Callable[[], Records | None], private: Path) -> None:
        self._records = records
        self._private = private

    def __call__(self, digest: str, *, as_file: bool) -> Path | None:
        """The path of a content; None if no record has it, whole."""
        try:
            records = self._records()
            content = records.asset(digest) if records is not None else None
        except RewindError:  # a rollback without it says itself what it lacks
            return None
        if content is None:
            return None
        place = Path(tempfile.mkdtemp(prefix="records-", dir=self._private)) / digest  # 0700
        if as_file:
            place.write_bytes(content)
            return place
        try:
            _unpack(content, place)
        except (tarfile.TarError, AssetError, OSError, ValueError):
            return None
        return place


def _unpack(content: bytes, place: Path) -> None:
    """Writes the files of a kept directory, which has nothing else in it."""
    place.mkdir(mode=0o700)
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:", encoding="utf-8", errors="surrogateescape") as tape:
        for member in tape:
            name = os.fsencode(member.name)
            source = tape.extractfile(member) if member.isreg() and not escapes(name) else None
            if source is None:
                raise AssetError("it holds something other than files inside it")
            with source, new_file(place / os.fsdecode(name)) as file:
                shutil.copyfileobj(source, file)
