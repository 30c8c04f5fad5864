"""Replay against the ordinary program: planning and rolling back, as ratios measured in one run.

``python -m tests.bench.bench_replay [RESOURCES …]``; needs the engine. Goals: design 6, for the sizes that it names.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.system.toolchain import find_engine
from tests.bench.goals import goal
from tests.support.rewind import session
from tests.support.stack import EngineStack

PLAN = {100: 0.7, 1_000: 0.3, 10_000: 0.25}
ROLLBACK = {100: 0.8, 1_000: 0.45}
"""By the number of resources."""

PROGRAM = """
import pulumi, bridged_sdk as bridged
last = None
for i in range({count}):
    props = {{"image": "{image}" if i % {every} == 0 else "fixed", "tags": {{"n": str(i)}}}}
    if last is not None and i % 10:
        props["dependsId"] = last.id
    last = bridged.Server(f"web-{{i}}", props)
"""


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Wall seconds, and CPU seconds of this process alone."""
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    work()
    wall = time.perf_counter() - start
    now = resource.getrusage(resource.RUSAGE_SELF)
    return wall, now.ru_utime + now.ru_stime - cpu.ru_utime - cpu.ru_stime


def measure(count: int) -> None:
    """Prints the figures for one size."""
    with tempfile.TemporaryDirectory() as directory:
        stack = EngineStack(Path(directory) / "stack", find_engine(os.environ).path)
        stack.use_plugin_processes()  # our own CPU is measured
        stack.install_provider("1.0.0", Path(sys.executable))
        every = max(count // 10, 1)
        stack.up(PROGRAM.format(count=count, image="one", every=every))
        stack.up(PROGRAM.format(count=count, image="two", every=every))
        stack.write_program(PROGRAM.format(count=count, image="one", every=every))
        preview, _ = timed(lambda: stack.pulumi("preview", "-s", stack.name))
        opened = session(stack)
        plans = []
        plan, plan_cpu = timed(lambda: plans.append(build_plan(opened, resolve_target(opened.timeline, "1"))))
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        runs = RollbackRun(opened, plans[0], check_again=False)
        back, back_cpu = timed(lambda: list(runs.events()))
        now = resource.getrusage(resource.RUSAGE_CHILDREN)
        engine_cpu = now.ru_utime + now.ru_stime - children.ru_utime - children.ru_stime
        assert runs.result is not None
        assert not [item for item in runs.result.differences if not item.expected]
        stack.up(PROGRAM.format(count=count, image="two", every=every))
        up, _ = timed(lambda: stack.up(PROGRAM.format(count=count, image="one", every=every)))
        opened = session(stack)
        both = RollbackRun(opened, build_plan(opened, resolve_target(opened.timeline, "2")), check_again=True)
        full, _ = timed(lambda: list(both.events()))
        print(f"{count:>6} resources, 10 of them changed")
        shown = f"{count:,} resources"
        figures = (
            (f"plan / preview of the program, {shown}", plan / preview, PLAN.get(count)),
            (f"rollback / up of the program, {shown}", back / up, None),
            (f"rollback with its second plan / up of the program, {shown}", full / up, ROLLBACK.get(count)),
            (f"our CPU / all CPU of a rollback, {shown}", back_cpu / (back_cpu + engine_cpu), None),
            (f"our CPU / time of a plan, {shown}", plan_cpu / plan, 0.15),
        )
        for what, ratio, limit in figures:
            print(f"   {what:<72} {ratio:6.2f} {goal(what, ratio, limit) if limit else ''}")
        print(f"   preview of the program {preview:.1f} s, up {up:.1f} s")


def main() -> None:
    """Measures the sizes given, 100 and 1,000 by default."""
    for count in [int(text) for text in sys.argv[1:]] or [100, 1000]:
        measure(count)


if __name__ == "__main__":
    main()
