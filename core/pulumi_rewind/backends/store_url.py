"""URLs of buckets and containers (``s3://``, ``gs://``, ``azblob://``): place, prefix and options. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.errors import BackendError

TRUE: Final = frozenset({"1", "t", "true"})
"""How an option says yes, in any case. Source: Go's strconv.ParseBool."""


@dataclass(frozen=True)
class StoreUrl:
    """A backend's URL, taken apart."""

    url: str
    place: str
    """The bucket or container."""
    prefix: str
    """Before every key, without slashes at its ends; may be empty."""
    options: Mapping[str, str]
    """The query; of an option that is given twice the last."""

    @property
    def shown(self) -> str:
        """The URL without credentials."""
        return shown_url(self.url)

    def flag(self, *names: str) -> bool:
        """Whether one of some options says yes."""
        return any(self.options.get(name, "").lower() in TRUE for name in names)


def parse_store_url(url: str, known: Collection[str], what: str) -> StoreUrl:
    """Takes a URL apart; `known` are the options that the pulumi CLI understands, `what` says what the host names.

    Raises:
        BackendError: it names no bucket, or has an option that the CLI would refuse.
    """
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    shown = shown_url(url)
    if not parts.netloc:
        raise BackendError(f"{shown} names no {what}", hint=f"Write {parts.scheme}://{what.upper()}/PREFIX.")
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise BackendError(
            f"{shown} has an option that {parts.scheme}:// backends don't know: {', '.join(unknown)}",
            hint=f"They know {', '.join(sorted(known))}.",
        )
    return StoreUrl(url, parts.netloc, unquote(parts.path).strip("/"), options)
