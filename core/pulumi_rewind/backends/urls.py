"""A backend's URL: what it names, in one spelling, and what of it may be shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from pulumi_rewind.state.values import MASK

FILE: Final = "file://"

_SCHEME: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:(?=/))?/*", re.IGNORECASE)
_AUTHORITY: Final = re.compile(r"[^/?#]*")
_PORT: Final = re.compile(r"(?:[^:@]*|\[[0-9a-fA-F:.]*\])(?::\d*)?")
"""A host with its port; what looks otherwise may be a password with characters that should have been escaped."""
_PARAMETER: Final = re.compile(r"([?&;#])([^=&;#]*)=([^&;#]*)")
_TELLING: Final = re.compile(r"pass|pwd|secret|token|key|sig|cred|auth|sas", re.IGNORECASE)
"""In names of parameters: ``password``, ``accessKey``, ``X-Amz-Credential``, ``sig`` of a shared access signature …"""
_INNER: Final = re.compile(
    r"(?::|%3a)(?:/|%2f){2}(?:(?!:|%3a|/|%2f).)*(?::|%3a)((?:(?!/|%2f).)+)(?:@|%40)", re.IGNORECASE
)
"""A password in a URL that is the value of a parameter (``endpoint=http://me:password@host``), escaped or not."""
_LOCAL: Final = ("file:",)


_PACES: Final = {FILE: 0.0, "s3://": 10.0, "gs://": 10.0, "azblob://": 10.0}
"""Seconds; a look at a bucket is several requests that are paid for, and one at anything else a question."""
_PACE: Final = 5.0


def pace(url: str) -> float:
    """Seconds that should lie between two looks at a backend where nothing happens; 0 where a look costs nothing."""
    return next((seconds for start, seconds in _PACES.items() if url.startswith(start)), _PACE)


def user_home() -> Path:
    """The user's home as the pulumi CLI sees it: that of the user database, ``HOME`` only where there is no entry."""
    try:
        import pwd

        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):
        return Path.home()


def absolute_url(url: str, base: Path) -> str:
    """A ``file://`` URL in one spelling: absolute, with ``~`` put in, without ``.`` and ``..``; others unchanged.

    A relative one starts at `base`.
    """
    if not url.startswith(FILE):
        return url
    path = os.path.normpath(file_path(url, base))
    for character in "%?#":
        path = path.replace(character, quote(character))
    _, mark, options = url.partition("?")
    return FILE + path + mark + options


def file_path(url: str, base: Path) -> Path:
    """The directory that a ``file://`` URL names."""
    text = unquote(url.removeprefix(FILE).partition("?")[0])
    if text == "~" or text.startswith("~/"):
        return user_home() / text[2:]
    return base / text


def shown_url(url: str) -> str:
    """The URL with every credential in it replaced by ``[secret]``; others come back as they are."""
    for start, stop in reversed(_secret_spans(url)):
        url = f"{url[:start]}{MASK}{url[stop:]}"
    return url


def secrets_of_url(url: str) -> Iterator[str]:
    """The credentials in a URL, as they are written and as they are meant."""
    for start, stop in _secret_spans(url):
        text = url[start:stop]
        yield from dict.fromkeys((text, unquote(text), unquote_plus(text)))


def secrets_of_proxies(environ: Mapping[str, str]) -> Iterator[str]:
    """The credentials in the URLs of proxies and endpoints that the environment names."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        for url in filter(None, (environ.get(name), environ.get(name.lower()))):
            yield from secrets_of_url(url if "://" in url else f"http://{url}")


def _secret_spans(url: str) -> list[tuple[int, int]]:
    """Where credentials stand, in their order."""
    scheme = _SCHEME.match(url)
    assert scheme is not None
    begin, end = scheme.end(), scheme.end()
    spans: list[tuple[int, int]] = []
    if not url.lower().startswith(_LOCAL):
        end = _end_of_user(url, begin)
        user, colon, password = url[begin:end].partition(":")
        if password:
            spans.append((begin + len(user) + 1, end))
        elif user and not colon and url.lower().startswith("http"):  # a token alone; elsewhere that is a name
            spans.append((begin, end))
    for found in _PARAMETER.finditer(url, end):
        if found[3] and _TELLING.search(unquote(found[2])):
            spans.append(found.span(3))
        elif inner := _INNER.search(url, *found.span(3)):
            spans.append(inner.span(1))
    return spans


def _end_of_user(url: str, begin: int) -> int:
    """Where the user's part of an authority ends, before the ``@``; `begin` if there is none."""
    authority = _AUTHORITY.match(url, begin)
    assert authority is not None
    if (at := url.rfind("@", begin, authority.end())) >= 0:
        return at
    if not _PORT.fullmatch(authority[0]) and (at := url.rfind("@", begin)) >= 0:
        return at
    return begin
