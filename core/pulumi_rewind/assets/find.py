"""Finds the contents of a target's assets and archives, and verifies them by their hashes before anything is sent.

State holds of a file or directory its path and hash alone, and the engine believes a hash that is sent to it. So
whatever a provider may read is looked for here: in the working tree, in git at the recorded commit, in a store of
contents. What is found goes to the engine by its path without the hash, for the engine to hash again.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import msgspec

from pulumi_rewind.assets.hash import EMPTY_ARCHIVE, EMPTY_TEXT, AssetError, hash_text, hash_value, located
from pulumi_rewind.assets.sources import Sources, Store, escapes, program_directory
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.sent_inputs import sent_inputs
from pulumi_rewind.state.values import (
    ARCHIVE,
    ASSET,
    MASK,
    SIG,
    Json,
    content_of,
    each,
    is_secret,
    kind_of,
    reveal,
    walk,
)

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Repository

_KINDS: Final = frozenset({ASSET, ARCHIVE})
_HASH: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Resolved:
    """A value to send in place of a recorded one, and what has to be said about it."""

    value: Json
    problems: tuple[Risk, ...]


def resolve_assets(goal: Goal, live: Checkpoint, finder: AssetFinder) -> tuple[Goal, tuple[Risk, ...]]:
    """The goal with every asset and archive resolved, and what the operator must know about them.

    Components and the stack keep theirs as stored: no provider reads them. Nothing is changed in a registration
    whose assets all go as stored.
    """
    notes: list[Risk] = []
    registrations = []
    for item in goal.registrations:
        if not item.has_outputs and holds_assets(item.inputs):
            item, problems = _registration(item, live, finder)
            notes.extend(replace(it, urn=item.urn) for it in dict.fromkeys(problems))
        registrations.append(item)
    return replace(goal, registrations=tuple(registrations)), tuple(notes)


def _registration(item: Registration, live: Checkpoint, finder: AssetFinder) -> tuple[Registration, Iterable[Risk]]:
    before = live.by_urn.get(item.live_urn) if item.live_urn else None
    old = before.decoded_inputs() if before else {}
    settled = before is not None and not before.taint and _essence(dict(item.inputs)) == _essence(sent_inputs(before))
    problems: list[Risk] = []
    inputs: dict[str, Json] = {}
    for key, value in item.inputs.items():
        resolved = finder.resolve(value, old.get(key), path=key, settled=settled)
        inputs[key] = resolved.value
        problems.extend(resolved.problems)
    return (item if inputs == item.inputs else replace(item, inputs=inputs)), problems


def holds_assets(inputs: Mapping[str, Json]) -> bool:
    """Whether an asset or archive stands anywhere in inputs, decrypted secrets included."""
    return any(kind_of(inner) in _KINDS for inner in walk(reveal(dict(inputs))))


class AssetFinder:
    """Finds contents for one plan. What had to be copied lies under `private` until its owner removes it.

    `root` is the project's directory, `commit` the one recorded with the target (may be empty), `store` has
    contents by their hashes: a directory of files and directories named so, or a function that finds them.
    """

    def __init__(
        self, root: Path, commit: str, repository: Repository | None, store: Path | Store | None, private: Path
    ) -> None:
        self.sources = Sources(program_directory(root.resolve()), commit, repository, store, private)

    def resolve(self, value: Json, live: Json = None, *, path: str = "", settled: bool = False) -> Resolved:
        """What to send for a recorded value whose property today holds `live`.

        `path` names the property. `settled`: nothing else of the resource changes, so that its provider isn't
        expected to read anything. What isn't found goes as stored, with a blocking problem.
        """
        search = _Search(self.sources, settled)
        return Resolved(search.value(value, live, path, hidden=False), tuple(search.problems))


class _Search:
    """One walk through a property's value."""

    def __init__(self, sources: Sources, settled: bool) -> None:
        self.sources = sources
        self.settled = settled
        self.problems: list[Risk] = []

    def value(self, value: Json, live: Json, where: str, *, hidden: bool) -> Json:
        """A value with its assets resolved; `hidden`: inside a secret, where nothing may be shown."""
        live = _plain(live)
        kind = kind_of(value)
        if is_secret(value) and isinstance(value.get("plaintext"), str):
            inside = content_of(value)
            new = self.value(inside, live, where, hidden=True)
            return value if new == inside else {**value, "plaintext": msgspec.json.encode(new).decode()}
        if kind in _KINDS:
            return self._recorded(value, live, where, hidden)
        if kind is not None:
            return value
        if isinstance(value, dict):
            old = live if isinstance(live, dict) and kind_of(live) is None else {}
            return {key: self.value(item, old.get(key), f"{where}.{key}", hidden=hidden) for key, item in value.items()}
        if isinstance(value, list):
            known = live if isinstance(live, list) else []
            return [
                self.value(item, known[at] if at < len(known) else None, f"{where}[{at}]", hidden=hidden)
                for at, item in enumerate(value)
            ]
        return value

    def _recorded(self, value: Json, live: Json, where: str, hidden: bool) -> Json:
        """As stored where live has the same, else by found content."""
        value = self._at_home(value)
        same = value == live or (kind_of(live) == kind_of(value) and live.get("hash") and live["hash"] == _hash(value))
        if not same:
            found = self._content(value, where, hidden)
            return value if found is None else found
        if value.get("uri") or (kind_of(value) == ASSET and not value.get("path")):
            return value
        if self._hash_now(value) == _hash(value):
            return value
        if not self.settled:
            # The provider may be asked to make it again, and would read what is there now.
            before = len(self.problems)
            found = self._content(value, where, hidden)
            if found is not None:
                return found
            del self.problems[before:]
        message = f"the content of {where} is no longer at its recorded path; the provider would read something else"
        self.problems.append(Risk("asset-unverified", message))
        return value

    def _at_home(self, value: Json) -> Json:
        """What an earlier rollback had to copy, by its first path again where that has the content now."""
        path = value.get("path")
        if not isinstance(path, str):
            return value
        first, _ = self.sources.origin(path, _hash(value))
        place = located(first, self.sources.directory)
        if first == path or self.sources.hash_at(str(kind_of(value)), place) != _hash(value):
            return value
        return {**value, "path": first}

    def _hash_now(self, value: Json) -> str:
        if value.get("path"):
            return self.sources.hash_at(str(kind_of(value)), located(str(value["path"]), self.sources.directory))
        try:
            return hash_value(value, self.sources.directory)
        except AssetError:
            return ""

    def _content(self, value: Json, where: str, hidden: bool) -> Json | None:
        """The value by verified content and without hashes; None, and a problem, if there is none."""
        kind, digest = str(kind_of(value)), _hash(value)
        if value.get("path"):
            path = self._place(kind, str(value["path"]), digest, where, hidden)
            return None if path is None else {SIG: kind, "path": path}
        if value.get("uri"):
            return self._remote(kind, str(value["uri"]), digest, where, hidden)
        if kind == ASSET:
            text = value.get("text") or ""
            if text and hash_text(text) == digest:
                return {SIG: ASSET, "text": text}
            if not text and digest == EMPTY_TEXT:
                return {SIG: ASSET, "text": ""}
        elif value.get("assets") or digest == EMPTY_ARCHIVE:
            return self._archive(value, where, hidden)
        path = self.sources.from_store(kind, "", digest) if _HASH.fullmatch(digest) else ""
        if path:
            return {SIG: kind, "path": path}
        self._missing(where, "the checkpoint does not contain it", "plan for an update whose record has it")
        return None

    def _archive(self, value: Json, where: str, hidden: bool) -> Json | None:
        assets: dict[str, Json] = {}
        remote = any(isinstance(inner, dict) and inner.get("uri") for inner in walk(value))
        for key, item in sorted((value.get("assets") or {}).items(), key=lambda pair: pair[0].encode(errors="replace")):
            if escapes(key.encode(errors="replace")):
                shown = MASK if hidden else repr(key)
                message = f"{where} has the member {shown}, which lies outside the archive; it is not sent"
                self.problems.append(Risk("asset-unsafe", message))
            elif kind_of(item) not in _KINDS:
                self._missing(f"{where}.{MASK if hidden else key}", "it is neither an asset nor an archive", "")
            else:
                assets[key] = self._content(item, f"{where}.assets.{MASK if hidden else key}", hidden)
                continue
            assets[key] = None
        if None in assets.values():
            return None
        found = {SIG: ARCHIVE, "assets": assets}
        if not remote and self._hash_now(found) != _hash(value):
            self._missing(where, "its members do not match its hash", "")
            return None
        return found

    def _place(self, kind: str, path: str, digest: str, where: str, hidden: bool) -> str | None:
        """The recorded path if it holds the content, else that of a copy."""
        if not _HASH.fullmatch(digest):
            self._missing(where, "its hash was not recorded, so it can't be verified", "")
            return None
        path, commit = self.sources.origin(path, digest)
        place = located(path, self.sources.directory)
        if self.sources.hash_at(kind, place) == digest:
            return path
        copy, reason = self.sources.from_git(kind, path, digest, commit)
        copy = copy or self.sources.from_store(kind, path, digest)
        if copy:
            return copy
        shown = MASK if hidden else path
        state = "is not what was deployed" if os.path.lexists(place) else "is gone"
        self._missing(
            where, f"{shown} {state}, and {MASK if hidden else reason}", f"put the deployed content at {shown}"
        )
        return None

    def _remote(self, kind: str, uri: str, digest: str, where: str, hidden: bool) -> Json | None:
        parts = urlsplit(uri)
        if parts.scheme == "file" and parts.netloc in {"", "localhost"}:
            local = unquote(parts.path)
            path = self._place(kind, local, digest, where, hidden)
            return None if path is None else {SIG: kind, **({"uri": uri} if path == local else {"path": path})}
        kept = self.sources.from_store(kind, posixpath.basename(parts.path), digest) if _HASH.fullmatch(digest) else ""
        if kept:
            return {SIG: kind, "path": kept}
        shown = MASK if hidden else parts._replace(query="", netloc=parts.netloc.rsplit("@", 1)[-1]).geturl()
        self.problems.append(
            Risk("asset-remote", f"{where} is fetched again from {shown}, whose content may have changed")
        )
        return {SIG: kind, "uri": uri}

    def _missing(self, where: str, reason: str, advice: str) -> None:
        message = f"the content of {where} was not found: {reason}"
        if advice:
            message += f"; {advice} and plan again"
        self.problems.append(Risk("asset-missing", message))


# -- small questions --------------------------------------------------------------------------------------------


def _hash(value: Json) -> str:
    return str(value.get("hash") or "")


def _plain(value: Json) -> Json:
    """What a decrypted secret holds, and any other value as it is."""
    while is_secret(value) and isinstance(value.get("plaintext"), str):
        value = content_of(value)
    return value


def _essence(value: Json) -> Json:
    """A value with each asset reduced to what the engine compares."""
    value = _plain(value)
    if kind_of(value) in _KINDS and _hash(value):
        return {SIG: value[SIG], "hash": value["hash"]}
    return each(value, _essence)
