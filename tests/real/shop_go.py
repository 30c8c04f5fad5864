"""A shop whose program is in Go."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from typing import ClassVar

from tests.conftest import ORIGINAL
from tests.real.real_stack import RealStack
from tests.real.shop_language import LanguageShop

_OWN = ("GOCACHE", "GOMODCACHE", "GOPROXY", "GOSUMDB", "GOFLAGS")
"""What the go command gets of this user's settings: the stack's HOME is another one."""


class GoShop(LanguageShop):
    """See ``stacks/goshop``; the first deployment on a machine compiles the SDK of Kubernetes, 76 seconds of CPU."""

    title = "shop in Go"
    groups = "languages"
    project = "goshop"
    runtime = "go"
    changed: ClassVar[Mapping[str, str]] = {"web": "update", "worker": "create", "settings": "replace"}
    only = ("worker", "worker-entry")
    lost = ("worker", "worker-entry")
    drifting = ("web", "settings", "worker-entry")

    def prepare(self, stack: RealStack) -> None:
        """The caches of this user's go command."""
        for name in _OWN:
            asked = subprocess.run(["go", "env", name], env=ORIGINAL, check=True, capture_output=True, text=True)
            stack.extra_environ[name] = asked.stdout.strip()

    def in_part(self, name: str) -> bool:
        """The worker's two objects."""
        return "worker" in name
