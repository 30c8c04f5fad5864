"""A control plane that can't start, and numbers of processes that belong to others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
import pytest

from pulumi_rewind.demo.control_plane import FILES, ControlPlane
from pulumi_rewind.errors import RewindError
from pulumi_rewind.system.processes import process_of


def test_binaries_that_are_missing_are_named_with_the_way_to_get_them(tmp_path: Path) -> None:
    (tmp_path / "kwok").touch()
    with pytest.raises(RewindError, match=r"has no kubebox and no kwok-stages\.yaml") as raised:
        ControlPlane(tmp_path / "plane", tmp_path).start()
    assert "make kubernetes" in raised.value.hint
    assert not (tmp_path / "plane").exists()


def test_a_part_that_ends_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / name).write_text("#!/bin/sh\necho 'this is no cluster'\n")
        (tmp_path / name).chmod(0o700)
    plane = ControlPlane(tmp_path / "plane", tmp_path)
    with pytest.raises(RewindError, match=r"(?s)(etcd|kube-apiserver) ended.*this is no cluster"):
        plane.start()
    assert not plane.running
    assert not plane.processes, "nothing is left behind"


def test_a_number_that_is_somebody_elses_now_is_left_alone(tmp_path: Path) -> None:
    plane = ControlPlane(tmp_path, tmp_path)
    with subprocess.Popen(["sleep", "100"]) as stranger:
        try:
            real = process_of(stranger.pid)
            older = msgspec.structs.replace(real, began=real.began - 1)
            state = {"ports": [1, 2, 3], "processes": {"etcd": msgspec.to_builtins(older)}}
            (tmp_path / "control-plane.json").write_bytes(msgspec.json.encode(state))
            assert plane.stop() == 0
            assert stranger.poll() is None

            state["processes"] = {"etcd": msgspec.to_builtins(real)}
            (tmp_path / "control-plane.json").write_bytes(msgspec.json.encode(state))
            assert plane.stop() == 1, "ended, although nobody has asked for its end yet"
        finally:
            stranger.kill()
    assert stranger.returncode == -15
