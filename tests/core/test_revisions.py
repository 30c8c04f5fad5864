"""Revisions without an engine: how they are declared, what has to run, and what is known of what is applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

import pulumi_rewind as rewind
from pulumi_rewind.callbacks.revisions.ledger import Ledger, LedgerFile, kept_with
from pulumi_rewind.callbacks.revisions.moves import Revisions, carried, load_revisions, moves_back, moves_up
from pulumi_rewind.callbacks.revisions.plan import _announced, rollback_moves, update_revisions
from pulumi_rewind.callbacks.revisions.run import RollbackRevisions, UpdateRevisions
from pulumi_rewind.callbacks.undo import listing as revision_list
from pulumi_rewind.engine.events import Diagnostic, HookEnded
from pulumi_rewind.errors import CallbackError, IncompleteError, InterruptedRun, RefusedError, RewindError, UsageError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.hooks import declare as undo
from pulumi_rewind.hooks import revisions
from pulumi_rewind.hooks.declare import Selector
from pulumi_rewind.plan.called import Callback, Code, Move
from pulumi_rewind.rollback.recording import after_run, record_update
from pulumi_rewind.session import Session, open_session
from tests.support.checkpoints import checkpoint, goal, res, urn
from tests.support.filestack import FileStack

BOX = "my:db:Box"


def callback(index: int, kind: str = "revision_up") -> Callback:
    return Callback(index, kind, f"f{index}", 1, Selector(), "", 5, 0, dry_run_safe=False)


def declared(*rows: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A component's declarations; what isn't given is as the decorator leaves it."""
    filled = [
        {
            "after": "",
            "when": "after",
            "down_when": "before",
            "irreversible": "",
            "loses_data": False,
            "up": 2 * n,
            "down": 2 * n + 1,
            **row,
        }
        for n, row in enumerate(rows)
    ]
    return [{"selector": {"type": [BOX], "urn": [], "name": [], "component": []}, "revisions": filled}]


def loaded(*rows: Mapping[str, Any]) -> Revisions:
    return load_revisions(declared(*rows), [callback(n) for n in range(2 * len(rows))])[0]


def short(moves: tuple[Move, ...] | list[Move]) -> list[str]:
    return [f"{move.when} {move.direction} {move.revision}{' blocked' if move.problem else ''}" for move in moves]


def test_revisions_are_declared_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[undo.Registered] = []
    monkeypatch.setattr(undo, "registered", found)
    monkeypatch.setattr(revisions, "registered", found)
    monkeypatch.setattr(revisions, "components", [])
    box = rewind.component("my:db:*", name="main")

    @box.revision("1", when="before", timeout=7, retries=2)
    def one(ctx: rewind.RevisionContext) -> None: ...

    @one.down
    def no_one(ctx: rewind.RevisionContext) -> None: ...

    @box.revision("2", irreversible="rows are merged")
    def two(ctx: rewind.RevisionContext) -> None: ...

    assert [(item.kind, item.hook, item.timeout) for item in found] == [
        ("revision_up", "1", 7), ("revision_down", "1", 600), ("revision_up", "2", 600),
    ]  # fmt: skip
    (said,) = [item.declared() for item in revisions.components]
    assert said["selector"]["type"] == ("my:db:*",)
    assert [(item["when"], item["down_when"], item["down"]) for item in said["revisions"]] == [
        ("before", "after", 1), ("after", "before", -1),
    ]  # fmt: skip
    for wrong in (
        lambda: rewind.component(),
        lambda: box.revision(""),
        lambda: box.revision("a\nb"),
        lambda: box.revision("2"),
        lambda: box.revision("3", when="during"),  # type: ignore[arg-type]
        lambda: box.revision("3", timeout=0),
        lambda: box.revision("3", irreversible=True),  # type: ignore[arg-type]
        lambda: one.down(no_one),
        lambda: two.down(no_one),
    ):
        with pytest.raises(TypeError):
            wrong()

    known = loaded({"id": "a"}, {"id": "c", "after": "b"}, {"id": "b", "after": "a"})
    assert [item.id for item in known.revisions] == ["a", "b", "c"]
    for rows, message in (
        ([{"id": "a"}, {"id": "b", "after": "x"}], "b of type=my:db:Box comes after x, which does not exist"),
        ([{"id": "a"}, {"id": "b"}, {"id": "c", "after": "a"}], "b and c of type=my:db:Box both come after a"),
        ([{"id": "a", "after": "b"}, {"id": "b"}], "a, b of type=my:db:Box come after each other"),
    ):
        with pytest.raises(CallbackError, match=message):
            loaded(*rows)


