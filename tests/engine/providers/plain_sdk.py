"""The `plain` provider for Pulumi programs in Python."""

from __future__ import annotations

from typing import Any

import pulumi


class Plain(pulumi.CustomResource):
    """An object of any type of the provider: ``Plain("File", "a", {"path": "/a"})``."""

    arn: pulumi.Output[str]

    def __init__(
        self, kind: str, name: str, props: dict[str, Any] | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(f"plain:index:{kind}", name, {"arn": None, **(props or {})}, opts)


def get(kind: str, name: str, identifier: str, opts: pulumi.ResourceOptions | None = None) -> Plain:
    """Reads an object that somebody else manages."""
    return Plain(kind, name, None, pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(id=identifier)))
