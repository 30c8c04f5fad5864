"""Asking a Kubernetes cluster, by kubectl."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulumi_rewind.errors import RewindError


def run_kubectl(
    binary: Path, arguments: Sequence[str], environ: Mapping[str, str], *, stdin: str = "", fails: bool = False
) -> str:
    """What kubectl prints; `fails`: its exit code says nothing. `binary` may be kubebox too, which goes by its name.

    Raises:
        RewindError: it failed; the message is the last line of what it says, which names the cause.
    """
    done = subprocess.run(
        ["kubectl", *arguments],
        executable=binary,
        env=dict(environ),
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode != 0 and not fails:
        said = done.stderr.strip().rpartition("\n")[2].removeprefix("error: ")
        raise RewindError(f"kubectl: {said or f'exit code {done.returncode}'}")
    return done.stdout
