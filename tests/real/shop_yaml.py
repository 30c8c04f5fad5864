"""A shop whose program is the project file itself."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import ClassVar

from scripts.real import BRIDGE, KUBERNETES
from tests.real.real_stack import RealStack
from tests.real.shop_language import LanguageShop

_LINE = re.compile(r"^(?P<text>.*?) # since (?P<first>\d)(?: until (?P<last>\d))?$")


class YamlStack(RealStack):
    """A version is in the lines of Pulumi.yaml, and in the configuration."""

    def write_version(self, version: int) -> None:
        """Takes the lines of a version from the project's file with all of them."""
        whole = self.directory / "Pulumi.yaml"
        own = self.root / "Pulumi.yaml"
        if not whole.exists():
            own.replace(whole)
        lines = []
        for line in whole.read_text().splitlines():
            found = _LINE.match(line)
            if found is None or int(found["first"]) <= version <= int(found["last"] or version):
                lines.append((found["text"] if found else line).replace("@V@", str(version)))
        own.write_text("\n".join(lines) + "\n")
        self.config_set("release", str(version))


class YamlShop(LanguageShop):
    """See ``stacks/yamlshop``; its random package is a Terraform provider, which the engine gets by parameters."""

    title = "shop in YAML"
    groups = "languages"
    project = "yamlshop"
    runtime = "yaml"
    changed: ClassVar[Mapping[str, str]] = {"web": "update", "entry": "create", "pet": "replace"}
    plugins: ClassVar[Mapping[str, str]] = {"kubernetes": KUBERNETES, "terraform-provider": BRIDGE}
    kind = YamlStack
    only = ("web", "entry")
    lost = ("entry", "reader", "web")
    drifting = ("web", "settings", "entry")

    def prepare(self, stack: RealStack) -> None:
        """What ``pulumi package add terraform-provider …/terraform-provider-random`` writes."""
        where = json.dumps({"local": {"path": str(stack.built / "terraform" / "terraform-provider-random")}})
        package = {
            "packageDeclarationVersion": 1,
            "name": "terraform-provider",
            "version": BRIDGE,
            "parameterization": {
                "name": "random",
                "version": "0.0.0",
                "value": base64.b64encode(where.encode()).decode(),
            },
        }
        stack.write_file("sdks/random/random-0.0.0.yaml", json.dumps(package))

    def reality(self) -> dict[str, str]:
        """The objects of the namespace; another pet is as good."""
        fleet = self.output("fleet")
        return {name: text.replace(fleet, "the pet") for name, text in super().reality().items()}

    def in_part(self, name: str) -> bool:
        """The deployment and its service."""
        return name.startswith(("Deployment web", "Service entry"))
