"""What a registration speaks of without depending on it."""

from __future__ import annotations

import json
import time
from typing import Any

from pulumi_rewind.goal.undeclared_dependencies import Mentions
from pulumi_rewind.state.values import RESOURCE_REF, SECRET, SIG
from tests.support.checkpoints import checkpoint, goal, res, urn

GROUP = "t:m:Group"


def reference(name: str) -> dict[str, Any]:
    return {SIG: RESOURCE_REF, "urn": urn(name), "id": f"{name}-id"}


def mentioned(outputs: dict[str, Any], **inputs: Any) -> tuple[set[str], set[str]]:
    """What the outputs and the inputs of a component mention, in a stack with resources web, db and none."""
    group = res("g", GROUP, custom=False, id="", inputs=inputs, outputs=outputs)
    target = checkpoint(res("web"), res("db", id="arn:x:db/1234"), res("none", id="none"), group, res("late"))
    wanted = goal(target, checkpoint())
    found, item = Mentions(wanted), wanted.by_urn()[urn("g", GROUP)]
    names = {one.urn: one.name for one in wanted.registrations}
    return {names[one] for one in found.outputs(item)}, {names[one] for one in found.before(item)}


def test_outputs_mention_by_reference_and_by_id() -> None:
    assert mentioned({"a": [reference("web")]})[0] == {"web"}
    assert mentioned({"a": "to web-id!", "b": "arn:x:db/1234"})[0] == {"web", "db"}
    assert mentioned({"a": {SIG: SECRET, "plaintext": json.dumps({"x": reference("late"), "y": "web-id"})}})[0] == {
        "late",
        "web",
    }
    assert mentioned({"a": "none", "b": "xweb-id", "c": 1, "d": None, "e": "1234"})[0] == set()


def test_inputs_mention_only_what_comes_first() -> None:
    assert mentioned({}, a=reference("web"), b=[reference("late"), reference("g")], c="web-id")[1] == {"web"}


def test_a_long_text_is_quick() -> None:
    target = checkpoint(
        *(res(f"r{i}") for i in range(2000)),
        res("g", GROUP, custom=False, id="", outputs={"t": " ".join(f"r{i}-id" for i in range(2000))}),
    )
    wanted = goal(target, checkpoint())
    started = time.process_time()
    assert len(Mentions(wanted).outputs(wanted.by_urn()[urn("g", GROUP)])) == 1000 + 990  # shorter ids are no evidence
    assert time.process_time() - started < 1
