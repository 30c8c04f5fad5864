"""The `bridged` provider for Pulumi programs in Python: what a generated SDK would offer."""

from __future__ import annotations

from typing import Any

import pulumi

VERSION = "1.0.0"


class _Bridged(pulumi.CustomResource):
    computed: tuple[str, ...] = ("name", "arn", "endpoint", "etag")

    arn: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    etag: pulumi.Output[str]
    name: pulumi.Output[str]

    def __init__(
        self, resource_name: str, props: dict[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        properties = dict.fromkeys(self.computed) | (props or {})
        versioned = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=VERSION), opts)
        super().__init__(f"bridged:index:{type(self).__name__}", resource_name, properties, versioned)

    @classmethod
    def get(cls, resource_name: str, id: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None) -> Any:
        """Reads an object that exists already."""
        return cls(resource_name, None, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=id)))


class Server(_Bridged):
    """Inputs: image (required), name, size, zone, tags, dependsId, userData, network{}, disks[{}]."""

    computed = (*_Bridged.computed, "size")


class Bucket(_Bridged):
    """Inputs: name (is the id), region, acl, policy, tags. A replacement of a named one deletes first."""

    computed = (*_Bridged.computed, "acl")


class Database(_Bridged):
    """Inputs: engine (required), name, port, password, size. Stateful; deleted before it is replaced."""

    computed = (*_Bridged.computed, "port", "connectionString")

    connectionString: pulumi.Output[str]  # noqa: N815 - as the provider calls it


class Vault(_Bridged):
    """Inputs: stringData and textLabels (stored as data and labels), data, labels, type, zone, compat (not stored)."""

    computed = (*_Bridged.computed, "type")


class Provider(pulumi.ProviderResource):
    """Configuration: root, account (a change replaces everything), token."""

    def __init__(
        self, resource_name: str, props: dict[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        versioned = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=VERSION), opts)
        super().__init__("bridged", resource_name, props or {}, versioned)
