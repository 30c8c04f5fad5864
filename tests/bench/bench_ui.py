"""The installed UI in a pseudo-terminal against an empty Textual application: ``python -m tests.bench.bench_ui``.

First paint on a stack with 10,000 updates, key to paint while moving over updates with two 10,000-resource checkpoints,
a diff of 100,000 lines, memory, and what it costs to watch the backend; ratios of one run. Goals: design 6.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from tests.bench.bench_diff import change_state, make_state
from tests.bench.goals import goal
from tests.bench.pty_app import PtyApp, percentile
from tests.support.filestore import FileStore

EMPTY = """
from textual.app import App
from textual.widgets import Static
class Empty(App):
    def compose(self):
        yield Static("Timeline")
Empty().run()
"""
RUNS = 15
KEYS = 40
REST = 30.0


def project(directory: Path, store: FileStore) -> tuple[Path, dict[str, str]]:
    """A project for the store, and an environment that has nothing of the operator's."""
    root = directory / "project"
    root.mkdir(exist_ok=True)
    (root / "Pulumi.yaml").write_text(f"name: shop\nruntime: python\nbackend:\n  url: {store.url}\n")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "LANG": "C.UTF-8",
        "TEXTUAL_ANIMATIONS": "none",
        "PULUMI_STACK": "dev",
        "PULUMI_CONFIG_PASSPHRASE": "",
    }
    return root, environ


def ours() -> list[str]:
    return [sys.executable, "-m", "pulumi_rewind_tui.cli"]


def first_paint(directory: Path) -> None:
    store = FileStore(directory / "long")
    for number in range(10_000):
        store.add(number, live=number == 9_999)
    root, environ = project(directory, store)
    figures: dict[str, list[tuple[float, float]]] = {"first paint": [], "first rows": [], "empty": []}
    for _ in range(RUNS):
        app = PtyApp(ours(), cwd=root, environ=environ)
        for name, text in (("first paint", b"Timeline"), ("first rows", b"#10000")):
            figures[name].append((app.until(text), app.cpu()))
        app.close()
        empty = PtyApp([sys.executable, "-c", EMPTY], cwd=root, environ=environ)
        figures["empty"].append((empty.until(b"Timeline"), empty.cpu()))
        empty.close()
    least = {name: [min(item[part] for item in items) for part in (0, 1)] for name, items in figures.items()}
    print("10,000 updates / an empty Textual app")
    for name in ("first paint", "first rows"):
        wall, cpu = least[name]
        ratio = cpu / least["empty"][1]
        held = goal("first paint of 10,000 updates / an empty application, CPU", ratio, 1.3) if "paint" in name else ""
        print(f"   {name:<12} CPU {ratio:.2f} {held}   wall {wall / least['empty'][0]:.2f}  [{wall:.2f} s]")
    at_rest(root, environ)


def at_rest(root: Path, environ: dict[str, str]) -> None:
    """What it costs to watch a backend where nothing happens."""
    app = PtyApp(ours(), cwd=root, environ=environ)
    app.until(b"#10000")
    app.quiet(3.0)
    before = app.cpu()
    painted = len(app.output)
    end = time.perf_counter() + REST
    while time.perf_counter() < end:
        app.read(1.0)
    share = (app.cpu() - before) / REST
    held = goal("watching a backend at rest, share of a core", share, 0.01)
    print(f"   at rest      CPU {share:.2%} of a core {held}")
    painted = len(app.output) - painted
    print(f"   … bytes painted {painted} {goal('bytes painted at rest', painted, 0)}")
    app.close()


def write_state(store: FileStore, state: dict[str, Any]) -> int:
    """Adds an update with this deployment, written as the pulumi CLI does; returns the bytes of its checkpoint."""
    number = store.add(None)
    body = {"version": 3, "checkpoint": {"stack": store.ref.fqn, "latest": state["deployment"]}}
    raw = msgspec.json.format(msgspec.json.encode(body), indent=4).replace(b":prod::", b":dev::")
    path = next(iter(sorted(store.history.glob("*.checkpoint.json"))[number - 1 : number]))
    path.write_bytes(raw)
    store.state.write_bytes(raw)
    return len(raw)


def strokes(app: PtyApp, keys: tuple[bytes, bytes]) -> list[float]:
    """Two keys in turn, each when the screen is quiet; seconds from key to paint."""
    found = []
    for number in range(KEYS):
        app.quiet()
        found.append(app.key(keys[number % 2]))
    return found


def moving(directory: Path, share: float, label: str) -> None:
    store = FileStore(directory / label)
    first = make_state(10_000)
    size = write_state(store, first)
    for _ in range(3):
        write_state(store, change_state(first, share))
    size += write_state(store, first)
    root, environ = project(directory, store)
    empty = PtyApp([sys.executable, "-c", EMPTY], cwd=root, environ=environ)
    empty.until(b"Timeline")
    base, _ = empty.memory()
    empty.close()
    app = PtyApp(ours(), cwd=root, environ=environ)
    app.until(b"#5")
    app.quiet(0.5)
    cold = [app.key(key) for key in (b"j", b"j", b"j", b"k", b"k", b"j")]
    app.quiet(2.0, limit=60)
    warm = strokes(app, (b"k", b"j"))
    os.write(app.fd, b"\t")
    app.quiet(0.5)
    scroll = strokes(app, (b"\x1b[6~", b"\x1b[5~"))
    memory, others = app.memory()
    app.close()
    print(f"two 10,000-resource checkpoints, {label}")
    print(
        f"   key to paint while a diff is computed   p50 {percentile(cold, 0.5) * 1e3:5.0f} ms   "
        f"max {max(cold) * 1e3:5.0f} ms"
    )
    print(
        f"   key to paint in the timeline            p50 {percentile(warm, 0.5) * 1e3:5.0f} ms   "
        f"p95 {percentile(warm, 0.95) * 1e3:5.0f} ms"
    )
    print(
        f"   page down in the diff                   p50 {percentile(scroll, 0.5) * 1e3:5.0f} ms   "
        f"p95 {percentile(scroll, 0.95) * 1e3:5.0f} ms"
    )
    slowest = max(percentile(times, 0.95) for times in (cold, warm, scroll))
    print(f"   {goal(f'key to paint, {label}, p95 in ms', slowest * 1e3, 50)}")
    ratio = (memory - base) / size
    held = goal(f"memory of the UI above an empty one / two states, {label}", ratio, 2)
    print(f"   memory above an empty app / the two     {ratio:5.2f} {held} (the UI's own process)")
    print(f"   … with the process that compares        {ratio + others / size:5.2f}")


def main() -> None:
    """Prints the figures."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        first_paint(directory)
        moving(directory, 0.01, "1% changed")
        moving(directory, 1.0, "all changed")


if __name__ == "__main__":
    main()
