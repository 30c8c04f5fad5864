"""DynamoDB tables: backups before a table goes, restored by DynamoDB; and a table as it was at a moment before."""

from __future__ import annotations

import datetime
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource, UndoUpdate
from pulumi_rewind.hooks.declare import Delete, Recreate, Restored
from pulumi_rewind.hooks.library.aws import AwsService, waited
from pulumi_rewind.hooks.library.programs import counted, plain


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
        return Delete(f"kept {self._backup(client, ctx, ctx.new, 'deleted')['BackupName']}")

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
        assert ctx.old is not None
        assert ctx.new is not None
        client = self.client(ctx.new)
        backup = None
        if ctx.replaces:
            _check_keys(client, ctx.old, ctx.new)
        elif ctx.again:  # what has been replaced already holds nothing that is worth a backup
            backup = self._of_call(client, ctx)
        if backup is None and not ctx.replaces:
            if not self.rewinds:
                return
            _check_recovery(client, ctx.new, ctx.update)
        if ctx.dry_run:
            yield Recreate(note=f"makes a backup first: {_told(_table(client, ctx.new.id))}")
            return
        if backup is None:
            backup = self._backup(client, ctx, ctx.new, "replaced" if ctx.replaces else "changed")
        name = str(backup["BackupName"])
        rewinds = name.startswith(_name(ctx, "changed"))
        made = yield Recreate(note=f"then loads {'the items of before the update' if rewinds else name}")
        aside = f"rewind-{ctx.idempotency_key[:24]}"
        if not _there(client, aside):
            if rewinds:
                moment = _before(ctx.update)
                client.restore_table_to_point_in_time(
                    SourceTableName=made.id, TargetTableName=aside, RestoreDateTime=moment
                )
                ctx.log(f"{made.id} as it was at {moment:%Y-%m-%d %H:%M:%S} UTC is restored in {aside}")
            else:
                client.restore_table_from_backup(TargetTableName=aside, BackupArn=backup["BackupArn"])
        _active(client, ctx, aside)
        written, removed = _filled(ctx, client, aside, made.id)
        client.delete_table(TableName=aside)
        ctx.log(f"{made.name}: {counted(written, 'items')} back in {made.id}, {counted(removed, 'others')} removed")

    def _backup(self, client: Any, ctx: UndoContext, res: UndoResource, why: str) -> Any:
        name = _name(ctx, why) + time.strftime("%Y%m%d%H%M%S", time.gmtime())
        arn = client.create_backup(TableName=res.id, BackupName=name)["BackupDetails"]["BackupArn"]

        def look() -> tuple[str, float]:
            return client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"], 0.0

        waited(ctx, f"backup {name}", look, ("AVAILABLE",), ("DELETED",))
        ctx.log(f"{res.name}: backup {name} of {res.id} is complete")
        return {"BackupName": name, "BackupArn": arn}

    def _of_call(self, client: Any, ctx: UndoContext) -> Any:
        """The newest backup that an earlier try of this call has made."""
        pages = client.get_paginator("list_backups").paginate()
        begins = _name(ctx, "")
        found = [one for page in pages for one in page["BackupSummaries"] if one["BackupName"].startswith(begins)]
        return max(found, key=lambda one: one["BackupCreationDateTime"], default=None)

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


def _name(ctx: UndoContext, why: str) -> str:
    """How the names of the backups of a call begin, of all or of those that were made for a reason."""
    return f"rewind-{ctx.idempotency_key[:12]}-" + (f"{why}-" if why else "")


def _before(update: UndoUpdate) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(update.start - 1, datetime.timezone.utc)  # noqa: UP017 - 3.10


def _check_recovery(client: Any, res: UndoResource, update: UndoUpdate) -> None:
    """Raises CopyError where a table can't be restored as it was before an update."""
    if not update.start:
        raise CopyError("it isn't known when the update began that is undone", hint="Restore the table by hand.")
    found = client.describe_continuous_backups(TableName=res.id)["ContinuousBackupsDescription"]
    found = found.get("PointInTimeRecoveryDescription") or {}
    if found.get("PointInTimeRecoveryStatus") != "ENABLED":
        raise CopyError(f"{res.id} has no point-in-time recovery", hint="Turn it on, or leave out `rewinds`.")
    earliest = found.get("EarliestRestorableDateTime")
    if earliest is not None and earliest > _before(update):
        raise CopyError(
            f"{res.id} can be restored as it was at {earliest} at the earliest", hint="Leave out `rewinds`."
        )


def _check_keys(client: Any, old: UndoResource, new: UndoResource) -> None:
    """Raises CopyError where items of the live table lack the key of the one that takes its place."""
    for key in filter(None, (plain(old.inputs.get(name)) for name in ("hashKey", "rangeKey"))):
        if key not in {plain(new.inputs.get(name)) for name in ("hashKey", "rangeKey")}:
            scan = client.get_paginator("scan").paginate(
                TableName=new.id,
                Select="COUNT",
                FilterExpression="attribute_not_exists(#key)",
                ExpressionAttributeNames={"#key": key},
            )
            if lacking := sum(page["Count"] for page in scan):
                raise CopyError(
                    f"{counted(lacking, 'items')} of {new.id} lack {key}, which is in the key of the table to come",
                    hint="Add it to the items, or leave the table out of the rollback.",
                )


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
                f"items of {source} lack {missing[0]}, which is in the key of {target}",
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
