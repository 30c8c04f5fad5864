"""After a rollback: does the state equal the goal? Pure; every difference is named, with its reason.

Compared are the sets of resources, inputs, property dependencies, provider defaults, options, secretness, the
secrets provider and pending operations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pulumi_rewind.goal.default_values import as_recorded
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.goal.stashes import STASH, stash_outputs
from pulumi_rewind.plan.asking import settled
from pulumi_rewind.plan.kept_values import kept_values
from pulumi_rewind.state.model import Checkpoint, Resource, SecretsProvider, urn_name
from pulumi_rewind.state.property_path import keeping
from pulumi_rewind.state.sent_inputs import default_keys, is_auto_named, sent_inputs, stand_ins
from pulumi_rewind.state.values import DEFAULTS, Json, decoded, is_secret, is_unknown, reveal


@dataclass(frozen=True)
class Difference:
    """Something in the state after a rollback that is not as in the target."""

    urn: str
    path: str
    message: str
    expected: bool = False
    """The plan announced it, or it can't be otherwise (a new auto-name of a re-created resource)."""


def verify(goal: Goal, report: ReplayReport, before: Checkpoint, after: Checkpoint) -> tuple[Difference, ...]:
    """Every difference between the state `after` a rollback and what its goal asked for.

    All checkpoints decrypted; `report` is that of the update's replay, `before` the live state it began from.
    """
    return tuple(_differences(goal, report, before, after))


def _differences(goal: Goal, report: ReplayReport, before: Checkpoint, after: Checkpoint) -> Iterable[Difference]:
    expected = {report.urns.get(item.urn, ""): item for item in goal.registrations}
    for urn in expected.keys() - after.by_urn.keys():
        yield Difference(urn, "", "is in the target but not in the state")
    yield from _default_providers(goal, after)
    for res in after.resources:
        if res.delete:
            yield Difference(res.urn, "", "an old copy is still pending deletion")
        elif res.urn not in expected and not res.is_default_provider and not res.view_of and not res.snippet_id:
            yield Difference(res.urn, "", "is in the state but not in the target")
        elif res.urn in expected:
            item = expected[res.urn]
            if not (item.urn in report.kept and settled(item.source, res)):
                yield from _resource(item, res, report, goal)
    for pending in after.pending_operations:
        yield Difference(pending.resource.urn, "", f"{pending.type} is still open as a pending operation")
    old, new = before.deployment.secrets_providers, after.deployment.secrets_providers
    if old is not None and (new is None or _provider_key(old) != _provider_key(new)):
        yield Difference("", "secrets_providers", "the secrets provider of the state changed")


def _default_providers(goal: Goal, after: Checkpoint) -> Iterable[Difference]:
    asked = {goal.run_urn(urn) for urn, _ in goal.default_providers}
    used = {_default_provider(item, goal) for item in goal.registrations if item.source.provider and not item.provider}
    used |= {res.provider_urn for res in after.resources if res.view_of or res.snippet_id or res.delete}
    for urn in sorted(asked - after.by_urn.keys()):
        yield Difference(urn, "", "the default provider is in the target but not in the state")
    for res in after.resources:
        if res.is_default_provider and not res.delete and res.urn not in asked | used:
            yield Difference(res.urn, "", "the default provider is in the state but not in the target")


def _provider_key(provider: SecretsProvider | None) -> object:
    return None if provider is None else (provider.type, decoded(provider.state, "the secrets provider"))


def _resource(item: Registration, res: Resource, report: ReplayReport, goal: Goal) -> Iterable[Difference]:
    source = item.source
    sent = report.sent.get(res.urn)
    if item.kind != "read" and sent is not None:
        yield from _inputs(item, res, as_recorded(item, sent))
        if source.property_dependencies is not None:
            # What was sent in the place of something else is listed from then on; the program's next update ends that.
            either = item.stand_ins | stand_ins(res).keys()
            wanted, got = set(item.property_dependencies) - either, set(res.property_dependencies or {}) - either
            if wanted != got and wanted:
                yield Difference(res.urn, "propertyDependencies", f"lists {sorted(got)} instead of {sorted(wanted)}")
        if source.type == STASH:
            outputs = stash_outputs(source, sent)
            yield from _values(res.urn, "outputs.output", outputs["output"], res.decoded_outputs().get("output"))
    if item.live_source is not None and item.live_source.id == res.id:
        for key in kept_values(item, res.decoded_inputs(), res.decoded_outputs()):
            message = "keeps its value: the target does not set it, and the provider leaves it as it is"
            yield Difference(res.urn, f"outputs.{key}", message, expected=True)
    yield from _options(item, res, report)
    if item.source.provider and not item.provider and res.provider_urn != _default_provider(item, goal):
        yield Difference(res.urn, "options.provider", "is not the target's default provider")
    if res.urn in report.outputs:
        yield from _values(res.urn, "outputs", report.outputs[res.urn], res.decoded_outputs())


def _default_provider(item: Registration, goal: Goal) -> str:
    return item.provider_literal.rsplit("::", 1)[0] or goal.run_urn(item.source.provider_urn)


