"""After a real rollback: the branch that `revert` makes matches the stack, or is not made."""

from __future__ import annotations

import json

from tests.support.rewind import roll_back, said
from tests.support.stack import EngineStack

SECRET = "hush-hunter2-hush"
LATER = "later-hunter7-later"

PROGRAM = """
import pulumi, bridged_sdk as bridged

web = bridged.Server("web", {{"image": "{image}", "userData": pulumi.Output.secret({secret!r})}})
pulumi.export("image", "{output}")
"""


def deploy(stack: EngineStack, image: str, *, output: str = "-") -> str:
    stack.write_program(PROGRAM.format(image=image, secret=SECRET, output=output))
    stack.git_commit(f"image {image} {SECRET}")
    stack.up()
    return stack.git("rev-parse", "HEAD")


def around(stack: EngineStack) -> tuple[str, ...]:
    asked = (
        ("status", "--porcelain"),
        ("rev-parse", "HEAD"),
        ("for-each-ref",),
        ("worktree", "list"),
        ("stash", "list"),
    )
    return tuple(stack.git(*one) for one in asked)


def test_the_branch_matches_the_stack(stack: EngineStack) -> None:
    deploy(stack, "nginx:1")
    bad = deploy(stack, "nginx:2", output="new")
    roll_back(stack, "1")
    before = around(stack)
    ran = said(stack, "revert", "--json")
    assert ran.code == 0, ran
    assert SECRET not in ran.out
    found = json.loads(ran.out)
    assert found["preview"]["empty"]
    assert (found["result"], found["branch"], found["target"], found["over"]) == ("reverted", "revert-dev-2", 1, [2])
    assert [(one["sha"], one["outcome"]) for one in found["commits"]] == [(bad, "reverted")]
    assert stack.git("rev-parse", "revert-dev-2") == found["tip"]
    stack.git("update-ref", "-d", "refs/heads/revert-dev-2")
    assert around(stack) == before
    stack.git("merge", "--quiet", "--ff-only", found["tip"])
    again = said(stack, "revert")
    assert (again.code, "HEAD matches the stack, its preview is empty" in again.out) == (0, True), again


LATE = """
bridged.Server("late", {{"image": "nginx:9", "userData": pulumi.Output.secret({secret!r})}})
"""


def test_a_branch_that_differs_is_not_made_and_says_what_differs(stack: EngineStack) -> None:
    deploy(stack, "nginx:1")
    deploy(stack, "nginx:2")
    roll_back(stack, "1")
    with (stack.root / "__main__.py").open("a") as program:
        program.write(LATE.format(secret=LATER))
    stack.git_commit("a server that was never deployed")
    before = around(stack)
    ran = said(stack, "revert")
    assert ran.code == 1, ran
    for line in (
        "✗ differs: with the reverts, the next deploy still changes shop/dev",
        "late",
        "--keep makes the branch",
    ):
        assert line in ran.out
    assert LATER not in ran.out + ran.err
    assert around(stack) == before
    with (stack.root / "__main__.py").open("a") as program:
        program.write('pulumi.export("more", "new")\n')
    text = (stack.root / "__main__.py").read_text().replace(LATE.format(secret=LATER), "")
    stack.write_program(text)
    stack.git_commit("an output alone")
    found = json.loads(said(stack, "revert", "--json", "--keep").out)
    assert (found["result"], found["branch"], found["preview"]["steps"]) == ("differs", "revert-dev-2", [])
    assert [one["path"] for one in found["preview"]["outputs"]] == ["outputs.more"]
    assert stack.git("rev-parse", "--abbrev-ref", "HEAD") == "main"
