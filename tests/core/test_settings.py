"""``rewind.toml``: defaults, values, mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.errors import UsageError
from pulumi_rewind.project.settings import Settings, load_settings

FULL = """
production = ["prod*", "live"]
stateful_types = ["acme:*:Disk"]
hooks_file = "ops/hooks.py"
theme = "light"
ascii = true
passphrase_env = ["OLD_PASSPHRASE"]

[keys]
"review.rollback" = "f5"
"""


def test_without_a_file_there_are_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path)
    assert settings == Settings()
    assert settings.production == ("prod*",)
    assert (settings.hooks_file, settings.theme, settings.ascii) == ("rewind_hooks.py", "", False)


def test_every_key_is_read(tmp_path: Path) -> None:
    (tmp_path / "rewind.toml").write_text(FULL)
    assert load_settings(tmp_path) == Settings(
        production=("prod*", "live"),
        stateful_types=("acme:*:Disk",),
        hooks_file="ops/hooks.py",
        theme="light",
        keys={"review.rollback": "f5"},
        ascii=True,
        passphrase_env=("OLD_PASSPHRASE",),
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prod", True),
        ("production-eu", True),
        ("Prod", True),
        ("organization/shop/prod", True),
        ("dev", False),
        ("nonprod", False),
        ("organization/prod/dev", False),
    ],
)
def test_production_is_recognised_by_the_short_name(name: str, expected: bool) -> None:
    assert Settings().is_production(name) is expected


def test_no_patterns_mean_no_production() -> None:
    assert not Settings(production=()).is_production("prod")
    assert Settings(production=("*",)).is_production("dev")


def test_an_unknown_key_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "rewind.toml").write_text("producton = []\n")
    with pytest.raises(UsageError, match="unknown key 'producton'") as caught:
        load_settings(tmp_path)
    assert caught.value.hint.startswith("Did you mean production?")
    for key in ("ascii", "hooks_file", "keys", "passphrase_env", "production", "stateful_types", "theme"):
        assert key in caught.value.hint


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("production = 'prod'", "production must be a list of strings"),
        ("production = [1]", "production must be a list of strings"),
        ("ascii = 1", "ascii must be true or false"),
        ("theme = true", "theme must be a string"),
        ("keys = ['x']", "keys must be a table of strings"),
        ("keys = {a = 1}", "keys must be a table of strings"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "rewind.toml").write_text(line)
    with pytest.raises(UsageError, match=said) as caught:
        load_settings(tmp_path)
    assert str(tmp_path / "rewind.toml") in str(caught.value)
    assert "the default is" in caught.value.hint


@pytest.mark.parametrize("content", [b"production = [", b"\xff\xfe", b"keys = " + b"[" * 3000])
def test_what_is_not_toml_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "rewind.toml").write_bytes(content)
    with pytest.raises(UsageError, match="can't be read"):
        load_settings(tmp_path)
