"""The one equality of two states: the same but for new ids and what follows from them. Pure.

What `diff` folds away, the last good update, relative targets and "nothing to do" all mean this.
"""

from __future__ import annotations

from collections import Counter

from pulumi_rewind.diff.certain import surely_other
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.same import same_bytes


def same_content(old: Checkpoint, new: Checkpoint) -> bool | None:
    """Whether two states say the same; None where only secrets that are still encrypted could tell.

    Cheap where they are alike (bytes tell) and where they are not (the first real difference does).
    """
    if same_bytes(old.raw, new.raw):
        return True
    if _leftovers(old) != _leftovers(new):
        return False
    if surely_other(old, new):
        return False
    from pulumi_rewind.diff.checkpoints import compare

    unknown = False
    for item in compare(old, new):
        if item.uncertain:
            unknown = True
        elif not item.consequential:
            return False
    return None if unknown else True


def _leftovers(checkpoint: Checkpoint) -> Counter[tuple[str, ...]]:
    """What else an update would work on: copies that wait for deletion, operations left open."""
    copies = (("copy", res.urn, res.id) for res in checkpoint.resources if res.delete)
    return Counter([*copies, *((one.type, one.resource.urn) for one in checkpoint.pending_operations)])
