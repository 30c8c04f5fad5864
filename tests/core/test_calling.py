"""The one way to call a callback: its tries, what is reported of them, and how it is stopped."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pulumi_rewind.callbacks.calling import Caller, Talk, drained
from pulumi_rewind.engine.events import HookEnded, HookEvent, HookStarted
from pulumi_rewind.errors import CallbackError
from pulumi_rewind.plan.called import Call, Callback, Code
from pulumi_rewind.session import Session

SOURCE = """
import pathlib
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
}
RESOURCE = {"urn": "u", "type": "t", "name": "n", "id": "i", "inputs": {}, "outputs": {}}


@pytest.fixture
def caller(tmp_path: Path) -> Iterator[Caller]:
    workspace = SimpleNamespace(environ={}, root=tmp_path, runtime_options={})
    session = SimpleNamespace(workspace=workspace, redactor_of_callbacks=lambda text: text.replace("s3cret", "***"))
    with Caller(cast(Session, session), python=sys.executable) as made:
        code = Code(tmp_path / "rewind_hooks.py", SOURCE, hashlib.sha256(SOURCE.encode()).hexdigest())
        made.load(code)
        yield made


def _function(caller: Caller, name: str) -> Callback:
    (code,) = caller.codes.values()
    return next(item for item in caller.load(code).callbacks if item.function == name)


def _told(talk: Talk[Any], caller: Caller, *, stop_after: int = 0) -> tuple[list[HookEvent], str]:
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
    told, error = _told(caller.go_on(call, {**CONTEXT, "again": True}, RESOURCE, done.append), caller)
    assert not error
    assert done == [call]
    outcomes = [event.outcome for event in told if isinstance(event, HookEnded)]
    assert outcomes == ["failed", "failed", "done"]
    assert [one.outcome for one in caller.outcomes] == ["recreate", "done"]
