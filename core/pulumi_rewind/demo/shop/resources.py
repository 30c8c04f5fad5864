"""The kinds of resources that the shop is made of, as Pulumi dynamic providers.

Each makes something that is really there under the project's ``machine/`` directory and gets a new id whenever it is
re-created, as cloud resources do.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from . import server


class MachineProvider(ResourceProvider):
    """What all of them share: where they put things, and how they compare."""

    serialize_as_secret_always = False
    replaced_by: ClassVar[tuple[str, ...]] = ()
    """Inputs that can't be changed in place."""
    updated_by: ClassVar[tuple[str, ...]] = ()
    delete_first: ClassVar[bool] = False
    """The old one is in the way of the new one."""

    def __init__(self, machine: str) -> None:
        self.machine = machine

    def folder(self, name: str) -> Path:
        """A directory on this machine."""
        path = Path(self.machine) / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compares what the program sets; what isn't known yet counts as changed."""
        changed = {key for key in (*self.replaced_by, *self.updated_by) if _olds.get(key) != _news.get(key)}
        return DiffResult(
            changes=bool(changed),
            replaces=sorted(changed & set(self.replaced_by)),
            stables=[],
            delete_before_replace=self.delete_first,
        )


def _machine() -> str:
    return pulumi.Config().require("machine")


# -- a SQLite database ----------------------------------------------------------------------------------------------


