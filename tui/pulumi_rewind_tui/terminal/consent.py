"""Asks the operator for a yes before anything is done; refuses where nobody can give it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from pulumi_rewind.errors import RefusedError, UsageError
from pulumi_rewind.risk import BlockedError, DataLossError
from pulumi_rewind_tui.terminal.output import lost_output
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Line, Span

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan, Step
    from pulumi_rewind.session import Session
    from pulumi_rewind.trust.targets import UntrustedTarget
    from pulumi_rewind_tui.terminal.options import Terms


def check_can_ask(terms: Terms, *, instead: str = "pulumi-rewind plan") -> None:
    """Refuses early if a confirmation is needed and nobody can give it.

    Raises:
        UsageError: a confirmation is required, and there is no terminal for it.
    """
    if terms.yes:
        return
    if terms.as_json:
        raise UsageError("--json does not ask, so it requires --yes", hint=f"Review with `{instead}` first.")
    if not can_ask():
        raise UsageError("there is no terminal for a confirmation", hint=f"Review with `{instead}`, then add --yes.")


def can_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm_plan(session: Session, plan: Plan, screen: Screen, terms: Terms) -> bool:
    """Asks for every confirmation that a plan requires; returns whether data may be lost.

    Raises:
        RefusedError: something blocks the plan, data would be lost without --allow-data-loss, or the operator declined.
    """
    yes, allow_data_loss = terms.yes, terms.allow_data_loss
    if plan.blocking:
        raise BlockedError("the plan can't be run", plan.blocking)
    if not yes:
        question = f"Roll back {plan.stack} to {plan.target.label}"
        if plan.prepared.choices.drop_held:
            question = f"Delete what is held of {plan.stack}"
        ask_for_confirmation(session, screen, plan.steps, question)
    if plan.loses_data and not allow_data_loss:
        if not can_ask() or yes:
            from pulumi_rewind_tui.text.selection import keepable

            raise DataLossError(plan.losers, keepable=keepable(plan))
        _typed(screen, [Span("⚠ data is lost", "hazard"), f" in: {', '.join(plan.losers)}."], "lose data")
        return True
    return allow_data_loss


def ask_for_confirmation(session: Session, screen: Screen, steps: Sequence[Step], question: str) -> None:
    """Asks for the confirmation, with the number of destructive steps.

    Raises:
        RefusedError: the operator declined.
    """
    if lost := lost_output():
        raise RefusedError(
            f"the confirmation can't be shown: standard output is not writable ({lost.strerror})",
            hint="Redirect it to a writable file, or use --yes.",
            unchanged=True,
        )
    destructive = sum(step.op in {"delete", "replace"} for step in steps)
    if session.production:
        line = [Span(f"{session.stack} is a production stack.", "hazard")]
        _typed(screen, line, session.stack.name)
        return
    count = f" ({destructive} destructive)" if destructive else ""
    if not click.confirm(screen.err.clean(f"{question}{count}?"), default=False, err=True):
        raise RefusedError("not confirmed; nothing was changed")


def consent_for(session: Session, screen: Screen, terms: Terms) -> Callable[[UntrustedTarget], None]:
    """A function that decides whether to trust what a target would newly use: by --trust-target, else by asking.

    If nobody trusts it, that function raises: the error that it was given, or RefusedError.
    """

    def consent(error: UntrustedTarget) -> None:
        from pulumi_rewind.guard.consent import agree

        trust = terms.trust_target
        if not trust and (terms.yes or terms.as_json or not can_ask()):
            raise error
        first, *rest = session.redactor.said(error).splitlines()
        screen.err.line(Span("⚠ trusted" if trust else "⚠ not trusted yet", "hazard"), f": {first}")
        for line in rest:
            screen.err.line("  ", line)
        if not trust:
            _typed(screen, ["Nothing was started."], "trust")
        agree(session, error.findings)

    return consent


def _typed(screen: Screen, line: Line, expected: str) -> None:
    screen.err.line(*line, f" Type {expected!r} to continue.")
    answer = click.prompt("", prompt_suffix="> ", default="", show_default=False, err=True)
    if answer.strip() != expected:
        raise RefusedError("not confirmed; nothing was changed")
