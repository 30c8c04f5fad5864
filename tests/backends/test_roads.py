"""Deploy, look, go back and forth on each kind of backend, with the real engine and a real server."""

from __future__ import annotations

from tests.backends.served_stack import HEAD, ServedStack, program
from tests.support.rewind import roll_back, said, session


def test_there_and_back(stack: ServedStack) -> None:
    stack.up(program("one"))
    stack.up(program("two"))
    stack.up(HEAD)
    opened = session(stack)
    assert [update.number for update in opened.timeline.history.newest(9)] == [3, 2, 1]
    assert opened.timeline.live_update() == 3
    listed = said(stack, "history")
    assert listed.code == 0, listed
    assert "#3" in listed.out
    differing = said(stack, "diff", "1", "2")
    assert "one" in differing.out
    assert "hush" not in differing.out
    result = roll_back(stack, "2", trusts=True)
    assert result.result == "succeeded"
    assert [item for item in result.differences if not item.expected] == []
    assert stack.resources()["web"]["inputs"]["image"] == "two"
    assert session(stack).timeline.equals_live(2)


def test_a_failed_update_is_taken_back_and_kept_as_a_record(stack: ServedStack) -> None:
    stack.write_program(program("one"))
    stack.git_commit("the first")
    good = said(stack, "up", "--yes", "--json")
    assert good.code == 0, good
    stack.trouble({"name": "more", "operation": "create", "action": "fail"})
    stack.write_program(program("two") + 'more = bridged.Server("more", {"image": "x"})\n')
    stack.git_commit("the second")
    failed = said(stack, "up", "--yes", "--json", "--rollback-on-failure", "--allow-data-loss")
    assert failed.code == 5, failed
    assert failed.json_lines()[-1]["result"] == "rolled-back"
    assert stack.resources()["web"]["inputs"]["image"] == "one"
    kept = said(stack, "record", "--json")
    assert kept.code == 0, kept


def test_a_state_alone_is_put_back(stack: ServedStack) -> None:
    stack.up(program("one"))
    stack.up(program("two"))
    result = roll_back(stack, "1", strategy="state")
    assert result.result == "succeeded"
    assert stack.resources()["web"]["inputs"]["image"] == "one"
    assert session(stack).timeline.equals_live(1)
