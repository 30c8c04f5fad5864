"""CPU against size: ``python -m tests.bench.bench_growth [--small | --large]``; needs the engine.

`growth` has the law that is fitted and draws the picture, docs/growth.svg; a small run leaves it as it is. A run makes
400,000 files, two checkpoints of 170 MB, and deploys 3,000 resources with the real engine, with ``--large`` 10,000; it
takes some minutes, and 2 GB of the disk. With ``--small`` everything is tried in a minute or two.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.system.toolchain import find_engine
from tests.bench.bench_blame import OWN, cpu
from tests.bench.bench_commands import PASSPHRASE, seal
from tests.bench.bench_diff import State, make_state
from tests.bench.goals import goal
from tests.bench.growth import Law, Line, law, picture, said, spaced
from tests.support.filestore import FileStore
from tests.support.rewind import session
from tests.support.sealing import Sealer
from tests.support.stack import EngineStack

PICTURE = Path(__file__).parents[2] / "docs" / "growth.svg"

SCREEN = 60
CHANGED = 10
AMONG = 10_000
"""Resources of the states of which more and more are changed."""

ROUNDS = 5
PROGRAM = """
import bridged_sdk as bridged
last = None
for number in range({count}):
    props = {{"image": "{image}" if number % {every} == 0 else "fixed", "tags": {{"n": str(number)}}}}
    if number % 10:
        props["dependsId"] = last.id
    last = bridged.Server(f"web-{{number}}", props)
"""
AT_THE_END = {"PULUMI_SKIP_CHECKPOINTS": "true", "PULUMI_EXPERIMENTAL": "true"}
"""The engine saves the state once; with each of 3,000 new resources it would take half an hour."""


def project(folder: Path) -> tuple[FileStore, dict[str, str]]:
    """A project with an empty history; the environment to work with it, in which Python keeps what it compiles."""
    store = FileStore(folder / "backend", stack="prod")
    (folder / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    environ = {**os.environ, "PULUMI_BACKEND_URL": store.url, "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    return store, environ


def spent(work: Callable[[], object]) -> tuple[float, float]:
    """CPU seconds of this process and of its children for some work."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    before = [resource.getrusage(one) for one in who]
    work()
    after = [resource.getrusage(one) for one in who]
    own, children = (
        now.ru_utime + now.ru_stime - was.ru_utime - was.ru_stime for was, now in zip(before, after, strict=True)
    )
    return own, children


def history(sizes: Sequence[int], folder: Path) -> Iterator[Line]:
    """The command's first screen. Every update has its own files and its own state, of one resource."""
    store, environ = project(folder)
    seconds, making = [], 0.0
    for size in sizes:
        begun = time.process_time()
        for number in range(store.updates + 1, size + 1):
            store.add(number, live=number == size)
        making += time.process_time() - begun
        seconds.append(cpu((*OWN, "history", "-s", "prod", "--limit", str(SCREEN)), folder, environ, ROUNDS))
    names = min(spent(lambda: os.listdir(store.history))[0] for _ in range(ROUNDS))  # noqa: PTH208 - names alone
    print(f"  making {sizes[-1]:,} updates took {making:.0f} s of CPU; Python lists their names in {names:.2f} s")
    yield Line("history, the first screen, by updates", tuple(sizes), tuple(seconds))


def store_state(store: FileStore, number: int, state: State) -> None:
    """Makes a state that of an update, as the CLI writes it."""
    document = {"version": 3, "checkpoint": {"stack": store.ref.fqn, "latest": state["deployment"]}}
    store.write("checkpoint", msgspec.json.format(msgspec.json.encode(document), indent=4), number=number)


