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


def event_logger(directory: Path, lines: list[str]) -> Path:
    """A pulumi that fails after it has written these lines to its event log."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "events").write_text("".join(f"{line}\n" for line in lines))
    path = directory / "pulumi"
    find = 'while [ "$1" != --event-log ]; do shift; done'
    path.write_text(f"#!/bin/sh\n{find}\ncat '{directory / 'events'}' > \"$2\"\nexit 1\n")
    path.chmod(0o755)
    return path
