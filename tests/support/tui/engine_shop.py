"""The recorded shop with the real engine behind it: provider, and the objects that its live state speaks of."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pulumi_rewind.session import Session, open_session
from pulumi_rewind.state.values import DEFAULTS, reveal
from pulumi_rewind.system.toolchain import EngineInfo, find_engine
from tests.support.python_command import python_command
from tests.support.served import PROVIDERS
from tests.support.tui.shop import Shop

PREFIXES = {"bridged:index:Server": "srv", "bridged:index:Bucket": "bkt", "bridged:index:Database": "db"}


@dataclass
class EngineShop(Shop):
    """A shop that can really be rolled back."""

    def __post_init__(self) -> None:
        """Lays everything out and makes the objects of the live state."""
        super().__post_init__()
        from tests.conftest import ORIGINAL

        engine: EngineInfo = find_engine(ORIGINAL)
        self.objects.mkdir()
        self._install_provider()
        self.extra |= {
            "PATH": os.pathsep.join(
                [str(engine.path.parent), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
            ),
            "LANG": "C.UTF-8",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_PYTHON_CMD": str(python_command()),
            "PYTHONPATH": str(PROVIDERS),
            "PYTHONWARNINGS": "ignore",
            "BRIDGED_ROOT": str(self.objects),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GOGC": "off",
            "GOMEMLIMIT": "1GiB",
        }
        session = self.session()
        live = session.vault.decrypt(session.backend.live(session.stack), session.stack)
        for res in live.resources:
            if res.type in PREFIXES:
                inputs = {key: reveal(value) for key, value in res.decoded_inputs().items() if key != DEFAULTS}
                folder = self.objects / PREFIXES[res.type]
                folder.mkdir(exist_ok=True)
                record = {"id": res.id, "type": res.type, "inputs": inputs}
                (folder / f"{quote(res.id, safe='')}.json").write_text(json.dumps(record))

    @property
    def objects(self) -> Path:
        """Where the provider keeps what it makes."""
        return self.directory / "objects"

    def session(self) -> Session:
        """A fresh session."""
        return open_session(self.root, "prod", environ=self.environ)

    def physical(self) -> dict[str, dict[str, Any]]:
        """The objects that are there, by id."""
        records = [json.loads(path.read_text()) for path in sorted(self.objects.glob("*/*.json"))]
        return {record["id"]: record for record in records}

    def trouble(self, *rules: Mapping[str, Any]) -> None:
        """Makes the provider misbehave, see `tests.support.stack.EngineStack.trouble`."""
        part = self.objects / "control.part"
        part.write_text(json.dumps(list(rules)))
        part.replace(self.objects / "control.json")

    def _install_provider(self) -> None:
        directory = self.directory / "home" / ".pulumi" / "plugins" / "resource-bridged-v1.0.0"
        directory.mkdir(parents=True)
        binary = directory / "pulumi-resource-bridged"
        real = PROVIDERS / "pulumi-resource-bridged"
        binary.write_text(
            "#!/bin/sh\n"
            f"export BRIDGED_VERSION=1.0.0 BRIDGED_PYTHON={shlex.quote(str(python_command()))}\n"
            f'exec {shlex.quote(str(real))} "$@"\n'
        )
        binary.chmod(0o755)
