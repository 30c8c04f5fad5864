"""The demo on this machine: a SQLite database, files, and web servers in the background."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pulumi_rewind.demo import content
from pulumi_rewind.demo.content import own_programs, virtualenv
from pulumi_rewind.demo.look import World, look
from pulumi_rewind.demo.ports import HOST, free_ports
from pulumi_rewind.demo.programs import RELEASES
from pulumi_rewind.demo.site import COMPLETE, Release
from pulumi_rewind.errors import EngineError

if TYPE_CHECKING:
    from pulumi_rewind.engine.cli import Engine

SERVICES: Final = ("api", "web", "storefront")
"""Every service that some release has; each gets a port."""

SETTINGS: Final = """\
# Settings of pulumi-rewind for this project: its own types that hold data, which a replacement would lose.
stateful_types = ["*:Dataset"]
"""
"""``rewind.toml``."""


@dataclass(frozen=True)
class Machine:
    """A site on this machine, inside the demo's folder."""

    root: Path
    """The demo's folder, absolute."""
    ports: Mapping[str, int]
    """Of each service, whether it runs or not."""

    kind: ClassVar[str] = "machine"
    releases: ClassVar[Sequence[Release]] = RELEASES
    language: ClassVar[str] = "python"
    program: ClassVar[str] = "__main__.py"

    @classmethod
    def fresh(cls, root: Path) -> Self:
        """One with ports that are free.

        Raises:
            RewindError: there are not enough.
        """
        return cls(root, dict(zip(SERVICES, free_ports(len(SERVICES), root), strict=True)))

    @classmethod
    def recorded(cls, root: Path, record: Mapping[str, Any]) -> Self:
        """The one that a marker names; ValueError, TypeError, KeyError or AttributeError where it has none."""
        return cls(root, {str(name): int(port) for name, port in record["ports"].items()})

    def record(self) -> Mapping[str, Any]:
        """Its ports."""
        return {"ports": dict(self.ports)}

    @property
    def folder(self) -> Path:
        """Where the resources are."""
        return self.root / "machine"

    @property
    def question(self) -> tuple[str, str]:
        """curl."""
        return f"curl http://{HOST}:{self.ports['web']}/", "ask a service"

    def check(self, engine: Path, environ: Mapping[str, str]) -> None:
        """Looks for a language host. Raises: EngineError."""
        from pulumi_rewind.system.toolchain import language_host

        if language_host(engine, self.language, environ) is None:
            raise EngineError(
                f"{engine} has no pulumi-language-python beside it or on PATH, so it can't run the programs",
                hint=f"{COMPLETE}, or run `make setup` in a clone.",
            )

    def begin(self, environ: Mapping[str, str]) -> None:
        """Makes the directory of the resources."""
        self.folder.mkdir(mode=0o700)

    def equip(self, engine: Engine) -> None:
        """Its providers are Python: nothing is needed."""

    def files(self, backend_url: str) -> Mapping[str, str]:
        """The project, its settings, and the package that says what a database, a service … is on this machine."""
        options = f"\n  options:\n    virtualenv: {json.dumps(virtualenv())}" if virtualenv() else ""
        config = {f"{content.PROJECT}:{service}Port": str(port) for service, port in self.ports.items()}
        return {
            "Pulumi.yaml": content.project_file(f"\n  name: python{options}", "inside this directory", backend_url),
            f"Pulumi.{content.STACK}.yaml": content.stack_config(
                config | {f"{content.PROJECT}:machine": str(self.folder)}
            ),
            "rewind.toml": SETTINGS,
        } | {
            f"shop/{source.name}": source.read_text(encoding="utf-8")
            for source in sorted((Path(__file__).parent / "shop").glob("*.py"))
        }

    def ignored(self) -> Sequence[str]:
        """The resources, and what Python leaves."""
        return ("/machine/", "__pycache__/")

    def variables(self) -> Mapping[str, str]:
        """Which Python."""
        # A language host may look for that command inside a virtual environment, which names its Python by itself.
        return {} if virtualenv() else {"PULUMI_PYTHON_CMD": sys.executable}

    def programs(self) -> Sequence[str]:
        """An older language host passes over the virtual environment in Pulumi.yaml."""
        return own_programs()

    def look(self) -> World:
        """Services and databases."""
        return look(self.folder, self.ports)

    def pid_files(self) -> list[Path]:
        """Those of all servers that were started and not stopped."""
        return sorted((self.folder / "servers").glob("*.pid"))

    def clean(self) -> str:
        """Stops every server."""
        from pulumi_rewind.demo.shop import server

        stopped = sum(server.stop(path) for path in self.pid_files())
        return f"{stopped} server{'' if stopped == 1 else 's'} stopped"
