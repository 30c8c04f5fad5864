"""Where undo callbacks come from: today's file, a record's, a dynamic provider's state; and what they do afterwards."""

from __future__ import annotations

import json
import sys

import pytest

from tests.support.rewind import session
from tests.support.stack import EngineStack

HEAD = "import pulumi, bridged_sdk as bridged\n"


def cli(stack: EngineStack, *arguments: str) -> tuple[int, str]:
    """Our own command, as in a terminal that isn't one."""
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", *arguments])
    return done.returncode, done.stdout + done.stderr


def told(stack: EngineStack) -> list[str]:
    """What callbacks wrote down."""
    path = stack.root / "told"
    return path.read_text().splitlines() if path.exists() else []


OLD_FILE = """
import pathlib
import pulumi_rewind as rewind

def tell(text):
    with (pathlib.Path(__file__).parent / "told").open("a") as file:
        file.write(text + "\\n")

@rewind.undo_delete(type="*:Bucket")
def recorded_then(ctx):
    tell(f"then {ctx.old.name}")
    return rewind.Recreate()

@rewind.undo_create(name="*")
def also_then(ctx):
    tell("never: what lives has a file of its own")
    return rewind.Delete()

@rewind.after_rollback
def never(ctx):
    tell("never: hooks around the rollback are today's")
"""
NEXT_FILE = (
    OLD_FILE.replace("recorded_then", "wrong_side")
    .replace("also_then", "of_what_lives")
    .replace('"never: what lives has a file of its own"', 'f"of what lives: {ctx.new.name}"')
)
TODAY = """
import pathlib
import pulumi_rewind as rewind

@rewind.undo_delete(type="*:Bucket")
def today(ctx):
    raise RuntimeError("today's file does not know how")

@rewind.after_rollback
def after(ctx):
    with (pathlib.Path(__file__).parent / "told").open("a") as file:
        file.write("after, by today\\n")
"""


@pytest.mark.slow
def test_code_of_the_records_runs_once_it_was_agreed_to(stack: EngineStack) -> None:
    stack.git_commit("start")
    stack.write_file("rewind_hooks.py", OLD_FILE)
    stack.up(HEAD + 'bridged.Bucket("logs", {"name": "logs"})')
    assert cli(stack, "record", "dev")[0] == 0
    stack.write_file("rewind_hooks.py", NEXT_FILE)
    stack.up(HEAD + 'bridged.Server("extra", {"image": "x:1"})')
    assert cli(stack, "record", "dev")[0] == 0
    stack.write_file("rewind_hooks.py", TODAY)

    code, said = cli(stack, "rollback", "1", "--yes", "--hooks", "recorded")
    assert code == 3, said
    assert "rewind_hooks.py as recorded with #1, sha256 " in said
    first = said.split("hooks trust ")[1][:12]
    assert told(stack) == []
    code, said = cli(stack, "hooks")
    assert f"recorded with #1: sha256 {first}, not trusted" in said
    assert cli(stack, "hooks", "show", first) == (0, f"{OLD_FILE}rewind_hooks.py as recorded with #1, sha256 {first}\n")
    assert cli(stack, "hooks", "trust", "123456789012")[0] == 2
    code, said = cli(stack, "hooks", "trust", first)
    assert (code, said.split()[0]) == (0, "trusted:")
    trusted = session(stack).journal.path.parent.with_name("trusted.json")
    assert trusted.stat().st_mode & 0o777 == 0o600

    code, said = cli(stack, "plan", "1", "--hooks", "recorded")  # the other one is another matter
    assert (code, "as recorded with #2" in said) == (3, True), said
    assert cli(stack, "hooks", "trust", "#2")[0] == 0
    code, said = cli(stack, "plan", "1", "--hooks", "recorded", "--json")
    assert code == 0, said
    calls = json.loads(said)["callbacks"]
    assert {(call["function"], call["file"]) for call in calls} == {
        ("recorded_then", "rewind_hooks.py as recorded with #1"),
        ("of_what_lives", "rewind_hooks.py as recorded with #2"),
    }
    code, said = cli(stack, "rollback", "1", "--yes")  # today's, which can't
    assert (code, "today's file does not know how" in said) == (4, True), said
    code, said = cli(stack, "rollback", "1", "--yes", "--hooks", "recorded")
    assert code == 0, said
    assert f"will call recorded_then (rewind_hooks.py as recorded with #1, sha256 {first})" in said
    assert told(stack) == ["then logs", "of what lives: extra", "after, by today"]
    assert "logs" in stack.resources()

    assert cli(stack, "hooks", "distrust", first)[1].startswith("no longer trusted")
    assert cli(stack, "plan", "2", "--hooks", "recorded")[0] == 0  # its code is not asked for any more: #3 has today's
    assert cli(stack, "plan", "1", "--hooks", "recorded")[0] == 3


