"""A stack is renamed, moved to another backend, and removed: what history there is afterwards, and the way back."""

from __future__ import annotations

import json

from pulumi_rewind.trust.targets import UntrustedTarget
from tests.backends.conftest import only_on
from tests.backends.served_stack import ServedStack, program
from tests.support.rewind import roll_back, said, session


def deployed_twice(stack: ServedStack) -> None:
    for image in ("one", "two"):
        stack.write_program(program(image))
        stack.git_commit(f"version {image}")
        stack.up()
    assert said(stack, "record", "--all").code == 0


def rows(stack: ServedStack) -> list[tuple[int, str]]:
    """Number and message of every update, newest first."""
    return [(update.number, update.message) for update in session(stack).history().newest(9)]


@only_on("s3", "cloud-journal")
def test_the_history_goes_along_with_a_new_name(stack: ServedStack) -> None:
    deployed_twice(stack)
    before = rows(stack)
    stack.pulumi("stack", "rename", "live", "-s", stack.name)
    stack.name = "live"
    after = rows(stack)
    assert after[-2:] == before, "the service makes the rename an update of its own"
    assert said(stack, "record", "--all").code == 0
    result = roll_back(stack, "1")
    assert result.result == "succeeded"
    assert stack.resources()["web"]["inputs"]["image"] == "one"


@only_on("s3")
def test_records_bring_a_removed_stack_back_and_follow_it_to_another_backend(stack: ServedStack) -> None:
    deployed_twice(stack)
    before, old = rows(stack), stack.backend_url
    exported = stack.pulumi("stack", "export", "--show-secrets", "-s", stack.name).stdout
    stack.pulumi("stack", "rm", stack.name, "--yes", "--force", "--preserve-config")
    gone = said(stack, "history")
    assert gone.code == 2, gone
    assert f"pulumi stack init {stack.name}" in gone.err, gone
    stack.pulumi("stack", "init", stack.name)
    assert rows(stack) == before
    asked = said(stack, "rollback", "2", "--yes", "--strategy", "state")
    assert asked.code == UntrustedTarget.exit_code, asked
    back = said(stack, "rollback", "2", "--yes", "--strategy", "state", "--trust-target")
    assert back.code == 0, back
    assert stack.resources()["web"]["inputs"]["image"] == "two"

    stack.prefix += "_elsewhere"
    stack.pulumi("stack", "init", stack.name)
    stack.pulumi("stack", "import", "-s", stack.name, stdin=exported)
    assert rows(stack) == [], "the history stays behind"
    stack.write_file("rewind.toml", f"moved_from = {json.dumps([old])}\n")
    assert rows(stack) == before
    result = roll_back(stack, "1")
    assert result.result == "succeeded"
    assert stack.resources()["web"]["inputs"]["image"] == "one"
    assert [number for number, _ in rows(stack)] == [3, 2, 1]
