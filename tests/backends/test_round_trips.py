"""How often a bucket is asked, and how often one after the other: counted by a server, not timed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.bench.bench_network import OURS, PREFIX, fill
from tests.bench.pty_app import PtyApp
from tests.servers.counting import counting
from tests.servers.lag import lag
from tests.servers.quick_s3 import QuickServer, quick_s3
from tests.servers.running import Server

pytestmark = [pytest.mark.s3, pytest.mark.xdist_group("quick-s3")]

UPDATES = 2_200
"""Their names come in five pages."""


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bucket with a long history."""
    directory = tmp_path_factory.mktemp("bucket")
    fill(directory, UPDATES)
    return directory


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    return tmp_path


@pytest.fixture
def gathering(bucket: Path, tmp_path: Path) -> Iterator[QuickServer]:
    """A server that answers what is asked at once at once."""
    with quick_s3(bucket, tmp_path / "s3.log", "--gather") as server:
        yield server


def environ_of(server: Server, root: Path) -> Mapping[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(root),
        "PULUMI_STACK": "dev",
        "PULUMI_BACKEND_URL": server.backend(PREFIX),
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PYTHONPATH": os.pathsep.join(sys.path),
        **server.environ,
    }


def ours(server: Server, root: Path, *command: str) -> str:
    words = [*OURS, "--cwd", str(root), *command]
    done = subprocess.run(words, env=environ_of(server, root), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(server: QuickServer, root: Path, *command: str) -> tuple[Counter[str], list[list[str]]]:
    """What one command asks: requests by kind, and round trips."""
    server.asked()
    ours(server, root, *command)
    return server.asked()


def test_the_first_screen_takes_four_round_trips_and_one_when_it_is_known(gathering: QuickServer, root: Path) -> None:
    requests, rounds = asked(gathering, root, "history")
    # A machine that stands still for a moment tears a round trip in two: never seen more than once.
    assert len(rounds) <= 5, rounds
    assert max(map(len, rounds)) <= 40  # 32 of them at once, and what is asked aside
    assert requests["LIST"] <= 30
    assert requests["GET"] <= 66
    requests, rounds = asked(gathering, root, "history")
    assert len(rounds) <= 2, rounds
    assert any("/locks/" in what for what in rounds[0]), "asked with all the rest"
    assert sum(requests.values()) <= 10
    shown = ours(gathering, root, "history").splitlines()
    assert len(shown) == 60
    assert f"#{UPDATES}" in shown[0]


def test_a_diff_downloads_two_states_at_once(gathering: QuickServer, root: Path) -> None:
    for last in (False, False, True):  # a machine that stands still for a moment tears a round trip in two
        _, rounds = asked(gathering, root, "diff", "5", "2000")
        states = [what for group in rounds for what in group if what.endswith(".checkpoint.json")]
        assert len(states) == 2
        together = sum(any(what in states for what in group) for group in rounds) == 1
        if last or (together and len(rounds) <= 7):
            break
    assert together, rounds
    assert len(rounds) <= 7


def test_a_server_that_begins_elsewhere_shows_the_same_history(bucket: Path, root: Path) -> None:
    with quick_s3(bucket, root / "deaf.log", "--deaf") as deaf:
        requests, _ = asked(deaf, root, "history", "--limit", "2")
        shown = ours(deaf, root, "history", "--limit", "2").splitlines()
    assert [line.split()[0] for line in shown] == [f"#{UPDATES}", f"#{UPDATES - 1}"]
    assert requests["LIST"] <= 40


def test_a_line_says_what_is_read_once_it_takes_long(bucket: Path, root: Path) -> None:
    with quick_s3(bucket, root / "s3.log") as server, lag(server.port, 500, root / "lag.log") as port:
        app = PtyApp([*OURS, "history", "--no-pager"], cwd=root, environ=environ_of(server.at(port), root))
        app.until(b"reading the history from s3://state/pre")
        app.until(f"#{UPDATES}".encode())
        app.close()
    before, _, after = app.output.partition(f"#{UPDATES}".encode())
    assert b"\x1b[2K" in before.rpartition(b"reading the history")[2]  # the line is gone by then
    assert b"reading" not in after
    assert "testsecret" not in app.output.decode()


def test_a_command_ends_although_a_question_that_it_does_not_need_hangs(bucket: Path, root: Path) -> None:
    with quick_s3(bucket, root / "s3.log") as server, counting(server.port) as asked:
        asked.held = b"locks"
        begun = time.monotonic()
        ours(server.at(asked.port), root, "diff", "5", "6")
        assert time.monotonic() - begun < 10  # a request itself would wait for fifteen
        assert asked.count("LIST", "locks") == 1


def test_ctrl_c_ends_at_once_while_the_server_hangs(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=100) as silent:
        url = f"s3://state/x?endpoint=http://127.0.0.1:{silent.getsockname()[1]}&use_path_style=true&region=us-east-1"
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_EC2_METADATA_DISABLED": "true"}
        environ = environ_of(Server(url, keys, Path()), root)
        words = [*OURS, "--cwd", str(root), "history"]
        process = subprocess.Popen(words, env=environ, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        silent.settimeout(30)
        with contextlib.ExitStack() as connections:
            for _ in range(5):  # layout, state and history are asked for, and nothing is left but to wait
                connection, _ = silent.accept()
                assert connections.enter_context(connection).recv(100)
            process.send_signal(signal.SIGINT)
            begun = time.monotonic()
            _, errors = process.communicate(timeout=30)
            assert time.monotonic() - begun < 5  # a request itself would wait for fifteen
    assert process.returncode == 130
    assert "interrupted" in errors
    assert "Traceback" not in errors
