"""The changes that were in the working tree, but in no commit, when an update was deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pulumi_rewind.model import Update
    from pulumi_rewind.session import Session


def uncommitted_patch(session: Session, update: Update) -> bytes | None:
    """What `git apply` takes to make the update's working tree out of its commit; None if nothing was kept."""
    del session, update  # nothing keeps them yet
    return None
