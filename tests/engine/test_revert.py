"""After a real rollback: the branch that `revert` makes matches the stack, or is not made."""

from __future__ import annotations

import json

from tests.support.rewind import roll_back, said
from tests.support.stack import EngineStack

SECRET = "hush-hunter2-hush"

PROGRAM = """
import pulumi, bridged_sdk as bridged

web = bridged.Server("web", {{"image": "{image}", "userData": pulumi.Output.secret({secret!r})}})
pulumi.export("image", "{output}")
"""


def deploy(stack: EngineStack, image: str, *, secret: str = SECRET, output: str = "-") -> str:
    stack.write_program(PROGRAM.format(image=image, secret=secret, output=output))
    stack.git_commit(f"image {image} {secret if secret != SECRET else ''}".strip())
    stack.up()
    return stack.git("rev-parse", "HEAD")


def around(stack: EngineStack) -> tuple[str, ...]:
    asked = (("status", "--porcelain"), ("rev-parse", "HEAD"), ("for-each-ref",), ("worktree", "list"), ("stash", "list"))
    return tuple(stack.git(*one) for one in asked)


def test_the_branch_matches_the_stack(stack: EngineStack) -> None:
    deploy(stack, "nginx:1")
    bad = deploy(stack, "nginx:2", output="new")
    roll_back(stack, "1")
    ran = said(stack, "revert", "--json")
    assert ran.code == 0, ran
    found = json.loads(ran.out)
    assert found["preview"]["empty"]
    assert (found["result"], found["branch"], found["target"], found["over"]) == ("reverted", "revert-dev-2", 1, [2])
    assert [(one["sha"], one["outcome"]) for one in found["commits"]] == [(bad, "reverted")]
