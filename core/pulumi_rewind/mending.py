"""Puts back into the stack's state what no registration can: the recorded bookkeeping of imported objects, and the
outputs of stashes. Through the CLI.
"""

from __future__ import annotations

import json

from pulumi_rewind.bookkeeping import mend
from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.goal import Goal
from pulumi_rewind.kept_states import import_state
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.replay import ReplayReport
from pulumi_rewind.session import Session
from pulumi_rewind.stash import has_stash, put_output_back, unlike_recorded


def may_need_mending(goal: Goal) -> bool:
    """Whether a run of this goal can leave something to put back."""
    return any(item.full for item in goal.registrations) or has_stash(goal)


def put_back(session: Session, goal: Goal, report: ReplayReport, live: Checkpoint) -> list[str]:
    """Mends the state after a run; the URNs of what was mended.

    Secrets stay encrypted and the deployment goes through pipes, never through a file. `live` tells which passphrase
    is the stack's.

    Raises:
        EngineError, CheckpointError, SecretsError: the state can't be read or written; it is then as the run left it.
    """
    if not may_need_mending(goal):
        return []
    stashes = unlike_recorded(goal, report, session.vault.decrypt(live, session.stack)) if has_stash(goal) else {}
    if not stashes and not any(item.full for item in goal.registrations):
        return []
    env = session.vault.environment(live)
    exported = session.engine.call(["stack", "export", "-s", session.stack.fqn], env=env)
    try:
        document = json.loads(exported)
        resources = document["deployment"]["resources"]
    except (ValueError, KeyError, TypeError) as err:
        raise CheckpointError(f"the exported state can't be read: {err}", hint="Run `pulumi-rewind resume`.") from None
    changed = [*mend(resources, goal, report), *put_output_back(resources, stashes)]
    if changed:
        import_state(session, json.dumps(document).encode(), env)
    return changed
