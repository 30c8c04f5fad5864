"""What is rewritten in the stack's state before the engine runs, so that a rollback finds the objects it wants. Pure.

Some things can't be said by a registration, and are said by the state instead:

- *Return*: a half-failed update leaves the old copies of what it replaced in the state, marked for deletion. The old
  copy becomes the live entry again and its replacement the copy to delete: the object comes back with its id and data.
  An object that is *held* (see `window.held`) is in no state: its entry is added as such a copy first. Where it doesn't
  come back, the copy is left out again, or stays in to be deleted if that was confirmed.
- *Crossing*: an object lives under the URN of another one (``pulumi state rename``). The engine looks an old resource
  up by URN first, so no alias can tell; the entries get the URNs that the target has for their objects.
- *Keeping*: an object that existed before the stack managed it must not be deleted, and one that is to be held isn't
  either. Its entry is marked ``retainOnDelete``: where the engine would delete it, it only removes it from the state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from pulumi_rewind.goal.model import Selection, references
from pulumi_rewind.goal.order import in_dependency_order
from pulumi_rewind.plan.arrangement import Arrangement, Crossed, Holding, Kept, Returned
from pulumi_rewind.plan.held_entries import reference, standing
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.identity import is_constant_id, rehomed, same_object
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.values import damaged_value

Origin = Callable[[Resource], str]
"""Says where an object comes from, if it existed before the stack managed it; empty if the stack made it."""


def arrange(
    target: Checkpoint,
    live: Checkpoint,
    *,
    project: str,
    stack: str,
    origin: Origin,
    selection: Selection | None = None,
    held: Collection[int] = (),
    dropped: Collection[int] = (),
    hold: Collection[tuple[str, str]] = (),
) -> Arrangement:
    """What to rewrite in `live` for a rollback to `target`; both may be encrypted.

    With a `selection`, what stays as it is live is left alone, and so are names that are crossed; what was left out on
    purpose keeps everything that it uses. `held` are the entries that were added to live because their objects are held
    (see `plan.held_entries`); those in `dropped` are to be deleted. What is to be held itself is in `hold`, by URN and
    id.
    """
    wanted = {
        rehomed(res.urn, stack, project): res
        for res in target.resources
        if _object(res) and not (res.delete or res.pending_replacement)
        if selection is None or res.urn in selection.chosen
    }
    crossed = _crossings(wanted, live)
    renamed = {} if selection is not None else {one.live_urn: one.urn for one in crossed if one.movable}
    stuck = tuple(one for one in crossed if one.live_urn not in renamed)
    there = {res.urn: place for place, res in enumerate(live.resources) if not res.delete}
    displaced = tuple(there[urn] for urn in renamed.values() if urn in there and urn not in renamed)
    stays = selection.kept if selection is not None else frozenset()
    left = selection.untouched if selection is not None else frozenset()
    used = {urn for res in live.resources if res.urn in left and not res.delete for urn in references(res)}
    back = {urn: one for urn, one in _returns(wanted, live, renamed, dropped).items() if urn not in used}
    returned = standing(back, live, [place for place in held if place not in dropped])
    there_again = {one.entry for one in returned}
    left_out = frozenset(place for place in held if place not in there_again and place not in dropped)
    found = Arrangement(returned, (), renamed, displaced, stuck, left_out, tuple(dropped))
    if found:
        order = _ordered(live, found)
        # None: the objects need each other in turn, so that they can't all be live at once.
        found = replace(found, order=order) if order is not None else _alone(crossed, held, dropped)
    kept = [*_twins(live, found), *_kept(target, live, origin, stays), *_held(live, hold)]
    gone = found.left_out | set(dropped)
    return replace(found, kept=tuple({one.entry: one for one in kept if one.entry not in gone}.values()))


def _alone(crossed: tuple[Crossed, ...], held: Collection[int], dropped: Collection[int]) -> Arrangement:
    """Without anything that comes back."""
    return Arrangement(stuck=crossed, left_out=frozenset(held) - set(dropped), dropped=tuple(dropped))


def _held(live: Checkpoint, hold: Collection[tuple[str, str]]) -> Iterable[Kept]:
    """What is to be held, as it leaves the state."""
    for place, res in enumerate(live.resources):
        if (res.urn, res.id) in hold and _object(res):
            yield Kept(place, res.urn, res.id, held=True)


def _object(res: Resource) -> bool:
    """Whether an entry stands for an object that a provider holds."""
    return res.custom and bool(res.id) and not (res.external or res.view_of or res.is_default_provider)


def _returns(
    wanted: Mapping[str, Resource], live: Checkpoint, renamed: Mapping[str, str], dropped: Collection[int]
) -> dict[str, Returned]:
    """By URN, the copies that can become live entries again."""
    copies = [
        (place, res) for place, res in enumerate(live.resources) if res.delete and _object(res) and place not in dropped
    ]
    if not copies:
        return {}
    places = {res.urn: place for place, res in enumerate(live.resources) if not res.delete}
    found: dict[str, Returned] = {}
    for place, copy in copies:
        res, now = wanted.get(copy.urn), places.get(copy.urn)
        if res is None or copy.pending_replacement or copy.urn in found or copy.urn in renamed:
            continue
        there = live.resources[now] if now is not None else None
        if same_object(res, copy) and not (there is not None and _one_object(there, copy)):
            found[copy.urn] = Returned(place, copy.urn, copy.id, now, there.id if there is not None else "")
    return found


def _one_object(one: Resource, other: Resource) -> bool:
    """Whether two entries of one state stand for one object, so that deleting the one deletes the other's.

    A file that was made again under its path has the id that it had. An id that says nothing is nobody's.
    """
    return (one.type, one.id) == (other.type, other.id) and not is_constant_id(one.id)


def _twins(live: Checkpoint, arrangement: Arrangement) -> Iterable[Kept]:
    """Copies to delete that are the very object of a live entry."""
    back = {one.entry for one in arrangement.returned}
    entries = {
        res.urn: res
        for place, res in enumerate(live.resources)
        if place in back or not (res.delete or place in arrangement.dying)
    }
    for place, res in enumerate(live.resources):
        if place not in back and _object(res) and (res.delete or place in arrangement.dying):
            there = entries.get(res.urn)
            if there is not None and _one_object(there, res):
                yield Kept(place, res.urn, res.id)


def _crossings(wanted: Mapping[str, Resource], live: Checkpoint) -> tuple[Crossed, ...]:
    """The objects of the target that live under other URNs while their own stand for other objects.

    So do, in their turn, those that lose their URN to one of these.
    """
    entries = {res.urn: res for res in live.resources if not res.delete}
    if not any(urn in entries and not same_object(res, entries[urn]) for urn, res in wanted.items()):
        return ()
    by_id: dict[tuple[str, str], list[Resource]] = {}
    for res in entries.values():
        if _object(res):
            by_id.setdefault((res.type, res.id), []).append(res)
    homes: dict[str, Resource] = {}
    for urn, res in wanted.items():
        found = [other for other in by_id.get((res.type, res.id), ()) if same_object(res, other)]
        if len(found) == 1 and found[0].urn != urn and not _at_home(found[0], wanted):
            homes[urn] = found[0]
    taken = {urn for urn in homes if urn in entries}
    while more := {urn for urn, res in homes.items() if res.urn in taken} - taken:
        taken |= more
    return tuple(
        Crossed(urn, homes[urn].id, homes[urn].urn, entries[urn].id if urn in entries else "")
        for urn in homes
        if urn in taken
    )


def _at_home(res: Resource, wanted: Mapping[str, Resource]) -> bool:
    """Whether a live entry is under the URN that the target has for its object."""
    there = wanted.get(res.urn)
    return there is not None and same_object(there, res)


def _kept(target: Checkpoint, live: Checkpoint, origin: Origin, stays: Collection[str]) -> Iterable[Kept]:
    """Objects that the target lacks, so that they would be deleted, and that the stack didn't make."""
    back = {(res.type, res.id) for res in target.resources if res.custom and res.id}
    for place, res in enumerate(live.resources):
        if not _object(res) or res.is_provider or (res.type, res.id) in back or is_constant_id(res.id):
            continue
        if (res.delete or res.urn not in stays) and (said := origin(res)):
            yield Kept(place, res.urn, res.id, said)


