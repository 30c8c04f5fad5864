"""What the program sent: a resource's recorded inputs without what the provider filled in. Pure.

State holds inputs *after* the provider's Check. Sending its defaults back would turn them into explicit values,
and the operator's next own update would then replace every auto-named resource.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pulumi_rewind.model import Resource
from pulumi_rewind.values import DEFAULTS, SIG, Json, content_of, is_secret

_AUTONAMED = "pulumi.com/autonamed"


def sent_inputs(res: Resource) -> dict[str, Json]:
    """The inputs as the program sent them, signatures in place.

    Top level: the keys that have an entry in `propertyDependencies` (the engine records one for each property the
    program sent). Below that: minus the keys that ``__defaults`` lists of bridged providers name, and minus
    kubernetes auto-names. Explicit providers: minus what the engine keeps there (``version``, ``__internal`` and in
    old states ``pluginDownloadURL``), unless the provider has a setting of that name and the program sent it.
    """
    inputs = res.decoded_inputs()
    if res.is_provider and not res.property_dependencies:
        return {key: without_defaults(value) for key, value in _plain(inputs).items() if key not in _PROVIDER_OWN}
    if res.property_dependencies:
        return {key: without_defaults(value) for key, value in inputs.items() if key in res.property_dependencies}
    return {key: without_defaults(value) for key, value in _plain(inputs).items()}


_PROVIDER_OWN = frozenset({"version", "__internal", "pluginDownloadURL"})


def _plain(inputs: dict[str, Json]) -> dict[str, Json]:
    """The inputs without the keys that the top-level ``__defaults`` names."""
    named = default_keys(inputs)
    return {key: value for key, value in inputs.items() if key != DEFAULTS and key not in named}


def default_keys(value: Mapping[str, Json]) -> frozenset[str]:
    """The keys that a provider counts as its defaults; whatever else stands there in a damaged state is none."""
    named = value.get(DEFAULTS)
    return frozenset(key for key in named if isinstance(key, str)) if isinstance(named, list) else frozenset()


def without_defaults(value: Json) -> Json:
    """A nested value without provider defaults at any depth; special values are looked into as well."""
    if isinstance(value, list):
        return [without_defaults(item) for item in value]
    if not isinstance(value, dict):
        return value
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
