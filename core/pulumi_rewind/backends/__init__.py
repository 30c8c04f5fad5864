"""Where history and checkpoints come from: one module for each kind of backend behind one small protocol.

A new kind is a module with a function that takes the URL and the environment, and an entry in `KINDS`. Nothing here
needs the pulumi CLI.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

from pulumi_rewind.backends.protocol import Backend
from pulumi_rewind.backends.urls import FILE, shown_url
from pulumi_rewind.errors import BackendError

KINDS: Final[dict[str, tuple[str, str]]] = {
    FILE: ("files", "open_files"),
    "s3://": ("s3", "open_s3"),
    "gs://": ("gcs", "open_gcs"),
    "azblob://": ("azure", "open_azure"),
    "postgres://": ("postgres", "open_postgres"),
    "https://": ("cloud", "open_cloud"),
    "http://": ("cloud", "open_cloud"),
}
"""How the URLs of a kind begin, and the module, loaded when there is such a backend, and the function that opens it."""


CACHED: Final = frozenset({"s3://", "gs://", "azblob://", "postgres://"})
"""Kinds whose records are cached. A directory is fast, and a service tells a page of records in one answer."""


def open_backend(
    url: str, environ: Mapping[str, str] = os.environ, cache: Path | None = None, *, wait: bool = True
) -> Backend:
    """The backend behind a URL, with the credentials that an environment has.

    `cache` is the directory, made when it is needed, where what is read of histories over a network is kept. Without
    `wait` the first question may raise what opening comes to: who asks at once saves a round trip.

    Raises:
        BackendError: no kind that Pulumi knows, or nothing there.
    """
    for start, (module, name) in KINDS.items():
        if url.startswith(start):
            open_: Callable[[str, Mapping[str, str]], Backend] = getattr(import_module(f"{__name__}.{module}"), name)
            opened = open_(url, environ)
            if start in CACHED:
                _prepare(opened, url, environ, cache, wait=wait)
            return opened
    shown = shown_url(url)
    scheme, separator, _ = url.partition("://")
    if not separator:
        raise BackendError(f"{shown!r} is not the URL of a backend", hint=f"A directory is written {FILE}{shown}.")
    hint = (
        f"A backend's URL begins with {', '.join(KINDS)}. Check --backend, PULUMI_BACKEND_URL or `backend.url` in "
        "Pulumi.yaml."
    )
    if scheme == "postgresql":
        hint = "Pulumi writes postgres://, and would take this for the address of a service like Pulumi Cloud."
    raise BackendError(f"{scheme}:// is no kind of backend that Pulumi knows ({shown})", hint=hint)


def _prepare(backend: Backend, url: str, environ: Mapping[str, str], cache: Path | None, *, wait: bool) -> None:
    from pulumi_rewind.backends.diy import DiyBackend

    if not isinstance(backend, DiyBackend):
        return
    if cache is not None:
        from pulumi_rewind.backends.cache import Cache

        backend.kept = partial(Cache(cache).of, url, environ)
    if wait:
        _ = backend.scoped
