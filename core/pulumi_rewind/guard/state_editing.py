"""Rewriting the stack's state before the engine runs: planned from live, done once all guards have passed.

What is rewritten and why is said in `plan.state_edits`. A copy of the state is kept first; where the run then changes
nothing, the state is put back as it was.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pulumi_rewind.choices import Choices
from pulumi_rewind.engine.events import EngineEvent, Phase, ResourceDone, ResourcePre, StepMetadata
from pulumi_rewind.engine.private_backend import environment, private_backend, scoped
from pulumi_rewind.errors import BackendError, EngineError, IncompleteError, RefusedError, RewindError
from pulumi_rewind.goal.model import Goal, Selection
from pulumi_rewind.guard.kept_states import copy_path, import_state, keep
from pulumi_rewind.history.object_origins import Origins
from pulumi_rewind.plan.arrangement import Arrangement
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.state_edit_risks import locked_risks
from pulumi_rewind.plan.state_edits import arrange, arranged
from pulumi_rewind.risk import Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, Resource, StackRef
from pulumi_rewind.state.naming import Names
from pulumi_rewind.window.ledger import joined

STACK_REFERENCE = "pulumi:pulumi:StackReference"


@dataclass(frozen=True)
class Rewritten:
    """A stack's state as a rollback begins with it."""

    arrangement: Arrangement
    stored: Checkpoint
    """As it is going to be stored, secrets encrypted; live itself where nothing is rewritten."""
    plain: Checkpoint
    """The same, decrypted."""
    risks: tuple[Risk, ...] = ()
    """What of the held objects that the target has can't come back."""
    held: frozenset[int] = frozenset()
    """The places of returning objects that were held."""

    @property
    def state(self) -> Checkpoint | None:
        """What is written into the backend before the run; None where nothing is."""
        return self.stored if self.arrangement else None


def rewritten(
    session: Session,
    target: Checkpoint,
    live: Checkpoint,
    plain: Checkpoint,
    number: int,
    selection: Selection | None,
    choices: Choices,
    hold: Collection[tuple[str, str]] = (),
    gone: Collection[tuple[str, str]] = (),
) -> Rewritten:
    """What becomes of `live` (as stored, and `plain`) before a rollback to the `target` of update `number`.

    What `delete_imported` means (see `naming`) is not kept, wherever it comes from. What is held comes back as far as
    the target has it; what `drop_held` means is deleted. What is to be held itself is in `hold`, by URN and id; what of
    the held objects is known to be `gone` doesn't come back.

    Raises:
        UsageError: a text of `delete_imported` means nothing in live, or one of `drop_held` nothing that is held.
        SecretsError: the rewritten state can't be decrypted.
        RewindError: what is held can't be read.
    """
    origins, doomed = Origins(session.timeline, number), _doomed(choices.delete_imported, plain)
    with_held = joined(session, live, choices.drop_held, gone)
    arrangement = arrange(
        target,
        session.vault.decrypt(with_held.state, session.stack) if with_held.places else plain,
        project=session.workspace.project,
        stack=session.stack.name,
        origin=lambda res: "" if res.urn in doomed else origins(res),
        selection=selection,
        held=with_held.places,
        dropped=with_held.dropped,
        hold=hold,
    )
    risks = tuple(locked_risks(with_held.locked, target))
    if not arrangement:
        return Rewritten(arrangement, live, plain, risks)
    stored = arranged(with_held.state, arrangement)
    held = frozenset(with_held.places)
    return Rewritten(arrangement, stored, session.vault.decrypt(stored, session.stack), risks, held)


def with_replaced_entries(goal: Goal, arrangement: Arrangement, live: Checkpoint) -> Goal:
    """The goal with the entries of `live` (decrypted, as it is) that returning old copies replace."""
    before = {one.urn: live.by_urn[one.urn] for one in arrangement.returned if one.urn in live.by_urn}
    if not before:
        return goal
    return goal.each(lambda item: replace(item, replaced_source=before.get(item.live_urn, item.replaced_source)))


def _doomed(texts: Sequence[str], live: Checkpoint) -> frozenset[str]:
    names = Names(res for res in live.resources if res.custom and not res.is_provider) if texts else Names(())
    return names.demanded(texts, "--delete-imported", "live")


@dataclass(frozen=True)
class Staged:
    """A backend for a preview."""

    fqn: str
    """The name that the CLI takes for the stack there."""
    environ: Mapping[str, str]


