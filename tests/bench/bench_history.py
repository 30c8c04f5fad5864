"""Listing a long history against ``pulumi stack history``: ``python -m tests.bench.bench_history [UPDATES …]``.

Both list the same backend, whose records are copies of what the real engine wrote, in the same run; each figure is the
best of three with a warm file cache. Goals: design 6. The CLI prints ten updates unless told otherwise, also as JSON,
though it reads all; the ratio to its printing all of them is given beside.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from pulumi_rewind.session import Session, open_session
from pulumi_rewind.system.toolchain import find_engine
from tests.bench.goals import goal
from tests.support.stack import EngineStack

SIZES = (100, 1_000, 10_000)
SCREEN = 60
PROGRAM = """
import pulumi
from pulumi import ComponentResource
for number in range(20):
    ComponentResource("acme:index:Group", f"group-{number}", {"size": %d})
pulumi.export("size", %d)
"""


def best(action: Callable[[], object], times: int = 3) -> float:
    """Seconds of the fastest of a few runs."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        action()
        found.append(time.perf_counter() - begun)
    return min(found)


def lengthen(stack: EngineStack, updates: int) -> None:
    """Copies the two real updates until there are so many; the newest keeps its checkpoint, which is live."""
    folder = stack.history_directory
    records = sorted(folder.glob("*.history.json"))
    stamps = [int(path.name.split(".")[0].rsplit("-", 1)[1]) for path in records]
    first = stamps[0] - updates * 60 * 1_000_000_000
    parts = ("history.json", "history.json.attrs", "checkpoint.json", "checkpoint.json.attrs")
    contents = [[(folder / f"dev-{stamp}.{part}").read_bytes() for part in parts] for stamp in stamps[:2]]
    for number in range(updates - len(records)):
        for part, content in zip(parts, contents[number % 2], strict=True):
            (folder / f"dev-{first + number * 60 * 1_000_000_000}.{part}").write_bytes(content)


def session(stack: EngineStack) -> Session:
    return open_session(stack.root, "dev", environ=stack.environ)


def ours_all(stack: EngineStack) -> int:
    """Every update with git, live and last good, as the library yields them."""
    return sum(1 for _ in session(stack).timeline.entries(10**9))


def ours_screen(stack: EngineStack) -> int:
    """The first screen."""
    return len(list(islice(session(stack).timeline.entries(SCREEN), SCREEN)))


def command(stack: EngineStack, *arguments: str) -> str:
    """Our command as a process of its own, start of Python included."""
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "history", *arguments])
    if done.returncode != 0:
        raise SystemExit(f"pulumi-rewind history failed:\n{done.stderr}")
    return done.stdout


def measure(stack: EngineStack, updates: int) -> None:
    lengthen(stack, updates)
    ours = json.loads(command(stack, "--json"))
    every = ("stack", "history", "--json", "--page-size", str(updates), "-s", "dev")
    theirs = json.loads(stack.pulumi(*every).stdout)
    assert len(ours) == len(theirs) == updates, (len(ours), len(theirs), updates)
    cli_all = best(lambda: stack.pulumi("stack", "history", "--json", "-s", "dev"))
    cli_page = best(lambda: stack.pulumi("stack", "history", "--page-size", str(SCREEN), "-s", "dev"))
    cli_every = best(lambda: stack.pulumi(*every))
    print(f"{updates:>6} updates: pulumi stack history --json {cli_all:.2f} s, printing all of them {cli_every:.2f} s,")
    print(f"                pulumi stack history --page-size {SCREEN} {cli_page:.2f} s")
    for name, action, base, limit in (
        ("all, library", lambda: ours_all(stack), cli_all, None),
        ("all, command --json", lambda: command(stack, "--json"), cli_all, None),
        (f"first {SCREEN}, library", lambda: ours_screen(stack), cli_page, None),
        (f"first {SCREEN}, command", lambda: command(stack, "--limit", str(SCREEN)), cli_page, 0.08),
    ):
        seconds = best(action)
        ratio = seconds / base
        # The goals are for long histories; the start of Python rules the short ones.
        held = (
            goal(f"history --limit {SCREEN} of {updates:,} / the CLI's", ratio, limit)
            if limit and updates >= SIZES[-1]
            else ""
        )
        like = f"  (to printing all {seconds / cli_every:.3f})" if name.startswith("all") else ""
        print(f"        {name:<22} {seconds:7.3f} s   ratio {ratio:.3f} {held}{like}")


def main(arguments: list[str] | None = None) -> None:
    sizes = [int(text) for text in arguments or []] or list(SIZES)
    engine = find_engine(os.environ)
    print(f"history: engine {engine.version}, {os.cpu_count()} CPUs")
    for updates in sizes:
        with tempfile.TemporaryDirectory() as directory:
            stack = EngineStack(Path(directory), engine.path)
            stack.extra_environ = {"PYTHONPATH": os.pathsep.join([stack.environ["PYTHONPATH"], *sys.path])}
            stack.git_commit("bench", tag="v1")
            stack.up(PROGRAM % (1, 1))
            stack.up(PROGRAM % (2, 2))
            measure(stack, updates)


if __name__ == "__main__":
    main(sys.argv[1:])
