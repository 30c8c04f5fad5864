"""The engine that somebody asks the tests to run against: ``REWIND_ENGINE=/path/to/pulumi``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from pulumi_rewind.errors import EngineError
from pulumi_rewind.system.toolchain import OVERRIDE, EngineInfo, cached_versions, find_engine, parse_version

VARIABLE = "REWIND_ENGINE"
"""Names a CLI, or the directory that holds one. Unlike the product's variable it is read by the tests alone."""

HOSTS = ("pulumi-language-python", "pulumi-language-python-exec", "pulumi-resource-pulumi-python")
"""What runs Python programs and dynamic providers; a CLI without it gets that of the cached engine."""


class UnusableEngine(Exception):
    """What ``REWIND_ENGINE`` names can't run the tests."""


def given_engine(environ: Mapping[str, str], staging: Path) -> EngineInfo | None:
    """The engine that ``REWIND_ENGINE`` names, None if it names none.

    One that has another file name, or no language host beside it, is put together under `staging`.

    Raises:
        UnusableEngine: it is no pulumi CLI, it is older than what pulumi-rewind supports, or it can't run Python.
    """
    named = environ.get(VARIABLE, "")
    if not named:
        return None
    try:
        engine = find_engine({OVERRIDE: named})
    except EngineError as err:
        raise UnusableEngine(f"{VARIABLE}={named}: {str(err).replace(OVERRIDE, VARIABLE)}") from None
    own = engine.path.parent
    hosts = {name: _host(name, own, environ) for name in HOSTS}
    missing = [name for name, path in hosts.items() if path is None]
    if missing:
        raise UnusableEngine(f"{VARIABLE}={named}: no {missing[0]} beside it or in the cache; run `make setup` first")
    parts = {name: path for name, path in hosts.items() if path is not None} | {"pulumi": engine.path}
    if any(path != own / name for name, path in parts.items()):
        staging.mkdir(parents=True)
        for name, path in parts.items():
            _put(path, staging / name)
        own = staging
    return EngineInfo(own / "pulumi", engine.version, VARIABLE)


def older_than(engine: EngineInfo | None, version: str) -> bool:
    """Whether a given engine is older than that version; nothing is, where none was given."""
    wanted, has = parse_version(version), parse_version(engine.version) if engine else None
    assert wanted is not None, version
    return has is not None and has < wanted


def _host(name: str, own: Path, environ: Mapping[str, str]) -> Path | None:
    places = [own, *(directory / "bin" for directory in reversed(cached_versions(environ)))]
    return next((place / name for place in places if os.access(place / name, os.X_OK)), None)


def _put(source: Path, target: Path) -> None:
    """A hard link, as a process then finds its neighbours by its own path; else a copy."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copy2(source, target)
