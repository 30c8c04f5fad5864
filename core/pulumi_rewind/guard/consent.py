"""The operator's agreement to what a target would make the engine do, asked for before any of it is started.

Where only the operator can have written the target, the plan shows it as a risk and nothing is asked; the one exception
is in `Finding.needs_confirmation`. Otherwise the operator has to agree. The agreement is remembered by its digest for
this stack: the same finding is not asked about again, a different one is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from pulumi_rewind.choices import PROGRAM, STATE, Choices
from pulumi_rewind.engine.environment import environment_notes
from pulumi_rewind.errors import RewindError
from pulumi_rewind.goal.build import choose
from pulumi_rewind.goal.credentials import todays_credentials
from pulumi_rewind.history.targets import Target
from pulumi_rewind.project.stack_configuration import normalized
from pulumi_rewind.risk import Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import Json
from pulumi_rewind.system.toolchain import plugin_is_here
from pulumi_rewind.trust.targets import (
    Finding,
    config_findings,
    findings,
    program_finding,
    secrets_finding,
)

_NONE: Final[Mapping[str, Json]] = {}


def consented(
    session: Session,
    target: Target,
    live: Checkpoint,
    plain: Checkpoint,
    choices: Choices,
    *,
    settings: Mapping[str, Json] = _NONE,
    today: Mapping[str, Json] = _NONE,
    commit: str = "",
) -> tuple[Risk, ...]:
    """What a plan to `target` would newly use, as risks to be shown; `live` and `plain` (the target) decrypted.

    So are the variables of the environment that change what the engine does.

    `settings` of the target's configuration are used where they differ from `today`'s; `commit` is that of the program
    to be run.

    Raises:
        UntrustedTarget: something of it requires a confirmation that isn't there.
        UsageError: a selection that chooses nothing.
    """
    around = tuple(Risk("environment", text) for text in environment_notes(session.workspace.environ))
    found = list(_found(session, target, live, plain, choices))
    if target.known is None:
        found += config_findings(normalized(settings), normalized(today))
        found += _of_program(session, commit)
    if not found:
        return around
    redact = session.redactor
    for checkpoint in (live, plain):
        redact.note_checkpoint(checkpoint)
    found = [replace(one, what=redact(one.what), live=redact(one.live), target=redact(one.target)) for one in found]
    reason = untrusted_reason(session, target)
    session.trust.require(str(session.stack), target.label, found, reason, own=not reason)
    return (*(Risk("unlike-live", one.text) for one in found), *around)


def agree(session: Session, found: Iterable[Finding]) -> None:
    """Remembers the operator's yes.

    Raises:
        RewindError: it can't be kept.
    """
    for one in found:
        session.trust.agree(one.digest(str(session.stack)))


def untrusted_reason(session: Session, target: Target) -> str:
    """Why others than the operator may have written a target; empty if nobody else can."""
    try:
        return session.backend.shared(session.stack) or session.timeline.history.touched(target.update.number)
    except RewindError as err:
        return str(err)


def _found(
    session: Session, target: Target, live: Checkpoint, plain: Checkpoint, choices: Choices
) -> Iterable[Finding]:
    """What the checkpoint itself does; the program strategy registers nothing of it."""
    known = [live] if target.known is None else [live, session.vault.decrypt(target.known, session.stack)]
    if (service := secrets_finding(plain, live)) is not None and target.known is None:
        yield service
    if choices.strategy == PROGRAM:
        return
    chosen = choose(plain, live, only=choices.only)[1].chosen if choices.only else None
    if choices.strategy != STATE and not choices.recorded_credentials:
        plain = todays_credentials(plain, live).target
    here = session.workspace

    def installed(name: str, version: str) -> bool:
        return plugin_is_here(session.engine.path, here.home, name, version, here.environ)

    yield from findings(plain, known, installed, chosen=chosen, whole=choices.strategy == STATE)


def _of_program(session: Session, commit: str) -> Iterable[Finding]:
    repository = session.repository if commit else None
    head = repository.head() if repository is not None else ""
    if repository is not None and not (head and repository.is_ancestor(commit, head)):
        yield program_finding(commit, head)
