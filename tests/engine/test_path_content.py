"""Paths in plain strings, on the way from the plan to the result: https://github.com/pulumi/pulumi-kubernetes/issues/2118"""

from __future__ import annotations

from tests.support.rewind import plan, run, steps
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"


def test_a_replay_says_that_it_sends_the_name_of_a_path_alone(stack: EngineStack) -> None:
    program = (
        HEAD
        + 'bridged.Server("web", {{"image": "{}", "chart": "./chart"}})\nbridged.Server("other", {{"image": "i"}})\n'
    )
    for image, content in (("a", "one"), ("b", "two")):
        stack.write_program(program.format(image))
        stack.write_file("chart/Chart.yaml", content)
        stack.git_commit(image, tag=f"v-{image}")
        stack.up()
    made = plan(stack, "v-a")
    (risk,) = steps(made)["web"].risks
    assert (risk.code, risk.blocking) == ("path-content", False)
    assert "./chart has different content today" in risk.message
    assert made.recommendation is not None
    assert made.recommendation.strategy == "program"
    result, _ = run(stack, made)
    (told,) = result.differences
    assert (told.urn, told.expected, told.message) == (risk.urn, True, risk.message)
    # Nothing is left to do for the engine, and yet it isn't what it was.
    again = plan(stack, "v-a")
    assert again.nothing_to_do
    assert ["deployed content stays" in risk.message for risk in again.all_risks if risk.code == "path-content"] == [
        True
    ]
    ran = plan(stack, "v-a", strategy="program")
    assert not [risk for risk in ran.all_risks if risk.code == "path-content"]
