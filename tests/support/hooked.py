"""Calls the callbacks of a hooks file as a rollback does, in the real worker, without an engine."""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi_rewind.callbacks.code import todays_code
from pulumi_rewind.callbacks.process import UndoProcess
from pulumi_rewind.engine.events import HookLog
from pulumi_rewind.plan.called import Callback
from pulumi_rewind.project.settings import Settings

URN = "urn:pulumi:dev::shop::{type}::{name}"


def side(type_: str, name: str, identifier: str, inputs: Mapping[str, Any] = {}, /, **outputs: Any) -> dict[str, Any]:
    """One side of a resource, as it travels."""
    urn = URN.format(type=type_, name=name)
    return {"urn": urn, "type": type_, "name": name, "id": identifier, "inputs": inputs, "outputs": outputs}


@dataclass
class Hooked:
    """A hooks file in a directory of its own, which is HOME as well; `environ` is added to its environment."""

    folder: Path
    code: str
    environ: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "rewind_hooks.py").write_text(self.code)
        code = todays_code(self.folder, Settings())
        assert code is not None
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environ}
        self.process = UndoProcess(code, Path(sys.executable), environ)
        self.said: list[str] = []

    def close(self) -> None:
        """Ends the worker."""
        self.process.close()

    def call(self, kind: str, old: Any = None, new: Any = None, **more: Any) -> dict[str, Any]:
        """What a callback returned; what it logged is in `said`. Raises CallbackError as a rollback would."""
        context = {
            "stack": "shop/dev", "target": "#1", "old": old, "new": new, "update": {"number": 2}, "dry_run": False,
            "again": False, "idempotency_key": uuid.uuid4().hex, "replaces": False, **more,
        }  # fmt: skip
        result = self._drained(self.process.call(self._callback(kind), context, (new or old)["urn"]))
        assert isinstance(result, dict) or result is None
        return result or {}

    def go_on(self, kind: str, made: Any) -> bool:
        """Lets it continue with what has been made; False where this process knows nothing of it."""
        return bool(self._drained(self.process.continue_call(self._callback(kind), made, made["urn"])))

    def _callback(self, kind: str) -> Callback:
        return next(item for item in self.process.load() if item.kind == kind)

    def _drained(self, talk: Any) -> Any:
        while True:
            try:
                event = next(talk)
            except StopIteration as end:
                return end.value
            if isinstance(event, HookLog):
                self.said.append(event.message)
