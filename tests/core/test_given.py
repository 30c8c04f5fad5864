"""REWIND_ENGINE: the CLI that somebody wants the tests to run against."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.system.toolchain import EngineInfo
from tests.support.given import HOSTS, UnusableEngine, given_engine, older_than
from tests.support.pretended import program


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with an engine and its language host."""
    for name in HOSTS:
        program(tmp_path / "cache" / "pulumi-rewind" / "engine" / "v3.300.0" / "bin", "host", name)
    return tmp_path / "cache"


def test_nothing_is_given(tmp_path: Path) -> None:
    assert given_engine({}, tmp_path / "x") is None
    assert given_engine({"REWIND_ENGINE": ""}, tmp_path / "x") is None
    assert not older_than(None, "3.300.0")


def test_a_complete_engine_is_used_where_it_lies(tmp_path: Path) -> None:
    own = program(tmp_path / "own", "v3.210.0")
    for name in HOSTS:
        program(tmp_path / "own", "host", name)
    for named in (own, own.parent):
        found = given_engine({"REWIND_ENGINE": str(named), "HOME": str(tmp_path)}, tmp_path / "x")
        assert found == EngineInfo(own, "3.210.0", "REWIND_ENGINE")
    assert not (tmp_path / "x").exists()
    assert older_than(found, "3.210.1")
    assert not older_than(found, "3.210.0")


def test_one_of_another_name_or_without_a_language_host_is_put_together(tmp_path: Path, cache: Path) -> None:
    named = program(tmp_path / "own", "v3.210.0", "pulumi-3.210")
    environ = {"REWIND_ENGINE": str(named), "XDG_CACHE_HOME": str(cache)}
    assert given_engine(environ, tmp_path / "x") == EngineInfo(tmp_path / "x" / "pulumi", "3.210.0", "REWIND_ENGINE")
    assert {path.name for path in (tmp_path / "x").iterdir()} == {"pulumi", *HOSTS}


def test_what_cannot_be_used_is_refused(tmp_path: Path, cache: Path) -> None:
    old, good = program(tmp_path / "old", "v3.205.9"), program(tmp_path / "good", "v3.210.0")
    for named, cached, why in (
        (tmp_path, cache, "REWIND_ENGINE=.* is not an executable"),
        (tmp_path / "nowhere", cache, "is not an executable"),
        (old, cache, "3.206.0 or newer is needed"),
        (program(tmp_path / "odd", "who knows"), cache, "does not report a pulumi version"),
        (good, tmp_path, "no pulumi-language-python beside it or in the cache"),
    ):
        environ = {"REWIND_ENGINE": str(named), "XDG_CACHE_HOME": str(cached), "PATH": str(good.parent)}
        with pytest.raises(UnusableEngine, match=why):
            given_engine(environ, tmp_path / "x")
