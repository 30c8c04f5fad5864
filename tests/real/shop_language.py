"""What the shops whose programs are in other languages than Python have in common: a small shop on Kubernetes."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any, ClassVar

from scripts.real import KUBERNETES
from tests.real.kubernetes import objects
from tests.real.real_stack import RealStack
from tests.real.shop import Shop

NAMED = "deploy,svc,cm,secret,role"


class LanguageShop(Shop):
    """A shop in a namespace of its own; version 4 asks for a port that can't be had once half of it is done."""

    project: ClassVar[str]
    """The directory below ``stacks``."""
    runtime: ClassVar[str]
    changed: ClassVar[Mapping[str, str]]
    """What a comparison of the first version with the third says of some resources: name → action."""
    plugins: ClassVar[Mapping[str, str]] = {"kubernetes": KUBERNETES}
    lost: ClassVar[tuple[str, ...]]
    """Names of what the state loses."""
    drifting: ClassVar[tuple[str, str, str]]
    """Names of a deployment, a ConfigMap and a service."""
    kind: ClassVar[type[RealStack]] = RealStack

    def make(self) -> RealStack:
        """The stack with its versions committed and nothing deployed."""
        world = self.world
        self.plane = world.plane()
        stack = self.kind(world.folder / "stack", world.engine, self.project, world.built, self.plugins)
        stack.write_version(1)
        # kubectl owns the fields that it has changed.
        stack.extra_environ["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
        stack.hide("kubeconfig", self.plane.kubeconfig.read_text())
        stack.hide("token", f"s3cret-token-of-{self.project}")
        self.prepare(stack)
        stack.make_versions(1, 2, 3, 4)
        return stack

    @abc.abstractmethod
    def prepare(self, stack: RealStack) -> None:
        """Gives the stack what its language needs, before anything is committed."""

    @property
    def namespace(self) -> str:
        """The shop's namespace, which the provider has named."""
        return self.output("namespace")

    def output(self, name: str) -> str:
        """An output of the stack."""
        return self.stack.pulumi("stack", "output", name, "-s", self.stack.name).stdout.strip()

    def reality(self) -> dict[str, str]:
        """The objects of the namespace."""
        return objects(self.plane, self.namespace, NAMED)

    def lose(self) -> list[str]:
        """The state loses what nothing else refers to; the objects stay."""
        for name in self.lost:
            self.stack.pulumi("state", "delete", "--yes", self._of(name)["urn"], "-s", self.stack.name)
        return list(self.lost)

    def drift(self) -> None:
        """Somebody scales a deployment, changes a setting, and deletes a service."""
        deployment, settings, service = (self._of(name)["id"].rpartition("/")[2] for name in self.drifting)
        for words in (
            ("scale", f"deployment/{deployment}", "--replicas=7"),
            ("patch", f"configmap/{settings}", "-p", '{"data": {"by": "hand"}}'),
            ("delete", f"service/{service}"),
        ):
            self.plane.kubectl(*words, "-n", self.namespace)

    def settle(self) -> None:
        """Looks whether what creates were about to make is there: its name is in their inputs."""
        decisions: list[str] = []
        for operation in self.stack.export(show_secrets=False)["deployment"].get("pending_operations") or []:
            res = operation["resource"]
            about = res.get("inputs", {}).get("metadata") or {}
            if operation["type"] == "creating":
                there = about.get("name") and self.plane.kubectl(
                    "get", res["type"].rpartition(":")[2], about["name"], "--ignore-not-found", "-o", "name",
                    "-n", about.get("namespace", "default"),
                )  # fmt: skip
                place = f"{about.get('namespace', '')}/{about.get('name', '')}".lstrip("/")
                decisions += ["--adopt", f"{res['urn']}={place}"] if there else ["--clear", res["urn"]]
        ran = self.stack.rewind("resolve", *decisions)
        assert ran.code == 0, ran

    def _of(self, name: str) -> dict[str, Any]:
        """The entry of an object in the state."""
        found = [
            res
            for res in self.stack.export(show_secrets=False)["deployment"]["resources"]
            if res["urn"].endswith(f"::{name}") and res.get("id")
        ]
        assert len(found) == 1, f"{len(found)} resources have the name {name}"
        return found[0]
