"""The entries of held objects, added to the live state so that a rollback can bring them back. Pure.

A held object is in no state. Its entry is added as a copy that waits for deletion, as a half-failed update would have
left it. `plan.state_edits` then finds what comes back, and leaves the others out again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from pulumi_rewind.goal.model import references
from pulumi_rewind.plan.arrangement import Returned
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.values import damaged_value

_TRUE = msgspec.Raw(b"true")


@dataclass(frozen=True)
class WithHeld:
    """A state to which the entries of held objects were added, all of them as copies to delete."""

    state: Checkpoint
    """As stored, secrets encrypted; live itself where nothing is held."""
    places: tuple[int, ...] = ()
    """Where the added entries are."""
    dropped: tuple[int, ...] = ()
    """Those of them that are to be deleted, with what they need for that."""
    locked: tuple[Resource, ...] = ()
    """Held objects whose entries can't be added, because nobody can decrypt their secrets."""


def with_held(live: Checkpoint, entries: Sequence[msgspec.Raw], drop: Collection[str] = ()) -> WithHeld:
    """The live state (as stored) with entries of held objects and of what they need, which come first.

    Each gets the id that its provider has in live: the engine gives its own providers another one each time. What is to
    be deleted (`drop`, by URN) loses its references to what is no longer there.
    """
    if not entries:
        return WithHeld(live)
    try:
        document = msgspec.json.decode(exported(live.raw), type=dict[str, msgspec.Raw])
        deployment = msgspec.json.decode(document["deployment"], type=dict[str, msgspec.Raw])
        there = msgspec.json.decode(deployment.get("resources") or b"[]", type=list[msgspec.Raw] | None) or []
        added = [msgspec.json.decode(entry, type=dict[str, msgspec.Raw]) for entry in entries]
        resources = [msgspec.json.decode(entry, type=Resource) for entry in entries]
        providers = {
            res.urn: res.id for res in (*resources, *live.resources) if res.is_default_provider and not res.delete
        }
        for entry in added:
            entry["delete"] = _TRUE
            entry.pop("replaceWith", None)  # it may name what is gone, and is said again when the object is registered
            _under_todays_provider(entry, providers)
        resources = [msgspec.json.decode(msgspec.json.encode(entry), type=Resource) for entry in added]
        goes = _with_carriers(resources, drop, live)
        known = {res.urn for res in live.resources} | {resources[index].urn for index in goes}
        for index in goes:
            _without_lost_references(added[index], resources[index], known)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        raise damaged_value("a held resource") from None
    deployment["resources"] = msgspec.Raw(msgspec.json.encode([*there, *added]))
    document["deployment"] = msgspec.Raw(msgspec.json.encode(deployment))
    state = decode_checkpoint(msgspec.json.encode(document), source="the state with what is held")
    first = len(there)
    places = tuple(range(first, first + len(added)))
    return WithHeld(state, places, tuple(first + index for index in sorted(goes)))


def _with_carriers(entries: Sequence[Resource], drop: Collection[str], live: Checkpoint) -> set[int]:
    """The places of what is to be deleted, and of the components and providers that only the entries have."""
    there = {res.urn for res in live.resources} | {reference(res) for res in live.resources}
    found = {index for index, res in enumerate(entries) if res.urn in drop and not carries(res)}
    rest = set(found)
    while rest:
        needed = {name for index in rest for name in (entries[index].parent, entries[index].provider)} - {*there, ""}
        rest = {index for index, res in enumerate(entries) if carries(res) and _name(res) in needed} - found
        found |= rest
    return found


def _name(res: Resource) -> str:
    """What others call a component or a provider."""
    return reference(res) if res.is_provider else res.urn


def _without_lost_references(entry: dict[str, msgspec.Raw], res: Resource, known: Collection[str]) -> None:
    if not set(res.uses).issubset(known):
        listed = {
            key: [urn for urn in urns or () if urn in known] for key, urns in (res.property_dependencies or {}).items()
        }
        entry["propertyDependencies"] = msgspec.Raw(msgspec.json.encode(listed))
        kept = [urn for urn in res.dependencies or () if urn in known]
        entry["dependencies"] = msgspec.Raw(msgspec.json.encode(kept))
    for key, urn in (("deletedWith", res.deleted_with), ("parent", res.parent)):
        if urn and urn not in known:
            del entry[key]


def _under_todays_provider(entry: dict[str, msgspec.Raw], providers: Mapping[str, str]) -> None:
    if "provider" in entry:
        urn, separator, _ = msgspec.json.decode(entry["provider"], type=str).rpartition("::")
        if urn in providers:
            entry["provider"] = msgspec.Raw(msgspec.json.encode(f"{urn}{separator}{providers[urn]}"))


def standing(found: Mapping[str, Returned], live: Checkpoint, held: Collection[int]) -> tuple[Returned, ...]:
    """Those of the returns after which every live entry has what it refers to.

    What only the held entries have of that comes back as well, if it is a component or a provider of the engine's own.
    """
    there = {res.urn for res in live.resources if not res.delete}
    stays = {reference(res) for place, res in enumerate(live.resources) if res.is_provider and place not in held}
    carriers = {
        live.resources[place].urn: Returned(place, live.resources[place].urn, live.resources[place].id, carrier=True)
        for place in held
        if carries(live.resources[place]) and live.resources[place].urn not in there
    }
    back = {**carriers, **found}
    while True:
        urns = there | back.keys()
        providers = {"", *stays, *(reference(live.resources[one.entry]) for one in back.values())}
        entries = {urn: live.resources[one.entry] for urn, one in back.items()}
        lost = [
            urn for urn, res in entries.items() if res.provider not in providers or not urns.issuperset(references(res))
        ]
        if not lost:
            break
        for urn in lost:
            del back[urn]
    needed = {urn for urn in back if urn in found}
    while more := {urn for one in needed for urn in references(live.resources[back[one].entry])} & back.keys() - needed:
        needed |= more
    return tuple(one for urn, one in back.items() if urn in needed)


def carries(res: Resource) -> bool:
    """Whether an entry stands for no object that could be lost: a component, the stack, or a provider."""
    return not res.custom or res.is_provider


def reference(res: Resource) -> str:
    """How a resource names the provider that it is made by."""
    return f"{res.urn}::{res.id}"
