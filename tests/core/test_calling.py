"""The one way to call a callback: its tries, what is reported of them, and how it is stopped."""

from __future__ import annotations

import hashlib
import queue
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pulumi_rewind.callbacks.calling import CallbackEvents, Caller, drained
from pulumi_rewind.callbacks.code import UntrustedCode
from pulumi_rewind.callbacks.engine_hooks import Afterwards, HookRunner
from pulumi_rewind.callbacks.undo.run import UndoRun
from pulumi_rewind.engine.events import HookEnded, HookEvent, HookStarted
from pulumi_rewind.errors import CallbackError
from pulumi_rewind.plan.called import Call, Callback, Code, UndoPlan
from pulumi_rewind.project.settings import Settings
from pulumi_rewind.session import Session

SOURCE = """
import pathlib, time
import pulumi_rewind as rewind

tries = pathlib.Path(__file__).with_name("tries")

def count(ctx):
    number = int(tries.read_text()) + 1 if tries.exists() else 1
    tries.write_text(str(number))
    if number < 3:
        raise ValueError(f"s3cret, try {number}, again {ctx.again}")
    return number

@rewind.undo_create(type="*", retries=2)
def keep(ctx):
    return rewind.Keep(f"try {count(ctx)}, again {ctx.again}")

@rewind.undo_delete(type="*", retries=2)
def restore(ctx):
    made = yield rewind.Recreate()
    count(ctx)

hooked = tries.with_name("hooked")

@rewind.undo_update(type="*", timeout=10)
def wait(ctx):
    while not hooked.exists():
        time.sleep(0.01)
    return rewind.Keep("s3cret reason")

@rewind.resource_hook("meanwhile")
def meanwhile(ctx):
    print(ctx.name, "s3cret")
    hooked.touch()

@rewind.resource_hook("hang", retries=3)
def hang(ctx):
    time.sleep(60)

@rewind.error_hook("failing", retries=1)
def decide(ctx):
    if ctx.failed_operation == "delete":
        raise LookupError("s3cret")
    return ctx.failed_operation == "create"
"""

CONTEXT = {
    "stack": "p/s",
    "target": "#1",
    "old": None,
    "new": None,
    "update": {"error": ""},
    "dry_run": False,
    "again": False,
    "idempotency_key": "k",
    "replaces": False,
}
OF_HOOK = {
    "urn": "u",
    "id": "i",
    "resource_name": "n",
    "resource_type": "t",
    "new_inputs": {},
    "old_inputs": {},
    "old_outputs": {},
}
RESOURCE = {"urn": "u", "type": "t", "name": "n", "id": "i", "inputs": {}, "outputs": {}}


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    workspace = SimpleNamespace(environ={}, root=tmp_path, runtime_options={})
    session = SimpleNamespace(
        workspace=workspace, stack="p/s", redactor_of_callbacks=lambda text: text.replace("s3cret", "***")
    )
    with Caller(cast(Session, session), python=sys.executable) as made:
        code = Code(tmp_path / "rewind_hooks.py", SOURCE, hashlib.sha256(SOURCE.encode()).hexdigest())
        made.load(code)
        yield made


def _function(caller: Caller, name: str) -> Callback:
    (code,) = caller.codes.values()
    return next(item for item in caller.load(code).callbacks if item.function == name)


def _told(talk: CallbackEvents[Any], caller: Caller, *, stop_after: int = 0) -> tuple[list[HookEvent], str]:
    """What is told, and what went wrong; with an interrupt after the event of that number."""
    told: list[HookEvent] = []

    def tell(event: HookEvent) -> None:
        told.append(event)
        if len(told) == stop_after:
            caller.interrupt()

    try:
        drained(talk, tell)
    except CallbackError as err:
        return told, str(err)
    return told, ""


def test_every_try_is_told_and_the_last_one_is_the_outcome(caller: Caller) -> None:
    told, error = _told(caller.call(_function(caller, "keep"), CONTEXT, "u"), caller)
    assert not error
    assert [event.again for event in told if isinstance(event, HookStarted)] == [False, True, True]
    ended = [event for event in told if isinstance(event, HookEnded)]
    assert [event.outcome for event in ended] == ["failed", "failed", "keep"]
    assert "***, try 1, again False" in ended[0].message
    assert "***, try 2, again True" in ended[1].message
    assert [(one.outcome, one.message) for one in caller.outcomes] == [("keep", "try 3, again True")]


def test_one_that_was_begun_in_an_earlier_run_hears_so_in_every_try(caller: Caller) -> None:
    told, _ = _told(caller.call(_function(caller, "keep"), {**CONTEXT, "again": True}, "u"), caller)
    assert [event.again for event in told if isinstance(event, HookStarted)] == [True, True, True]
    assert "try 1, again True" in next(event.message for event in told if isinstance(event, HookEnded))


@pytest.mark.parametrize("agreed", [True, False])
def test_recorded_code_runs_only_while_it_is_agreed_to(caller: Caller, tmp_path: Path, agreed: bool) -> None:
    code = Code(tmp_path / "rewind_hooks.py", SOURCE, "1" * 64, "record", 3)
    undo = UndoPlan(None, {code.sha256: code}, sys.executable, (), ())
    caller.session.__dict__.update(settings=Settings(), trust=SimpleNamespace(has=lambda _: agreed))
    plan: Any = SimpleNamespace(undo=undo)
    run = UndoRun(caller.session, plan, lambda _: plan)
    if agreed:
        assert list(run.before()) == []
    else:  # it was taken back since the plan was made
        with pytest.raises(UntrustedCode, match="as recorded with #3"):
            list(run.before())


