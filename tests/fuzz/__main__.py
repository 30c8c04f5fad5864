"""``python -m tests.fuzz --seconds 60``: spoils inputs of every kind until the time is over, and says what it found.

An input may end in an error of ours. Another error, more than `LIMIT` seconds, or more than `MEMORY` bytes is a find:
the input is kept in the folder of `--finds`, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.runner import Runner
from tests.fuzz.targets import targets

MEMORY = 3 << 30


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", action="append", default=[], help="a target by name; may be repeated")
    parser.add_argument("--finds", type=Path, default=Path("fuzz-finds"))
    parser.add_argument("--totals", type=Path, help="a JSON file to which the figures are added")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        all_ = targets(Path(folder))
        chosen = {name: all_[name] for name in given.only or all_}
        runner = Runner(chosen, given.seed, given.finds, memory=MEMORY)
        end = time.monotonic() + given.seconds
        while time.monotonic() < end:
            for name in chosen:
                runner.run(name, seconds=min(1.0, given.seconds / len(chosen) / 2))
    width = max(map(len, chosen))
    for name, count in runner.counts.items():
        print(
            f"{name:<{width}}  {count:>9,} inputs  {runner.accepted[name]:>9,} accepted  {runner.found[name]:>3} finds"
        )
    print(f"{'all':<{width}}  {sum(runner.counts.values()):>9,} inputs, seed {given.seed}")
    if given.totals:
        known = json.loads(given.totals.read_text()) if given.totals.exists() else []
        given.totals.write_text(
            json.dumps([*known, {"seed": given.seed, "inputs": runner.counts, "finds": runner.found}])
        )
    return 1 if any(runner.found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
