"""Drives our own road of a rollback against an `EngineStack`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.guard.consent import agree
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.model import Plan, Step
from pulumi_rewind.rollback.planning import build_plan
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.rollback.run import RollbackRun
from pulumi_rewind.session import Session, open_session
from pulumi_rewind.trust.targets import UntrustedTarget
from tests.support.stack import EngineStack
from tests.support.terminal import Ran

ROOT = Path(__file__).resolve().parents[2]


def session(stack: EngineStack) -> Session:
    """A fresh session on the stack."""
    return open_session(stack.root, stack.name, environ=stack.environ)


def plan(stack: EngineStack, target: str, *, trusts: bool = False, **options: Any) -> Plan:
    """A plan to a target; `trusts` agrees to what it would newly use, which must then be something."""
    opened = session(stack)
    meant = resolve_target(opened.timeline, target)
    if trusts:
        with pytest.raises(UntrustedTarget) as raised:
            build_plan(opened, meant, **options)
        agree(opened, raised.value.findings)
    return build_plan(opened, meant, **options)


def run(stack: EngineStack, made: Plan, **options: Any) -> tuple[RollbackResult, list[EngineEvent]]:
    """Runs a plan to its end."""
    rollback = RollbackRun(session(stack), made, **options)
    events = list(rollback.events())
    assert rollback.result is not None
    return rollback.result, events


def roll_back(stack: EngineStack, target: str, **options: Any) -> RollbackResult:
    """Plans and runs; data loss is accepted, differences are returned."""
    return run(stack, plan(stack, target, **options), allow_data_loss=True)[0]


def steps(made: Plan) -> dict[str, Step]:
    """The steps of a plan by resource name."""
    return {step.name: step for step in made.steps}


def settled(stack: EngineStack) -> dict[str, Any]:
    """The state as far as a rollback answers for it: by URN, without ids, positions and times."""
    volatile = {"created", "modified", "sourcePosition", "stackTrace"}
    return {
        res["urn"]: {key: value for key, value in res.items() if key not in volatile}
        for res in stack.export()["deployment"]["resources"]
    }


def said(stack: EngineStack, *arguments: str) -> Ran:
    """What the installed command says and ends with, run in the project without a terminal."""
    paths = [stack.environ["PYTHONPATH"], str(ROOT / "core"), str(ROOT / "tui")]
    done = subprocess.run(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", *arguments, "-s", stack.name],
        cwd=stack.root,
        env={**stack.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "140"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
