"""Requests that are asked at once, in daemon threads: whoever waits for them can be interrupted, and we can end.

An object store's client can't be interrupted while it waits for a server, and Python waits for the threads of a
`ThreadPoolExecutor` before it ends. So no thread that anybody waits for asks a server itself.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from functools import partial
from itertools import islice
from queue import SimpleQueue
from typing import Any, Final, TypeVar

AT_ONCE: Final = 32
"""Requests in flight."""

A = TypeVar("A")
T = TypeVar("T")

_jobs: Final[SimpleQueue[tuple[Future[Any], Callable[[], Any]]]] = SimpleQueue()
_free = threading.Semaphore(0)
_lock = threading.Lock()
_threads = 0
_running: Final[set[Future[Any]]] = set()


def ask(call: Callable[[], T]) -> Future[T]:
    """Asks one thing as soon as fewer than `AT_ONCE` others are asked; not for what itself waits for such answers."""
    global _threads
    future: Future[T] = Future()
    _jobs.put((future, call))
    with _lock:
        if not _free.acquire(blocking=False) and _threads < AT_ONCE:
            _threads += 1
            threading.Thread(target=_work, name=f"request-{_threads}", daemon=True).start()
    return future


def ask_each(call: Callable[[A], T], values: Iterable[A]) -> Iterator[T]:
    """The answers in order, `AT_ONCE` asked ahead; whoever stops early leaves the rest unasked."""
    left = iter(values)
    asked = deque(ask(partial(call, value)) for value in islice(left, AT_ONCE))
    try:
        while asked:
            yield asked.popleft().result()
            asked.extend(ask(partial(call, value)) for value in islice(left, 1))
    finally:
        for future in asked:
            future.cancel()


def aside(call: Callable[[], T]) -> Future[T]:
    """Begins something longer, which may wait for answers itself."""
    future: Future[T] = Future()
    threading.Thread(target=_run, args=(future, call), name="aside", daemon=True).start()
    return future


def unanswered() -> bool:
    """Whether a server still owes an answer: its thread can't be ended in an orderly way."""
    return bool(_running)


def _work() -> None:
    while True:
        future, call = _jobs.get()
        _run(future, call)
        del future, call  # an answer may be large
        _free.release()


def _run(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    _running.add(future)
    try:
        answer = call()
    except BaseException as err:  # noqa: BLE001 - whoever waits gets it
        future.set_exception(err)
    else:
        future.set_result(answer)
    finally:
        _running.discard(future)
