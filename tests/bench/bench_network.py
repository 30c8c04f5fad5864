"""A stack in a bucket behind a slow line, against the pulumi CLI: ``python -m tests.bench.bench_network [UPDATES]``.

A proxy adds 40 ms to each round trip; both read the same S3 server, in the same run. Each figure of ours is the best of
three, the CLI's of two. The first screen is also held to the round trips that it takes. Goals: design 6.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pulumi_rewind.system.toolchain import find_engine
from tests.bench.goals import goal
from tests.bench.pty_app import PtyApp, percentile
from tests.servers.lag import lag
from tests.servers.quick_s3 import QuickServer, quick_s3
from tests.support.filestore import FileStore

LAG = 40
SCREEN = 60
PREFIX = "pre"
OURS = (sys.executable, "-m", "pulumi_rewind_tui.cli")


@dataclass(frozen=True)
class Place:
    """A project of ours, and where its state is."""

    root: Path
    environ: Mapping[str, str]
    url: str

    def run(self, *command: str) -> tuple[float, str]:
        """Seconds that a command takes, and what it prints."""
        begun = time.perf_counter()
        environ = {**self.environ, "PULUMI_BACKEND_URL": self.url}
        done = subprocess.run(command, cwd=self.root, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stderr}")
        return time.perf_counter() - begun, done.stdout

    def forget(self) -> None:
        """Removes the cache."""
        shutil.rmtree(Path(self.environ["XDG_CACHE_HOME"]), ignore_errors=True)


def fill(directory: Path, updates: int) -> FileStore:
    """A store whose newest update was a minute ago, each a minute after the one before."""
    store = FileStore(directory / PREFIX)
    for number in range(updates):
        store.add(number, live=number == updates - 1)
    shift = time.time_ns() - max(int(path.name.split("-")[1].split(".")[0]) for path in store.history.iterdir())
    for path in list(store.history.iterdir()):
        stamp, _, kind = path.name.removeprefix("dev-").partition(".")
        path.rename(path.with_name(f"dev-{int(stamp) + shift}.{kind}"))
    return store


@contextlib.contextmanager
def place(directory: Path, server: QuickServer) -> Iterator[Place]:
    """The project, with the bucket behind the slow line."""
    root = directory / "project"
    root.mkdir()
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "XDG_CACHE_HOME": str(directory / "cache"),
        "LANG": "C.UTF-8",
        "TEXTUAL_ANIMATIONS": "none",
        "PULUMI_STACK": "dev",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PYTHONPATH": os.pathsep.join(sys.path),
        **server.environ,
    }
    with lag(server.port, LAG, directory / "lag.log") as port:
        yield Place(root, environ, server.at(port).backend(PREFIX))


def asked(server: QuickServer) -> Counter[str]:
    return server.asked()[0]


LIBRARY = """
import os, shutil, sys, time
from pathlib import Path
from pulumi_rewind.session import open_session
found = []
for number in range(7):
    if number < 4:
        shutil.rmtree(os.environ["XDG_CACHE_HOME"], ignore_errors=True)
    begun = time.perf_counter()
    timeline = open_session(Path()).glimpse()
    timeline.ready(60)
    _ = timeline.live_damage
    assert len(list(timeline.entries(60))) == 60
    found.append(time.perf_counter() - begun)
print(min(found[1:4]), min(found[4:]))
"""
"""The first screen without the start of Python: the first time imports, three times it is cold, three times warm."""


def listing(here: Place, server: QuickServer, engine: Path) -> None:
    """The first screen, cold and warm, against the CLI's page of as many."""
    cli = min(here.run(str(engine), "stack", "history", "--page-size", str(SCREEN), "-s", "dev")[0] for _ in range(2))
    told = {name: count // 2 for name, count in asked(server).items()}
    print(f"  pulumi stack history --page-size {SCREEN}  {cli:6.2f} s   {told}")
    bare = min(here.run(*OURS, "--version")[0] for _ in range(3))
    print(f"  pulumi-rewind --version              {bare:6.2f} s")
    cold, warm = map(float, here.run(sys.executable, "-c", LIBRARY)[1].split())
    commands: dict[str, float] = {}
    for name in ("cold", "warm"):
        times = []
        for _ in range(3):
            if name == "cold":
                here.forget()
            asked(server)
            times.append(here.run(*OURS, "history", "--no-pager")[0])
        commands[name] = min(times)
        print(f"  requests of history, {name}            {dict(asked(server))}")
    for name, seconds, limit in (("cold", cold, 0.15), ("warm", warm, 0.03)):
        print(f"    {name}, library   {seconds:5.2f} s   {seconds / cli:.3f} × of the CLI")
        ratio = commands[name] / cli
        held = goal(f"history --limit {SCREEN} of 10,000 in a bucket, {name} / the CLI's", ratio, limit)
        print(f"    {name}, command   {commands[name]:5.2f} s   {ratio:.3f} × {held}")


def comparing(here: Place, server: QuickServer, updates: int) -> None:
    """Two states."""
    asked(server)
    seconds, _ = here.run(*OURS, "diff", str(updates - 100), str(updates - 200))
    requests = server.asked()[0]
    print(f"  diff of two updates                  {seconds:6.2f} s   {dict(requests)}")


def painting(here: Place, store: FileStore, updates: int) -> None:
    """The UI in the bucket and in a directory."""
    figures = {}
    for name, url in (("file", store.url), ("s3", here.url)):
        found = []
        for _ in range(3):
            app = PtyApp(OURS, cwd=here.root, environ={**here.environ, "PULUMI_BACKEND_URL": url})
            found.append((app.until(b"Timeline"), app.until(f"#{updates}".encode())))
            app.close()
        figures[name] = [percentile([run[part] for run in found], 0.5) for part in (0, 1)]
    for part, name in enumerate(("first paint of the UI", "first rows of the UI")):
        near, far = figures["file"][part], figures["s3"][part]
        print(f"  {name:<22} directory    {near:6.2f} s   bucket {far:.2f} s   {far / near:.2f} × of it")


def main() -> None:
    """Measures one size."""
    updates = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    engine = find_engine(os.environ)
    print(f"network: engine {engine.version}, {os.cpu_count()} CPUs, {LAG} ms a round trip, {updates:,} updates")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        store = fill(directory / "bucket", updates)
        with quick_s3(directory / "bucket", directory / "s3.log") as server, place(directory, server) as here:
            listing(here, server, engine.path)
            comparing(here, server, updates)
            painting(here, store, updates)
        with quick_s3(directory / "bucket", directory / "s3.log", "--gather") as server:
            rounds(directory, server)


def rounds(directory: Path, server: QuickServer) -> None:
    """Round trips of the first screen."""
    environ = json.loads(json.dumps(dict(os.environ) | dict(server.environ)))
    environ |= {"PYTHONPATH": os.pathsep.join(sys.path), "PULUMI_STACK": "dev", "XDG_CACHE_HOME": str(directory / "c")}
    here = Place(directory / "project", environ, server.backend(PREFIX))
    for name in ("cold", "warm"):
        here.run(*OURS, "history", "--no-pager")
        print(f"  round trips of history, {name}         {len(server.asked()[1])}")


if __name__ == "__main__":
    main()
