"""The `parts` provider for Pulumi programs in Python: what a generated SDK would offer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pulumi
from pulumi.runtime import settings
from pulumi.runtime.proto import resource_pb2

VERSION = "1.0.0"


class Part(pulumi.CustomResource):
    """Any custom resource; `type` says which."""

    def __init__(
        self,
        resource_name: str,
        props: dict[str, Any] | None = None,
        opts: pulumi.ResourceOptions | None = None,
        *,
        type: str = "parts:index:Part",
        package: Awaitable[str | None] | None = None,
        version: str = VERSION,
    ) -> None:
        if package is None:
            opts = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=version), opts)
        super().__init__(type, resource_name, dict(props or {}), opts, package_ref=package)

    @property
    def size(self) -> pulumi.Output[Any]:
        """The output of that name."""
        found: pulumi.Output[Any] = pulumi.get(self, "size")
        return found


class Pair(pulumi.ComponentResource):
    """A remote component."""

    part: pulumi.Output[Any]
    partId: pulumi.Output[str]  # noqa: N815 - as the provider calls it

    def __init__(
        self, resource_name: str, props: dict[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        versioned = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=VERSION), opts)
        properties = {"part": None, "partId": None} | (props or {})
        super().__init__("parts:index:Pair", resource_name, properties, versioned, remote=True)


class Provider(pulumi.ProviderResource):
    """An explicit provider."""

    def __init__(
        self, resource_name: str, props: dict[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        versioned = pulumi.ResourceOptions.merge(pulumi.ResourceOptions(version=VERSION), opts)
        super().__init__("parts", resource_name, props or {}, versioned)


def ping() -> None:
    """A function of the provider; only the default provider is left of it in the state."""
    pulumi.runtime.invoke("parts:index:ping", {}, pulumi.InvokeOptions(version=VERSION))


async def package(name: str, value: bytes, *, extension: bool = False) -> str:
    """The reference of a package that the plugin is parameterised to be."""
    parameter = resource_pb2.Parameterization(name=name, version="3.1.0", value=value)
    request = resource_pb2.RegisterPackageRequest(name="parts", version=VERSION)
    (request.extension if extension else request.parameterization).CopyFrom(parameter)
    monitor: Any = settings.get_monitor()
    answer = await asyncio.get_running_loop().run_in_executor(None, monitor.RegisterPackage, request)
    return str(answer.ref)