def _ordered(live: Checkpoint, arrangement: Arrangement) -> tuple[int, ...] | None:
    """The places of all entries in the order that they get; None where what is live would need itself."""
    back = {one.entry for one in arrangement.returned}
    dead = {
        place
        for place, res in enumerate(live.resources)
        if place not in back and (res.delete or place in arrangement.dying)
    }
    names = arrangement.renamed
    living = [place for place in range(len(live.resources)) if place not in dead]
    places = {names.get(live.resources[place].urn, live.resources[place].urn): place for place in living}
    # What a provider that goes has made may live on until the engine moves it to the other.
    old = {reference(live.resources[place]): place for place in dead - arrangement.left_out}

    def needs(place: int) -> list[int]:
        res = live.resources[place]
        urns = (names.get(urn, urn) for urn in (*references(res), *(res.replace_with or ())))
        found = [places[urn] for urn in urns if urn in places]
        return [*found, old[res.provider]] if res.provider in old else found

    ordered, in_turn = in_dependency_order(living, needs)
    return None if in_turn else (*ordered, *sorted(dead - arrangement.left_out - set(ordered)))


def held_back(live: Checkpoint, found: Holding) -> Checkpoint:
    """Live (as stored) with all marked that is to be held: a run that deletes it only removes it from the state."""
    return arranged(live, Arrangement(kept=tuple(_held(live, found.objects))))


