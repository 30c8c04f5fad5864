"""What a project's hooks file declares: what callbacks match, with a dry try, and the revisions of components."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pulumi_rewind.callbacks.calling import Caller, declared
from pulumi_rewind.callbacks.code import interpreter, todays_code
from pulumi_rewind.callbacks.revisions.ledger import Ledger
from pulumi_rewind.callbacks.revisions.moves import Revision, Revisions, revisions_of
from pulumi_rewind.callbacks.revisions.plan import loaded, rehoming, rollback_moves
from pulumi_rewind.callbacks.state_code import TYPE_PREFIX, embedded_code, undo_methods
from pulumi_rewind.callbacks.undo.match import first_match
from pulumi_rewind.engine.events import HookEnded, HookEvent
from pulumi_rewind.errors import UsageError
from pulumi_rewind.goal.model import registers
from pulumi_rewind.history.targets import Target
from pulumi_rewind.hooks.declare import HOOK_KINDS, UNDO_KINDS
from pulumi_rewind.plan.called import Call, Callback, Code, Move
from pulumi_rewind.risk import Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, Resource, Update

NONE = "none"
"""Marks a component as having no revision applied."""


@dataclass(frozen=True)
class Listed:
    """One declaration and the names of what it is called for."""

    callback: Callback
    live: tuple[str, ...]
    target: tuple[str, ...]
    """Empty as well where no target was named."""


@dataclass(frozen=True)
class EmbeddedProvider:
    """Resources whose dynamic provider has undo methods."""

    sha256: str
    """Of the provider as it is pickled in the state."""
    methods: tuple[str, ...]
    live: tuple[str, ...]
    target: tuple[str, ...]


@dataclass(frozen=True)
class Listing:
    """Everything that a hooks file declares, and the undo methods in the state."""

    hooks: Code | None
    """None: the project has none."""
    python: str
    items: tuple[Listed, ...]
    embedded: tuple[EmbeddedProvider, ...] = ()


def required_hooks(session: Session) -> Code:
    """The project's hooks file.

    Raises:
        UsageError: there is none.
    """
    hooks = todays_code(session.workspace.root, session.settings)
    if hooks is None:
        raise UsageError(
            f"there is no {session.settings.hooks_file} in {session.workspace.root}",
            hint="It declares functions with decorators such as `@pulumi_rewind.undo_delete`; `hooks_file` in "
            "rewind.toml names another file.",
        )
    return hooks


def listing(session: Session, target: Target | None) -> Listing:
    """What is declared, and what of it matches in live and in a target.

    Raises:
        UsageError, CallbackError: the hooks file can't be read, or not be loaded.
        SecretsError: dynamic providers can't be looked into.
    """
    hooks = declared(session)
    callbacks = hooks.callbacks if hooks is not None else ()
    live = session.timeline.live()
    there = session.timeline.checkpoint(target.update.number) if target is not None else None
    items = tuple(
        Listed(item, _matched(item, callbacks, live), _matched(item, callbacks, there) if there else ())
        for item in callbacks
    )
    python = str(interpreter(session.workspace))
    return Listing(hooks.code if hooks else None, python, items, tuple(_embedded(session, live, there)))


def _embedded(session: Session, live: Checkpoint, there: Checkpoint | None) -> Iterator[EmbeddedProvider]:
    found: dict[str, tuple[Code, tuple[list[str], list[str]]]] = {}
    for at, side in enumerate((live, there)):
        if side is None or not any(res.type.startswith(TYPE_PREFIX) for res in side.resources):
            continue  # what has none needs no passphrase
        for res in session.vault.decrypt(side, session.stack).resources:
            code = embedded_code(res, session.workspace.root)
            if code is not None:
                found.setdefault(code.sha256, (code, ([], [])))[1][at].append(res.name)
    for code, (here, then) in found.values():
        methods = undo_methods(base64.b64decode(code.source))
        yield EmbeddedProvider(
            code.sha256, tuple(kind for kind in UNDO_KINDS if kind in methods), tuple(here), tuple(then)
        )


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


# -- revisions of components ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ListedRevision:
    """One revision of one component."""

    id: str
    applied: bool
    declared: Revision | None
    """None: it is applied, and the hooks file doesn't have it."""


