"""DynamoDB tables: backups before a table goes, restored by DynamoDB; and a table as it was at a moment before."""

from __future__ import annotations

import datetime
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource
from pulumi_rewind.hooks.declare import Delete, Recreate, Restored
from pulumi_rewind.hooks.library.aws import AwsService, waited
from pulumi_rewind.hooks.library.programs import counted


@dataclass(frozen=True, kw_only=True)
class DynamoDbTable(AwsService):
    """Keeps and restores a table, ``aws:dynamodb/table:Table``, with its items.

    A table that was deleted comes back from its newest backup: ours, yours, or the one that AWS makes by itself when a
    table with point-in-time recovery is deleted. DynamoDB restores it under its name, and the engine adopts it. A table
    that is replaced gets the items of the live one.
    """

    rewinds: bool = False
    """A table that is restored in place gets the items that it had before the update that is undone began.

    It needs point-in-time recovery. Later items are lost but for the backup that is made before.
    """

    service: ClassVar = "dynamodb"

    def undo_create(self, ctx: UndoContext) -> Delete:
        """The table is going to be deleted: a backup is made, and AWS says that it is complete."""
        assert ctx.new is not None
        client = self.client(ctx.new)
        if ctx.dry_run:
            return Delete(f"makes a backup first: {_told(_table(client, ctx.new.id))}")
        return Delete(f"kept {self._backup(client, ctx, ctx.new)['BackupName']}")

    def undo_delete(self, ctx: UndoContext) -> Restored | Recreate:
        """The table is going to be created again: DynamoDB restores it before that."""
        assert ctx.old is not None
        client = self.client(ctx.old)
        backup = self._newest(client, ctx.old)
        if backup is None:
            return self.no_copy(
                f"there is no backup of the table {ctx.old.id}, which was {ctx.old.name}",
                "Turn on point-in-time recovery: AWS then keeps a backup of a table that is deleted.",
            )
        if ctx.dry_run:
            return Restored(f"{ctx.old.id} from backup {backup['BackupName']}, {_told(backup)}")
        self._restored(client, ctx, ctx.old.id, backup)
        ctx.log(f"{ctx.old.name}: {counted(_count(client, ctx.old.id), 'items')} back in {ctx.old.id}")
        return Restored(ctx.old.id)

    def undo_update(self, ctx: UndoContext) -> Generator[Recreate, UndoResource, None]:
        """The table is going to be replaced, or with `rewinds` changed: it gets its items afterwards."""
        assert ctx.new is not None
        client = self.client(ctx.new)
        if not ctx.again and not ctx.replaces and not self.rewinds:
            return
        if ctx.dry_run:
            yield Recreate(note=f"makes a backup first: {_told(_table(client, ctx.new.id))}")
            return
        aside = f"rewind-{ctx.idempotency_key[:24]}"
        if ctx.replaces:
            self._restored(client, ctx, aside, self._backup(client, ctx, ctx.new))
        elif not _there(client, aside):
            if not self.rewinds:
                yield Recreate(note="the items are back already")  # of the call that was interrupted at its very end
                return
            self._as_before(client, ctx, ctx.new, aside)
        made = yield Recreate(note=f"then loads {counted(_count(client, aside), 'items')} from {aside}")
        written, removed = _filled(ctx, client, aside, made.id)
        client.delete_table(TableName=aside)
        ctx.log(f"{made.name}: {counted(written, 'items')} back in {made.id}, {counted(removed, 'others')} removed")

    def _backup(self, client: Any, ctx: UndoContext, res: UndoResource) -> Any:
        name = f"rewind-{res.id}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}"
        arn = client.create_backup(TableName=res.id, BackupName=name)["BackupDetails"]["BackupArn"]

        def look() -> tuple[str, float]:
            return client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"], 0.0

        waited(ctx, f"backup {name}", look, ("AVAILABLE",), ("DELETED",))
        ctx.log(f"{res.name}: backup {name} of {res.id} is complete")
        return client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]

    def _newest(self, client: Any, res: UndoResource) -> Any:
        pages = client.get_paginator("list_backups").paginate(TableName=res.id, BackupType="ALL")
        found = [one for page in pages for one in page["BackupSummaries"] if one["BackupStatus"] == "AVAILABLE"]
        return max(found, key=lambda one: one["BackupCreationDateTime"], default=None)

    def _restored(self, client: Any, ctx: UndoContext, name: str, backup: Any) -> None:
        """A table from a backup; one that an earlier try has begun is waited for, a foreign one is an error."""
        if not _there(client, name):
            client.restore_table_from_backup(TargetTableName=name, BackupArn=backup["BackupArn"])
        elif not ctx.again:
            raise CopyError(
                f"there is a table {name} already", hint="Rename it, or have the rollback adopt it with `--adopt`."
            )
        _active(client, ctx, name)

    def _as_before(self, client: Any, ctx: UndoContext, res: UndoResource, name: str) -> None:
        if not ctx.update.start:
            raise CopyError("it isn't known when the update began that is undone", hint="Restore the table by hand.")
        moment = datetime.datetime.fromtimestamp(ctx.update.start - 1, datetime.timezone.utc)  # noqa: UP017 - 3.10
        self._backup(client, ctx, res)
        client.restore_table_to_point_in_time(SourceTableName=res.id, TargetTableName=name, RestoreDateTime=moment)
        _active(client, ctx, name)
        ctx.log(f"{res.id} as it was at {moment:%Y-%m-%d %H:%M:%S} UTC is in {name}")


