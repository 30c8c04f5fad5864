"""``pulumi-rewind doctor``: what a rollback needs, and what is missing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import click

from pulumi_rewind.errors import RewindError, UsageError
from pulumi_rewind_tui.terminal.options import Shared, passphrase_option, rewind_command, stack_of, to_json
from pulumi_rewind_tui.terminal.planning import working
from pulumi_rewind_tui.text.doctor import check_json, check_lines, finding_json, finding_lines

if TYPE_CHECKING:
    from pulumi_rewind.upkeep.findings import Finding
    from pulumi_rewind.upkeep.selfcheck import SelfCheck


@rewind_command("[STACK]")
@click.option(
    "--replay",
    is_flag=True,
    help="Also preview a replay of the newest state: which resources would not come out the same?",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@passphrase_option
def doctor(shared: Shared, words: tuple[str, ...], replay: bool, as_json: bool) -> int:
    """Check what a rollback needs: engine, backend, stack, history, git, passphrase, locks.

    Says how to fix each problem. With --replay, also lists every resource that a rollback could not restore
    exactly, with the reason. Changes nothing. Exit code 0 if no check fails, else 1.
    """
    from pulumi_rewind.project.places import project_root
    from pulumi_rewind.project.settings import load_settings
    from pulumi_rewind.upkeep.doctor import diagnose
    from pulumi_rewind.upkeep.findings import Finding

    stack = stack_of(words)
    named = shared.named(stack)
    with contextlib.suppress(RewindError, OSError):  # what is wrong with the settings is found below
        shared.ascii = shared.ascii or load_settings(project_root(shared.cwd, os.environ), os.environ).ascii
    out = shared.screen().out
    findings: list[Finding] = []

    def found(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            out.lines(finding_lines(finding))
            out.flush()

    for finding in diagnose(shared.cwd, named, shared.backend, os.environ, shared.passphrases()):
        found(finding)
    for finding in _screens(shared):
        found(finding)
    checked: SelfCheck | None = None
    if replay:
        try:
            checked = _replay(shared, stack)
        except RewindError as err:
            if shared.known is not None:
                shared.known.error(err)
            found(Finding("replay", "fail", f"the newest state can't be replayed: {err}", err.hint))
        else:
            count = len(checked.lossy)
            found(
                Finding("replay", "ok", f"all {checked.resources} resources would come out the same")
                if checked.exact
                else Finding(
                    "replay",
                    "warn",
                    f"{count} of {checked.resources} resources would not come out the same",
                    "A rollback to any update has these differences; its plan shows them as well.",
                )
            )
            if not as_json:
                out.lines(check_lines(checked))
    failed = any(finding.status == "fail" for finding in findings)
    if as_json:
        shown = {"ok": not failed, "findings": [finding_json(finding) for finding in findings]}
        out.raw(to_json(shown | ({"replay": check_json(checked)} if replay else {})))
    return 1 if failed else 0


def _screens(shared: Shared) -> Iterator[Finding]:
    """Checks the theme and the keys in the settings."""
    from pulumi_rewind.project.places import project_root
    from pulumi_rewind.project.settings import load_settings, where_set
    from pulumi_rewind.upkeep.findings import Finding

    root = project_root(shared.cwd, os.environ)
    try:
        settings = load_settings(root, os.environ)
    except UsageError:
        return  # reported already
    if not settings.theme and not settings.keys:
        return
    from pulumi_rewind_tui.app import RewindApp
    from pulumi_rewind_tui.screens.actions import actions, clashes
    from pulumi_rewind_tui.workers.appearance import appearance

    try:
        appearance(shared.cwd, os.environ, None, False)
        found = actions(RewindApp, settings.keys, partial(where_set, root, os.environ))
    except UsageError as err:
        yield Finding("settings", "warn", f"the screens can't be opened: {err}", err.hint)
        return
    for problem in clashes(found):
        yield Finding("settings", "warn", problem, "`pulumi-rewind keys` lists all keys.")


def _replay(shared: Shared, stack: str | None) -> SelfCheck:
    from pulumi_rewind.upkeep.selfcheck import self_check

    session = shared.session(stack)
    with working(shared.screen(), f"previewing a replay of {session.stack}") as observe:
        return self_check(session, observe)
