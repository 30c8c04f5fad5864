"""A shop on Kubernetes: databases, deployments, jobs, Helm, a custom resource; 40 to 50 resources."""

from __future__ import annotations

import json

from scripts.real import KUBERNETES
from tests.real.kubernetes import KINDS, content, objects
from tests.real.real_stack import RealStack
from tests.real.shop import Shop


class KubernetesShop(Shop):
    """See ``stacks/shopk8s``; version 4 changes an immutable field, version 5 asks for a port that can't be had."""

    title = "shop on Kubernetes"
    groups = "kubernetes"
    only = ("api",)
    broken = 5

    def make(self) -> RealStack:
        """The stack with its versions committed and nothing deployed."""
        world = self.world
        self.plane = world.plane()
        stack = RealStack(world.folder / "stack", world.engine, "shopk8s", world.built, {"kubernetes": KUBERNETES})
        # The patch of a namespace that others have touched as well.
        stack.extra_environ["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
        stack.hide("kubeconfig", self.plane.kubeconfig.read_text())
        stack.hide("dbPassword", "s3cret-Pa55-of-the-database")
        stack.make_versions(1, 2, 3, 4, 5)
        return stack

    @property
    def namespace(self) -> str:
        """The shop's namespace, which the provider has named."""
        return self.stack.pulumi("stack", "output", "namespace", "-s", self.stack.name).stdout.strip()

    def reality(self) -> dict[str, str]:
        """The namespace's objects, the volumes, and the labels of the namespaces."""
        found = objects(self.plane, self.namespace, f"{KINDS},widgets.shop.example")
        rest = json.loads(self.plane.kubectl("get", "pv,crd", "-o", "json"))["items"]
        for item in rest:
            item["spec"].pop("claimRef", None)
            found[f"{item['kind']} {item['metadata'].get('generateName', '')}"] = content(item)
        default = json.loads(self.plane.kubectl("get", "namespace", "default", "-o", "json"))
        found["Namespace default"] = content(default)
        return found
