"""The demo on Kubernetes, on a control plane of its own and a given one: deployed, broken, rolled back, removed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_rewind.demo.build import Done, build_demo
from pulumi_rewind.demo.cluster import DISKS, Access, Cluster, Reached, own_plane, reach
from pulumi_rewind.demo.cluster_look import ClusterWorld
from pulumi_rewind.demo.content import GOOD, STACK
from pulumi_rewind.demo.control_plane import ControlPlane, binaries_folder, hosts_folder, was_built
from pulumi_rewind.demo.folder import Demo, find_demo, open_demo
from pulumi_rewind.demo.manifests import RELEASES
from pulumi_rewind.errors import RewindError
from pulumi_rewind.system.toolchain import EngineInfo, user_cache
from tests.conftest import ORIGINAL
from tests.support.demos import cli, environment, processes_of, told
from tests.support.terminal import run_in_terminal

BINARIES = binaries_folder(ORIGINAL)
PROGRAMS = (BINARIES / "pulumi-resource-kubernetes", hosts_folder(ORIGINAL) / "pulumi-language-yaml")

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.xdist_group("kubernetes-demo"),
    pytest.mark.skipif(
        not was_built(BINARIES) or not all(map(Path.is_file, PROGRAMS)),
        reason="needs `make kubernetes`",
    ),
]

BROKEN = {
    "service/web": "BROKEN: service api has no port 8080",
    "job/fill-in-totals": "failed: DeadlineExceeded",
}
"""What the last release leaves."""


@dataclass(frozen=True)
class Made:
    demo: Demo
    done: list[Done]
    environ: dict[str, str]

    @property
    def site(self) -> Cluster:
        assert isinstance(self.demo.site, Cluster)
        return self.demo.site

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Runs a script in the folder the way the demo tells people to."""
        return told(self.demo, self.environ, script)


def operator(engine: EngineInfo, home: Path) -> dict[str, str]:
    return environment(engine, home, XDG_CACHE_HOME=str(user_cache(ORIGINAL).parent))


