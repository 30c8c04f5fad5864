"""What is Kubernetes' own: charts beside the program, fields that others have taken over, jobs that run again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.real import KUBERNETES
from tests.real.kubernetes import objects
from tests.real.real_stack import RealStack
from tests.real.roads import AGREED, told
from tests.real.shop import World

pytestmark = pytest.mark.needs("kubernetes")


class Cache:
    """``stacks/cachek8s``, deployed in its two versions; the second one has another chart."""

    def __init__(self, world: World) -> None:
        self.plane = world.plane()
        self.stack = RealStack(
            world.folder / "stack", world.engine, "cachek8s", world.built, {"kubernetes": KUBERNETES}
        )
        self.stack.hide("kubeconfig", self.plane.kubeconfig.read_text())
        self.stack.make_versions(1)
        template = self.stack.root / "chart" / "templates" / "all.yaml"
        template.write_text(template.read_text().replace('"lru"', '"lfu"'))
        self.stack.make_versions(2)
        self.was = {}
        for version in (1, 2):
            self.stack.deploy(version)
            self.was[version] = self.reality()

    @property
    def namespace(self) -> str:
        return str(self.resource("Namespace::cache")["id"])

    def resource(self, end: str) -> dict[str, Any]:
        """The resource whose URN ends so."""
        found = [res for res in self.stack.resources(show_secrets=False).values() if res["urn"].endswith(f":{end}")]
        assert len(found) == 1, found
        return found[0]

    def reality(self) -> dict[str, str]:
        return objects(self.plane, self.namespace)

    def scale(self) -> None:
        """As somebody does who needs more of it at once; kubectl owns the number from then on."""
        name = self.resource("Deployment::api")["id"].rpartition("/")[2]
        self.plane.kubectl("scale", f"deployment/{name}", "--replicas=5", "-n", self.namespace)

    def risks(self) -> dict[str, list[str]]:
        """The names of the resources that each risk of a plan is about."""
        ran = self.stack.rewind("plan", "v1", "--json")
        assert ran.code == 0, told(ran)
        made = ran.json()
        found: dict[str, list[str]] = {}
        for risk in [*made["risks"], *(risk for step in made["steps"] for risk in step["risks"])]:
            names = found.setdefault(risk["code"], [])
            if (name := (risk["urn"] or "").split("::")[-1]) not in names:
                names.append(name)
        return found


@pytest.fixture
def cache(world: World) -> Iterator[Cache]:
    made = Cache(world)
    yield made
    made.stack.close()


def test_a_chart_that_changed_is_told_and_its_own_program_brings_it_back(cache: Cache) -> None:
    assert '"policy": "lru"' in cache.was[1]["ConfigMap release-x-cache"]
    assert cache.risks()["path-content"] == ["release"], "of the other chart the state has what it was made of"

    ran = cache.stack.rewind("rollback", "v1", "--strategy", "checkpoint", *AGREED)
    assert ran.code == 0, told(ran)
    assert "chart" in ran.out
    now = cache.reality()
    differing = {name for name in now | cache.was[1] if now.get(name) != cache.was[1].get(name)}
    assert differing == {"ConfigMap release-x-cache"}
    assert '"policy": "lfu"' in now["ConfigMap release-x-cache"]

    cache.stack.deploy(2)
    assert cache.stack.rewind("rollback", "v1", "--strategy", "program", *AGREED).code == 0
    assert cache.reality() == cache.was[1]


def test_a_field_that_somebody_else_owns_can_be_taken_over_or_left_out(cache: Cache) -> None:
    cache.scale()
    before = cache.reality()
    ran = cache.stack.rewind("rollback", "v1", *AGREED)
    assert ran.code == 1, told(ran)
    assert cache.reality() == before
    assert "PULUMI_K8S_ENABLE_PATCH_FORCE=true" in ran.err
    assert "--only '!api'" in ran.err

    ran = cache.stack.rewind("rollback", "v1", "--only", "!api", *AGREED)
    assert ran.code == 0, told(ran)
    now = cache.reality()
    assert now["Deployment api-x"] == before["Deployment api-x"]
    assert now["ConfigMap chart-cache"] == cache.was[1]["ConfigMap chart-cache"]

    cache.stack.extra_environ["PULUMI_K8S_ENABLE_PATCH_FORCE"] = "true"
    cache.stack.check_out(1)
    ran = cache.stack.rewind("rollback", "v1", *AGREED)
    assert ran.code == 0, told(ran)
    assert cache.reality()["Deployment api-x"] == cache.was[1]["Deployment api-x"]


def test_a_job_runs_again_as_announced(cache: Cache) -> None:
    def job() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(cache.plane.kubectl("get", "job", "-n", cache.namespace, "-o", "json"))
        assert len(found["items"]) == 1
        item: dict[str, Any] = found["items"][0]
        return item

    before = job()
    assert cache.risks()["runs-again"] == ["migrate"]
    assert cache.stack.rewind("rollback", "v1", *AGREED).code == 0
    cache.plane.kubectl("wait", "--for=condition=Complete", "job", "--all", "-n", cache.namespace, "--timeout=60s")
    assert job()["metadata"]["uid"] != before["metadata"]["uid"]
