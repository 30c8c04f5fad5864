"""Pulumi's protocol messages without the rest of its SDK, whose import takes longer than a small preview."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from typing import Final

_ASKED_FOR: Final = (".callback_pb2_grpc",)
"""What the package does not load by itself: to find it later takes the packages above, and so the whole SDK."""


def load_protos() -> None:
    """Makes ``pulumi.runtime.proto`` importable from now on; does nothing where the SDK is loaded already.

    The packages above it are stood in for while it is loaded, and taken out again: whoever imports the SDK itself later
    gets it whole.

    Raises:
        ImportError: the SDK is not installed.
    """
    name = "pulumi.runtime.proto"
    if name in sys.modules or "pulumi" in sys.modules:
        return
    spec = importlib.util.find_spec("pulumi")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("the Pulumi SDK for Python is not installed")
    root = next(iter(spec.submodule_search_locations))
    stand_ins = {"pulumi": root, "pulumi.runtime": f"{root}/runtime"}
    for package, path in stand_ins.items():
        module = types.ModuleType(package)
        module.__path__ = [path]
        sys.modules[package] = module
    try:
        for part in ("", *_ASKED_FOR):
            importlib.import_module(f"{name}{part}")
    finally:
        for package in stand_ins:
            del sys.modules[package]
