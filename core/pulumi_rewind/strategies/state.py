"""The strategy `state`: the target's checkpoint becomes the stack's state again, and no resource is touched.

For a state that was lost or damaged. `pulumi stack import` gets the checkpoint on standard input; a copy of the
present state is kept.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from pulumi_rewind.choices import STATE
from pulumi_rewind.diff.entries import entry_differences
from pulumi_rewind.engine.events import EngineEvent, Phase
from pulumi_rewind.errors import IncompleteError, InterruptedRun, RefusedError, RewindError
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.guard.consent import consented
from pulumi_rewind.guard.kept_states import copy_path, import_state, keep, read_live
from pulumi_rewind.plan.model import Plan
from pulumi_rewind.plan.prepared import Prepared
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.project.stack_configuration import config_document
from pulumi_rewind.risk import BLOCKING, LEFTOVER, LIVE_DAMAGED, LIVE_UNREADABLE, Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.integrity import damage
from pulumi_rewind.state.model import Checkpoint, Resource, SecretsProvider, parse_urn
from pulumi_rewind.state.values import decoded
from pulumi_rewind.strategies.parts import PlanRequest, around, digest, warned
from pulumi_rewind.strategies.protocol import Running, Strategy
from pulumi_rewind.strategies.second_plan import provider_differences, same_provider
from pulumi_rewind.system.shell import quoted

_WORDS: Final = {
    "create": "is in the state again",
    "delete": "is no longer in the state; the object itself stays",
    "update": "is recorded as it was",
    "replace": "is the object of that time again",
    "rename": "has the name of that time again",
}


@dataclass(frozen=True, kw_only=True)
class StatePrepared(Prepared):
    """What a reviewed plan of the state is run with."""

    deployment: bytes = dataclasses.field(repr=False)
    """What ``pulumi stack import`` gets; where the secrets provider has changed, secrets in plaintext."""
    copy: Path
    """Where the present state will be kept."""
    environ: Mapping[str, str] = dataclasses.field(repr=False)
    """What the CLI needs to encrypt it, beyond the operator's own environment."""


def plan_state(asked: PlanRequest) -> Plan:
    """Plans to put the target's checkpoint back as the state; changes nothing, asks no provider.

    Raises:
        CheckpointError, SecretsError: the target can't be read, or either of the two not be decrypted.
        UntrustedTarget: what the next update would use of it requires a confirmation first.
    """
    from pulumi_rewind.diff.checkpoints import diff_checkpoints

    session, target, choices = asked.session, asked.target, asked.choices
    asked.observe(Phase("load", f"reading live and {target.label}"))
    live, problem = read_live(session)
    stored = session.timeline.checkpoint(target.update.number)
    live_plain = live if problem else session.vault.decrypt(live, session.stack)
    plain = session.vault.decrypt(stored, session.stack)
    unlike = consented(session, target, live_plain, plain, choices)
    diff = diff_checkpoints(live_plain, plain)
    wrong = damage(live)
    entries = () if problem else tuple(entry_differences(live_plain, plain, {item.urn for item in diff.resources}))
    if wrong and not (diff.resources or entries):
        entries = (("", "is as it was at that time again"),)
    kept = copy_path(session)
    risks = [
        *_damaged(wrong, stored),
        *_forgotten(live_plain, plain),
        *_uncertain(live_plain, plain, damaged=bool(problem)),
        *_misfits(session, stored),
        Risk("copy-kept", f"a copy of the current state will be saved in {kept}"),
        *warned(target, unlike),
    ]
    if problem:
        message = f"{problem}; what exists now and would be forgotten is unknown"
        risks.insert(0, Risk(LIVE_UNREADABLE, message))
    # The import drops open operations: nothing is created twice by it.
    stack_risks = around(session, live_plain, refreshed=True, live_known=bool(problem), creates_block=False)
    risks += map(_only_forgotten, stack_risks)
    provider = live.deployment.secrets_providers or _configured(session)
    return Plan(
        stack=str(session.stack),
        target=target,
        strategy=STATE,
        fingerprint=digest(live.digest, stored.digest, STATE, repr(provider)),
        steps=(),
        risks=tuple(risks),
        changes={},
        diff=diff,
        created=time.time(),
        state_only=tuple(
            Difference(urn, "", words, expected=True)
            for urn, words in [*((item.urn, _WORDS.get(item.op, "changes")) for item in diff.resources), *entries]
        ),
        prepared=StatePrepared(
            live, live_plain, stored, plain, choices,
            deployment=importable(stored, provider, lambda: session.vault.plaintext(stored, session.stack)), copy=kept,
            environ=session.vault.environment(stored if provider is None else live),
        ),
    )  # fmt: skip


def importable(stored: Checkpoint, provider: SecretsProvider | None, plaintext: Callable[[], bytes]) -> bytes:
    """A checkpoint as ``pulumi stack import`` takes it, under the live state's secrets provider.

    Where that is the checkpoint's own, secrets go as they are stored; else as `plaintext` gives them, for the CLI to
    encrypt.
    """
    own = stored.deployment.secrets_providers
    if provider is None or own is None or same_provider(own, provider):
        return exported(stored.raw)
    document = decoded(exported(plaintext()), "a value")
    state = decoded(provider.state, "the secrets provider")
    document["deployment"]["secrets_providers"] = {"type": provider.type, "state": state}
    return msgspec.json.encode(document)


