"""Revisions of components, with up and down like migrations of an ORM, declared in a project's ``rewind_hooks.py``::

    orders = rewind.component("my:db:Database")

    @orders.revision("0001_orders")
    def create_orders(ctx: rewind.RevisionContext) -> None:
        run(ctx.resources["db"].outputs["address"], "create table orders (id integer primary key)")

    @create_orders.down
    def drop_orders(ctx: rewind.RevisionContext) -> None:
        run(ctx.resources["db"].outputs["address"], "drop table orders")

`pulumi-rewind up` runs every up that a component has not had; a rollback runs the downs of revisions that its target
does not have. Uses only the standard library, like `hooks.declare`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from pulumi_rewind.hooks.context import Reporting, UndoResource
from pulumi_rewind.hooks.declare import TIMEOUT, Patterns, Registered, Selector, check_options, patterns_of, registered

UP = "revision_up"
DOWN = "revision_down"

LONGEST = 100
"""Characters of a revision's id."""

When: TypeAlias = Literal["before", "after"]
Function: TypeAlias = Callable[["RevisionContext"], Any]

_MIRRORED: Mapping[When, When] = {"before": "after", "after": "before"}


@dataclass(frozen=True)
class RevisionContext(Reporting):
    """What an up or a down gets."""

    stack: str
    """``project/stack``."""
    target: str
    """The target of the rollback, for example ``#6 (v1.2)``; empty in `pulumi-rewind up`."""
    revision: str
    """The revision's id."""
    direction: str
    """``up`` or ``down``."""
    component: UndoResource
    """The component itself, with its registered outputs."""
    resources: Mapping[str, UndoResource]
    """The resources in the component, by logical name, as they are at that moment; secrets are `Secret`."""
    again: bool
    """Whether it was already started, by an earlier try or an interrupted run."""
    idempotency_key: str
    """The same for every try of an up or down until it has succeeded."""


class Revision:
    """One revision of a component; `Component.revision` creates it from the up function."""

    def __init__(self, id: str, up: int, after: str, when: When, down_when: When, irreversible: str) -> None:
        self.id = id
        self._up = up
        self._down = -1
        self._after = after
        self._when = when
        self._down_when = down_when
        self._irreversible = irreversible
        self._loses_data = False

    def down(
        self,
        function: Function | None = None,
        *,
        loses_data: bool = False,
        timeout: float = TIMEOUT,
        retries: int = 0,
    ) -> Any:
        """Declares the function that takes the revision back; with or without arguments.

        A down that `loses_data` requires the separate confirmation that every loss of data requires.
        """
        check_options("down", timeout, retries)
        if self._irreversible:
            raise TypeError(f"{self.id} is declared irreversible but has a down")
        if self._down >= 0:
            raise TypeError(f"{self.id} has a down already")

        def register(function: Function) -> Function:
            self._down = len(registered)
            self._loses_data = bool(loses_data)
            registered.append(Registered(DOWN, function, hook=self.id, timeout=timeout, retries=retries))
            return function

        return register if function is None else register(function)

    def declared(self) -> dict[str, Any]:
        """As it travels."""
        return {
            "id": self.id,
            "after": self._after,
            "when": self._when,
            "down_when": self._down_when,
            "irreversible": self._irreversible,
            "loses_data": self._loses_data,
            "up": self._up,
            "down": self._down,
        }


class Component:
    """The revisions of matching components; `component` creates it."""

    def __init__(self, selector: Selector) -> None:
        self._selector = selector
        self._revisions: dict[str, Revision] = {}

    def revision(
        self,
        id: str,
        *,
        after: str = "",
        when: When = "after",
        down_when: When | None = None,
        irreversible: str = "",
        timeout: float = TIMEOUT,
        retries: int = 0,
    ) -> Callable[[Function], Revision]:
        """Declares the up function of a revision.

        Revisions follow each other in the order of their declarations; `after` names another predecessor. The up runs
        ``after`` the component's resources are updated, or ``before``. In a rollback the down runs on the other side,
        because a rollback reverses the order, unless `down_when` overrides it. `irreversible` says why there is no
        down.
        """
        if not isinstance(id, str) or not id or not id.isprintable() or id != id.strip() or len(id) > LONGEST:
            raise TypeError(f"a revision has an id of up to {LONGEST} characters, like '0001_orders', not {id!r}")
        if id in self._revisions:
            raise TypeError(f"there are two revisions {id!r}")
        if when not in _MIRRORED or down_when not in {None, *_MIRRORED}:
            raise TypeError(f"{id}: when and down_when are 'before' or 'after'")
        if not isinstance(irreversible, str) or not isinstance(after, str):
            raise TypeError(f"{id}: irreversible is the reason, as text; after is the id of another revision")
        check_options(id, timeout, retries)

        def register(function: Function) -> Revision:
            made = Revision(id, len(registered), after, when, down_when or _MIRRORED[when], irreversible)
            self._revisions[id] = made
            registered.append(Registered(UP, function, self._selector, hook=id, timeout=timeout, retries=retries))
            return made

        return register

    def declared(self) -> dict[str, Any]:
        """As it travels."""
        return {
            "selector": asdict(self._selector),
            "revisions": [revision.declared() for revision in self._revisions.values()],
        }


components: list[Component] = []
"""All declarations so far: the first one that matches a component applies."""


def component(type: Patterns = None, *, urn: Patterns = None, name: Patterns = None) -> Component:
    """Selects components, whose revisions are declared next, by type, URN or name: patterns with ``*``, or lists."""
    selector = Selector(*(patterns_of("component", given) for given in (type, urn, name)))
    if selector == Selector():
        raise TypeError("component needs a type, urn or name to choose components by")
    made = Component(selector)
    components.append(made)
    return made


def context(
    given: Mapping[str, Any],
    opened: Callable[[Any], UndoResource],
    send: Callable[[Mapping[str, Any]], None],
) -> RevisionContext:
    """The context of the function, in its own process; `opened` decodes a resource."""
    inside = {str(one["name"]): opened(one) for one in given["resources"]}
    return RevisionContext(**{**given, "component": opened(given["component"]), "resources": inside, "_send": send})
