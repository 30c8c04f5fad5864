"""What users install: the wheel in an environment without this repository, and the tool of the pulumi CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_rewind import __version__
from pulumi_rewind.demo.folder import find_demo
from pulumi_rewind.system.toolchain import EngineInfo
from scripts.audit import ROOT
from tests.support.stack import EngineStack

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("installed")]


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel."""

    directory: Path
    wheel: Path
    environ: dict[str, str]

    @property
    def bin(self) -> Path:
        return self.directory / "venv" / "bin"

    @property
    def outside(self) -> Path:
        """A directory that has nothing to do with the repository."""
        return self.directory / "outside"

    def run(
        self, *command: str, cwd: Path | None = None, environ: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:]],
            cwd=cwd or self.outside,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def done(*command: str, cwd: Path) -> None:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def installed(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, built offline and installed; its dependencies are those of this environment."""
    directory = tmp_path_factory.mktemp("installed")
    for name in ("outside", "home", "dist"):
        (directory / name).mkdir()
    done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory / "dist"), cwd=ROOT)
    (wheel,) = (directory / "dist").glob("*.whl")
    venv = directory / "venv"
    done(sys.executable, "-m", "venv", "--without-pip", str(venv), cwd=directory)
    pip = [sys.executable, "-m", "pip", "--python", str(venv), "--disable-pip-version-check"]
    done(*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel), cwd=directory)
    (site,) = (venv / "lib").glob("python*/site-packages")
    # A path that a .pth file adds is searched, but .pth files in it aren't read: so not that of our editable install.
    (site / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    path = [str(engine.path.parent), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    ours = str(Path(sys.executable).parent)
    environ = {
        "PATH": os.pathsep.join(part for part in path if part != ours),
        "HOME": str(directory / "home"),
        "LANG": "C.UTF-8",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
    }
    return Installed(directory, wheel, environ)


def test_it_is_the_wheel_that_runs(installed: Installed) -> None:
    assert installed.wheel.name == f"pulumi_rewind-{__version__}-py3-none-any.whl"
    script = "import json, sys, pulumi_rewind, pulumi_rewind_tui.cli as cli\n"
    script += "print(json.dumps([pulumi_rewind.__file__, cli.__file__, sys.path]))"
    core, tui, path = json.loads(installed.run("python", "-c", script).stdout)
    for file in (core, tui):
        assert Path(file).is_relative_to(installed.directory / "venv")
    assert not {str(ROOT), str(ROOT / "core"), str(ROOT / "tui")} & set(path)
    for command in ("pulumi-rewind", "pulumi-tool-rewind"):
        assert installed.run(command, "--version").stdout == f"pulumi-rewind {__version__}\n"
    assert installed.run("pulumi-rewind", "history").returncode == 2  # there is no project


def test_everything_that_git_has_is_in_it(installed: Installed) -> None:
    """Styles, marks of types, files of the demo, what the hooks API needs: whatever is no Python as well."""
    (site,) = (installed.directory / "venv" / "lib").glob("python*/site-packages")
    for source, package in (("core", "pulumi_rewind"), ("tui", "pulumi_rewind_tui")):
        there = {file.relative_to(ROOT / source) for file in (ROOT / source / package).rglob("*") if file.is_file()}
        wanted = {file for file in there if "__pycache__" not in file.parts}
        assert wanted
        assert {file for file in wanted if not (site / file).is_file()} == set()
    for page in (ROOT / "docs" / "man").glob("*.1"):
        assert (installed.directory / "venv" / "share" / "man" / "man1" / page.name).is_file()


@pytest.fixture(scope="module")
def demo(installed: Installed) -> Iterator[Path]:
    """The demo, made by the installed command."""
    folder = installed.directory / "demo"
    try:
        ran = installed.run("pulumi-rewind", "demo", str(folder))
        assert ran.returncode == 0, ran.stdout + ran.stderr
        yield folder
    finally:
        if (left := find_demo(folder)) is not None:
            left.clean(installed.environ)


def test_the_demo_and_the_commands_on_it(installed: Installed, demo: Path) -> None:
    def there(*arguments: str) -> subprocess.CompletedProcess[str]:
        script = f'. ./env.sh && exec {installed.bin}/pulumi-rewind "$@"'
        return subprocess.run(
            ["sh", "-ec", script, "sh", *arguments],
            cwd=demo, env=installed.environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
            check=False,
        )  # fmt: skip

    history = there("history", "--json")
    assert [one["result"] for one in json.loads(history.stdout)] == ["failed", "succeeded", "succeeded", "succeeded"]
    assert "`shop/dev`: update `#4` failed" in there("report").stdout
    doctor = there("doctor")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert there("plan", "last-good").returncode == 0


def test_completion_of_shells(installed: Installed) -> None:
    for shell in ("bash", "zsh", "fish"):
        ran = installed.run("pulumi-rewind", "completion", shell)
        assert ran.returncode == 0, ran.stderr
        assert "pulumi-rewind" in ran.stdout


# -- as a tool of the pulumi CLI --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["on PATH", "installed as a plugin"])
def test_pulumi_plugin_run(installed: Installed, stack: EngineStack, how: str) -> None:
    stack.up("")
    if how == "on PATH":
        stack.extra_environ["PATH"] = os.pathsep.join([str(installed.bin), stack.environ["PATH"]])
    else:
        tool = str(installed.bin / "pulumi-tool-rewind")
        stack.pulumi("plugin", "install", "tool", "rewind", __version__, "--file", tool)

    def tool_run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return stack.run([str(stack.engine), "plugin", "run", "rewind", "--", *arguments])

    history = tool_run("history", "--json")
    assert history.returncode == 0, history.stderr
    assert [one["version"] for one in json.loads(history.stdout)] == [1]
    assert "Usage: pulumi-rewind history" in tool_run("history", "-h").stdout
    wrong = tool_run("show", "99")
    assert wrong.returncode == 2
    assert "#99" in wrong.stderr