def _table(client: Any, name: str) -> Any:
    return client.describe_table(TableName=name)["Table"]


def _there(client: Any, name: str) -> bool:
    try:
        _table(client, name)
    except client.exceptions.ResourceNotFoundException:
        return False
    return True


def _active(client: Any, ctx: UndoContext, name: str) -> None:
    waited(
        ctx, f"table {name}", lambda: (_table(client, name)["TableStatus"], 0.0), ("ACTIVE",), ("DELETING", "ARCHIVED")
    )


def _told(found: Any) -> str:
    """How large a table or backup is; DynamoDB counts items every six hours, so they are not told."""
    return f"about {found.get('TableSizeBytes') or found.get('BackupSizeBytes') or 0} bytes"


def _count(client: Any, name: str) -> int:
    pages = client.get_paginator("scan").paginate(TableName=name, Select="COUNT", ConsistentRead=True)
    return sum(page["Count"] for page in pages)


def _filled(ctx: UndoContext, client: Any, source: str, target: str) -> tuple[int, int]:
    """Makes a table hold exactly the items of another; returns how many were written and removed.

    Raises:
        CopyError: an item lacks the key of the target, which is another one then.
    """
    keys = [part["AttributeName"] for part in _table(client, target)["KeySchema"]]
    wanted: set[str] = set()
    surplus = 0
    for page in client.get_paginator("scan").paginate(TableName=source, ConsistentRead=True):
        missing = [key for key in keys for item in page["Items"] if key not in item]
        if missing:
            raise CopyError(
                f"items of {source} have no {missing[0]}, which is in the key of {target}",
                hint=f"The items are in the table {source}: move them by hand, then delete it.",
            )
        wanted |= {repr([item[key] for key in keys]) for item in page["Items"]}
        _write(client, target, [{"PutRequest": {"Item": item}} for item in page["Items"]])
        ctx.progress(len(wanted), 0, "items")
    for page in client.get_paginator("scan").paginate(TableName=target, ConsistentRead=True):
        others = [item for item in page["Items"] if repr([item[key] for key in keys]) not in wanted]
        _write(client, target, [{"DeleteRequest": {"Key": {key: item[key] for key in keys}}} for item in others])
        surplus += len(others)
    return len(wanted), surplus


def _write(client: Any, table: str, requests: list[dict[str, Any]]) -> None:
    while requests:
        batch, requests = requests[:25], requests[25:]  # as many as DynamoDB takes at once
        refused = client.batch_write_item(RequestItems={table: batch})["UnprocessedItems"].get(table, [])
        if refused:
            time.sleep(1)  # it is asked for more than it was made for
            requests += refused
