"""A very large stack: ``python -m tests.bench.bench_memory [RESOURCES]``; 50,000 unless told, 200 MB a checkpoint.

Four updates, each of which changes everything. Seconds and peak memory of commands, then of the UI while it moves
between the states, opens what differs, pages, and compares each state with live and with the one before; memory as a
multiple of two states.
Goals: design 6.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.bench_commands import PASSPHRASE, sealed_states
from tests.bench.bench_ui import EMPTY, ours, project, strokes, write_state
from tests.bench.goals import goal
from tests.bench.pty_app import PtyApp, percentile
from tests.support.filestore import FileStore

WATCHED = """
import os, sys
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""
"""Runs a command from a small process: a child's peak memory begins with that of the process that started it."""

COMMANDS = {
    "history": ("history",),
    "diff, the summary": ("diff", "1", "2", "--stat"),
    "diff, everything": ("diff", "1", "2"),
    "show": ("show", "2"),
    "blame": ("blame", "bucket-00100"),
}
MARKED = "★".encode()


def fill(store: FileStore, count: int) -> int:
    """Writes the four updates; bytes of the first two states."""
    state, later = sealed_states(count, 1.0)
    size = write_state(store, state)
    size += write_state(store, later)
    for _ in range(2):
        for res in later["deployment"]["resources"]:
            if "size" in res.get("inputs", {}):
                res["inputs"]["size"] += 1
        write_state(store, later)
    return size


def command(words: tuple[str, ...], root: Path, environ: Mapping[str, str]) -> tuple[float, float, int, int]:
    """Runs one of our commands; seconds, CPU seconds, peak memory in bytes, lines of output."""
    begun = time.perf_counter()
    started = [sys.executable, "-I", "-c", WATCHED, *ours(), *words]
    done = subprocess.run(started, cwd=root, env=environ, capture_output=True, check=True)
    cpu, peak = done.stderr.split()[-2:]
    return time.perf_counter() - begun, float(cpu), int(peak), done.stdout.count(b"\n")


def commands(root: Path, environ: Mapping[str, str], size: int) -> None:
    """Prints what each command takes."""
    for name, words in COMMANDS.items():
        wall, cpu, peak, lines = command(words, root, environ)
        print(
            f"   {name:<20} {wall:6.2f} s   CPU {cpu:6.2f} s   {peak / 2**20:5.0f} MB ({peak / size:.2f} × the two)"
            f"   {lines:,} lines"
        )


def screens(root: Path, environ: dict[str, str], size: int, count: int) -> None:
    """Prints what the UI takes."""
    states = f"two states of {count:,} resources"
    empty = PtyApp([sys.executable, "-c", EMPTY], cwd=root, environ=environ)
    empty.until(b"Timeline")
    base, _ = empty.memory()
    empty.close()
    app = PtyApp(ours(), cwd=root, environ=environ)
    rows = app.until(b"#4")
    marks = app.until(MARKED)
    app.quiet(3.0, limit=120)
    cold = [app.key(key) for key in (b"k", b"k", b"j", b"j", b"j", b"k")]
    app.quiet(3.0, limit=120)
    warm = strokes(app, (b"k", b"j"))
    app.quiet(3.0, limit=120)
    os.write(app.fd, b"\t")
    app.quiet(1.0)
    os.write(app.fd, b"\x1b[6~")
    scroll = strokes(app, (b"\x1b[6~", b"\x1b[5~"))
    os.write(app.fd, b"G")
    opened = strokes(app, (b"\r", b"\r"))
    _, two = app.memory()
    os.write(app.fd, b"\x1b[Z")  # back to the timeline
    for view in (b"", b"dd"):  # what going back would change; what each update did
        for keys in (b"g", b"j", view, b"j", b"j"):
            os.write(app.fd, keys)
            app.quiet(3.0, limit=120)
    memory, several = app.memory()
    app.close()
    print(f"   first rows {rows:.2f} s, marks of live and ★ {marks:.2f} s")
    for name, times in (("while a diff is computed", cold), ("in the timeline", warm),
                        ("paging in the diff", scroll), ("opening the last resource", opened)):  # fmt: skip
        middle, late = (percentile(times, share) * 1e3 for share in (0.5, 0.95))
        print(f"   key to paint, {name:<26} p50 {middle:5.0f} ms   p95 {late:5.0f} ms")
    ratio = (memory - base) / size
    held = goal(f"memory of the UI above an empty one / {states}", ratio, 2)
    print(f"   the UI's own process above an empty app {(memory - base) / 2**20:5.0f} MB, / the two {ratio:.2f} {held}")
    print(f"   the process that compares               {two / 2**20:5.0f} MB, / the two {two / size:.2f}")
    print(f"   … over several states                   {several / 2**20:5.0f} MB, / the two {several / size:.2f}")
    ratio = (memory - base + several) / size
    held = goal(f"memory of both processes above an empty one / {states}", ratio, 2)
    print(f"   both processes above an empty app                / the two {ratio:.2f} {held}")


def main() -> None:
    """Prints the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        store = FileStore(directory / "backend")
        size = fill(store, count)
        root, environ = project(directory, store)
        environ["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
        print(f"{count:,} resources, all changed, two states of {size / 2**20:.0f} MB")
        commands(root, environ, size)
        screens(root, environ, size, count)


if __name__ == "__main__":
    main()
