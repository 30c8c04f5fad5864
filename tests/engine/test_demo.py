"""The demo: made by the real engine, seen over HTTP and in SQLite, rolled back, taken away."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_rewind.demo.build import Done, build_demo
from pulumi_rewind.demo.content import STACK
from pulumi_rewind.demo.folder import MARKER, Demo, find_demo, open_demo
from pulumi_rewind.demo.look import World
from pulumi_rewind.demo.machine import Machine
from pulumi_rewind.demo.ports import free_ports
from pulumi_rewind.demo.programs import RELEASES
from pulumi_rewind.demo.shop import server
from pulumi_rewind.errors import EngineError, RewindError, UsageError
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.system.toolchain import EngineInfo
from tests.support.demos import cli, environment, processes_of, told

pytestmark = pytest.mark.slow

of_one_demo = pytest.mark.xdist_group("demo")
"""For tests that share the demo that is made once."""


def site(demo: Demo) -> Machine:
    assert isinstance(demo.site, Machine)
    return demo.site


@dataclass(frozen=True)
class Made:
    demo: Demo
    done: list[Done]
    world: World
    """Right after it was made."""
    environ: dict[str, str]

    def session(self) -> Session:
        return open_session(self.demo.root, STACK, environ=self.demo.environ(self.environ))

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs a script in the folder the way the demo tells people to."""
        return told(self.demo, self.environ, script)


