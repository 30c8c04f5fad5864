"""What differs between the options of two resources: everything a checkpoint holds beside inputs and outputs. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Final

import msgspec

from pulumi_rewind.diff.properties import Edit, edits
from pulumi_rewind.state.model import Resource
from pulumi_rewind.state.values import Json, decoded

NOTHING: Final = Resource(urn="", type="")
"""Stands for the side on which there is no resource."""

_FLAGS: Final = {
    "protect": "protect",
    "retain_on_delete": "retainOnDelete",
    "taint": "taint",
    "external": "external",
    "pending_replacement": "pendingReplacement",
    "refresh_before_update": "refreshBeforeUpdate",
    "import_id": "import",
    "extension_ref": "extensionRef",
    "snippet_id": "snippetID",
}
_UNORDERED: Final = {
    "ignore_changes": "ignoreChanges",
    "replace_on_changes": "replaceOnChanges",
    "additional_secret_outputs": "additionalSecretOutputs",
    "hide_diff": "hideDiff",
}
_URNS: Final = {"deleted_with": "deletedWith", "view_of": "viewOf"}
_URN_LISTS: Final = {"replace_with": "replaceWith"}
BOOKKEEPING: Final = {
    "created": "created",
    "modified": "modified",
    "source_position": "sourcePosition",
    "stack_trace": "stackTrace",
}

_all_own: Final = attrgetter(
    *_FLAGS, *_UNORDERED, *_URNS, *_URN_LISTS, "custom_timeouts", "resource_hooks", "init_errors", "replacement_trigger"
)
_all_references: Final = attrgetter("parent", "provider", "dependencies", "external")

DEPENDENCIES: Final = "dependencies"
VERSION: Final = "version"


def own_options(old: Resource, new: Resource, urn_now: Callable[[str], str]) -> Iterator[Edit]:
    """What someone decided on: everything but the references that every resource has. `urn_now` renames old URNs."""
    if _all_own(old) == _all_own(new):
        return
    for name, shown in _FLAGS.items():
        yield from _option(shown, getattr(old, name), getattr(new, name))
    for name, shown in _UNORDERED.items():
        yield from _option(shown, sorted(getattr(old, name) or ()), sorted(getattr(new, name) or ()))
    for name, shown in _URNS.items():
        yield from _option(shown, urn_now(getattr(old, name)), getattr(new, name))
    for name, shown in _URN_LISTS.items():
        yield from _option(shown, sorted(map(urn_now, getattr(old, name) or ())), sorted(getattr(new, name) or ()))
    yield from _option("customTimeouts", _timeouts(old), _timeouts(new))
    yield from _option("hooks", _hooks(old), _hooks(new))
    yield from _option("initErrors", list(old.init_errors or ()), list(new.init_errors or ()))
    if old.replacement_trigger != new.replacement_trigger:
        triggers = [decoded(side.replacement_trigger, "a replacement trigger") for side in (old, new)]
        yield from edits(triggers[0], triggers[1], ("replacementTrigger",))


def same_references(old: Resource, new: Resource) -> bool:
    """Whether two resources name the same others, told without looking closer."""
    return bool(_all_references(old) == _all_references(new)) and (old.id == new.id or not new.external)


def references(
    old: Resource,
    new: Resource,
    urn_now: Callable[[str], str],
    versions: Callable[[Resource, Resource], tuple[str, str]],
) -> Iterator[Edit]:
    """Parent, provider and its plugin's version, and what a resource depends on, between two sides that are there."""
    before, after = versions(old, new)
    if before == after and same_references(old, new):
        return
    yield from _option("parent", urn_now(old.parent), new.parent)
    if old.external or new.external:  # an id that the program gave
        yield from _option("id", old.id, new.id)
    if old.provider != new.provider:
        one, other = urn_now(old.provider_urn), new.provider_urn
        if one != other and not (_by_default(one) and _by_default(other)):
            yield from _option("provider", one, other)
    yield from _option(VERSION, before, after)
    yield from _option(
        DEPENDENCIES, sorted(set(map(urn_now, old.dependencies or ()))), sorted(set(new.dependencies or ()))
    )


def bookkeeping(old: Resource, new: Resource, urn_now: Callable[[str], str]) -> Iterator[Edit]:
    """What engine and SDK write down for themselves."""
    for name, shown in BOOKKEEPING.items():
        values = [getattr(side, name) for side in (old, new)]
        told = [decoded(one, "a stack trace") if isinstance(one, msgspec.Raw) else one for one in values]
        yield from _option(shown, *told)
    before = {key: sorted(set(map(urn_now, urns or ()))) for key, urns in (old.property_dependencies or {}).items()}
    after = {key: sorted(set(urns or ())) for key, urns in (new.property_dependencies or {}).items()}
    yield from _option("propertyDependencies", before, after)


def _option(name: str, old: Json, new: Json) -> Iterator[Edit]:
    """One option as a whole; empty, false and absent are the same."""
    old, new = old or None, new or None
    if old != new:
        yield Edit((name,), "added" if old is None else "removed" if new is None else "changed", old, new)


def _by_default(provider_urn: str) -> bool:
    """Whether the engine made this provider; its name tells a version that is shown by itself."""
    return provider_urn.rsplit("::", 1)[-1].startswith("default")


def _timeouts(res: Resource) -> dict[str, float]:
    given = res.custom_timeouts
    return {name: seconds for name, seconds in msgspec.to_builtins(given).items() if seconds} if given else {}


def _hooks(res: Resource) -> dict[str, list[str]]:
    return {event: list(names) for event, names in sorted((res.resource_hooks or {}).items()) if names}
