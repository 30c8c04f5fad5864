"""What a checkpoint makes the engine and its providers do as soon as it is previewed. Pure.

Plugins that are downloaded, places that providers talk to with their credentials, code of dynamic providers, content
that is fetched.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from pulumi_rewind.state.model import PROVIDER_PREFIX, Checkpoint, Resource
from pulumi_rewind.state.packages import Package, from_base64, package_of
from pulumi_rewind.state.values import ARCHIVE, ASSET, MASK, Json, contains_secret, kind_of, mask, reveal, walk

PLUGIN_URL: Final = "plugin-url"
PACKAGE: Final = "package"
VERSION: Final = "package-version"
PARAMETERS: Final = "parameterization"
VARIABLES: Final = "variables"
SETTING: Final = "setting"
CONFIG: Final = "configuration"
CODE: Final = "provider-code"
REMOTE: Final = "remote-content"
REFERENCE: Final = "stack-reference"
SNIPPET: Final = "snippet"
SECRETS: Final = "secrets-provider"
PROGRAM: Final = "program"

SHOWN: Final = 160
"""How many characters of a value are shown."""

NAMED: Final = 3
"""How many resources a finding names."""

_BUILT_IN: Final = frozenset({"", "pulumi", "pulumi-python", "pulumi-nodejs"})
"""Packages of the engine and its SDKs, for which no plugin is downloaded; the code of dynamic ones counts by itself."""

_ENGINE_OWN: Final = frozenset({"version", "__internal", "__defaults"})

_OLD_PLACE: Final = "pluginDownloadURL"
"""Where a provider's plugin comes from, in states of old engines; beside ``__internal`` a setting like any other."""

_PROVIDER_CODE: Final = "__provider"

_STACK_REFERENCE: Final = "pulumi:pulumi:StackReference"

_OWN_ORGANIZATION: Final = "organization"

_CHART: Final = "kubernetes:helm.sh/v3:Release"
"""A resource whose provider fetches and renders a chart in a preview."""

_NAMES: Final = frozenset(
    {
        "addr", "address", "addresses", "ca", "cacert", "cert", "certificate", "certificates", "certs", "command",
        "context", "domain", "endpoint", "endpoints", "exec", "gateway", "host", "hostname", "hosts", "insecure",
        "kubeconfig", "metadata", "port", "proxies", "proxy", "registry", "server", "servers", "socket", "ssl", "tls",
        "tunnel", "uri", "uris", "url", "urls", "verify",
    }
)  # fmt: skip
"""Words in the name of a setting that decides whom a provider talks to, or whether it makes sure of that."""

_WORD: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

_PLACE: Final = re.compile(
    r"""(?ix) (?:[\w.+-]+@)? (?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+ [a-z][a-z0-9-]+ (?::\d+)? (?:/.*)?
    | (?:\d{1,3}\.){3}\d{1,3} (?::\d+)? (?:/.*)?
    | (?:localhost|[a-z][a-z0-9-]*(?=:\d)) (?::\d{1,5})? (?:/.*)?
    | \[[0-9a-f:]+\] (?::\d+)?
    | unix:.* """
)
"""A text that names a place in the network, URLs apart."""

_PLACE_LENGTH: Final = 300
"""Longer texts are no names of hosts."""


