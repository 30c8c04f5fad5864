"""What reaches the terminal: inert, aligned, coloured only where that is wanted."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.state.values import ASSET, SECRET, SIG, UNKNOWN
from pulumi_rewind_tui.terminal.options import to_json
from pulumi_rewind_tui.terminal.writer import Writer, open_writer
from pulumi_rewind_tui.text.cells import Span
from pulumi_rewind_tui.text.cells import width as cell_width
from pulumi_rewind_tui.text.spans import changes_line
from pulumi_rewind_tui.text.values import value_lines
from pulumi_rewind_tui.words.words import elapsed, first_line, iso_time, local_time

HOSTILE = "\x1b[31mred\x1b]0;title\x07 [bold]x[/bold] \u202eevil\x9b2J\r\n\x00"


def writer(*, color: bool = False, terminal: bool = False, ascii_only: bool = False, width: int = 80) -> Writer:
    return Writer(io.StringIO(), color=color, terminal=terminal, ascii_only=ascii_only, width=width)


def text(out: Writer) -> str:
    assert isinstance(out.stream, io.StringIO)
    return out.stream.getvalue()


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x1b\x07\x9b\n\r\t\u202e\u2028\x7f")))
def test_no_text_can_steer_the_terminal(given_text: str) -> None:
    out = writer()
    out.line(given_text)
    shown = text(out).removesuffix("\n")
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    if given_text.isalnum():
        assert shown == given_text


@pytest.mark.parametrize("color", [False, True])
def test_hostile_text_is_shown_inert(color: bool) -> None:
    out = writer(color=color, terminal=color)
    out.line(Span(HOSTILE, "fail"))
    out.table([[[HOSTILE], ["x"]]])
    shown = text(out)
    assert "\x1b]0" not in shown
    assert "\x07" not in shown
    assert "\u202e" not in shown
    assert "\x9b" not in shown
    assert r"\x1b[31mred" in shown
    assert "[bold]x[/bold]" in shown, "markup is text"
    if not color:
        assert "\x1b" not in shown


@given(st.text())
def test_ascii_output_is_ascii(given_text: str) -> None:
    out = writer(ascii_only=True)
    out.line(f"±●⚠✓✗◐·★↺»→… {given_text}")
    assert text(out).isascii()
    assert text(out).count("\n") == 1


def test_columns_are_aligned_by_what_is_shown() -> None:
    out = writer()
    out.table([[["名前"], ["a"]], [["x"], ["b"]], [["\x1b"], ["c"]]])
    lines = text(out).splitlines()
    assert [cell_width(line[: line.index(end)]) for line, end in zip(lines, "abc", strict=True)] == [6, 6, 6]


def test_a_terminal_cuts_at_its_width_and_a_pipe_does_not() -> None:
    long = "x" * 200
    cut, whole = writer(terminal=True, width=40), writer()
    for out in (cut, whole):
        out.table([[["#1"], [long]]])
    assert text(cut).rstrip() == "#1  " + "x" * 35 + "…"
    assert long in text(whole)


def test_colour_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert open_writer(Terminal()).color
    assert not open_writer(Terminal(), no_color=True).color
    assert not open_writer(io.StringIO()).color
    monkeypatch.setenv("NO_COLOR", "1")
    assert not open_writer(Terminal()).color
    monkeypatch.setenv("NO_COLOR", "")
    assert open_writer(Terminal()).color, "an empty NO_COLOR is none"
    monkeypatch.setenv("TERM", "dumb")
    assert not open_writer(Terminal()).color


def test_an_encoding_without_symbols_falls_back_to_ascii() -> None:
    out = open_writer(io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert out.ascii_only


def test_json_is_ascii_and_has_no_control_characters() -> None:
    assert to_json({"a": "ü\x1b\x7f\x9b"}) == '{"a": "\\u00fc\\u001b\\u007f\\u009b"}'


def test_values_are_words_where_they_are_special() -> None:
    assert value_lines("a") == ['"a"']
    assert value_lines({"a": [1, None]}) == ['{"a": [1, null]}']
    assert value_lines({SIG: SECRET, "plaintext": '"hush"'}) == ["[secret]"]
    assert value_lines(UNKNOWN) == ["(known when run)"]
    assert value_lines({"deep": {SIG: SECRET, "ciphertext": "x"}}) == ['{"deep": "[secret]"}']
    assert value_lines({SIG: ASSET, "hash": "0123456789abcdef", "path": "a.txt"}) == ["asset 0123456789ab a.txt"]
    assert len(value_lines(list(range(500)))) == 41


def test_changes_are_in_one_order_and_leave_out_what_is_the_same() -> None:
    spans = changes_line({"same": 5, "delete": 1, "update": 2, "create": 1, "replace": 1, "create-replacement": 1})
    assert "".join(span.text for span in spans) == "±1 +1 ~2 -1"
    assert changes_line({"same": 3})[0].text == "no changes"


def test_times() -> None:
    assert iso_time(1_795_600_000) == "2026-11-25T09:46:40Z"
    assert iso_time(0) is None
    assert iso_time(10**30) is None
    assert local_time(-5) == ""
    assert elapsed(14.9) == "00:14"
    assert elapsed(3723) == "1:02:03"
    assert first_line("a\nb") == "a …"
    assert first_line(" a\n ") == "a"
