"""Creates that a killed update left open, and what the operator decides about each: adopt or clear. Pure.

The engine carries such an operation along for ever, and would make the object a second time. Only the operator can know
whether it exists: the state has what it was to be made from, but no id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pulumi_rewind.errors import RefusedError, UsageError
from pulumi_rewind.state.model import PendingOperation, urn_name

CREATING = "creating"

Document = dict[str, Any]
"""What ``pulumi stack export`` prints, whatever it holds."""


@dataclass(frozen=True)
class Decision:
    """What becomes of one pending create."""

    urn: str
    id: str = ""
    """The id that the object really has; empty: there is none, forget it."""


def open_creates(pending: Iterable[PendingOperation]) -> tuple[str, ...]:
    """The URNs of creates that have begun and not ended, one entry for each operation."""
    return tuple(item.resource.urn for item in pending if item.type == CREATING)


def decide(
    urns: Sequence[str], adopt: Sequence[str] = (), clear: Sequence[str] = (), *, clear_all: bool = False
) -> tuple[Decision, ...]:
    """The operator's words (``URN=ID``, ``URN``; the name will do where it means one) as one decision for each create.

    Raises:
        UsageError: something means no pending create, is decided twice, or stays undecided.
    """
    left = list(urns)
    found: list[Decision] = []
    for text in adopt:
        urn, value = _split(text, urns)
        if urn not in left:
            raise UsageError(
                f"{urn_name(urn)} has more decisions than pending creates",
                hint="Give each pending create one decision.",
            )
        left.remove(urn)
        found.append(Decision(urn, value))
    for text in clear:
        urn = _meant(text, urns)
        if urn not in left:
            raise UsageError(f"{urn_name(urn)} can't be both adopted and cleared", hint="Decide on one of the two.")
        found += [Decision(urn) for other in left if other == urn]
        left = [other for other in left if other != urn]
    if clear_all:
        found += [Decision(urn) for urn in left]
        left = []
    if left:
        names = ", ".join(dict.fromkeys(left))
        raise UsageError(
            f"no decision is given for: {names}",
            hint="Give a decision for every pending create in one command: --adopt 'URN=ID', --clear 'URN', or "
            "--clear-all for the "
            "rest.",
        )
    return tuple(found)


def _split(text: str, urns: Sequence[str]) -> tuple[str, str]:
    """``URN=ID`` or ``NAME=ID``; both sides may hold further ``=``."""
    known = sorted({*urns, *map(urn_name, urns)}, key=len, reverse=True)
    start = next((key for key in known if text.startswith(f"{key}=")), text.partition("=")[0])
    value = text[len(start) + 1 :].strip()
    if not value:
        raise UsageError(f"--adopt {text!r} names no id", hint="Write --adopt 'URN=ID', with the id that it has.")
    return _meant(start, urns), value


def _meant(text: str, urns: Sequence[str]) -> str:
    if text in urns:
        return text
    named = sorted({urn for urn in urns if urn_name(urn) == text})
    if len(named) == 1:
        return named[0]
    if named:
        raise UsageError(f"{text!r} matches several pending creates", hint=f"Give the URN: {', '.join(named)}.")
    there = ", ".join(dict.fromkeys(urns)) or "none"
    raise UsageError(f"{text!r} is not a pending create", hint=f"Pending creates: {there}.")


# -- the state --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Adoption:
    """An object that is to enter the state."""

    entry: Document
    """Its entry, made from the pending operation: what the program sent and the provider filled in, with the id."""
    leftover: bool = False
    """The state has another object of that URN: this one is entered as an old copy, which the next run deletes."""


def adoptions(
    document: Document, decisions: Sequence[Decision], now: str, *, goes_on: bool = False
) -> tuple[Adoption, ...]:
    """The entries that the decisions ask for, from the pending operations of an export.

    `goes_on` says that a rollback is in flight, which made the objects and needs them: what one of them replaces
    becomes the old copy, as it does when the engine sees such a create end.
    """
    waiting = [
        dict(item["resource"]) for item in _deployment(document).get("pending_operations") or [] if _creates(item)
    ]
    current = _current(document)
    found: list[Adoption] = []
    for decision in decisions:
        entry = next((item for item in waiting if item["urn"] == decision.urn), None)
        if entry is None:
            continue
        waiting.remove(entry)
        old = current.get(decision.urn)
        if not decision.id or (old is not None and old.get("id") == decision.id):
            continue  # cleared; or the state knows that very object already
        made = {**entry, "id": decision.id, "created": now, "modified": now}
        taken = old is not None and not old.get("pendingReplacement") and not goes_on
        found.append(Adoption({**made, "delete": True} if taken else made, taken))
        if not taken:
            current[decision.urn] = made
    return tuple(found)


def alone(document: Document, entry: Mapping[str, Any]) -> Document:
    """The state with nothing but one resource and what it can't be without: its provider and its parents."""
    by_urn = _current(document)
    needed: set[str] = set()
    waiting = [entry]
    while waiting:
        item = waiting.pop()
        for urn in (_provider_urn(item), str(item.get("parent") or "")):
            if urn in by_urn and urn not in needed:
                needed.add(urn)
                waiting.append(by_urn[urn])
    kept = [_loose(item) for item in by_urn.values() if item["urn"] in needed]
    return _with(document, [*kept, _loose({key: value for key, value in entry.items() if key != "delete"})])


