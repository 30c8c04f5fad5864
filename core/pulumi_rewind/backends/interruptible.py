"""Requests made by other threads, while the main one waits and hears a Ctrl-C; it would not in foreign code."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

Item = TypeVar("Item")
Result = TypeVar("Result")


def begin(call: Callable[[], Result]) -> Future[Result]:
    """Starts a call in a thread of its own, which no process waits for when it ends."""
    from concurrent.futures import Future  # which takes a while, and directories need none

    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as err:  # noqa: BLE001 - whoever waits for the result raises it
            future.set_exception(err)

    threading.Thread(target=run, name="request", daemon=True).start()
    return future


def aside(call: Callable[[], Result]) -> Result:
    """What a call returns or raises; in the main thread a Ctrl-C ends the wait at once, and the call is left behind."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    return begin(call).result()


def at_once(call: Callable[[Item], Result], items: Sequence[Item], limit: int) -> Iterator[Result]:
    """What a call returns for each item, in their order, with at most `limit` calls at a time.

    The threads are daemons: a process does not wait for them when it ends, as it would for those of a pool.
    """
    from concurrent.futures import Future

    results: list[Future[Result]] = [Future() for _ in items]
    waiting = deque(zip(results, items, strict=True))

    def work() -> None:
        while True:
            try:
                result, item = waiting.popleft()
            except IndexError:
                return
            try:
                result.set_result(call(item))
            except BaseException as err:  # noqa: BLE001 - whoever waits for the result raises it
                result.set_exception(err)

    for _ in range(min(limit, len(results))):
        threading.Thread(target=work, name="requests", daemon=True).start()
    try:
        for result in results:
            yield result.result()
    finally:
        waiting.clear()  # nobody wants the rest