@pytest.fixture(scope="module")
def made(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    directory = tmp_path_factory.mktemp("demo")
    environ = environment(engine, directory / "home")
    folder = directory / "a place" / "rewind-demo"
    folder.parent.mkdir()
    try:
        done = [event for event in build_demo(folder, environ) if isinstance(event, Done)]
        demo = open_demo(folder)
        yield Made(demo, done, site(demo).look(), environ)
    finally:
        if (left := find_demo(folder)) is not None:
            left.clean(environ)
    assert processes_of(folder) == []


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory in which no server outlives a failing test."""
    yield tmp_path
    for pid_file in tmp_path.glob("*/machine/servers/*.pid"):
        server.stop(pid_file)


@of_one_demo
def test_three_releases_are_deployed_and_the_fourth_fails_half_way(made: Made) -> None:
    assert [item.failed for item in made.done[1:]] == [False, False, False, True]
    assert "no such column" in made.done[-1].detail
    assert made.demo.complete
    timeline = made.session().timeline
    updates = [timeline.update(number) for number in range(1, 5)]
    assert [update.result for update in updates] == ["succeeded", "succeeded", "succeeded", "failed"]
    assert [update.dirty for update in updates] == [False] * 4
    tags = {entry.update.number: entry.tags for entry in timeline.entries() if entry.update.number <= 4}
    assert tags == {number: (release.tag,) for number, release in enumerate(RELEASES, 1)}
    assert updates[0].author == "Ada Demo"


@of_one_demo
def test_the_failed_release_left_a_wreck_that_can_be_seen(made: Made) -> None:
    api, web, storefront = (made.world.service(name) for name in ("api", "web", "storefront"))
    (database,) = {table.database for table in made.world.tables}
    assert api.status == storefront.status == 200
    assert api.text.startswith("api 1.3")
    assert f"database  {database}\n" in api.text
    assert "orders    Ada Teapot 0, Grace Mug 0\n" in api.text
    assert web.status == 503
    assert web.text.startswith("web 1.2")
    assert database not in web.text
    assert "BROKEN: this database is gone" in web.text
    assert [(table.name, table.rows) for table in made.world.tables] == [
        ("orders", ("Ada Teapot 0", "Grace Mug 0")),
        ("products", ("Teapot 1900", "Mug 850")),
    ]


@of_one_demo
def test_no_secret_is_in_any_file(made: Made) -> None:
    password = made.sh(f"pulumi config get dbPassword -s {STACK}").stdout.strip()
    assert len(password) >= 12
    files = [path for path in made.demo.root.rglob("*") if path.is_file()]
    assert [str(path) for path in files if password.encode() in path.read_bytes()] == []
    phrase = made.demo.passphrase_file.read_bytes().strip()
    assert [path for path in files if phrase in path.read_bytes()] == [made.demo.passphrase_file]
    assert made.demo.passphrase_file.stat().st_mode & 0o077 == 0
    assert made.sh("git ls-files").stdout.split() == [
        ".gitignore", "Pulumi.dev.yaml", "Pulumi.yaml", "__main__.py", "rewind.toml",
        "shop/__init__.py", "shop/resources.py", "shop/server.py",
    ]  # fmt: skip


@of_one_demo
def test_rolled_back_by_hand_everything_is_as_it_was_and_undone_it_is_a_wreck_again(made: Made) -> None:
    back = made.sh("pulumi-rewind rollback v1.2 --yes --allow-data-loss")
    assert back.returncode == 0, back.stdout + back.stderr
    assert "equals #3 (v1.2)" in back.stdout
    world = site(made.demo).look()
    (database,) = {table.database for table in world.tables}
    for name in ("api", "web"):
        service = world.service(name)
        assert service.status == 200
        assert service.text.startswith(f"{name} 1.2")
        assert f"database  {database}\n" in service.text
        assert "products  Teapot 19.00, Mug 8.50, Whisk 6.00\n" in service.text
    assert world.service("storefront").status == 0
    assert {table.name: table.rows for table in world.tables} == {
        "orders": ("Ada Teapot", "Grace Mug", "Edsger Whisk"),
        "products": ("Teapot 19.00", "Mug 8.50", "Whisk 6.00"),
    }
    own = made.sh(
        "git checkout -q v1.2 && pulumi preview --expect-no-changes; code=$?; git checkout -q main; exit $code"
    )
    assert own.returncode == 0, own.stdout + own.stderr

    undone = made.sh("pulumi-rewind rollback 4 --yes --allow-data-loss")
    assert undone.returncode == 0, undone.stdout + undone.stderr
    assert [service.status for service in site(made.demo).look().services] == [200, 503, 200]


@of_one_demo
def test_a_demo_inside_a_demo_is_refused(made: Made) -> None:
    with pytest.raises(UsageError, match="is inside the demo"):
        list(build_demo(made.demo.root / "nested", made.environ))
    refused = made.sh("pulumi-rewind demo .")
    assert refused.returncode == 2
    assert "is your current directory" in refused.stderr
    assert made.demo.marker.exists()


@of_one_demo  # and the last of them
def test_the_command_makes_the_demo_anew_where_there_is_one_and_cleans_up(made: Made) -> None:
    environ, folder = made.environ, made.demo.root
    place = folder.parent
    done = cli(environ, place, "demo", "--run")
    assert done.returncode == 0, done.stdout + done.stderr
    before, after = done.stdout.split("what exists afterwards")
    assert "✗ v1.3" in before
    assert "BROKEN: this database is gone" in before
    assert "BROKEN" not in after
    assert "web 1.2 - spring sale" in after
    assert "↺ rollback" in after
    assert "pulumi-rewind demo --clean" in after
    assert "\x1b" not in done.stdout
    assert len(site(open_demo(folder)).pid_files()) == 2
    ports = site(open_demo(folder)).ports
    cleaned = cli(environ, place, "demo", "--clean")
    assert cleaned.returncode == 0, cleaned.stderr
    assert "2 servers stopped" in cleaned.stdout
    assert not folder.exists()
    assert [server.ask(port) for port in ports.values()] == [None] * 3
    assert processes_of(folder) == []
    kept = Path(environ["HOME"]) / ".local" / "state" / "pulumi-rewind"
    left = {path.parent.name for path in kept.rglob("*.json")} | {path.parent.name for path in kept.rglob("*.log")}
    assert left <= {"states"}, "a demo that is made here again knows nothing of this one"


def test_interrupted_it_says_how_to_clean_and_is_not_built_upon(engine: EngineInfo, place: Path) -> None:
    environ = environment(engine, place / "home")
    folder = place / "half"
    process = subprocess.Popen(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", "demo", "half"],
        cwd=place, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "✓ v1.0" in line:
            break
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "pulumi-rewind demo --clean half" in errors
    again = cli(environ, place, "demo", "half")
    assert again.returncode == 2
    assert "was not finished" in again.stderr
    assert "pulumi-rewind demo --clean half" in again.stderr
    assert cli(environ, place, "demo", "--clean", "half").returncode == 0
    assert not folder.exists()
    assert processes_of(folder) == []


def test_a_folder_of_somebody_else_is_never_touched(engine: EngineInfo, tmp_path: Path) -> None:
    environ = environment(engine, tmp_path / "home")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("years of work")
    (foreign / MARKER).write_text('{"made_by": "somebody else"}')
    with pytest.raises(UsageError, match="not a demo"):
        list(build_demo(foreign, environ))
    with pytest.raises(UsageError, match="not a demo"):
        open_demo(foreign)
    assert cli(environ, tmp_path, "demo", "--clean", "foreign").returncode == 2
    assert cli(environ, tmp_path, "demo", "--clean", "nowhere").returncode == 2
    assert sorted(path.name for path in foreign.iterdir()) == [MARKER, "thesis.txt"]
    with pytest.raises(UsageError, match="not a folder"):
        list(build_demo(foreign / "thesis.txt", environ))


def test_what_is_missing_is_said_before_anything_is_made(engine: EngineInfo, tmp_path: Path) -> None:
    environ = environment(engine, tmp_path / "home")
    bare = tmp_path / "bin"
    bare.mkdir()
    with pytest.raises(RewindError, match="no git on PATH"):
        list(build_demo(tmp_path / "d", environ | {"PATH": str(bare)}))
    (bare / "git").write_text("#!/bin/sh\n")
    (bare / "git").chmod(0o755)
    with pytest.raises(EngineError, match="no pulumi CLI was found"):
        list(build_demo(tmp_path / "d", environ | {"PATH": str(bare)}))
    (bare / "pulumi").symlink_to(engine.path)
    with pytest.raises(EngineError, match="no pulumi-language-python"):
        list(build_demo(tmp_path / "d", environ | {"PATH": str(bare), "PULUMI_REWIND_ENGINE": str(bare)}))
    assert not (tmp_path / "d").exists()


def test_ports_that_are_taken_are_left_alone(tmp_path: Path) -> None:
    first = free_ports(1, tmp_path)[0]
    with socket.create_server(("127.0.0.1", first)):
        assert first not in free_ports(3, tmp_path)
        pid_file = tmp_path / "s.pid"
        with pytest.raises(RuntimeError, match=f"port {first} is taken"):
            server.start(pid_file, service="api", version="1", port=first, config="none")
    assert server.running(pid_file) is None


def test_a_pid_that_belongs_to_another_process_now_is_not_killed(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        pid_file = tmp_path / "s.pid"
        pid_file.write_text(str(other.pid))
        assert server.stop(pid_file) is False
        assert other.poll() is None
        other.kill()
    assert not pid_file.exists()
