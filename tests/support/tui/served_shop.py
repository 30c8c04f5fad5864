"""The recorded shop on a server: its files in a bucket, or its updates in a service like Pulumi Cloud."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.cloud.service import Service
from tests.servers.cloud.stacks import Stack
from tests.servers.running import Server
from tests.support.tui.shop import Shop

ACME = ("acme", "shop", "prod")
"""The shop's name on the service."""


@dataclass
class BucketShop(Shop):
    """The shop below a prefix of a bucket whose server serves a directory."""

    server: Server = field(kw_only=True)
    prefix: str = field(kw_only=True)

    @property
    def backend(self) -> Path:
        """What the server shows below the prefix."""
        return self.server.directory / self.prefix

    @property
    def environ(self) -> dict[str, str]:
        """With the bucket's URL and credentials."""
        return {**super().environ, **self.server.environ, "PULUMI_BACKEND_URL": self.server.backend(self.prefix)}


@dataclass
class CloudShop(Shop):
    """The shop as ``acme/shop/prod`` on a service; what is recorded is taken over as it is."""

    server: Server = field(kw_only=True)
    service: Service = field(kw_only=True)

    def __post_init__(self) -> None:
        """Puts each recorded update into the service."""
        super().__post_init__()
        self.stack = Stack(ACME)
        self.service.stacks[ACME] = self.stack
        for number in range(1, 9):
            self.came(number)

    @property
    def environ(self) -> dict[str, str]:
        """With the service's URL and token."""
        return {**super().environ, **self.server.environ, "PULUMI_BACKEND_URL": self.server.backend()}

    def came(self, number: int, **record: Any) -> None:
        """A recorded update happens (again)."""
        document = json.loads(self.checkpoint(number).read_text())
        self.stack.states.append({"version": 3, "deployment": document["checkpoint"]["latest"]})
        row = json.loads(self.record(number).read_text()) | record
        row["config"] = {key: _setting(value) for key, value in (row.get("config") or {}).items()}
        self.stack.history.append({**row, "version": self.stack.version, "updateID": f"update-{self.stack.version}"})


def _setting(value: Any) -> Mapping[str, Any]:
    """A setting as the service tells it."""
    if isinstance(value, dict) and "secure" in value:
        return {"string": value["secure"], "secret": True}
    if isinstance(value, str):
        return {"string": value}
    return {"string": json.dumps(value), "object": True}
