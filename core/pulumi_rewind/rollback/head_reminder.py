"""What the next ordinary deploy would do to what a rollback has brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulumi_rewind.history.origins import origin
from pulumi_rewind.history.timeline import deployed_commit

if TYPE_CHECKING:
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.session import Session


def head_reminder(session: Session, target: Target) -> str:
    """What the next ordinary `pulumi up` would do from the commit that is checked out, empty if nothing."""
    repository = session.repository
    if repository is None:
        return ""
    head = repository.head()
    history = session.timeline.history
    # A rollback's own record names the commit that was checked out then, which may be the one it took back.
    restored = target.update if target.checkpoint is not None else origin(history, target.update)
    commit = deployed_commit(restored)
    if not head or head == commit:
        return ""
    again = next(
        (
            update.number
            for update in history.newest(100)
            if update.commit == head and not update.is_rollback and update.number > restored.number
        ),
        None,
    )
    if again is not None:
        return f"HEAD ({head[:7]}) still contains #{again}: revert it, or the next deploy applies it again"
    if not commit:
        return ""
    return (
        f"HEAD is {head[:7]}, {target.label} was deployed from {commit[:7]}: "
        "make the program match, or the next deploy moves the stack again"
    )