@contextlib.contextmanager
def staged(session: Session, state: Checkpoint | None, readers: Iterable[Resource] = ()) -> Iterator[Staged]:
    """The backend of a preview: the stack's own, or where a `state` is given a private one that holds it.

    Stacks that some of the `readers` read the outputs of are copied there as well.

    Raises:
        RefusedError: one is named with its organization, which a backend of our own knows nothing of.
    """
    if state is None:
        yield Staged(session.stack.fqn, {})
        return
    stack = scoped(session.stack, session.workspace.project)
    states = {stack: state}
    for res in readers:
        if res.type == STACK_REFERENCE:
            there, other = _referred(session.stack, stack.project, str(res.decoded_inputs().get("name") or res.name))
            with contextlib.suppress(BackendError):  # the preview says what is missing
                states.setdefault(there, session.backend.live(other))
    with private_backend(states) as directory:
        yield Staged(stack.fqn, environment(directory, session.workspace))


def _referred(own: StackRef, project: str, name: str) -> tuple[StackRef, StackRef]:
    """The stack that a reference in the stack `own` names: as it is called in a backend of our own, where that is in
    `project`, and in its own.

    Pulumi Cloud takes ``organization/project/stack`` and ``organization/stack``, DIY backends ``project/stack``.
    """
    *first, stack = name.split("/")
    there = StackRef(first[-1] if first else project, stack)
    if not own.organization:
        return there, there if own.project else StackRef("", stack)
    if len(first) == 2:
        raise RefusedError(
            f"the program reads the outputs of the stack {name}, and its run would have to be previewed on an edited "
            "copy of the state, outside of Pulumi Cloud, where there are no organizations",
            hint="`--strategy state` puts the target's state back without a preview.",
            unchanged=True,
        )
    return there, StackRef(own.project, stack, first[0] if first else own.organization)


class Rewriting:
    """The rewriting of one run: iterate `events`, continue, and call `undo` where the run has changed nothing."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._copy: Path | None = None
        self._live: Checkpoint | None = None
        self._written: Checkpoint | None = None
        self._environ: Mapping[str, str] = {}

    def events(
        self, live: Checkpoint, state: Checkpoint | None, steps: Iterable[Step]
    ) -> Generator[EngineEvent, None, Checkpoint]:
        """Writes the state, if there is one to write; returns what the backend holds then.

        With that, the `steps` that are a return are done.

        Raises:
            RefusedError: the state is no longer `live`; nothing was changed.
            StateDirectoryError: a copy of it can't be kept.
            EngineError, SecretsError: it can't be written, and is as it was.
            IncompleteError: it is neither as it was nor as it is to be.
        """
        if state is None:
            return live
        session = self._session
        path = copy_path(session)
        yield Phase("rewrite", f"preparing the state; a copy is in {path}")
        keep(session, live, path)
        self._environ = session.vault.environment(live)
        try:
            import_state(session, state.raw, self._environ, instead_of=live)
        except EngineError as err:
            if session.backend.live(session.stack).digest != live.digest:
                raise IncompleteError(str(err), hint=_put_back(path)) from err
            raise
        now = session.backend.live(session.stack)
        self._copy, self._live, self._written = path, live, now
        if _outline(now) != _outline(state):
            self.undo()
            raise EngineError(
                "the backend does not hold the state that was written",
                hint=_put_back(path),
            )
        for step in steps:
            if step.op == "return":
                done = StepMetadata(op=step.op, urn=step.urn, type=step.type)
                yield ResourcePre(done)
                yield ResourceDone(done)
        return now

    def undo(self) -> None:
        """Puts the state back as it was.

        Raises:
            IncompleteError: it can't be written.
        """
        if self._live is None or self._written is None:
            return
        from pulumi_rewind.state.formats import exported

        session = self._session
        try:
            if _content(session.backend.live(session.stack)) != _content(self._written):
                raise RefusedError("something else changed it in the meantime")
            import_state(session, exported(self._live.raw), self._environ, instead_of=None)
        except RewindError as err:
            raise IncompleteError(
                f"the previous state could not be restored: {err}",
                hint=f"{_put_back(self._copy)} `pulumi-rewind resume` can still continue to the target.",
            ) from err
        self._copy = self._live = self._written = None


def _put_back(copy: Path | None) -> str:
    return f"The previous state is in {copy}; `pulumi stack import --file` restores it."


def _outline(checkpoint: Checkpoint) -> list[tuple[str, str, bool, bool]]:
    """What a rewritten state is known by: an import may re-encrypt secrets."""
    return [(res.urn, res.id, res.delete, res.retain_on_delete) for res in checkpoint.resources]


def _content(checkpoint: Checkpoint) -> list[tuple[object, ...]]:
    """What a state says of objects, whoever wrote it; a run that changes nothing may write it again."""
    return [
        (*place, bytes(res.inputs), bytes(res.outputs))
        for place, res in zip(_outline(checkpoint), checkpoint.resources, strict=True)
    ]
