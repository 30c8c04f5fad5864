"""Undo callbacks without an engine: what they may say, which are chosen, and that their process can't do harm."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pulumi_rewind as rewind
from pulumi_rewind.callbacks.code import interpreter, todays_code
from pulumi_rewind.callbacks.process import UndoProcess
from pulumi_rewind.callbacks.undo.match import calls_for
from pulumi_rewind.engine.events import HookLog, HookProgress
from pulumi_rewind.errors import CallbackError, UsageError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import GoalChanges, Selection, registers
from pulumi_rewind.goal.skipping import adjusted, needing_skipped
from pulumi_rewind.hooks.declare import Selector
from pulumi_rewind.plan.called import Callback
from pulumi_rewind.plan.model import Step
from pulumi_rewind.project.journal import Journal, UndoRecord
from pulumi_rewind.project.settings import Settings
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.state.identity import match
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.state.values import SECRET, SIG
from tests.support.checkpoints import checkpoint, goal, res, urn

HOOKS = """
import json, os, subprocess, sys, time
import pulumi_rewind as rewind

print("loaded")

@rewind.undo_delete(type="t:m:*", timeout=1.5)
def restore(ctx):
    how = ctx.old.inputs["how"]
    print(json.dumps({"end": {"result": {"result": "skip", "reason": "forged"}}}))
    print("standard input:", repr(sys.stdin.read()))
    os.write(2, b"password is " + ctx.old.inputs["password"].reveal().encode() + b"\\n")
    ctx.log(f"masked {ctx.old.inputs}")
    ctx.progress(1, 2, "half of " + ctx.old.inputs["password"].reveal())
    if how == "exit":
        os._exit(7)
    if how == "quit":
        sys.exit("enough")
    if how == "hang":
        child = subprocess.Popen(["sleep", "60"])
        with open("child", "w") as file:
            file.write(str(child.pid))
        time.sleep(60)
    if how == "raise":
        raise LookupError("no snapshot of " + ctx.old.inputs["password"].reveal())
    return {
        "good": rewind.Restored("new-id"), "nothing": None, "text": "new-id", "keep": rewind.Keep("x"),
        "empty": rewind.Restored(""), "number": rewind.Restored(5), "object": rewind.Recreate({"a": object()}),
        "inputs": rewind.Recreate({"a": [1, rewind.Secret({"b": 2})]}),
    }[how]

@rewind.undo_update(name="x")
async def either(ctx):
    return None

@rewind.before_rollback(timeout=5, retries=2)
def first(ctx):
    print([step.name for step in ctx.steps])
