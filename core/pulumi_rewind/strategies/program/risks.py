"""What the operator must know of a plan that runs the old program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pulumi_rewind.history.targets import Target
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.project.stack_configuration import differing_keys
from pulumi_rewind.records.lookup import uncommitted_record, unused_changes
from pulumi_rewind.risk import DIRTY, PROGRAM_DIFFERS, TARGET_CONFIG, Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Update, urn_name
from pulumi_rewind.state.values import Json
from pulumi_rewind.strategies.program.config import RecordedConfig
from pulumi_rewind.strategies.program.source import dirty_without_record
from pulumi_rewind.strategies.program.worktree import ProgramTree

NAMED: Final = 6
"""How many names a sentence lists."""


def program_risks(
    session: Session,
    target: Target,
    update: Update,
    tree: ProgramTree,
    config: RecordedConfig,
    differing: Sequence[Difference],
) -> list[Risk]:
    """Uncommitted changes, whose program it is, its dependencies, and what it makes otherwise."""
    found: list[Risk] = []
    if dirty_without_record(session, update):
        message = (
            f"#{update.number} was deployed with uncommitted changes that were not recorded: commit "
            f"{update.commit[:7]} is not the program that ran{unused_changes(session, update)}"
        )
        found.append(Risk(DIRTY, message))
    record = uncommitted_record(session, update) if update.dirty else None
    if record is not None:
        assert session.records is not None
        told = session.records.origin(record).text
        message = f"the changes that were not committed then are taken from the record of #{update.number} ({told})"
        found.append(Risk("uncommitted", message))
        if record.meta.left_out:
            names = ", ".join(f"{one.path} ({one.reason})" for one in record.meta.left_out[:NAMED])
            found.append(Risk("uncommitted-left-out", f"the record does not contain: {names}"))
    if update.number != target.update.number:
        found.append(Risk("program-source", f"the program and configuration are those of #{update.number}"))
    if tree.missing_submodules:
        names = ", ".join(tree.missing_submodules)
        message = f"submodules are not in the local repository (`git submodule update --init` fetches them): {names}"
        found.append(Risk("submodule-missing", message))
    if tree.unfiltered:
        names = ", ".join(tree.unfiltered)
        message = (
            "git filters that only the repository's own configuration defines do not run, so files stay as git "
            f"stores them: {names} (define a filter with `git config --global` to run it)"
        )
        found.append(Risk("unfiltered", message))
    if config.reencrypted:
        message = (
            "secrets are re-encrypted with today's secrets provider, only for this run: "
            f"{', '.join(config.reencrypted)}"
        )
        found.append(Risk("config-reencrypted", message))
    if differing:
        where = list(dict.fromkeys(f"{urn_name(one.urn)} {one.path}".strip() for one in differing))
        more = f" and {len(where) - NAMED} more" if len(where) > NAMED else ""
        message = f"the program creates something other than {target.label} recorded: {', '.join(where[:NAMED])}{more}"
        found.append(Risk(PROGRAM_DIFFERS, message))
    return found


def config_risks(
    update: Update, recorded: Mapping[str, Json] | None, today: Mapping[str, Json], *, use_todays_config: bool
) -> list[Risk]:
    """Which configuration is used, and where the other differs. Pure."""
    if recorded is None:
        return [Risk(TARGET_CONFIG, f"the record of #{update.number} has no configuration: today's is used")]
    keys = differing_keys(recorded, today)
    if not keys:
        return []
    if use_todays_config:
        return [Risk(TARGET_CONFIG, f"today's configuration is used; #{update.number} had others: {', '.join(keys)}")]
    message = (
        f"the configuration of #{update.number} is used; your file stays as it is and differs in {', '.join(keys)} "
        "(`--todays-config` uses the file)"
    )
    return [Risk(TARGET_CONFIG, message)]
