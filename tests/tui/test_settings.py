"""Settings of the screens: docs/settings.md and the program agree, keys are checked, the theme is remembered."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import UsageError
from pulumi_rewind.project.settings import ADDED, ANSWERS, LEAVING, PROJECT_ONLY, Settings, load_settings
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.cli import run
from pulumi_rewind_tui.screens.actions import PLACES, Action, actions, can_be_pressed, clashes
from pulumi_rewind_tui.screens.base import RewindModal
from pulumi_rewind_tui.screens.empty import EmptyScreen
from pulumi_rewind_tui.theme import NAMES
from pulumi_rewind_tui.workers.appearance import appearance, remember, remembered
from tests.support.tui.shop import Shop, screen_text, settle

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "settings.md").read_text()
WIDE = (120, 40)


def table(heading: str) -> list[list[str]]:
    """The rows of the table that begins with this row."""
    lines = PAGE.split(heading)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def all_actions(**keys: str) -> dict[str, Action]:
    given = {name.replace("__", ".").replace("_", "-"): key for name, key in keys.items()}
    return actions(RewindApp, given, lambda name: "rewind.toml, line 3")


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_has_every_setting_with_its_default_and_place() -> None:
    rows = {row[0].strip("`"): row for row in table("| setting | default | where | meaning |")}
    assert set(rows) == set(Settings.__struct_fields__)
    for name, (_, default, where, _) in rows.items():
        value = getattr(Settings(), name)
        assert json.loads(default.strip("`")) == (list(value) if isinstance(value, tuple) else value), name
        expected = "both, lists are added" if name in ADDED else "project" if name in PROJECT_ONLY else None
        special = {"keys": "both, merged", "check": "both, merged", "cache": "both; `false` in either counts"}
        special["hold_deletes"] = "both; the project's can only hold more than yours"
        expected = expected or special.get(name, "both, the project's counts")
        assert where == expected, name


def test_the_page_has_every_place_and_what_a_project_can_not_set() -> None:
    assert {row[0].strip("`."): row[1] for row in table("| name begins with | works in |")} == dict(PLACES)
    paragraph = PAGE.split("keys that answer a question")[1].split("Only your own")[0]
    assert tuple(re.findall(r"`([a-z]+\.)`", paragraph)) == ANSWERS
    paragraph = PAGE.split("keys that leave, stop")[1].split("\n- ")[0]
    assert tuple(re.findall(r"`([a-z.-]+)`", paragraph)) == LEAVING


def test_the_page_names_the_themes() -> None:
    assert tuple(re.findall(r"`([^`]+)`", PAGE.split("The themes are")[1].split("(")[0])) == NAMES


def test_the_example_and_the_keys_of_the_page_are_right(tmp_path: Path) -> None:
    (tmp_path / "rewind.toml").write_text(PAGE.split("```toml\n")[1].split("```")[0])
    settings = load_settings(tmp_path, {"HOME": str(tmp_path)})
    assert clashes(actions(RewindApp, settings.keys, str)) == []
    named = PAGE.split("A key is one character")[1].split("Several keys")[0]
    assert [key for key in re.findall(r"`([^`]+)`", named) if not can_be_pressed(key)] == []


# -- keys --------------------------------------------------------------------------------------------------------------


def test_every_action_has_a_place_and_every_place_an_action() -> None:
    assert {action.place for action in all_actions().values()} == set(PLACES)


def test_what_is_bound_can_be_pressed_and_does_not_clash() -> None:
    found = all_actions()
    assert [action.name for action in found.values() if not all(map(can_be_pressed, action.keys))] == []
    assert clashes(found) == []


def test_what_answers_a_question_can_not_be_set_by_a_project() -> None:
    """Dialogues that only show something, choose from a list or lead to a review decide nothing."""
    harmless = ("help.", "text.", "error.", "options.", "strategy.", "held.")
    owners = [action for action in all_actions().values() if issubclass(action.owner, RewindModal)]
    assert [action.name for action in owners if not action.name.startswith((*ANSWERS, *harmless))] == []
    above = {action.name for action in all_actions().values() if action.first and action.place == "app"}
    assert above - set(LEAVING) == set(), "they work in dialogues as well"


@pytest.mark.parametrize(
    ("keys", "said", "hint"),
    [
        ({"hom__stacks": "S"}, "there is no action 'hom.stacks'", "Did you mean home.stacks?"),
        ({"home__stacks": "esc"}, "home.stacks gets a key that doesn't exist: 'esc'", "Did you mean escape?"),
        ({"home__stacks": "Enter"}, "key that doesn't exist: 'Enter'", "Did you mean enter?"),
        ({"home__stacks": "ctrl-x"}, "key that doesn't exist: 'ctrl-x'", "Did you mean ctrl+x?"),
        ({"home__stacks": "shift+a"}, "key that doesn't exist: 'shift+a'", "Did you mean A?"),
        ({"home__stacks": "pagup"}, "key that doesn't exist: 'pagup'", "Did you mean pageup?"),
        ({"home__stacks": ""}, "key that doesn't exist: ''", "A key is a character"),
        ({"home__stacks": "S,"}, "key that doesn't exist: ''", "A key is a character"),
        ({"home__stacks": "windows+x"}, "key that doesn't exist", "A key is a character"),
    ],
)
def test_unknown_actions_and_impossible_keys_are_refused(keys: dict[str, str], said: str, hint: str) -> None:
    with pytest.raises(UsageError, match="rewind.toml, line 3: .*" + re.escape(said)) as caught:
        all_actions(**keys)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize("key", ["S", "?", "question_mark", "/", "slash", "space", "f12", "ctrl+x", "alt+enter", "ü"])
def test_usual_keys_can_be_pressed(key: str) -> None:
    assert all_actions(home__stacks=key)["home.stacks"].keys


def test_two_actions_on_one_key_in_one_place_are_told() -> None:
    assert clashes(all_actions(home__stacks="j")) == [
        "j is the key of home.stacks and of list.down (home): only one of them works"
    ]
    assert any("dialog.leave" in problem for problem in clashes(all_actions(app__palette="escape")))
    assert any("filter.keep" in problem for problem in clashes(all_actions(app__palette="enter")))
    assert clashes(all_actions(home__stacks="?", app__help="f1")) == []
    assert clashes(all_actions(home__stacks="a")) == []  # review.all is elsewhere


def test_the_command_shows_keys_as_the_settings_have_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pulumi-rewind" / "rewind.toml"
    path.parent.mkdir()
    path.write_text('[keys]\nhome.stacks = "j, S"\n')
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert run(["keys", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    listed = {action["action"]: action for action in found["actions"]}
    assert set(listed) == set(all_actions())
    assert listed["home.stacks"]["keys"] == ["j", "S"]
    assert listed["home.stacks"]["default"] == ["s"]
    assert found["files"] == [str(path)]
    assert len(found["problems"]) == 1
    assert run(["keys"]) == 0
    text = capsys.readouterr().out
    assert re.search(r"^\* home\.stacks +j, S +stacks: Open another stack$", text, re.MULTILINE)
    assert "warning: j is the key of home.stacks and of list.down" in text
    path.write_text('[keys]\nhome.stack = "x"\n')
    assert run(["keys"]) == 2
    error = capsys.readouterr().err
    assert f"{path}, line 2: there is no action 'home.stack'" in error
    assert "Did you mean home.stacks?" in error


async def test_the_screens_refuse_an_unknown_action_and_tell_of_a_clash(shop: Shop) -> None:
    settings = shop.root / "rewind.toml"
    settings.write_text('[keys]\nhome.stack = "x"\n')
    async with shop.app().run_test(size=WIDE, notifications=True) as pilot:
        await settle(pilot)
        assert isinstance(pilot.app.screen, EmptyScreen)
        assert "there is no action 'home.stack'" in " ".join(screen_text(pilot.app).split())
        settings.write_text('[keys]\nhome.stacks = "j"\n')
        await pilot.press("ctrl+r")
        await settle(pilot)
        told = [notice.message for notice in pilot.app._notifications]
        assert len(told) == 1
        assert "j is the key of home.stacks and of list.down" in told[0]


# -- the theme ---------------------------------------------------------------------------------------------------------


def home(tmp_path: Path, text: str | None = None) -> dict[str, str]:
    if text is not None:
        (tmp_path / ".config" / "pulumi-rewind").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".config" / "pulumi-rewind" / "rewind.toml").write_text(text)
    return {"HOME": str(tmp_path)}


def test_flag_then_settings_then_the_last_one_then_dark(tmp_path: Path) -> None:
    environ = home(tmp_path)
    assert appearance(tmp_path, environ, None, False).theme == "dark"
    remember(environ, "light")
    assert appearance(tmp_path, environ, None, False).theme == "light"
    environ = home(tmp_path, 'theme = "color-blind"\nascii = true')
    assert appearance(tmp_path, environ, None, False) == appearance(tmp_path, environ, "colour-blind", True)
    assert appearance(tmp_path, environ, "dark", False).theme == "dark"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"blue", b"light" + b"x" * 1000])
def test_a_memory_that_is_of_no_use_stops_nothing(tmp_path: Path, content: bytes) -> None:
    environ = home(tmp_path)
    remember(environ, "light")
    (tmp_path / ".local" / "state" / "pulumi-rewind" / "theme").write_bytes(content)
    assert remembered(environ) == ""


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_memory_that_others_can_write_is_not_read(tmp_path: Path, mode: int) -> None:
    environ = home(tmp_path)
    remember(environ, "light")
    (tmp_path / ".local" / "state" / "pulumi-rewind" / "theme").chmod(mode)
    assert remembered(environ) == ""


def test_an_unknown_theme_is_refused_with_the_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"rewind\.toml, line 1: there is no theme 'blue'") as caught:
        appearance(tmp_path, home(tmp_path, 'theme = "blue"'), None, False)
    assert caught.value.hint == "The themes are dark, light, colour-blind."
    assert run(["--theme", "blue"]) == 2
    assert "there is no theme 'blue'" in capsys.readouterr().err


async def test_the_chosen_theme_is_there_before_the_first_paint_of_the_next_start(shop: Shop) -> None:
    async with shop.app().run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+t")
        await settle(pilot)
        assert pilot.app.theme == "rewind-light"
    found = appearance(shop.root, shop.environ, None, False)
    assert shop.app(theme=found.theme).theme == "rewind-light"


async def test_a_theme_that_settings_will_override_says_so(shop: Shop) -> None:
    (shop.root / "rewind.toml").write_text('theme = "dark"\n')
    async with shop.app().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+t")
        await settle(pilot)
        (told,) = pilot.app._notifications
        assert told.message.startswith("light holds until you quit: ")
        assert "rewind.toml, line 1 sets dark" in told.message


async def test_a_theme_that_can_not_be_remembered_is_told(shop: Shop) -> None:
    (shop.directory / "state" / "pulumi-rewind").mkdir(exist_ok=True)
    (shop.directory / "state" / "pulumi-rewind" / "theme").mkdir()
    async with shop.app().run_test(size=WIDE, notifications=True) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+t")
        await settle(pilot)
        told: list[Any] = list(pilot.app._notifications)
        assert [notice.title for notice in told] == ["The theme is not remembered"]
        assert pilot.app.theme == "rewind-light"
