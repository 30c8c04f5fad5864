"""A dynamic provider for test programs: a file that is really there."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult


class FileProvider(ResourceProvider):
    """Writes ``content`` to ``path``; another path is another file."""

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Writes the file."""
        return CreateResult(f"file-{uuid.uuid4().hex[:12]}", _write(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Compares what the program sets."""
        changed = [key for key in ("path", "content", "note") if _olds.get(key) != _news.get(key)]
        replaces = ["path"] if "path" in changed else []
        return DiffResult(changes=bool(changed), replaces=replaces, stables=[], delete_before_replace=False)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Writes the file again."""
        return UpdateResult(_write(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Removes the file."""
        Path(_props["path"]).unlink(missing_ok=True)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Reads the content back."""
        path = Path(props["path"])
        return ReadResult(id_, {**props, "content": path.read_text()}) if path.exists() else ReadResult("", {})


def _write(props: dict[str, Any]) -> dict[str, Any]:
    path = Path(props["path"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(props["content"])
    own = {key: value for key, value in props.items() if key != "sha256"}
    return own | {"sha256": hashlib.sha256(props["content"].encode()).hexdigest()}


class FileResource(Resource):
    """A file; outputs `id` and `sha256`."""

    path: pulumi.Output[str]
    content: pulumi.Output[str]
    sha256: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        path: pulumi.Input[str],
        content: pulumi.Input[str],
        note: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        props = {"path": path, "content": content, "note": note, "sha256": None}
        super().__init__(FileProvider(), name, props, opts)
