"""Undo callbacks and hooks: what a project's ``rewind_hooks.py`` imports, as ``import pulumi_rewind as rewind``.

A callback undoes a change that re-creating a resource from its recorded inputs would not undo::

    @rewind.undo_delete(type="acme:db:Database", timeout=1800, retries=1)
    def restore_database(ctx: rewind.UndoContext) -> rewind.Restored:
        new_id = restore_snapshot(ctx.old.id, password=ctx.old.inputs["password"].reveal())
        return rewind.Restored(new_id)

It runs in a separate process; its output goes to the log. This module needs only the standard library, because
that process may use the project's interpreter, without the dependencies of pulumi-rewind.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

UndoKind = Literal["undo_delete", "undo_create", "undo_update"]

UNDO_KINDS: tuple[UndoKind, ...] = ("undo_delete", "undo_update", "undo_create")
"""In the order in which they are called: kinds that only add come first, kinds that remove last."""

HOOK_KINDS = ("resource_hook", "error_hook")
"""The code of Pulumi's own hooks."""

WITH_AFTERWARDS: tuple[UndoKind, ...] = ("undo_delete", "undo_update")
"""Those that may `yield` their result: the code after the `yield` runs when the resource exists again."""

TIMEOUT = 600.0
"""Default time limit of a callback, in seconds."""


# -- what a callback returns ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Restored:
    """Of `undo_delete`: an object with this id exists again; the engine adopts it and applies the target's inputs."""

    id: str


@dataclass(frozen=True)
class Recreate:
    """Of `undo_delete` and `undo_update`: continue as planned, with different values for some inputs."""

    inputs: Mapping[str, Any] | None = None
    """Replaces recorded inputs, key by key; a `Secret` stays a secret."""
    note: str = ""
    """What the plan and the result say of it, for example which copy is restored."""


@dataclass(frozen=True)
class Skip:
    """Of `undo_delete`: leave the resource out; the result names it with the reason."""

    reason: str


@dataclass(frozen=True)
class Delete:
    """Of `undo_create`: delete the resource as planned."""

    note: str = ""
    """What the plan and the result say of it, for example where a copy is."""


@dataclass(frozen=True)
class Keep:
    """Of `undo_create` and `undo_update`: keep the live resource; the result names it with the reason."""

    reason: str


ALLOWED: Mapping[str, tuple[type[Any], ...]] = {
    "undo_delete": (Restored, Recreate, Skip),
    "undo_create": (Delete, Keep),
    "undo_update": (Recreate, Keep, type(None)),
}
"""What each kind of callback may return."""


# -- how callbacks are declared -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Selector:
    """Which resources a callback is for; all given patterns must match."""

    type: tuple[str, ...] = ()
    urn: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    component: tuple[str, ...] = ()

    def matches(self, urn: str, type_: str, name: str, components: Iterable[str]) -> bool:
        """Whether it matches a resource; `components` are the types of the components that contain it."""
        return (
            _one(self.type, (type_,))
            and _one(self.urn, (urn,))
            and _one(self.name, (name,))
            and _one(self.component, components)
        )

    @classmethod
    def of(cls, patterns: Mapping[str, Iterable[str]]) -> Selector:
        """Restores a selector from `dataclasses.asdict`, also after JSON."""
        return cls(**{key: tuple(given) for key, given in patterns.items()})

    def __str__(self) -> str:
        given = (("type", self.type), ("urn", self.urn), ("name", self.name), ("component", self.component))
        return " ".join(f"{key}={' or '.join(patterns)}" for key, patterns in given if patterns)


def _one(patterns: tuple[str, ...], texts: Iterable[str]) -> bool:
    return not patterns or any(
        text == pattern or fnmatch.fnmatchcase(text, pattern)  # a name may hold wildcards itself
        for text in texts
        for pattern in patterns
    )


@dataclass(frozen=True)
class Registered:
    """A callback or hook as it was declared."""

    kind: str
    function: Callable[..., Any]
    selector: Selector = Selector()
    hook: str = ""
    """Of `resource_hook` and `error_hook`: the hook's name in the state."""
    timeout: float = TIMEOUT
    retries: int = 0
    dry_run_safe: bool = False
    line: int = 0
    """Of the declaration; 0: that of the function."""


registered: list[Registered] = []
"""All declarations so far, in the order of the file: the first one that matches a resource is called."""

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
Patterns = str | list[str] | tuple[str, ...] | None


class _Undo:
    """One of the three decorators for single resources."""

    def __init__(self, kind: UndoKind) -> None:
        self._kind = kind
        self.__name__ = kind

    def __call__(
        self,
        *,
        type: Patterns = None,
        urn: Patterns = None,
        name: Patterns = None,
        component: Patterns = None,
        timeout: float = TIMEOUT,
        retries: int = 0,
        dry_run_safe: bool = False,
    ) -> Callable[[F], F]:
        """Declares a callback for the resources that match all given patterns.

        `type`, `urn`, `name` and `component` (the type of a component around it) are patterns with ``*``, or lists
        of them; at least one is required. A call ends after `timeout` seconds, and is tried again up to `retries`
        times. With `dry_run_safe` a plan calls it as well, with ``ctx.dry_run`` set, and shows what it returns.
        """
        kind = self._kind
        selector = _selector(kind, (type, urn, name, component))
        return declares(kind, timeout, retries, selector=selector, dry_run_safe=bool(dry_run_safe))


