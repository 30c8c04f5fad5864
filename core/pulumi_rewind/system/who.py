"""Who runs this: as others read it in a note beside a stack."""

from __future__ import annotations

import getpass
import socket


def user() -> str:
    """The user's name; ``someone`` where this user id has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "someone"


def me() -> str:
    """``ann@build1``."""
    return f"{user()}@{socket.gethostname()}"
