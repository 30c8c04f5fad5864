"""``pulumi-rewind diff``: what differs between live and an update, or between two updates."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import click

from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.errors import DIFFERS, EngineError, RewindError, SecretsError, TargetError, UsageError
from pulumi_rewind_tui.terminal.notices import damage_notice
from pulumi_rewind_tui.terminal.options import (
    LIVE,
    Shared,
    exit_code_option,
    passphrase_option,
    rewind_command,
    to_json,
)
from pulumi_rewind_tui.terminal.waiting import waiting
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import PAGE, Line, Span
from pulumi_rewind_tui.text.diff import diff_lines, heading, new_id_lines, stat_rows
from pulumi_rewind_tui.text.failure import cause_lines, read_cause

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Checkpoint

NOTHING = "nothing"
"""What was there before the oldest update."""


@rewind_command("[STACK] [FROM] [TO]")
@click.option("--did", is_flag=True, help="What TARGET did: the update before it → TARGET.")
@click.option("--stat", is_flag=True, help="Print one line for each resource.")
@click.option("--secrets", is_flag=True, help="Show secrets in plaintext.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@exit_code_option("there are differences")
@passphrase_option
def diff(
    shared: Shared, words: tuple[str, ...], did: bool, stat: bool, secrets: bool, as_json: bool, exit_code: bool
) -> int:
    """Show what differs between two states, each a target or `live`.

    Without targets: live → last-good, that is, what a rollback would change. With one target: live → target. With
    two: FROM → TO. `diff N` shows what a rollback to update N would change, `diff N live` what has changed since
    update N, `diff N --did` what update N did. If the first word is the name of a stack, it is the STACK; use --stack
    if a tag has the same name. `-` is in FROM, `+` is in TO. For --exit-code, new ids alone are not a difference; a
    secret that can't be compared is one.
    """
    from pulumi_rewind.diff.checkpoints import diff_checkpoints, diff_to_json
    from pulumi_rewind.state.stateful_types import is_stateful

    session, source, goal = _arguments(shared, words, did=did)
    screen = shared.screen()
    url = shown_url(session.backend.url)
    with waiting(screen, f"reading the history from {url}"):
        _ = session.timeline
    if LIVE in (source, goal):
        damage_notice(session, screen)
    from_label, one = _side(session, source, screen)
    to_label, other = _side(session, goal, screen)
    with waiting(screen, f"reading two states from {url}"):
        states = _states(session, dict.fromkeys((one, other)))
    old, new = decrypted(session, screen, states[one], states[other])
    found = diff_checkpoints(old, new)
    code = DIFFERS if exit_code and not found.same_content else 0
    if as_json:
        screen.out.raw(to_json(diff_to_json(found, from_label, to_label, secrets=secrets)))
        return code

    def stateful(type_: str) -> bool:
        return is_stateful(type_, session.settings.stateful_types)

    with shared.paged(screen) as page:
        page.out.line(*heading(from_label, to_label, found))
        if did:
            page.out.lines(_why(session, goal))
        if stat:
            page.out.table(list(stat_rows(found)))
            page.out.lines(new_id_lines(found, stateful))
        else:
            page.out.lines(diff_lines(found, secrets=secrets, stateful=stateful))
    return code


def _arguments(shared: Shared, given: tuple[str, ...], *, did: bool) -> tuple[Session, str, str]:
    if len(given) > 3:
        raise UsageError(f"too many arguments: {' '.join(given[3:])}", hint="At most STACK, FROM and TO are expected.")
    stack, targets = None, given
    if len(given) == 3 or (given and not shared.stack and _is_stack(shared, given[0])):
        stack, targets = given[0], given[1:]
    session = shared.session(stack)
    if did:
        return session, *_before(session, targets)
    match targets:
        case (source, goal):
            return session, source, goal
        case (goal,) if goal != LIVE:
            return session, LIVE, goal
        case () | (_,):
            return session, LIVE, "last-good"
    raise UsageError(f"too many arguments: {' '.join(targets[2:])}", hint="At most FROM and TO are expected.")


def _before(session: Session, targets: tuple[str, ...]) -> tuple[str, str]:
    """The update before the one target that is named, and that target."""
    from pulumi_rewind.history.targets import resolve_target

    if len(targets) != 1 or targets[0] == LIVE:
        raise UsageError("--did needs one update", hint="For example `pulumi-rewind diff 4 --did`.")
    number = resolve_target(session.timeline, targets[0]).update.number
    return (f"#{number - 1}" if number > 1 else NOTHING), targets[0]


def _why(session: Session, goal: str) -> Iterator[Line]:
    """Why an update failed, if it did."""
    from pulumi_rewind.history.targets import resolve_target

    update = resolve_target(session.timeline, goal).update
    cause = read_cause(session, update) if update.result == "failed" else None
    if cause is not None:
        yield [Span(f"✗ #{update.number} failed", "failed")]
        yield from cause_lines(cause, PAGE, failed=True)


def _is_stack(shared: Shared, word: str) -> bool:
    """Whether a word names a stack of this project; a word that can't be one costs no look at the backend."""
    if word == LIVE or word.startswith(("-", "#", "@")) or word.isdigit():
        return False
    from pulumi_rewind.backends import open_backend
    from pulumi_rewind.project.workspace import find_workspace

    workspace = find_workspace(shared.cwd, backend=shared.backend)
    try:
        open_backend(workspace.backend_url, workspace.environ).find(word, workspace.project)
    except RewindError:
        return False
    return True


def _states(session: Session, sides: Collection[int | None]) -> dict[int | None, Checkpoint]:
    """The states of updates, of live (None) and of nothing (0), read at the same time where the backend is far away."""
    from pulumi_rewind.state.model import Checkpoint, Deployment

    timeline = session.timeline
    found: dict[int | None, Checkpoint] = {0: Checkpoint(b"", Deployment())}
    for number in timeline.ahead([side for side in sides if side]):
        if None in sides:
            timeline.live()
        found[number] = timeline.checkpoint(number)
    if None in sides:
        found[None] = timeline.live()
    return found


def _side(session: Session, text: str, screen: Screen) -> tuple[str, int | None]:
    """What a side is called, and its update's number; None for live, 0 for nothing."""
    from pulumi_rewind.history.targets import resolve_target

    timeline = session.timeline
    if text == NOTHING:
        return NOTHING, 0
    if text == LIVE:
        number = timeline.live_update() if len(timeline) else None
        return (LIVE if number is None else f"{LIVE} (#{number})"), None
    try:
        target = resolve_target(timeline, text)
    except TargetError as err:
        if text == "last-good" and not err.candidates:
            err.advice = err.advice or "Name two states: `pulumi-rewind diff FROM TO`."
        raise
    for warning in target.warnings:
        screen.err.line(f"note: {warning}")
    return target.label, target.update.number


def decrypted(session: Session, screen: Screen, old: Checkpoint, new: Checkpoint) -> tuple[Checkpoint, Checkpoint]:
    """Both sides with secrets opened if that is possible; else as they are, and why, said once."""
    if not (old.has_secrets or new.has_secrets):
        return old, new
    try:
        return session.vault.decrypt_differing(old, new, session.stack)
    except (SecretsError, EngineError) as err:
        said = session.redactor.said(err)
        reason = said.splitlines()[0] if said else "the secrets can't be decrypted"
        screen.err.line(f"note: secrets are not compared: {reason}")
        if err.hint:
            screen.err.line(f"hint: {err.hint}")
        return old, new
