"""A file backend's files as rows of a PostgreSQL table, without the engine."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

SCHEMA = """
CREATE TABLE {0} (key TEXT PRIMARY KEY, data JSON NOT NULL, updated_at TIMESTAMPTZ NOT NULL DEFAULT now());
CREATE INDEX {1}_key_prefix_idx ON {0} (key text_pattern_ops);
"""
"""As the CLI makes a table."""


def row(content: bytes) -> str:
    """A file's content as the CLI keeps it."""
    return json.dumps({"data": base64.b64encode(content).decode()})


def put_rows(connection: Connection[Any], directory: Path, before: str, table: str = "pulumi_state") -> None:
    """Makes the table, and puts every file below a directory into it; `before` comes before the keys."""
    connection.execute(SCHEMA.format(table, re.sub(r"\W", "_", table)))
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} (key, data) VALUES (%s, %s)",
            [
                (before + path.relative_to(directory).as_posix(), row(path.read_bytes()))
                for path in sorted(directory.rglob("*"))
                if path.is_file()
            ],
        )