@pytest.mark.parametrize(("beside", "tries"), [(False, 1), (True, 3)])
def test_asked_to_stop_only_what_the_engine_waits_for_is_tried_again(caller: Caller, beside: bool, tries: int) -> None:
    talk = caller.call(_function(caller, "keep"), CONTEXT, "u", beside=beside)
    told, error = _told(talk, caller, stop_after=1)
    assert sum(isinstance(event, HookStarted) for event in told) == tries
    assert bool(error) is not beside
    assert [one.outcome for one in caller.outcomes] == ["keep" if beside else "failed"]


def test_nothing_is_called_for_the_engine_once_all_was_ended(caller: Caller) -> None:
    caller.kill()
    told, error = _told(caller.call(_function(caller, "keep"), CONTEXT, "u", beside=True), caller)
    assert (told, error, caller.outcomes) == ([], "keep: stopped", [])


def test_what_goes_on_is_called_from_its_beginning_again_after_a_failure(caller: Caller) -> None:
    call = Call(_function(caller, "restore"), "u", "u", "", None, None)
    done: list[Call] = []
    told, error = _told(caller.call(call.callback, CONTEXT, "u"), caller)
    assert not error
    told, error = _told(caller.continue_call(call, {**CONTEXT, "again": True}, RESOURCE, done.append), caller)
    assert not error
    assert done == [call]
    outcomes = [event.outcome for event in told if isinstance(event, HookEnded)]
    assert outcomes == ["failed", "failed", "done"]
    assert [one.outcome for one in caller.outcomes] == ["recreate", "done"]


def test_a_dry_call_is_made_once_and_raises_nothing(caller: Caller, tmp_path: Path) -> None:
    call = Call(_function(caller, "keep"), "u", "u", "u", None, None)
    ended = [event for event in caller.dry_call(call, "#1", None) if isinstance(event, HookEnded)]
    assert [event.outcome for event in ended] == ["failed"]
    assert (tmp_path / "tries").read_text() == "1"


# -- beside the engine ----------------------------------------------------------------------------------------------


def _hooks(caller: Caller) -> HookRunner:
    (code,) = caller.codes.values()
    return HookRunner(caller, caller.load(code).callbacks)


def test_a_hook_runs_beside_a_callback_of_the_same_file(caller: Caller) -> None:
    runner = _hooks(caller)
    errors: queue.SimpleQueue[str] = queue.SimpleQueue()
    host = threading.Thread(target=lambda: errors.put(runner.code()["meanwhile"]({**OF_HOOK, "new_outputs": {}})))
    told: list[HookEvent] = []

    def tell(event: HookEvent) -> None:
        told.append(event)
        if isinstance(event, HookStarted):
            host.start()

    result = drained(caller.call(_function(caller, "wait"), CONTEXT, "u"), tell)
    host.join(timeout=10)
    assert (result or {})["reason"] == "s3cret reason"  # as it is for the goal; masked in all that is told
    assert errors.get(timeout=1) == ""
    said = list(runner.pending_events())
    assert [getattr(event, "message", "") for event in said] == ["", "meanwhile ***", ""]
    assert isinstance(told[-1], HookEnded)
    assert told[-1].message == "*** reason"
    assert sorted((one.function, one.outcome, one.message) for one in caller.outcomes) == [
        ("meanwhile", "done", ""),
        ("wait", "keep", "*** reason"),
    ]


def test_a_hook_that_runs_is_ended_at_once_and_not_tried_again(caller: Caller) -> None:
    runner = _hooks(caller)
    errors: queue.SimpleQueue[str] = queue.SimpleQueue()
    host = threading.Thread(target=lambda: errors.put(runner.code()["hang"]({**OF_HOOK, "new_outputs": {}})))
    host.start()
    assert isinstance(runner.events.get(timeout=10), HookStarted)
    caller.interrupt()
    host.join(timeout=0.3)
    assert host.is_alive()  # what the engine waits for may end
    caller.interrupt()
    host.join(timeout=10)
    assert "stopped" in errors.get(timeout=1)
    assert [event.outcome for event in runner.pending_events() if isinstance(event, HookEnded)] == ["failed"]
    assert [(one.function, one.outcome) for one in caller.outcomes] == [("hang", "failed")]


@pytest.mark.parametrize(("operation", "again", "outcomes"), [
    ("create", True, ["try again"]), ("update", False, ["give up"]), ("delete", False, ["failed", "failed"]),
])  # fmt: skip
def test_an_error_hook_decides_and_one_that_fails_says_no(
    caller: Caller, operation: str, again: bool, outcomes: list[str]
) -> None:
    runner = _hooks(caller)
    asked = {**OF_HOOK, "failed_operation": operation, "errors": ["no"]}
    assert runner.on_error()["failing"](asked) is again
    assert [event.outcome for event in runner.pending_events() if isinstance(event, HookEnded)] == outcomes
    assert [one.outcome for one in caller.outcomes] == outcomes[-1:]


def test_what_goes_on_in_a_thread_of_the_hosts_says_what_went_wrong(caller: Caller) -> None:
    runner, done = _hooks(caller), list[Call]()
    afterwards = Afterwards(caller, runner.events, done.append)
    call = Call(_function(caller, "restore"), "u", "goal", "", None, None)
    drained(caller.call(call.callback, CONTEXT, "u"), lambda _: None)
    afterwards.add(call, {**CONTEXT, "again": True})
    assert afterwards.code()["goal"](dict(RESOURCE)) == ""
    assert done == [call]
    caller.kill()
    assert afterwards.code()["goal"](dict(RESOURCE)) == "restore: stopped"
    assert done == [call]
