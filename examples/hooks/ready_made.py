"""Ready-made undo callbacks, one for each kind of data: take the ones that you need into your ``rewind_hooks.py``.

docs/hooks.md has a table of what each needs, where it keeps its copies, and what it can't do.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pulumi_rewind as rewind
from pulumi_rewind.hooks.library import (
    DynamoDbTable,
    EbsSnapshot,
    PodFiles,
    PostgresDump,
    RdsSnapshot,
    S3Versions,
    SqliteCopy,
    VolumeSnapshot,
)

DATA = Path(os.environ.get("SHOP_DATA", "/srv/shop"))


def orders(database: rewind.UndoResource) -> dict[str, Any]:
    """How to reach a database; the password stays a secret until ``pg_dump`` gets it by its environment."""
    return {
        "host": database.outputs["address"],
        "port": database.outputs["port"],
        "user": database.inputs["username"],
        "password": database.inputs["password"],
        "dbname": "orders",
        "sslmode": "verify-full",
    }


rewind.undo(type="*:*:Database")(SqliteCopy(file=lambda db: DATA / f"{db.id}.sqlite"))
rewind.undo(name="orders-db", type="aws:rds/instance:Instance", timeout=3600)(PostgresDump(connection=orders))
rewind.undo(type="aws:rds/instance:Instance", timeout=7200)(RdsSnapshot())
rewind.undo(type="aws:ebs/volume:Volume", timeout=7200)(EbsSnapshot())
rewind.undo(type="aws:dynamodb/table:Table", timeout=7200)(DynamoDbTable())
rewind.undo(type=["aws:s3/bucket:Bucket", "aws:s3/bucketObjectv2:BucketObjectv2"], timeout=7200)(
    S3Versions(keep="shop-kept")
)
rewind.undo(type="*:PersistentVolumeClaim", timeout=3600)(VolumeSnapshot())
rewind.undo(type="*:StatefulSet", name="search", timeout=3600)(
    PodFiles(pod=lambda it: ("shop", f"{it.id.rpartition('/')[2]}-0"), path="/var/lib/search")
)
