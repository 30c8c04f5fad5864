"""Values as one line: complete enough to read, never able to steer a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.state.show import inert, value_text
from pulumi_rewind.state.values import SECRET, SIG, UNKNOWN, Json
from tests.support.diffs import values

STEERING = frozenset(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F)]))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ({"a": [1, None, True]}, '{"a":[1,null,true]}'),
        ("two\nlines\tand a tab", "two⏎lines and a tab"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("\x9b31m", "\\x9b31m"),
        ("right\u202eleft", "right\\u202eleft"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ({SIG: SECRET, "plaintext": '"x"'}, "[secret]"),
        (UNKNOWN, "(known when run)"),
        (f"db-{UNKNOWN}.sqlite", "db-(known when run).sqlite"),
        ("日本 é 🚀", "日本 é 🚀"),
    ],
)
def test_one_safe_line(value: Json, text: str) -> None:
    assert value_text(value) == text


def test_long_values_are_cut() -> None:
    assert value_text("x" * 200, limit=10) == "x" * 9 + "…"
    assert value_text("x" * 10, limit=10) == "x" * 10
    assert len(value_text({"a": "x" * 500}, limit=50)) == 50


@given(values | st.text())
def test_nothing_in_a_value_is_active(value: Json) -> None:
    assert not STEERING.intersection(value_text(value, limit=10_000))


@given(st.text())
def test_inert_text_stays_inert(text: str) -> None:
    assert not STEERING.intersection(inert(text))
    assert inert(inert(text)) == inert(text)
