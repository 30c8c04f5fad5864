"""Stashes keep the input that they were made with: https://github.com/pulumi/pulumi/pull/20819"""

from __future__ import annotations

import pytest

from tests.support.rewind import plan, run
from tests.support.stack import EngineStack

pytestmark = pytest.mark.since("3.208.0", "the resource Stash")

PROGRAM = """
import pulumi, bridged_sdk as bridged
first = bridged.Server("first", {{"image": "i"}})
s = pulumi.Stash("s", input={input})
ids = pulumi.Stash("ids", input={{"id": first.id, "n": {number}}})
bridged.Server("user", {{"image": "i", "userData": s.output, "dependsId": ids.output["id"]}})
pulumi.export("kept", s.output)
"""


@pytest.mark.parametrize("form", ['"{}"', 'pulumi.Output.secret({{"v": "{}"}}).apply(lambda d: d["v"])'])
def test_an_earlier_output_comes_back_in_one_step(stack: EngineStack, form: str) -> None:
    versions = [PROGRAM.format(input=form.format(word), number=n) for n, word in enumerate(("one", "two", "three"))]
    for version in versions:
        stack.up(version)
    # #3 has input three and output one; made anew, the stash would hold three.
    stack.up("")
    for target, word in (("3", "three"), ("1", "one"), ("2", "two")):
        made = plan(stack, target)
        result, _ = run(stack, made, allow_data_loss=True)
        assert [item for item in result.differences if not item.expected] == []
        now = stack.resources()
        outputs = now["s"]["outputs"]
        assert "one" in str(outputs["output"])
        assert word in str(outputs["input"])
        assert ("plaintext" in str(outputs["output"])) is ("secret" in form)
        assert "one" in str(now["user"]["inputs"]["userData"])
        assert now["ids"]["outputs"]["output"]["id"] == now["user"]["inputs"]["dependsId"]
        assert "one" in str(now[f"shop-{stack.name}"]["outputs"]["kept"])
        assert plan(stack, target).nothing_to_do
    stack.write_program(versions[1])
    stack.expect_no_changes()


def test_an_id_in_a_stash_is_relinked_while_it_is_the_input(stack: EngineStack) -> None:
    stack.up(PROGRAM.format(input='"one"', number=0))
    stack.up("")
    result, _ = run(stack, plan(stack, "1"), allow_data_loss=True)
    assert [item for item in result.differences if not item.expected] == []
    now = stack.resources()
    assert now["ids"]["outputs"]["output"]["id"] == now["first"]["id"] == now["user"]["inputs"]["dependsId"]
