"""Pairs of programs drawn by chance, and what `check` said of the second against what its rollback came to.

What happened is read from the provider's own record of its calls and from the states, not from our plans.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from pulumi_rewind.checking.check import check_update
from pulumi_rewind.errors import RewindError
from pulumi_rewind.project.check_settings import (
    ASSET_LOST,
    DATA_LOSS,
    HOLDABLE,
    IN_PLACE,
    NEW_ID,
    NOTHING,
    UNKNOWN_VERDICT,
)
from pulumi_rewind.state.values import ASSET, SIG
from pulumi_rewind.strategies.preview import ignore_events
from tests.support.fidelity import _by_urn, _renamed
from tests.support.rewind import plan, run, session
from tests.support.stack import EngineStack

PROGRAM = """
import json, pulumi, bridged_sdk as bridged
made = {}
class Group(pulumi.ComponentResource):
    pass
def value(v):
    if isinstance(v, list):
        return [value(i) for i in v]
    if isinstance(v, dict) and "$secret" in v:
        return pulumi.Output.secret(value(v["$secret"]))
    if isinstance(v, dict) and "$file" in v:
        return pulumi.FileAsset(v["$file"])
    if isinstance(v, dict) and "$ref" in v:
        other = made[v["$ref"]]
        out = getattr(other, v["out"])
        return pulumi.Output.concat("to ", out, "!") if v["text"] else out
    if isinstance(v, dict):
        return {k: value(i) for k, i in v.items()}
    return v
for item in json.load(open("spec.json")):
    opts = pulumi.ResourceOptions(
        parent=made.get(item["parent"]), protect=item["protect"] or None,
        retain_on_delete=item["retain"] or None, provider=made.get(item["provider"]),
        ignore_changes=item["ignore"], aliases=[pulumi.Alias(**alias) for alias in item["aliases"]],
        depends_on=[made[name] for name in item["depends"]])
    if item["kind"] == "Group":
        group = Group("test:index:Group", item["name"], value(item["props"]), opts)
        group.register_outputs(value(item["props"]))
        made[item["name"]] = group
    else:
        made[item["name"]] = getattr(bridged, item["kind"])(item["name"], value(item["props"]), opts)
        pulumi.export(item["name"], made[item["name"]].id)
