"""Runs the go command on pinned modules, and puts what it builds in its place."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def go(module: Path, *arguments: str) -> str:
    """Runs the go command in a module and returns what it prints; its errors go to the terminal."""
    if shutil.which("go") is None:
        raise FileNotFoundError("the go command is not on PATH")
    return subprocess.run(["go", *arguments], cwd=module, check=True, stdout=subprocess.PIPE, text=True).stdout


def build(module: Path, package: str, path: Path, flags: str = "") -> None:
    """Builds one package of a module; the file appears whole or not at all. `flags` are more flags of the linker."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        go(module, "build", "-trimpath", "-ldflags", f"-s -w {flags}".strip(), "-o", str(part), package)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def source(module: Path, dependency: str) -> Path:
    """Where the sources of a module's dependency lie; they are fetched when they aren't there."""
    asked = ("list", "-mod=readonly", "-m", "-f", "{{.Dir}}", dependency)
    listed = go(module, *asked).strip()
    if not listed:
        go(module, "mod", "download", dependency)
        listed = go(module, *asked).strip()
    return Path(listed)


def put(path: Path, content: bytes) -> None:
    """Writes an executable; the file appears whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(content)
    part.chmod(0o755)
    part.replace(path)
