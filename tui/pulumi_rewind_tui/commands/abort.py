"""``pulumi-rewind abort``: takes back an update that waits, before its time."""

from __future__ import annotations

from pulumi_rewind_tui.terminal.confirmation import Confirmation, the_waiting
from pulumi_rewind_tui.terminal.consent import ask_for_confirmation, check_can_ask
from pulumi_rewind_tui.terminal.options import Shared, Terms, rewind_command, run_options, stack_of
from pulumi_rewind_tui.terminal.running import json_outcome


@rewind_command("[STACK]")
@run_options
def abort(shared: Shared, words: tuple[str, ...], terms: Terms) -> int:
    """Take back the update that waits for a confirmation, without waiting any longer.

    Exit codes: 5 taken back, 6 that failed (`resume` continues), 3 nothing waits or the stack has changed since.
    """
    import msgspec

    from pulumi_rewind.confirming.trusting import trusted

    with json_outcome(shared, as_json=terms.as_json):
        check_can_ask(terms)
        session = shared.session(stack_of(words))
        screen = shared.screen()
        deadline = the_waiting(session)
        if not terms.yes:
            ask_for_confirmation(session, screen, (), f"Take #{deadline.update} back to {deadline.label}")
        deadline = trusted(session, deadline)
        lose = deadline.allow_data_loss or terms.allow_data_loss
        deadline = msgspec.structs.replace(deadline, allow_data_loss=lose)
        return Confirmation(session, screen, as_json=terms.as_json).take_back(deadline, "aborted")
