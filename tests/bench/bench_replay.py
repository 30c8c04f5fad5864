"""Replay against the ordinary program, whole commands as an operator starts them; ratios of one run.

``python -m tests.bench.bench_replay [RESOURCES …]``; needs the engine. Nothing that makes the tests fast is used: the
program and the provider are processes of an ordinary interpreter, and the engine collects its garbage as it does.
``pulumi up`` previews first, as an operator's does. Goals: design 6, for the sizes that it names.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple
from unittest.mock import patch

from pulumi_rewind.engine.cli import EngineRun
from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.session import open_session
from pulumi_rewind.system.toolchain import find_engine
from tests.bench.goals import goal
from tests.support.stack import EngineStack

PLAN: Final = {100: 0.7, 1_000: 0.3, 10_000: 0.25}
ROLLBACK: Final = {100: 0.8, 1_000: 0.45}
"""By the number of resources."""

OUR_CPU: Final = 0.15
BESIDE: Final = 0.03
RUNS: Final = 3
"""The quickest counts."""
MANY: Final = 3_000
"""More resources are not deployed, and only plans are made, once: deploying 10,000 would take half an hour."""
SEED: Final = 20
"""So many are deployed then."""

OWN: Final = (sys.executable, "-m", "pulumi_rewind_tui.cli")

PROGRAM = """
import pulumi, bridged_sdk as bridged
last = None
for i in range({count}):
    props = {{"image": "{image}" if i % {every} == 0 else "fixed", "tags": {{"n": str(i)}}}}
    if last is not None and i % 10:
        props["dependsId"] = last.id
    last = bridged.Server(f"web-{{i}}", props)
"""


class Cost(NamedTuple):
    """What one command took, in seconds."""

    wall: float
    own: float
    """CPU of the command's own process."""
    others: float
    """CPU of the processes that it started and waited for: the engine, programs, providers."""


class Bench:
    """A stack with two updates, of which the first is gone back to."""

    def __init__(self, directory: Path, count: int) -> None:
        self.count, self.every = count, max(count // 10, 1)
        self.stack = EngineStack(directory / "stack", find_engine(os.environ).path)
        self.stack.use_plugin_processes()
        self.stack.install_provider("1.0.0", Path(sys.executable))
        ordinary = {"PULUMI_PYTHON_CMD": sys.executable}
        self.environ = {name: text for name, text in self.stack.environ.items() if name not in {"GOGC", "GOMEMLIMIT"}}
        self.environ |= ordinary
        for image in ("one", "two"):
            self.write(image, SEED if count > MANY else count)
            self.stack.up()
        if count > MANY:
            self.stretch()

    def write(self, image: str, count: int) -> None:
        """The program with that image and so many resources."""
        self.stack.write_program(PROGRAM.format(count=count, image=image, every=self.every))

    def stretch(self) -> None:
        """Makes all resources out of the `SEED` that the real engine deployed: ten of them use one another.

        The first ten stand for those of which the image changes.
        """
        states = [*self.stack.history_directory.glob("*.checkpoint.json"), self.stack.state_file]
        for path in states:
            state = json.loads(path.read_text())
            entries = state["checkpoint"]["latest"]["resources"]
            made = [entry for entry in entries if not entry["type"].endswith(":Server")]
            rest = sorted(entries[len(made) :], key=lambda entry: int(entry["urn"].rpartition("-")[2]))
            servers = [json.dumps(entry) for entry in rest]
            for number in range(self.count):
                tens = number // 10
                known = servers[number % 10 + (10 if tens * 10 % self.every else 0)]
                known = re.sub(r"web-\d*(\d)\b", lambda found: f"web-{tens or ''}{found[1]}", known)  # noqa: B023
                made.append(json.loads(re.sub(r"srv-\w+", rf"\g<0>{tens}", known)))
                made[-1]["inputs"]["tags"] = made[-1]["outputs"]["tags"] = {"n": str(number)}
            state["checkpoint"]["latest"]["resources"] = made
            path.write_text(json.dumps(state, indent=4))

    def cost(self, *command: str) -> Cost:
        """Runs a command to its end.

        Raises:
            RuntimeError: it failed.
        """
        start = time.perf_counter()
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command, cwd=self.stack.root, env=self.environ, stdout=output, stderr=output, stdin=subprocess.DEVNULL
            )
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            wall = time.perf_counter() - start
            spent = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:15]
            if process.wait() != 0:
                output.seek(0)
                raise RuntimeError(f"{' '.join(command)} failed:\n{output.read().decode()}")
        user, system, others, others_system = (int(ticks) / os.sysconf("SC_CLK_TCK") for ticks in spent)
        return Cost(wall, user + system, others + others_system)

    def pulumi(self, *arguments: str) -> Cost:
        """A command of the CLI."""
        return self.cost("pulumi", *arguments, "-s", self.stack.name, "--non-interactive")

    def ours(self, *arguments: str) -> Cost:
        """A command of pulumi-rewind."""
        return self.cost(*OWN, "-s", self.stack.name, *arguments)

    def share_beside_the_engine(self) -> float:
        """Of the time of a rollback's run, its second plan apart: guards, journal, verification and records."""
        opened = open_session(self.stack.root, self.stack.name, environ=self.environ)
        plan = build_plan(opened, resolve_target(opened.timeline, "1"))
        engine = 0.0
        whole = EngineRun.events

        def measured(run: EngineRun) -> Iterator[EngineEvent]:
            nonlocal engine
            start = time.perf_counter()
            yield from whole(run)
            engine += time.perf_counter() - start

        start = time.perf_counter()
        with patch.object(EngineRun, "events", measured):
            list(RollbackRun(opened, plan, check_again=False).events())
        return 1 - engine / (time.perf_counter() - start)


