"""Snapshots of RDS instances and EBS volumes: made before the object goes, and named when it is created again."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource
from pulumi_rewind.hooks.declare import Delete, Recreate
from pulumi_rewind.hooks.library.aws import MARK, AwsService, marks, tags_of, waited
from pulumi_rewind.hooks.library.programs import plain


@dataclass(frozen=True)
class Snapshot:
    """One finished snapshot."""

    id: str
    made: float
    """Unix seconds."""
    gigabytes: int
    key: str
    """The idempotency key of the call that made it, empty if none did."""

    def __str__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(self.made))
        return f"snapshot {self.id} ({self.gigabytes} GB, {when})"


@dataclass(frozen=True, kw_only=True)
class Snapshots(AwsService):
    """Makes a snapshot before an object is deleted or replaced, and has it created again from a snapshot.

    The engine creates it, with one input more that names the snapshot. The AWS provider computes that input where it is
    absent (`snapshot_id`, and `snapshot_identifier` since its pull request 18013, of March 2021), so that the next
    `pulumi up`, which does not have it, changes nothing.
    """

    replaced_by: Literal["live", "target"] = "live"
    """What a resource gets that is replaced: a snapshot of the live object, or the newest of the target's object.

    The live object's is made either way.
    """

    input: ClassVar[str]
    """The input that names a snapshot."""

    @abstractmethod
    def status(self, client: Any, res: UndoResource) -> tuple[str, int]:
        """The state of an object, and its size in gigabytes; an error of AWS where there is none."""

    @abstractmethod
    def begin(self, client: Any, ctx: UndoContext, res: UndoResource) -> str:
        """Begins a snapshot, as soon as the object allows it; returns its id."""

    @abstractmethod
    def progress(self, client: Any, snapshot: str) -> tuple[str, float]:
        """The state of a snapshot, and how many percent of it are done."""

    @abstractmethod
    def finished(self, client: Any, res: UndoResource, key: str = "") -> list[Snapshot]:
        """The finished snapshots of an object, also a deleted one, those that were made for it, and those of a call."""

    def undo_create(self, ctx: UndoContext) -> Delete:
        """The object is going to be deleted: a snapshot is made, and AWS says that it is complete."""
        assert ctx.new is not None
        client = self.client(ctx.new)
        if ctx.dry_run:
            state, gigabytes = self.status(client, ctx.new)
            return Delete(f"makes a snapshot first: {gigabytes} GB, {state}")
        return Delete(f"kept {self._made(client, ctx, ctx.new)}")

    def undo_delete(self, ctx: UndoContext) -> Generator[Recreate, UndoResource, Recreate | None]:
        """The object is going to be created again: from its newest snapshot."""
        assert ctx.old is not None
        snapshot = self._newest(self.client(ctx.old), ctx.old)
        if snapshot is None:
            return self._nothing(ctx.old)
        made = yield Recreate({self.input: snapshot.id}, f"from {snapshot}")
        self._came(ctx, made, snapshot)
        return None

    def undo_update(self, ctx: UndoContext) -> Generator[Recreate, UndoResource, Recreate | None]:
        """The object is going to be replaced: by one from a snapshot; one that stays is left alone."""
        assert ctx.old is not None
        assert ctx.new is not None
        client, key = self.client(ctx.new), ctx.idempotency_key
        if not ctx.replaces:  # it stays, or has been replaced already
            mine = [one for one in self.finished(client, ctx.new, key) if one.key == key] if ctx.again else []
            if not mine:
                return None
            live = max(mine, key=lambda one: one.made)
        elif not ctx.dry_run:
            live = self._made(client, ctx, ctx.new)
        elif self.replaced_by == "live":
            state, gigabytes = self.status(client, ctx.new)
            return Recreate(note=f"from a snapshot: {gigabytes} GB, {state}")
        snapshot = live if self.replaced_by == "live" else self._newest(client, ctx.old, other_than=key)
        if snapshot is None:
            return self._nothing(ctx.old)
        made = yield Recreate({self.input: snapshot.id}, f"from {snapshot}")
        self._came(ctx, made, snapshot)
        return None

    def _made(self, client: Any, ctx: UndoContext, res: UndoResource) -> Snapshot:
        name = self.begin(client, ctx, res)
        ctx.log(f"{res.name}: waiting for snapshot {name} of {res.id}")
        waited(
            ctx,
            f"snapshot {name}",
            lambda: self.progress(client, name),
            done=("available", "completed"),
            failed=("failed", "error", "deleting", "deleted"),
        )
        for one in self.finished(client, res):
            if one.id == name:
                return one
        raise CopyError(f"snapshot {name} is finished, but AWS does not list it", hint="Run `pulumi-rewind resume`.")

    def _newest(self, client: Any, res: UndoResource, *, other_than: str = "") -> Snapshot | None:
        found = [one for one in self.finished(client, res) if not one.key or one.key != other_than]
        return max(found, key=lambda one: one.made, default=None)

    def _nothing(self, res: UndoResource) -> Recreate:
        return self.no_copy(f"there is no snapshot of {res.id}, which was {res.name}", "Look for another copy.")

    def _came(self, ctx: UndoContext, made: UndoResource, snapshot: Snapshot) -> None:
        state, gigabytes = self.status(self.client(made), made)
        ctx.log(f"{made.name}: {made.id} comes from {snapshot}; it has {gigabytes} GB and is {state}")


@dataclass(frozen=True, kw_only=True)
class RdsSnapshot(Snapshots):
    """Keeps and restores an RDS instance, ``aws:rds/instance:Instance``; any snapshot of it that is there serves.

    That includes the final snapshot that the provider makes if the program asks for it, and those of AWS Backup.
    """

    service: ClassVar = "rds"
    input: ClassVar = "snapshotIdentifier"

    def status(self, client: Any, res: UndoResource) -> tuple[str, int]:
        """``available`` or another of RDS's states."""
        [found] = client.describe_db_instances(DBInstanceIdentifier=_identifier(res))["DBInstances"]
        return found["DBInstanceStatus"], found["AllocatedStorage"]

    def begin(self, client: Any, ctx: UndoContext, res: UndoResource) -> str:
        """RDS makes one snapshot of an instance at a time."""
        identifier = _identifier(res)
        ready, never = ("available", "stopped", "storage-full"), ("deleting", "failed", "restore-error")
        waited(ctx, f"instance {identifier}", lambda: (self.status(client, res)[0], 0.0), ready, never)
        now = time.time()
        # To the millisecond: a snapshot of a small instance may be there within the second, and the next one begin.
        name = f"rewind-{identifier}-{time.strftime('%Y%m%d%H%M%S', time.gmtime(now))}{int(now % 1 * 1000):03}"
        client.create_db_snapshot(DBInstanceIdentifier=identifier, DBSnapshotIdentifier=name, Tags=marks(ctx, res))
        return name

    def progress(self, client: Any, snapshot: str) -> tuple[str, float]:
        """As RDS tells."""
        [found] = client.describe_db_snapshots(DBSnapshotIdentifier=snapshot)["DBSnapshots"]
        return found["Status"], found.get("PercentProgress") or 0.0

    def finished(self, client: Any, res: UndoResource, key: str = "") -> list[Snapshot]:
        """A snapshot belongs to the name of its instance, and in our tags to the one it was made for."""
        pages = client.get_paginator("describe_db_snapshots").paginate()
        wanted = {_identifier(res), res.id}
        found = []
        for one in (one for page in pages for one in page["DBSnapshots"] if one["Status"] == "available"):
            tags = tags_of(one, "TagList")
            its = {one["DBInstanceIdentifier"], one.get("DbiResourceId"), tags.get(f"{MARK}-for")}
            if wanted & its or (key and tags.get(MARK) == key):
                made = one["SnapshotCreateTime"].timestamp()
                found.append(Snapshot(one["DBSnapshotIdentifier"], made, one["AllocatedStorage"], tags.get(MARK, "")))
        return found


