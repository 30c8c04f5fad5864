"""The user's state directory: private whatever the umask, refused where others can change it; without an engine."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import StateDirectoryError
from pulumi_rewind.system.state_directory import StateDirectory


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    return StateDirectory({"HOME": str(home)})


@pytest.fixture
def loose_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refused(action: Callable[[], object]) -> StateDirectoryError:
    with pytest.raises(StateDirectoryError) as caught:
        action()
    return caught.value


def of_another(monkeypatch: pytest.MonkeyPatch, *foreign: Path) -> None:
    """Makes those paths look as if user 4711 had them."""
    inodes = {path.lstat().st_ino for path in foreign}

    def owned(found: os.stat_result) -> os.stat_result:
        fields = list(found)
        if found.st_ino in inodes:
            fields[4] = 4711
        return os.stat_result(fields)

    whole, link, opened = Path.stat, Path.lstat, os.fstat
    monkeypatch.setattr(Path, "stat", lambda self, **how: owned(whole(self, **how)))
    monkeypatch.setattr(Path, "lstat", lambda self: owned(link(self)))
    monkeypatch.setattr(os, "fstat", lambda fd: owned(opened(fd)))


@pytest.mark.usefixtures("loose_umask")
def test_each_level_that_we_make_is_ours_alone(state: StateDirectory, tmp_path: Path) -> None:
    path = state.evidence("key") / "7" / "events.jsonl"
    state.write(path, b"x")
    assert (mode(path), path.read_bytes()) == (0o600, b"x")
    for level in path.parents:
        if level == tmp_path / "home":
            break
        assert mode(level) == 0o700, level
    deep = StateDirectory({"XDG_STATE_HOME": str(tmp_path / "not" / "there")})
    deep.create(deep.trusted, b"[]")
    assert [mode(tmp_path / place) for place in ("not", "not/there", "not/there/pulumi-rewind")] == [0o700] * 3
    assert [place.name for place in deep.root.iterdir()] == ["trusted.json"]


def test_our_own_levels_are_tightened(state: StateDirectory) -> None:
    path = state.journal("key")
    state.write(path, b"x")
    for level in (path.parent, state.root):
        level.chmod(0o777)
    assert state.read(path) == b"x"
    assert [mode(path.parent), mode(state.root)] == [0o700, 0o700]


@pytest.mark.parametrize("level", [".", ".local", ".local/state"])
def test_a_level_that_others_can_change_is_refused(state: StateDirectory, level: str) -> None:
    state.write(state.trusted, b"x")
    place = state.root.parents[2] / level
    place.chmod(0o777)
    for action in (lambda: state.read(state.trusted), lambda: state.write(state.trusted, b"y")):
        error = refused(action)
        assert f"other users can change {place}" in str(error)
        assert f"chmod go-w {place}" in error.hint
    assert state.trusted.read_bytes() == b"x"
    place.chmod(0o1777)  # as /tmp: nobody can take away what is ours in it
    assert state.read(state.trusted) == b"x"


def test_a_group_is_only_trusted_where_it_is_the_users_own(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.write(state.trusted, b"x")
    place = state.root.parent
    place.chmod(0o775)
    user = pwd.struct_passwd(("ada", "x", os.geteuid(), os.getegid(), "", "/", "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: user)
    for name, members, fine in (
        ("ada", [], True),
        ("ada", ["ada"], True),
        ("ada", ["eve"], False),
        ("users", [], False),
    ):
        group = grp.struct_group((name, "x", os.getegid(), members))
        monkeypatch.setattr(grp, "getgrgid", lambda gid, group=group: group)
        if fine:
            assert state.read(state.trusted) == b"x"
        else:
            assert "other users can change" in str(refused(lambda: state.read(state.trusted)))


@pytest.mark.parametrize("level", [".", ".local", ".local/state", ".local/state/pulumi-rewind", "file", "link"])
def test_what_another_user_owns_is_refused(
    state: StateDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    state.write(state.trusted, b"x")
    place = state.trusted if level == "file" else tmp_path / "home" / level
    if level == "link":
        place = state.root
        real = tmp_path / "elsewhere"
        place.rename(real)
        place.symlink_to(real)
        assert state.read(state.trusted) == b"x"  # our own link is fine
    of_another(monkeypatch, place)
    error = refused(lambda: state.read(state.trusted))
    assert f"{place} belongs to another user (uid 4711)" in str(error)
    assert "chown" in error.hint
    if level != "file":
        assert "belongs to another user" in str(refused(lambda: state.write(state.trusted, b"y")))


def test_only_regular_files_of_ours_are_read(state: StateDirectory, tmp_path: Path) -> None:
    assert state.read(state.trusted) is None
    state.make(state.root)
    os.mkfifo(state.trusted)
    assert "not a regular file" in str(refused(lambda: state.read(state.trusted)))
    state.remove(state.trusted)
    state.trusted.mkdir()
    assert "not a regular file" in str(refused(lambda: state.read(state.trusted)))
    state.trusted.rmdir()
    (tmp_path / "real").write_bytes(b"x")
    state.trusted.symlink_to(tmp_path / "real")
    assert "symbolic link" in refused(lambda: state.read(state.trusted)).hint
    state.write(state.trusted, b"ours")  # replaces the link, not what it leads to
    assert (tmp_path / "real").read_bytes() == b"x"
    state.trusted.chmod(0o666)
    assert f"chmod 600 {state.trusted}" in refused(lambda: state.read(state.trusted)).hint


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_system_refuses_is_told_and_leaves_nothing(
    state: StateDirectory, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    state.write(state.trusted, b"before")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        for action in (lambda: state.write(state.trusted, b"y"), lambda: state.create(state.log("a"), b"y")):
            error = refused(action)
            assert os.strerror(code) in str(error)
            assert "XDG_STATE_HOME" in error.hint
    assert state.trusted.read_bytes() == b"before"
    assert [path.name for path in state.root.rglob("*") if path.is_file()] == ["trusted.json"]
    assert "Move it away" in refused(lambda: state.create(state.trusted, b"y")).hint


def test_a_relative_xdg_state_home_is_ignored(tmp_path: Path) -> None:
    at_home = StateDirectory({"HOME": str(tmp_path), "XDG_STATE_HOME": "somewhere"})
    assert at_home.root == tmp_path / ".local" / "state" / "pulumi-rewind"


def test_what_cannot_be_removed_keeps_nothing_else(state: StateDirectory, tmp_path: Path) -> None:
    directory = tmp_path / "kept"
    directory.mkdir()
    for age in range(5):
        place = directory / str(age)
        if age == 1:
            place.symlink_to(tmp_path)  # which `rmtree` refuses
        else:
            place.mkdir()
        os.utime(place, ns=(0, -age * 10**9), follow_symlinks=False)
    os.utime(tmp_path, ns=(0, -(10**9)))
    state.prune(directory, 1)
    assert sorted(path.name for path in directory.iterdir()) == ["0", "1"]
    assert tmp_path.is_dir()
