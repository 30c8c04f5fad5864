"""What all ready-made callbacks have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.declare import Recreate


@dataclass(frozen=True, kw_only=True)
class ReadyMade:
    """A ready-made callback, for `pulumi_rewind.undo`."""

    without_copy: Literal["stop", "empty"] = "stop"
    """What happens if there is no copy: the rollback stops before it changes anything, or the object comes empty."""

    dry_run_safe: ClassVar = True

    def no_copy(self, what: str, hint: str) -> Recreate:
        """Creates an object without its data, if that is allowed.

        Raises:
            CopyError: it isn't.
        """
        if self.without_copy == "empty":
            return Recreate(note=f"empty: {what}")
        raise CopyError(what, hint=f"{hint} without_copy='empty' has it created empty.")
