"""The state directory can't be written, or not any more: said before any callback runs, and no result is lost."""

from __future__ import annotations

import json

import pytest

from tests.support.rewind import said, session
from tests.support.stack import EngineStack

HOOKS = """
from pathlib import Path
import pulumi_rewind as rewind

journal = Path(%r)

def note(text):
    with (Path(__file__).parent / "told.txt").open("a") as file:
        file.write(text + "\\n")

@rewind.before_rollback
def before(context):
    note(f"before, journal {journal.is_file()}")
    if %r:
        journal.unlink()
        journal.mkdir()

@rewind.on_failure
def failed(context):
    note("failed")

@rewind.after_rollback
def after(context):
    note("after")
"""


@pytest.mark.parametrize("turns", [False, True])
def test_a_state_directory_that_fails(stack: EngineStack, turns: bool) -> None:
    program = 'import bridged_sdk as bridged\nbridged.Server("web", {"image": "%s"})\n'
    stack.up(program % "one")
    stack.up(program % "two")
    two = stack.state_file.read_bytes()
    told = stack.root / "told.txt"
    journal = session(stack).journal.path
    stack.write_file("rewind_hooks.py", HOOKS % (str(journal), turns))
    if not turns:
        journal.parent.parent.mkdir(parents=True)
        journal.parent.write_text("in the way")
    done = said(stack, "rollback", "1", "--yes", "--json")
    last = json.loads(done.out.splitlines()[-1])
    assert "bug" not in done.out + done.err
    if turns:
        assert (done.code, last["result"], last["differences"]) == (0, "succeeded", []), done
        assert any("its journal entry stays" in note and str(journal) in note for note in last["notes"])
        assert told.read_text().splitlines() == ["before, journal True", "after"]
    else:
        assert (done.code, last["result"]) == (3, "refused"), done
        assert str(journal.parent) in done.err
        assert "XDG_STATE_HOME" in done.err
        assert not told.exists()
        assert stack.state_file.read_bytes() == two