def change(state: State, count: int) -> None:
    """Changes so many resources, evenly, in an input and an output."""
    resources = state["deployment"]["resources"][2:]
    for step in range(count):
        one = resources[step * len(resources) // count]
        one["inputs"]["size"] += 1
        one["outputs"] |= {"size": one["inputs"]["size"], "etag": f"{count}-{step}"}


def diff(sizes: Sequence[int], among: int, folder: Path) -> Iterator[Line]:
    """The command, with secrets: more and more resources, 10 of them changed; and more and more changed ones."""
    store, environ = project(folder)
    store.add(None, live=False)
    store.add(None)

    def begin(size: int) -> State:
        state = make_state(size)
        seal(state, Sealer(PASSPHRASE))
        store_state(store, 1, state)
        return state

    def measured(state: State, changed: int) -> float:
        change(state, changed)
        store_state(store, 2, state)
        return cpu((*OWN, "diff", "-s", "prod", "1", "2"), folder, environ, ROUNDS)

    seconds = tuple(measured(begin(size), CHANGED) for size in sizes)
    yield Line(f"diff, {CHANGED} changed, by resources", tuple(sizes), seconds)
    state = begin(among)
    steps = spaced(CHANGED, among, len(sizes))
    yield Line(
        f"diff, of {among:,}, by changed ones", steps, tuple(measured(state, step) for step in steps), dashed=True
    )


def replay(sizes: Sequence[int], folder: Path) -> Iterator[Line]:
    """Plan and rollback with the engine, 10 changed: what this process takes, and what its children take."""
    EngineStack.patience = 3_600
    found: dict[str, list[tuple[float, float]]] = {"plan": [], "rollback": []}
    for size in sizes:
        stack = EngineStack(folder / f"stack-{size}", find_engine(os.environ).path)
        stack.use_plugin_processes()  # our own CPU is measured
        stack.install_provider("1.0.0", Path(sys.executable))
        stack.extra_environ = AT_THE_END
        for image in ("one", "two"):
            stack.up(PROGRAM.format(count=size, image=image, every=max(size // CHANGED, 1)))
            stack.extra_environ = {}
        rounds = [there_and_back(stack, target) for target in ("1", "2", "1")]
        for name, measured in zip(found, zip(*rounds, strict=True), strict=True):
            own, engine = (min(part) for part in zip(*measured, strict=True))
            found[name].append((own, engine))
    for name, pairs in found.items():
        own, engine = zip(*pairs, strict=True)
        yield Line(f"{name}, our part, by resources", tuple(sizes), own)
        yield Line(f"{name}, the engine's part", tuple(sizes), engine, dashed=True)


def there_and_back(stack: EngineStack, target: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """What the plan to a target takes, and its run."""
    opened, plans = session(stack), []
    plan = spent(lambda: plans.append(build_plan(opened, resolve_target(opened.timeline, target))))
    run = RollbackRun(opened, plans[0], check_again=False)
    back = spent(lambda: list(run.events()))
    assert run.result is not None
    assert len(plans[0].steps) >= CHANGED
    assert not [item for item in run.result.differences if not item.expected]
    return plan, back


def held(line: Line, found: Law) -> str:
    """The goals: nothing of ours grows faster than its size, and the first screen hardly at all."""
    if line.name.startswith("history"):
        return goal(f"growth of {line.name}: exponent of the whole cost", found.whole, 0.5)
    return "" if "engine" in line.name else goal(f"growth of {line.name}: exponent", found.exponent, 1.1)


def main() -> None:
    """Measures everything, prints it, and draws it."""
    small, large = ("--small" in sys.argv), ("--large" in sys.argv)
    if small:
        updates, resources, among, engine = spaced(100, 3_000, 4), spaced(100, 2_000, 4), 1_000, (30, 100, 300)
    else:
        updates, resources, among = spaced(100, 100_000, 7), spaced(100, 50_000, 7), AMONG
        engine = (100, 200, 400, 800, 1_500, 3_000, *((10_000,) if large else ()))
    print(f"growth: {os.cpu_count()} CPUs, seconds of CPU, the least of a few runs")
    lines = []
    measures: tuple[Callable[[Path], Iterator[Line]], ...] = (
        lambda folder: history(updates, folder),
        lambda folder: diff(resources, among, folder),
        lambda folder: replay(engine, folder),
    )
    for measure in measures:
        with tempfile.TemporaryDirectory() as folder:
            for line in measure(Path(folder)):
                lines.append(line)
                found = law(line)
                print(f"  {line.name}: {said(found)} {'' if small else held(line, found)}")
                figures = zip(line.sizes, line.seconds, strict=True)
                print("    " + "  ".join(f"{size:,}: {seconds:.3g} s" for size, seconds in figures), flush=True)
    if not small:
        PICTURE.write_text(picture(lines))
        print(f"  drawn: docs/{PICTURE.name}")


if __name__ == "__main__":
    main()
