"""What a rollback by the real engine leaves for its incident note, on another day and in the records."""

from __future__ import annotations

import shutil
import sys

import pytest

from pulumi_rewind.errors import IncompleteError
from pulumi_rewind.rollback.incident import read_incident
from pulumi_rewind.rollback.report import kept_report
from tests.support.rewind import roll_back, said, session
from tests.support.stack import EngineStack

SECRET = "hush-hunter2-hush"

PROGRAM = """
import pulumi, bridged_sdk as bridged

web = bridged.Server("web", {{"image": "{image}", "userData": pulumi.Output.secret({secret!r})}})
bridged.Server("api", {{"image": "{image}"}}, opts=pulumi.ResourceOptions(depends_on=[web]))
"""


HOOKS = """
import pulumi_rewind as rewind

@rewind.after_rollback
def tell(ctx):
    pass
"""


def deploy(stack: EngineStack, image: str, tag: str, *, fails: bool = False) -> str:
    stack.write_program(PROGRAM.format(image=image, secret=SECRET))
    stack.git_commit(f"image {image}", tag=tag)
    if fails:
        stack.trouble({"name": "api", "operation": "update", "action": "fail", "message": f"no {image}: {SECRET}"})
        ran = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "up", "--yes"])
        assert ran.returncode == 1, ran.stdout + ran.stderr
        stack.trouble()
    else:
        stack.up()
    return stack.git("rev-parse", "HEAD")


@pytest.mark.slow
def test_a_rollback_can_be_told_on_another_day(stack: EngineStack) -> None:
    stack.extra_environ["XDG_STATE_HOME"] = str(stack.directory / "state")
    deploy(stack, "nginx:1", "v1")
    bad = deploy(stack, "nginx:2", "v2", fails=True)
    assert "update `#2` failed\n" in said(stack, "report").out
    stack.trouble({"name": "web", "operation": "update", "action": "fail", "message": f"not now: {SECRET}"})
    with pytest.raises(IncompleteError):
        roll_back(stack, "v1")
    assert "Not rolled back: the rollback `#3` failed. `pulumi-rewind report dev 3`" in said(stack, "report", "2").out
    text = said(stack, "report").out
    assert "rollback failed on the way to `#1 (v1)`" in text
    assert "not now: [secret]" in text
    assert "`pulumi-rewind resume dev` continues it" in text
    stack.trouble()
    stack.write_file("rewind_hooks.py", HOOKS)
    result = roll_back(stack, "v1")
    assert [one.outcome for one in result.callbacks] == ["done"]  # it ended after the record was made

    opened = session(stack)
    report = kept_report(opened, result.version)
    assert report is not None
    assert report.result == result
    assert (report.target, report.outcome, report.strategy) == (1, "done", "checkpoint")
    assert report.fingerprint
    text = said(stack, "report").out
    for line in (
        "update `#2` failed, rolled back to `#1 (v1)`",
        "no nginx:2: [secret]",
        f"fingerprint `{report.fingerprint}`",
        "equals #1 (v1)",
        f"`{bad[:12]}`. `pulumi-rewind revert dev`",
        "pulumi-rewind rollback dev 2",
    ):
        assert line in text
    assert SECRET not in text

    # Without the state directory, as in a clone: from the record in git.
    ref = opened.records.ref(result.version) if opened.records is not None else ""
    assert SECRET not in stack.git("show", f"{ref}:evidence/rollback.json")
    shutil.rmtree(stack.directory / "state" / "pulumi-rewind" / "evidence")
    assert kept_report(session(stack), result.version) is not None
    stack.git("commit", "--allow-empty", "-qm", 'Revert "image nginx:2"')
    incident = read_incident(session(stack))
    assert (incident.number, incident.reverts.commits, len(incident.reverts.reverted)) == (result.version, (), 1)

    # A stack of the same name that was made anew, whose update has the number of the rollback.
    stack.git("update-ref", "-d", ref)
    assert kept_report(session(stack), result.version) is None

    # What only puts a state back becomes no update, and is the newest all the same.
    roll_back(stack, "2", strategy="state")
    text = said(stack, "report").out
    assert "rolled back to `#2 (v2)`" in text
    assert "strategy `state`" in text
    assert "pulumi stack import -s dev" in text
    assert "rolled back to `#1 (v1)`" in said(stack, "report", str(result.version)).out


REFUSING = """
import pulumi_rewind as rewind

@rewind.before_rollback
def look(ctx):
    raise RuntimeError("not today")
"""


def test_a_rollback_on_failure_that_changed_nothing_is_told(stack: EngineStack) -> None:
    stack.extra_environ["XDG_STATE_HOME"] = str(stack.directory / "state")
    stack.up(PROGRAM.format(image="nginx:1", secret=SECRET))
    stack.write_program(PROGRAM.format(image="nginx:2", secret=SECRET))
    stack.write_file("rewind_hooks.py", REFUSING)
    stack.trouble({"name": "api", "operation": "update", "action": "fail", "message": "no api"})
    ran = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "up", "--yes", "--rollback-on-failure"])
    assert "failed too" in ran.stderr, ran.stdout + ran.stderr
    text = said(stack, "report").out
    for line in (
        "# `shop/dev`: update `#2` failed, not rolled back to `#1`",
        "It changed nothing.",
        "not today",
        "`pulumi-rewind resume dev` continues it",
    ):
        assert line in text
    assert "half-way" not in text
    assert "## Undo" not in text
