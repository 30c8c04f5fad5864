"""What an update's configuration says, and how it differs from the one before; secrets never show."""

from __future__ import annotations

from typing import Any

import msgspec

from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.text.facts import config_changes, config_of


def update(**config: Any) -> Update:
    return Update(number=1, kind="update", result="succeeded", config=msgspec.Raw(msgspec.json.encode(config)))


def test_settings_of_pulumi_cloud_are_told_like_those_of_a_file() -> None:
    before = update(size={"value": "s", "secret": False}, password={"value": "AAAA", "secret": True}, old="x")
    after = update(size={"value": "m", "secret": False}, password={"value": "BBBB", "secret": True}, new={"a": [1]})
    assert config_of(after) == {"size": "m", "password": "[secret]", "new": {"a": [1]}}
    assert config_changes(before, after) == (
        ("+", "new", '{"a":[1]}'),
        ("-", "old", "x"),
        ("~", "password", "●●● set again"),
        ("~", "size", "s → m"),
    )


def test_what_was_recorded_first_is_all_new() -> None:
    nested = {"user": "ada", "password": {"secure": "v1:yyyy"}}
    assert config_changes(None, update(nested=nested)) == (("+", "nested", "●●●"),)
    assert config_changes(update(a="1"), update(a="1")) == ()
    assert config_changes(update(a={"secure": "x"}), update(a="1")) == (("~", "a", "●●● → 1"),)
