"""Replay against the ordinary program, whole commands as an operator starts them; ratios of one run.

``python -m tests.bench.bench_replay [RESOURCES …]``; needs the engine. Nothing that makes the tests fast is used: the
program and the provider are processes of an ordinary interpreter, and the engine collects its garbage as it does.
``pulumi up`` previews first, as an operator's does. Goals: design 6, for the sizes that it names.
"""

from __future__ import annotations

import os
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
"""The quickest counts; beyond `MANY` resources one run must do."""
MANY: Final = 3_000

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
            self.write(image)
            self.stack.up()

    def write(self, image: str) -> None:
        """The program with that image."""
        self.stack.write_program(PROGRAM.format(count=self.count, image=image, every=self.every))

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
    runs = range(RUNS if count <= MANY else 1)
    with tempfile.TemporaryDirectory() as directory:
        bench = Bench(Path(directory), count)
        bench.write("one")
        looks = [(bench.pulumi("preview"), bench.ours("plan", "1")) for _ in runs]
        preview, plan = (quickest(side) for side in zip(*looks, strict=True))
        bench.write("two")
        ways = []
        for _ in runs:
            back = bench.ours("rollback", "1", "--yes")
            ways.append((back, bench.pulumi("up", "--yes")))
        back, up = (quickest(side) for side in zip(*ways, strict=True))
        beside = bench.share_beside_the_engine()
    shown = f"{count:,} resources"
    share = {name: cost.own / (cost.own + cost.others) for name, cost in (("plan", plan), ("rollback", back))}
    print(f"{shown}, 10 of them changed: `pulumi preview` {preview.wall:.1f} s, `pulumi up` {up.wall:.1f} s")
    figures = (
        (f"plan / preview of the program, {shown}", plan.wall / preview.wall, PLAN.get(count)),
        (f"rollback, second plan included / up of the program, {shown}", back.wall / up.wall, ROLLBACK.get(count)),
        (f"our CPU / all CPU of a plan, {shown}", share["plan"], OUR_CPU),
        (f"our CPU / all CPU of a rollback, {shown}", share["rollback"], None),
        (f"all but the engine's run / rollback without second plan, {shown}", beside, BESIDE),
        (f"our CPU of a plan / all CPU of a preview, {shown}", plan.own / sum(preview[1:]), None),
        (f"all CPU of a plan / of a preview, {shown}", sum(plan[1:]) / sum(preview[1:]), None),
        (f"all CPU of a rollback / of an up, {shown}", sum(back[1:]) / sum(up[1:]), None),
    )
    for what, ratio, limit in figures:
        print(f"   {what:<72} {ratio:6.2f} {goal(what, ratio, limit) if limit else ''}")


def main() -> None:
    """Measures the sizes given, 100 and 1,000 by default."""
    for count in [int(text) for text in sys.argv[1:]] or [100, 1000]:
        measure(count)


if __name__ == "__main__":
    main()
