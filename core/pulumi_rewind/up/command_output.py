"""What a command of the operator's prints: passed on as it comes, and its end kept for the verdict."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import Final

LINES: Final = 10
CHARACTERS: Final = 1000
"""How much of the end is kept with a verdict."""

MASKED: Final = 1 << 16
"""Bytes of the end that are searched for secrets: far more than is kept, so that none is cut where it begins."""

SETTLE: Final = 1.0
"""Seconds that are waited for the rest when the command has ended: what it left running may hold the pipe open."""

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
"""Colours, cursor movements and titles of a terminal (ECMA-48)."""


class CommandOutput:
    """The output of one process."""

    def __init__(self, to: int | None) -> None:
        """`to` is the file that it is passed on to; None: nowhere."""
        self._to = to
        self._end = b""
        self._reader: threading.Thread | None = None

    @contextlib.contextmanager
    def passed_on(self) -> Iterator[int]:
        """A descriptor for the process to write to; ours is closed again when the process has been started."""
        source, sink = os.pipe()
        self._reader = threading.Thread(target=self._read, args=(source,), daemon=True)
        self._reader.start()
        try:
            yield sink
        finally:
            os.close(sink)

    def finish(self) -> None:
        """Waits until all is passed on that the process printed; called when it has ended."""
        if self._reader is not None:
            self._reader.join(SETTLE)

    def end(self, redact: Callable[[str], str]) -> str:
        """The last lines, without secrets and escape sequences."""
        text = redact(_ESCAPES.sub("", self._end.decode(errors="replace")))
        return "\n".join(text.rstrip().splitlines()[-LINES:])[-CHARACTERS:]

    def _read(self, source: int) -> None:
        with os.fdopen(source, "rb", buffering=0) as pipe:
            while chunk := pipe.read(MASKED):
                self._end = (self._end + chunk)[-MASKED:]
                self._pass_on(chunk)

    def _pass_on(self, chunk: bytes) -> None:
        if self._to is None:
            return
        with contextlib.suppress(OSError):  # nobody reads it any more; the command goes on all the same
            while chunk:
                chunk = chunk[os.write(self._to, chunk) :]
