"""`hooks`: what the hooks file declares and matches, and a dry try of one resource's callbacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.filestack import FileStack

HOOKS = """
import pulumi_rewind as rewind

@rewind.undo_delete(name="db*", retries=2, dry_run_safe=True)
def restore(ctx):
    assert ctx.dry_run
    print("looking for", ctx.old.inputs["size"])
    if ctx.old.inputs["size"] > 5:
        raise LookupError("no snapshot that large")
    return rewind.Restored(ctx.old.id + "-restored")

@rewind.undo_create(type="test:index:*")
def drain(ctx):
    raise AssertionError("not declared safe")

@rewind.after_rollback
def notify(ctx): ...
"""


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    made.update(made.resource("db", {"size": 5}), made.resource("web", {"size": 1}))
    made.update(made.resource("db-large", {"size": 6}), made.resource("web", {"size": 1}))
    return made


def test_what_is_declared_and_what_it_matches(stack: FileStack) -> None:
    none = stack.run("hooks")
    assert none.code == 2
    assert "there is no rewind_hooks.py in" in none.err
    (stack.work / "rewind_hooks.py").write_text(HOOKS)
    lines = stack.run("hooks", "1").out.splitlines()
    assert lines[0].startswith("rewind_hooks.py, sha256 ")
    assert [" ".join(line.split()) for line in lines[1:]] == [
        "undo_delete restore (line 4) name=db* timeout 600 s, retries 2, dry run safe",
        "live: db-large",
        "#1: db",
        "undo_create drain (line 12) type=test:index:* timeout 600 s",
        "live: db-large, web",
        "#1: db, web",
        "after_rollback notify (line 16) timeout 600 s",
    ]
    found = stack.run("hooks", "--json").json()
    assert [(item["kind"], item["live"], item["target"]) for item in found["callbacks"]] == [
        ("undo_delete", ["db-large"], []), ("undo_create", ["db-large", "web"], []), ("after_rollback", [], []),
    ]  # fmt: skip
    (stack.work / "rewind_hooks.py").write_text("import nothing_of_that_name")
    broken = stack.run("hooks")
    assert broken.code == 1
    assert "rewind_hooks.py can't be loaded (line 1): ModuleNotFoundError" in broken.err


def test_one_resource_is_tried_in_dry_mode(stack: FileStack) -> None:
    (stack.work / "rewind_hooks.py").write_text(HOOKS)
    tried = stack.run("hooks", "test", "db", "1")
    assert tried.code == 0, tried.err
    assert "restore: looking for 5" in tried.out
    assert "✓ restore for db: restored (db-1-restored)" in tried.out
    assert "AssertionError" not in tried.out
    failed = stack.run("hooks", "test", "db-large", "--json")
    assert failed.code == 1
    assert [(item["event"], item.get("outcome")) for item in failed.json_lines() if "outcome" in item] == [
        ("hook-ended", "failed"), ("hook-ended", "not called"),
    ]  # fmt: skip
    assert "LookupError: no snapshot that large" in failed.out
    assert stack.run("hooks", "test").code == 2
    assert "there is no resource 'nope'" in stack.run("hooks", "test", "nope").err
