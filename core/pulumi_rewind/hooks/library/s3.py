"""Objects of S3: copied by S3 into another bucket before a bucket or an object goes, and back into the new one."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource
from pulumi_rewind.hooks.declare import Delete, Recreate
from pulumi_rewind.hooks.library.aws import AwsService
from pulumi_rewind.hooks.library.programs import counted, package, plain, size

LARGEST: Final = 5_000_000_000
"""Bytes that S3 copies in one piece."""


@dataclass(frozen=True)
class Version:
    """One version of one object, and where a copy of it is."""

    key: str
    version: str
    """Empty for the current one: a bucket without versions has no other."""
    bytes: int
    kept: str = ""
    """The key of the copy."""


@dataclass(frozen=True)
class Kept:
    """What was copied of one bucket or object; its note is written last."""

    id: str
    becomes: str
    key: str
    """The idempotency key of the call."""
    made: float
    bucket: str
    object: str
    """The key of a single object; empty for a whole bucket."""
    versions: tuple[Version, ...]

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.made))
        count, total = counted(len(self.versions), "versions"), size(sum(one.bytes for one in self.versions))
        return f"{count}, {total}, of {self.id} at {when}"


@dataclass(frozen=True, kw_only=True)
class S3Versions(AwsService):
    """Keeps what is in a bucket, or one object, with all its versions: ``S3Versions(keep="shop-kept")``.

    For ``Bucket``, ``BucketV2``, ``BucketObject`` and ``BucketObjectv2`` of ``aws:s3``, not for policies and the like.
    The AWS provider deletes an object with all its versions (hashicorp/terraform-provider-aws, issue 4500), and so it
    does with a bucket that has `forceDestroy`: versions in the same bucket are therefore no copy. Restored versions
    have the old order and new ids. Delete markers are not kept; an object that was deleted last stays away.
    """

    keep: str
    """The bucket for copies, which must exist."""
    prefix: str = "pulumi-rewind/"
    current: bool = False
    """Only the current version of each object."""

    service: ClassVar = "s3"

    def undo_create(self, ctx: UndoContext) -> Delete:
        """The bucket or object is going to be deleted: everything is copied."""
        assert ctx.new is not None
        client = self.client(ctx.new)
        if ctx.dry_run:
            client.head_bucket(Bucket=self.keep)
            found = list(self._versions(client, *_place(ctx.new)))
            total = size(sum(one.bytes for one in found))
            return Delete(f"copies it first: {counted(len(found), 'versions')}, {total}, to {self.keep}")
        return Delete(f"kept {self._copied(client, ctx, ctx.new)}")

    def undo_delete(self, ctx: UndoContext) -> Generator[Recreate, UndoResource, Recreate | None]:
        """The bucket or object is going to be created again: the newest copy comes back into it."""
        assert ctx.old is not None
        client = self.client(ctx.old)
        mine = [kept for kept in self._notes(client, ctx, ctx.old) if ctx.old.id in {kept.id, kept.becomes}]
        if not mine:
            return self.no_copy(f"{self.keep} has no copy of {ctx.old.id}, which was {ctx.old.name}", "Look elsewhere.")
        kept = max(mine, key=lambda one: one.made)
        made = yield Recreate(note=f"then copies back {kept}")
        self._back(client, ctx, kept, made)
        return None

    def undo_update(self, ctx: UndoContext) -> Generator[Recreate, UndoResource, None]:
        """The bucket or object is going to be replaced: everything moves into the new one."""
        assert ctx.new is not None
        client = self.client(ctx.new)
        if ctx.replaces:
            if ctx.dry_run:
                yield Recreate(note=f"copies it first, to {self.keep}")
                return
            kept = self._copied(client, ctx, ctx.new)
        else:
            mine = [one for one in self._notes(client, ctx, ctx.new) if one.key == ctx.idempotency_key]
            if not ctx.again or not mine:
                return
            kept = max(mine, key=lambda one: one.made)
        made = yield Recreate(note=f"then copies back {kept}")
        self._back(client, ctx, kept, made)

    def _copied(self, client: Any, ctx: UndoContext, res: UndoResource) -> Kept:
        bucket, name = _place(res)
        made = time.time()
        folder = (
            f"{self._folder(ctx, res)}{time.strftime('%Y%m%dT%H%M%S', time.gmtime(made))}-{ctx.idempotency_key[:12]}/"
        )
        found = [
            dataclasses.replace(one, kept=f"{folder}{at:08d}")
            for at, one in enumerate(self._versions(client, bucket, name))
        ]
        for at, one in enumerate(found):
            source = {"Bucket": bucket, "Key": one.key, **({"VersionId": one.version} if one.version else {})}
            _copy(client, source, self.keep, one.kept)
            self._same(client, self.keep, one.kept, one)
            ctx.progress(at + 1, len(found), "versions")
        becomes = ctx.old.id if ctx.old is not None else ""
        kept = Kept(res.id, becomes, ctx.idempotency_key, made, bucket, name, tuple(found))
        client.put_object(
            Bucket=self.keep, Key=f"{folder}note.json", Body=json.dumps(dataclasses.asdict(kept)).encode()
        )
        ctx.log(f"{res.name}: {kept}, to {self.keep}/{folder}")
        return kept

    def _back(self, client: Any, ctx: UndoContext, kept: Kept, made: UndoResource) -> None:
        bucket, name = _place(made)
        for at, one in enumerate(kept.versions):
            key = name or one.key
            _copy(client, {"Bucket": self.keep, "Key": one.kept}, bucket, key)
            self._same(client, bucket, key, one)
            ctx.progress(at + 1, len(kept.versions), "versions")
        total = size(sum(one.bytes for one in kept.versions))
        ctx.log(f"{made.name}: {counted(len(kept.versions), 'versions')}, {total}, back in {made.id}")

    def _same(self, client: Any, bucket: str, key: str, one: Version) -> None:
        length = client.head_object(Bucket=bucket, Key=key)["ContentLength"]
        if length != one.bytes:
            raise CopyError(f"the copy of {one.key} in {bucket} has {length} bytes, and it had {one.bytes}")

    def _versions(self, client: Any, bucket: str, name: str) -> Iterator[Version]:
        """What is to be copied, of each key the oldest first; nothing of a key that was deleted last."""
        pages = client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=name)
        found: dict[str, list[Version]] = {}
        gone: set[str] = set()
        for page in pages:
            gone |= {one["Key"] for one in page.get("DeleteMarkers") or () if one["IsLatest"]}
            for one in page.get("Versions") or ():
                if (not name or one["Key"] == name) and (one["IsLatest"] or not self.current):
                    version = "" if one["IsLatest"] else one["VersionId"]
                    found.setdefault(one["Key"], []).insert(0, Version(one["Key"], version, one["Size"]))
        for key in sorted(found.keys() - gone):
            yield from found[key]

    def _notes(self, client: Any, ctx: UndoContext, res: UndoResource) -> Iterator[Kept]:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=self.keep, Prefix=self._folder(ctx, res)):
            for key in (one["Key"] for one in page.get("Contents") or () if one["Key"].endswith("/note.json")):
                note = json.loads(client.get_object(Bucket=self.keep, Key=key)["Body"].read())
                yield Kept(**{**note, "versions": tuple(Version(**one) for one in note["versions"])})

    def _folder(self, ctx: UndoContext, res: UndoResource) -> str:
        digest = hashlib.sha256(res.urn.encode()).hexdigest()[:16]
        return f"{self.prefix}{ctx.stack.replace('/', '.')}/{digest}/"


def _copy(client: Any, source: dict[str, str], bucket: str, key: str) -> None:
    """Copies a version within S3: in one piece as long as S3 can, as older versions of boto3 give parts no metadata."""
    config = package("boto3.s3.transfer").TransferConfig(multipart_threshold=LARGEST)
    client.copy(source, bucket, key, Config=config)


def _place(res: UndoResource) -> tuple[str, str]:
    """The bucket, and the key of a single object; the id of an object is its key, or bucket and key."""
    given = {**plain(res.inputs), **plain(res.outputs)}
    key = given.get("key")
    return (str(given.get("bucket") or res.id), str(key)) if key else (str(given.get("bucket") or res.id), "")
