"""A goal: the registrations that bring a live stack to a target. Pure; `goal.build` makes one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import msgspec

from pulumi_rewind.risk import Risk
from pulumi_rewind.state.identity import rehomed
from pulumi_rewind.state.model import Resource
from pulumi_rewind.state.packages import Package
from pulumi_rewind.state.values import Json, mask


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource of the goal, every reference still in the URNs of its own checkpoint."""

    kind: str
    """stack, component, custom, provider or read."""
    source: Resource
    """The entry of the checkpoint it is made from: the target's, or in a partial rollback live's."""
    inputs: Mapping[str, Json]
    property_dependencies: Mapping[str, tuple[str, ...]]
    """Property → what it was computed from; stand-ins included."""
    dependencies: tuple[str, ...]
    parent: str
    stand_ins: frozenset[str] = frozenset()
    """Inputs that are sent for properties which Check stored under another name, see `state.sent_inputs.stand_ins`."""
    provider: str = ""
    """URN of the explicit provider; empty for the default one."""
    provider_literal: str = ""
    """A complete reference to use instead, where inheritance would choose another."""
    package: Package = field(default_factory=Package)
    deleted_with: str = ""
    replace_with: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """The live URN of the same object, where it differs."""
    import_id: str = ""
    """The id to import it by: where it was imported and still is that object, or where live has lost it."""
    more_ids: tuple[str, ...] = ()
    """Other ids that it is known to have had, tried in turn where there is no object of the first."""
    all_inputs: bool = False
    """Whether provider-made inputs are sent as well; the state's marks are then put back, see `goal.default_values`."""
    delete_first: str = ""
    """Why a replacement deletes the old object first; empty: the provider decides. No state has it."""
    left_open: bool = False
    """Whether one of its inputs is unknown in previews, see `replay.left_open`."""
    temporary: bool = False
    """Whether it is only read temporarily, see `goal.unmanaged`."""
    live_urn: str = ""
    live_source: Resource | None = None
    """The same object's entry in live."""
    replaced_source: Resource | None = None
    """The live entry that an old copy replaces when it comes back: values of live contain its id."""
    target_source: Resource | None = None
    """The same object's entry in the target."""
    from_live: bool = False
    """Whether `source` is live's entry: its recorded ids are then those of live."""
    live_keys: frozenset[str] = frozenset()
    """Inputs with values of live in an entry of the target, see `credentials`: they may hold live's ids."""

    @property
    def urn(self) -> str:
        """The URN in the checkpoint that this registration was made from."""
        return self.source.urn

    @property
    def name(self) -> str:
        """The logical name."""
        return self.source.name

    def recorded(self, *, from_live: bool) -> Resource | None:
        """Its entry in one of the two checkpoints: the place of the old ids in values that come from there."""
        return (self.replaced_source or self.live_source) if from_live else self.target_source

    @property
    def is_new(self) -> bool:
        """Whether live manages no such object, so that one is made or imported: what live only reads is not managed."""
        live = self.live_source
        return self.kind == "custom" and (live is None or live.external or live.pending_replacement)

    @property
    def has_outputs(self) -> bool:
        """Whether its outputs are registered by us (components and the stack)."""
        return self.kind in {"stack", "component"}

    def prerequisites(self) -> Iterable[str]:
        """Every URN whose response this registration has to wait for."""
        yield from filter(None, (self.parent, self.provider, self.deleted_with))
        yield from self.dependencies
        yield from self.replace_with
        for urns in self.property_dependencies.values():
            yield from urns


@dataclass(frozen=True)
class Goal:
    """What a replay registers, in an order in which every dependency precedes its users."""

    project: str
    stack: str
    registrations: tuple[Registration, ...]
    packages: tuple[str, ...]
    """Names of what the host says it needs, see `required_packages`."""
    default_providers: tuple[tuple[str, Package], ...]
    """Default providers of the target that no registration brings about: invokes, calls and remote components did."""
    hooks: tuple[tuple[str, bool], ...]
    """Every hook name of live and goal; True where it is an error hook."""
    notes: tuple[Risk, ...]
    pairs: Mapping[str, str]
    """Goal URN → live URN of the same object."""
    untouched: frozenset[str] = frozenset()
    """What the operator left out, and what stays for it: nothing may be done to these."""

    def by_urn(self) -> dict[str, Registration]:
        """The registrations by the URN of their checkpoint."""
        return {item.urn: item for item in self.registrations}

    @cached_property
    def by_run_urn(self) -> dict[str, Registration]:
        """The registrations by the URN that they have in the run."""
        return {self.run_urn(item.urn): item for item in self.registrations}

    def run_urn(self, urn: str) -> str:
        """A URN of a checkpoint as the run has it, in the stack and project of today."""
        return rehomed(urn, self.stack, self.project)

    def each(self, change: Callable[[Registration], Registration]) -> Goal:
        """The same goal with every registration changed."""
        return replace(self, registrations=tuple(map(change, self.registrations)))

    def fingerprint(self) -> str:
        """A digest of everything that is going to be registered; secrets take part by their place alone.

        Whether a secret's content is the reviewed one is held by the digests of the two checkpoints, which the
        plan's fingerprint includes.
        """
        entries = [
            [
                item.kind,
                item.urn,
                mask(dict(item.inputs)),
                {key: sorted(urns) for key, urns in sorted(item.property_dependencies.items())},
                sorted(item.dependencies),
                item.parent,
                item.provider or item.provider_literal,
                item.aliases,
                item.package.version,
                item.import_id,
                item.all_inputs,
                item.delete_first,
                item.temporary,
            ]
            for item in self.registrations
        ]
        body = msgspec.json.encode([self.project, self.stack, entries, self.hooks], order="sorted")
        return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True)
class Selection:
    """Which resources come from the target, which stay as they are live, and which were included with them."""

    chosen: frozenset[str]
    """URNs of the target whose target entry is registered."""
    kept: frozenset[str]
    """URNs of live whose live entry is registered."""
    notes: tuple[Risk, ...]
    untouched: frozenset[str] = frozenset()
    """What was left out, see `Goal.untouched`."""


@dataclass(frozen=True)
class GoalChanges:
    """How a goal differs from what the target alone would give: what callbacks returned."""

    adopt: Mapping[str, str] = field(default_factory=dict)
    """URN of the target → id of an object that is adopted in its place."""
    inputs: Mapping[str, Mapping[str, Json]] = field(default_factory=dict, repr=False)
    """URN of the target → inputs laid over the recorded ones; may hold secrets."""
    skip: Mapping[str, str] = field(default_factory=dict)
    """URN of the target → why it is left out."""
    keep: Mapping[str, str] = field(default_factory=dict)
    """URN of live → why it stays as it is."""

    def __bool__(self) -> bool:
        return bool(self.adopt or self.inputs or self.skip or self.keep)

    def subjects(self) -> frozenset[str]:
        """Every URN that something was returned for."""
        return frozenset((*self.adopt, *self.inputs, *self.skip, *self.keep))


def registers(res: Resource) -> bool:
    """Whether a replay registers it; the engine itself makes default providers, views and what snippets declare."""
    return not (res.delete or res.view_of or res.snippet_id or res.is_default_provider)


def references(res: Resource) -> list[str]:
    """Every URN that a resource can't be without."""
    return [urn for urn in dict.fromkeys((res.parent, res.provider_urn, res.deleted_with, *res.uses)) if urn]
