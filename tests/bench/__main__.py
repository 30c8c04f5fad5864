"""``python -m tests.bench [NAME …]``: runs the benches one after the other; each prints ratios of its own run.

The end is a table of all goals, each reached or MISSED.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.goals import FILE, table

HERE = Path(__file__).parent


def main() -> int:
    """Runs the benches named, or all of them, each in a process of its own."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    wanted = sys.argv[1:] or known
    unknown = set(wanted) - set(known)
    if unknown:
        print(f"no such bench: {', '.join(sorted(unknown))}; there are: {', '.join(known)}", file=sys.stderr)
        return 2
    failed = 0
    with tempfile.NamedTemporaryFile() as goals:
        for name in wanted:
            print(f"== {name}", flush=True)
            command = [sys.executable, "-m", f"tests.bench.bench_{name}"]
            failed |= subprocess.run(command, env=os.environ | {FILE: goals.name}, check=False).returncode
        print("== goals")
        print(table(Path(goals.name).read_text()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