def test_what_an_update_and_a_rollback_have_to_run() -> None:
    known = loaded(
        {"id": "1"},
        {"id": "2", "when": "before", "down_when": "after"},
        {"id": "3", "when": "before", "down_when": "after", "irreversible": "merged", "down": -1},
        {"id": "4", "down": -1},
    )
    # One that waits for the resources keeps what follows it waiting.
    assert short(moves_up(known, ["1"], "u", "u")) == ["before up 2", "before up 3", "after up 4"]
    late = moves_up(known, [], "u", "u")
    assert short(late) == ["after up 1", "after up 2", "after up 3", "after up 4"]
    assert late[1].note == "runs after the resources, because 1 has to run first"
    assert short(moves_up(known, ["1"], "u", "")) == ["after up 2", "after up 3", "after up 4"], "there is nothing yet"
    assert moves_up(known, ["1", "2", "3", "4"], "u", "u") == ()

    assert short(moves_back(known, ["1", "2"], ["1"], "u", "u")) == ["after down 2"]
    assert short(moves_back(known, ["1", "2"], [], "u", "u")) == ["after down 2", "after down 1"]
    blocked = moves_back(known, ["1", "2", "3", "4", "5"], ["1"], "u", "u")
    assert [move.problem for move in blocked] == [
        "the down of 5 is needed, but the hooks file has no such revision", "4 has no down",
        "3 can't be taken back: merged", "",
    ]  # fmt: skip
    assert [move.problem for move in moves_back(None, ["1"], [], "u", "u")] == [blocked[0].problem.replace("5", "1")]
    risks = [_announced(move, {"": Code(Path("file"), "", "0" * 64)}) for move in blocked]
    assert [risk.blocking for risk in risks] == [True, True, True, False]
    assert risks[2].message.startswith("3 can't be taken back: merged; fix the hooks file")
    assert risks[3].message == "will run the down of 2, f3 (file, sha256 000000000000), after its resources"
    loses = loaded({"id": "1", "loses_data": True})
    (lost,) = moves_back(loses, ["1"], [], "u", "u")
    assert _announced(lost, {"": Code(Path("file"), "", "0" * 64)}).loses_data
    (lost,) = moves_back(loses, ["1"], [], "", "u")
    assert not _announced(lost, {"": Code(Path("file"), "", "0" * 64)}).loses_data, "the component's resources say it"
    # What goes takes its revisions along; what is made again, or was later, has them again.
    gone = moves_back(known, ["1", "3"], (), "", "u")
    assert [(move.when, move.callback is not None, move.problem) for move in gone] == [
        ("before", False, ""), ("before", True, ""),
    ]  # fmt: skip
    assert short(moves_back(known, ["9"], ["1", "2"], "u", "")) == ["after up 1", "after up 2"]
    assert short(moves_back(known, ["1"], ["1", "2", "8"], "u", "u")) == ["before up 2", "after up 8 blocked"]


def box(name: str, **more: Any) -> Any:
    return res(name, BOX, custom=False, **more)


