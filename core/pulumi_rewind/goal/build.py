"""Building a goal from a target and live. Pure.

The rules come from what the engine does with a registration (engine behaviour of Pulumi 3.276): send only what the
program sent, never a URN that isn't registered in this run, keep identity by aliases, state every option outright.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pulumi_rewind.goal.model import Goal, GoalChanges, Registration, Selection, registers
from pulumi_rewind.goal.order import in_dependency_order
from pulumi_rewind.goal.selection import select
from pulumi_rewind.goal.skipping import adjusted
from pulumi_rewind.risk import HOOK_CODE, Risk
from pulumi_rewind.state.identity import match, rehomed
from pulumi_rewind.state.model import Checkpoint, Resource, urn_name
from pulumi_rewind.state.packages import Package, Parameter, from_base64, package_of, required_packages
from pulumi_rewind.state.sent_inputs import provider_made_keys, sent_dependencies, sent_inputs
from pulumi_rewind.state.values import Json


def build_goal(
    target: Checkpoint,
    live: Checkpoint,
    *,
    project: str,
    stack: str,
    only: Sequence[str] = (),
    stays: Mapping[str, str] = {},
    history: Iterable[Checkpoint] = (),
    changes: GoalChanges | None = None,
) -> Goal:
    """The goal that makes live equal to the target; with `only`, as far as the chosen resources go.

    Both checkpoints should be decrypted. `project` and `stack` are those of today: URNs are made from them. `only`
    holds URNs, names, types or patterns (see `naming`), with ``!`` before what is left out; `stays` what has to stay
    with that, see `goal.selection.select`. `history` is read where an object may have been renamed, see
    `state.identity.match`. `changes` are what callbacks returned; ids to adopt are not its business.

    Raises:
        UsageError: `only` chooses nothing.
    """
    pairs, selection = choose(target, live, only=only, stays=stays, history=history, changes=changes)
    goal = GoalBuilder(target, live, pairs, selection, project, stack).build()
    return _with_inputs(goal, changes.inputs) if changes else goal


def _with_inputs(goal: Goal, inputs: Mapping[str, Mapping[str, Json]]) -> Goal:
    """The goal with other inputs (by URN of the target) laid over the recorded ones."""

    def changed(item: Registration) -> Registration:
        own = inputs.get(item.urn) if not item.from_live else None
        if own is None:
            return item
        dependencies = {**dict.fromkeys(own, ()), **item.property_dependencies}
        return replace(item, inputs={**item.inputs, **own}, property_dependencies=dependencies)

    notes = [
        Risk("other-inputs", f"gets values other than the recorded ones for {', '.join(sorted(own))}", urn)
        for urn, own in inputs.items()
    ]
    return replace(goal.each(changed), notes=(*goal.notes, *notes))


def choose(
    target: Checkpoint,
    live: Checkpoint,
    *,
    only: Sequence[str] = (),
    stays: Mapping[str, str] = {},
    history: Iterable[Checkpoint] = (),
    changes: GoalChanges | None = None,
) -> tuple[dict[str, str], Selection]:
    """Which live resource is which of the target (URN → URN), and which of them a rollback brings back.

    Raises:
        UsageError: `only` chooses nothing.
    """
    # What was already deleted for a replacement that never came did not exist at that time.
    entries = [res for res in target.resources if registers(res) and not res.pending_replacement]
    pairs = match(entries, live.resources, history)
    if only or stays:
        selection = select(only, entries, live, pairs, stays)
    else:
        selection = Selection(frozenset(res.urn for res in entries), frozenset(), ())
    return pairs, adjusted(changes, selection, live, pairs) if changes else selection


class GoalBuilder:
    """Collects the registrations of one goal."""

    def __init__(
        self,
        target: Checkpoint,
        live: Checkpoint,
        pairs: Mapping[str, str],
        selection: Selection,
        project: str,
        stack: str,
    ) -> None:
        self.target = target
        self.live = live
        self.all_pairs = pairs
        self.selection = selection
        self.project = project
        self.stack = stack
        self.chosen = [res for res in target.resources if registers(res) and res.urn in selection.chosen]
        self.kept = [res for res in live.resources if registers(res) and res.urn in selection.kept]
        self.pairs = {res.urn: pairs[res.urn] for res in self.chosen if res.urn in pairs}
        self.back = {live_urn: urn for urn, live_urn in self.pairs.items()}
        self.all_back = {live_urn: urn for urn, live_urn in pairs.items()}
        self.registered = {res.urn for res in [*self.chosen, *self.kept]}
        self.notes: list[Risk] = list(selection.notes)

    def build(self) -> Goal:
        """The whole goal."""
        made = [self._registration(res, self.target) for res in self.chosen]
        made += [self._registration(res, self.live) for res in self.kept]
        for res in self.chosen:
            self._note(res)
        self._note_left_out()
        defaults = self._lonely_default_providers(made)
        return Goal(
            project=self.project,
            stack=self.stack,
            registrations=tuple(_in_order(made)),
            packages=required_packages([*(item.package for item in made), *(package for _, package in defaults)]),
            default_providers=defaults,
            hooks=tuple(sorted(_hook_names([*self.live.resources, *self.chosen]))),
            notes=tuple(self.notes),
            pairs={**self.pairs, **{res.urn: res.urn for res in self.kept}},
            untouched=self.selection.untouched,
        )

    def _registration(self, res: Resource, side: Checkpoint) -> Registration:
        from_live = side is self.live
        inputs = sent_inputs(res)
        recorded = sent_dependencies(res, inputs) or dict.fromkeys(inputs, res.dependencies)  # as the engine fills it
        provider, literal = self._provider(res, side)
        live_urn = res.urn if from_live else self.pairs.get(res.urn, "")
        live = self.live.by_urn.get(live_urn)

        def kept(urns: Iterable[str] | None) -> tuple[str, ...]:
            """Only URNs that this run registers: any other corrupts the state during the update."""
            keys = (self._key(urn, from_live) for urn in urns or ())
            return tuple(dict.fromkeys(key for key in keys if key))

        parent = self._key(res.parent, from_live)
        if res.parent and not parent:
            message = (
                f"is part of {urn_name(res.parent)}, which is not in that checkpoint: the engine would delete it "
                "and re-create it under another URN. Choose another update, or leave it out with `--only "
                f"'!{res.name}'`"
            )
            self.notes.append(Risk("damaged-target", message, res.urn))
        return Registration(
            kind=_kind(res),
            source=res,
            live_source=live,
            target_source=self.target.by_urn.get(self.all_back.get(res.urn, "")) if from_live else res,
            from_live=from_live,
            inputs=inputs,
            # Also for keys without a value: what a program sent as null is known by its dependencies alone.
            property_dependencies={key: kept(recorded.get(key)) for key in recorded.keys() | inputs.keys()},
            stand_ins=frozenset(inputs) - frozenset(res.property_dependencies or inputs),
            dependencies=kept(res.dependencies),
            parent=parent,
            provider=provider,
            provider_literal=literal,
            package=self._package(res, side),
            deleted_with=self._key(res.deleted_with, from_live),
            replace_with=kept(res.replace_with),
            aliases=(live_urn,) if live_urn and live_urn != rehomed(res.urn, self.stack, self.project) else (),
            import_id=_import_id(res, live),
            live_urn=live_urn,
        )

    def _key(self, urn: str, from_live: bool) -> str:
        """A reference of a checkpoint as the URN of the registration that stands for it; empty if there is none."""
        if not urn:
            return ""
        if from_live:
            urn = self.back.get(urn, urn)
        elif urn not in self.selection.chosen:
            urn = self.all_pairs.get(urn, urn)
        return urn if urn in self.registered else ""

    def _provider(self, res: Resource, side: Checkpoint) -> tuple[str, str]:
        """The URN of the explicit provider to name, or a complete reference, or neither for the default one."""
        provider = side.by_urn.get(res.provider_urn)
        if provider is None:
            return "", ""
        if not provider.is_default_provider:
            return self._key(provider.urn, side is self.live), ""
        parent = side.by_urn.get(res.parent)
        inherited = side.by_urn.get(parent.provider_urn) if parent else None
        if inherited is None or inherited.type != provider.type or inherited.urn == provider.urn:
            return "", ""
        # Empty would inherit the parent's provider of the same package: name today's default one outright.
        live = self.live.by_urn.get(provider.urn)
        if live is not None:
            return "", f"{live.urn}::{live.id}"
        message = (
            "needs a default provider that is not in the live state: the engine would use its parent's provider instead"
        )
        self.notes.append(Risk("default-provider-lost", message, res.urn))
        return "", ""

    def _lonely_default_providers(self, made: Sequence[Registration]) -> tuple[tuple[str, Package], ...]:
        """URN and package of each default provider that has to be asked for, as no registration brings it about."""
        side = self.live if self.kept else self.target
        implied = {item.source.provider_urn for item in made if not item.provider_literal}
        found = [res for res in side.resources if res.is_default_provider and not res.delete and res.urn not in implied]
        return tuple((res.urn, package_of(res)) for res in found)

    def _package(self, res: Resource, side: Checkpoint) -> Package:
        provider = res if res.is_provider else side.by_urn.get(res.provider_urn)
        if provider is None:
            return Package()
        package = package_of(provider)
        if not res.extension_ref:
            return package
        extension = (side.deployment.extensions or {}).get(res.extension_ref)
        if extension is None:
            return package
        parameter = Parameter(
            str(extension.get("name", "")),
            str(extension.get("version", "")),
            from_base64(str(extension.get("value", ""))),
        )
        return replace(package, extension=parameter, extension_ref=res.extension_ref)

    def _note_left_out(self) -> None:
        for res in self.target.resources:
            if res.pending_replacement and not res.delete:
                message = (
                    "did not exist at that time: it had been deleted for a replacement that was never "
                    "created. It is left out"
                )
                self.notes.append(Risk("left-out", message, res.urn))
        # Default providers are the engine's, whoever was the first to need one.
        here, there = (
            {res.snippet_id: res for res in side.resources if res.snippet_id and not res.is_default_provider}
            for side in (self.live, self.target)
        )
        for snippet in there.keys() - here.keys():
            message = (
                "comes from a snippet that is not in the live state. Only the engine can run snippets: it is left out"
            )
            self.notes.append(Risk("snippet", message, there[snippet].urn))
        for snippet in here.keys() - there.keys():
            message = "comes from a snippet that the target does not have. The engine still runs it: it stays"
            self.notes.append(Risk("snippet", message, here[snippet].urn))

    def _note(self, res: Resource) -> None:
        live = self.live.by_urn.get(self.pairs.get(res.urn, ""))
        if live is not None and live.taint:
            self.notes.append(Risk.usual("tainted", res.urn))
        if res.resource_hooks and any(res.resource_hooks.values()):
            names = tuple(sorted({name for names in res.resource_hooks.values() for name in names or ()}))
            instead = (
                ("; instead, a failed operation is tried again up to 3 times")
                if res.resource_hooks.get("OnError")
                else ""
            )
            message = f"the code of its hooks is not in the checkpoint and will not run: {', '.join(names)}{instead}"
            self.notes.append(Risk(HOOK_CODE, message, res.urn, names=names))
        if res.ignore_changes and live is not None:
            message = f"keeps today's values of the properties in its ignoreChanges: {', '.join(res.ignore_changes)}"
            self.notes.append(Risk("ignore-changes", message, res.urn))


def _in_order(registrations: Sequence[Registration]) -> list[Registration]:
    """The stack first, then everything after what it refers to; the given order wherever that leaves a choice."""
    by_urn = {item.urn: item for item in reversed(registrations)}
    stack_first = sorted(registrations, key=lambda item: item.kind != "stack")
    urns, _ = in_dependency_order((item.urn for item in stack_first), lambda urn: by_urn[urn].prerequisites())
    return [by_urn[urn] for urn in urns]


def _kind(res: Resource) -> str:
    if res.is_stack:
        return "stack"
    if res.external:
        return "read"
    if res.is_provider:
        return "provider"
    return "custom" if res.custom else "component"


def _import_id(res: Resource, live: Resource | None) -> str:
    """By what id it is imported. With provider-made inputs the import would pin them: then it isn't done."""
    if live is None:
        return "" if provider_made_keys(res) else res.import_id
    return res.import_id if live.id == res.id and res.import_id == (live.import_id or live.id) else ""


def _hook_names(resources: Iterable[Resource]) -> set[tuple[str, bool]]:
    found: set[tuple[str, bool]] = set()
    for res in resources:
        for event, names in (res.resource_hooks or {}).items():
            found.update((name, event == "OnError") for name in names or ())
    return found
