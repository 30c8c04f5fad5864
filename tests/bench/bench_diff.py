"""The diff against other ways to compare two checkpoints; every ratio is of one run.

``python -m tests.bench.bench_diff [RESOURCES …]``; 1,000 and 10,000 unless told. Goals: design 6.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pulumi_rewind.diff.checkpoints import diff_checkpoints
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import SECRET, SIG
from tests.bench.goals import goal

State = dict[str, Any]

HELD = 10_000
"""Resources of a state that is held to goals."""

PACKAGE = "urn:pulumi:prod::shop::pulumi:providers:aws::default_7_0_0"
TYPES = ("aws:s3/bucket:Bucket", "aws:ec2/subnet:Subnet", "aws:iam/role:Role", "aws:lambda/function:Function")


def make_state(count: int) -> State:
    """A checkpoint as bridged providers leave it: defaults, policies in JSON text, decrypted secrets, outputs."""
    stack = {"urn": "urn:pulumi:prod::shop::pulumi:pulumi:Stack::shop-prod", "custom": False}
    resources: list[dict[str, Any]] = [
        stack | {"type": "pulumi:pulumi:Stack", "outputs": {"url": "https://example.test"}},
        {"urn": PACKAGE, "custom": True, "id": "p-1", "type": "pulumi:providers:aws", "inputs": {"version": "7.0.0"}},
    ]
    for number in range(count):
        type_ = TYPES[number % len(TYPES)]
        name = f"{type_.rsplit(':', 1)[-1].lower()}-{number:05}"
        inputs: dict[str, Any] = {
            "__defaults": ["name"],
            "name": f"{name}-{number * 7919 % 0xFFFFFF:06x}",
            "region": "eu-central-1",
            "size": number % 97,
            "enabled": number % 3 == 0,
            "rules": [{"port": 80 + step, "cidr": f"10.{step}.0.0/16", "__defaults": []} for step in range(4)],
            "tags": {"Name": name, "Team": f"team-{number % 12}", "Cost": f"{number % 31}"},
        }
        if number % 10 == 2:
            statement = {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": f"arn:aws:s3:::{name}/*"}
            inputs["policy"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        if number % 5 == 1:
            inputs["password"] = {SIG: SECRET, "plaintext": json.dumps(f"secret-{number}")}
        urn = f"urn:pulumi:prod::shop::{type_}::{name}"
        earlier = [resources[-1]["urn"]] if number % 2 and number > 1 else []
        resources.append(
            {
                "urn": urn,
                "custom": True,
                "id": f"id-{number:06x}",
                "type": type_,
                "inputs": inputs,
                "outputs": inputs | {"arn": f"arn:aws:x:eu-central-1:123456789012:{name}", "id": f"id-{number:06x}"},
                "parent": stack["urn"],
                "dependencies": earlier,
                "provider": f"{PACKAGE}::p-1",
                "propertyDependencies": {"region": None, "tags": earlier},
                "created": "2026-11-24T10:30:18.386715135Z",
                "modified": "2026-11-24T10:30:18.386715135Z",
            }
        )
    return {"version": 3, "deployment": {"resources": resources}}


def change_state(state: State, share: float) -> State:
    """A later state: that share changed in an input, an output and (some) a list or a policy; one resource is new."""
    changed = copy.deepcopy(state)
    resources = changed["deployment"]["resources"]
    chance = random.Random(7)
    chosen = set(chance.sample(range(2, len(resources)), max(1, round(share * (len(resources) - 2)))))
    for number in sorted(chosen, reverse=True):
        res = resources[number]
        res["modified"] = "2026-11-25T09:00:00Z"
        res["inputs"]["size"] += 1
        res["outputs"] = res["inputs"] | {"arn": res["outputs"]["arn"], "id": res["id"], "etag": number}
        if number % 3 == 0:
            res["inputs"]["rules"].insert(1, {"port": 443, "cidr": "0.0.0.0/0", "__defaults": []})
        if "policy" in res["inputs"]:
            res["inputs"]["policy"] = res["inputs"]["policy"].replace("Allow", "Deny")
    middle = len(resources) // 2  # everything behind it moves
    one = resources[middle]
    resources.insert(middle, copy.deepcopy(one) | {"urn": one["urn"] + "-copy", "id": one["id"] + "c"})
    return changed


def timed(*works: Callable[[], Any], rounds: int = 5) -> list[float]:
    """Seconds of the quickest run of each; they take turns, so that a busy machine hits all alike."""
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for index, work in enumerate(works):
            start = time.perf_counter()
            work()
            best[index] = min(best[index], time.perf_counter() - start)
    return best


def load(path: Path) -> Checkpoint:
    return decode_checkpoint(path.read_bytes(), source=path.name, decrypted=True)


def compare_bytes(old: Path, new: Path) -> int:
    """The floor: read, decode lazily, join by URN, compare inputs and outputs as bytes."""
    before, after = load(old).by_urn, load(new).by_urn
    differ = 0
    for urn, res in after.items():
        was = before.get(urn)
        if was is None or bytes(was.inputs) != bytes(res.inputs) or bytes(was.outputs) != bytes(res.outputs):
            differ += 1
    return differ


def complete(old: Path, new: Path) -> int:
    """Everything that the diff can tell."""
    return sum(len(item.changes()) for item in diff_checkpoints(load(old), load(new)).resources)


def git_diff(old: Path, new: Path) -> int:
    command = ["git", "diff", "--no-index", "--no-color", str(old), str(new)]
    return len(subprocess.run(command, capture_output=True, check=False).stdout)


def jq_diff(old: Path, new: Path) -> int:
    script = 'jq -S . "$1" >"$1.jq"; jq -S . "$2" >"$2.jq"; diff -u "$1.jq" "$2.jq"'
    return len(subprocess.run(["sh", "-c", script, "sh", str(old), str(new)], capture_output=True, check=False).stdout)


def memory(old: Path, new: Path) -> float:
    """Peak of a complete diff as a multiple of the files, the files themselves included."""
    tracemalloc.start()
    complete(old, new)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / (old.stat().st_size + new.stat().st_size)


def bench(count: int, share: float, folder: Path) -> None:
    """Measures one pair of checkpoints and prints what came out."""
    state = make_state(count)
    old, new = folder / "old.json", folder / "new.json"
    old.write_text(json.dumps(state, indent=4))
    new.write_text(json.dumps(change_state(state, share), indent=4))
    size = (old.stat().st_size + new.stat().st_size) / 2**20
    diff = diff_checkpoints(load(old), load(new))
    assert len(diff.resources) == compare_bytes(old, new)
    changes = complete(old, new)
    floor, listed, full = timed(
        lambda: compare_bytes(old, new),
        lambda: diff_checkpoints(load(old), load(new)),
        lambda: complete(old, new),
    )
    print(f"\n{count:,} resources, {share:.0%} changed: {len(diff.resources):,} in {changes:,} places, {size:.0f} MB")
    print(f"  byte compare    {floor:8.3f} s")
    print(f"  list            {listed:8.3f} s   {listed / floor:6.2f} × byte compare")
    print(f"  complete diff   {full:8.3f} s   {full / floor:6.2f} × byte compare")
    taken = memory(old, new)
    held_to = count >= HELD
    held = goal(f"diff, {count:,} resources, {share:.0%} changed: memory / the files", taken, 2) if held_to else ""
    print(f"  memory          {taken:8.2f} × the files {held}")
    rivals: list[tuple[str, Callable[[], Any]]] = [("git diff", lambda: git_diff(old, new))]
    if shutil.which("jq"):
        rivals.append(("jq -S | diff -u", lambda: jq_diff(old, new)))
    for name, work in rivals:
        (seconds,) = timed(work, rounds=3)
        held = (
            goal(f"diff, {count:,} resources, {share:.0%} changed / {name}", full / seconds, 1)
            if held_to and name == "git diff" and share == 1
            else ""
        )
        print(f"  {name:15} {seconds:8.3f} s   complete diff is {full / seconds:.4f} × of it {held}")


def main(arguments: list[str] | None = None) -> None:
    """Runs the bench and prints the figures."""
    words = sys.argv[1:] if arguments is None else arguments
    counts = [int(word) for word in words] or [1_000, 10_000]
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            for share in (0.01, 1.0):
                bench(count, share, Path(folder))


if __name__ == "__main__":
    main()