def test_components_are_followed_through_a_rollback_and_through_renames() -> None:
    known = (loaded({"id": "1"}, {"id": "2"}),)
    target = checkpoint(box("both"), res("in", parent=urn("both", BOX)), box("back"))
    live = checkpoint(box("both"), res("in", parent=urn("both", BOX)), box("new"))
    have = {urn("both", BOX): ("1", "2"), urn("new", BOX): ("1",)}
    want = {urn("both", BOX): ("1",), urn("back", BOX): ("1", "2")}

    def told(made: Goal) -> list[tuple[str, str, str]]:
        moves, risks = rollback_moves(
            live, target, made.run_urn, known, have, want, pairs=made.pairs, registered=made.registrations
        )
        return [(move.name, move.direction, move.revision) for move in moves] + [
            (risk.urn, risk.code, risk.message.partition(":")[2]) for risk in risks
        ]

    everything = [("new", "down", "1"), ("both", "down", "2"), ("back", "up", "1"), ("back", "up", "2")]
    assert told(goal(target, live)) == everything
    assert told(Goal("p", "dev", (), (), (), (), (), {})) == everything
    assert told(build_goal(target, live, project="p", stack="dev", only=["both"])) == [("both", "down", "2")]
    assert told(build_goal(target, live, project="p", stack="dev", only=["!in", "!new"])) == [
        ("back", "up", "1"), ("back", "up", "2"),
        (urn("both", BOX), "revision", " not everything in it is rolled back"),
    ]  # fmt: skip

    renamed = checkpoint(box("other"), res("in", parent=urn("other", BOX), id="in-1", created="2026"))
    before = checkpoint(box("both"), res("in", parent=urn("both", BOX), id="in-1", created="2026"), box("new"))
    assert carried(have, before, renamed) == {urn("other", BOX): ("1", "2")}
    assert carried(have, None, renamed) == {}
    assert carried(have, renamed, before) == have


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    made.git("init", "-q")
    made.git("commit", "-q", "--allow-empty", "-m", "first")
    return made


def opened(stack: FileStack) -> Session:
    return open_session(stack.work, stack.name, environ={**stack.env, "GIT_CONFIG_GLOBAL": "/dev/null"})


def component(stack: FileStack, name: str) -> dict[str, Any]:
    return {"urn": stack.urn(name, BOX), "custom": False, "type": BOX, "parent": stack.stack_urn}


def up(id: str) -> Move:
    return Move("u", "u", id, "up", "after")


def down(id: str) -> Move:
    return Move("u", "u", id, "down", "before")


