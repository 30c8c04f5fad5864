"""Which update set what: one resource over a long history: ``python -m tests.bench.bench_blame [UPDATES [RESOURCES]]``.

Every hundredth update changes 1% of the resources, the others are as they were. The measure is reading all states once,
which is what a search that looks into each of them takes at least; and the goal of design 6 in seconds of CPU.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.bench_diff import change_state, make_state
from tests.bench.goals import goal
from tests.support.filestore import FileStore

SAME = 100
OWN = (sys.executable, "-m", "pulumi_rewind_tui.cli")


def fill(folder: Path, updates: int, resources: int) -> dict[str, str]:
    """A project with so many updates; the environment to work with it. Equal states are one file with many names."""
    store = FileStore(folder / "backend", stack="prod")
    state = make_state(resources)
    first = Path()
    for number in range(updates):
        store.add(None, stored=False, live=False)
        if number % SAME == 0:
            state = change_state(state, 0.01) if number else state
            document = {"version": 3, "checkpoint": {"stack": store.ref.fqn, "latest": state["deployment"]}}
            raw = json.dumps(document, indent=4).encode()
            first = store.write("checkpoint", raw)
        else:
            store.path("checkpoint", store.updates).hardlink_to(first)
    store.write_live(first.read_bytes())
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    return {**os.environ, "PULUMI_BACKEND_URL": store.url, "PULUMI_CONFIG_PASSPHRASE": ""}


def cpu(command: tuple[str, ...], folder: Path, environ: dict[str, str], times: int = 3) -> float:
    """Seconds of CPU of one run, the least of a few."""
    found = []
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command, cwd=folder, env=environ, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def main() -> None:
    """Measures one size."""
    given = [int(text) for text in sys.argv[1:]]
    updates, resources = (*given, *(1_200, 1_000)[len(given) :])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = fill(folder, updates, resources)
        ours = cpu((*OWN, "blame", "-s", "prod", "bucket-00400", "--json"), folder, environ)
        reading = f"cat {folder}/backend/.pulumi/history/shop/prod/*.checkpoint.json | cat"
        theirs = cpu(("sh", "-c", reading), folder, environ)
    print(f"{updates:,} updates of {resources:,} resources")
    held = goal(f"blame over {updates:,} updates of {resources:,} resources, seconds of CPU", ours, 3)
    print(f"  blame                   {ours:6.2f} s of CPU {held}")
    print(f"  reading all the states  {theirs:6.2f} s of CPU: blame is {ours / theirs:.2f} × of it")


if __name__ == "__main__":
    main()