"""

KINDS = ("Server", "Server", "Server", "Bucket", "Database", "Vault", "Group")
REPLACING = {"Server": "zone", "Bucket": "region", "Database": "engine", "Vault": "zone"}
UPDATING = {"Server": "image", "Bucket": "policy", "Database": "size", "Vault": "compat2"}
PREFIXES = {"Server": "srv", "Bucket": "bkt", "Database": "db", "Vault": "vlt"}
STATEFUL = ("Bucket", "Database")

Spec = list[dict[str, Any]]


def pair(seed: int) -> tuple[Spec, Spec]:
    """Two versions of a program: the second is the first with changes."""
    draw = random.Random(seed)
    explicit = draw.random() < 0.2
    first: Spec = []
    if explicit:
        first.append(_item("prov", "Provider", {"account": "one"}))
    for name in draw.sample(["web", "a::b", "x/y", "größe", "data", "queue", "cache"], draw.randint(3, 6)):
        first.append(_drawn(draw, name, first))
    second = first
    changes = draw.randint(2, 5)
    while changes > 0 or second == first:
        second = _changed(draw, second)
        changes -= 1
    return first, second


def _item(name: str, kind: str, props: dict[str, Any], **more: Any) -> dict[str, Any]:
    item: dict[str, Any] = {"name": name, "kind": kind, "props": props, "parent": None, "protect": False}
    return item | {"retain": False, "provider": None, "ignore": [], "aliases": [], "depends": []} | more


def _drawn(draw: random.Random, name: str, before: Spec) -> dict[str, Any]:
    kind = draw.choice(KINDS)
    groups = [one["name"] for one in before if one["kind"] == "Group"]
    providers = [one["name"] for one in before if one["kind"] == "Provider"]
    others = [one["name"] for one in before if one["kind"] in PREFIXES]
    if kind == "Group":
        return _item(name, kind, {"note": "n"}, parent=draw.choice([None, *groups]))
    props: dict[str, Any] = {UPDATING[kind]: _value(draw, others)}
    if (kind in {"Server", "Database"} and draw.random() < 0.4) or kind == "Database":
        props[REPLACING[kind]] = draw.choice(["a", "b"])
    if kind == "Server" and draw.random() < 0.2:
        props["userData"] = {"$file": f"file-{len(before)}.txt", "content": "v1"}
    return _item(
        name,
        kind,
        props,
        parent=draw.choice([None, *groups]),
        retain=draw.random() < 0.1,
        ignore=[UPDATING[kind]] if draw.random() < 0.1 else [],
        provider=draw.choice([None, *providers]),
        depends=draw.sample(others, min(len(others), draw.randint(0, 1))),
    )


def _value(draw: random.Random, others: list[str]) -> Any:
    made: Any = f"v{draw.randint(1, 9)}"
    if others and draw.random() < 0.5:
        out = draw.choice(["id", "id", "endpoint", "arn", "etag"])
        made = {"$ref": draw.choice(others), "out": out, "text": draw.random() < 0.3}
    return {"$secret": made} if draw.random() < 0.2 else made


def _changed(draw: random.Random, spec: Spec) -> Spec:
    """The program with one more change; what refers to something that goes, refers to nothing then."""
    spec = json.loads(json.dumps(spec))
    what = draw.choice(["add", "drop", "update", "update", "update", "replace", "replace", "move", "rename", "options"])
    items = [one for one in spec if one["kind"] != "Provider"]
    if what == "add" or not items:
        spec.append(_drawn(draw, f"new{draw.randint(1, 99)}", spec))
        return spec
    item = draw.choice(items)
    at = spec.index(item)
    others = [one["name"] for one in spec[:at] if one["kind"] in PREFIXES]
    groups = [one["name"] for one in spec[:at] if one["kind"] == "Group"]
    if what == "drop":
        return _without(spec, item["name"])
    if what == "rename":
        new = f"{item['name']}-2"
        if item["kind"] == "Group" or any(one["name"] == new for one in spec):
            return spec
        text = json.dumps(spec[at + 1 :])
        rest = json.loads(text.replace(json.dumps(item["name"]), json.dumps(new)))
        return [*spec[:at], item | {"name": new, "aliases": [{"name": item["name"]}]}, *rest]
    if what == "move":
        if item["kind"] != "Group" and not item["aliases"] and item["parent"] is not None:
            item["parent"] = draw.choice([None, *groups])  # without an alias: another object
        return spec
    if item["kind"] == "Group":
        item["props"] = {"note": f"n{draw.randint(1, 9)}"}
    elif what == "update":
        item["props"][UPDATING[item["kind"]]] = _value(draw, others)
        if "userData" in item["props"]:
            item["props"]["userData"]["content"] = f"v{draw.randint(1, 3)}"
        if item["kind"] == "Server" and draw.random() < 0.4:
            item["props"]["tags"] = {"k": _value(draw, others)}
    elif what == "replace":
        providers = [one for one in spec if one["kind"] == "Provider"]
        if providers and draw.random() < 0.3:
            providers[0]["props"]["account"] = "two"
        elif item["kind"] in STATEFUL and draw.random() < 0.3:
            item["props"]["name"] = f"fixed-{item['kind'].lower()}-{draw.randint(1, 9)}"
        else:
            item["props"][REPLACING[item["kind"]]] = draw.choice(["a", "b", "c"])
    else:
        option = draw.choice(["retain", "ignore", "depends", "protect"])
        if option == "retain":
            item["retain"] = not item["retain"]
        elif option == "protect":
            item["protect"] = True
        elif option == "ignore":
            item["ignore"] = [] if item["ignore"] else [UPDATING[item["kind"]]]
        else:
            item["depends"] = draw.sample(others, min(len(others), 1))
    return spec


def _without(spec: Spec, name: str) -> Spec:
    def swap(value: Any) -> Any:
        if isinstance(value, dict):
            return "gone" if value.get("$ref") == name else {key: swap(item) for key, item in value.items()}
        return [swap(item) for item in value] if isinstance(value, list) else value

    kept = []
    for item in spec:
        if item["name"] == name:
            continue
        item = item | {"props": swap(item["props"]), "depends": [one for one in item["depends"] if one != name]}
        for key in ("parent", "provider"):
            if item[key] == name:
                item[key] = None
        kept.append(item)
    return kept


@dataclass
class Outcome:
    """One pair, checked, deployed and rolled back."""

    seed: int
    said: dict[str, str] = field(default_factory=dict)
    """URN → verdict."""
    better: list[str] = field(default_factory=list)
    """Verdicts that are better than what happened."""
    worse: list[str] = field(default_factory=list)
    """Verdicts that are worse than what happened, and don't say so with ``unknown``."""
    unknown: list[str] = field(default_factory=list)
    """Steps about which `check` did not decide although the rollback did it well."""
    problem: str = ""
    """Why the way back was not previewed."""
    skipped: str = ""
    """Why the pair says nothing: its second version can't be deployed."""


