"""Finds the engine: a pulumi CLI that is new enough.

Order: ``PULUMI_REWIND_ENGINE``, then PATH, then what was put into the user's cache directory by
``make setup``. Nothing is downloaded or built here, and nothing but the standard library is imported. What a CLI said
of its version is noted in that directory.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from pulumi_rewind.errors import EngineError
from pulumi_rewind.system.untrusted import read_bytes

MINIMUM: Final = (3, 206, 0)
"""The first version whose ``--event-log`` can be trusted: the Automation API follows it from there on."""

OVERRIDE: Final = "PULUMI_REWIND_ENGINE"
"""Names the CLI to use, or the directory that holds it."""

NOTES: Final = "known.json"
"""Beside our own engines: path of a CLI → when it was changed, its size, and what it said of its version."""

NOTED_BYTES = 20_000_000
"""The CLI itself is larger; a smaller ``pulumi`` is a script or shim, behind which another CLI can stand tomorrow."""

VERSION_TIMEOUT: Final = 30.0
"""Seconds that ``pulumi version`` may take; it needs a quarter of one."""

_HINT: Final = (
    "Install the pulumi CLI (https://www.pulumi.com/docs/install/), run `make setup` in a clone of pulumi-rewind, "
    f"or set {OVERRIDE} to the path of a pulumi CLI."
)


class EngineInfo(NamedTuple):
    """A usable pulumi CLI."""

    path: Path
    version: str
    """As the CLI says it, without the leading ``v``: ``3.276.0``."""
    source: str
    """Where it was found: ``PULUMI_REWIND_ENGINE``, ``PATH`` or ``cache``."""


def find_engine(environ: Mapping[str, str] = os.environ) -> EngineInfo:
    """The pulumi CLI to use.

    Raises:
        EngineError: there is none, or only one that is too old or doesn't run; the hint says how to get one.
    """
    import shutil

    if chosen := environ.get(OVERRIDE):
        path = Path(chosen).expanduser()
        return _checked((path / "pulumi" if path.is_dir() else path).absolute(), OVERRIDE, environ)
    problem: EngineError | None = None
    if on_path := shutil.which("pulumi", path=environ.get("PATH", os.defpath)):
        try:
            return _checked(Path(on_path).absolute(), "PATH", environ)
        except EngineError as err:
            problem = err  # a good one in the cache still serves
    for directory in reversed(cached_versions(environ)):
        binary = directory / "bin" / "pulumi"
        version = parse_version(directory.name)
        if version and version >= MINIMUM and _runnable(binary):
            return EngineInfo(binary, directory.name.removeprefix("v"), "cache")
    raise problem or EngineError("no pulumi CLI was found", hint=_HINT)


def engine_at(path: Path, environ: Mapping[str, str] = os.environ) -> EngineInfo:
    """The pulumi CLI that a file is now; cheap where the file hasn't changed.

    Raises:
        EngineError: it is gone, too old, or doesn't run.
    """
    return _checked(path, "as found before", environ)


def user_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's cache directory: what can be made or read again."""
    base = environ.get("XDG_CACHE_HOME", "")
    # The XDG specification says that relative paths there are to be ignored.
    root = Path(base) if base.startswith("/") else Path(environ.get("HOME") or Path.home()) / ".cache"
    return root / "pulumi-rewind"


def cache_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """Where engines of our own are kept, one directory ``v<version>/bin`` each."""
    return user_cache(environ) / "engine"


