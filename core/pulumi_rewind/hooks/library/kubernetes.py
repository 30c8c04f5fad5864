"""Volumes of Kubernetes, by ``kubectl``: snapshots that a CSI driver makes, or the files as a pod sees them."""

from __future__ import annotations

import hashlib
import json
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource
from pulumi_rewind.hooks.declare import Delete, Recreate, Restored
from pulumi_rewind.hooks.library.file_copies import FileCopies
from pulumi_rewind.hooks.library.programs import plain, run, size, streamed
from pulumi_rewind.hooks.library.ready_made import ReadyMade

GROUP: Final = "snapshot.storage.k8s.io"
CLAIM_LABEL: Final = "pulumi-rewind/claim"
INSTALL: Final = "Install kubectl, or name it: `kubectl=('/path/to/kubectl', '--context', 'prod')`."
EVERY: Final = 1.0
"""Seconds between two looks at a snapshot."""


@dataclass(frozen=True, kw_only=True)
class VolumeSnapshot(ReadyMade):
    """Keeps and restores volumes by CSI snapshots: of a PersistentVolumeClaim, or of all claims of a StatefulSet.

    A snapshot lies in the namespace of its claim and is deleted with it. A claim that is created again gets the newest
    one as `dataSource`; the engine adopts it.
    """

    snapshot_class: str = ""
    """The VolumeSnapshotClass; by default the cluster's."""
    ignores_data_source: bool = False
    """The program has ``ignore_changes=["spec.dataSource"]`` for its claims, so that they may be replaced.

    Without that, the next `pulumi up` would replace the claim once more, which would then be empty.
    """
    kubectl: Sequence[str] = ("kubectl",)

    def undo_create(self, ctx: UndoContext) -> Delete:
        """The claim or set is going to be deleted: a snapshot of each volume is made, and it is ready."""
        assert ctx.new is not None
        return Delete(f"{'makes' if ctx.dry_run else 'kept'} {', '.join(self._kept(ctx, ctx.new))}")

    def undo_delete(self, ctx: UndoContext) -> Restored | Recreate:
        """The claim or set is going to be created again: each claim is created from its newest snapshot before."""
        assert ctx.old is not None
        namespace, name = _place(ctx.old)
        if _is_claim(ctx.old):
            snapshot = self._newest(namespace, name)
            if snapshot is None:
                return self._nothing(namespace, name)
            self._restored(ctx, namespace, name, plain(ctx.old.inputs), snapshot)
            return Restored(f"{namespace}/{name} from {snapshot}" if ctx.dry_run else f"{namespace}/{name}")
        told = []
        for claim, manifest in _templates(ctx.old):
            if self._get(namespace, "persistentvolumeclaim", claim) is not None:
                told.append(f"{claim} is there")
            elif (snapshot := self._newest(namespace, claim)) is not None:
                self._restored(ctx, namespace, claim, manifest, snapshot)
                told.append(f"{claim} from {snapshot}")
            else:
                told.append(self._nothing(namespace, claim).note)
        return Recreate(note=", ".join(told))

    def undo_update(self, ctx: UndoContext) -> Recreate | None:
        """The claim or set is going to be replaced: a claim by one from a snapshot; a set's claims stay."""
        assert ctx.old is not None
        assert ctx.new is not None
        if not ctx.replaces:
            return None
        if not _is_claim(ctx.new):
            policy = plain(ctx.new.inputs).get("spec", {}).get("persistentVolumeClaimRetentionPolicy") or {}
            if policy.get("whenDeleted") == "Delete":
                raise CopyError(
                    f"the claims of {ctx.new.name} are deleted with it (persistentVolumeClaimRetentionPolicy)",
                    hint="Set whenDeleted to Retain in the live set first: `kubectl edit`.",
                )
            return Recreate(note=f"its claims stay; {', '.join(self._kept(ctx, ctx.new))}")
        if not self.ignores_data_source:
            raise CopyError(
                f"{ctx.new.name} is going to be replaced, and the next `pulumi up` would replace what is restored",
                hint='Give the claim ignore_changes=["spec.dataSource"] in the program, then set ignores_data_source.',
            )
        [snapshot] = self._kept(ctx, ctx.new)
        spec = {**ctx.old.inputs.get("spec", {})}
        spec.pop("volumeName", None)
        return Recreate({"spec": {**spec, "dataSource": _source(snapshot)}}, note=f"from {snapshot}")

    def _kept(self, ctx: UndoContext, res: UndoResource) -> list[str]:
        """The names of finished snapshots, one for each claim; of a dry call what is going to be done."""
        namespace, name = _place(res)
        claims = [name] if _is_claim(res) else [claim for claim, _ in _templates(res)]
        there = [claim for claim in claims if self._get(namespace, "persistentvolumeclaim", claim) is not None]
        if not there:
            raise CopyError(f"none of the claims of {res.name} is there: {', '.join(claims)}")
        if ctx.dry_run:
            self._run(["get", f"volumesnapshots.{GROUP}", "-n", namespace, "-o", "name"])
            return [f"a snapshot of {claim} first" for claim in there]
        names = [self._begun(ctx, namespace, claim) for claim in there]
        for snapshot in names:
            self._ready(ctx, namespace, snapshot)
        return names

    def _begun(self, ctx: UndoContext, namespace: str, claim: str) -> str:
        name = f"rewind-{claim[:200]}-{time.strftime('%Y%m%d%H%M%S', time.gmtime())}-{ctx.idempotency_key[:8]}"
        manifest = {
            "apiVersion": f"{GROUP}/v1",
            "kind": "VolumeSnapshot",
            "metadata": {"name": name, "namespace": namespace, "labels": {CLAIM_LABEL: _label(claim)}},
            "spec": {
                "source": {"persistentVolumeClaimName": claim},
                **({"volumeSnapshotClassName": self.snapshot_class} if self.snapshot_class else {}),
            },
        }
        self._run(["create", "-f", "-"], json.dumps(manifest))
        return name

    def _ready(self, ctx: UndoContext, namespace: str, name: str) -> None:
        """Waits until a snapshot can be used; the driver tries again after an error, the time limit ends that."""
        problem = ""
        while True:
            found = self._get(namespace, f"volumesnapshot.{GROUP}", name)
            if found is None:
                raise CopyError(f"the snapshot {name} was deleted while it was made")
            status = found.get("status") or {}
            if status.get("readyToUse"):
                ctx.log(f"snapshot {namespace}/{name} is ready, {status.get('restoreSize', 'size unknown')}")
                return
            said = (status.get("error") or {}).get("message") or ""
            if said != problem:
                problem = said
                ctx.log(f"snapshot {namespace}/{name}: {said}")
            ctx.progress(0, 0, f"waiting for {name}")
            time.sleep(EVERY)

    def _newest(self, namespace: str, claim: str) -> str | None:
        selector = f"{CLAIM_LABEL}={_label(claim)}"
        said = self._run(["get", f"volumesnapshots.{GROUP}", "-n", namespace, "-l", selector, "-o", "json"])
        ready = [one["metadata"] for one in json.loads(said)["items"] if (one.get("status") or {}).get("readyToUse")]
        newest = max(ready, key=lambda one: one["creationTimestamp"], default=None)
        return None if newest is None else str(newest["name"])

    def _nothing(self, namespace: str, claim: str) -> Recreate:
        return self.no_copy(f"there is no snapshot of the claim {namespace}/{claim}", "Look for another copy.")

    def _restored(
        self, ctx: UndoContext, namespace: str, claim: str, manifest: Mapping[str, Any], snapshot: str
    ) -> None:
        """Creates a claim from a snapshot; one that has been is left as it is."""
        there = self._get(namespace, "persistentvolumeclaim", claim)
        if there is not None and (there["spec"].get("dataSource") or {}).get("name") != snapshot:
            raise CopyError(
                f"there is a claim {namespace}/{claim} already, and it is not from {snapshot}",
                hint="Delete it, or have the rollback adopt it with `--adopt`.",
            )
        if there is not None or ctx.dry_run:
            return
        spec = {key: value for key, value in manifest["spec"].items() if key not in {"volumeName", "dataSourceRef"}}
        whole = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {**manifest.get("metadata", {}), "name": claim, "namespace": namespace},
            "spec": {**spec, "dataSource": _source(snapshot)},
        }
        self._run(["create", "-f", "-"], json.dumps(whole))
        ctx.log(f"claim {namespace}/{claim} comes from {snapshot}")

    def _get(self, namespace: str, kind: str, name: str) -> Any:
        said = self._run(["get", kind, name, "-n", namespace, "--ignore-not-found", "-o", "json"])
        return json.loads(said) if said.strip() else None

    def _run(self, arguments: Sequence[str], text: str | None = None) -> str:
        return run([*self.kubectl, *arguments], text=text, install=INSTALL)


