"""What the benches are held to: each ratio beside its goal, collected for the table at the end of ``make bench``."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

FILE = "REWIND_BENCH_GOALS"
"""The variable that names the file in which benches leave their goals for `tests.bench.__main__`."""


class Goal(NamedTuple):
    """One figure of a run."""

    what: str
    reached: float
    limit: float
    """At most this."""

    @property
    def verdict(self) -> str:
        """One word."""
        return "reached" if self.reached <= self.limit else "MISSED"


def goal(what: str, reached: float, limit: float) -> str:
    """Notes a figure that has a goal; the words to print behind it."""
    found = Goal(what, reached, limit)
    if path := os.environ.get(FILE):
        with Path(path).open("a") as file:
            file.write(json.dumps(found) + "\n")
    return f"(goal {limit:g}: {found.verdict})"


def table(lines: str) -> str:
    """All that was noted, aligned."""
    goals = [Goal(*json.loads(line)) for line in lines.splitlines()]
    width = max((len(item.what) for item in goals), default=0)
    return "\n".join(
        f"{item.what:{width}}  {item.reached:8.3g}  goal {item.limit:<6g}  {item.verdict}" for item in goals
    )
