"""The packages and plugins that the resources of a checkpoint came from. Pure.

Source: the inputs of provider resources, where the engine keeps ``version`` and ``__internal``.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass

from pulumi_rewind.state.model import Resource
from pulumi_rewind.state.values import damaged_value
from pulumi_rewind.system.documents import load_json


@dataclass(frozen=True)
class Parameter:
    """A parameterization (or extension) of a package."""

    name: str
    version: str
    value: bytes


@dataclass(frozen=True)
class Package:
    """The plugin that a resource needs, as its (default) provider records it."""

    name: str = ""
    version: str = ""
    download_url: str = ""
    parameter: Parameter | None = None
    """Set where the package is a parameterised one."""
    base_version: str = ""
    """The version of the plugin that carries the parameterization or extension."""
    base_name: str = ""
    extension: Parameter | None = None
    extension_ref: str = ""
    checksums: tuple[tuple[str, bytes], ...] = ()
    """What the plugin's archive must hash to, by platform."""
    env_var_mappings: tuple[tuple[str, str], ...] = ()
    """Environment variables that an explicit provider's plugin sees under another name: here → there."""


def package_of(provider: Resource) -> Package:
    """The package that a provider resource stands for, with the version it ran at."""
    inputs = provider.decoded_inputs()
    internal = inputs.get("__internal")
    if isinstance(internal, str):  # the engine stores it as JSON text in some versions
        try:
            internal = load_json(internal)
        except ValueError:
            internal = None
    internal = internal if isinstance(internal, dict) else {}
    name = provider.type.rsplit(":", 1)[-1]
    version = str(inputs.get("version") or "")
    raw = internal.get("parameterization")
    parameterized = isinstance(raw, str)
    return Package(
        name,
        version,
        str(internal.get("pluginDownloadURL") or ""),
        parameter=Parameter(name, version, from_base64(raw)) if isinstance(raw, str) else None,
        base_name=str(internal.get("name") or (name if parameterized else "")),
        base_version=str(internal.get("version") or "") if parameterized else version,
        checksums=tuple(sorted((key, _from_hex(text)) for key, text in _texts(internal.get("pluginChecksums")))),
        env_var_mappings=tuple(sorted(_texts(internal.get("envVarMappings")))),
    )


def _texts(value: object) -> list[tuple[str, str]]:
    """The members of an object whose values are text."""
    return [(key, text) for key, text in value.items() if isinstance(text, str)] if isinstance(value, dict) else []


def required_packages(packages: Iterable[Package]) -> tuple[str, ...]:
    """The names that the host answers when the engine asks for the program's packages.

    A name without a version or a place makes the engine default nothing, so that every provider keeps its name. With
    one, it would go to every provider of the package that has none: of two that come from different places, one would
    be lost. Source: engine behaviour of Pulumi 3.259 and 3.276.
    """
    names = {package.base_name or package.name for package in packages}
    return tuple(sorted(names - {"", "pulumi"}))


def from_base64(text: str) -> bytes:
    """The bytes of a parameterization or an extension.

    Raises:
        CheckpointError: it isn't base64.
    """
    try:
        return base64.b64decode(text)
    except ValueError:
        raise damaged_value("a parameterized package") from None


def _from_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise damaged_value("the checksum of a plugin") from None