@dataclass(frozen=True, kw_only=True)
class PodFiles(FileCopies):
    """Keeps and restores the files below a path of a running pod, by ``kubectl exec … tar``::

        PodFiles(pod=lambda db: ("shop", f"{db.id.rpartition('/')[2]}-0"), path="/var/lib/data")

    For what runs pods by itself, such as a StatefulSet; the container needs ``tar`` and ``du``.
    """

    pod: Callable[[UndoResource], tuple[str, str]]
    """Namespace and name of the pod of a resource."""
    path: str
    container: str = ""
    """By default the pod's first one."""
    kubectl: Sequence[str] = ("kubectl",)

    suffix: ClassVar = ".tar"
    unit: ClassVar = "files"

    def look(self, res: UndoResource) -> str:
        """How much the files take up."""
        return size(int(run([*self._exec(res), "du", "-sk", self.path], install=INSTALL).split()[0]) * 1024)

    def save(self, ctx: UndoContext, res: UndoResource, file: Path) -> Mapping[str, int]:
        """Copies the files, then reads the whole archive and counts them."""
        with file.open("wb") as target:
            run([*self._exec(res), "tar", "-C", self.path, "-cf", "-", "."], stdout=target, install=INSTALL)
        with file.open("rb") as source:
            return {self.path: len(set(_members(source)))}

    def load(self, ctx: UndoContext, file: Path, res: UndoResource) -> Mapping[str, int]:
        """Copies them back; files that the archive does not have stay. What is there afterwards is read once more."""
        with file.open("rb") as source:
            run([*self._exec(res, "-i"), "tar", "-C", self.path, "-xf", "-"], stdin=source, install=INSTALL)
            source.seek(0)
            wanted = set(_members(source))
        with streamed([*self._exec(res), "tar", "-C", self.path, "-cf", "-", "."]) as output:
            there = set(_members(output))
        return {self.path: len(wanted & there)}

    def _exec(self, res: UndoResource, *more: str) -> list[str]:
        namespace, pod = self.pod(res)
        container = ["-c", self.container] if self.container else []
        return [*self.kubectl, "exec", *more, "-n", namespace, pod, *container, "--"]


