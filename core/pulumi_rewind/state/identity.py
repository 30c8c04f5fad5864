"""Which live resource is which resource of a target: the same object under another name is the same object.

Pure. The engine finds an old resource by URN first and by alias second, so the pairs here are what becomes an
alias in a goal.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import chain, tee
from typing import Any

from pulumi_rewind.state.model import ROOT_STACK_TYPE, Checkpoint, Resource, Urn, parse_urn


def match(target: Iterable[Resource], live: Iterable[Resource], history: Iterable[Checkpoint] = ()) -> dict[str, str]:
    """Pairs URNs of the target with URNs of live; each live URN is given away once.

    By URN (leaving aside what a stack or project rename changed), then by birth (id and the moment of creation, which
    aliases carry on, to another type as well), then by type and id where that id is one object's alone, then components
    by where their matched children live. What is still without a partner may have gone by two names in `history`, other
    checkpoints of the stack, nearest first: only then, and no further than needed, is it read.
    """
    return _Matching(target, live).pairs_with(history)


def birth(res: Resource) -> Hashable | None:
    """What a resource keeps through every rename: its id and when it was created; None where that isn't recorded."""
    if not res.created or res.is_stack or res.is_default_provider or not res.custom:
        return None
    return res.id, res.created


_CONSTANT = frozenset({"-", "none", "null", "nil", "default", "static", "singleton", "n/a", "na", "unknown", "id", "_"})


def is_constant_id(identifier: str) -> bool:
    """Whether an id is a word that a provider gives to every object of a type that has none of its own."""
    return identifier.strip().lower() in _CONSTANT


def may_be_one(one: Resource, other: Resource) -> bool:
    """Whether two entries of a type, at two times, may be one object: the same id, and no other moment of creation.

    A moment that isn't recorded, and one of what is only read, says nothing.
    """
    if (one.type, one.id) != (other.type, other.id):
        return False
    telling = one.created and other.created and not (one.external or other.external)
    return one.created == other.created if telling else True


def same_object(one: Resource, other: Resource) -> bool:
    """Whether two entries stand for one physical object.

    An id that is nobody's own counts with the moment of creation alone. Others count by themselves: an object that was
    imported again has another moment.
    """
    if (one.type, one.id) != (other.type, other.id):
        return False
    return bool(one.created) and one.created == other.created if is_constant_id(one.id) else True


class _Matching:
    """The resources of both sides, and which of them are paired already."""

    def __init__(self, target: Iterable[Resource], live: Iterable[Resource]) -> None:
        self._targets = [res for res in target if not res.delete]
        self._lives = [res for res in live if not res.delete]
        self._live_by_urn = {res.urn: res for res in self._lives}
        self._pairs: dict[str, str] = {}
        self._taken: set[str] = set()

    def pairs_with(self, history: Iterable[Checkpoint]) -> dict[str, str]:
        """All pairs, by one rule after the other."""
        self._by_place(self._live_by_urn, lambda urn: urn)
        if len(self._pairs) == len(self._targets):
            return self._pairs
        self._by_place({_key(res.urn): res for res in self._free_lives()}, _key)
        seen, history = tee(history)
        self._unique(birth)
        self._unique(_TypeAndId(self._targets, self._lives, self._pairs, seen))
        self._by_names(history)
        self._components()
        self._providers()
        return self._pairs

    def _pair(self, urn: str, live_urn: str) -> None:
        self._pairs[urn] = live_urn
        self._taken.add(live_urn)

    def _free_targets(self) -> list[Resource]:
        return [res for res in self._targets if res.urn not in self._pairs]

    def _free_lives(self) -> list[Resource]:
        return [res for res in self._lives if res.urn not in self._taken]

    def _partner(self, urn: str) -> Resource | None:
        return self._live_by_urn.get(self._pairs.get(urn, ""))

    def _by_place(self, lives: Mapping[Any, Resource], key_of: Callable[[str], Hashable]) -> None:
        """Pairs what has the same URN, or the same key that is made from it."""
        for res in self._free_targets():
            same = lives.get(key_of(res.urn))
            if same is not None and same.custom == res.custom:
                self._pair(res.urn, same.urn)

    def _unique(self, key_of: Callable[[Resource], Hashable | None]) -> None:
        """Pairs what has the same key on both sides; a key that several resources of one side have says nothing."""
        mine, theirs = _unique(self._targets, key_of), _unique(self._lives, key_of)
        for key, res in mine.items():
            partner = theirs.get(key)
            if partner is not None and res.urn not in self._pairs and partner.urn not in self._taken:
                self._pair(res.urn, partner.urn)

    def _by_names(self, history: Iterable[Checkpoint]) -> None:
        """Pairs a URN of the target with the live URN that the same object had at another time.

        The objects themselves may have been re-created since; what counts is that one object once had both names, so
        that a program declared the one to be the other.
        """
        missing = {res.urn for res in self._free_targets() if res.custom and not res.is_default_provider}
        spare = {res.urn for res in self._free_lives() if res.custom and not res.is_default_provider}
        names: dict[Hashable, set[str]] = defaultdict(set)
        for resources in chain((self._targets,), (side.resources for side in history)):
            if not missing or not spare:
                return
            for res in resources:
                key = birth(res)
                if key is None or res.delete:
                    continue
                known = names[key]
                known.add(res.urn)
                wanted, here = known & missing, known & spare
                if len(wanted) == 1 and len(here) == 1:
                    self._pair(*wanted, *here)
                    missing -= wanted
                    spare -= here

    def _components(self) -> None:
        """Pairs components through their children, innermost first, until nothing more is found."""
        children: dict[str, list[Resource]] = defaultdict(list)
        for res in self._targets:
            if res.parent:
                children[res.parent].append(res)
        for res in reversed(self._targets):  # a parent precedes its children, so inner ones come first here
            if not res.is_component or res.urn in self._pairs:
                continue
            votes: Counter[str] = Counter()
            for child in children[res.urn]:
                partner = self._partner(child.urn)
                parent = self._live_by_urn.get(partner.parent) if partner else None
                if parent is not None and parent.is_component and parent.urn not in self._taken:
                    votes[parent.urn] += 1
            if votes:
                self._pair(res.urn, votes.most_common(1)[0][0])

    def _providers(self) -> None:
        """Pairs renamed explicit providers through the resources that use them."""
        votes: dict[str, Counter[str]] = defaultdict(Counter)
        for res in self._targets:
            partner = self._partner(res.urn)
            if res.provider_urn and partner is not None and partner.provider_urn:
                votes[res.provider_urn][partner.provider_urn] += 1
        for res in self._free_targets():
            if not res.is_provider or res.is_default_provider or not votes[res.urn]:
                continue
            best = self._live_by_urn.get(votes[res.urn].most_common(1)[0][0])
            fits = best is not None and best.type == res.type and not best.is_default_provider
            if best is not None and fits and best.urn not in self._taken:
                self._pair(res.urn, best.urn)


