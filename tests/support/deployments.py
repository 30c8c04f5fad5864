"""Deployments that the real engine made once in this test run, and that are copied where a test makes the same again.

What a deployment comes to is decided by what it starts from: program, configuration, state, history, objects,
environment. Where all of that is the same, byte for byte, so may be what comes of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.stack import EngineStack

_PASSING = frozenset({"__pycache__", "locks"})

shared: Path | None = None
"""Where the workers of one test run keep deployments for each other; None: nothing is copied."""


def _files(base: Path) -> Iterator[Path]:
    return (path for path in sorted(base.rglob("*")) if path.is_file() and not _PASSING.intersection(path.parts))


def key_of(stack: EngineStack, arguments: tuple[str, ...]) -> str | None:
    """What a deployment is known by; None where it can't be copied: git and other files would be part of it."""
    if shared is None or (stack.root / ".git").exists() or any(path.is_symlink() for path in stack.root.rglob("*")):
        return None
    digest = hashlib.sha256()
    for base in (stack.root, stack.backend, stack.objects):
        for path in _files(base):
            content = path.read_bytes()
            digest.update(f"{path.relative_to(base)}\0{len(content)}\0".encode() + content)
    environ = {name: value for name, value in stack.environ.items() if str(stack.directory) not in value}
    for passing in ("PULUMI_DEBUG_PROVIDERS", "XDG_CACHE_HOME"):
        environ.pop(passing, None)
    plugins = sorted(path.name for path in (stack.home / "plugins").glob("*"))
    digest.update(repr((sorted(environ.items()), plugins, stack.attached, arguments)).encode())
    return digest.hexdigest()


def restore(key: str, places: Sequence[Path]) -> subprocess.CompletedProcess[str] | None:
    """Puts what is kept under a key in its places, and returns what the engine said then; None: nothing is kept."""
    if shared is None or not (shared / key).exists():
        return None
    kept, said = pickle.loads((shared / key).read_bytes())
    for base, files in zip(places, kept, strict=True):
        for path in _files(base):
            if str(path.relative_to(base)) not in files:
                path.unlink()
        for name, (content, changed) in files.items():
            (base / name).parent.mkdir(parents=True, exist_ok=True)
            (base / name).write_bytes(content)
            os.utime(base / name, ns=(changed, changed))  # a history that was changed later isn't trusted
    return subprocess.CompletedProcess([], *said)


def keep(key: str, places: Sequence[Path], done: subprocess.CompletedProcess[str]) -> None:
    """Keeps the files of some places; the first to come counts, and it appears whole or not at all."""
    if shared is None:
        return
    kept = [
        {str(path.relative_to(base)): (path.read_bytes(), path.stat().st_mtime_ns) for path in _files(base)}
        for base in places
    ]
    shared.mkdir(exist_ok=True)
    part = shared / f"{key}.{os.getpid()}"
    part.write_bytes(pickle.dumps((kept, (done.returncode, done.stdout, done.stderr))))
    with contextlib.suppress(FileExistsError):
        os.link(part, shared / key)
    part.unlink()