@pytest.fixture(scope="module")
def made(engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    directory = tmp_path_factory.mktemp("kubernetes")
    environ = operator(engine, directory / "home")
    folder = directory / "a place" / "rewind-demo"
    folder.parent.mkdir()
    try:
        done = [event for event in build_demo(folder, environ, own_plane) if isinstance(event, Done)]
        yield Made(open_demo(folder), done, environ)
    finally:
        if (left := find_demo(folder)) is not None:
            left.clean(environ)
    assert processes_of(folder) == []


def broken(world: ClusterWorld) -> dict[str, str]:
    """What doesn't serve, and the last line or note that says why."""
    return {seen.name: (seen.lines or (seen.note,))[-1] for seen in world.seen() if seen.well is False}


def test_three_releases_are_deployed_and_the_fourth_fails_half_way(made: Made) -> None:
    deployed = made.done[-len(RELEASES) :]
    assert [item.failed for item in deployed] == [False, False, False, True]
    assert deployed[-1].detail == "[DeadlineExceeded] Job was active longer than specified deadline"
    world = made.site.look()
    assert broken(world) == BROKEN
    assert world.service("api").lines[0] == "api 1.3 - now in cents"


def test_no_secret_is_in_any_file_of_the_project(made: Made) -> None:
    password = made.sh(f"pulumi config get dbPassword -s {STACK}").stdout.strip()
    assert len(password) >= 12
    # The data of the control plane are what a cluster keeps: Kubernetes doesn't encrypt Secrets by itself.
    files = [path for path in made.demo.root.rglob("*") if path.is_file() and made.site.plane not in path.parents]
    assert [str(path) for path in files if password.encode() in path.read_bytes()] == []
    assert made.sh("git ls-files").stdout.split() == [".gitignore", "Main.yaml", "Pulumi.dev.yaml", "Pulumi.yaml"]


def test_rolled_back_everything_is_as_it_was_and_undone_it_is_broken_again(made: Made) -> None:
    claim = f"kubectl get pvc orders -n {made.site.namespace} -o jsonpath={{.metadata.uid}}"
    before = made.sh(claim).stdout
    assert before
    back = made.sh(f"pulumi-rewind rollback {GOOD} --yes")
    assert back.returncode == 0, back.stdout + back.stderr
    assert f"equals #3 ({GOOD})" in back.stdout
    assert "$PATH" not in back.stdout, "the provider is a plugin of the engine"
    world = made.site.look()
    assert broken(world) == {}
    assert world.service("web").lines == ("web 1.2 - spring sale", "upstream  http://api:8080")
    assert world.service("api").note == "port 8080, 2 of 2 pods"
    assert world.service("storefront").well is None
    assert not world.of("Job")
    assert made.sh(claim).stdout == before, "the volume with the orders is the same one"
    own = made.sh(
        f"git checkout -q {GOOD} && pulumi preview --expect-no-changes; code=$?; git checkout -q main; exit $code"
    )
    assert own.returncode == 0, own.stdout + own.stderr

    undone = made.sh("pulumi-rewind rollback 4 --yes")
    assert undone.returncode == 4, "its migration finds no node again"
    assert broken(made.site.look()) == BROKEN


# and the last one on that demo
def test_it_is_removed_with_its_control_plane(made: Made) -> None:
    cleaned = cli(made.environ, made.demo.root, "demo", "--clean")
    assert cleaned.returncode == 0, cleaned.stderr
    assert "5 processes" in cleaned.stdout
    assert not made.demo.root.exists()
    assert processes_of(made.demo.root) == []


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster that somebody has, with volumes."""
    plane = ControlPlane(tmp_path_factory.mktemp("cluster") / "plane", BINARIES)
    plane.start()
    plane.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": DISKS}))
    yield plane
    plane.stop()


def namespaces(cluster: ControlPlane) -> set[str]:
    return set(cluster.kubectl("get", "namespaces", "-o=name").split())


def test_on_a_cluster_of_ones_own_it_asks_stays_in_its_namespace_and_removes_it(
    cluster: ControlPlane, engine: EngineInfo, tmp_path: Path
) -> None:
    environ = operator(engine, tmp_path / "home")
    before = namespaces(cluster)
    command = ["demo", "--kubeconfig", str(cluster.kubeconfig), "--run", "here"]
    silent = cli(environ, tmp_path, *command)
    assert silent.returncode == 2
    assert "Add --yes" in silent.stderr
    assert namespaces(cluster) == before
    assert not (tmp_path / "here").exists()

    done = cli(environ, tmp_path, *command, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    then, afterwards = done.stdout.split("what exists afterwards")
    assert "BROKEN: service api has no port 8080" in then
    assert "BROKEN" not in afterwards
    (made,) = namespaces(cluster) - before
    assert made.startswith("namespace/rewind-demo-")
    site = open_demo(tmp_path / "here").site
    assert isinstance(site, Cluster)
    assert site.kubeconfig.stat().st_mode & 0o077 == 0

    cleaned = cli(environ, tmp_path, "demo", "--clean", "here")
    assert cleaned.returncode == 0, cleaned.stderr
    assert namespaces(cluster) == before
    assert not (tmp_path / "here").exists()


def test_a_question_that_is_not_answered_with_yes_changes_nothing(
    cluster: ControlPlane, engine: EngineInfo, tmp_path: Path
) -> None:
    environ = operator(engine, tmp_path / "home") | {"KUBECONFIG": str(cluster.kubeconfig)}
    before = namespaces(cluster)
    command = [sys.executable, "-m", "pulumi_rewind_tui.cli", "demo", "--context", "demo", "here"]
    asked = run_in_terminal(command, tmp_path, environ, {"deploy to it?": "n"})
    assert asked.code == 3, asked.out
    assert f"in demo (https://127.0.0.1:{cluster.ports[0]})" in asked.out
    assert namespaces(cluster) == before
    assert not (tmp_path / "here").exists()


def changed(cluster: ControlPlane, place: Path, part: str, **values: str) -> Access:
    """The way to the cluster with something else in it."""
    config = json.loads(cluster.kubeconfig.read_text(encoding="utf-8"))
    (entry,) = config[f"{part}s"]
    entry[part] = entry[part] | values
    file = place / "kubeconfig"
    file.write_text(json.dumps(config), encoding="utf-8")
    return Access(str(file))


def test_a_cluster_that_cannot_be_used_is_refused_in_its_own_words(cluster: ControlPlane, tmp_path: Path) -> None:
    environ = dict(ORIGINAL)
    with pytest.raises(RewindError, match="cannot locate context elsewhere") as raised:
        reach(Access(str(cluster.kubeconfig), "elsewhere"), environ)
    assert "--context NAME" in raised.value.hint
    with pytest.raises(RewindError, match="refused"):
        reach(changed(cluster, tmp_path, "cluster", server="https://127.0.0.1:1"), environ)
    with pytest.raises(RewindError, match="logged in"):
        reach(changed(cluster, tmp_path, "user", token="wrong"), environ)
    little = cluster.kubectl("create", "token", "default").strip()
    with pytest.raises(RewindError, match="you may not create namespaces in demo"):
        reach(changed(cluster, tmp_path, "user", token=little), environ)
    (tmp_path / "empty").touch()
    with pytest.raises(RewindError, match="current-context must exist"):
        reach(Access(str(tmp_path / "empty")), environ)


def test_a_namespace_that_cannot_be_deleted_keeps_the_folder(cluster: ControlPlane, tmp_path: Path) -> None:
    site = Cluster(tmp_path / "demo", Reached("demo", "https://127.0.0.1:1", "rewind-demo-1"))
    site.binaries.mkdir(parents=True)
    (site.binaries / "kubectl").symlink_to(BINARIES / "kubebox")
    changed(cluster, site.root, "cluster", server="https://127.0.0.1:1")
    made = Demo(site.root, site)
    made.write_marker()
    with pytest.raises(RewindError, match="refused") as raised:
        made.clean(ORIGINAL)
    assert "Once namespace rewind-demo-1 is gone, remove" in raised.value.hint
    assert find_demo(site.root) == made
