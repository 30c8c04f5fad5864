"""What the program sent: a resource's recorded inputs without what the provider filled in. Pure.

State holds inputs *after* the provider's Check. Sending its defaults back would turn them into explicit values,
and the operator's next own update would then replace every auto-named resource.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from pulumi_rewind.state.model import Resource
from pulumi_rewind.state.property_path import top_key
from pulumi_rewind.state.values import DEFAULTS, SIG, Json, content_of, each, is_secret

_AUTONAMED = "pulumi.com/autonamed"


def sent_inputs(res: Resource) -> dict[str, Json]:
    """The inputs as the program sent them, signatures in place.

    Top level: the keys that have an entry in `propertyDependencies` (the engine records one for each property the
    program sent), and the stand-ins of those that Check took away. Below that: minus the keys that ``__defaults``
    lists of bridged providers name, and minus kubernetes auto-names. Explicit providers: minus what the engine keeps
    there (``version``, ``__internal`` and in old states ``pluginDownloadURL``), unless the provider has a setting of
    that name and the program sent it.
    """
    inputs = res.decoded_inputs()
    if res.property_dependencies:
        listed = {key: without_defaults(value) for key, value in inputs.items() if key in res.property_dependencies}
        return listed | stand_ins(res, inputs)
    own = _PROVIDER_OWN if res.is_provider else frozenset()
    return {key: without_defaults(value) for key, value in _plain(inputs).items() if key not in own}


def stand_ins(res: Resource, inputs: Mapping[str, Json] | None = None) -> dict[str, Json]:
    """What is sent in the place of properties that the program sent and the recorded inputs lack.

    Nothing records which input came from which property, so it is every input that no program sent and no list of
    defaults names; auto-names are left to the provider. Provider and engine then find nothing changed. A property
    that was sent as null vanishes as well; then these are values that Check filled in, and it keeps what it is given.
    """
    inputs = res.decoded_inputs() if inputs is None else inputs
    if not res.custom or not vanished_keys(res, inputs):
        return {}
    own = _PROVIDER_OWN if res.is_provider else frozenset()
    found: dict[str, Json] = {}
    for key, value in _plain(inputs).items():
        if key in (res.property_dependencies or {}) or key in own or is_auto_named(res, value):
            continue
        kept = without_defaults(value)
        if kept or not value:  # else everything that is in it was filled in
            found[key] = kept
    return found


def vanished_keys(res: Resource, inputs: Mapping[str, Json]) -> frozenset[str]:
    """The properties that the program sent and that are in no recorded input.

    One whose changes are ignored may never have been taken over, and stands for nothing.
    """
    return frozenset(res.property_dependencies or {}) - inputs.keys() - ignored_keys(res)


def ignored_keys(res: Resource) -> frozenset[str]:
    """The top-level properties in which the resource ignores changes."""
    return frozenset(map(top_key, res.ignore_changes or ()))


def sent_dependencies(res: Resource, sent: Mapping[str, Json]) -> dict[str, tuple[str, ...] | None]:
    """The recorded `propertyDependencies`; stand-ins were computed from what any of the vanished properties was.

    The vanished ones stay in it: that is how a state tells that something stands in their place.
    """
    recorded = dict(res.property_dependencies or {})
    extra = sent.keys() - recorded.keys() if recorded else ()
    if extra:
        vanished = vanished_keys(res, res.decoded_inputs())
        urns = tuple(dict.fromkeys(urn for key in sorted(vanished) for urn in recorded[key] or ()))
        recorded.update(dict.fromkeys(extra, urns))
    return recorded


def written_inputs(res: Resource) -> dict[str, Json]:
    """The inputs as the program sent them that it computed from no other resource, as far as the state tells."""
    sent = sent_inputs(res)
    recorded = sent_dependencies(res, sent)
    return {key: value for key, value in sent.items() if not (recorded.get(key) if recorded else res.dependencies)}


_RANDOM: Final = re.compile(r"[-_]?(?:[0-9a-f]{6,}|(?=[a-z]*[0-9])[0-9a-z]{8})")
"""How the engine's and the providers' auto-names continue after the logical name."""


def is_auto_named(res: Resource, value: Json) -> bool:
    """Whether a value looks like a name that the provider made: the object keeps it, another needs another."""
    return isinstance(value, str) and value.startswith(res.name) and bool(_RANDOM.fullmatch(value[len(res.name) :]))


_PROVIDER_OWN = frozenset({"version", "__internal", "pluginDownloadURL"})


def _plain(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """The inputs without the keys that the top-level ``__defaults`` names."""
    named = default_keys(inputs)
    return {key: value for key, value in inputs.items() if key != DEFAULTS and key not in named}


def default_keys(value: Mapping[str, Json]) -> frozenset[str]:
    """The keys that a provider counts as its defaults; whatever else stands there in a damaged state is none."""
    named = value.get(DEFAULTS)
    return frozenset(key for key in named if isinstance(key, str)) if isinstance(named, list) else frozenset()


def without_defaults(value: Json) -> Json:
    """A nested value without provider defaults at any depth; special values are looked into as well."""
    if not isinstance(value, dict):
        return each(value, without_defaults)
    if is_secret(value) and isinstance(value.get("plaintext"), str):
        inside = content_of(value)
        return {**value, "plaintext": msgspec.json.encode(without_defaults(inside)).decode()}
    if SIG in value:
        return value
    cleaned = {key: without_defaults(item) for key, item in _plain(value).items()}
    annotations = value.get("annotations")
    if isinstance(annotations, dict) and annotations.get(_AUTONAMED) == "true":
        cleaned.pop("name", None)
        rest = {key: item for key, item in cleaned["annotations"].items() if key != _AUTONAMED}
        if rest:
            cleaned["annotations"] = rest
        else:
            del cleaned["annotations"]
    return cleaned


def provider_made_keys(res: Resource) -> frozenset[str]:
    """The top-level input keys in state that the program did not send."""
    return frozenset(res.decoded_inputs()) - frozenset(sent_inputs(res))
