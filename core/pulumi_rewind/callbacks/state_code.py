"""Undo methods of dynamic providers: the state contains their code, even when the project no longer does.

Pulumi's Python SDK pickles a dynamic provider into the secret input ``__provider`` of each of its resources. Which
methods a pickle has is read off its opcodes; nothing of it is run for that. Pure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import pickletools
from pathlib import Path

from pulumi_rewind.hooks.declare import UNDO_KINDS
from pulumi_rewind.plan.called import Code
from pulumi_rewind.state.model import Resource
from pulumi_rewind.state.values import reveal

PROVIDER_KEY = "__provider"
TYPE_PREFIX = "pulumi-python:dynamic"


def embedded_code(res: Resource, root: Path) -> Code | None:
    """The provider that a decrypted dynamic resource of a Python program brings with it, if it has undo methods.

    `root` is the project's directory, where what the pickle refers to is looked for.
    """
    if not res.type.startswith(TYPE_PREFIX) or PROVIDER_KEY not in res.decoded_inputs():
        return None
    source = reveal(res.decoded_inputs()[PROVIDER_KEY])
    if not isinstance(source, str):
        return None
    try:
        pickled = base64.b64decode(source, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not undo_methods(pickled):
        return None
    return Code(root / "__main__.py", source, hashlib.sha256(pickled).hexdigest(), "state")


def undo_methods(pickled: bytes) -> frozenset[str]:
    """The undo methods that a pickled class has by name; empty for what is no pickle. Runs nothing."""
    if b"undo_" not in pickled:
        return frozenset()
    try:
        return frozenset(
            argument for _, argument, _ in pickletools.genops(pickled) if isinstance(argument, str)
        ).intersection(UNDO_KINDS)
    except (ValueError, KeyError, IndexError, EOFError, OverflowError):
        return frozenset()
