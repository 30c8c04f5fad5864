"""A damaged live state is said wherever it is looked at, and what reads it works all the same; no engine is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.filestack import FileStack


@pytest.fixture
def damaged(tmp_path: Path) -> FileStack:
    """#1 and #2; live has a resource before what it depends on."""
    stack = FileStack(tmp_path)
    a, b = stack.resource("a", {"size": "s"}), stack.resource("b", {"size": "s"})
    b["dependencies"] = [a["urn"]]
    stack.update(a)
    stack.update(a, b)
    stack.set_live(stack.checkpoint([b, a]))
    return stack


@pytest.mark.parametrize("command", [("history",), ("diff",), ("diff", "live", "2")])
def test_history_and_diff_say_where_the_state_is_damaged_and_what_mends_it(
    damaged: FileStack, command: tuple[str, ...]
) -> None:
    ran = damaged.run(*command)
    assert ran.code == 0, ran.err
    assert "! damaged: the engine refuses the live state: b (entry 2) refers to its dependency a" in ran.err
    assert "--strategy state" in ran.err
    assert "damaged" not in damaged.run("diff", "1", "2").err


def test_json_stays_json(damaged: FileStack) -> None:
    ran = damaged.run("history", "--json")
    assert ran.code == 0, ran.err
    assert len(json.loads(ran.out)) == 2


def test_doctor_calls_it_a_failure(damaged: FileStack) -> None:
    ran = damaged.run("doctor")
    assert "the live state is damaged" in ran.out
    assert "which comes after it" in ran.out


def test_a_sound_state_is_not_mentioned(damaged: FileStack) -> None:
    damaged.set_live(damaged.checkpoint_file(2).read_bytes())
    for command in (("history",), ("diff",)):
        assert "damaged" not in damaged.run(*command).err
