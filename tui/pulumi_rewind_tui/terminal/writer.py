"""Writes lines to a stream: coloured in a terminal, plain elsewhere, and never as markup.

Everything printed passes through `Writer.clean`, so that nothing from a state, a message or a name can
reach the terminal as a control sequence, and so that the ``--ascii`` fallback is complete.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO

from pulumi_rewind.state.show import inert
from pulumi_rewind_tui.text.cells import Line, Piece, Span, fit_line, line_width, plain, spans
from pulumi_rewind_tui.words.symbols import TO_ASCII

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text


STYLES: Final[Mapping[str, str]] = {
    "": "",
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "replace": "magenta",
    "rename": "yellow",
    "return": "green",
    "import": "green",
    "same": "dim",
    "read": "dim",
    "discard": "dim",
    "hold": "cyan",
    "added": "green",
    "removed": "red",
    "changed": "yellow",
    "ok": "green",
    "warn": "yellow",
    "failed": "red",
    "hazard": "bold red",
    "dim": "dim",
    "title": "bold",
    "bold": "bold",
    "commit": "cyan",
    "live": "bold cyan",
}
"""Meanings in the 16 colours that every terminal has; a symbol or word always stands beside them."""


class Writer:
    """One output stream and how it may be written to."""

    def __init__(self, stream: TextIO, *, color: bool, terminal: bool, ascii_only: bool, width: int = 80) -> None:
        self.stream = stream
        self.color = color
        self.terminal = terminal
        self.ascii_only = ascii_only
        self.width = width
        """Columns of the terminal; nothing is cut where there is none."""
        self._console: Console | None = None

    def onto(self, stream: Any) -> Writer:
        """The same for another stream, which has `write` and `flush`."""
        return Writer(stream, color=self.color, terminal=self.terminal, ascii_only=self.ascii_only, width=self.width)

    def clean(self, text: str) -> str:
        """The text as it may be printed here."""
        return self.ascii(inert(text))

    def ascii(self, text: str) -> str:
        """The text in the characters that this output has."""
        if self.ascii_only and not text.isascii():
            return text.translate(TO_ASCII).encode("ascii", "backslashreplace").decode("ascii")
        return text

    def line(self, *pieces: Piece) -> None:
        """Prints one line."""
        self._write(self._cleaned(pieces))

    def lines(self, lines: Iterable[Line]) -> None:
        """Prints several lines."""
        for line in lines:
            self.line(*line)

    def raw(self, text: str) -> None:
        """Prints one line of machine-readable text that is already safe (JSON in ASCII)."""
        self.stream.write(text + "\n")

    def table(self, rows: Sequence[Sequence[Line]], *, indent: int = 0) -> None:
        """Prints rows in aligned columns; a terminal cuts the last column at its width."""
        cleaned = [[self._cleaned(cell) for cell in row] for row in rows]
        if not cleaned:
            return
        columns = max(len(row) for row in cleaned)
        widths = [max((line_width(row[i]) for row in cleaned if i < len(row)), default=0) for i in range(columns)]
        for row in cleaned:
            line = [Span(" " * indent)] if indent else []
            last = max((index for index, cell in enumerate(row) if line_width(cell)), default=0)
            for index, cell in enumerate(row[: last + 1]):
                line.extend(cell)
                if index < last and widths[index]:
                    line.append(Span(" " * (widths[index] - line_width(cell) + 2)))
            self._write(fit_line(line, self.width, self.clean("…")) if self.terminal else line)

    def _cleaned(self, line: Line) -> list[Span]:
        return [Span(self.clean(text), style) for text, style in spans(line)]

    def _write(self, line: Sequence[Span]) -> None:
        if self.color:
            self.console.print(text_of(line), soft_wrap=True)
        else:
            self.stream.write(plain(line).rstrip() + "\n")

    @property
    def console(self) -> Console:
        """The rich console of this stream, made when it is first needed."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(
                file=self.stream,
                force_terminal=self.terminal,
                no_color=not self.color,
                markup=False,
                emoji=False,
                highlight=False,
                width=self.width,
            )
        return self._console

    def live(self, build: Callable[[], Sequence[Line]], *, redirect: bool = True) -> Live:
        """Lines below everything else that are redrawn several times a second and removed at the end.

        With `redirect`, what others print meanwhile comes above them.
        """
        from rich.live import Live
        from rich.text import Text

        def shown() -> Text:
            more, width = self.clean("…"), self.console.width
            lines = (text_of(fit_line(self._cleaned(line), width, more)) for line in build())
            return Text("\n", no_wrap=True, overflow="crop").join(lines)

        return Live(
            get_renderable=shown,
            console=self.console,
            transient=True,
            refresh_per_second=8,
            redirect_stdout=redirect,
            redirect_stderr=redirect,
        )

    def flush(self) -> None:
        """Hands everything to the operating system."""
        self.stream.flush()


def text_of(line: Iterable[Span]) -> Text:
    """Cleaned spans as inert rich text."""
    from rich.text import Text

    return Text.assemble(*((text, STYLES.get(style, "")) for text, style in line))


def open_writer(stream: TextIO, *, no_color: bool = False, ascii_only: bool = False) -> Writer:
    """A writer for stdout or stderr as the environment and the options want it.

    No colour without a terminal, with ``NO_COLOR`` (any value), ``--no-color`` or ``TERM=dumb``; ASCII
    alone where the stream's encoding has no more.
    """
    terminal = stream.isatty()
    color = terminal and not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    try:
        "±●⚠✓".encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        ascii_only = True
    width = 80
    if terminal:
        import shutil

        width = shutil.get_terminal_size((80, 24)).columns
    return Writer(stream, color=color, terminal=terminal, ascii_only=ascii_only, width=width)


class Screen(NamedTuple):
    """Where a command writes: results to `out`, notes, questions and errors to `err`."""

    out: Writer
    err: Writer


def open_screen(*, no_color: bool = False, ascii_only: bool = False) -> Screen:
    """The writers of this process."""
    return Screen(
        open_writer(sys.stdout, no_color=no_color, ascii_only=ascii_only),
        open_writer(sys.stderr, no_color=no_color, ascii_only=ascii_only),
    )
