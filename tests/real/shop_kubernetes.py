"""A shop on Kubernetes: databases, deployments, jobs, Helm, a custom resource; 40 to 50 resources."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pulumi_rewind.errors import RewindError
from scripts.real import KUBERNETES
from tests.real.kubernetes import KINDS, by_name, objects
from tests.real.real_stack import RealStack
from tests.real.shop import Shop

PASSWORD = "s3cret-Pa55-of-the-database"
LOST = ("registry", "quota", "db-only-api", "front", "banner", "orders-db-auth", "backup")
"""What the state loses, with what depends on it: the database's StatefulSet and the jobs that wait for it, too."""


class KubernetesShop(Shop):
    """See ``stacks/shopk8s``; version 4 changes an immutable field, version 5 asks for a port that can't be had."""

    title = "shop on Kubernetes"
    groups = "kubernetes"
    leaks: ClassVar[Mapping[str, str]] = {
        "tmp/kubeconfig*": "the provider writes its kubeconfig to TMPDIR whenever it is configured, and leaves it"
    }
    unsure: ClassVar[Mapping[str, str]] = {
        "api.metadata.annotations.shop/release": "a label of its namespace has the same name and value",
        "shopk8s-dev.outputs.release": "1, 2 and 3 are also how often objects have changed, which the cluster counts",
        **dict.fromkeys(
            ("api.spec.minReplicas", "web.spec.minReplicas"),
            "1 is also the generation or the revision of the Deployment that it scales, as the cluster counts them",
        ),
    }
    only = ("api",)
    broken = (4, 5)

    def make(self) -> RealStack:
        """The stack with its versions committed and nothing deployed."""
        world = self.world
        self.plane = world.plane()
        stack = RealStack(world.folder / "stack", world.engine, "shopk8s", world.built, {"kubernetes": KUBERNETES})
        # The patch of a namespace that others have touched as well.
        stack.extra_environ["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
        config = self.plane.kubeconfig.read_text()
        stack.hide("kubeconfig", config)
        stack.hide("dbPassword", PASSWORD)
        stack.secrets += [json.loads(config)["users"][0]["user"]["token"], base64.b64encode(PASSWORD.encode()).decode()]
        stack.make_versions(1, 2, 3, 4, 5)
        return stack

    def namespace(self, name: str = "shop") -> str:
        """A namespace that the provider has named."""
        found = [
            res["id"]
            for res in self.stack.export(show_secrets=False)["deployment"]["resources"]
            if res["urn"].endswith(f":Namespace::{name}") and "delete" not in res
        ]
        assert len(found) == 1, found
        return str(found[0])

    def reality(self) -> dict[str, str]:
        """The objects of both namespaces and of the cluster."""
        found = objects(self.plane, self.namespace(), f"{KINDS},widgets.shop.example")
        found |= {f"tools {name}": text for name, text in objects(self.plane, self.namespace("tools")).items()}
        rest = [item for item in self._get("pv,crd,namespaces") if not item["metadata"]["name"].startswith("kube-")]
        for item in rest:
            item["spec"].pop("claimRef", None)
        found |= by_name(rest)
        return found

    def in_part(self, name: str) -> bool:
        """Whether it is one of the objects of the component `api`."""
        return name.split()[-1] in {"api", "api-x"}

    def lose(self) -> list[str]:
        """Some resources, and all that depends on them."""
        before = {res["urn"] for res in self._resources()}
        for name in LOST:
            urns = [res["urn"] for res in self._resources() if res["urn"].endswith(f"::{name}")]
            for urn in urns:
                self.stack.pulumi("state", "delete", urn, "--target-dependents", "--yes", "-s", self.stack.name)
        return sorted({urn.split("::")[-1] for urn in before - {res["urn"] for res in self._resources()}})

    def drift(self) -> None:
        """What people do with kubectl: scale, edit, delete."""
        inside = ("-n", self.namespace())
        deployment, config, service = (self._name(kind, "api") for kind in ("Deployment", "ConfigMap", "Service"))
        kubectl = self.plane.kubectl
        kubectl("scale", f"deployment/{deployment}", "--replicas=7", *inside)
        kubectl("set", "image", f"deployment/{self._name('Deployment', 'web')}", "main=shop/web:hotfix", *inside)
        kubectl("patch", f"configmap/{config}", "-p", '{"data": {"app.json": "edited", "more": "added"}}', *inside)
        kubectl("delete", f"service/{service}", *inside)
        kubectl("delete", f"pdb/{self._name('PodDisruptionBudget', 'web')}", *inside)
        kubectl("delete", f"networkpolicy/{self._name('NetworkPolicy', 'db-only-api')}", *inside)
        kubectl("delete", f"widget/{self._name('Widget', 'banner')}", *inside)
        secret = f"secret/{self._name('Secret', 'orders-db-auth')}"
        kubectl("patch", secret, "-p", '{"stringData": {"password": "changed-by-hand"}}', *inside)
        kubectl("scale", "statefulset/postgres", "--replicas=2", *inside)
        kubectl("label", "namespace", self.namespace(), "team=nobody", "--overwrite")

    def settle(self) -> None:
        """Looks whether what creates were about to make is there: its name is in their inputs."""
        decisions: list[str] = []
        for operation in self.stack.export(show_secrets=False)["deployment"].get("pending_operations") or []:
            if operation["type"] == "creating":
                urn = operation["resource"]["urn"]
                found = self._object_of(operation["resource"])
                decisions += ["--adopt", f"{urn}={found}"] if found else ["--clear", urn]
        ran = self.stack.rewind("resolve", *decisions)
        assert ran.code == 0, ran

    def _object_of(self, resource: dict[str, Any]) -> str | None:
        """The id of the object that a create has made, None where there is none."""
        inputs = resource["inputs"]
        if "kind" not in inputs:  # a Helm release, or a component
            return None
        about = inputs["metadata"]
        inside = ["-n", about["namespace"]] if "namespace" in about else []
        try:
            self.plane.kubectl("get", inputs["kind"].lower(), about["name"], *inside)
        except RewindError:
            return None
        return "/".join([*inside[1:], about["name"]])

    def _get(self, kinds: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.plane.kubectl("get", kinds, "-o", "json"))["items"]
        return found

    def _resources(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.stack.export(show_secrets=False)["deployment"]["resources"]
        return found

    def _name(self, kind: str, name: str) -> str:
        """The name that an object has in the cluster."""
        found = [res["id"] for res in self._resources() if res["urn"].endswith(f":{kind}::{name}")]
        return str(found[0]).rpartition("/")[2]
