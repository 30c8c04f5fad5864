"""Undo callbacks that are not of today's file, agreements to their code, and callbacks that yield."""

from __future__ import annotations

import base64
import json
import pickle
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.callbacks.code import todays_code
from pulumi_rewind.callbacks.process import UndoProcess
from pulumi_rewind.callbacks.state_code import embedded_code, undo_methods
from pulumi_rewind.errors import CallbackError, RewindError
from pulumi_rewind.plan.called import Code
from pulumi_rewind.project.settings import Settings
from pulumi_rewind.state.values import SECRET, SIG
from pulumi_rewind.system.state_directory import StateDirectory
from pulumi_rewind.trust.agreements import Trust
from tests.support.checkpoints import checkpoint, res


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_what_a_pickle_has_is_read_without_running_it(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    raw = pickle.dumps({"undo_delete": 1, "more": Bomb(mark), "undo_nothing": 2})
    source = base64.b64encode(raw).decode()
    secret = {SIG: SECRET, "plaintext": json.dumps(source)}
    dynamic = "pulumi-python:dynamic/shop:File"

    def riding(type_: str, **inputs: Any) -> Code | None:
        return embedded_code(checkpoint(res("a", type_, inputs=inputs)).resources[-1], tmp_path)

    found = riding(dynamic, __provider=secret)
    assert found is not None
    assert (found.source, found.origin) == (source, "state")
    assert "the dynamic provider in the state, sha256 " in found.label
    assert undo_methods(raw) == {"undo_delete"}
    assert not mark.exists()
    nothing = base64.b64encode(pickle.dumps({"undone": 1})).decode()
    for type_, provider in (("t:m:R", source), (dynamic, nothing), (dynamic, "no base64 \x00"), (dynamic, 5)):
        assert riding(type_, __provider=provider) is None
    assert riding(dynamic) is None


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_are_too_strange_for_that(noise: bytes, ahead: bool) -> None:
    whole = pickle.dumps({"undo_create": 1})
    assert undo_methods(noise + whole if ahead else whole[:-1] + noise) <= {"undo_create"}


def test_an_agreement_is_for_one_project_and_a_damaged_file_agrees_to_nothing(tmp_path: Path) -> None:
    state = StateDirectory({"XDG_STATE_HOME": str(tmp_path)})
    trust = Trust(state, "shop")
    assert not trust.has("abc")
    trust.agree("abc")
    trust.agree("abc")
    assert trust.path.stat().st_mode & 0o777 == 0o600
    assert len(json.loads(trust.path.read_text())) == 1
    assert trust.has("abc")
    assert not Trust(state, "other").has("abc")
    assert not Trust(state, "other").revoke("abc")
    assert trust.revoke("abc")
    assert not trust.has("abc")
    trust.path.write_text('[{"sha256": "abc"')
    assert not trust.has("abc")
    with pytest.raises(RewindError, match="can't be read"):
        trust.agree("abc")


YIELDING = """
import pulumi_rewind as rewind

@rewind.undo_delete(name="*")
def restore(ctx):
    how = ctx.old.inputs["how"]
    if how == "late":
        return rewind.Recreate({"late": True})
    if how == "skip":
        yield rewind.Skip("elsewhere")
        print("never")
    made = yield rewind.Recreate()
    print("made", made.id, made.inputs["password"])
    if how == "twice":
        yield rewind.Recreate()
    if how == "raise":
        raise OSError("no space for " + made.inputs["password"].reveal())

@rewind.undo_create(name="*")
def drain(ctx):
    yield rewind.Delete()
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[UndoProcess]:
    (tmp_path / "rewind_hooks.py").write_text(YIELDING)
    code = todays_code(tmp_path, Settings())
    assert code is not None
    with closing(UndoProcess(code, Path(sys.executable), {}, lambda text: text.replace("hunter2", "[secret]"))) as made:
        yield made


def context(how: str) -> dict[str, Any]:
    side = {"urn": "u", "type": "t:m:R", "name": "db", "id": "db-1", "inputs": {"how": how}, "outputs": {}}
    return {
        "stack": "p/dev", "target": "#1", "old": side, "new": side, "update": {}, "dry_run": False, "again": False,
        "idempotency_key": "k",
        "replaces": False,
    }  # fmt: skip


def ended(talk: Any) -> tuple[Any, str]:
    """What a call came to, and what it said."""
    said: list[str] = []
    try:
        while True:
            said.append(next(talk).message)
    except StopIteration as end:
        return end.value, "\n".join(said)
    except CallbackError as err:
        return err, "\n".join(said)


def test_a_callback_that_yields_goes_on_once_with_what_was_made(process: UndoProcess) -> None:
    restore, drain = process.load()
    inputs = {"password": {SIG: SECRET, "plaintext": '"hunter2"'}}
    made = {"urn": "u", "type": "t:m:R", "name": "db", "id": "db-2", "inputs": inputs, "outputs": {}}
    recreate = {"result": "recreate", "inputs": {}, "note": "", "more": True}
    assert ended(process.call(restore, context("well"), "u")) == (recreate, "")
    assert ended(process.continue_call(restore, made, "other")) == (False, "")  # of another resource
    assert ended(process.continue_call(restore, made, "u")) == (True, "made db-2 [secret]")
    assert ended(process.continue_call(restore, made, "u")) == (False, "")
    late = {"result": "recreate", "inputs": {"late": True}, "note": ""}
    assert ended(process.call(restore, context("late"), "u"))[0] == late
    assert ended(process.call(restore, context("skip"), "u"))[0] == {"result": "skip", "reason": "elsewhere"}
    assert ended(process.continue_call(restore, made, "u")) == (False, "")
    for how, message in (("twice", "yields more than once"), ("raise", "OSError: no space for [secret]")):
        assert ended(process.call(restore, context(how), "u"))[0] == recreate
        assert message in str(ended(process.continue_call(restore, made, "u"))[0])
    wrong = ended(process.call(drain, context("x"), "u"))[0]
    assert "drain" in str(wrong)
    assert "yields; only undo_delete and undo_update can continue after a yield" in str(wrong)
    dynamic = context("late")
    dynamic["old"]["type"] = "pulumi-python:dynamic/x:Y"
    assert ended(process.call(restore, dynamic, "u"))[0]["result"] == "recreate"
