"""What is really on the cluster: workloads, whom they ask, volumes and jobs, as kubectl sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from pulumi_rewind.demo.manifests import SERVICES
from pulumi_rewind.demo.site import Seen

KINDS: Final = "deployments,statefulsets,services,configmaps,persistentvolumeclaims,jobs"
"""What kubectl is asked for."""

Object = Mapping[str, Any]


@dataclass(frozen=True)
class ClusterWorld:
    """The objects of the shop's namespace."""

    objects: Sequence[Object]
    """As the API gives them."""

    def of(self, kind: str) -> Mapping[str, Object]:
        """The objects of one kind by name."""
        return {one["metadata"]["name"]: one for one in self.objects if one["kind"] == kind}

    def service(self, name: str) -> Seen:
        """A service of the shop: its pods, what it is told, and whether the one that it asks is there."""
        deployment = self.of("Deployment").get(name)
        if deployment is None:
            return Seen(f"service/{name}", f"no {name} is running", well=None)
        version = deployment["metadata"]["labels"]["app.kubernetes.io/version"]
        ports = ", ".join(str(port) for port in self._ports(name))
        container = _spec(deployment)["containers"][0]
        config = self.of("ConfigMap").get(container["envFrom"][0]["configMapRef"]["name"])
        told: Mapping[str, str] = config["data"] if config is not None else {}
        lines = [f"{name} {version} - {told.get('headline', '')}", *(f"{k:<9} {told[k]}" for k in _TOLD if k in told)]
        pods, well = _pods(deployment)
        broken = [] if config is not None else ["BROKEN: its ConfigMap is gone"]
        if upstream := told.get("upstream"):
            asked = urlsplit(upstream)
            if asked.port not in self._ports(asked.hostname or ""):
                broken.append(f"BROKEN: service {asked.hostname} has no port {asked.port}")
        lines += broken
        return Seen(f"service/{name}", f"port {ports}, {pods}", tuple(lines), well and not broken)

    def seen(self) -> Iterator[Seen]:
        """Each service, the database with its volumes, each job."""
        yield from map(self.service, SERVICES)
        for name, database in self.of("StatefulSet").items():
            claims = [volume["persistentVolumeClaim"]["claimName"] for volume in _spec(database)["volumes"]]
            volumes = [self._volume(claim) for claim in claims]
            pods, well = _pods(database)
            yield Seen(f"statefulset/{name}", pods, tuple(volumes), well)
        for name, job in self.of("Job").items():
            done = {one["type"]: one.get("reason", "") for one in job["status"].get("conditions", ())}
            state = "complete" if "Complete" in done else f"failed: {done['Failed']}" if "Failed" in done else "runs"
            yield Seen(f"job/{name}", state, well="Failed" not in done)

    def _ports(self, service: str) -> list[int]:
        found = self.of("Service").get(service)
        return [port["port"] for port in found["spec"]["ports"]] if found is not None else []

    def _volume(self, claim: str) -> str:
        found = self.of("PersistentVolumeClaim").get(claim)
        if found is None:
            return f"{claim:<9} is gone"
        size = found["spec"]["resources"]["requests"]["storage"]
        return f"{claim:<9} {size}, {found['status'].get('phase', '').lower()}, {found['metadata']['uid'][:8]}"


_TOLD: Final = ("prices", "upstream")


def _spec(workload: Object) -> Any:
    return workload["spec"]["template"]["spec"]


def _pods(workload: Object) -> tuple[str, bool]:
    ready, wanted = workload["status"].get("readyReplicas", 0), workload["spec"]["replicas"]
    return f"{ready} of {wanted} {'pod' if wanted == 1 else 'pods'}", ready == wanted
