"""Finding the engine: override, PATH, cache, and what is said when there is none."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_rewind.errors import EngineError
from pulumi_rewind.system import toolchain
from pulumi_rewind.system.toolchain import (
    NOTES,
    EngineInfo,
    cache_directory,
    engine_path,
    find_engine,
    language_host,
    parse_version,
)
from tests.support.pretended import program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine without any engine."""
    return {"PATH": str(tmp_path / "empty"), "HOME": str(tmp_path / "home")}


def test_the_real_engine_is_found_on_path(engine: EngineInfo, environ: dict[str, str]) -> None:
    found = find_engine(environ | {"PATH": str(engine.path.parent)})
    assert found == EngineInfo(engine.path, engine.version, "PATH")


def test_the_real_engine_is_found_in_the_cache(engine: EngineInfo, environ: dict[str, str], tmp_path: Path) -> None:
    directory = tmp_path / "cache" / "pulumi-rewind" / "engine" / f"v{engine.version}"
    directory.mkdir(parents=True)
    (directory / "bin").symlink_to(engine.path.parent)
    found = find_engine(environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert found == EngineInfo(directory / "bin" / "pulumi", engine.version, "cache")


def test_the_newest_cached_engine_wins_and_a_too_old_or_broken_one_never(environ: dict[str, str]) -> None:
    cache = cache_directory(environ)
    assert cache == Path(environ["HOME"]) / ".cache" / "pulumi-rewind" / "engine"
    program(cache / "v3.100.0" / "bin", "v3.100.0")
    with pytest.raises(EngineError):
        find_engine(environ)
    good = program(cache / "v3.209.0" / "bin", "v3.209.0")
    program(cache / "v3.99.0" / "bin", "v3.99.0")
    program(cache / "v3.210.0" / "bin", "v3.210.0").chmod(0o644)
    assert find_engine(environ) == EngineInfo(good, "3.209.0", "cache")
    better = program(cache / "v3.1000.0" / "bin", "v3.1000.0")
    assert find_engine(environ).path == better


def test_a_relative_cache_home_is_ignored(environ: dict[str, str]) -> None:
    assert cache_directory(environ | {"XDG_CACHE_HOME": "here"}) == cache_directory(environ)


def test_an_engine_that_is_too_old_is_passed_over_or_named(environ: dict[str, str], tmp_path: Path) -> None:
    old = program(tmp_path / "old", "v3.205.9")
    environ["PATH"] = str(old.parent)
    with pytest.raises(EngineError, match=r"old/pulumi is pulumi 3\.205\.9; 3\.206\.0 or newer is needed") as caught:
        find_engine(environ)
    assert "make setup" in caught.value.hint
    assert caught.value.exit_code == 1
    good = program(cache_directory(environ) / "v3.209.0" / "bin", "v3.209.0")
    assert find_engine(environ).path == good


def test_an_engine_that_was_replaced_is_asked_again(environ: dict[str, str], tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "v3.206.0")
    environ["PATH"] = str(path.parent)
    assert find_engine(environ).version == "3.206.0"
    program(tmp_path / "bin", "v3.207.10-beta.1")
    assert find_engine(environ).version == "3.207.10-beta.1"


def test_no_engine_says_how_to_get_one(environ: dict[str, str]) -> None:
    with pytest.raises(EngineError, match="no pulumi CLI was found") as caught:
        find_engine(environ)
    for way in ("Install the pulumi CLI", "make setup", "PULUMI_REWIND_ENGINE"):
        assert way in caught.value.hint


def test_the_override_wins_as_a_file_or_a_directory(environ: dict[str, str], tmp_path: Path) -> None:
    environ["PATH"] = str(program(tmp_path / "path", "v3.300.0").parent)
    chosen = program(tmp_path / "chosen", "v3.250.0")
    for value in (chosen, chosen.parent):
        found = find_engine(environ | {"PULUMI_REWIND_ENGINE": str(value)})
        assert found == EngineInfo(chosen, "3.250.0", "PULUMI_REWIND_ENGINE")


def test_an_override_that_is_no_engine_is_an_error_even_with_a_good_one_on_path(
    environ: dict[str, str], tmp_path: Path
) -> None:
    environ["PATH"] = str(program(tmp_path / "path", "v3.300.0").parent)
    environ["PULUMI_REWIND_ENGINE"] = str(tmp_path / "nothing")
    with pytest.raises(EngineError, match="not an executable"):
        find_engine(environ)
    environ["PULUMI_REWIND_ENGINE"] = str(program(tmp_path / "other", "hello"))
    with pytest.raises(EngineError, match="does not report a pulumi version"):
        find_engine(environ)
    (tmp_path / "other" / "pulumi").write_text("no program at all")
    with pytest.raises(EngineError, match="does not report a pulumi version"):
        find_engine(environ)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.259.0", (3, 259, 0)),
        ("3.206.1-alpha.x0ffee\n", (3, 206, 1)),
        ("v4.0.0+dirty", (4, 0, 0)),
        ("", None),
        ("pulumi", None),
        ("v3.259", None),
    ],
)
def test_versions_are_read(text: str, version: tuple[int, int, int] | None) -> None:
    assert parse_version(text) == version


