"""How cost grows with size: the law that fits what was measured, and its picture. Pure.

The law is ``start + factor · n ** exponent``, the one whose relative errors, squared, add up to the least. So all sizes
count alike, and none has to be left out because the fixed start still rules it.
"""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

STEPS = 100
"""Exponents are told in hundredths, up to `STEEPEST`."""

STEEPEST = 3
FLAT = 1.2
"""Where the dearest size costs less than that many times the cheapest, no growth can be told."""

WIDTH, HEIGHT = 960, 520
LEFT, TOP, RIGHT, BOTTOM = 64, 24, 600, 464
"""The edges of the plot."""

STYLE = (
    "text{font:13px sans-serif;fill:#24292f}.less{fill:#57606a;font-size:12px}.paper{fill:#fff}.grid{stroke:#d0d7de}"
    ".line{fill:none;stroke-width:2}.dashed{stroke-dasharray:6 4}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.less{fill:#9da7b3}.paper{fill:#0d1117}.grid{stroke:#30363d}}"
)
COLOURS = {"history": "#0f83d8", "diff": "#d9660a", "plan": "#0f9d75", "rollback": "#c2569b"}
"""By what stands before the comma in a line's name, to be told apart by everybody and on both papers."""


class Line(NamedTuple):
    """What was measured of one thing."""

    name: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]
    dashed: bool = False


class Law(NamedTuple):
    """How a line grows."""

    start: float
    factor: float
    exponent: float
    """Of what comes on top of the start."""
    whole: float
    """The slope of the whole cost, the start included: what somebody sees who doubles the size."""

    def at(self, size: float) -> float:
        """Seconds at a size."""
        return self.start + self.factor * size**self.exponent


def spaced(low: int, high: int, count: int) -> tuple[int, ...]:
    """So many sizes between two, both included, evenly on a logarithmic scale."""
    return tuple(map(round, _between(low, high, count)))


def _between(low: float, high: float, count: int) -> list[float]:
    return [low * (high / low) ** (step / (count - 1)) for step in range(count)]


def law(line: Line) -> Law:
    """The law that fits best; at least three sizes."""
    logs = [(math.log(size), math.log(spent)) for size, spent in zip(line.sizes, line.seconds, strict=True)]
    across, up = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    whole = sum((x - across) * (y - up) for x, y in logs) / sum((x - across) ** 2 for x, _ in logs)
    if max(line.seconds) < FLAT * min(line.seconds):
        return Law(math.exp(up), 0.0, 0.0, whole)
    tried = (_with(step / STEPS, line) for step in range(1, STEEPEST * STEPS + 1))
    _, start, factor, exponent = min(tried)
    return Law(start, factor, exponent if factor else 0.0, whole)


def _with(exponent: float, line: Line) -> tuple[float, float, float, float]:
    """Error, start and factor with a given exponent: 1 ≈ start · p + factor · q, each size weighted by its cost."""
    rows = [(1 / spent, size**exponent / spent) for size, spent in zip(line.sizes, line.seconds, strict=True)]
    pp, pq, qq, p, q = (sum(values) for values in zip(*((p * p, p * q, q * q, p, q) for p, q in rows), strict=True))
    rest = pp * qq - pq * pq
    start, factor = (p * qq - q * pq) / rest, (q * pp - p * pq) / rest
    if start < 0:
        start, factor = 0.0, q / qq
    elif factor < 0:
        start, factor = p / pp, 0.0
    return sum((start * p + factor * q - 1) ** 2 for p, q in rows), start, factor, exponent


# -- the picture ------------------------------------------------------------------------------------------------------


def picture(lines: Sequence[Line]) -> str:
    """An SVG that also holds the figures that it is drawn from; see `figures`."""
    sizes = [size for line in lines for size in line.sizes]
    spent = [seconds for line in lines for seconds in line.seconds]
    first, last = math.floor(math.log10(min(sizes))), math.ceil(math.log10(max(sizes)))
    low, high = math.floor(math.log10(min(spent))), math.ceil(math.log10(max(spent)))

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - first) / (last - first) * (RIGHT - LEFT)

    def y(seconds: float) -> float:
        return BOTTOM - (math.log10(seconds) - low) / (high - low) * (BOTTOM - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>CPU seconds against size, on logarithmic scales</title>",
        f"<metadata>{html.escape(json.dumps(lines), quote=False)}</metadata><style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}" rx="8"/>',
    ]
    for power in range(first, last + 1):
        parts.append(f'<path class="grid" d="M{x(10**power):.1f} {TOP}V{BOTTOM}"/>')
        parts.append(f'<text x="{x(10**power):.1f}" y="{BOTTOM + 20}" text-anchor="middle">{10**power:,}</text>')
    for power in range(low, high + 1):
        parts.append(f'<path class="grid" d="M{LEFT} {y(10**power):.1f}H{RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(10**power) + 4:.1f}" text-anchor="end">{10.0**power:g} s</text>')
    parts.append(f'<text class="less" x="{RIGHT}" y="{BOTTOM + 40}" text-anchor="end">updates, resources</text>')
    for row, line in enumerate(lines):
        found, colour = law(line), COLOURS[line.name.split(",")[0]]
        kind = "line dashed" if line.dashed else "line"
        steps = _between(line.sizes[0], line.sizes[-1], 50)
        curve = " ".join(f"{x(step):.1f},{y(found.at(step)):.1f}" for step in steps)
        parts.append(f'<polyline class="{kind}" stroke="{colour}" points="{curve}"/>')
        for size, seconds in zip(line.sizes, line.seconds, strict=True):
            parts.append(f'<circle cx="{x(size):.1f}" cy="{y(seconds):.1f}" r="3.5" fill="{colour}"/>')
        at = TOP + 12 + row * 46
        parts.append(f'<path class="{kind}" stroke="{colour}" d="M{RIGHT + 20} {at - 4}h30"/>')
        parts.append(f'<text x="{RIGHT + 58}" y="{at}">{html.escape(line.name)}</text>')
        parts.append(f'<text class="less" x="{RIGHT + 58}" y="{at + 18}">{said(found)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def said(found: Law) -> str:
    """The law in words."""
    return f"exponent {found.exponent:.2f} above {found.start:.2f} s; {found.whole:.2f} in all"


def figures(svg: str) -> list[Line]:
    """What a picture was drawn from."""
    found = re.search("<metadata>(.*?)</metadata>", svg)
    rows = json.loads(html.unescape(found[1])) if found else []
    return [Line(name, tuple(sizes), tuple(seconds), dashed) for name, sizes, seconds, dashed in rows]