@dataclass(frozen=True)
class Effect:
    """One thing that a checkpoint makes the engine do."""

    code: str
    subject: str
    """What of it has one value: a package, a setting of a package."""
    value: str
    """Digest or text by which it is compared."""
    shown: str
    names: tuple[str, ...] = ()
    """The resources that it is found on."""
    version: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What it is compared by."""
        return self.code, self.subject, self.value


def acting_resources(checkpoint: Checkpoint, whole: bool, chosen: frozenset[str] | None) -> Iterator[Resource]:
    """The resources that a replay registers, or all of them."""
    for res in checkpoint.resources:
        if whole or (not (res.delete or res.view_of or res.snippet_id) and (chosen is None or res.urn in chosen)):
            yield res


def state_effects(checkpoint: Checkpoint, *, whole: bool, chosen: frozenset[str] | None = None) -> Iterator[Effect]:
    """What the providers of the acting resources do, and what the state as a whole has."""
    acting = list(acting_resources(checkpoint, whole, chosen))
    used = {res.provider_urn for res in acting} | {res.urn for res in acting}
    for res in checkpoint.resources:
        if res.is_provider and (whole or not res.delete) and (whole or chosen is None or res.urn in used):
            yield from _package_effects(res)
            if whole or (not res.is_default_provider and (chosen is None or res.urn in chosen)):
                yield from _setting_effects(res)
    for res in acting:
        # Without a provider in the checkpoint, the engine takes the package that the type names.
        if res.custom and not res.is_provider and (name := res.type.partition(":")[0]) not in _BUILT_IN:
            yield Effect(PACKAGE, name, name, name, (res.name,))
        if res.extension_ref:
            yield from _extension_effects(checkpoint, res)
        if res.type == _STACK_REFERENCE:
            yield from _reference_effects(res)
    if whole:
        for snippet in checkpoint.deployment.snippets or ():
            digest = digest_of(snippet)
            yield Effect(SNIPPET, "", digest, f"sha256 {digest[:12]}")


def _package_effects(res: Resource) -> Iterator[Effect]:
    package = package_of(res)
    inputs = res.decoded_inputs()
    plugin = package.base_name or package.name
    version = package.base_version or package.version
    for name in dict.fromkeys((plugin, package.name)):
        if name not in _BUILT_IN:
            yield Effect(PACKAGE, name, name, f"{name} {version}".strip(), (res.name,))
    if plugin not in _BUILT_IN and version:
        yield Effect(VERSION, plugin, version, version, (res.name,), version)
    # Old engines kept it among the settings, and new ones still read it there where they find nothing of their own.
    old = inputs.get(_OLD_PLACE) if inputs.get("__internal") is None else ""
    for url in dict.fromkeys((package.download_url, reveal(old))):
        if isinstance(url, str) and url:
            yield Effect(PLUGIN_URL, plugin, url, shown_text(url), (res.name,))
    if package.parameter is not None:
        yield _parameter_effect(package.parameter.name, package.parameter.version, package.parameter.value, res.name)
    yield from _variable_effects(package, res)


def _parameter_effect(name: str, version: str, value: bytes, resource: str) -> Effect:
    digest = hashlib.sha256(value).hexdigest()
    return Effect(PARAMETERS, name, digest, f"{name} {version}, sha256 {digest[:12]}", (resource,))


def _variable_effects(package: Package, res: Resource) -> Iterator[Effect]:
    for here, there in package.env_var_mappings:
        yield Effect(VARIABLES, package.name, f"{here}\0{there}", f"{here} as {there}", (res.name,))


def _extension_effects(checkpoint: Checkpoint, res: Resource) -> Iterator[Effect]:
    extension = (checkpoint.deployment.extensions or {}).get(res.extension_ref) or {}
    name, version = str(extension.get("name", "")), str(extension.get("version", ""))
    yield _parameter_effect(name, version, from_base64(str(extension.get("value", ""))), res.name)


def _setting_effects(res: Resource) -> Iterator[Effect]:
    package = res.type.removeprefix(PROVIDER_PREFIX)
    inputs = res.decoded_inputs()
    engine_own = _ENGINE_OWN if inputs.get("__internal") is not None else _ENGINE_OWN | {_OLD_PLACE}
    for key, value in inputs.items():
        if key not in engine_own and value is not None and names_a_place(key, value):
            shown = MASK if contains_secret(value) else shown_text(value)
            name = f"{key} of {res.name}, {package}"
            yield Effect(SETTING, f"{package}:{key}", digest_of(reveal(value)), shown, (name,))


def _reference_effects(res: Resource) -> Iterator[Effect]:
    name = reveal(res.decoded_inputs().get("name")) or res.name
    organization = str(name).split("/")[0] if str(name).count("/") == 2 else ""
    if organization not in {"", _OWN_ORGANIZATION}:
        yield Effect(REFERENCE, "", organization, str(name)[:SHOWN], (res.name,))


def content_effects(res: Resource, *, whole: bool) -> Iterator[Effect]:
    """Code and remote content in a resource's properties, which are decoded only where they can hold one of these."""
    sides = [res.inputs, res.outputs] if whole or _may_hold(res.outputs, _PROVIDER_CODE) else [res.inputs]
    if not any(_may_hold(side, word) for side in sides for word in (_PROVIDER_CODE, "uri")) and res.type != _CHART:
        return
    inputs, outputs = res.decoded_inputs(), res.decoded_outputs()
    for code in (inputs.get(_PROVIDER_CODE), outputs.get(_PROVIDER_CODE)):
        if code is not None:
            digest = digest_of(reveal(code))
            yield Effect(CODE, "", digest, f"sha256 {digest[:12]}", (res.name,))
    held = [inputs, outputs] if whole else inputs
    open_ = set(_uris(held))
    for uri in _uris(reveal(held)):
        yield Effect(REMOTE, "", uri, shown_text(uri) if uri in open_ else MASK, (res.name,))
    if res.type == _CHART:
        for source in (inputs.get("repositoryOpts"), inputs.get("chart")):
            if source is not None and any(_is_place(inner) for inner in walk(reveal(source))):
                shown = MASK if contains_secret(source) else shown_text(source)
                yield Effect(REMOTE, "", digest_of(reveal(source)), shown, (res.name,))


def _uris(value: Json) -> Iterator[str]:
    """Where remote assets and archives come from."""
    for inner in walk(value):
        if isinstance(inner, dict) and kind_of(inner) in {ASSET, ARCHIVE} and inner.get("uri"):
            yield str(inner["uri"])


def _may_hold(raw: msgspec.Raw, word: str) -> bool:
    """Whether JSON may have a key, also written with escapes or in a secret."""
    text = bytes(raw)
    return word.encode() in text or b"\\u" in text


# -- places and their texts -------------------------------------------------------------------------------------------


def names_a_place(key: str, value: Json) -> bool:
    """Whether a setting decides whom a provider talks to: by its name, or by what it holds."""
    words = {word.lower() for word in _WORD.findall(key)}
    return bool(words & _NAMES) or any(_is_place(inner) for inner in walk(reveal(value)))


def _is_place(value: Json) -> bool:
    if not isinstance(value, str):
        return False
    return "://" in value or (len(value) <= _PLACE_LENGTH and _PLACE.fullmatch(value.strip()) is not None)


def digest_of(value: Json) -> str:
    """A digest of a value that says nothing of it."""
    text = value.encode() if isinstance(value, str) else msgspec.json.encode(value, order="sorted")
    return hashlib.sha256(text).hexdigest()


def shown_text(value: Json) -> str:
    """A value as it is shown: one line, without the credentials that a URL may hold."""
    text = value if isinstance(value, str) else msgspec.json.encode(mask(value)).decode()
    text = re.sub(r"(?<=://)[^/@\s\"']*@", f"{MASK}@", text)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def config_text(value: Json) -> str:
    """A value of a configuration as it is shown; what is encrypted stays hidden."""
    sealed = any(isinstance(inner, dict) and set(inner) == {"secure"} for inner in walk(value))
    return MASK if sealed else shown_text(value)
