"""Rollbacks of resources with assets by the real engine: the content that comes back is the recorded one."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.errors import RefusedError
from tests.support.rewind import plan, roll_back, run
from tests.support.stack import EngineStack

pytestmark = [pytest.mark.engine, pytest.mark.since("3.208.0", "the resource Stash")]

PROGRAM = """
import hashlib
import pulumi
from pathlib import Path
from pulumi import AssetArchive, FileArchive, FileAsset, StringAsset
from pulumi.stash import Stash

Stash("page", input={{"source": FileAsset("page.html"), "note": "{note}"}})
Stash("code", input=AssetArchive({{".": FileArchive("src"), "conf.ini": StringAsset("note={note}")}}))
Stash("still", input=FileAsset("still.txt"))
"""


def deploy(stack: EngineStack, text: str) -> None:
    stack.write_file("page.html", f"<p>{text}")
    stack.write_file("src/main.py", f"print({text!r})")
    stack.write_file("still.txt", "always the same")
    stack.up(PROGRAM.format(note=text))


def recorded(stack: EngineStack) -> dict[str, Any]:
    """The hashes in state: of the page, the code, and what does not change."""
    found = stack.resources()
    page, code, still = (found[name]["inputs"]["input"] for name in ("page", "code", "still"))
    return {"page": page["source"]["hash"], "code": code["hash"], "still": still}


def test_contents_come_back_from_the_recorded_commit(stack: EngineStack) -> None:
    stack.git_commit("start")
    stack.write_program(PROGRAM.format(note="one"))
    stack.write_file("page.html", "<p>one")
    stack.write_file("src/main.py", "print('one')")
    stack.write_file("still.txt", "always the same")
    stack.git_commit("one")
    deploy(stack, "one")
    before = recorded(stack)
    deploy(stack, "two")
    assert recorded(stack)["page"] != before["page"]

    made = plan(stack, "1")
    assert not made.blocking
    assert {step.name for step in made.steps} >= {"page", "code"}
    assert "still" not in {step.name for step in made.steps}
    result, _ = run(stack, made, allow_data_loss=True)
    assert result.result == "succeeded"
    assert recorded(stack) == before
    path = Path(stack.resources()["page"]["inputs"]["input"]["source"]["path"])
    assert path.name == "page.html"
    assert before["page"] == hashlib.sha256(b"<p>one").hexdigest()
    # The working tree is as it was, and the operator's own program can go on from here.
    assert (stack.root / "page.html").read_text() == "<p>two"
    stack.git_commit("two")
    deploy(stack, "two")

    # The state of the rollback has the path of a copy that is gone; it still tells where the content came from.
    assert not path.exists()
    back = plan(stack, "3")
    assert back.target.update.is_rollback
    assert not back.blocking
    back.close()


def test_contents_of_the_working_tree_keep_their_path(stack: EngineStack) -> None:
    deploy(stack, "one")
    before = stack.resources()["page"]["inputs"]
    deploy(stack, "two")
    stack.write_file("page.html", "<p>one")
    stack.write_file("src/main.py", "print('one')")
    assert roll_back(stack, "1").result == "succeeded"
    assert stack.resources()["page"]["inputs"] == before
    assert stack.resources()["code"]["inputs"]["input"]["assets"]["."]["path"] == "src"


def test_content_that_is_gone_refuses_the_rollback(stack: EngineStack) -> None:
    deploy(stack, "one")
    deploy(stack, "two")
    state = stack.state_file.read_bytes()
    made = plan(stack, "1")
    assert made.blocking
    messages = [risk.message for risk in (*made.risks, *(risk for step in made.steps for risk in step.risks))]
    assert any("input.source" in message and "page.html" in message for message in messages)
    with pytest.raises(RefusedError):
        run(stack, made, allow_data_loss=True)
    assert stack.state_file.read_bytes() == state
