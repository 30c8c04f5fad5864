"""What a project's hooks file declares and what that matches; and single callbacks tried in dry mode."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from pulumi_rewind.errors import UsageError
from pulumi_rewind.events import HookEnded, HookEvent
from pulumi_rewind.goal import registers
from pulumi_rewind.model import Checkpoint, Resource, Update
from pulumi_rewind.session import Session
from pulumi_rewind.targets import Target
from pulumi_rewind.undo.called import Call, Callback, Code
from pulumi_rewind.undo.calling import Caller
from pulumi_rewind.undo.code import interpreter, todays_code
from pulumi_rewind.undo.declare import HOOK_KINDS, UNDO_KINDS
from pulumi_rewind.undo.match import first_match
from pulumi_rewind.undo.riding import TYPE_PREFIX, riding_code, undo_methods


@dataclass(frozen=True)
class Listed:
    """One declaration and the names of what it is called for."""

    callback: Callback
    live: tuple[str, ...]
    target: tuple[str, ...]
    """Empty as well where no target was named."""


@dataclass(frozen=True)
class Ridden:
    """Resources whose dynamic provider has undo methods."""

    sha256: str
    """Of the provider as it is pickled in the state."""
    methods: tuple[str, ...]
    live: tuple[str, ...]
    target: tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """Everything that a hooks file declares, and what rides in the state."""

    hooks: Code | None
    """None: the project has none."""
    python: str
    items: tuple[Listed, ...]
    riding: tuple[Ridden, ...] = ()


def required_hooks(session: Session) -> Code:
    """The project's hooks file.

    Raises:
        UsageError: there is none.
    """
    hooks = todays_code(session.workspace.root, session.settings)
    if hooks is None:
        raise UsageError(
            f"there is no {session.settings.hooks_file} in {session.workspace.root}",
            hint="docs/hooks.md shows how to write one; `hooks_file` in rewind.toml names another file.",
        )
    return hooks


def listing(session: Session, target: Target | None) -> Listing:
    """What is declared, and what of it matches in live and in a target.

    Raises:
        UsageError, CallbackError: the hooks file can't be read, or not be loaded.
        SecretsError: dynamic providers can't be looked into.
    """
    hooks = todays_code(session.workspace.root, session.settings)
    python = interpreter(session.workspace)
    callbacks: tuple[Callback, ...] = ()
    if hooks is not None:
        with Caller(session) as caller:
            callbacks = caller.load(hooks).callbacks
    live = session.timeline.live()
    there = session.timeline.checkpoint(target.update.number) if target is not None else None
    items = tuple(
        Listed(item, _matched(item, callbacks, live), _matched(item, callbacks, there) if there else ())
        for item in callbacks
    )
    return Listing(hooks, str(python), items, tuple(_riding(session, live, there)))


def _riding(session: Session, live: Checkpoint, there: Checkpoint | None) -> Iterator[Ridden]:
    found: dict[str, tuple[Code, tuple[list[str], list[str]]]] = {}
    for at, side in enumerate((live, there)):
        if side is None or not any(res.type.startswith(TYPE_PREFIX) for res in side.resources):
            continue  # what has none needs no passphrase
        for res in session.vault.decrypt(side, session.stack).resources:
            code = riding_code(res, session.workspace.root)
            if code is not None:
                found.setdefault(code.sha256, (code, ([], [])))[1][at].append(res.name)
    for code, (here, then) in found.values():
        methods = undo_methods(base64.b64decode(code.source))
        yield Ridden(code.sha256, tuple(kind for kind in UNDO_KINDS if kind in methods), tuple(here), tuple(then))


def _matched(callback: Callback, callbacks: tuple[Callback, ...], side: Checkpoint) -> tuple[str, ...]:
    if callback.kind in HOOK_KINDS:
        return tuple(res.name for res in side.resources if callback.hook in _hooks(res))
    if callback.kind not in UNDO_KINDS:
        return ()
    return tuple(
        res.name
        for res in side.resources
        if _can_be_undone(res) and first_match(callbacks, callback.kind, res, side) == callback
    )


def _hooks(res: Resource) -> set[str]:
    return {name for names in (res.resource_hooks or {}).values() for name in names or ()}


def _can_be_undone(res: Resource) -> bool:
    return registers(res) and res.custom and not res.is_provider and not res.external


def dry_test(session: Session, res: Resource, target: Target | None) -> Iterator[HookEvent]:
    """Calls the callbacks of one resource with ``dry_run`` set, against what is recorded of it.

    Only those that are declared to be safe; an outcome is ``failed`` where one failed, ``not called`` where one isn't
    declared safe.
    """
    hooks = required_hooks(session)
    live = session.vault.decrypt(session.timeline.live(), session.stack)
    number = target.update.number if target is not None else 0
    there = session.vault.decrypt(session.timeline.checkpoint(number), session.stack) if target else live
    update: Update | None = session.timeline.update(len(session.timeline)) if len(session.timeline) else None
    with Caller(session) as caller:
        callbacks = caller.load(hooks).callbacks
        for kind in UNDO_KINDS:
            old, new = there.by_urn.get(res.urn), live.by_urn.get(res.urn) or res
            subject = old if kind == "undo_delete" else new
            if subject is None or not _can_be_undone(subject):
                continue
            callback = first_match(callbacks, kind, subject, there if kind == "undo_delete" else live)
            if callback is None:
                continue
            if not callback.dry_run_safe:
                message = "it isn't declared with dry_run_safe=True"
                yield HookEnded(callback.function, callback.kind, res.urn, "not called", message)
                continue
            call = Call(
                callback,
                res.urn,
                res.urn,
                res.urn,
                None if kind == "undo_create" else old,
                None if kind == "undo_delete" else new,
            )
            yield from caller.dry_call(call, target.label if target is not None else "live", update)
