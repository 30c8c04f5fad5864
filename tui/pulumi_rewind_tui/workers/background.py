"""Work in threads: every error there becomes a message and never ends the application."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from weakref import WeakSet

from textual.message import Message
from textual.worker import Worker, get_current_worker

if TYPE_CHECKING:
    from textual.app import App
    from textual.dom import DOMNode

Post: TypeAlias = Callable[[Message], object]
"""Posts a message; safe to call from any thread."""

CancelCheck: TypeAlias = Callable[[], bool]
"""Whether the work was cancelled."""


def clean(app: App[Any], error: BaseException, *, wait: bool = True) -> None:
    """Takes the secrets of the open session out of an error, before anybody shows or keeps it.

    The UI's thread does not `wait` for those that only the backend knows.
    """
    session = getattr(app, "session", None)
    if session is not None:
        session.redactor.error(error, wait=wait)


THREADS: Final = 32
"""At most; asyncio's own limit goes by the processors, but here most threads wait for a backend."""

_roomy: Final[WeakSet[asyncio.AbstractEventLoop]] = WeakSet()


def _make_room() -> None:
    """Lets threads that wait for a backend that is away leave others to run."""
    loop = asyncio.get_running_loop()
    if loop not in _roomy:
        _roomy.add(loop)
        loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="worker"))


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

    _make_room()
    return node.run_worker(run, thread=True, exclusive=True, group=group, exit_on_error=False)
