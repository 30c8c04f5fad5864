"""A Kubernetes control plane on this machine: started, used, left alone, found again, stopped."""

from __future__ import annotations

import ssl
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from pulumi_rewind.demo.control_plane import ControlPlane, binaries_folder, was_built
from tests.conftest import ORIGINAL

BINARIES = binaries_folder(ORIGINAL)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not was_built(BINARIES), reason="needs `make kubernetes`"),
]

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "registry.invalid/web:1"}]}
"""


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[ControlPlane]:
    made = ControlPlane(tmp_path / "plane", BINARIES)
    yield made
    made.stop()


def elsewhere(plane: ControlPlane, code: str) -> str:
    """What another process prints that knows only the folder."""
    program = (
        "from pathlib import Path; from pulumi_rewind.demo.control_plane import ControlPlane\n"
        f"plane = ControlPlane(Path({str(plane.folder)!r}), Path({str(plane.binaries)!r}))\n{code}"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_pods_become_ready_and_all_of_it_is_there_again_after_a_stop(plane: ControlPlane) -> None:
    elsewhere(plane, "plane.start()")  # that process has ended
    assert plane.running
    plane.kubectl("apply", "-f", "-", stdin=WEB)
    plane.kubectl("wait", "--for=condition=Available", "deployment/web", "--timeout=60s")
    before = plane.kubeconfig.read_text(encoding="utf-8")
    numbers = {process.pid for process in plane.processes}

    plane.start()
    assert {process.pid for process in plane.processes} == numbers, "what runs is left alone"

    assert elsewhere(plane, "print(plane.stop())") == "5"
    assert not plane.running
    assert plane.stop() == 0

    plane.start()
    assert plane.kubeconfig.read_text(encoding="utf-8") == before
    plane.kubectl("scale", "deployment/web", "--replicas=3")
    plane.kubectl("rollout", "status", "deployment/web", "--timeout=30s")  # before the lease of the first kwok ends
    assert plane.kubectl("get", "deployment/web", "-o=jsonpath={.status.readyReplicas}") == "3"


def test_a_part_that_was_killed_comes_back_with_the_next_start(plane: ControlPlane) -> None:
    plane.start()
    plane.kubectl("create", "namespace", "kept")
    subprocess.run(["kill", "-9", *(str(process.pid) for process in plane.processes[:2])], check=True)
    plane.start()
    assert plane.running
    assert plane.kubectl("get", "namespace", "kept", "-o=name") == "namespace/kept\n"


def test_nobody_else_gets_in(plane: ControlPlane) -> None:
    plane.start()
    assert stat.S_IMODE(plane.folder.stat().st_mode) == 0o700
    for path in filter(Path.is_file, plane.folder.glob("*")):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    api, etcd, peers = plane.ports
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with pytest.raises(HTTPError) as refused:
        urlopen(f"https://127.0.0.1:{api}/api/v1/namespaces", context=trusting)
    with refused.value:
        assert refused.value.code in {401, 403}
    for port in (etcd, peers):  # they ask for a certificate
        with pytest.raises((URLError, OSError)):
            urlopen(f"https://127.0.0.1:{port}/version", context=trusting)