def _members(source: Any) -> Iterator[tuple[str, int]]:
    """Name and size of each file in an archive, which is read to its end."""
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            for one in archive:
                if not one.isdir():
                    yield one.name, one.size
    except tarfile.TarError as err:
        raise CopyError(f"the archive can't be read to its end: {err}") from None


def _is_claim(res: UndoResource) -> bool:
    return res.type.endswith(":PersistentVolumeClaim")


def _place(res: UndoResource) -> tuple[str, str]:
    """Namespace and name, which are the id in Pulumi."""
    namespace, _, name = res.id.rpartition("/")
    return namespace or "default", name


def _templates(res: UndoResource) -> Iterator[tuple[str, dict[str, Any]]]:
    """The claims of a StatefulSet by the names that its controller gives them, with their templates."""
    given = plain(res.inputs)
    spec, (_, name) = given.get("spec", {}), _place(res)
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    first = int((spec.get("ordinals") or {}).get("start") or 0)
    count = spec.get("replicas")
    for template in spec.get("volumeClaimTemplates") or ():
        metadata = template["metadata"]
        for at in range(first, first + int(1 if count is None else count)):
            manifest = {**template, "metadata": {"labels": {**labels, **(metadata.get("labels") or {})}}}
            yield f"{metadata['name']}-{name}-{at}", manifest


def _source(snapshot: str) -> dict[str, str]:
    return {"apiGroup": GROUP, "kind": "VolumeSnapshot", "name": snapshot}


def _label(claim: str) -> str:
    """A name of any length as the value of a label, which has 63 characters at most."""
    return hashlib.sha256(claim.encode()).hexdigest()[:32]
