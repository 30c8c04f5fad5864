"""SQLite databases: a copy by SQLite's own backup, which is consistent while others write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource
from pulumi_rewind.hooks.library.file_copies import FileCopies
from pulumi_rewind.hooks.library.programs import size

PAGES = 4096
"""How many pages are copied between two reports."""


@dataclass(frozen=True, kw_only=True)
class SqliteCopy(FileCopies):
    """Keeps and restores a SQLite database: ``SqliteCopy(file=lambda db: DATA / f"{db.id}.sqlite")``.

    The copy is a database file. Restoring it replaces everything in the new database.
    """

    file: Callable[[UndoResource], str | os.PathLike[str]]
    """Where the database of a resource is."""

    suffix: ClassVar = ".sqlite"
    unit: ClassVar = "rows"

    def look(self, res: UndoResource) -> str:
        """How large the database is."""
        return size(self._file(res).stat().st_size)

    def save(self, ctx: UndoContext, res: UndoResource, file: Path) -> Mapping[str, int]:
        """Copies the database, checks the copy with ``pragma integrity_check`` and counts its rows."""
        source = f"file:{quote(str(self._file(res)))}?mode=ro"
        with closing(sqlite3.connect(source, uri=True)) as there, closing(sqlite3.connect(file)) as copy:
            _copy(ctx, there, copy)
            return _rows(copy, res)

    def load(self, ctx: UndoContext, file: Path, res: UndoResource) -> Mapping[str, int]:
        """Copies it back in one transaction, so that a reader sees the old content or the new."""
        target = Path(self.file(res))
        with closing(sqlite3.connect(file)) as copy, closing(sqlite3.connect(target)) as there:
            _copy(ctx, copy, there)
            return _rows(there, res)

    def _file(self, res: UndoResource) -> Path:
        place = Path(self.file(res))
        if not place.is_file():
            raise CopyError(f"there is no database {place}", hint="`file` of SqliteCopy says where it is.")
        return place


def _copy(ctx: UndoContext, source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    source.backup(target, pages=PAGES, progress=lambda _, left, all_: ctx.progress(all_ - left, all_, "pages"))


def _rows(connection: sqlite3.Connection, res: UndoResource) -> dict[str, int]:
    wrong = [line for (line,) in connection.execute("pragma integrity_check") if line != "ok"]
    if wrong:
        raise CopyError(f"the database of {res.name} is damaged: {wrong[0]}", hint="Repair it first.")
    found = connection.execute("select name from sqlite_master where type = 'table'").fetchall()
    counts = {}
    for name in sorted(name for (name,) in found if not name.startswith("sqlite_")):
        quoted = name.replace('"', '""')
        counts[name] = connection.execute(f'select count(*) from "{quoted}"').fetchone()[0]  # noqa: S608 - quoted
    return counts
