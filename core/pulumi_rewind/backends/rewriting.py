"""A note that is read, changed and written back, while others may do the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from pulumi_rewind.errors import NoteMoved

TRIES: Final = 5
"""How often a note is written where others write it as well."""

Result = TypeVar("Result")


def rewrite(attempt: Callable[[], Result]) -> Result:
    """What an attempt to read and write a note returns; it is made again where somebody else wrote in between.

    Raises:
        NoteMoved: others write all the time.
    """
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except NoteMoved:
            pass
    return attempt()
