"""The command line around strategies: two plans side by side, and the commits between updates."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pulumi_rewind.choices import USUAL
from pulumi_rewind.diff.checkpoints import Diff
from pulumi_rewind.history.targets import Target
from pulumi_rewind.plan.arrangement import NOTHING
from pulumi_rewind.plan.contrast import contrast
from pulumi_rewind.plan.model import Plan, Recommendation, Step
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.text.contrast import contrast_json, contrast_lines
from pulumi_rewind_tui.text.plan import plan_lines
from tests.support.filestack import FileStack


def made(strategy: str, risks: tuple[Risk, ...] = (), **ops: str) -> Plan:
    steps = tuple(
        Step(f"urn:pulumi:dev::shop::t:i:T::{name}", name, "t:i:T", op, "restored") for name, op in ops.items()
    )
    target = Target(Update(number=3, kind="update", result="succeeded"), "3", "update #3")
    best = Recommendation("program", "it knows better")
    prepared: Any = SimpleNamespace(choices=USUAL, notes=(), holding=NOTHING)
    return Plan(
        "shop/dev", target, strategy, "f" * 16, steps, risks, {}, Diff(()), 0.0, (), prepared, recommendation=best
    )


def text(lines: Any) -> str:
    return "\n".join("".join(part if isinstance(part, str) else part.text for part in line) for line in lines)


def test_two_plans_side_by_side() -> None:
    shared = Risk("not-refreshed", "not compared")
    first = made("checkpoint", (shared,), web="update", old="create", both="delete")
    second = made(
        "program", (shared, Risk("program-differs", "makes more")), web="replace", both="delete", new="create"
    )
    assert [(one.name, one.first, one.second) for one in contrast(first, second)] == [
        ("web", "update", "replace"), ("old", "create", ""), ("new", "", "create"),
    ]  # fmt: skip
    shown = text(contrast_lines(first, second))
    assert "program beside checkpoint   3 steps differ" in shown
    assert "web  ~ update → ± replace" in shown
    assert "old  + create → nothing" in shown
    assert "new  nothing → + create" in shown
    assert "program: makes more  (program-differs)" in shown
    assert "not compared" not in shown
    assert "the same steps" in text(contrast_lines(first, first))
    assert "recommended: program   it knows better" in text(plan_lines(first))
    document = json.loads(json.dumps(contrast_json(first, second)))
    assert (document["recommended"], document["reason"]) == ("program", "it knows better")
    assert document["checkpoint"]["recommended"] == "program"
    assert document["differ"][1] == {
        "urn": "urn:pulumi:dev::shop::t:i:T::old", "checkpoint": "create", "program": None,
    }  # fmt: skip


def test_history_shows_the_commits_between_updates_on_demand(tmp_path: Path) -> None:
    stack = FileStack(tmp_path)
    stack.git("init", "--quiet")
    shas = []
    for title in ("first", "second", "third"):
        stack.git("commit", "--quiet", "--allow-empty", "--message", title)
        shas.append(stack.git("rev-parse", "HEAD"))
    for sha in (shas[0], shas[2], shas[1]):
        stack.update(environment={"git.head": sha})
    stack.update(environment={"git.head": "0123456789" * 4})
    assert "third" not in stack.run("history").out
    lines = [" ".join(line.split()) for line in stack.run("history", "--commits").out.splitlines()]
    assert [line for line in lines if not line.startswith("#")] == [
        "commit 0123456 is not in this repository",
        f"- {shas[2][:7]} third Ada",
        f"+ {shas[2][:7]} third Ada",
        f"+ {shas[1][:7]} second Ada",
    ]
    _, back, forth, first = stack.run("history", "--commits", "--json").json()
    assert (back["commitsSince"], back["commits"], [one["title"] for one in back["commitsGone"]]) == (2, [], ["third"])
    assert [one["commit"] for one in forth["commits"]] == [shas[2], shas[1]]
    assert (first["commitsSince"], first["commits"]) == (None, [])
    assert "commits" not in stack.run("history", "--json").json()[0]
