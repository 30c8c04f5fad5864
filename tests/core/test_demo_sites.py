"""Where a demo's resources are: what is missing is said before anything is made, and a marker remembers it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pulumi_rewind.demo.cluster import Access, Cluster, Reached, own_plane, reach
from pulumi_rewind.demo.cluster_look import ClusterWorld
from pulumi_rewind.demo.control_plane import FILES, binaries_folder, hosts_folder
from pulumi_rewind.demo.folder import MARKER, Demo, find_demo
from pulumi_rewind.demo.machine import Machine
from pulumi_rewind.demo.manifests import RELEASES
from pulumi_rewind.errors import EngineError, RewindError
from pulumi_rewind.system.toolchain import newest_plugin


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """With nothing on PATH and an empty home directory."""
    return {"PATH": str(tmp_path / "none"), "HOME": str(tmp_path), "PULUMI_HOME": str(tmp_path / ".pulumi")}


def test_without_a_control_plane_both_ways_are_said(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(RewindError, match="no Kubernetes control plane") as raised:
        own_plane(tmp_path / "demo").check(tmp_path / "pulumi", environ)
    assert "demo --kubeconfig FILE" in raised.value.hint
    assert "`make kubernetes`" in raised.value.hint


def test_each_program_that_is_missing_is_named_with_the_ways_to_get_it(tmp_path: Path, environ: dict[str, str]) -> None:
    site, engine = own_plane(tmp_path / "demo"), program(tmp_path / "engine" / "pulumi")
    for name in FILES:
        program(binaries_folder(environ) / name)
    with pytest.raises(EngineError, match="no pulumi-language-yaml") as raised:
        site.check(engine, environ)
    assert "`make kubernetes`" in raised.value.hint
    program(hosts_folder(environ) / "pulumi-language-yaml")
    with pytest.raises(EngineError, match="no pulumi-resource-kubernetes") as raised:
        site.check(engine, environ)
    assert "`pulumi plugin install resource kubernetes`" in raised.value.hint
    program(tmp_path / ".pulumi" / "plugins" / "resource-kubernetes-v4.1.0" / "pulumi-resource-kubernetes")
    site.check(engine, environ)


def test_the_newest_plugin_is_that_of_the_highest_version(tmp_path: Path, environ: dict[str, str]) -> None:
    home, engine = tmp_path / "home", tmp_path / "engine" / "pulumi"
    assert newest_plugin(engine, home, "kubernetes", environ) is None
    places = [home / "plugins" / f"resource-kubernetes-{version}" for version in ("v4.9.0", "v4.10.0", "v4.30.0")]
    for place in places[:2]:
        program(place / "pulumi-resource-kubernetes")
    places[2].mkdir()  # a download that was stopped
    found = newest_plugin(engine, home, "kubernetes", environ)
    assert found is not None
    assert found.parent.name == "resource-kubernetes-v4.10.0"
    beside = program(engine.with_name("pulumi-resource-kubernetes"))
    assert newest_plugin(engine, home, "kubernetes", environ) == beside


def test_a_cluster_that_cannot_be_asked_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    with pytest.raises(RewindError, match="no kubectl on PATH"):
        reach(Access(context="staging"), environ)
    program(tmp_path / "none" / "kubectl")
    with pytest.raises(RewindError, match=r"config can't be read: No such file") as raised:
        reach(Access(kubeconfig=str(tmp_path / "config")), environ)
    assert "--context NAME" in raised.value.hint


@pytest.mark.parametrize(
    "site",
    [
        Machine(Path(), {"api": 1, "web": 2, "storefront": 3}),
        Cluster(Path(), None),
        Cluster(Path(), Reached("staging", "https://k.example", "rewind-demo-1")),
    ],
)
def test_a_marker_remembers_where_the_resources_are(tmp_path: Path, site: Machine | Cluster) -> None:
    made = Demo(tmp_path, type(site).recorded(tmp_path, site.record()))
    made.write_marker()
    assert find_demo(tmp_path) == made
    assert made.site.record() == site.record()


def test_a_marker_of_an_earlier_version_is_one_of_this_machine(tmp_path: Path) -> None:
    record = {"made_by": "pulumi-rewind demo", "ports": {"api": 1, "web": 2, "storefront": 3}, "complete": True}
    (tmp_path / MARKER).write_text(json.dumps(record))
    found = find_demo(tmp_path)
    assert found is not None
    assert found.site == Machine(tmp_path, {"api": 1, "web": 2, "storefront": 3})


def test_what_keeps_a_configuration_of_the_operators_is_no_text_of_it() -> None:
    assert "s3cret" not in repr(Reached("staging", "https://k.example", "rewind-demo-1", "token: s3cret"))


def test_every_placeholder_of_the_programs_is_filled_in() -> None:
    for release in RELEASES:
        for name in ("NAME", "VERSION", "PORT", "DATA", "IMAGE", "SCHEMA", "VOLUMES", "MOUNTS"):
            assert name not in release.program, release.tag


def test_an_empty_namespace_has_none_of_the_services() -> None:
    assert {seen.well for seen in ClusterWorld([]).seen()} == {None}