def cached_versions(environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The directories of our own engines, oldest version first."""
    found = [path for path in cache_directory(environ).glob("v*") if parse_version(path.name)]
    return sorted(found, key=lambda path: parse_version(path.name) or MINIMUM)


def engine_path(engine: Path, environ: Mapping[str, str] = os.environ) -> str:
    """A PATH on which the engine's own language hosts and plugins come first."""
    return os.pathsep.join([str(engine.parent), environ.get("PATH") or os.defpath])


def language_host(engine: Path, language: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The language host that this engine would start for a runtime, None if there is none."""
    import shutil

    found = shutil.which(f"pulumi-language-{language}", path=engine_path(engine, environ))
    return Path(found) if found else None


def plugin_is_here(engine: Path, home: Path, name: str, version: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the engine has a provider's plugin at hand, so that it downloads none; `home` is PULUMI_HOME.

    One on PATH serves every version. Without a `version` any will do.
    """
    import glob
    import shutil

    if name == "pulumi":
        return True  # built into the engine
    if shutil.which(f"pulumi-resource-{name}", path=engine_path(engine, environ)):
        return True
    wanted = f"resource-{glob.escape(name)}" + (f"-v{glob.escape(version)}" if version else "-v*")
    return any(path.is_dir() for path in (home / "plugins").glob(wanted))


def newest_plugin(engine: Path, home: Path, name: str, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The provider's plugin that the engine takes where no version is named: the one on PATH, else the newest one.

    None if there is none; `home` is PULUMI_HOME.
    """
    import glob
    import shutil

    binary = f"pulumi-resource-{name}"
    if found := shutil.which(binary, path=engine_path(engine, environ)):
        return Path(found)
    folders = (home / "plugins").glob(f"resource-{glob.escape(name)}-v*")
    versions = {parse_version(path.name.rpartition("-v")[2]): path / binary for path in folders}
    here = {version: path for version, path in versions.items() if version and _runnable(path)}
    return here[max(here)] if here else None


def parse_version(text: str) -> tuple[int, int, int] | None:
    """``v3.276.0-alpha.1`` → ``(3, 276, 0)``; None where there is no version."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", text.strip())
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def _runnable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _checked(path: Path, source: str, environ: Mapping[str, str]) -> EngineInfo:
    if not _runnable(path):
        raise EngineError(f"{path} ({source}) is not an executable", hint=_HINT)
    said = _said_version(path, cache_directory(environ) / NOTES)
    version = parse_version(said)
    if version is None:
        raise EngineError(f"{path} ({source}) does not report a pulumi version", hint=_HINT, output=said)
    if version < MINIMUM:
        wanted = ".".join(map(str, MINIMUM))
        raise EngineError(f"{path} is pulumi {said.removeprefix('v')}; {wanted} or newer is needed", hint=_HINT)
    return EngineInfo(path, said.removeprefix("v"), source)


def _said_version(path: Path, notes: Path) -> str:
    """What the CLI says of its version: asked once for each file, and noted, as asking takes a tenth of a second.

    A version manager's shim, which leads to one CLI or another, is asked each time.
    """
    import json

    stat = path.stat()
    stamp = [stat.st_mtime_ns, stat.st_size]
    if stat.st_size < NOTED_BYTES or path.resolve().stem != "pulumi":
        return _ask_version(path, *stamp)
    try:
        noted = json.loads(read_bytes(notes))
        *known, said = noted[str(path)]
        if known == stamp and isinstance(said, str):
            return said
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        noted = {}
    said = _ask_version(path, *stamp)
    if parse_version(said):
        part = notes.with_name(f".{notes.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            notes.parent.mkdir(parents=True, exist_ok=True)
            part.write_text(json.dumps({**(noted if isinstance(noted, dict) else {}), str(path): [*stamp, said]}))
            part.replace(notes)
    return said


@lru_cache(maxsize=8)
def _ask_version(path: Path, mtime_ns: int, size: int) -> str:  # noqa: ARG001 - a replaced file is asked again
    import subprocess

    env = {"PATH": os.defpath, "HOME": os.environ.get("HOME", "/"), "PULUMI_SKIP_UPDATE_CHECK": "1"}
    try:
        done = subprocess.run(
            [str(path), "version"],
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=VERSION_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        return f"doesn't run: {err}"
    return done.stdout.decode(errors="replace").strip()