@dataclass(frozen=True, kw_only=True)
class EbsSnapshot(Snapshots):
    """Keeps and restores an EBS volume, ``aws:ebs/volume:Volume``; any finished snapshot of it serves.

    A snapshot of a volume that is in use is what the disk would be after a power failure.
    """

    service: ClassVar = "ec2"
    input: ClassVar = "snapshotId"

    def status(self, client: Any, res: UndoResource) -> tuple[str, int]:
        """``available``, ``in-use`` or another of EC2's states."""
        [found] = client.describe_volumes(VolumeIds=[res.id])["Volumes"]
        return found["State"], found["Size"]

    def begin(self, client: Any, ctx: UndoContext, res: UndoResource) -> str:
        """EC2 copies in the background what is on the volume now."""
        tags = [{"ResourceType": "snapshot", "Tags": marks(ctx, res)}]
        done = client.create_snapshot(
            VolumeId=res.id, Description=f"before a rollback, {ctx.stack}", TagSpecifications=tags
        )
        return str(done["SnapshotId"])

    def progress(self, client: Any, snapshot: str) -> tuple[str, float]:
        """As EC2 tells."""
        [found] = client.describe_snapshots(SnapshotIds=[snapshot])["Snapshots"]
        return found["State"], float(str(found.get("Progress") or "0").rstrip("%") or 0)

    def finished(self, client: Any, res: UndoResource, key: str = "") -> list[Snapshot]:
        """A snapshot remembers its volume, and in our tags the one it was made for."""
        found = {}
        for name, value in (("volume-id", res.id), (f"tag:{MARK}-for", res.id), (f"tag:{MARK}", key)):
            if not value:
                continue
            filters = [{"Name": name, "Values": [value]}, {"Name": "status", "Values": ["completed"]}]
            pages = client.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], Filters=filters)
            for one in (one for page in pages for one in page["Snapshots"]):
                made, of = one["StartTime"].timestamp(), tags_of(one, "Tags").get(MARK, "")
                found[one["SnapshotId"]] = Snapshot(one["SnapshotId"], made, one["VolumeSize"], of)
        return list(found.values())


def _identifier(res: UndoResource) -> str:
    """The name of an instance; its id in Pulumi is another one from version 6 of the provider on."""
    given: Mapping[str, Any] = {**res.inputs, **res.outputs}
    return str(plain(given.get("identifier")) or res.id)
