"""Executables that only say what they are."""

from __future__ import annotations

from pathlib import Path


def program(directory: Path, says: str, name: str = "pulumi") -> Path:
    """An executable that prints what a pulumi of another version would."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path
