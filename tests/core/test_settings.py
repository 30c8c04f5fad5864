"""``rewind.toml``: defaults, values, mistakes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulumi_rewind.errors import UsageError
from pulumi_rewind.project.settings import Settings, load_settings, where_set

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
        ("hold_deletes = 'some'", "hold_deletes must be one of none, stateful, all"),
        ("hold_deletes = true", "hold_deletes must be one of none, stateful, all"),
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


# -- the user's own file ----------------------------------------------------------------------------------------


def own(home: Path, text: str) -> dict[str, str]:
    """The user's own settings; returns the environment in which they count."""
    path = home / "config" / "pulumi-rewind" / "rewind.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}


def project(home: Path, text: str) -> Path:
    root = home / "project"
    root.mkdir(exist_ok=True)
    (root / "rewind.toml").write_text(text)
    return root


def test_the_project_overrides_the_users_settings_key_by_key(tmp_path: Path) -> None:
    environ = own(
        tmp_path, 'theme = "light"\nascii = true\ndelete_first = ["a"]\n[keys]\nhome.stacks = "S"\napp.quit = "Q"'
    )
    root = project(tmp_path, 'theme = "dark"\nkeep = 3\ndelete_first = ["b"]\n[keys]\n"home.stacks" = "T"')
    settings = load_settings(root, environ)
    assert (settings.theme, settings.ascii, settings.keep) == ("dark", True, 3)
    assert settings.delete_first == ("b",)
    assert settings.keys == {"home.stacks": "T", "app.quit": "Q"}
    assert load_settings(None, environ).theme == "light"


def test_the_file_is_where_xdg_says_and_by_default_in_the_home_directory(tmp_path: Path) -> None:
    environ = own(tmp_path, "keep = 7")
    assert load_settings(None, environ).keep == 7
    default = tmp_path / ".config" / "pulumi-rewind"
    default.mkdir(parents=True)
    (default / "rewind.toml").write_text("keep = 8")
    assert load_settings(None, {"HOME": str(tmp_path)}).keep == 8
    assert load_settings(None, {"HOME": str(tmp_path), "XDG_CONFIG_HOME": "config"}).keep == 8  # relative: no such


@pytest.mark.parametrize("name", ["production", "stateful_types", "passphrase_env"])
def test_a_project_adds_to_what_protects_the_user_and_takes_nothing_away(tmp_path: Path, name: str) -> None:
    environ = own(tmp_path, f'{name} = ["mine"]')
    assert getattr(load_settings(project(tmp_path, f"{name} = []"), environ), name) == ("mine",)
    assert getattr(load_settings(project(tmp_path, f'{name} = ["theirs"]'), environ), name) == ("mine", "theirs")


@pytest.mark.parametrize(
    ("mine", "theirs", "counts"),
    [
        ("none", "none", "none"),
        ("stateful", "none", "stateful"),
        ("all", "stateful", "all"),
        ("none", "all", "all"),
        ("", "none", "none"),
        ("", "", "stateful"),
    ],
)
def test_a_project_holds_no_less_than_the_user(tmp_path: Path, mine: str, theirs: str, counts: str) -> None:
    environ = own(tmp_path, f'hold_deletes = "{mine}"' if mine else "")
    root = project(tmp_path, f'hold_deletes = "{theirs}"' if theirs else "")
    assert load_settings(root, environ).hold_deletes == counts


@pytest.mark.parametrize(
    "action", ["trust.yes", "confirm.yes", "confirm.loss", "dialog.leave", "stop.kill", "app.palette", "app.quit"]
)
@pytest.mark.parametrize("form", ['[keys]\n"{}" = "escape"', '[keys]\n{} = "escape"', 'keys.{} = "escape"'])
def test_a_project_does_not_set_the_keys_that_answer_questions_or_leave(tmp_path: Path, action: str, form: str) -> None:
    text = form.format(action)
    with pytest.raises(UsageError, match="a project can't set the key of"):
        load_settings(project(tmp_path, text), own(tmp_path, ""))
    assert load_settings(project(tmp_path, ""), own(tmp_path, text)).keys == {action: "escape"}


def test_the_users_file_can_not_name_a_projects_hooks(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="hooks_file is a setting of one project"):
        load_settings(project(tmp_path, ""), own(tmp_path, 'hooks_file = "x.py"'))


def test_errors_name_the_file_the_line_and_the_nearest_key(tmp_path: Path) -> None:
    environ = own(tmp_path, '# mine\nascii = true\nthem = "light"\n')
    with pytest.raises(UsageError) as caught:
        load_settings(project(tmp_path, ""), environ)
    assert str(caught.value).startswith(f"{tmp_path / 'config' / 'pulumi-rewind' / 'rewind.toml'}, line 3: unknown key")
    assert caught.value.hint.startswith("Did you mean theme?")
    with pytest.raises(UsageError, match=r"project/rewind\.toml, line 2: keep must be"):
        load_settings(project(tmp_path, "\nkeep = -1"), own(tmp_path, ""))


def test_where_a_setting_is_decided_is_found(tmp_path: Path) -> None:
    environ = own(tmp_path, 'theme = "light"\n[keys]\nhome.stacks = "S"\n"app.quit" = "Q"')
    root = project(tmp_path, '\ntheme = "dark"')
    assert where_set(root, environ, "theme") == f"{root / 'rewind.toml'}, line 2"
    mine = tmp_path / "config" / "pulumi-rewind" / "rewind.toml"
    assert where_set(root, environ, "home.stacks") == f"{mine}, line 3"
    assert where_set(root, environ, "app.quit") == f"{mine}, line 4"


def test_a_file_that_others_can_write_does_not_count(tmp_path: Path) -> None:
    environ = own(tmp_path, "ascii = true")
    path = tmp_path / "config" / "pulumi-rewind" / "rewind.toml"
    path.chmod(0o666)
    with pytest.raises(UsageError, match="is not used: every user of this machine can write"):
        load_settings(None, environ)
    path.chmod(0o644)
    path.parent.chmod(0o777)
    with pytest.raises(UsageError, match="is not used: every user of this machine can write"):
        load_settings(None, environ)


def test_a_link_counts_by_what_it_leads_to(tmp_path: Path) -> None:
    """As those who keep their settings in a repository have it."""
    environ = own(tmp_path, "")
    path, kept = tmp_path / "config" / "pulumi-rewind" / "rewind.toml", tmp_path / "kept.toml"
    kept.write_text("ascii = true")
    path.unlink()
    path.symlink_to(kept)
    assert load_settings(None, environ).ascii
    kept.chmod(0o666)
    with pytest.raises(UsageError, match="is not used"):
        load_settings(None, environ)
    kept.unlink()
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(UsageError, match="named pipe"):
        load_settings(None, environ)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_does_not_count(tmp_path: Path) -> None:
    environ = own(tmp_path, "ascii = true")
    os.chown(tmp_path / "config" / "pulumi-rewind" / "rewind.toml", 4711, 4711)
    with pytest.raises(UsageError, match="belongs to another user"):
        load_settings(None, environ)
