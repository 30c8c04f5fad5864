"""Output of the demo: its progress, and what exists afterwards."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from pulumi_rewind.demo.build import Begun, Done, Progress
from pulumi_rewind.engine.events import ResourceDone, ResourcePre
from pulumi_rewind_tui.terminal.writer import Writer
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.spans import changes_line
from pulumi_rewind_tui.words.words import elapsed, resource_name

if TYPE_CHECKING:
    from rich.live import Live

    from pulumi_rewind.demo.folder import Demo
    from pulumi_rewind.demo.site import World

TITLE_WIDTH = 41
"""Columns that the longest title of a release takes."""

CHANGES_WIDTH = 8
"""Columns that the counts of the largest release take."""


class BuildDisplay:
    """A line for each thing that is done; in a terminal, one more that shows what is being done."""

    def __init__(self, writer: Writer, title: str) -> None:
        self._writer = writer
        self._title = title
        self._live: Live | None = None
        self._what = ""
        self._resource = ""
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        if self._writer.color:
            self._live = self._writer.live(self._render)
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live is not None:
            self._live.stop()

    def event(self, event: Progress) -> None:
        """Shows one event."""
        match event:
            case Begun(what):
                if self._title:  # printed only once something is created
                    self._writer.line(Span(self._title, "title"))
                    self._writer.flush()
                    self._title = ""
                self._what, self._resource, self._started = what, "", time.monotonic()
            case Done():
                self._writer.line(*done_line(event))
                self._writer.flush()
                self._what = ""
            case ResourcePre(step) | ResourceDone(step) if step.op != "same":
                self._resource = resource_name(step.urn)

    def _render(self) -> list[Line]:
        if not self._what:
            return []
        took = Span(f"   {elapsed(time.monotonic() - self._started)}", "dim")
        resource = Span(f"   {self._resource}" if self._resource else "", "bold")
        return [[Span(f"◐ {self._what}", "title"), took, resource]]


def done_line(done: Done) -> Line:
    """One finished thing."""
    mark = Span("✗ ", "failed") if done.failed else Span("✓ ", "ok")
    if done.changes is None:
        return [mark, done.what, Span(f"  {done.detail}" if done.detail else "", "dim")]
    counts = changes_line(done.changes)
    width = sum(len(span.text if isinstance(span, Span) else span) for span in counts)
    line: list[Span | str] = [mark, f"{done.what:<{TITLE_WIDTH}} ", *counts, " " * (CHANGES_WIDTH - width)]
    line.append(Span(f"  {done.seconds:4.1f} s", "dim"))
    if done.failed:
        line.append(Span(f"  failed half-way, as intended: {done.detail}", "warn"))
    return line


def world_lines(world: World) -> Iterator[Line]:
    """Everything that is seen, with what it says."""
    for seen in world.seen():
        if seen.well is None:
            yield ["  ", Span("·", "dim"), Span(f" {seen.name}", "bold"), f"   {seen.note}"]
            continue
        mark = Span("✓", "ok") if seen.well else Span("✗", "failed")
        yield ["  ", mark, " ", Span(seen.name, "bold"), Span(f"   {seen.note}" if seen.note else "", "dim")]
        for text in seen.lines:
            yield ["      ", text]


def try_lines(demo: Demo, named: str, good: str, *, ran: bool) -> Iterator[Line]:
    """What to do with it now; `named` is the folder as a shell takes it. Most lines fit in 80 columns."""
    first = "pulumi-rewind rollback v1.1" if ran else f"pulumi-rewind rollback {good}"
    yield [Span("what to try", "title")]
    lines = (
        (f"cd {named} && . ./env.sh", "use this stack"),
        demo.site.question,
        ("pulumi-rewind", "open the screens"),
        ("pulumi-rewind diff", "compare with last good"),
        (first, "review, confirm, go back"),
        (f"pulumi-rewind demo --clean {shlex.quote(str(demo.root))}", "remove everything"),
    )
    width = max(len(command) for command, _ in lines)
    for command, what in lines:
        yield ["  ", Span(f"{command:<{width}}", "commit"), Span(f"  {what}", "dim")]
