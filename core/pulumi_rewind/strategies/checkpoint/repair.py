"""Puts back into the stack's state what no registration can: the recorded bookkeeping of imported objects, and the
outputs of stashes. Through the CLI.
"""

from __future__ import annotations

import json
from collections.abc import Generator

from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Phase
from pulumi_rewind.errors import CheckpointError, IncompleteError, RewindError
from pulumi_rewind.goal.default_values import restore_bookkeeping
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.goal.stashes import has_stash, put_output_back, unlike_recorded
from pulumi_rewind.guard.kept_states import import_state
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, urn_name


def may_need_repair(goal: Goal) -> bool:
    """Whether a run of this goal can leave something to put back."""
    return any(item.all_inputs for item in goal.registrations) or has_stash(goal)


def put_back(session: Session, goal: Goal, report: ReplayReport, live: Checkpoint) -> list[str]:
    """Repairs the state after a run; the URNs of what was repaired.

    Secrets stay encrypted but for those that are repaired, and the deployment goes through pipes, never through a file.
    `live` is the state as it is now; it tells which passphrase is the stack's.

    Raises:
        RefusedError: somebody has changed the state meanwhile.
        EngineError, CheckpointError, SecretsError: the state can't be read or written; it is then as the run left it.
    """
    if not may_need_repair(goal):
        return []
    after = session.vault.decrypt(live, session.stack)
    stashes = unlike_recorded(goal, report, after) if has_stash(goal) else {}
    if not stashes and not any(item.all_inputs for item in goal.registrations):
        return []
    env = session.vault.environment(live)
    exported = session.engine.call(["stack", "export", "-s", session.stack.fqn], env=env)
    try:
        document = json.loads(exported)
        resources = document["deployment"]["resources"]
    except (ValueError, KeyError, TypeError) as err:
        raise CheckpointError(f"the exported state can't be read: {err}", hint="Run `pulumi-rewind resume`.") from None
    changed = [*restore_bookkeeping(resources, goal, report, after), *put_output_back(resources, stashes)]
    if changed:
        import_state(session, json.dumps(document).encode(), env, instead_of=live)
    return changed


def repair(session: Session, goal: Goal, report: ReplayReport) -> Generator[EngineEvent, None, list[str]]:
    """`put_back` as a part of a run, with what is said of it.

    Raises:
        IncompleteError: it failed; `resume` does it again.
    """
    if not may_need_repair(goal):
        return []
    yield Phase("repair", "restoring values that only the state records")
    try:
        repaired = put_back(session, goal, report, session.backend.live(session.stack))
    except RewindError as err:
        raise IncompleteError(
            f"values that only the state records could not be put back: {err}",
            hint="Run `pulumi-rewind resume`, which puts it back, before the next update: without it, that update "
            "might replace resources.",
        ) from err
    if repaired:
        names = ", ".join(map(urn_name, repaired))
        yield Diagnostic(f"put back in the state: {names}", "info")
    return repaired