def tried(stack: EngineStack, seed: int) -> Outcome:
    """Deploys the first version, checks the second, deploys it, rolls back, and compares."""
    first, second = pair(seed)
    outcome = Outcome(seed)
    if any(one["kind"] == "Provider" for one in first):
        stack.use_plugin_processes()
    stack.write_program(PROGRAM)
    _write(stack, first)
    if seed % 2:
        stack.git_commit("the first version")  # where the contents of files are found
    stack.up()
    before = _resources(stack)
    _write(stack, second)
    stored, objects = stack.state_file.read_bytes(), stack.physical()
    stack.forget_calls()
    try:
        report = check_update(session(stack), observe=ignore_events)
    except RewindError as err:
        outcome.skipped = str(err)
        return outcome
    assert (stack.state_file.read_bytes(), stack.physical(), stack.calls()) == (stored, objects, []), (
        "it changed things"
    )
    outcome.problem = report.problem
    outcome.said = {one.verdict.urn: one.verdict.verdict for one in report.judged}
    done = stack.pulumi("up", "--yes", "--skip-preview", "-s", stack.name, check=False)
    if done.returncode != 0:
        outcome.skipped = done.stdout
        return outcome
    between = _resources(stack)
    renamed = {
        urn: f"{urn.rpartition('::' + item['name'])[0]}::{item['aliases'][0]['name']}"
        for item in second
        for urn in between
        if item["aliases"] and urn.endswith(f"::{item['name']}")
    }
    blocked, ran = _back(stack)
    happened = _Happened(before, between, _resources(stack), renamed, _deleted(stack))
    _compare(outcome, happened, blocked, ran)
    return outcome


def _write(stack: EngineStack, spec: Spec) -> None:
    stack.write_file("spec.json", json.dumps(spec))
    for item in spec:
        file = item["props"].get("userData")
        if file:
            stack.write_file(file["$file"], file["content"])


def _back(stack: EngineStack) -> tuple[set[str], bool]:
    """Rolls back to the first version; URNs of what blocked it, and whether it ran."""
    made = plan(stack, "1")
    blocking = {risk.urn for risk in made.blocking}
    if blocking:
        made.close()
        return blocking, False
    run(stack, made, allow_data_loss=True)
    return set(), True


def _resources(stack: EngineStack) -> dict[str, dict[str, Any]]:
    found = _by_urn(stack.export()["deployment"].get("resources") or [])
    return {urn: res for urn, res in found.items() if not res["type"].startswith("pulumi:pulumi:")}


def _deleted(stack: EngineStack) -> frozenset[str]:
    return frozenset(call["id"] for call in stack.calls() if call["operation"] == "delete")


