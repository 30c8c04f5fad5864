"""Where history and checkpoints come from: one module for each kind of backend behind one small protocol.

A new kind is a module with a class that takes the URL, and an entry in `KINDS`. Nothing here needs the pulumi CLI.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from pulumi_rewind.backends.protocol import Backend
from pulumi_rewind.backends.urls import FILE, shown_url
from pulumi_rewind.errors import BackendError

KINDS: Final[dict[str, tuple[str, str]]] = {FILE: ("filestate", "FileBackend")}
"""How the URLs of a kind begin, and its module and class, which is loaded when there is such a backend."""


def open_backend(url: str) -> Backend:
    """The backend behind a URL.

    Raises:
        BackendError: a kind that isn't supported yet, or nothing there.
    """
    for start, (module, name) in KINDS.items():
        if url.startswith(start):
            kind: Callable[[str], Backend] = getattr(import_module(f"{__name__}.{module}"), name)
            return kind(url)
    shown = shown_url(url)
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise BackendError(f"{shown!r} is not the URL of a backend", hint=f"A directory is written {FILE}{shown}.")
    name = "Pulumi Cloud" if scheme in {"http", "https"} else f"{scheme}://"
    raise BackendError(
        f"{name} backends are not supported yet ({shown})",
        hint=f"This release reads {', '.join(KINDS)} backends. Set --backend, PULUMI_BACKEND_URL or `backend.url` in "
        "Pulumi.yaml.",
    )
