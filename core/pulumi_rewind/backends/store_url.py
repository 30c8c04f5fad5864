"""URLs of buckets and containers (``s3://``, ``gs://``, ``azblob://``): place, prefix and options. Pure."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.errors import BackendError

TRUE: Final = frozenset({"1", "t", "true"})
"""How an option says yes, in any case. Source: Go's strconv.ParseBool."""

FALSE: Final = frozenset({"", "0", "f", "false"})


@dataclass(frozen=True)
class StoreUrl:
    """A backend's URL, taken apart."""

    url: str
    place: str
    """The bucket or container."""
    prefix: str
    """Before every key, without slashes at its ends; may be empty."""
    options: Mapping[str, str]
    """The query; of an option that is given twice the first, as the CLI has it."""

    @property
    def shown(self) -> str:
        """The URL without credentials."""
        return shown_url(self.url)

    def flag(self, *names: str) -> bool:
        """Whether one of some options says yes.

        Raises:
            BackendError: one says neither yes nor no.
        """
        for name in names:
            if (value := self.options.get(name, "").lower()) not in TRUE | FALSE:
                raise BackendError(f"{self.shown}: `{name}` is neither true nor false", hint=f"Write {name}=true.")
            if value in TRUE:
                return True
        return False


def parse_store_url(url: str, known: Collection[str], what: str) -> StoreUrl:
    """Takes a URL apart; `known` are the options that the pulumi CLI understands, `what` says what the host names.

    Raises:
        BackendError: it names no bucket, or has an option that the CLI would refuse.
    """
    shown, scheme = shown_url(url), url.partition("://")[0]
    written = f"Write {scheme}://{what.upper()}/PREFIX."
    try:
        parts = urlsplit(url)
    except ValueError as err:
        raise BackendError(f"{shown} can't be understood: {err}", hint=written) from None
    options = dict(reversed(parse_qsl(parts.query, keep_blank_values=True)))
    place = parts.netloc.rpartition("@")[2]  # as with the CLI, what stands before it does not count
    if not place or ":" in place:
        raise BackendError(f"{shown} names no {what}", hint=written)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise BackendError(
            f"{shown} has an option that {scheme}:// backends don't know: {', '.join(unknown)}",
            hint=f"They know {', '.join(sorted(known))}.",
        )
    return StoreUrl(url, place, unquote(parts.path).strip("/"), options)


_ADDRESS: Final = re.compile(
    r"https?://(?:[^\s@/]+@)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?(?:/[!-~]*)?",
    re.IGNORECASE,
)


def checked_endpoint(url: StoreUrl, endpoint: str) -> str:
    """The address of a server, if it is one: obstore's own code would break at another.

    Raises:
        BackendError: it is none.
    """
    found = _ADDRESS.fullmatch(endpoint)
    if found is not None and int(found["port"] or 0) < 1 << 16:
        with contextlib.suppress(ValueError):
            host = found["host"].strip("[]")
            if ":" in host or host.rstrip(".").rpartition(".")[2].isdigit():  # what looks like a number must be one
                ipaddress.ip_address(host)
            return endpoint
    raise BackendError(
        f"{url.shown}: {shown_url(endpoint)!r} is not the address of a server",
        hint="An endpoint is written http://HOST:PORT or https://HOST:PORT.",
    )


def own_environment(url: StoreUrl, environ: Mapping[str, str], starts: tuple[str, ...], library: str) -> None:
    """Makes sure that a library which reads the process's environment finds there what it is to find.

    Raises:
        BackendError: `environ` has something else under a name that begins so.
    """
    names = sorted(name for name in {*environ, *os.environ} if name.startswith(starts))
    if other := [name for name in names if environ.get(name) != os.environ.get(name)]:
        raise BackendError(
            f"{url.shown} needs credentials that {library} looks for in this process's environment, which has another "
            f"{', '.join(other)} than it was given",
            hint="Start the process with these variables, or give it static keys.",
        )


def quiet(library: str) -> None:
    """Keeps what a library logs of its search off standard error: what matters is in its errors."""
    logging.getLogger(library).addHandler(logging.NullHandler())
