"""A real stack whose state is on a server."""

from __future__ import annotations

from pathlib import Path

from tests.servers.running import Server
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"


def program(image: str) -> str:
    """A database with a secret, and a server that uses it and runs an image."""
    return HEAD + (
        f'db = bridged.Database("db", {{"engine": "pg16", "password": pulumi.Output.secret("hush-{image}")}})\n'
        f'web = bridged.Server("web", {{"image": "{image}", "dependsId": db.id}})\n'
    )


class ServedStack(EngineStack):
    """As `EngineStack`; nothing of it is copied from earlier deployments."""

    def __init__(self, directory: Path, engine: Path, server: Server, prefix: str) -> None:
        self.server = server
        self.prefix = prefix
        super().__init__(directory, engine, project=f"shop-{prefix}".replace("_", "-"))

    def _init(self) -> None:
        self.pulumi("stack", "init", self.name)

    @property
    def backend_url(self) -> str:
        """Below a prefix of its own."""
        return self.server.backend(self.prefix)

    @property
    def environ(self) -> dict[str, str]:
        """With the server's credentials."""
        return {**super().environ, **self.server.environ}
