"""Whether a checkpoint is sound: each URN once, and whatever an entry refers to before it. Pure.

The engine refuses a state that isn't, with a page of its own stack trace. Source of the rules: the
engine's own check (``Snapshot.VerifyIntegrity`` of pulumi 3.276, facts only).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from pulumi_rewind.errors import RefusedError
from pulumi_rewind.state.model import Checkpoint, Resource, urn_name

Kind = Literal["twice", "late", "missing", "malformed"]

NAMED: Final = 3
"""How many flaws a sentence names."""

REPAIR_HINT: Final = (
    "`--strategy state` (in the review: t) replaces it with the whole state of an update, for example "
    "`pulumi-rewind rollback last-good --strategy state`; `pulumi state repair` repairs a state that is only "
    "out of order."
)


class Flaw(NamedTuple):
    """Something in a checkpoint that the engine refuses."""

    kind: Kind
    """The URN is there twice; what it refers to comes after it; that isn't there at all; the entry is no resource."""
    urn: str
    place: int
    """Of the entry, 1 for the first."""
    role: str = ""
    """What the entry needs the other for: parent, provider, dependency."""
    needed: str = ""
    """URN of the other."""

    @property
    def message(self) -> str:
        """What is wrong, in words that follow the resource's name."""
        if self.kind == "twice":
            return f"is entered twice, the second time as entry {self.place}"
        if self.kind == "malformed":
            return f"(entry {self.place}) {self.role}"
        where = "comes after it" if self.kind == "late" else "is not in the state"
        return f"(entry {self.place}) refers to its {self.role} {urn_name(self.needed)}, which {where}"


def flaws(checkpoint: Checkpoint) -> tuple[Flaw, ...]:
    """Everything that is wrong with a checkpoint, in its order; empty for a sound one. Linear in its size."""
    return tuple(_flaws(checkpoint.resources))


def damage(checkpoint: Checkpoint) -> str:
    """What is wrong, as the end of a sentence that began with what is damaged; empty for a sound checkpoint."""
    found = flaws(checkpoint)
    told = list(dict.fromkeys(f"{urn_name(flaw.urn)} {flaw.message}" for flaw in found))
    more = f"; and {len(told) - NAMED} more" if len(told) > NAMED else ""
    return "; ".join(told[:NAMED]) + more


def check_sound(live: Checkpoint) -> None:
    """Raises RefusedError where live is damaged: the engine would refuse it."""
    if what := damage(live):
        raise RefusedError(
            f"the live state is damaged, and the engine refuses to use it: {what}",
            hint=REPAIR_HINT,
            unchanged=True,
        )


def check_target(target: Checkpoint) -> None:
    """Raises RefusedError where a checkpoint can't be replayed: the engine takes each URN once."""
    double = [f"{urn_name(flaw.urn)} {flaw.message}" for flaw in flaws(target) if flaw.kind == "twice"]
    if double:
        raise RefusedError(
            f"the target's checkpoint is damaged: {'; '.join(double[:NAMED])}",
            hint="Choose another update; `pulumi-rewind history` lists them.",
            unchanged=True,
        )


def _flaws(resources: tuple[Resource, ...]) -> Iterator[Flaw]:
    known: set[str] = set()
    current: set[str] = set()
    providers: set[str] = set()
    everywhere: set[str] | None = None
    for place, res in enumerate(resources, 1):
        if not res.urn or not res.type:
            yield Flaw("malformed", res.urn, place, "has no URN or no type")
        if not res.custom and res.id:
            yield Flaw("malformed", res.urn, place, "is a component, but has an id")
        if res.is_provider:
            providers.add(f"{res.urn}::{res.id}")
        if not _satisfied(res, known, providers):
            everywhere = everywhere or {other.urn for other in resources}
            for role, urn, there in _needs(res, known, providers):
                if not there:
                    kind: Kind = "late" if urn in everywhere and urn not in known else "missing"
                    yield Flaw(kind, res.urn, place, role, urn)
        known.add(res.urn)
        if not res.delete:
            if res.urn in current:
                yield Flaw("twice", res.urn, place)
            current.add(res.urn)


def _satisfied(res: Resource, known: set[str], providers: set[str]) -> bool:
    """Whether everything that a resource needs is there already; told apart only where it isn't."""
    if res.parent and res.parent not in known:
        return False
    if res.provider and res.provider not in providers:
        return False
    if res.dependencies and not known.issuperset(res.dependencies):
        return False
    if res.property_dependencies:
        for urns in res.property_dependencies.values():
            if urns and not known.issuperset(urns):
                return False
    return not (res.deleted_with or res.replace_with)


def _needs(res: Resource, known: set[str], providers: set[str]) -> Iterator[tuple[str, str, bool]]:
    """What for, the URN, and whether it is there already."""
    if res.provider and not res.pending_replacement:
        yield "provider", res.provider_urn, res.provider in providers
    if res.parent:
        yield "parent", res.parent, res.parent in known
    for urn in res.dependencies or ():
        if urn:
            yield "dependency", urn, urn in known
    for urns in (res.property_dependencies or {}).values():
        for urn in urns or ():
            if urn:
                yield "dependency", urn, urn in known
    for urn in (res.deleted_with, *(res.replace_with or ())):
        if urn:
            yield "companion", urn, urn in known