def objects_of(resources: Iterable[Resource]) -> dict[tuple[str, str], Resource]:
    """The objects that some entries manage, by type and id; those that are only read are none."""
    return {(res.type, res.id): res for res in resources if res.custom and res.id and not res.external}


class _TypeAndId:
    """Type and id of a resource where they mean one object; None where that isn't sure.

    An object that was imported again has another moment of creation under the same id. An id that a provider gives to
    all objects of a type has as well: such are words like ``none``, and what several objects of any state known had.
    """

    def __init__(
        self,
        targets: list[Resource],
        lives: list[Resource],
        pairs: Mapping[str, str],
        history: Iterable[Checkpoint],
    ) -> None:
        self._shared = _shared(targets) | _shared(lives)
        self._history = history
        self._read = False
        taken = set(pairs.values())
        self._targets = self._moments(res for res in targets if res.urn not in pairs)
        self._lives = self._moments(res for res in lives if res.urn not in taken)

    def __call__(self, res: Resource) -> Hashable | None:
        if not res.custom or not res.id or res.is_provider or is_constant_id(res.id):
            return None
        key = (res.type, res.id)
        if self._doubtful(key):
            self._look_back()
        return None if key in self._shared else key

    @staticmethod
    def _moments(resources: Iterable[Resource]) -> dict[tuple[str, str], str | None]:
        return {(res.type, res.id): res.created for res in resources if res.custom}

    def _doubtful(self, key: tuple[str, str]) -> bool:
        here, there = self._targets.get(key), self._lives.get(key)
        return bool(here and there and here != there) and key not in self._shared

    def _look_back(self) -> None:
        if not self._read:
            self._read = True
            for side in self._history:
                self._shared |= _shared(side.resources)


def _shared(resources: Iterable[Resource]) -> set[tuple[str, str]]:
    """Type and id of what several objects of one state have; an old copy and what is only read are no others."""
    moments: dict[tuple[str, str], list[str | None]] = defaultdict(list)
    for res in resources:
        if res.custom and res.id and not (res.delete or res.external or res.is_provider):
            moments[res.type, res.id].append(res.created)
    return {key for key, created in moments.items() if len(created) > 1 and (len(set(created)) > 1 or None in created)}


def _unique(resources: list[Resource], key_of: Callable[[Resource], Hashable | None]) -> dict[Hashable, Resource]:
    found: dict[Hashable, list[Resource]] = defaultdict(list)
    for res in resources:
        key = key_of(res)
        if key is not None:
            found[key].append(res)
    return {key: several[0] for key, several in found.items() if len(several) == 1}


def _key(urn: str) -> tuple[str, str]:
    parsed = parse_urn(urn)
    # The stack's is <project>-<stack>, changed by renames.
    return parsed.qualified_type, "" if parsed.qualified_type == ROOT_STACK_TYPE else parsed.name


def rehomed(urn: str, stack: str, project: str) -> str:
    """The URN as the engine will make it in this stack and project."""
    if urn.startswith(f"urn:pulumi:{stack}::{project}::"):
        return urn
    parsed = parse_urn(urn)
    return str(Urn(stack, project, parsed.qualified_type, parsed.name)) if parsed.stack else urn