def _inputs(item: Registration, res: Resource, sent: Mapping[str, Json]) -> Iterable[Difference]:
    got = res.decoded_inputs()
    recorded = item.source.decoded_inputs()
    stripped = sent_inputs(res)
    recreated = res.id != item.source.id  # another object than the recorded one, from this run or an earlier one
    kept = keeping(item.source.ignore_changes, stripped, sent)
    for key in sorted(sent.keys() | kept.keys()) if sent != kept else ():
        for difference in _property(res.urn, key, sent, kept):
            message = "keeps its value because the resource ignores changes of it"
            yield replace(difference, message=message, expected=True)
    for key in kept.keys() | stripped.keys() if kept != stripped else ():
        yield from _property(res.urn, key, kept, stripped)
    made = (
        (recorded.keys() | got.keys()) - kept.keys() - stripped.keys() - sent.keys() - {DEFAULTS}
        if not item.source.is_provider
        else ()
    )
    for key in sorted(made):
        if key in recorded and key not in got:
            # A default or a name of its own it may leave out of another object; anything else is gone.
            own = key in default_keys(recorded) or is_auto_named(item.source, recorded[key])
            message = "the provider no longer fills it in"
            yield Difference(res.urn, f"inputs.{key}", message, expected=recreated and own)
        elif key in got and key not in recorded:
            yield Difference(res.urn, f"inputs.{key}", "the provider now fills it in", expected=recreated)
        elif reveal(recorded[key]) != reveal(got[key]):
            why = "was generated again by the provider" if recreated else "the provider chose another default"
            yield Difference(res.urn, f"inputs.{key}", why, expected=recreated)
    if default_keys(recorded) != default_keys(got):
        yield Difference(res.urn, f"inputs.{DEFAULTS}", "the provider lists other keys as its defaults", expected=False)


def _property(urn: str, key: str, wanted: Mapping[str, Json], got: Mapping[str, Json]) -> Iterable[Difference]:
    path = f"inputs.{key}"
    if key not in got:
        yield Difference(urn, path, "is missing")
    elif key not in wanted:
        yield Difference(urn, path, "exists, but not in the target")
    else:
        yield from _values(urn, path, wanted[key], got[key])


def _values(urn: str, path: str, wanted: Json, got: Json) -> Iterable[Difference]:
    """Compares values and secretness; says where, never what. What a preview can't know is no difference."""
    if wanted == got or is_unknown(wanted):
        return
    if is_secret(wanted) != is_secret(got):
        message = "should be a secret but is not" if is_secret(wanted) else "is a secret but should not be"
        yield Difference(urn, path, message)
        return
    if is_secret(wanted):
        if reveal(wanted) != reveal(got):
            yield Difference(urn, path, "the secret has a different value")
        return
    if isinstance(wanted, dict) and isinstance(got, dict):
        hashes = wanted.get("hash") is None and got.get("hash") is not None  # an asset sent without its hash
        for key in sorted(wanted.keys() | got.keys()):
            if key == DEFAULTS or (hashes and key == "hash"):
                continue
            if key not in got or key not in wanted:
                yield Difference(urn, f"{path}.{key}", "is missing" if key in wanted else "is not in the target")
            else:
                yield from _values(urn, f"{path}.{key}", wanted[key], got[key])
        return
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for index, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from _values(urn, f"{path}[{index}]", one, other)
        return
    yield Difference(urn, path, "has a different value than in the target")


_PLAIN_OPTIONS = (
    "protect",
    "retain_on_delete",
    "custom_timeouts",
)
_LIST_OPTIONS = ("ignore_changes", "replace_on_changes", "additional_secret_outputs", "hide_diff")


def _options(item: Registration, res: Resource, report: ReplayReport) -> Iterable[Difference]:
    source = item.source

    def mapped(urns: Iterable[str]) -> set[str]:
        return {report.urns.get(urn, urn) for urn in urns}

    for name in _PLAIN_OPTIONS:
        if getattr(source, name) != getattr(res, name):
            yield Difference(res.urn, f"options.{name}", f"is {getattr(res, name)}, not {getattr(source, name)}")
    for name in _LIST_OPTIONS:
        if sorted(getattr(source, name) or ()) != sorted(getattr(res, name) or ()):
            yield Difference(res.urn, f"options.{name}", "differs from the target")
    if item.parent and report.urns.get(item.parent) != res.parent:
        yield Difference(res.urn, "options.parent", f"is {urn_name(res.parent)}, not {urn_name(item.parent)}")
    if mapped(item.dependencies) != set(res.dependencies or ()):
        yield Difference(res.urn, "options.dependencies", "differ from the target")
    if mapped(item.replace_with) != set(res.replace_with or ()):
        yield Difference(res.urn, "options.replaceWith", "differs from the target")
    triggers = [decoded(side.replacement_trigger, "a replacement trigger") for side in (source, res)]
    yield from _values(res.urn, "options.replacementTrigger", triggers[0], triggers[1])
    if item.import_id and not item.all_inputs and item.import_id != res.import_id:
        yield Difference(res.urn, "options.import", "the id that it was imported by is not recorded")
    if report.urns.get(item.deleted_with, "") != res.deleted_with:
        yield Difference(res.urn, "options.deletedWith", "differs from the target")
    if item.provider and report.urns.get(item.provider) != res.provider_urn:
        yield Difference(res.urn, "options.provider", "is not the target's provider")
    hooks = {event: names for event, names in (source.resource_hooks or {}).items() if names}
    if hooks != {event: names for event, names in (res.resource_hooks or {}).items() if names}:
        yield Difference(res.urn, "options.hooks", "differ from the target")