def resolved(document: Document, adopted: Iterable[Adoption]) -> Document:
    """The state with the adopted objects in it, and without pending operations.

    Raises:
        RefusedError: one can't be put at a place where everything that it needs comes before it.
    """
    resources = list(_deployment(document).get("resources") or [])
    for adoption in adopted:
        entry = adoption.entry
        urn = entry["urn"]
        if not adoption.leftover:  # the new one takes the place of one that is gone already, or goes with the next run
            resources = [_replaced(item) if item["urn"] == urn else item for item in resources if not _gone(item, urn)]
        wanted = _references(entry)
        place = max((at + 1 for at, item in enumerate(resources) if item["urn"] in wanted), default=0)
        if not adoption.leftover and any(urn in _references(item) for item in resources[:place]):
            raise RefusedError(
                f"{urn_name(urn)} can't be added to the state: it and something that it needs depend on each other",
                hint="Remove the object and --clear it; the rollback creates it again.",
                unchanged=True,
            )
        resources.insert(place, entry)
    return _with(document, resources)


def merged(entry: Mapping[str, Any], refreshed: Document) -> Document | None:
    """An entry with what the provider has read of the object; None if there is no such object."""
    seen = next((item for item in _deployment(refreshed).get("resources") or [] if item["urn"] == entry["urn"]), None)
    if seen is None or not seen.get("id"):
        return None
    read = {key: seen[key] for key in ("id", "inputs", "outputs", "initErrors") if key in seen}
    return {**entry, **read}


def _gone(item: Mapping[str, Any], urn: str) -> bool:
    return bool(item["urn"] == urn and item.get("pendingReplacement") and not item.get("delete"))


def _replaced(item: Document) -> Document:
    return {**item, "delete": True}


def _deployment(document: Document) -> Document:
    return document.get("deployment") or {}


def _with(document: Document, resources: list[Document]) -> Document:
    return {**document, "deployment": {**_deployment(document), "resources": resources, "pending_operations": []}}


def _creates(operation: Mapping[str, Any]) -> bool:
    return operation.get("type") == CREATING


def _current(document: Document) -> dict[str, Document]:
    return {item["urn"]: item for item in _deployment(document).get("resources") or [] if not item.get("delete")}


def _provider_urn(entry: Mapping[str, Any]) -> str:
    return str(entry.get("provider") or "").rpartition("::")[0]


def _references(entry: Mapping[str, Any]) -> set[str]:
    found = {_provider_urn(entry), str(entry.get("parent") or ""), str(entry.get("deletedWith") or "")}
    found.update(entry.get("dependencies") or ())
    for urns in (entry.get("propertyDependencies") or {}).values():
        found.update(urns or ())
    return found - {""}


def _loose(entry: Mapping[str, Any]) -> Document:
    """Without references to resources that are left out."""
    return {
        key: value
        for key, value in entry.items()
        if key not in {"dependencies", "propertyDependencies", "deletedWith", "replaceWith"}
    }
