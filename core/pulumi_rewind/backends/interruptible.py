"""Requests made by other threads, while the main one waits and hears a Ctrl-C; it would not in foreign code."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def aside(call: Callable[[], Result]) -> Result:
    """What a call returns or raises; in the main thread a Ctrl-C ends the wait at once, and the call is left behind."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    return next(at_once(lambda _: call(), (None,), 1))


def at_once(call: Callable[[Item], Result], items: Sequence[Item], limit: int) -> Iterator[Result]:
    """What a call returns for each item, in their order, with at most `limit` calls at a time.

    The threads are daemons: a process does not wait for them when it ends, as it would for those of a pool.
    """
    waiting: SimpleQueue[tuple[Future[Result], Item]] = SimpleQueue()
    results: list[Future[Result]] = []
    for item in items:
        results.append(Future())
        waiting.put((results[-1], item))

    def work() -> None:
        while True:
            try:
                result, item = waiting.get_nowait()
            except Empty:
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
        with contextlib.suppress(Empty):  # nobody wants the rest
            while True:
                waiting.get_nowait()
