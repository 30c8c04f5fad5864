"""The cache of histories: what comes out is what was put in under this key and mark, or nothing."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_rewind.backends.cache import NAME, Cache

URL = "s3://state/p?region=eu-west-1"
KEYS = st.sampled_from(["a", "b", "ä b"])
MARKS = st.sampled_from(["", "one", "two"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), KEYS, MARKS, st.binary(max_size=40)), max_size=12))
def test_what_comes_out_is_what_was_put_in_last(steps: list[tuple[int, str, str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        put: dict[tuple[int, str], tuple[str, bytes]] = {}
        for which, key, mark, content in steps:
            Cache(Path(directory) / "a" / "b" / "c").of(URL, {}, f"stack{which}").keep([(key, mark, content)])
            put[which, key] = mark, content
        for which in range(3):
            place = Cache(Path(directory) / "a" / "b" / "c").of(URL, {}, f"stack{which}")
            for key in ("a", "b", "ä b"):
                for mark in ("", "one", "two"):
                    there = put.get((which, key))
                    wanted = {key: there[1]} if there is not None and there[0] == mark else {}
                    assert place.read({key: mark}) == wanted


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=300))
def test_a_damaged_file_tells_nothing_false(at: int, junk: bytes) -> None:
    entries = [(f"key{number}", "mark", os.urandom(200)) for number in range(40)]
    with tempfile.TemporaryDirectory() as top:
        directory = Path(top) / "a" / "b" / "c"
        Cache(directory).of(URL, {}, "dev").keep(entries)
        path = directory / NAME
        content = bytearray(path.read_bytes())
        at %= len(content)
        content[at : at + len(junk)] = junk
        path.write_bytes(content)
        place = Cache(directory).of(URL, {}, "dev")
        found = place.read({key: mark for key, mark, _ in entries})
        put = {key: content for key, _, content in entries}
        assert all(put[key] == content for key, content in found.items())
        place.keep(entries)  # whatever it comes to, it is no error


@pytest.mark.parametrize(
    "content", [b"no database", b"", b"SQLite format 3\0" + b"\xff" * 5000], ids=["text", "empty", "torn"]
)
def test_what_is_no_cache_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    (tmp_path / NAME).chmod(0o600)
    place = Cache(tmp_path).of(URL, {}, "dev")
    assert place.read({"a": ""}) == {}
    place.keep([("a", "", b"x")])
    again = Cache(tmp_path).of(URL, {}, "dev")
    again.keep([("a", "", b"x")])
    assert again.read({"a": ""}) == {"a": b"x"}


def test_another_table_of_that_name_is_thrown_away(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / NAME)
    connection.execute("CREATE TABLE kept (other TEXT)")
    connection.close()
    (tmp_path / NAME).chmod(0o600)
    Cache(tmp_path).of(URL, {}, "dev").read({"a": ""})
    place = Cache(tmp_path).of(URL, {}, "dev")
    place.keep([("a", "", b"x")])
    assert place.read({"a": ""}) == {"a": b"x"}


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        place = Cache(tmp_path / "cache" / "pulumi-rewind" / "history").of(URL, {}, "dev")
        place.keep([("a", "", b"x")])
    finally:
        os.umask(before)
    for path in (tmp_path / "cache").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("mode", [0o644, 0o666])
def test_a_file_that_others_can_open_is_not_used(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "history"
    Cache(directory).of(URL, {}, "dev").keep([("a", "", b"x")])
    (directory / NAME).chmod(mode)
    assert Cache(directory).of(URL, {}, "dev").read({"a": ""}) == {}


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    place = Cache(tmp_path / "file" / "history").of(URL, {}, "dev")
    place.keep([("a", "", b"x")])
    assert place.read({"a": ""}) == {}


def test_the_oldest_use_goes_first(tmp_path: Path) -> None:
    limit = 1 << 20
    place = Cache(tmp_path, limit).of(URL, {}, "dev")
    for number in range(40):
        place.keep([(f"key{number}", "", os.urandom(50_000))])
    there = set(place.read({f"key{number}": "" for number in range(40)}))
    assert "key39" in there
    assert "key0" not in there
    assert (tmp_path / NAME).stat().st_size < limit * 1.2


@pytest.mark.parametrize(
    ("url", "environ", "stack"),
    [
        ("s3://state/q?region=eu-west-1", {"AWS_PROFILE": "a"}, "dev"),
        (URL, {"AWS_PROFILE": "b"}, "dev"),
        (URL, {}, "dev"),
        (URL, {"AWS_PROFILE": "a"}, "prod"),
    ],
)
def test_another_backend_login_or_stack_has_nothing_of_it(
    tmp_path: Path, url: str, environ: dict[str, str], stack: str
) -> None:
    Cache(tmp_path).of(URL, {"AWS_PROFILE": "a", "LANG": "C"}, "dev").keep([("a", "", b"x")])
    assert Cache(tmp_path).of(url, environ, stack).read({"a": ""}) == {}
    assert Cache(tmp_path).of(URL, {"AWS_PROFILE": "a"}, "dev").read({"a": ""}) == {"a": b"x"}


def test_no_password_is_in_it(tmp_path: Path) -> None:
    """Nor can one be guessed: the same place serves whatever the password is."""
    url = "postgres://ada:{}@db/state"
    Cache(tmp_path).of(url.format("hush"), {"PGPASSWORD": "hush"}, "dev").keep([("a", "", b"x")])
    for name in ("PGPASSWORD", "AZURE_PASSWORD", "AZURE_CLIENT_CERTIFICATE_PASSWORD"):
        other = Cache(tmp_path).of(url.format("other"), {name: "other"}, "dev")
        assert other.read({"a": ""}) == {"a": b"x"}
    assert b"hush" not in (tmp_path / NAME).read_bytes()


def test_several_processes_and_threads_write_at_once(tmp_path: Path) -> None:
    def work(name: str) -> None:
        place = Cache(tmp_path).of(URL, {}, "dev")
        for number in range(20):
            place.keep([(f"{name}{number}", "", name.encode())])

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = Cache(tmp_path).of(URL, {}, "dev").read({f"{name}{n}": "" for name in "abcd" for n in range(20)})
    assert len(found) == 80
    assert all(content == key[:1].encode() for key, content in found.items())


def test_a_process_that_ends_leaves_the_file_to_the_thread_that_is_at_it(tmp_path: Path) -> None:
    """Closing it there would be a crash, as SQLite is told that whoever closes knows of the others."""
    code = (
        "import atexit, sys; from pathlib import Path; from pulumi_rewind.backends.cache import Cache\n"
        "def ask(connection):\n"
        "    atexit._run_exitfuncs()\n"
        "    return connection.execute('SELECT 42').fetchone()\n"
        "print(Cache(Path(sys.argv[1])).ask(ask))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(42,)"
