"""Stacks of the `plain` provider, which never says in which order a replacement is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.served import serve_plain
from tests.support.stack import EngineStack

HEAD = "import pulumi\nfrom plain_sdk import Plain, get\n"

FIRST = "pulumi.ResourceOptions(delete_before_replace=True)"
"""What the program says and no checkpoint holds."""


def with_plain(stack: EngineStack) -> EngineStack:
    """The stack with the provider."""
    stack.attach("plain", lambda: serve_plain(_root(stack)))
    return stack


def objects(stack: EngineStack, kind: str) -> list[dict[str, Any]]:
    """The objects of a kind that are really there, with their ids."""
    return [json.loads(path.read_text()) for path in sorted((_root(stack) / kind).glob("*.json"))]


def lose(stack: EngineStack, kind: str, identifier: str) -> None:
    """Removes an object behind everybody's back."""
    for path in (_root(stack) / kind).glob("*.json"):
        if json.loads(path.read_text())["id"] == identifier:
            path.unlink()


def _root(stack: EngineStack) -> Path:
    return stack.objects / "plain"
