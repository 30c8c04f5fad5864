"""Names of stacks as people write them, and as messages list them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from pulumi_rewind.errors import UsageError
from pulumi_rewind.state.model import StackRef

NAME: Final = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")
"""What Pulumi takes as the name of a stack, project or organization; nothing of this leaves the backend's folder."""

LISTED: Final = 20
"""How many names a message lists."""


def parts_of(name: str, forms: str) -> list[str]:
    """The one to three parts of a stack's name; `forms` says for people which there are.

    Raises:
        UsageError: that can't be one.
    """
    parts = name.split("/")
    if len(parts) > 3 or not all(NAME.fullmatch(part) for part in parts):
        raise UsageError(
            f"{name!r} is not the name of a stack", hint=f"Write {forms}, with letters, digits, '-', '_' and '.'."
        )
    return parts


def stacks_there(stacks: Sequence[StackRef]) -> str:
    """A hint that lists the stacks of a backend."""
    names = ", ".join(str(one) for one in stacks[:LISTED]) + (" …" if len(stacks) > LISTED else "")
    return f"Stacks there: {names or 'none yet'}."
