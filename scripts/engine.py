"""Gets the engine that tests, the demo and benches run: called by ``make setup``.

PATH, else the user's cache directory, else a build of the pinned Go modules under ``tests/engine`` into it,
else the Automation API's installer. Running it again repairs what is missing and is quick otherwise.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from pulumi_rewind.errors import EngineError
from pulumi_rewind.system.toolchain import EngineInfo, cache_directory, find_engine, language_host, parse_version
from scripts.golang import build, put, source

MODULES = Path(__file__).resolve().parent.parent / "tests" / "engine"
CLI = "github.com/pulumi/pulumi/pkg/v3"
SDK = "github.com/pulumi/pulumi/sdk/v3"

PYTHON_PLUGIN = """\
#!/bin/sh
# Serves Pulumi's dynamic providers with the Python that the program runs on.
if [ -n "${PULUMI_RUNTIME_VIRTUALENV:-}" ]; then
    python="${PULUMI_RUNTIME_VIRTUALENV%/}/bin/python"
else
    python="${PULUMI_PYTHON_CMD:-python3}"
fi
exec "$python" -u -m pulumi.dynamic "$@"
"""


def main() -> int:
    """Gets or repairs the engine; 0 when there is a usable one afterwards."""
    target = cache_directory() / pinned_version(MODULES / "cli", CLI) / "bin"
    try:
        engine = find_engine()
    except EngineError as err:
        say(f"{err}")
        engine = None
    if engine is None or (engine.source == "cache" and not is_newer(engine, target.parent)):
        engine = provide(target)
    if engine is None:
        say("there is none yet. Install the pulumi CLI (https://www.pulumi.com/docs/install/) or Go, then try again.")
        return 1
    say(f"pulumi {engine.version} ({engine.source}): {engine.path}")
    if language_host(engine.path, "python") is None:
        say(
            f"warning: there is no pulumi-language-python beside {engine.path} or on PATH, so Python "
            "programs (the demo, the tests) can't run. Install a complete pulumi, or take it off PATH."
        )
    return 0


def is_newer(engine: EngineInfo, pinned: Path) -> bool:
    """Whether an engine is newer than the pinned one, whose directory is named by its version."""
    return (parse_version(engine.version) or (0, 0, 0)) > (parse_version(pinned.name) or (0, 0, 0))


def provide(target: Path) -> EngineInfo | None:
    """Fills `target` (…/engine/v<version>/bin) and returns the engine there, None if that can't be done."""
    target.mkdir(parents=True, exist_ok=True)
    missing = [(name, make) for name, make in PARTS.items() if not os.access(target / name, os.X_OK)]
    try:
        for name, make in missing:
            make(target / name)
    except (OSError, subprocess.CalledProcessError) as err:
        say(f"building with Go failed: {err}")
        if not os.access(target / "pulumi", os.X_OK):
            install(target.parent)
    try:
        return find_engine()
    except EngineError:
        return None


def build_cli(path: Path) -> None:
    """Builds the pulumi CLI."""
    version = pinned_version(MODULES / "cli", CLI)
    go_build(MODULES / "cli", f"{CLI}/cmd/pulumi", version, path, "about 3 minutes, once")


def build_python_host(path: Path) -> None:
    """Builds the language host that runs Python programs."""
    version = pinned_version(MODULES / "python", SDK)
    go_build(MODULES / "python", f"{SDK}/python/cmd/pulumi-language-python", version, path, "once")


def copy_python_launcher(path: Path) -> None:
    """Copies the script with which the language host starts a program."""
    put(path, (source(MODULES / "python", SDK) / "python" / "cmd" / path.name).read_bytes())


def write_python_plugin(path: Path) -> None:
    """Writes the plugin that serves dynamic providers."""
    put(path, PYTHON_PLUGIN.encode())


PARTS: dict[str, Callable[[Path], None]] = {
    # The one that needs no Go comes first, so that a failing build leaves as little undone as possible.
    "pulumi-resource-pulumi-python": write_python_plugin,
    "pulumi-language-python-exec": copy_python_launcher,
    "pulumi-language-python": build_python_host,
    "pulumi": build_cli,
}


def install(root: Path) -> None:
    """Lets the Automation API install the CLI with its language hosts into `root`/bin."""
    from pulumi.automation import PulumiCommand  # slow to import
    from semver import VersionInfo

    say(f"installing pulumi {root.name} with the Automation API's installer …")
    try:
        PulumiCommand.install(root=str(root), version=VersionInfo.parse(root.name.removeprefix("v")))
    except Exception as err:  # noqa: BLE001 - its failures have no common type, and each means the same here
        say(f"the installer failed: {err}")


def go_build(module: Path, package: str, version: str, path: Path, duration: str) -> None:
    """Builds one pinned tool; the file appears whole or not at all."""
    say(f"building {path.name} {version} with Go ({duration}) …")
    build(module, package, path, f"-X {SDK}/go/common/version.Version={version}")


def pinned_version(module: Path, dependency: str) -> str:
    """The version of a dependency in a go.mod, like ``v3.276.0``."""
    text = (module / "go.mod").read_text()
    match = re.search(rf"^\s*(?:require\s+)?{re.escape(dependency)}\s+(v\S+)", text, re.MULTILINE)
    if match is None or parse_version(match[1]) is None:
        raise SystemExit(f"{module / 'go.mod'} pins no version of {dependency}")
    return match[1]


def say(text: str) -> None:
    """Prints one line at once, also when make pipes it."""
    print(f"engine: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