# -- the state as it is rewritten -------------------------------------------------------------------------------------


def arranged(live: Checkpoint, arrangement: Arrangement) -> Checkpoint:
    """Live as stored, rewritten; secrets stay encrypted, and what isn't known here stays as it is.

    In the shape that ``pulumi stack import`` takes.
    """
    try:
        document = msgspec.json.decode(exported(live.raw), type=dict[str, msgspec.Raw])
        deployment = msgspec.json.decode(document["deployment"], type=dict[str, msgspec.Raw])
        entries = msgspec.json.decode(deployment["resources"], type=list[dict[str, msgspec.Raw]])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError):
        raise damaged_value("a resource") from None
    dying = arrangement.dying
    for item in arrangement.returned:
        entries[item.entry].pop("delete", None)
    for place in dying:
        entries[place]["delete"] = msgspec.Raw(b"true")
    for kept in arrangement.kept:
        entries[kept.entry]["retainOnDelete"] = msgspec.Raw(b"true")
    if arrangement.renamed:
        entries = [_renamed(entry, arrangement.renamed, place in dying) for place, entry in enumerate(entries)]
    in_place = [place for place in range(len(entries)) if place not in arrangement.left_out]
    deployment["resources"] = msgspec.Raw(
        msgspec.json.encode([entries[place] for place in arrangement.order or in_place])
    )
    document["deployment"] = msgspec.Raw(msgspec.json.encode(deployment))
    return decode_checkpoint(msgspec.json.encode(document), source="the rewritten state")


def _is_true(value: msgspec.Raw | None) -> bool:
    return value is not None and bytes(value) == b"true"


_ONE = ("urn", "parent", "deletedWith", "viewOf")
_MANY = ("dependencies", "replaceWith")


def _renamed(entry: dict[str, msgspec.Raw], names: Mapping[str, str], goes: bool) -> dict[str, msgspec.Raw]:
    """An entry with the URNs in its references renamed, and its own unless it is a copy to delete."""
    changed: dict[str, Any] = {}
    for key in _ONE:
        if key in entry and not (key == "urn" and (goes or _is_true(entry.get("delete")))):
            urn = msgspec.json.decode(entry[key], type=str)
            if urn in names:
                changed[key] = names[urn]
    for key in _MANY:
        if key in entry:
            urns = msgspec.json.decode(entry[key], type=list[str] | None) or []
            if names.keys() & set(urns):
                changed[key] = [names.get(urn, urn) for urn in urns]
    if "propertyDependencies" in entry:
        listed = msgspec.json.decode(entry["propertyDependencies"], type=dict[str, list[str] | None] | None) or {}
        if any(names.keys() & set(urns or ()) for urns in listed.values()):
            changed["propertyDependencies"] = {
                key: None if urns is None else [names.get(urn, urn) for urn in urns] for key, urns in listed.items()
            }
    if "provider" in entry:
        urn, separator, identifier = msgspec.json.decode(entry["provider"], type=str).rpartition("::")
        if urn in names:
            changed["provider"] = f"{names[urn]}{separator}{identifier}"
    return {**entry, **{key: msgspec.Raw(msgspec.json.encode(value)) for key, value in changed.items()}}
