"""Ready-made callbacks for volumes of Kubernetes, against a real control plane.

The plane has no CSI driver and no kubelets. The objects, their validation and their labels are real; the test plays the
snapshot controller, which says when a snapshot is ready. Nothing is on a volume, and nothing runs in a pod.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import CallbackError
from tests.support.hooked import Hooked, side
from tests.support.rewind import said
from tests.support.stack import EngineStack

pytestmark = pytest.mark.real

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: volumesnapshots.snapshot.storage.k8s.io
  annotations: {api-approved.kubernetes.io: "unapproved, only for tests"}
spec:
  group: snapshot.storage.k8s.io
  names: {kind: VolumeSnapshot, plural: volumesnapshots, singular: volumesnapshot}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
SPEC = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
HOOKS = """
import pulumi_rewind as rewind
from pulumi_rewind.hooks.library import VolumeSnapshot

rewind.undo(urn="*", timeout=60)(VolumeSnapshot(MORE))
"""


class Cluster:
    """A namespace of its own in the control plane, with snapshots."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.kubectl = [shutil.which("kubectl") or "kubectl", "--kubeconfig", str(kubeconfig), "-n", namespace]
        self.namespace = namespace

    def run(self, *arguments: str, text: str = "") -> str:
        """What kubectl prints."""
        done = subprocess.run([*self.kubectl, *arguments], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Creates objects."""
        self.run("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))

    def get(self, kind: str, name: str) -> Any:
        """One object."""
        return json.loads(self.run("get", kind, name, "-o", "json"))

    @contextlib.contextmanager
    def controller(self, *statuses: dict[str, Any]) -> Iterator[None]:
        """Gives each snapshot that comes some statuses, one after another, as the controller of a driver does."""
        watch = [*self.kubectl, "get", "volumesnapshots.snapshot.storage.k8s.io", "--watch", "-o", "name"]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as process:
            thread = threading.Thread(target=self._answer, args=(process.stdout, statuses))
            thread.start()
            try:
                yield
            finally:
                process.terminate()
                thread.join()

    def _answer(self, names: Any, statuses: tuple[dict[str, Any], ...]) -> None:
        seen: set[str] = set()
        for name in (line.strip() for line in names):
            if name not in seen:
                seen.add(name)
                for status in statuses:
                    patch = json.dumps({"status": status})
                    self.run("patch", name, "--subresource=status", "--type=merge", "-p", patch)


@pytest.fixture
def cluster(plane: Any) -> Iterator[Cluster]:
    """The control plane, with a namespace that goes afterwards."""
    made = Cluster(plane.kubeconfig, f"hooks-{uuid.uuid4().hex[:8]}")
    made.run("create", "namespace", made.namespace)
    made.run("apply", "-f", "-", text=CRD)
    made.run("wait", "--for=condition=Established", "crd/volumesnapshots.snapshot.storage.k8s.io", "--timeout=30s")
    yield made
    made.run("delete", "namespace", made.namespace, "--wait=false")


@pytest.fixture
def hooked(plane: Any, tmp_path: Path) -> Iterator[Hooked]:
    """The hooks file, loaded."""
    made = Hooked(tmp_path, HOOKS.replace("MORE", ""), {"KUBECONFIG": str(plane.kubeconfig)})
    yield made
    made.close()


READY = {"readyToUse": True, "restoreSize": "1Gi"}


def claim(cluster: Cluster, name: str) -> dict[str, Any]:
    """A claim, and the resource that it is."""
    metadata = {"name": name, "namespace": cluster.namespace, "labels": {"app": "db"}}
    manifest = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": SPEC}
    cluster.apply(manifest)
    type_ = "kubernetes:core/v1:PersistentVolumeClaim"
    return side(type_, "data", f"{cluster.namespace}/{name}", {**manifest, "spec": {**SPEC, "volumeName": "pv-1"}})


def test_a_claim_is_created_from_the_snapshot_that_was_made_before(cluster: Cluster, hooked: Hooked) -> None:
    data = claim(cluster, "data")
    with pytest.raises(CallbackError, match=r"there is no snapshot of the claim hooks-\w+/data"):
        hooked.call("undo_delete", old=data, dry_run=True)
    assert hooked.call("undo_create", new=data, dry_run=True)["note"] == "makes a snapshot of data first"
    assert cluster.run("get", "volumesnapshots.snapshot.storage.k8s.io", "-o", "name") == ""

    with cluster.controller({"error": {"message": "the driver is busy"}}, {**READY, "error": None}):
        note = hooked.call("undo_create", new=data)["note"]
    snapshot = note.removeprefix("kept ")
    assert cluster.get("volumesnapshot", snapshot)["spec"] == {"source": {"persistentVolumeClaimName": "data"}}
    assert hooked.said[-1] == f"snapshot {cluster.namespace}/{snapshot} is ready, 1Gi"
    with pytest.raises(CallbackError, match="already, and it is not from rewind-data-"):
        hooked.call("undo_delete", old=data)

    cluster.run("patch", "pvc", "data", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    cluster.run("delete", "pvc", "data")
    for again in (False, True):
        told = hooked.call("undo_delete", old=data, again=again)
        assert told == {"result": "restored", "id": f"{cluster.namespace}/data"}
    made = cluster.get("pvc", "data")
    assert made["spec"]["dataSource"] == {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": "VolumeSnapshot",
        "name": snapshot,
    }
    assert made["spec"]["resources"] == SPEC["resources"]
    assert "volumeName" not in made["spec"]
    assert made["metadata"]["labels"] == {"app": "db"}
    with pytest.raises(CallbackError, match="none of the claims of data is there: elsewhere"):
        hooked.call("undo_create", new={**data, "id": f"{cluster.namespace}/elsewhere"}, dry_run=True)


def test_a_claim_is_replaced_only_where_the_program_lets_it_stay(
    cluster: Cluster, hooked: Hooked, tmp_path: Path
) -> None:
    data = claim(cluster, "data")
    assert hooked.call("undo_update", old=data, new=data) == {}
    with pytest.raises(CallbackError, match=r"the next `pulumi up` would replace what is restored\. Give the claim"):
        hooked.call("undo_update", old=data, new=data, replaces=True, dry_run=True)
    code = HOOKS.replace("MORE", "ignores_data_source=True, snapshot_class='fast'")
    ready = Hooked(tmp_path / "ready", code, hooked.environ)
    try:
        with cluster.controller(READY):
            told = ready.call("undo_update", old=data, new=data, replaces=True)
    finally:
        ready.close()
    spec = told["inputs"]["spec"]
    assert spec == {**SPEC, "dataSource": {**spec["dataSource"], "kind": "VolumeSnapshot"}}
    made = cluster.get("volumesnapshot", spec["dataSource"]["name"])
    assert made["spec"]["volumeSnapshotClassName"] == "fast"


def test_the_claims_of_a_stateful_set_are_there_before_it_is(cluster: Cluster, hooked: Hooked) -> None:
    spec = {
        "replicas": 2.0,
        "selector": {"matchLabels": {"app": "db"}},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": SPEC}],
    }
    db = side("kubernetes:apps/v1:StatefulSet", "db", f"{cluster.namespace}/db", {"spec": spec})
    for name in ("data-db-0", "data-db-1"):
        claim(cluster, name)
    with cluster.controller(READY):
        hooked.call("undo_create", new=db)
    cluster.run("patch", "pvc", "data-db-1", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    cluster.run("delete", "pvc", "data-db-1")
    for _ in range(2):
        note = hooked.call("undo_delete", old=db)["note"]
    assert note == "data-db-0 is there, data-db-1 is there"
    made = cluster.get("pvc", "data-db-1")
    assert made["spec"]["dataSource"]["name"].startswith("rewind-data-db-1-")
    assert made["metadata"]["labels"] == {"app": "db"}
    deleting = {**db, "inputs": {"spec": {**spec, "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete"}}}}
    with pytest.raises(CallbackError, match="the claims of db are deleted with it"):
        hooked.call("undo_update", old=db, new=deleting, replaces=True, dry_run=True)


BARE = """
import pulumi


class Object(pulumi.CustomResource):
    def __init__(self, kind, name, properties):
        group, _, short = kind.rpartition(":")
        whole = {"apiVersion": group.rpartition("/")[2], "kind": short, **properties}
        super().__init__(f"kubernetes:{kind}", name, whole, pulumi.ResourceOptions(version="4.25.0"))


metadata = {"namespace": "NAMESPACE", "annotations": {"pulumi.com/skipAwait": "true"}}
Object("core/v1:ConfigMap", "settings", {"metadata": metadata, "data": {"a": "b"}})
"""
SHOP = f'{BARE}Object("core/v1:PersistentVolumeClaim", "data", {{"metadata": metadata, "spec": {SPEC}}})\n'
PROVIDER = (
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    / "pulumi-rewind"
    / "real"
    / "bin"
    / "pulumi-resource-kubernetes"
)


@pytest.mark.slow
@pytest.mark.engine
@pytest.mark.skipif(not PROVIDER.exists(), reason="the Kubernetes provider is not built")
def test_a_rollback_deletes_a_claim_and_the_next_one_adopts_it_from_its_snapshot(
    cluster: Cluster, plane: Any, stack: EngineStack
) -> None:
    stack.extra_environ["KUBECONFIG"] = str(plane.kubeconfig)
    plugin = stack.home / "plugins" / "resource-kubernetes-v4.25.0"
    plugin.mkdir(parents=True)
    (plugin / PROVIDER.name).symlink_to(PROVIDER)
    bare, shop = (text.replace("NAMESPACE", cluster.namespace) for text in (BARE, SHOP))
    stack.up(bare)
    stack.up(shop)
    first = stack.resources()["data"]["id"]
    stack.write_file("rewind_hooks.py", HOOKS.replace("MORE", "").replace('urn="*"', 'type="*:PersistentVolumeClaim"'))
    with cluster.controller(READY):
        gone = said(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert gone.code == 0, gone
    assert cluster.run("get", "pvc", "-o", "name") == ""
    [snapshot] = json.loads(cluster.run("get", "volumesnapshots.snapshot.storage.k8s.io", "-o", "json"))["items"]

    back = said(stack, "rollback", "2", "--yes")
    assert back.code == 0, back
    assert f"restored ({first} from {snapshot['metadata']['name']})" in back.out  # what the plan says
    assert "done: shop/dev equals #2" in back.out
    assert stack.resources()["data"]["id"] == first
    [made] = json.loads(cluster.run("get", "pvc", "-o", "json"))["items"]
    assert made["spec"]["dataSource"]["name"] == snapshot["metadata"]["name"]
    stack.write_program(shop)
    stack.expect_no_changes()
