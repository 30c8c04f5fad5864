"""Random stacks and histories: for every pair of updates, replaying the older one yields the older one.

The engine runs a fixed program that reads what to declare from a file. The result is compared twice: by our own
verification, and by an independent look at the state in which every physical id is replaced by its resource's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.support.rewind import plan, run, session
from tests.support.stack import EngineStack

PROGRAM = """
import base64, json, pulumi, bridged_sdk as bridged
made = {}
class Group(pulumi.ComponentResource):
    pass
def value(v):
    if isinstance(v, list):
        return [value(i) for i in v]
    if isinstance(v, dict) and "$secret" in v:
        return pulumi.Output.secret(value(v["$secret"]))
    if isinstance(v, dict) and "$ref" in v:
        other = made[v["$ref"]]
        if v["form"] == "text":
            return pulumi.Output.concat("to ", other.id, "!")
        if v["form"] == "json":
            return pulumi.Output.json_dumps({"id": other.id, "more": ["x", other.id]})
        if v["form"] == "b64":
            return other.id.apply(lambda i: base64.b64encode(f"#! {i} ü".encode()).decode())
        return other.id
    if isinstance(v, dict):
        return {k: value(i) for k, i in v.items()}
    return v
for item in json.load(open("spec.json")):
    opts = pulumi.ResourceOptions(
        parent=made.get(item["parent"]), protect=item["protect"] or None,
        depends_on=[made[name] for name in item["depends"]])
    if item["kind"] == "Group":
        group = Group("test:index:Group", item["name"], {"note": value(item["note"])}, opts)
        group.register_outputs({"note": value(item["note"])})
        made[item["name"]] = group
    else:
        props = {"image": value(item["note"]), "tags": value(item["tags"])}
        made[item["name"]] = bridged.Server(item["name"], props, opts)
        pulumi.export(item["name"], made[item["name"]].id)
"""

NAMES = ["web", "a::b", "x/y", "größe", "日本", "do$lar"]
plain = st.text("ab \"\\'{}$é:/", max_size=8) | st.integers(-3, 3) | st.booleans()


@st.composite
def stacks(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What one version of the program declares; a resource refers only to earlier ones."""
    declared: list[dict[str, Any]] = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=5, unique=True)):
        servers = [item["name"] for item in declared if item["kind"] == "Server"]
        groups = [item["name"] for item in declared if item["kind"] == "Group"]
        leaf: st.SearchStrategy[Any] = plain
        if servers:
            refs = st.builds(
                lambda ref, form: {"$ref": ref, "form": form},
                st.sampled_from(servers),
                st.sampled_from(["id", "text", "json", "b64"]),
            )
            leaf = plain | refs
        leaf = leaf | leaf.map(lambda inner: {"$secret": inner})
        tags = st.dictionaries(st.sampled_from(["k", "k.l", "ö", "z"]), leaf | st.lists(leaf, max_size=2), max_size=3)
        declared.append(
            {
                "name": name,
                "kind": draw(st.sampled_from(["Server", "Server", "Server", "Group"])),
                "note": draw(leaf.filter(lambda value: isinstance(value, str | dict))) or "n",
                "tags": draw(tags),
                "parent": draw(st.sampled_from([None, *groups])),
                "protect": False,
                "depends": draw(st.lists(st.sampled_from(servers), max_size=2, unique=True)) if servers else [],
            }
        )
    return declared


def neutral(state: dict[str, Any]) -> dict[str, Any]:
    """A state with every physical id and auto-name replaced by what it stands for."""
    resources = state["deployment"].get("resources") or []
    names: dict[str, str] = {}
    for res in resources:
        if res.get("id") and not res["type"].startswith("pulumi:"):
            names[res["id"]] = f"<id {res['urn']}>"
            names[res["inputs"]["name"]] = f"<name {res['urn']}>"
    pattern = re.compile("|".join(map(re.escape, names)) or "(?!)")

    def swap(value: Any) -> Any:
        if isinstance(value, dict):
            if "plaintext" in value:
                return {"secret": swap(json.loads(value["plaintext"]))}
            return {key: swap(item) for key, item in value.items()}
        if isinstance(value, list):
            return [swap(item) for item in value]
        if isinstance(value, str):
            import base64

            try:
                inside = base64.b64decode(value, validate=True).decode()
                if inside.startswith("#! "):
                    return ["base64", swap(inside)]
            except ValueError:
                pass
            return pattern.sub(lambda hit: names[hit.group()], value)
        return value

    kept = ("inputs", "parent", "dependencies", "propertyDependencies", "protect", "custom", "type", "provider")
    return {
        res["urn"]: {
            **{key: swap(res[key]) for key in kept if key in res and key != "provider"},
            "dependencies": sorted(res.get("dependencies") or ()),
            **({"outputs": swap(res.get("outputs"))} if not res.get("custom") else {}),
        }
        for res in resources
        if not res["type"].startswith("pulumi:providers:")
    }


@pytest.mark.slow
def test_every_older_update_comes_back(make_stack: Callable[..., EngineStack]) -> None:
    @settings(
        max_examples=4,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],  # shrinking would run the engine for an hour
        derandomize=True,
        database=None,
    )
    @given(st.lists(stacks(), min_size=2, max_size=3))
    def history(versions: list[list[dict[str, Any]]]) -> None:
        stack = make_stack()
        stack.write_program(PROGRAM)
        for version in versions:
            stack.write_file("spec.json", json.dumps(version))
            stack.up()
        opened = session(stack)
        wanted = {}
        for number in range(1, len(versions) + 1):
            stored = opened.timeline.checkpoint(number)
            wanted[number] = neutral(_export(opened.vault.plaintext(stored, opened.stack)))
        for number in range(len(versions), 0, -1):
            made = plan(stack, str(number))
            result, _ = run(stack, made, allow_data_loss=True, check_again=True)
            assert [item for item in result.differences if not item.expected] == [], versions
            assert neutral(stack.export()) == wanted[number], versions

    history()


def _export(raw: bytes) -> dict[str, Any]:
    return {"deployment": json.loads(raw)["checkpoint"]["latest"]}
