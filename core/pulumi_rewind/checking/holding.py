"""Whether an object that an update deletes could be held, so that going back returns the very same one. Pure."""

from __future__ import annotations

from pulumi_rewind.plan.model import Step
from pulumi_rewind.state.model import Resource


def holdable(step: Step, old: Resource) -> bool:
    """Whether `up --hold-deletes` can keep the object `old` that a step of an update deletes or replaces.

    A replacement that deletes first has no moment at which both objects are there. What goes with its container, and
    what is protected, is not the engine's to keep.
    """
    return (
        step.op in {"delete", "replace"}
        and not step.delete_first
        and old.custom
        and not (old.protect or old.external or old.is_provider or old.deleted_with)
    )