DYNAMIC = """
import os, pathlib, uuid
import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider, UpdateResult

class Ledger(ResourceProvider):
    def create(self, props):
        path = pathlib.Path(props["path"])
        path.write_text("")
        return CreateResult(f"ledger-{uuid.uuid4().hex[:8]}", props)

    def update(self, id, olds, news):
        return UpdateResult(news)

    def delete(self, id, props):
        os.replace(props["path"], props["path"] + ".old")

    def undo_delete(self, ctx):
        import pulumi_rewind as rewind

        if os.path.exists(pathlib.Path(__file__).parent / "import"):
            return rewind.Restored(ctx.old.id)
        path = ctx.old.inputs["path"]
        print("will bring back what was in", path)
        made = yield rewind.Recreate()
        assert made.id.startswith("ledger-") and made.id != ctx.old.id, made
        os.replace(path + ".old", path)

    def undo_create(self, ctx):
        import pulumi_rewind as rewind

        return rewind.Keep("somebody may have written into it")

class LedgerFile(Resource):
    pass

def ledger(name):
    path = str(pathlib.Path(__file__).parent / name)
    return LedgerFile(Ledger(), name, {"path": path})
"""


@pytest.mark.slow
def test_methods_of_a_dynamic_provider_that_the_project_no_longer_has(stack: EngineStack) -> None:
    stack.up(DYNAMIC + 'one = ledger("one")\nother = ledger("other")\npulumi.export("id", one.id)')
    first = stack.resources()
    (stack.root / "one").write_text("a year of entries")
    stack.up(DYNAMIC + 'ledger("other")\nledger("two")')
    stack.up(HEAD + 'bridged.Server("plain", {"image": "p:1"})')
    assert not (stack.root / "one").exists()

    assert cli(stack, "hooks")[0] == 2  # nothing of it in live, and no hooks file
    code, said = cli(stack, "hooks", "1")
    assert code == 0, said
    assert "undo_delete, undo_create of the dynamic provider in the state, sha256 " in said
    assert "#1: one, other" in said or "#1: other, one" in said  # the engine saves them as they get ready
    stack.write_file("import", "")
    code, said = cli(stack, "rollback", "1", "--yes")
    assert (code, "yield Recreate() and put the data back after that" in said) == (4, True), said
    (stack.root / "import").unlink()
    code, said = cli(stack, "rollback", "1", "--yes")
    assert code == 0, said
    assert "one will call Ledger.undo_delete (the dynamic provider in the state, sha256 " in said
    assert "will bring back what was in" in said
    assert (stack.root / "one").read_text() == "a year of entries"
    now = stack.resources()
    assert now["one"]["id"] != first["one"]["id"]
    assert now["shop-dev"]["outputs"]["id"] == now["one"]["id"]
    code, said = cli(stack, "rollback", "2", "--yes")
    assert code == 0, said
    assert "somebody may have written into it" in said
    assert set(stack.resources()) >= {"one", "two", "other"}


AFTERWARDS = """
import pathlib, sqlite3
import pulumi_rewind as rewind

here = pathlib.Path(__file__).parent

def tell(text):
    with (here / "told").open("a") as file:
        file.write(text + "\\n")

@rewind.undo_update(type="*:Database", timeout=20)
def copy_over(ctx):
    tell(f"before, again {ctx.again}")
    old = ctx.new.id
    made = yield
    if not (here / "mended").exists():
        raise OSError(f"can't reach {made.inputs['password'].reveal()}")
    tell(f"after, with {made.name}, new object {made.id != old}")

@rewind.undo_update(type="*:Server")
def too_often(ctx):
    yield rewind.Recreate()
    tell("the server is as it was")

@rewind.undo_create(name="*")
def wrong(ctx):
    yield rewind.Delete()
"""

PROGRAM = (
    HEAD
    + """
db = bridged.Database("db", {{"engine": "{engine}", "password": pulumi.Output.secret("hunter2-and-more")}})
web = bridged.Server("web", {{"image": "{image}", "dependsId": db.id}})
"""
)


@pytest.mark.slow
def test_a_callback_goes_on_when_the_thing_is_there_also_in_the_next_try(stack: EngineStack) -> None:
    stack.up(PROGRAM.format(engine="sqlite", image="w:1"))
    stack.up(PROGRAM.format(engine="other", image="w:2"))
    stack.write_file("rewind_hooks.py", AFTERWARDS)
    stack.forget_calls()
    code, said = cli(stack, "rollback", "1", "--yes", "--allow-data-loss")
    assert code == 4, said
    assert "OSError: can't reach [secret]" in said
    assert "hunter2" not in said
    assert stack.resources()["db"]["inputs"]["engine"] == "sqlite"
    assert stack.resources()["web"]["inputs"]["image"] == "w:2"  # it waits for the database to be whole
    assert told(stack) == ["before, again False"]
    entry = session(stack).journal.read()
    assert entry is not None
    assert {item.function: item.more for item in entry.undo} == {"copy_over": True, "too_often": True}

    stack.write_file("mended", "")
    code, said = cli(stack, "resume", "--yes", "--allow-data-loss")
    assert code == 0, said
    assert "copy_over (rewind_hooks.py, sha256 " in said
    assert "continues for the resource that was restored" in said
    assert told(stack) == [
        "before, again False", "before, again True", "after, with db, new object False", "the server is as it was",
    ]  # fmt: skip
    assert stack.resources()["web"]["inputs"]["image"] == "w:1"
    assert session(stack).journal.read() is None