def test_what_is_applied_is_known_of_every_update(stack: FileStack) -> None:
    urn = stack.urn("a", BOX)
    stack.set_live(stack.checkpoint([]))
    assert Ledger(opened(stack)).now() == ({}, "")
    stack.update(component(stack, "a"))
    session = opened(stack)
    ledger = Ledger(session)
    first = ledger.begin(urn, up("1"))
    assert ledger.begin(urn, up("1")) == first == ledger.begun(urn, up("1")), "the same key until it has run"
    assert ledger.now() == ({}, "")
    ledger.done(urn, up("1"))
    assert ledger.begun(urn, up("1")) is None
    assert ledger.now() == ({urn: ("1",)}, "")
    assert ledger.at(1) == {}, "not before the run has ended"
    assert list(after_run(session, 0)) == []
    assert ledger.at(1) == {urn: ("1",)}
    assert (ledger.path.stat().st_mode & 0o777, ledger.path.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    stack.update(component(stack, "a"), stack.resource("more", {}))  # by plain `pulumi up`, which runs no revisions
    stack.update(component(stack, "a"))
    session = opened(stack)
    ledger = Ledger(session)
    ledger.done(urn, up("2"))
    assert list(after_run(session, 2)) == []
    assert [ledger.at(number) for number in (1, 2, 3)] == [{urn: ("1",)}, {urn: ("1",)}, {urn: ("1", "2")}]
    record_update(session, 2)
    assert kept_with(session, session.timeline.update(2)) == b"", "nobody knows it of that one itself"

    # On another machine the records say the same, until something runs there.
    ledger.path.unlink()
    assert [ledger.at(number) for number in (1, 2, 3)] == [{urn: ("1",)}, {urn: ("1",)}, {urn: ("1", "2")}]
    ledger.done(urn, down("2"))
    assert ledger.now() == ({urn: ("1",)}, "")
    assert ledger.at(3) == {urn: ("1", "2")}

    # A component that was gone in between has had nothing, whatever its name.
    stack.update()
    stack.update(component(stack, "a"))
    session = opened(stack)
    assert Ledger(session).now() == ({}, "")
    assert Ledger(session).at(3) == {urn: ("1", "2")}
    Ledger(session).mark(urn, ("1", "2", "3"))
    assert Ledger(session).now() == ({urn: ("1", "2", "3")}, "")
    assert Ledger(session).at(5) == {urn: ("1", "2", "3")}
    said = "another process is running revisions of shop/dev"
    with ledger.held(), pytest.raises(RewindError, match=said), Ledger(session).held():
        pass


def test_what_is_not_known_is_said(stack: FileStack) -> None:
    (stack.work / "rewind.toml").write_text("records = false\n")
    urn = stack.urn("a", BOX)
    for _ in range(3):
        stack.update(component(stack, "a"))
    session = opened(stack)
    Ledger(session).mark(urn, ("1",))
    # An older history was pruned: the update is found by what it is, not by its number.
    stack.record_file(1).unlink()
    stack.checkpoint_file(1).unlink()
    assert Ledger(opened(stack)).now() == ({urn: ("1",)}, "")
    assert Ledger(opened(stack)).at(2) == {urn: ("1",)}
    file = Ledger(session).read()
    assert file is not None
    lost = msgspec.structs.replace(file, now=msgspec.structs.replace(file.now, key="another"), kept={})
    Ledger(session).path.write_bytes(msgspec.json.encode(lost))
    session = opened(stack)
    assert Ledger(session).now() == ({}, "it was saved after update #3, which is no longer in the history")
    with pytest.raises(RewindError, match="the applied revisions are unknown: it was saved after"):
        Ledger(session).done(urn, up("2"))
    Ledger(session).mark(stack.urn("b", BOX), ("9",))
    assert Ledger(opened(stack)).now()[0] == {urn: ("1",)}, "what isn't there has none; what wasn't said stays"
    Ledger(session).path.write_text("{")
    with pytest.raises(RewindError, match="can't be read from"):
        Ledger(session).now()
    (said,) = after_run(session, 1)
    assert "the applied revisions were not saved" in said.message
    assert kept_with(session, session.timeline.update(2)) == b""
    assert LedgerFile("x") == msgspec.json.decode(msgspec.json.encode(LedgerFile("x")), type=LedgerFile)


HOOKS = f"""
import pulumi_rewind as rewind

box = rewind.component("{BOX}")

@box.revision("0001_first")
def one(ctx): ...

@one.down
def no_one(ctx): ...

@box.revision("0002_second", when="before", irreversible="rows are merged")
def two(ctx): ...
"""


WORKING = """
import pathlib
import pulumi_rewind as rewind

box = rewind.component("my:db:Box")

@box.revision("1", retries=1)
async def one(ctx):
    with open("told", "a") as file:
        inside = {name: res.inputs for name, res in ctx.resources.items()}
        file.write(f"{ctx.stack} {ctx.component.name} {inside} {ctx.again} {ctx.idempotency_key}\\n")
    if not ctx.again:
        raise OSError("the first try")
"""


def test_an_up_is_tried_again_stopped_and_never_other_code_than_was_reviewed(stack: FileStack) -> None:
    inside = stack.resource("in", {"size": 1}, parent=stack.urn("a", BOX))
    stack.update(component(stack, "a"), inside)
    hooks = stack.work / "rewind_hooks.py"
    hooks.write_text(WORKING)
    session, urn = opened(stack), stack.urn("a", BOX)
    live = session.timeline.live()
    planned, risks = update_revisions(session, live, ())
    assert planned is not None
    assert [risk.blocking for risk in risks] == [False]

    stopped = UpdateRevisions(session, planned)
    stopped.interrupt()
    with pytest.raises(InterruptedRun, match="stopped while revisions were run"):
        list(stopped.phase("after", live, lambda: live))
    assert Ledger(session).now() == ({}, "")
    hooks.write_text(WORKING + "# changed")
    with pytest.raises(RefusedError, match="the hooks file has changed since the review"):
        UpdateRevisions(session, planned).check()
    hooks.write_text(WORKING)
    UpdateRevisions(session, planned).check()
    (code,) = planned.codes.values()
    kept = replace(planned, codes={code.sha256: replace(code, origin="record", number=1)})
    with pytest.raises(IncompleteError, match=r"rewind_hooks.py as recorded with #1.*is not trusted yet"):
        list(RollbackRevisions(session, kept)._phase("after", live, lambda: live, "so far"))

    runs = UpdateRevisions(session, planned)
    ended = [event.outcome for event in runs.phase("after", live, lambda: live) if isinstance(event, HookEnded)]
    assert ended == ["failed", "done"]
    assert [(one.function, one.outcome, one.message) for one in runs.outcomes] == [("one", "done", "1")]
    told = [line.rsplit(" ", 2) for line in (stack.work / "told").read_text().splitlines()]
    assert [line[:2] for line in told] == [
        ["shop/dev a {'in': {'size': 1}}", "False"], ["shop/dev a {'in': {'size': 1}}", "True"],
    ]  # fmt: skip
    assert told[0][2] == told[1][2]
    assert Ledger(session).now() == ({urn: ("1",)}, "")
    (event,) = [event for event in runs.phase("after", live, lambda: live) if isinstance(event, Diagnostic)]
    assert event.message == "another run has already run a: 1"
    assert update_revisions(session, live, ()) == (None, ())


def test_one_that_an_interrupted_run_has_begun_hears_so_and_keeps_its_key(stack: FileStack) -> None:
    inside = stack.resource("in", {"size": 1}, parent=stack.urn("a", BOX))
    stack.update(component(stack, "a"), inside)
    (stack.work / "rewind_hooks.py").write_text(WORKING)
    session = opened(stack)
    live = session.timeline.live()
    planned, _ = update_revisions(session, live, ())
    assert planned is not None
    begun = Ledger(session).begin(stack.urn("a", BOX), planned.moves[0])
    list(UpdateRevisions(session, planned).phase("after", live, lambda: live))
    told = [line.rsplit(" ", 2)[1:] for line in (stack.work / "told").read_text().splitlines()]
    assert told == [["True", begun.key]]


def test_the_command_lists_and_marks(stack: FileStack) -> None:
    stack.update(component(stack, "a"))
    assert "no component has revisions" in stack.run("revision").out
    (stack.work / "rewind_hooks.py").write_text(HOOKS)
    lines = stack.run("revision").out.splitlines()
    assert lines[0].startswith("rewind_hooks.py, sha256 ")
    assert lines[1:] == [
        f"a  {BOX}",
        "  · 0001_first  missing  one (line 6), after; down no_one, before",
        "  · 0002_second  missing  two (line 12), before; irreversible: rows are merged",
    ]
    marked = stack.run("revision", "--mark", "a=0002_second")
    assert (marked.code, marked.out) == (0, "a: 0001_first, 0002_second marked as applied\n")
    stack.update(component(stack, "a"), stack.resource("more", {}))
    listed = stack.run("revision", "--mark", "a=none", "--json").json()
    assert [one["applied"] for one in listed["components"][0]["revisions"]] == [False, False]
    (item,) = stack.run("revision", "1", "--json").json()["components"]
    assert [(one["revision"], one["direction"], one["when"]) for one in item["rollback"]] == [
        ("0001_first", "up", "after"), ("0002_second", "up", "after"),
    ]  # fmt: skip
    revision_list.mark(opened(stack), f"{stack.urn('a', BOX)}=0002_second")
    stack.update()
    stack.update(component(stack, "a"))
    revision_list.mark(opened(stack), "a=0001_first")
    (stack.work / "rewind_hooks.py").write_text(HOOKS.split("@one.down", maxsplit=1)[0])
    told = stack.run("revision", "2")
    assert "to #2: up of 0002_second  ✗ blocks: the target has 0002_second, but the hooks file" in told.out
    for word, message in (
        ("a", "--mark 'a' is not COMPONENT=REVISION"),
        ("b=1", "'b' is no component with revisions"),
        ("a=7", "a has no revision '7'"),
    ):
        with pytest.raises(UsageError, match=message):
            revision_list.mark(opened(stack), word)
    assert "--mark applies to the live stack" in stack.run("revision", "--mark", "a=none", "1").err
    (stack.work / "rewind_hooks.py").write_text(HOOKS + '\n@box.revision("3", after="nope")\ndef three(ctx): ...\n')
    broken = stack.run("revision")
    assert broken.code == 1
    assert f"the revision 3 of type={BOX} comes after nope, which does not exist" in broken.err
    assert "Traceback" not in broken.err
