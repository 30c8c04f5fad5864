"""Resolving pending creates as the operator decided: each adopted object is read by its provider, then the state is put
in place by the pulumi CLI in one import.

What is imported is the export with its secrets encrypted; it goes through a pipe. A copy of the state before is kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from pulumi_rewind.engine.private_backend import environment, private_backend, scoped
from pulumi_rewind.engine.system_errors import refused_by_system
from pulumi_rewind.errors import EngineError, RefusedError, RewindError, UsageError
from pulumi_rewind.guard.checks import check_free
from pulumi_rewind.guard.kept_states import copy_path, import_state, keep
from pulumi_rewind.project.stack_configuration import without_environments
from pulumi_rewind.session import Session
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint, urn_name
from pulumi_rewind.state.pending_creates import (
    Adoption,
    Decision,
    Document,
    adoptions,
    alone,
    decide,
    merged,
    open_creates,
    resolved,
)
from pulumi_rewind.strategies.preview import PreviewControl, followed, ignore_events
from pulumi_rewind.system.private_directory import private_directory

_UNREADABLE = "If the provider can never read it, delete the object with other tools, then --clear it."


@dataclass(frozen=True)
class Resolved:
    """What was done about the pending creates of a stack."""

    adopted: tuple[str, ...] = ()
    """URNs of objects that are in the state now; the next run deletes what they replace."""
    leftovers: tuple[str, ...] = ()
    """URNs of objects that the next run deletes, because the state has another one of that name."""
    cleared: tuple[str, ...] = ()
    """URNs of creates that were forgotten, or that the state turned out to know."""
    dropped: tuple[str, ...] = ()
    """Pending updates and deletes, which an import drops as the next update would have."""
    copy: Path | None = None
    """Where the state before is kept."""


def pending_creates(session: Session) -> tuple[str, ...]:
    """The URNs of the stack's pending creates."""
    return open_creates(session.backend.live(session.stack).pending_operations)


@refused_by_system()
def resolve(
    session: Session, *, adopt: Sequence[str] = (), clear: Sequence[str] = (), clear_all: bool = False
) -> Resolved:
    """Carries out the operator's decisions; every pending create needs one.

    Raises:
        UsageError: a decision means no pending create, one is missing, or there is no object with an id.
        RefusedError: the stack is locked, or its state moved meanwhile; nothing was changed.
        EngineError, SecretsError: the CLI or a provider failed.
    """
    check_free(session)
    live = session.backend.live(session.stack)
    urns = open_creates(live.pending_operations)
    if not urns:
        if adopt or clear:
            raise UsageError(
                f"{session.stack} has no pending creates", hint="There is nothing to adopt or clear; plan again."
            )
        return Resolved()
    decisions = decide(urns, adopt, clear, clear_all=clear_all)
    session.vault.decrypt(live, session.stack)  # finds the passphrase, or says that it's missing
    env = session.vault.environment(live)
    export = session.engine.call(["stack", "export", "-s", session.stack.fqn], env=env)
    document: Document = msgspec.json.decode(export)
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    wanted = adoptions(document, decisions, now, goes_on=session.journal.peek() is not None)
    read = tuple(_read(session, live, document, item) for item in wanted)
    after = resolved(document, read)
    check_free(session)
    if session.backend.live(session.stack).digest != live.digest:
        raise RefusedError(
            "the stack's state has changed in the meantime",
            hint="Look again with `pulumi-rewind resolve`.",
            unchanged=True,
        )
    copy = copy_path(session)
    keep(session, live, copy)
    with _told(copy):
        import_state(session, msgspec.json.encode(after), env, instead_of=live)
        _check_done(session, read)
    session.reload()
    return _outcome(live, decisions, read, copy)


def _outcome(live: Checkpoint, decisions: Sequence[Decision], read: Sequence[Adoption], copy: Path) -> Resolved:
    entered = {item.entry["urn"] for item in read}
    return Resolved(
        adopted=tuple(item.entry["urn"] for item in read if not item.leftover),
        leftovers=tuple(item.entry["urn"] for item in read if item.leftover),
        cleared=tuple(item.urn for item in decisions if not item.id or item.urn not in entered),
        dropped=tuple(
            f"{item.type} {urn_name(item.resource.urn)}" for item in live.pending_operations if item.type != "creating"
        ),
        copy=copy,
    )


def _check_done(session: Session, read: Sequence[Adoption]) -> None:
    now = session.backend.live(session.stack)
    there = {(res.urn, res.id) for res in now.resources}
    missing = [item.entry["urn"] for item in read if (item.entry["urn"], item.entry["id"]) not in there]
    if missing or open_creates(now.pending_operations):
        raise EngineError(
            "the state does not contain the result of the decisions", hint="Look at it with `pulumi stack export`."
        )


@contextmanager
def _told(copy: Path) -> Iterator[None]:
    """Says where the state before is kept, should something fail once it may have been touched."""
    try:
        yield
    except RewindError as err:
        err.advise(f"The previous state is in {copy}.")
        raise


def _read(session: Session, live: Checkpoint, document: Document, adoption: Adoption) -> Adoption:
    """Has the provider read the object, by a refresh of a state that holds nothing else, in a backend of our own.

    What it was made from keeps its bookkeeping of defaults in this way; an import would pin them.
    """
    entry = adoption.entry
    stack = scoped(session.stack, session.workspace.project)
    small = decode_checkpoint(msgspec.json.encode(alone(document, entry)), source="the state of one resource")
    with private_directory() as private, private_backend({stack: small}) as backend:
        env = {**session.vault.environment(live), **environment(backend, session.workspace)}
        config = without_environments(session.config_file(live, private), private)
        run = session.engine.start(
            [
                *("refresh", "--yes", "--skip-preview"),
                *("-s", stack.fqn),
                *("--config-file", str(config)),
                *("--target", entry["urn"]),
            ],
            private=private,
            extra_env=env,
        )
        followed(run, ignore_events, PreviewControl())
        if run.returncode != 0:
            error = run.error(f"{urn_name(entry['urn'])} can't be adopted, as its provider can't read {entry['id']}")
            if isinstance(error, EngineError):
                error.explain(_UNREADABLE)
            raise error
        seen = msgspec.json.decode(session.engine.call(["stack", "export", "-s", stack.fqn], env=env))
    found = merged(entry, seen)
    if found is None:
        raise UsageError(
            f"there is no {entry['type']} with the id {entry['id']!r}: its provider does not find it",
            hint=f"Check the id of {urn_name(entry['urn'])}; if it doesn't exist, --clear it.",
            unchanged=True,
        )
    return dataclasses.replace(adoption, entry=found)