def quickest(costs: Sequence[Cost]) -> Cost:
    """The one with the least time on the clock."""
    return min(costs)


def measure(count: int) -> None:
    """Prints the figures for one size."""
    few = count <= MANY
    runs = range(RUNS if few else 1)
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), count)
        bench.write("one", count)
        looks = [(bench.pulumi("preview"), bench.ours("plan", "1")) for _ in runs]
        preview, plan = (quickest(side) for side in zip(*looks, strict=True))
        shown = f"{count:,} resources"
        print(f"{shown}, 10 of them changed: `pulumi preview` {preview.wall:.1f} s, a plan {plan.wall:.1f} s")
        tell(
            (f"plan / preview of the program, {shown}", plan.wall / preview.wall, PLAN.get(count)),
            (f"our CPU / all CPU of a plan, {shown}", plan.own / sum(plan[1:]), OUR_CPU),
            (f"our CPU of a plan / all CPU of a preview, {shown}", plan.own / sum(preview[1:]), None),
            (f"all CPU of a plan / of a preview, {shown}", sum(plan[1:]) / sum(preview[1:]), None),
        )
        if few:
            rollbacks(bench, shown)


def rollbacks(bench: Bench, shown: str) -> None:
    """Prints the figures of going back and forth."""
    bench.write("two", bench.count)
    ways = [(bench.ours("rollback", "1", "--yes"), bench.pulumi("up", "--yes")) for _ in range(RUNS)]
    back, up = (quickest(side) for side in zip(*ways, strict=True))
    beside = bench.share_beside_the_engine()
    limit = ROLLBACK.get(bench.count)
    print(f"   `pulumi up` {up.wall:.1f} s, a rollback {back.wall:.1f} s")
    tell(
        (f"rollback, second plan included / up of the program, {shown}", back.wall / up.wall, limit),
        (f"our CPU / all CPU of a rollback, {shown}", back.own / sum(back[1:]), None),
        (f"all but the engine's run / rollback without second plan, {shown}", beside, BESIDE),
        (f"all CPU of a rollback / of an up, {shown}", sum(back[1:]) / sum(up[1:]), None),
    )


def tell(*figures: tuple[str, float, float | None]) -> None:
    """Prints what was measured, its ratio, and what came of its goal, if it has one."""
    for what, ratio, limit in figures:
        print(f"   {what:<72} {ratio:6.2f} {goal(what, ratio, limit) if limit else ''}")


def main() -> None:
    """Measures the sizes given, or those that have goals."""
    for count in [int(text) for text in sys.argv[1:]] or PLAN:
        measure(count)


if __name__ == "__main__":
    main()
