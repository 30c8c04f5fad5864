"""``requirements.lock``: what is pinned in it, and which of that something needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_ENTRY: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)(.*)$")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})(?=\s|$)")


class LockError(ValueError):
    """The lock file has a line that names no pinned distribution."""


@dataclass(frozen=True)
class Pin:
    """One distribution of the lock."""

    name: str
    """Canonical: lower case, with hyphens."""
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of each file that may be installed, in hexadecimal digits."""
    text: str
    """As it stands in the file, on one line."""


def pins(text: str) -> dict[str, Pin]:
    """The entries of a lock file by canonical name.

    Raises:
        LockError: a line is something else, for example an index, a path or a URL; or a name comes twice.
    """
    found: dict[str, Pin] = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        bare = line.split(" #")[0].strip()
        if not bare or bare.startswith("#"):
            continue
        match = _ENTRY.match(bare)
        if match is None:
            raise LockError(f"not a pinned distribution: {bare[:80]}")
        name = canonicalize_name(match[1])
        if name in found:
            raise LockError(f"{name} comes twice")
        found[name] = Pin(name, match[2], tuple(_HASH.findall(match[3])), " ".join(bare.split()))
    return found


def needed(
    asked: Iterable[str], requires: Callable[[str], Iterable[str]], environment: Mapping[str, str] | None = None
) -> dict[str, set[str]]:
    """Everything that some requirements need, itself included: canonical name → the names that it needs directly.

    `requires` tells the requirements of an installed distribution; those of extras count only where the extra is asked
    for. `environment` overrides markers, as `packaging.markers` takes them.
    """
    found: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [Requirement(text) for text in asked if _applies(Requirement(text), frozenset(), environment)]
    for requirement in waiting:
        found.setdefault(canonicalize_name(requirement.name), set())
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for text in requires(name):
            inner = Requirement(text)
            if _applies(inner, extras, environment):
                found.setdefault(canonicalize_name(inner.name), set())
                found[name].add(canonicalize_name(inner.name))
                waiting.append(inner)
    return found


def _applies(requirement: Requirement, extras: frozenset[str], environment: Mapping[str, str] | None) -> bool:
    marker = requirement.marker
    if marker is None:
        return True
    return any(marker.evaluate({**(environment or {}), "extra": extra}) for extra in ("", *extras))
