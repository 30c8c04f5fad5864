"""What is really there: the services as curl sees them, the rows in the databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass

from pulumi_rewind.demo.folder import Demo


@dataclass(frozen=True)
class Service:
    """One service, asked over HTTP."""

    name: str
    url: str
    status: int
    """Of HTTP; 0 if nothing answers."""
    text: str

    @property
    def well(self) -> bool:
        """Whether it serves."""
        return self.status == 200


@dataclass(frozen=True)
class Table:
    """A table of a database with its rows, each as one text."""

    database: str
    name: str
    rows: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """Everything of a demo that can be seen without Pulumi."""

    services: tuple[Service, ...]
    tables: tuple[Table, ...]

    def service(self, name: str) -> Service:
        """One service by name; KeyError if no release has it."""
        return next(service for service in self.services if service.name == name)


def look(demo: Demo) -> World:
    """Asks every service and reads every database."""
    from pulumi_rewind.demo.shop import server

    services = []
    for name, port in demo.ports.items():
        status, text = server.ask(port) or (0, "")
        if text and not text.startswith(f"{name} "):
            status, text = 0, ""  # somebody else's server on that port
        services.append(Service(name, f"http://{server.HOST}:{port}/", status, text))
    tables = []
    for path in sorted((demo.machine / "databases").glob("*.sqlite")):
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'access'")
            tables += [Table(path.stem, name, ()) for (name,) in sorted(names)]
    return World(
        tuple(services),
        tuple(
            Table(
                table.database,
                table.name,
                tuple(server.read_rows(demo.machine / "databases" / f"{table.database}.sqlite", table.name)),
            )
            for table in tables
        ),
    )