"""


def hooks_process(folder: Path, text: str) -> UndoProcess:
    (folder / "rewind_hooks.py").write_text(text)
    hooks = todays_code(folder, Settings())
    assert hooks is not None
    environ = {"PATH": os.environ["PATH"]}
    return UndoProcess(hooks, Path(sys.executable), environ, lambda text: text.replace("hunter2", "[secret]"))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[UndoProcess]:
    made = hooks_process(tmp_path, HOOKS)
    yield made
    made.close()


def context(how: str) -> dict[str, Any]:
    inputs = {"how": how, "password": {SIG: SECRET, "plaintext": '"hunter2"'}}
    old = {"urn": urn("db"), "type": "t:m:R", "name": "db", "id": "db-1", "inputs": inputs, "outputs": {}}
    return {
        "stack": "p/dev", "target": "#1", "old": old, "new": None, "update": {"number": 2}, "dry_run": False,
        "again": False, "idempotency_key": "k", "replaces": False,
    }  # fmt: skip


def call(process: UndoProcess, callback: Callback, given: dict[str, Any]) -> tuple[Any, list[Any]]:
    said: list[Any] = []
    talk = process.call(callback, given, "urn")
    try:
        while True:
            said.append(next(talk))
    except StopIteration as end:
        return end.value, said
    except CallbackError as err:
        return err, said


def test_a_star_import_gives_a_hooks_file_its_names_and_needs_nothing_else(tmp_path: Path) -> None:
    code = "from pulumi_rewind import *\nimport sys\n@undo_create(name='x')\ndef keep(ctx):\n    return Keep('x')\n"
    made = hooks_process(tmp_path, f"{code}assert 'msgspec' not in sys.modules, 'the library is loaded'\n")
    try:
        assert [item.function for item in made.load()] == ["keep"]
    finally:
        made.close()


def test_nothing_of_a_file_is_called_that_is_half_loaded(tmp_path: Path) -> None:
    text = (
        "import pathlib\nimport pulumi_rewind as rewind\n"
        "@rewind.undo_create(name='x')\ndef keep(ctx):\n    return rewind.Keep('called')\n"
        "ready = pathlib.Path(__file__).with_name('ready')\n"
    )
    made = hooks_process(tmp_path, f"{text}ready.exists() or ready.read_text()\n")
    try:
        (tmp_path / "ready").touch()
        (keep,) = made.load()
        made._kill()
        (tmp_path / "ready").unlink()
        for _ in range(2):
            error, _ = call(made, keep, {**context("x"), "old": None})
            assert "can't be loaded (line 7)" in str(error)
    finally:
        made.close()


def test_an_interpreter_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 8, 1)$2" "$3" "$4" "$5"\n')
    old.chmod(0o755)
    made = hooks_process(tmp_path, HOOKS)
    made.python = old
    try:
        with pytest.raises(CallbackError, match=r"can't be loaded: it is run by Python 3\.8, and needs 3\.10 or newer"):
            made.load()
    finally:
        made.close()


def test_one_that_is_closed_is_not_started_again(process: UndoProcess) -> None:
    restore, *_ = process.load()
    process.close()
    error, _ = call(process, restore, context("good"))
    assert str(error) == "stopped"


def test_one_that_is_stopped_while_it_starts_is_ended(process: UndoProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = subprocess.Popen

    def stopped_meanwhile(*args: Any, **more: Any) -> Any:
        process.stop()
        return begin(*args, **more)

    monkeypatch.setattr("pulumi_rewind.callbacks.process.subprocess.Popen", stopped_meanwhile)
    with pytest.raises(CallbackError, match="was stopped, while it was loaded"):
        process.load()


@pytest.mark.serial  # its callbacks have a second and a half
def test_a_callback_can_print_crash_hang_and_lie_without_harm(process: UndoProcess, tmp_path: Path) -> None:
    restore, _, first = process.load()
    assert (restore.kind, restore.function, restore.timeout) == ("undo_delete", "restore", 1.5)
    assert (first.kind, first.retries) == ("before_rollback", 2)
    result, said = call(process, restore, context("good"))
    assert result == {"result": "restored", "id": "new-id"}
    lines = [event.message for event in said if isinstance(event, HookLog)]
    assert "standard input: ''" in lines
    assert "password is [secret]" in lines
    assert "masked {'how': 'good', 'password': [secret]}" in lines
    assert any(line.startswith('{"end"') for line in lines)  # what it forged is a line of the log
    assert HookProgress("restore", 1, 2, "half of [secret]", "urn") in said
    failures = {
        "raise": r"restore \(rewind_hooks.py:25\): LookupError: no snapshot of \[secret\]",
        "quit": r"asked to exit \(enough\)",
        "nothing": "returned nothing; undo_delete returns Restored, Recreate or Skip",
        "text": "returned a str; undo_delete returns Restored",
        "keep": "returned a Keep; undo_delete returns Restored",
        "empty": "returned Restored without the id",
        "number": "returned Restored without the id",
        "object": "inputs that can't be sent: a object is not a property value",
        "exit": r"restore ended its process \(exit code 7\)",
        "hang": r"restore did not end within 1.5 s and was stopped",
    }
    for how, message in failures.items():
        error, said = call(process, restore, context(how))
        with pytest.raises(CallbackError, match=message):
            raise error
        assert "hunter2" not in str(error) + str(said)
    child = int((tmp_path / "child").read_text())
    for _ in range(50):  # what it had started is gone with it
        if not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text():
            break
        time.sleep(0.02)
    else:
        raise AssertionError("its child still runs")
    result, _ = call(process, restore, context("inputs"))  # it is started anew
    assert result["inputs"]["a"] == [1, {SIG: SECRET, "plaintext": '{"b": 2}'}]
    process.stop()
    assert "stopped" in str(call(process, restore, context("good"))[0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import nothing_of_that_name\n", r"line 1\): ModuleNotFoundError"),
        ("a =\n", r"line 1\): SyntaxError"),
        (
            "import pulumi_rewind as r\n\n@r.undo_delete()\ndef f(ctx): ...\n",
            r"line 3\): TypeError: undo_delete needs a",
        ),
        ("import pulumi_rewind as r\n@r.undo_create(name=3)\ndef f(ctx): ...\n", "a selector is a pattern"),
        ("import pulumi_rewind as r\n@r.on_failure(timeout=0)\ndef f(ctx): ...\n", "timeout is a number"),
        ("import pulumi_rewind as r\n@r.undo_update(name='a', retries=-1)\ndef f(ctx): ...\n", "retries is a whole"),
        ("import os\nos._exit(1)\n", r"ended its process \(exit code 1\), while it was loaded"),
    ],
)
def test_a_broken_file_says_where_it_is_broken(tmp_path: Path, text: str, message: str) -> None:
    process = hooks_process(tmp_path, text)
    with contextlib.closing(process), pytest.raises(CallbackError, match=message) as caught:
        process.load()
    assert "Fix it" in caught.value.hint


def test_which_file_and_which_python(tmp_path: Path) -> None:
    assert todays_code(tmp_path, Settings()) is None
    with pytest.raises(UsageError, match="there is no hooks file"):
        todays_code(tmp_path, Settings(hooks_file="undo/mine.py"))
    (tmp_path / "rewind_hooks.py").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="it is not UTF-8 text"):
        todays_code(tmp_path, Settings())
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime:\n  name: python\n  options:\n    virtualenv: env\n")
    environ = {"PULUMI_BACKEND_URL": tmp_path.as_uri(), "HOME": str(tmp_path)}
    assert interpreter(find_workspace(tmp_path, environ=environ)) == Path(sys.executable)
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    assert interpreter(find_workspace(tmp_path, environ=environ)) == python


def test_secrets_show_nothing_and_are_not_written() -> None:
    secret = rewind.Secret({"a": "hunter2"})
    assert f"{secret} {secret!r} {[secret]}" == "[secret] [secret] [[secret]]"
    assert secret.reveal() == {"a": "hunter2"}
    assert secret == rewind.Secret({"a": "hunter2"}) != rewind.Secret(1)
    with pytest.raises(TypeError):
        json.dumps(secret)
    import pickle

    with pytest.raises(TypeError, match="be serialized"):
        pickle.dumps(secret)
    with pytest.raises(AttributeError, match="no attribute 'undo_nothing'"):
        rewind.undo_nothing  # noqa: B018


def test_all_that_a_selector_names_must_match() -> None:
    both = Selector(type=("t:m:*", "x:*"), component=("my:c:Box",))
    assert both.matches("u", "t:m:R", "n", ["other:c:C", "my:c:Box"])
    assert not both.matches("u", "t:m:R", "n", ["other:c:C"])
    assert not both.matches("u", "y:m:R", "n", ["my:c:Box"])
    assert Selector(name=("db-*",)).matches("u", "t", "db-1", ())
    assert not Selector(urn=("*::DB",)).matches("u::db", "t", "db", ())
    assert str(both) == "type=t:m:* or x:* component=my:c:Box"


def callback(kind: str, **selector: str) -> Callback:
    chosen = Selector(**{key: (value,) for key, value in selector.items()})
    return Callback(0, kind, f"{kind}-{'-'.join(selector.values())}", 1, chosen, "", 1.0, 0, dry_run_safe=False)


def test_callbacks_are_called_for_what_they_undo_in_an_order_that_risks_least() -> None:
    target = checkpoint(
        res("net"), res("db", dependencies=[urn("net")]), res("same"), res("web", inputs={"v": 1}), res("p")
    )
    live = checkpoint(
        res("same"), res("web", inputs={"v": 2}), res("extra"), res("user", dependencies=[urn("extra")]), res("left")
    )
    steps = [
        Step(urn(name), name, "t:m:R", op, forecast)
        for name, op, forecast in (
            ("user", "delete", "deleted"), ("extra", "delete", "deleted"), ("left", "delete", "kept"),
            ("web", "update", "restored"), ("db", "create", "recreated"), ("net", "create", "recreated"),
            ("p", "create", "recreated"),
        )
    ]  # fmt: skip
    callbacks = [
        callback("undo_delete", name="db"),
        callback("undo_delete", urn="*"),
        callback("undo_create", type="t:m:R"),
        callback("undo_update", type="t:m:*"),
    ]
    by_kind: dict[str, list[Callback]] = {}
    for item in callbacks:
        by_kind.setdefault(item.kind, []).append(item)
    calls = calls_for(steps, by_kind, goal(target, live).by_run_urn, live, target)
    assert [(item.callback.function, item.urn.rsplit("::", 1)[1]) for item in calls] == [
        ("undo_delete-*", "net"), ("undo_delete-db", "db"), ("undo_delete-*", "p"),
        ("undo_update-t:m:*", "web"),
        ("undo_create-t:m:R", "user"), ("undo_create-t:m:R", "extra"),
    ]  # fmt: skip
    web = calls[3]
    assert web.old is not None
    assert web.new is not None
    assert (web.old.decoded_inputs(), web.new.decoded_inputs()) == ({"v": 1}, {"v": 2})


def test_what_is_kept_takes_along_what_it_needs_and_what_is_skipped_must_not_be_needed() -> None:
    target = checkpoint(res("web"), res("db"), res("user", dependencies=[urn("db")]))
    live = checkpoint(res("web"), res("net"), res("front", dependencies=[urn("net"), urn("web")]), res("other"))
    pairs = match(target.resources, live.resources)
    everything = Selection(frozenset(item.urn for item in target.resources if registers(item)), frozenset(), ())
    kept = adjusted(GoalChanges(keep={urn("front"): "in use"}), everything, live, pairs)
    assert kept.kept == {urn("front"), urn("net")}
    assert urn("web") in kept.chosen
    assert {note.urn: note.message for note in kept.notes} == {
        urn("front"): "stays as it is: in use",
        urn("net"): "stays as it is, because front needs it",
    }
    as_live = adjusted(GoalChanges(keep={urn("web"): "hotfix"}), everything, live, pairs)
    assert urn("web") in as_live.kept - as_live.chosen

    def changed(changes: GoalChanges) -> Any:
        return build_goal(target, live, project="p", stack="dev", changes=changes)

    skip = GoalChanges(skip={urn("db"): "elsewhere"})
    assert needing_skipped(skip, changed(skip)) == {urn("db"): ["user"]}
    both = GoalChanges(skip={urn("db"): "elsewhere", urn("user"): "too"})
    assert needing_skipped(both, changed(both)) == {}
    other = changed(GoalChanges(inputs={urn("db"): {"size": 2}})).by_urn()[urn("db")]
    assert (other.inputs, other.property_dependencies) == ({"size": 2}, {"size": ()})
    stays = GoalChanges(inputs={urn("web"): {"size": 2}}, keep={urn("web"): "hotfix"})
    assert changed(stays).by_urn()[urn("web")].inputs == {}, "what stays as it is live gets nothing else"


def test_the_journal_keeps_what_callbacks_returned_for_the_same_target_alone(tmp_path: Path) -> None:
    journal = Journal("file:///b", StackRef("p", "dev"), {"XDG_STATE_HOME": str(tmp_path)})
    begin: Callable[..., Any] = lambda digest: journal.begin(target=1, label="#1", digest=digest, start=2)  # noqa: E731
    key = begin("d1").key
    assert key
    journal.note(UndoRecord("u", "undo_delete", "restore", "sha"))
    journal.note(UndoRecord("u", "undo_delete", "restore", "sha", "restored", "id-1"))
    assert journal.path.stat().st_mode & 0o777 == 0o600
    again = begin("d1")
    assert again.key == key
    assert [(item.result, item.id) for item in again.undo] == [("restored", "id-1")]
    other = begin("d2")
    assert other.key != key
    assert other.undo == ()
    journal.end()
    journal.note(UndoRecord("u", "undo_delete", "restore", "sha"))
    assert journal.read() is None