def _configured(session: Session) -> SecretsProvider | None:
    """The secrets provider that the stack's configuration file names, for a state that names none (any more)."""
    document = config_document(session.workspace.config_file(session.stack.name))
    if salt := document.get("encryptionsalt"):
        return SecretsProvider("passphrase", msgspec.Raw(msgspec.json.encode({"salt": salt})))
    if url := document.get("secretsprovider"):
        state = {"url": url, "encryptedkey": document.get("encryptedkey", "")}
        return SecretsProvider("cloud", msgspec.Raw(msgspec.json.encode(state)))
    return None


def _objects(checkpoint: Checkpoint) -> dict[tuple[str, str], Resource]:
    """The physical objects that a state stands for, by type and id."""
    return {
        (res.type, res.id): res
        for res in checkpoint.resources
        if res.custom and res.id and not res.is_provider and not res.external and not res.view_of
    }


def _only_forgotten(risk: Risk) -> Risk:
    """An old copy that waits for its deletion is not deleted by an import of the state."""
    if risk.code != LEFTOVER:
        return risk
    message = "an old copy is still pending deletion; this strategy deletes nothing, and the object stays"
    return dataclasses.replace(risk, message=message, unusual=None)


def _forgotten(live: Checkpoint, target: Checkpoint) -> Iterator[Risk]:
    there = _objects(target)
    for key, res in _objects(live).items():
        if key not in there:
            message = (
                f"exists now as {res.id} and would be forgotten: the object stays, but no stack manages it any more"
            )
            yield Risk("forgotten", message, res.urn)


def _uncertain(live: Checkpoint, target: Checkpoint, *, damaged: bool) -> Iterator[Risk]:
    if damaged:
        return
    there = _objects(live)
    for key, res in _objects(target).items():
        if key not in there:
            message = f"was {res.id} then, which is not in the current state: the object may no longer exist"
            yield Risk("may-be-gone", message, res.urn)


def _damaged(live: str, target: Checkpoint) -> Iterator[Risk]:
    if live:
        yield Risk(LIVE_DAMAGED, f"the current state is damaged: {live}")
    if what := damage(target):
        message = f"the target's checkpoint is damaged, and the engine would refuse it: {what}"
        yield Risk("target-damaged", message, unusual=BLOCKING)


def _misfits(session: Session, target: Checkpoint) -> Iterator[Risk]:
    """A checkpoint of the time before a rename, which the CLI doesn't take."""
    for res in target.resources:
        urn = parse_urn(res.urn)
        if urn.stack != session.stack.name:
            message = (
                f"the stack was called {urn.stack} at that time, and its state fits no other name; "
                "`--strategy checkpoint` can go back across a rename"
            )
            yield Risk("renamed-stack", message)
            return


class StateStrategy(Strategy):
    """Keeps a copy of the present state and puts the target's checkpoint in its place."""

    def plan(self, asked: PlanRequest) -> Plan:
        """See `plan_state`."""
        return plan_state(asked)

    def live(self, session: Session) -> Checkpoint:
        """Also where it can't be read."""
        return read_live(session)[0]

    def update(self, run: Running) -> Generator[EngineEvent, None, ReplayReport]:
        """The import of the state; the engine is not started."""
        session, prepared = run.session, _prepared(run.plan)
        yield Phase("copy", f"saving the current state in {prepared.copy}")
        keep(session, prepared.live, prepared.copy)
        if run.asked_to_stop():
            raise InterruptedRun("stopped before it began", unchanged=True)
        yield Phase("import", "putting the old state back")
        try:
            import_state(session, prepared.deployment, prepared.environ, instead_of=prepared.live)
        except RefusedError:
            raise
        except RewindError as err:
            raise self._import_failure(session, prepared, err) from None
        return ReplayReport()

    def _import_failure(self, session: Session, prepared: StatePrepared, error: RewindError) -> RewindError:
        if self.live(session).digest == prepared.live.digest:
            error.unchanged = True
            return error
        return IncompleteError(
            str(error), hint=f"The previous state is in {prepared.copy}; restore it with `pulumi stack import`."
        )

    def verify(self, plan: Plan, report: ReplayReport, after: Checkpoint) -> list[Difference]:
        """Every entry that is not the target's."""
        from pulumi_rewind.diff.checkpoints import diff_checkpoints

        prepared = plan.prepared
        found = [
            Difference(item.urn, "", "is not as in the target")
            for item in diff_checkpoints(prepared.target_plain, after).resources
        ]
        if any(True for _ in entry_differences(prepared.target_plain, after, {item.urn for item in found})):
            found.append(Difference("", "", "the entries of the state are not as in the target"))
        return [*found, *provider_differences(prepared.live, after)]

    def closing(self, run: Running) -> tuple[tuple[str, ...], str]:
        """Where the copy is, and how it is put back."""
        name, copy = run.session.stack.word, _prepared(run.plan).copy
        notes = (
            f"the previous state is in {copy}",
            f"no resource was touched; `pulumi refresh --preview-only -s {name}` shows what really exists",
        )
        return notes, f"pulumi stack import {quoted('-s', name, '--file', str(copy))}"


def _prepared(plan: Plan) -> StatePrepared:
    prepared = plan.prepared
    assert isinstance(prepared, StatePrepared)
    return prepared
