"""A Ctrl-C ends a wait for a server, at whatever moment it comes."""

from __future__ import annotations

import linecache
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable

import pytest

from pulumi_rewind.backends.interruptible import Answer, aside, at_once, begin


def main_waits() -> bool:
    """Whether the main thread is asleep on a lock, for no thread to start."""
    frame = sys._current_frames()[threading.main_thread().ident or 0]
    asleep = "acquire(" in linecache.getline(frame.f_code.co_filename, frame.f_lineno)
    return asleep and "start" not in {found.f_code.co_name for found, _ in traceback.walk_stack(frame)}


class Hanging:
    """A call that a server never answers; meanwhile a Ctrl-C comes that wakes nobody."""

    def __init__(self) -> None:
        self.given_up = threading.Event()
        self.answered = False

    def __call__(self, _: int = 0) -> int:
        while not main_waits():
            time.sleep(0.001)
        # Another thread gets the signal. To the main one, asleep on a lock, it is as one that came a moment too early.
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        self.answered = not self.given_up.wait(20)
        return 1


@pytest.mark.parametrize(
    "wait",
    [lambda call: begin(call).result(), aside, lambda call: list(at_once(call, [1], 4))],
    ids=["begin", "aside", "at_once"],
)
def test_a_ctrl_c_that_comes_before_the_wait_has_begun_ends_it(wait: Callable[[Hanging], object]) -> None:
    hanging = Hanging()
    try:
        with pytest.raises(KeyboardInterrupt):
            wait(hanging)
        assert not hanging.answered
    finally:
        hanging.given_up.set()


def test_answers_come_in_their_order_and_errors_where_they_belong() -> None:
    def call(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number * number

    found = at_once(call, [1, 2, 3, 4], 2)
    assert [next(found), next(found)] == [1, 4]
    with pytest.raises(ValueError, match="three"):
        next(found)
    failed = begin(lambda: call(3))
    failed.wait()
    with pytest.raises(ValueError, match="three"):
        failed.result()


def test_what_returns_nothing_has_an_answer() -> None:
    answer = Answer(lambda: None)
    answer.make()
    answer.result()