class DatabaseProvider(MachineProvider):
    """A SQLite file. Its text encoding is fixed when it is made, so another one means another database."""

    replaced_by = ("encoding",)
    updated_by = ("password",)
    delete_first = True

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Makes an empty database that knows a fingerprint of its password."""
        identity = f"db-{uuid.uuid4().hex[:8]}"
        path = self.folder("databases") / f"{identity}.sqlite"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f'PRAGMA encoding = "{props["encoding"]}"')
            connection.execute("CREATE TABLE access (id INTEGER PRIMARY KEY CHECK (id = 1), fingerprint TEXT)")
        _set_password(path, props["password"])
        return CreateResult(identity, {**props, "path": str(path)})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Changes the password."""
        _set_password(Path(_olds["path"]), _news["password"])
        return UpdateResult({**_news, "path": _olds["path"]})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Removes the file."""
        Path(_props["path"]).unlink(missing_ok=True)


def _set_password(path: Path, password: str) -> None:
    fingerprint = hashlib.pbkdf2_hmac("sha256", password.encode(), path.name.encode(), 10_000).hex()
    with closing(_connect(path)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO access VALUES (1, ?)", (fingerprint,))


def _connect(path: Path) -> sqlite3.Connection:
    """An existing database; a missing one is an error, not a new file."""
    return sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)


class Database(Resource, module="shop", name="Database"):
    """A database of the shop."""

    path: pulumi.Output[str]

    def __init__(
        self, name: str, *, encoding: str, password: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        props = {"encoding": encoding, "password": password, "path": None}
        super().__init__(DatabaseProvider(_machine()), name, props, opts)


# -- a table with its rows ------------------------------------------------------------------------------------------


class DatasetProvider(MachineProvider):
    """A table and the rows that belong in it."""

    replaced_by = ("database", "table", "columns")
    updated_by = ("rows",)
    delete_first = True

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Makes and fills the table."""
        with closing(_connect(Path(props["path"]))) as connection, connection:
            connection.execute(f"CREATE TABLE {_quoted(props['table'])} ({', '.join(map(_quoted, props['columns']))})")
        _fill(props)
        return CreateResult(f"{props['database']}/{props['table']}", props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Puts exactly these rows into the table."""
        _fill(_news)
        return UpdateResult(_news)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Drops the table, if its database is still there."""
        if Path(_props["path"]).exists():
            with closing(_connect(Path(_props["path"]))) as connection, connection:
                connection.execute(f"DROP TABLE IF EXISTS {_quoted(_props['table'])}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _fill(props: Mapping[str, Any]) -> None:
    places = ", ".join("?" for _ in props["columns"])
    with closing(_connect(Path(props["path"]))) as connection, connection:
        connection.execute(f"DELETE FROM {_quoted(props['table'])}")  # noqa: S608 - quoted
        insert = f"INSERT INTO {_quoted(props['table'])} VALUES ({places})"  # noqa: S608 - quoted
        connection.executemany(insert, [[row[name] for name in props["columns"]] for row in props["rows"]])


class Dataset(Resource, module="shop", name="Dataset"):
    """A table of a database, with its rows."""

    table: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        database: Database,
        columns: Sequence[str],
        rows: Sequence[Mapping[str, Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"database": database.id, "path": database.path, "table": name, "columns": columns, "rows": rows}
        super().__init__(DatasetProvider(_machine()), name, props, opts)


# -- a change of the data -------------------------------------------------------------------------------------------


class MigrationProvider(MachineProvider):
    """One SQL statement, run once."""

    replaced_by = ("database", "sql")

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Runs the statement; what SQLite says against it is the provider's error."""
        with closing(_connect(Path(props["path"]))) as connection, connection:
            connection.execute(props["sql"])
        return CreateResult(f"mig-{uuid.uuid4().hex[:8]}", props)


class Migration(Resource, module="shop", name="Migration"):
    """A change of the data in a database."""

    def __init__(self, name: str, *, database: Database, sql: str, opts: pulumi.ResourceOptions | None = None) -> None:
        props = {"database": database.id, "path": database.path, "sql": sql}
        super().__init__(MigrationProvider(_machine()), name, props, opts)


# -- a configuration file -------------------------------------------------------------------------------------------


class ConfigFileProvider(MachineProvider):
    """A JSON file."""

    updated_by = ("content",)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Writes the file under a name that nothing else has."""
        identity = f"cfg-{uuid.uuid4().hex[:8]}"
        path = self.folder("config") / f"{identity}.json"
        path.write_text(props["content"] + "\n", encoding="utf-8")
        return CreateResult(identity, {**props, "path": str(path)})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Writes the file again."""
        Path(_olds["path"]).write_text(_news["content"] + "\n", encoding="utf-8")
        return UpdateResult({**_news, "path": _olds["path"]})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Removes the file."""
        Path(_props["path"]).unlink(missing_ok=True)


class ConfigFile(Resource, module="shop", name="ConfigFile"):
    """The configuration of a service."""

    path: pulumi.Output[str]

    def __init__(self, name: str, settings: Mapping[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        content = pulumi.Output.from_input(settings).apply(lambda known: json.dumps(known, indent=2))
        super().__init__(ConfigFileProvider(_machine()), name, {"content": content, "path": None}, opts)


# -- a service ------------------------------------------------------------------------------------------------------


class WebServerProvider(MachineProvider):
    """A web server in the background."""

    replaced_by = ("port",)
    updated_by = ("service", "version", "config")

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Starts the server."""
        identity = f"srv-{uuid.uuid4().hex[:8]}"
        self._start(identity, props)
        return CreateResult(identity, {**props, "url": f"http://{server.HOST}:{int(props['port'])}/"})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Starts it again."""
        server.stop(self._pid_file(_id))
        self._start(_id, _news)
        return UpdateResult({**_news, "url": _olds["url"]})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Stops the server."""
        server.stop(self._pid_file(_id))

    def _pid_file(self, identity: str) -> Path:
        return self.folder("servers") / f"{identity}.pid"

    def _start(self, identity: str, props: Mapping[str, Any]) -> None:
        server.start(
            self._pid_file(identity),
            service=props["service"],
            version=props["version"],
            port=int(props["port"]),
            config=props["config"],
        )


class WebServer(Resource, module="shop", name="WebServer"):
    """A service of the shop on this machine."""

    url: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        version: str,
        port: int,
        config: ConfigFile,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"service": name, "version": version, "port": port, "config": config.path, "url": None}
        super().__init__(WebServerProvider(_machine()), name, props, opts)
