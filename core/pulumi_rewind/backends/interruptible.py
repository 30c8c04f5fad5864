"""Requests made by other threads, while the main one waits and hears a Ctrl-C; it would not in foreign code."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

GLANCE: Final = 0.2
"""Seconds after which a wait looks up: a Ctrl-C just before Python falls asleep on a lock does not wake it."""


class Answer(Generic[Result]):
    """What a call returns or raises, once some thread has made it. Lighter to import than a `Future`."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call
        self._there = threading.Event()
        self._error: BaseException | None = None
        self._result: Result

    def make(self) -> None:
        """Makes the call; raises nothing."""
        try:
            self._result = self._call()
        except BaseException as err:  # noqa: BLE001 - whoever waits for the result raises it
            self._error = err
        self._there.set()

    def wait(self) -> None:
        """Until the call was made; in the main thread a Ctrl-C ends the wait at once, and the call is left behind."""
        while not self._there.wait(GLANCE):
            pass

    def result(self) -> Result:
        """What the call returned; raises what it raised. Waits as `wait` does."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._result


def begin(call: Callable[[], Result]) -> Answer[Result]:
    """Starts a call in a thread of its own, which no process waits for when it ends."""
    answer = Answer(call)
    threading.Thread(target=answer.make, name="request", daemon=True).start()
    return answer


def aside(call: Callable[[], Result]) -> Result:
    """What a call returns or raises; waits as `Answer` does."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    return begin(call).result()


def at_once(call: Callable[[Item], Result], items: Sequence[Item], limit: int) -> Iterator[Result]:
    """What a call returns for each item, in their order, with at most `limit` calls at a time.

    The threads are daemons: a process does not wait for them when it ends, as it would for those of a pool.
    """
    answers = [Answer(lambda item=item: call(item)) for item in items]  # type: ignore[misc]
    waiting = deque(answers)

    def work() -> None:
        while True:
            try:
                answer = waiting.popleft()
            except IndexError:
                return
            answer.make()

    for _ in range(min(limit, len(answers))):
        threading.Thread(target=work, name="requests", daemon=True).start()
    try:
        for answer in answers:
            yield answer.result()
    finally:
        waiting.clear()  # nobody wants the rest