undo_delete = _Undo("undo_delete")
"""Called before a resource is created that is in the target but not in the live stack.

The function returns `Restored`, `Recreate` or `Skip`. Instead it may ``yield`` one of them: the code after the
``yield`` runs when the resource exists and before anything that needs it, and gets the new `UndoResource`::

    made = yield rewind.Recreate()
    load_dump(into=made.id)
"""

undo_create = _Undo("undo_create")
"""Called before a resource is deleted that is not in the target: to drain it, take a last snapshot, or keep it.

The function returns `Delete` or `Keep`.
"""

undo_update = _Undo("undo_update")
"""Called before a resource is restored in place or replaced; ``ctx.old`` and ``ctx.new`` are the two sides.

The function returns nothing, `Recreate` or `Keep`. With a ``yield`` it continues afterwards, like `undo_delete`.
"""


def undo(
    *,
    type: Patterns = None,
    urn: Patterns = None,
    name: Patterns = None,
    component: Patterns = None,
    timeout: float = TIMEOUT,
    retries: int = 0,
) -> Callable[[T], T]:
    """Declares all undo callbacks that an object has as methods, as a dynamic provider has them::

        rewind.undo(type="aws:rds/instance:Instance", timeout=3600)(rds_snapshot())

    The methods are `undo_delete`, `undo_update` and `undo_create`; the options are those of these decorators. A plan
    calls them as well if the object has ``dry_run_safe = True``. `pulumi_rewind.hooks.library` has such objects.
    """
    line = sys._getframe(1).f_lineno

    def register(owner: T) -> T:
        methods = [(kind, getattr(owner, kind)) for kind in UNDO_KINDS if callable(getattr(owner, kind, None))]
        if not methods:
            raise TypeError(f"undo needs an object with a method {', '.join(UNDO_KINDS[:-1])} or {UNDO_KINDS[-1]}")
        selector = _selector("undo", (type, urn, name, component))
        safe = bool(getattr(owner, "dry_run_safe", False))
        for kind, method in methods:
            declares(kind, timeout, retries, selector=selector, dry_run_safe=safe, line=line)(method)
        return owner

    return register


def before_rollback(function: F | None = None, *, timeout: float = TIMEOUT, retries: int = 0) -> Any:
    """Called before anything else; an exception refuses the rollback, and nothing is changed."""
    return _around(declares("before_rollback", timeout, retries), function)


def after_rollback(function: F | None = None, *, timeout: float = TIMEOUT, retries: int = 0) -> Any:
    """Called when a rollback has succeeded; its failure is reported, and the rollback stays a success."""
    return _around(declares("after_rollback", timeout, retries), function)


def on_failure(function: F | None = None, *, timeout: float = TIMEOUT, retries: int = 0) -> Any:
    """Called when a rollback has failed or was interrupted after `before_rollback`."""
    return _around(declares("on_failure", timeout, retries), function)


def resource_hook(name: str, *, timeout: float = TIMEOUT, retries: int = 0) -> Callable[[F], F]:
    """The code of one of Pulumi's own resource hooks, by the name that programs gave it.

    A state holds names alone; without the code such a hook does nothing in a rollback. Raising fails the step.
    """
    return _named("resource_hook", name, timeout, retries)


def error_hook(name: str, *, timeout: float = TIMEOUT, retries: int = 0) -> Callable[[F], F]:
    """The code of one of Pulumi's own error hooks, by the name that programs gave it.

    It gets an `ErrorContext` when an operation has failed, and returns whether that is to be tried again.
    """
    return _named("error_hook", name, timeout, retries)


def _named(kind: str, name: str, timeout: float, retries: int) -> Callable[[F], F]:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{kind} takes the hook's name: @rewind.{kind}('drain')")
    return declares(kind, timeout, retries, hook=name)


def _around(register: Callable[[F], F], function: F | None) -> Any:
    return register if function is None else register(function)


def declares(kind: str, timeout: float, retries: int, **more: Any) -> Callable[[F], F]:
    """A decorator that declares the function below; `more` are other fields of `Registered`.

    Raises:
        TypeError: the options are none.
    """
    check_options(kind, timeout, retries)

    def register(function: F) -> F:
        registered.append(Registered(kind, function, timeout=timeout, retries=retries, **more))
        return function

    return register


def _selector(kind: str, given: Iterable[Patterns]) -> Selector:
    selector = Selector(*(patterns_of(kind, patterns) for patterns in given))
    if selector == Selector():
        raise TypeError(f"{kind} needs a type, urn, name or component to choose resources by; urn='*' means all")
    return selector


def patterns_of(kind: str, given: Patterns) -> tuple[str, ...]:
    """The patterns that were given, one or several; TypeError where they are no patterns."""
    if given is None:
        return ()
    patterns = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, (list, tuple)) else ()
    if not patterns or not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise TypeError(f"{kind}: a selector is a pattern or several of them, not {given!r}")
    return patterns


def check_options(kind: str, timeout: float, retries: int) -> None:
    """TypeError where a time limit or a number of retries is none."""
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0:
        raise TypeError(f"{kind}: timeout is a number of seconds above 0, not {timeout!r}")
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise TypeError(f"{kind}: retries is a whole number from 0, not {retries!r}")
