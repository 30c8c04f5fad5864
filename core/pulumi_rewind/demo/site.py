"""What differs between the kinds of a demo: where its resources are, and all that follows from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from pulumi_rewind.engine.cli import Engine

COMPLETE: Final = "Install a complete pulumi (https://www.pulumi.com/docs/install/)"
"""What helps where a language host is missing."""


@dataclass(frozen=True)
class Release:
    """One release of the shop."""

    tag: str
    title: str
    """Of its commit."""
    program: str
    fails: bool = False
    """Whether its deployment is meant to fail half-way."""


@dataclass(frozen=True)
class Seen:
    """One thing of a demo as it is seen without Pulumi."""

    name: str
    """Or the command that shows it."""
    note: str = ""
    lines: tuple[str, ...] = ()
    well: bool | None = True
    """Whether it serves; None if it isn't there, as in releases that don't have it."""


class World(Protocol):
    """Everything of a demo that can be seen without Pulumi."""

    def seen(self) -> Iterator[Seen]:
        """Each thing, in the order in which they are shown."""


class Site(Protocol):
    """Where the resources of one demo are."""

    @property
    def kind(self) -> str:
        """As the demo's marker names it."""

    @property
    def releases(self) -> Sequence[Release]:
        """In the order they are deployed; the last one fails."""

    @property
    def language(self) -> str:
        """Of the programs, as their language host is called."""

    @property
    def program(self) -> str:
        """The name of the file that has a release's program."""

    @property
    def question(self) -> tuple[str, str]:
        """A command that asks the site what is there, and what it is for."""

    def record(self) -> Mapping[str, Any]:
        """What the marker has to remember of it."""

    def check(self, engine: Path, environ: Mapping[str, str]) -> None:
        """Looks for what it needs, before anything is made.

        Raises:
            RewindError: something is missing; the hint says how to get it.
        """

    def begin(self, environ: Mapping[str, str]) -> tuple[str, str] | None:
        """Makes what has to be there before the project; returns what was done and a detail, None for nothing.

        Raises:
            RewindError: it can't be made.
        """

    def equip(self, engine: Engine) -> None:
        """Gives the engine of the project what it lacks. Raises: EngineError."""

    def files(self, backend_url: str) -> Mapping[str, str]:
        """The contents of the project's files that all releases share, by their paths."""

    def ignored(self) -> Sequence[str]:
        """What of it stays out of the repository, as `.gitignore` has it."""

    def variables(self) -> Mapping[str, str]:
        """What pulumi needs besides what every demo has."""

    def programs(self) -> Sequence[str]:
        """Directories that come first on PATH."""

    def look(self) -> World:
        """What is there now."""

    def clean(self) -> str:
        """Removes all that is outside of the demo's folder, and stops what runs; returns what that was, in words.

        Raises:
            RewindError: something is left.
        """
