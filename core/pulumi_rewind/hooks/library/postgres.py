"""PostgreSQL databases, by ``pg_dump``, ``pg_restore`` and ``psql``."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource
from pulumi_rewind.hooks.library.file_copies import FileCopies
from pulumi_rewind.hooks.library.programs import plain, run, size, streamed

VARIABLES: Final = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "dbname": "PGDATABASE",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "passfile": "PGPASSFILE",
    "service": "PGSERVICE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}
"""libpq's parameters and the environment variables that it takes them from (its documentation, 32.15)."""

INSTALL: Final = "Install the PostgreSQL client programs, or name their folder: `PostgresDump(programs=…)`."


@dataclass(frozen=True, kw_only=True)
class PostgresDump(FileCopies):
    """Keeps and restores one PostgreSQL database::

        PostgresDump(connection=lambda db: {"host": db.outputs["address"], "port": 5432, "dbname": "orders",
                                            "user": "shop", "password": db.inputs["password"]})

    Dumped are schema and data; not the roles of the server, and without `owners` neither who owns what nor grants.
    Passwords reach the programs by their environment.
    """

    connection: Callable[[UndoResource], Mapping[str, Any]]
    """The parameters of libpq for a resource, see `VARIABLES`; a `Secret` is opened."""
    owners: bool = False
    """Restores owners and grants as well; the roles have to be there then."""
    programs: str | os.PathLike[str] = ""
    """The folder of ``pg_dump``, ``pg_restore`` and ``psql``; by default they are looked for on PATH."""

    suffix: ClassVar = ".dump"
    unit: ClassVar = "rows"

    def look(self, res: UndoResource) -> str:
        """How large the database is; the server answers, and ``pg_dump`` is new enough for it."""
        server, length = self._ask(
            res, "select current_setting('server_version_num');\nselect pg_database_size(current_database());\n"
        )
        mine = run([self._program("pg_dump"), "--version"], install=INSTALL).split()[2]
        if int(mine.partition(".")[0].rstrip("abcdefghijklmnopqrstuvwxyz")) < server // 10000:
            raise CopyError(
                f"pg_dump {mine} is older than the server, which is PostgreSQL {server // 10000}", hint=INSTALL
            )
        return size(length)

    def save(self, ctx: UndoContext, res: UndoResource, file: Path) -> Mapping[str, int]:
        """Dumps it in PostgreSQL's own format, then reads the whole dump and counts its rows."""
        ctx.progress(0, 0, "pg_dump")
        run(
            [self._program("pg_dump"), "--format=custom", "--no-password", f"--file={file}"],
            environ=self._environ(res),
            install=INSTALL,
        )
        return self._rows_in(file)

    def load(self, ctx: UndoContext, file: Path, res: UndoResource) -> Mapping[str, int]:
        """Restores it in one transaction: objects of the dump that exist already are replaced."""
        environ = self._environ(res)
        name = environ.get("PGDATABASE") or environ.get("PGUSER") or ""
        quoted = name.replace("\\", "\\\\").replace("'", "\\'")
        owners: list[str] = [] if self.owners else ["--no-owner", "--no-privileges"]
        ctx.progress(0, 0, "pg_restore")
        run(
            [
                self._program("pg_restore"),
                "--clean",
                "--if-exists",
                "--single-transaction",
                "--exit-on-error",
                "--no-password",
                *owners,
                f"--dbname=dbname='{quoted}'" if quoted else "--dbname=",
                str(file),
            ],
            environ=environ,
            install=INSTALL,
        )
        tables = sorted(self._rows_in(file))
        counts = self._ask(res, "".join(f"select count(*) from only {table};\n" for table in tables))  # noqa: S608
        return dict(zip(tables, counts, strict=True))

    def _rows_in(self, file: Path) -> dict[str, int]:
        """Rows by table, quoted as in SQL: lines between ``COPY … FROM stdin;`` and ``\\.`` of the dump as text."""
        counts: dict[str, int] = {}
        table = ""
        with streamed([self._program("pg_restore"), "--data-only", "--file=-", file]) as output:
            for line in output:
                if table:
                    if line == b"\\.\n":
                        table = ""
                    else:
                        counts[table] += 1
                elif line.startswith(b"COPY ") and line.endswith(b"FROM stdin;\n"):
                    table = _table(line.decode())
                    counts.setdefault(table, 0)
        if table:
            raise CopyError(f"the dump {file} ends within {table}")
        return counts

    def _ask(self, res: UndoResource, text: str) -> list[int]:
        command = [
            str(self._program("psql")), "--no-psqlrc", "--no-password", "--quiet", "--tuples-only", "--no-align",
            "--set=ON_ERROR_STOP=1", "--file=-",
        ]  # fmt: skip
        said = run(command, environ=self._environ(res), text=text, install=INSTALL)
        return [int(line) for line in said.split()]

    def _environ(self, res: UndoResource) -> dict[str, str]:
        given = {key: value for key, value in self.connection(res).items() if value is not None}
        unknown = sorted(set(given) - set(VARIABLES))
        if unknown:
            raise CopyError(
                f"{unknown[0]!r} is no parameter of a connection", hint=f"There are {', '.join(sorted(VARIABLES))}."
            )
        return {VARIABLES[key]: _text(plain(value)) for key, value in given.items()}

    def _program(self, name: str) -> Path:
        return Path(self.programs) / name


def _table(line: str) -> str:
    """The table of ``COPY public."my table" (id, name) FROM stdin;``; a quoted name may have anything in it."""
    name = line.removeprefix("COPY ")
    quoted = False
    for at, char in enumerate(name):
        if char == '"':
            quoted = not quoted
        elif char == " " and not quoted:
            return name[:at]
    raise CopyError(f"a line of a dump can't be understood: {line[:80]}")


def _text(value: Any) -> str:
    """A parameter as text; numbers come from states as floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
