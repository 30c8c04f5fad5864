"""Whether a tag has moved since it was deployed: what the history and git remember of where it pointed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from pulumi_rewind.model import Update
from pulumi_rewind.stamp import read_stamp

if TYPE_CHECKING:
    from pulumi_rewind.repo import Repository

_LABEL: Final = re.compile(r"rollback to #([0-9]{1,18}) \((.*)\)", re.DOTALL)


def moved_since(repository: Repository, tag: str, sha: str, updates: Iterable[Update]) -> dict[str, str]:
    """The deployed commits that a tag meant before it came to mean `sha` → how that is known.

    A rollback's message says which tag stood at its target; git keeps the places of a tag only where it was told to
    (``core.logAllRefUpdates = always``). Where neither knows, a move doesn't show.
    """
    updates = list(updates)
    by_number = {update.number: update for update in updates}
    deployed = {
        update.commit: update.number for update in reversed(updates) if update.commit and not update.is_rollback
    }
    found: dict[str, str] = {}
    for update in updates:
        match = _LABEL.fullmatch(update.message.strip())
        if match is None or read_stamp(update) is None or tag not in match[2].split(", "):
            continue
        meant = by_number.get(int(match[1]))
        if meant is not None and meant.commit and not meant.is_rollback and meant.commit != sha:
            found.setdefault(meant.commit, f"#{update.number} went back to #{meant.number} by it")
    for before in repository.moved(tag):
        if before in deployed and before != sha:
            found.setdefault(before, f"#{deployed[before]} deployed it from there")
    return found