@dataclass(frozen=True)
class ListedComponent:
    """One component and its revisions, in their order."""

    urn: str
    type: str
    name: str
    live: bool
    """Whether it is there now; else the target has it."""
    revisions: tuple[ListedRevision, ...]
    moves: tuple[Move, ...]
    """What a rollback to the target would run."""


@dataclass(frozen=True)
class RevisionListing:
    """Everything that is known of a stack's revisions."""

    hooks: Code | None
    components: tuple[ListedComponent, ...]
    problem: str
    """Why it isn't known what is applied, empty if it is."""
    left: tuple[Risk, ...] = ()


def revision_listing(session: Session, target: Target | None) -> RevisionListing:
    """What is declared and applied, and what going to a target would run.

    Raises:
        UsageError, CallbackError: the hooks file can't be loaded.
        RewindError: live or what is noted of revisions can't be read.
    """
    hooks = declared(session)
    known = loaded(hooks)
    live = session.timeline.live()
    ledger = Ledger(session)
    have, problem = ledger.now()
    moves: Sequence[Move] = ()
    left: Sequence[Risk] = ()
    sides: list[Checkpoint] = [live]
    if target is not None:
        there = target.checkpoint or session.timeline.checkpoint(target.update.number)
        want = ledger.at(target.update.number, target.checkpoint)
        moves, left = rollback_moves(live, there, rehoming(session), known, have, want)
        sides.append(there)
    moving = {move.live_urn or move.urn for move in moves}
    found: dict[str, ListedComponent] = {}
    for side in sides:
        for res in side.resources:
            if not res.is_component or res.urn in found:
                continue
            mine = revisions_of(res, known)
            if (side is live and (mine or have.get(res.urn))) or res.urn in moving:
                found[res.urn] = _listed(res, mine, have.get(res.urn, ()), moves, there=side is live)
    return RevisionListing(hooks.code if hooks else None, tuple(found.values()), problem, tuple(left))


def _listed(
    res: Resource, known: Revisions | None, have: Sequence[str], moves: Sequence[Move], *, there: bool
) -> ListedComponent:
    declared = known.revisions if known is not None else ()
    ids = {item.id for item in declared}
    items = [ListedRevision(one, True, None) for one in have if one not in ids]
    items += [ListedRevision(item.id, item.id in have, item) for item in declared]
    mine = tuple(move for move in moves if (move.live_urn or move.urn) == res.urn)
    return ListedComponent(res.urn, res.type, res.name, there, tuple(items), mine)


def mark(session: Session, word: str) -> tuple[str, tuple[str, ...]]:
    """Notes that a component is at a revision, as ``COMPONENT=REVISION`` says; returns its name and what is applied.

    Raises:
        UsageError: there is no such component or revision.
        RewindError: what is noted of revisions can't be read, or not be written.
    """
    name, equals, wanted = word.rpartition("=")
    if not equals or not name or not wanted:
        raise UsageError(
            f"--mark {word!r} is not COMPONENT=REVISION",
            hint=f"For example `--mark orders=0002_total`, or `--mark orders={NONE}`: nothing is applied.",
        )
    known = loaded(declared(session))
    live = session.timeline.live()
    with_revisions = {
        res.urn: mine for res in live.resources if res.is_component and (mine := revisions_of(res, known))
    }
    found = [urn for urn in with_revisions if name in {urn, live.by_urn[urn].name}]
    if len(found) != 1:
        names = ", ".join(found or sorted(with_revisions)) or "none"
        what = "is the name of several components" if found else "is no component with revisions"
        raise UsageError(f"{name!r} {what}", hint=f"Name one by its URN: {names}.")
    ids = [item.id for item in with_revisions[found[0]].revisions]
    if wanted not in {*ids, NONE}:
        raise UsageError(f"{name} has no revision {wanted!r}", hint=f"It has {', '.join(ids)}; or {NONE}.")
    applied = tuple(ids[: ids.index(wanted) + 1]) if wanted != NONE else ()
    Ledger(session).mark(found[0], applied)
    return live.by_urn[found[0]].name, applied
