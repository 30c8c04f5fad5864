"""Text as cells: harmless and aligned, whatever it is."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.errors import RefusedError
from pulumi_rewind_tui.text.cells import (
    cut,
    facts,
    fit,
    fit_line,
    inert,
    join,
    line_width,
    plain,
    width,
    wrap,
    wrap_words,
)
from pulumi_rewind_tui.text.home_page import error_lines
from pulumi_rewind_tui.widgets.footer import LIMIT, FooterKey, fitting

NASTY = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(["\x1b", "\x9b", "\x07", "\x00", "\u202e", "\u2066", "[", "]", "漢", "🚀", "\u200d", "ש"]),
    ),
    max_size=60,
)


@given(NASTY)
def test_nothing_can_act_on_a_terminal(text: str) -> None:
    shown = inert(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\ufeff")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\nb\tc", "a⏎b⇥c"),
        ("\x9b31m", "‹U+009B›31m"),
        ("\u202eabc", "‹U+202E›abc"),
        ("[bold]x[/bold]", "[bold]x[/bold]"),
        ("👩‍👩‍👧", "👩‍👩‍👧"),
    ],
)
def test_controls_are_visible_and_the_rest_stays(text: str, shown: str) -> None:
    assert inert(text) == shown


@given(NASTY, st.integers(0, 40))
def test_fit_takes_exactly_its_cells(text: str, cells: int) -> None:
    assert width(fit(inert(text), cells)) == cells
    assert width(cut(inert(text), cells)) <= cells


@given(st.lists(st.tuples(NASTY, st.just("dim")), max_size=5), st.integers(1, 50))
def test_a_line_never_grows_beyond_its_cells(parts: list[tuple[str, str]], cells: int) -> None:
    line = tuple((inert(text), role) for text, role in parts)
    fitted = fit_line(line, cells)
    assert line_width(fitted) <= cells
    if line_width(line) <= cells:
        assert fitted == line
    else:
        assert "…" in plain(fitted)


@given(NASTY, st.integers(2, 40))
def test_wrapping_loses_nothing(text: str, cells: int) -> None:
    shown = inert(text)
    assert "".join(wrap(shown, cells)) == shown
    assert all(width(piece) <= cells for piece in wrap(shown, cells))
    assert all(width(piece) <= cells for piece in wrap_words(text, cells))


def test_names_and_values_never_touch() -> None:
    names = ["short", "pulumi.env.PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"]
    lines = join(facts([(name, "set") for name in (*names, "a" * 90)], 110)).splitlines()
    assert [line.split() for line in lines] == [[names[0], "set"], [names[1], "set"], ["a" * 90, "set"]]


def test_the_footer_keeps_help_and_quit_and_fits() -> None:
    keys = [FooterKey(str(index), "a long description") for index in range(12)]
    keys += [FooterKey("?", "help", required=True), FooterKey("q", "quit", required=True)]
    for cells in (200, 78, 60, 40, 20):
        shown = fitting(keys, cells)
        assert [key.key for key in shown[-2:]] == ["?", "q"]
        assert 1 + sum(key.cells for key in shown) + 2 * (len(shown) - 1) <= min(cells, LIMIT)


def test_an_error_says_once_that_nothing_was_changed() -> None:
    refused = RefusedError("no", hint="Plan again.", unchanged=True)
    for meaning, times in (("Nothing was changed. esc goes back.", 1), ("The stacks are not affected.", 1)):
        said = "\n".join(plain(line) for line in error_lines(refused, meaning))
        assert said.count("Nothing was changed.") == times
        assert "Plan again." in said
