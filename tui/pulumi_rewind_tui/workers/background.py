"""Work in threads: every error there becomes a message and never ends the application."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from textual.message import Message
from textual.worker import Worker, get_current_worker

if TYPE_CHECKING:
    from textual.app import App
    from textual.dom import DOMNode

Post: TypeAlias = Callable[[Message], object]
"""Posts a message; safe to call from any thread."""

CancelCheck: TypeAlias = Callable[[], bool]
"""Whether the work was cancelled."""


def clean(app: App[Any], error: BaseException) -> None:
    """Takes the secrets of the open session out of an error, before anybody shows or keeps it."""
    session = getattr(app, "session", None)
    if session is not None:
        session.redactor.error(error)


def in_thread(
    node: DOMNode,
    group: str,
    work: Callable[[CancelCheck], None],
    failed: Callable[[Exception], Message],
) -> Worker[None]:
    """Runs `workers` in a thread, in place of what `group` did before; `failed` makes the message of an error."""

    def run() -> None:
        worker = get_current_worker()
        try:
            work(lambda: worker.is_cancelled)
        except Exception as err:  # noqa: BLE001 - an error of any kind is shown, with its text on demand
            if not worker.is_cancelled:
                clean(node.app, err)
                node.post_message(failed(err))

    return node.run_worker(run, thread=True, exclusive=True, group=group, exit_on_error=False)
