"""What the roads of `roads` need to know of a stack: how to see its reality, and what can happen to it."""

from __future__ import annotations

import abc
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pulumi_rewind.demo.control_plane import ControlPlane
from tests.real.real_stack import RealStack


@dataclass(frozen=True)
class World:
    """What real stacks are deployed to on this machine; each is started when it is first asked for."""

    engine: Path
    built: Path
    """What ``scripts.real`` has made."""
    folder: Path
    """An empty directory for this stack."""
    plane: Callable[[], ControlPlane]
    """A Kubernetes control plane that holds nothing yet."""
    aws: Callable[[], str]
    """The URL of moto, which holds nothing yet."""
    another: Callable[[str], AbstractContextManager[World]]
    """One more, by a name of its own, that shares nothing with this one; it ends with the block."""


Data = Mapping[str, frozenset[str]]
"""What each store holds, by its resource's name."""


class Shop(abc.ABC):
    """One stack in three versions, and others whose update fails half-way."""

    title: ClassVar[str]
    """As the table of docs/fidelity.md calls it."""
    groups: ClassVar[str]
    """Groups of ``scripts.real`` that it needs, as words."""
    only: ClassVar[tuple[str, ...]]
    """What a partial rollback takes along: ``--only`` for each."""
    restless: ClassVar[Mapping[str, str]] = {}
    """Resources that their provider updates at every run, also of plain ``pulumi up``: name → why."""
    inexact: ClassVar[Mapping[str, str]] = {}
    """Resources that no replay brings out as they are, beside the `restless` ones: name → why."""
    unsure: ClassVar[Mapping[str, str]] = {}
    """Values (``resource.property``) that a result may call stale although they are not → why it can't tell."""
    leaks: ClassVar[Mapping[str, str]] = {}
    """Files in which a provider leaves secrets by itself, also in a plain ``pulumi up``: pattern of the path → why."""
    broken: ClassVar[tuple[int, ...]] = (4,)
    """The versions whose update fails half-way."""
    lanes: ClassVar[int] = 1
    """How many stacks of this kind are killed side by side: more where the provider waits most of the time."""

    lost_by_failure: ClassVar[frozenset[str]] = frozenset()
    """Stores (see `data`) that lose what they hold by a failed update: it deletes them before it makes new ones."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.stack = self.make()

    @abc.abstractmethod
    def make(self) -> RealStack:
        """The stack with its versions committed and nothing deployed."""

    @abc.abstractmethod
    def reality(self) -> dict[str, str]:
        """Every object as it really is, by a name that stays: without ids, random parts of names, and times."""

    @abc.abstractmethod
    def in_part(self, name: str) -> bool:
        """Whether a partial rollback by `only` changes this object of `reality`."""

    @abc.abstractmethod
    def lose(self) -> list[str]:
        """Lets the state lose what still exists (``pulumi state delete``), and returns the names of the resources."""

    @abc.abstractmethod
    def drift(self) -> None:
        """Changes and deletes objects behind the engine's back, as kubectl, a console or an editor would."""

    def outdated(self) -> frozenset[str]:
        """``resource.property`` of the values that are not those of today's objects, since nothing can relink them.

        After each rollback its result has to name these as stale, and no others; the program would change them alone.
        """
        return frozenset()

    def use(self) -> None:  # noqa: B027 - most shops have no data besides their objects
        """Puts data in as a running shop does; called after each deployment and before each rollback."""

    def data(self) -> Data:
        """What the stores of the live state hold: a plan has to announce just those that lose of it."""
        return {}

    def settle(self) -> None:
        """Decides on creates of which nobody knows whether they have made something, after a kill."""
        assert self.stack.rewind("resolve", "--clear-all").code == 0

    def discard(self, names: Collection[str], version: int) -> None:
        """Deletes by hand what a killed rollback to a version has made beside the objects that the stack has."""
        raise AssertionError(f"who deletes {', '.join(names)} by hand?")

    def close(self) -> None:
        """Ends what the stack has left running."""
        self.stack.close()
