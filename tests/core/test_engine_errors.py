"""What a run of the engine says of steps that it didn't come to, by the words that the CLI has for it."""

from __future__ import annotations

import json
from pathlib import Path

from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.errors import EngineError
from pulumi_rewind.project.workspace import find_workspace
from tests.support.pretended import event_logger

URN = "urn:pulumi:dev::shop::t:m:R::"


def unseen(name: str) -> dict[str, str]:
    message = f"expected resource operations for {URN}{name} but none were seen"
    return {"message": message, "severity": "error", "urn": URN + name}


def said(tmp_path: Path, *diagnostics: dict[str, str]) -> tuple[list[tuple[str, str]], EngineError]:
    """What is passed on, as severity and message, and the error that comes of it."""
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    path = event_logger(tmp_path / "bin", [json.dumps({"diagnosticEvent": one}) for one in diagnostics])
    engine = Engine(path, "3.276.0", find_workspace(tmp_path, environ={"PULUMI_BACKEND_URL": tmp_path.as_uri()}))
    run = engine.start(["up"], private=tmp_path)
    events = [(event.severity, event.message) for event in run.events() if isinstance(event, Diagnostic)]
    error = run.error("it failed")
    assert isinstance(error, EngineError)
    return events, error


def test_what_was_not_reached_follows_the_cause_in_one_line(tmp_path: Path) -> None:
    cause = {"message": "no such zone", "severity": "error", "urn": URN + "db"}
    events, error = said(tmp_path, unseen("a"), cause, unseen("db"), *(unseen(f"s{i}") for i in range(8)))
    assert events == [("error", "no such zone"), ("info", "9 steps of the plan not reached: a, s0, s1, s2, s3, s4 …")]
    assert str(error) == "it failed: no such zone"
    assert error.urns == {URN + "db"}


def test_where_nothing_failed_the_plan_was_not_kept_to(tmp_path: Path) -> None:
    events, error = said(tmp_path, unseen("a"), unseen("a"), unseen("b"))
    assert events == [("error", "the run did not reach 2 steps of the reviewed plan: a, b")]
    assert str(error).startswith("it failed: the run did not reach 2 steps of the reviewed plan")
    assert "Plan again" in error.hint
