"""A shop whose program is in JavaScript, with components and a dynamic provider."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from typing import ClassVar

from scripts.real import BUILDS
from tests.conftest import ORIGINAL
from tests.real.kubernetes import plain
from tests.real.real_stack import RealStack
from tests.real.shop_language import LanguageShop


class NodeShop(LanguageShop):
    """See ``stacks/nodeshop``; the dynamic provider writes files into a directory beside the stack."""

    title = "shop in Node.js"
    groups = "languages"
    project = "nodeshop"
    runtime = "nodejs"
    changed: ClassVar[Mapping[str, str]] = {"api": "update", "inventory": "replace", "web-entry": "create"}
    only = ("inventory", "motd")
    lost = ("web", "web-entry")
    drifting = ("web", "api-settings", "web-entry")

    def prepare(self, stack: RealStack) -> None:
        """The dependencies that ``scripts.real`` has installed; npm's cache, for those who install them again."""
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(BUILDS / "node" / name, stack.root / name)
        (stack.root / "node_modules").symlink_to(stack.built / "node" / "node_modules")
        asked = ["npm", "config", "get", "cache"]
        cache = subprocess.run(asked, env=ORIGINAL, check=True, capture_output=True, text=True).stdout.strip()
        stack.extra_environ |= {"npm_config_cache": cache, "npm_config_offline": "true"}
        self.files = self.world.folder / "files"
        self.files.mkdir()
        stack.config_set("out", str(self.files))

    def reality(self) -> dict[str, str]:
        """The objects of the namespace, and the files."""
        files = {f"File {path.name}": plain(path.read_text()) for path in self.files.iterdir()}
        return super().reality() | files

    def drift(self) -> None:
        """Besides, somebody deletes a file."""
        super().drift()
        (self.files / "motd.txt").unlink()

    def in_part(self, name: str) -> bool:
        """The files; the api's service, which they name, has the same name in both versions and stays."""
        return name.startswith("File ")
