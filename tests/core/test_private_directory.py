"""Private directories: where they are made, and that what a killed process left there goes, and nothing else."""

from __future__ import annotations

import ast
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.errors import TemporaryDirectoryError
from pulumi_rewind.system import private_directory as directories
from pulumi_rewind.system.private_directory import (
    MARK,
    is_abandoned,
    make_private,
    private_directory,
    remove_if_unused,
    remove_private,
    sweep,
)

CODE = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(directories, "_swept", set())
    return tmp_path


MAKE = (
    "import time; from pulumi_rewind.system.private_directory import make_private; print(make_private(), flush=True); "
)


@pytest.fixture
def others() -> Iterator[list[subprocess.Popen[str]]]:
    """Other processes, ended at the end."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()


def another(others: list[subprocess.Popen[str]], then: str = "time.sleep(600)") -> tuple[subprocess.Popen[str], Path]:
    """Another process with a directory of its own."""
    others.append(subprocess.Popen([sys.executable, "-c", MAKE + then], stdout=subprocess.PIPE, text=True))
    out = others[-1].stdout
    assert out is not None
    return others[-1], Path(out.readline().strip())


def test_it_is_ours_alone_and_removed_at_the_end(place: Path) -> None:
    with private_directory() as private:
        assert private.parent == place
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        (private / "file").write_text("x")
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next(place: Path, others: list[subprocess.Popen[str]]) -> None:
    living, used = another(others)
    killed, left = another(others)
    (left / "deep").mkdir()
    (left / "deep" / "plan.json").write_text("{}")
    assert not is_abandoned(left)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert is_abandoned(left)
    assert not is_abandoned(used)
    mine = make_private()
    assert {path.name for path in place.iterdir()} == {used.name, mine.name}
    assert living.poll() is None
    assert not is_abandoned(mine)
    remove_private(mine)
    assert is_abandoned(mine), "gone"


def test_while_a_child_of_the_killed_process_runs_its_directory_stays(
    place: Path, others: list[subprocess.Popen[str]]
) -> None:
    then = (
        "import subprocess; from pulumi_rewind.system import private_directory as p; (d,) = p._held; "
        "child = subprocess.Popen(['sleep', '600'], pass_fds=p.locks(d), stdout=subprocess.DEVNULL); "
        "print(child.pid, flush=True); time.sleep(600)"
    )
    killed, left = another(others, then)
    assert killed.stdout is not None
    child = int(killed.stdout.readline())
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    sweep(place)
    assert left.exists()
    os.kill(child, signal.SIGKILL)
    while not is_abandoned(left):
        time.sleep(0.01)  # it has been killed
    sweep(place)
    assert not left.exists()


def test_nothing_else_is_swept(place: Path) -> None:
    target = place / "target"
    target.mkdir(mode=0o700)
    (target / MARK).touch()
    for name, mode in (("rewind-without-a-mark", 0o700), ("rewind-open-to-others", 0o755), ("other", 0o700)):
        (place / name).mkdir(mode=mode)
    (place / "rewind-open-to-others" / MARK).touch()
    (place / "other" / MARK).touch()
    (place / "rewind-link").symlink_to(target)
    (place / "rewind-file").touch()
    (place / "rewind-fifo").mkdir(mode=0o700)
    os.mkfifo(place / "rewind-fifo" / MARK)
    before = sorted(place.rglob("*"))
    sweep(place)
    assert sorted(place.rglob("*")) == before
    if os.geteuid() == 0:
        foreign = place / "rewind-foreign"
        foreign.mkdir(mode=0o700)
        (foreign / MARK).touch()
        os.chown(foreign, 65534, 65534)
        sweep(place)
        assert foreign.exists()


def test_one_that_nothing_was_put_into_goes(place: Path) -> None:
    used, unused = make_private("rewind-assets-"), make_private("rewind-assets-")
    (used / "asset").touch()
    remove_if_unused(used)
    remove_if_unused(unused)
    assert (used.exists(), unused.exists()) == (True, False)
    remove_private(used)


@pytest.mark.parametrize("name", ["a%20b", "a#b", "a?b", "a\nb", os.fsdecode(b"a\xff\xfeb"), "not-there", "a-file"])
def test_a_place_that_can_not_be_used_is_passed_over(place: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    odd, good = place / name, place / "good"
    good.mkdir()
    if name == "a-file":
        odd.touch()
    elif name != "not-there":
        odd.mkdir()
    monkeypatch.setenv("TMPDIR", str(odd))
    monkeypatch.setattr(directories, "COMMON", (good,))
    with private_directory() as private:
        assert private.parent == good


def test_without_any_place_it_says_what_to_do(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(place / "gone"))
    monkeypatch.setattr(directories, "COMMON", ())
    with pytest.raises(TemporaryDirectoryError, match=r"gone \(No such file") as caught:
        make_private()
    assert "TMPDIR" in caught.value.hint


def test_directories_are_made_in_one_place() -> None:
    """What has a name and lies somewhere else than in a directory that was made there."""
    named = {"mkdtemp", "mkstemp", "NamedTemporaryFile", "TemporaryDirectory", "gettempdir"}
    found = {
        path.name
        for folder in ("core", "tui")
        for path in sorted((CODE / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in named
        and "dir" not in {keyword.arg for keyword in node.keywords}
    }
    assert found == set()


def test_start_up_sweeps_nothing(place: Path) -> None:
    left = place / "rewind-left"
    left.mkdir(mode=0o700)
    (left / MARK).touch()
    command = [sys.executable, "-m", "pulumi_rewind_tui.cli", "doctor"]
    subprocess.run(command, cwd=place, capture_output=True, env={"TMPDIR": str(place), "PATH": os.defpath})
    assert left.exists()
