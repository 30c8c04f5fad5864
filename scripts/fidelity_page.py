"""Puts the figures of the last ``make test-real`` into docs/fidelity.md: a row for each stack, a column for each road.

    python -m scripts.fidelity_page [RESULTS]

RESULTS is what the run has written, one JSON object a line; by default that of the engine that ``make setup`` provides.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pulumi_rewind.system.toolchain import find_engine
from scripts.real import cache
from tests.real.roads import ROADS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "fidelity.md"
BEGIN, END = "<!-- the table of `make test-real` -->\n", "<!-- its end -->\n"


def table(results: list[dict[str, Any]]) -> str:
    """The table; of several results of a stack on a road the last one counts."""
    last = {(one["shop"], one["road"]): one for one in results}
    shops = sorted({shop for shop, _ in last})
    roads = [*ROADS, *sorted({road for _, road in last} - ROADS.keys())]
    most = {shop: max(one["resources"] for (name, _), one in last.items() if name == shop) for shop in shops}
    lines = [f"| stack | resources | {' | '.join(roads)} |", "|---|---|" + "---|" * len(roads)]
    for shop in shops:
        cells = " | ".join(_cell(last.get((shop, road))) for road in roads)
        lines.append(f"| {shop} | {most[shop]} | {cells} |")
    engines = ", ".join(sorted({one["engine"] for one in last.values()}))
    return "\n".join([*lines, "", f"Engine: {engines}. Each cell: rollbacks, and seconds with the deployments.", ""])


def _cell(result: dict[str, Any] | None) -> str:
    if result is None:
        return "–"
    if result["result"] != "held":
        return f"**{result['result']}**"
    return f"{result['rollbacks']} in {result['seconds']} s"


def main(arguments: list[str]) -> int:
    """Writes the page; 0 if there were results."""
    file = Path(arguments[0]) if arguments else cache() / "results" / f"{find_engine().version}.jsonl"
    if not file.exists():
        print(f"{file} is not there: run `make test-real` first", file=sys.stderr)
        return 1
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    made = table([json.loads(line) for line in file.read_text().splitlines()])
    PAGE.write_text(f"{before}{BEGIN}{made}{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
