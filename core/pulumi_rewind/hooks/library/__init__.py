"""Ready-made undo callbacks: data is kept before an object goes, and comes back with it.

One object for each kind of data, declared for the resources that hold it::

    import pulumi_rewind as rewind
    from pulumi_rewind.hooks.library import RdsSnapshot

    rewind.undo(type="aws:rds/instance:Instance", timeout=3600)(RdsSnapshot())

docs/hooks.md has a table of them. Nothing here needs a package before it is called.
"""

from pulumi_rewind.hooks.library.dynamodb import DynamoDbTable
from pulumi_rewind.hooks.library.forward import before_delete
from pulumi_rewind.hooks.library.kubernetes import PodFiles, VolumeSnapshot
from pulumi_rewind.hooks.library.postgres import PostgresDump
from pulumi_rewind.hooks.library.s3 import S3Versions
from pulumi_rewind.hooks.library.snapshots import EbsSnapshot, RdsSnapshot
from pulumi_rewind.hooks.library.sqlite import SqliteCopy

__all__ = [
    "DynamoDbTable",
    "EbsSnapshot",
    "PodFiles",
    "PostgresDump",
    "RdsSnapshot",
    "S3Versions",
    "SqliteCopy",
    "VolumeSnapshot",
    "before_delete",
]