def test_the_engines_own_language_host_comes_before_another(environ: dict[str, str], tmp_path: Path) -> None:
    engine = program(tmp_path / "engine", "v3.259.0")
    environ["PATH"] = str(tmp_path / "path")
    assert language_host(engine, "python", environ) is None
    other = program(tmp_path / "path", "", "pulumi-language-python")
    assert language_host(engine, "python", environ) == other
    own = program(tmp_path / "engine", "", "pulumi-language-python")
    assert language_host(engine, "python", environ) == own
    assert engine_path(engine, environ) == os.pathsep.join([str(engine.parent), str(other.parent)])
    assert engine_path(engine, {}).endswith(os.defpath)


def bootstrap(environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.engine"],
        cwd=ROOT,
        env=environ | {"PYTHONPATH": str(ROOT / "core")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_cli_is_asked_for_its_version_once_and_again_when_it_was_replaced(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "NOTED_BYTES", 0)
    path = program(tmp_path / "path", "v3.300.0")
    environ["PATH"] = str(path.parent)
    notes = cache_directory(environ) / NOTES
    assert find_engine(environ).version == "3.300.0"
    toolchain._ask_version.cache_clear()
    stat = path.stat()
    path.write_text(path.read_text().replace("v3.300.0", "v3.333.0"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert find_engine(environ).version == "3.300.0", "the file looks the same: it isn't asked"
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert find_engine(environ).version == "3.333.0"
    for damage in (b"{", b"[]", json.dumps({str(path): 5}).encode(), json.dumps({str(path): [1, 2]}).encode()):
        toolchain._ask_version.cache_clear()
        notes.write_bytes(damage)
        assert find_engine(environ).version == "3.333.0"
    old = program(tmp_path / "old", "v3.205.0")
    with pytest.raises(EngineError, match=r"3\.205\.0"):
        find_engine(environ | {"PATH": str(old.parent)})
    with pytest.raises(EngineError, match=r"3\.205\.0"):
        find_engine(environ | {"PATH": str(old.parent)})


def test_a_shim_of_a_version_manager_is_asked_each_time(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script, and a link to the manager itself: neither changes when another CLI is chosen."""
    script = program(tmp_path / "scripts", "v3.300.0")
    manager = program(tmp_path / "managers", "v3.300.0", "mise")
    link = tmp_path / "links" / "pulumi"
    link.parent.mkdir()
    link.symlink_to(manager)
    for path, real, least in ((script, script, toolchain.NOTED_BYTES), (link, manager, 0)):
        monkeypatch.setattr(toolchain, "NOTED_BYTES", least)
        found = environ | {"PATH": str(path.parent)}
        assert find_engine(found).version == "3.300.0"
        toolchain._ask_version.cache_clear()  # another process
        stat = real.stat()
        real.write_text(real.read_text().replace("v3.300.0", "v3.222.0"))
        os.utime(real, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        assert find_engine(found).version == "3.222.0"
    assert not (cache_directory(environ) / NOTES).exists()


def test_the_bootstrap_repairs_a_partial_cache(engine: EngineInfo, environ: dict[str, str], tmp_path: Path) -> None:
    """Of what it makes, the dynamic provider plugin is the part that needs no Go."""
    pinned = next(line.split()[1] for line in (ROOT / "tests/engine/cli/go.mod").read_text().splitlines()
                  if line.strip().startswith("github.com/pulumi/pulumi/pkg/v3 "))  # fmt: skip
    bin_directory = cache_directory(environ) / pinned / "bin"
    bin_directory.mkdir(parents=True)
    names = ("pulumi", "pulumi-language-python", "pulumi-language-python-exec")
    for name in names:
        found = shutil.which(name, path=str(engine.path.parent))
        assert found is not None
        (bin_directory / name).symlink_to(found)
    environ["PATH"] = os.defpath
    done = bootstrap(environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"(cache): {bin_directory / 'pulumi'}" in done.stdout
    plugin = bin_directory / "pulumi-resource-pulumi-python"
    before = plugin.stat()
    assert os.access(plugin, os.X_OK)
    started = subprocess.Popen(
        [str(plugin), "127.0.0.1:1"],
        env=environ | {"PULUMI_PYTHON_CMD": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert started.stdout is not None
        assert started.stdout.readline().strip().isdecimal()  # the port that it serves on
    finally:
        started.kill()
        started.communicate()
    assert bootstrap(environ).returncode == 0
    assert plugin.stat().st_mtime_ns == before.st_mtime_ns
    assert sorted(path.name for path in bin_directory.iterdir()) == sorted((*names, plugin.name))


def test_the_bootstrap_says_when_an_engine_can_run_no_python(environ: dict[str, str], tmp_path: Path) -> None:
    path = program(tmp_path / "path", "v3.300.0")
    environ["PATH"] = os.pathsep.join([str(path.parent), os.defpath])
    done = bootstrap(environ)
    assert done.returncode == 0
    assert f"pulumi 3.300.0 (PATH): {path}" in done.stdout
    assert "no pulumi-language-python" in done.stdout
    program(tmp_path / "path", "", "pulumi-language-python")
    assert "no pulumi-language-python" not in bootstrap(environ).stdout
