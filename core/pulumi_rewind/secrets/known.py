"""The secrets that a session knows, and the one object that masks them in texts.

The vault notes all that it decrypts. Other sources of secrets are only registered, and read when the first text comes,
because most runs quote none. Every output asks this object: engine, callbacks, errors, files, the screens.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from pulumi_rewind.errors import EngineError, RewindError, SecretsError, TargetError
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import is_secret, reveal, walk

if TYPE_CHECKING:
    from pulumi_rewind.secrets.redaction import Redactor

Source: TypeAlias = Callable[[], Iterable[str]]
"""Gives secrets, each a text as it was set."""


class KnownSecrets:
    """Takes every secret that is known by then out of a text; from any thread."""

    def __init__(self, public: Iterable[str] = ()) -> None:
        """`public` are texts that are no secret wherever they stand: the names of stack and project."""
        self._public = frozenset(public)
        self._lock = threading.RLock()  # a source may itself have something to say
        self._opened: dict[bytes, None] = {}
        self._done: set[bytes] = set()
        self._found: list[str] = []
        self._sources: list[Source] = []
        self._redactor: Redactor | None = None

    def note(self, plaintext: bytes) -> None:
        """Remembers what was decrypted: of a property a JSON document, of configuration the text itself."""
        if plaintext not in self._done:
            self._opened[plaintext] = None

    def note_texts(self, texts: Iterable[str]) -> None:
        """Remembers secrets that come from elsewhere than from the vault."""
        with self._lock:
            self._found += texts

    def note_checkpoint(self, decrypted: Checkpoint) -> None:
        """Remembers the secrets of a checkpoint that was decrypted elsewhere, or stored in plaintext."""
        from pulumi_rewind.secrets.redaction import secrets_of

        with self._lock:
            self._found += secrets_of(decrypted)

    def note_within(self, value: object) -> None:
        """Remembers the decrypted secrets anywhere in a value."""
        from pulumi_rewind.secrets.redaction import strings

        with self._lock:
            self._found += [text for inner in walk(value) if is_secret(inner) for text in strings(reveal(inner))]

    def expect(self, source: Source) -> None:
        """Names a source, which is asked once, when the next text comes; what it can't open is left out."""
        with self._lock:
            self._sources.append(source)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if not text:
            return text
        with self._lock:
            return self._current()(text)

    def error(self, error: BaseException) -> None:
        """Takes secrets out of everything that an error says, of any kind, and of those that it came from.

        What is said of secrets that can't be opened is ours, and quotes none.
        """
        seen: set[int] = set()
        one: BaseException | None = error
        while one is not None and id(one) not in seen:
            seen.add(id(one))
            if not isinstance(one, SecretsError):
                self._clean(one)
            one = one.__cause__ or one.__context__

    def said(self, error: BaseException) -> str:
        """What an error says, without secrets."""
        self.error(error)
        return str(error)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _clean(self, error: BaseException) -> None:
        error.args = tuple(self(one) if isinstance(one, str) else one for one in error.args)
        if isinstance(error, RewindError):
            error.advice = self(error.advice)
            error.stuck = tuple(map(self, error.stuck))
        if isinstance(error, EngineError):
            error.output, error.whole = self(error.output), self(error.whole)
        if isinstance(error, TargetError):
            error.candidates = tuple(map(self, error.candidates))

    def _current(self) -> Redactor:
        from pulumi_rewind.secrets.redaction import Redactor  # with all its patterns: history needs none of it

        if self._redactor is None:
            self._redactor = Redactor()
        while self._sources:
            with contextlib.suppress(RewindError, OSError):
                self.note_texts(self._sources.pop()())
        new = [part for part in self._drained() if part not in self._public]
        if new:
            self._redactor.add(new)
        return self._redactor

    def _drained(self) -> Iterator[str]:
        """What came since the last time."""
        from pulumi_rewind.secrets.redaction import parts

        found, self._found = self._found, []
        for text in found:
            yield from parts(text)
        while self._opened:
            plaintext, _ = self._opened.popitem()
            self._done.add(plaintext)
            yield from _texts(plaintext)


def _texts(plaintext: bytes) -> Iterator[str]:
    from pulumi_rewind.secrets.redaction import parts, strings

    try:
        yield from strings(reveal(msgspec.json.decode(plaintext)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield from parts(plaintext.decode(errors="replace"))
