"""``pulumi-rewind resume``: continues a rollback that was interrupted."""

from __future__ import annotations

import click

from pulumi_rewind.doubts import doubt
from pulumi_rewind.errors import RefusedError
from pulumi_rewind_tui.notices import journal_entry
from pulumi_rewind_tui.options import RewindCommand, Shared, common_options, stack_of, to_json, words
from pulumi_rewind_tui.planning import Choices
from pulumi_rewind_tui.render.words import local_time
from pulumi_rewind_tui.render.writer import Span
from pulumi_rewind_tui.roads import go_back, run_options
from pulumi_rewind_tui.running import check_can_ask, json_outcome


@click.command(cls=RewindCommand)
@words("[STACK]")
@run_options
@common_options
@click.pass_obj
def resume(shared: Shared, words: tuple[str, ...], yes: bool, allow_data_loss: bool, as_json: bool) -> int:
    """Continue a rollback of the stack that was interrupted: plan from where it stands, then go on."""
    session = shared.session(stack_of(words))
    screen = shared.screen()
    with json_outcome(screen, as_json=as_json):
        entry = journal_entry(session)
        if entry is None:
            if as_json:
                newest = len(session.timeline)
                screen.out.raw(
                    to_json({"result": "nothing-to-do", "version": newest, "changes": {}, "differences": []})
                )
            else:
                screen.out.line(f"no rollback of {session.stack} was interrupted")
            return 0
        if entry.running:
            raise RefusedError(
                f"the rollback to {entry.label} is still running (pid {entry.pid})",
                hint="Wait for it, or stop it there with Ctrl-C; nothing was changed.",
            )
        check_can_ask(yes=yes, as_json=as_json)
        started = local_time(int(entry.started))
        screen.err.line(f"resuming the rollback to {entry.label} that began {started}, after #{entry.start}")
        if entry.doubtful:
            screen.err.line(Span("⚠ in doubt", "hazard"), f": {doubt(entry.doubtful)}")
        if session.timeline.checkpoint(entry.target).digest != entry.digest:
            raise RefusedError(
                f"the checkpoint of {entry.label} is not the one that the rollback began with",
                hint="Choose a target afresh with `pulumi-rewind rollback`; nothing was changed.",
            )
        return go_back(
            session,
            screen,
            str(entry.target),
            Choices(
                only=entry.only,
                refresh=entry.refresh,
                recorded_credentials=entry.recorded_credentials,
                todays_config=entry.todays_config,
            ),
            yes=yes,
            allow_data_loss=allow_data_loss,
            as_json=as_json,
        )
