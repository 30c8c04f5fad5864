"""What is really on this machine: the services as curl sees them, the rows in the databases."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from pulumi_rewind.demo.site import Seen


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

    def seen(self) -> Iterator[Seen]:
        """Every service with what it answers, every database with the rows of its tables."""
        for service in self.services:
            command = f"curl {service.url}"
            if service.status:
                lines = tuple(service.text.splitlines())
                yield Seen(command, f"HTTP {service.status}", lines, service.well)
            else:
                yield Seen(command, f"no {service.name} is running", well=None)
        for database in sorted({table.database for table in self.tables}):
            tables = [table for table in self.tables if table.database == database]
            yield Seen(
                f"{database}.sqlite", lines=tuple(f"{table.name:<9} {', '.join(table.rows)}" for table in tables)
            )


def look(machine: Path, ports: Mapping[str, int]) -> World:
    """Asks every service and reads every database below the directory that has the resources."""
    from pulumi_rewind.demo.shop import server

    services = []
    for name, port in ports.items():
        status, text = server.ask(port) or (0, "")
        if text and not text.startswith(f"{name} "):
            status, text = 0, ""  # somebody else's server on that port
        services.append(Service(name, f"http://{server.HOST}:{port}/", status, text))
    tables = []
    for path in sorted((machine / "databases").glob("*.sqlite")):
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'access'")
            tables += [Table(path.stem, name, ()) for (name,) in sorted(names)]
    return World(
        tuple(services),
        tuple(
            Table(
                table.database,
                table.name,
                tuple(server.read_rows(machine / "databases" / f"{table.database}.sqlite", table.name)),
            )
            for table in tables
        ),
    )
