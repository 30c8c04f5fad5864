"""Demos as an operator makes them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pulumi_rewind.demo.folder import Demo
from pulumi_rewind.system.toolchain import EngineInfo


def environment(engine: EngineInfo, home: Path, **more: str) -> dict[str, str]:
    """An operator's environment, with settings that would lead a demo astray; our Python is not on its PATH."""
    home.mkdir(exist_ok=True)
    ours = Path(sys.executable).parent
    rest = [part for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if Path(part) != ours]
    path = [str(engine.path.parent), *rest]
    return {
        "PATH": os.pathsep.join(path),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PULUMI_BACKEND_URL": "file:///nowhere/at/all",
        "PULUMI_STACK": "production",
        "PULUMI_CONFIG_PASSPHRASE": "not the demo's",
        "GIT_DIR": "/nowhere/at/all",
        **more,
    }


def cli(environ: Mapping[str, str], cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", *arguments],
        cwd=cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def processes_of(folder: Path) -> list[str]:
    """Command lines that name the folder; where there is no /proc, nothing can be said."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in line:
            found.append(line)
    return found


def told(demo: Demo, environ: Mapping[str, str], script: str) -> subprocess.CompletedProcess[str]:
    """Runs a script in the folder of a demo the way the demo tells people to."""
    return subprocess.run(
        ["sh", "-ec", f". ./env.sh\n{script}"],
        cwd=demo.root,
        env={name: value for name, value in environ.items() if not name.startswith("GIT_")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