def _compare(outcome: Outcome, happened: _Happened, blocked: set[str], ran: bool) -> None:
    if not ran:
        for urn in blocked:
            if outcome.said.get(urn) not in {UNKNOWN_VERDICT, ASSET_LOST, DATA_LOSS}:
                outcome.better.append(f"{urn}: {outcome.said.get(urn)}, but the rollback is blocked")
        return
    for urn, verdict in outcome.said.items():
        possible = happened.to(urn)
        if verdict == UNKNOWN_VERDICT:
            outcome.unknown.append(urn)
        elif verdict not in possible:
            place = outcome.better if _rank(verdict) < _rank(possible[0]) else outcome.worse
            place.append(f"{urn}: {verdict}, but it came to {possible}")
    known = outcome.said.keys() | {happened.renamed.get(urn) for urn in outcome.said}
    for urn, res in happened.before.items():
        if urn not in known and not _default_provider(res) and happened.to(urn) != (IN_PLACE,):
            outcome.better.append(f"{urn}: nothing was said, but it came to {happened.to(urn)}")


_ORDER = (NOTHING, IN_PLACE, NEW_ID, HOLDABLE, DATA_LOSS, "lost")


def _rank(verdict: str) -> int:
    return _ORDER.index(verdict) if verdict in _ORDER else len(_ORDER)


def _default_provider(res: dict[str, Any]) -> bool:
    return bool(res["type"].startswith("pulumi:providers:") and "::default" in res["urn"])


@dataclass
class _Happened:
    """The resources before, after the update and after the rollback, and what the provider deleted meanwhile."""

    before: dict[str, dict[str, Any]]
    between: dict[str, dict[str, Any]]
    after: dict[str, dict[str, Any]]
    renamed: dict[str, str]
    """URN in the second version → that in the first."""
    deleted: frozenset[str]

    def to(self, urn: str) -> tuple[str, ...]:
        """The verdicts that are right for what became of one resource, the best one first."""
        if urn not in self.before:
            if self.renamed.get(urn) in self.before:
                return self.to(self.renamed[urn])
            return (NOTHING,) if urn not in self.after else ("lost",)
        old = self.before[urn]
        if urn not in self.after:
            return ("lost",)
        if not old.get("custom"):
            return (IN_PLACE,)
        if self.after[urn].get("id") == old.get("id") and old["id"] not in self.deleted:
            return (IN_PLACE,) if self._same(urn) else ("lost",)
        kind = old["type"].rpartition(":")[2]
        return (HOLDABLE, DATA_LOSS) if kind in STATEFUL and old["id"] in self.deleted else (NEW_ID,)

    def _same(self, urn: str) -> bool:
        """Whether the inputs are what they were, but for what others compute: new ids, names, and so on."""
        old, new = dict[str, str](), dict[str, str]()
        for one in self.before.keys() & self.after.keys():
            for key in ("id", "name", "arn", "endpoint", "etag"):
                mine, theirs = ((side[one].get("outputs") or {}).get(key) for side in (self.before, self.after))
                if isinstance(mine, str) and isinstance(theirs, str) and mine != theirs:
                    old[mine] = new[theirs] = f"<{one} {key}>"
        mine, theirs = (_by_content(side[urn].get("inputs")) for side in (self.before, self.after))
        for key in self.before[urn].get("ignoreChanges") or ():
            # It keeps even the id of an object that was replaced, in the update and on the way back alike.
            if mine.get(key) == theirs.get(key):
                mine, theirs = ({name: side[name] for name in side if name != key} for side in (mine, theirs))
        return bool(_renamed(mine, old) == _renamed(theirs, new))


def _by_content(value: Any) -> Any:
    """A value with its files known by their hash, wherever they lie."""
    if isinstance(value, dict):
        return value["hash"] if value.get(SIG) == ASSET else {key: _by_content(item) for key, item in value.items()}
    return [_by_content(item) for item in value] if isinstance(value, list) else value
