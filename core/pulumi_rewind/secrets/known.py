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
        self._asking = threading.RLock()  # a source may itself have something to say
        """Held while a source that is far away is asked, which takes as long as a backend takes."""
        self._lock = threading.RLock()
        """Held for a moment."""
        self._opened: dict[bytes, None] = {}
        self._done: set[bytes] = set()
        self._found: list[str] = []
        self._sources: list[Source] = []
        self._far: list[Source] = []
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

    def expect(self, source: Source, *, far: bool = False) -> None:
        """Names a source, which is asked once, when the next text comes; what it can't open is left out.

        One that is `far` reads from a backend or a service.
        """
        with self._lock:
            (self._far if far else self._sources).append(source)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if not text:
            return text
        with self._asking:
            _ask(self._far, self.note_texts)
        return self.at_once(text)

    def at_once(self, text: str) -> str:
        """The text without the secrets that are known by now: nobody far away is asked, or waited for.

        For what the screens show again: engine and backend have been masked in full before they came there.
        """
        if not text:
            return text
        with self._lock:
            return self._current()(text)

    def error(self, error: BaseException, *, wait: bool = True) -> None:
        """Takes secrets out of everything that an error says, of any kind, and of those that it came from.

        What is said of secrets that can't be opened is ours, and quotes none. Without `wait` as `at_once`.
        """
        mask = self if wait else self.at_once
        seen: set[int] = set()
        one: BaseException | None = error
        while one is not None and id(one) not in seen:
            seen.add(id(one))
            if not isinstance(one, SecretsError):
                _clean(one, mask)
            one = one.__cause__ or one.__context__

    def said(self, error: BaseException) -> str:
        """What an error says, without secrets."""
        self.error(error)
        return str(error)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _current(self) -> Redactor:
        from pulumi_rewind.secrets.redaction import Redactor  # with all its patterns: history needs none of it

        if self._redactor is None:
            self._redactor = Redactor()
        _ask(self._sources, self.note_texts)
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


def _ask(sources: list[Source], note: Callable[[Iterable[str]], None]) -> None:
    while sources:
        with contextlib.suppress(RewindError, OSError):
            for text in sources.pop()():
                note((text,))


def _clean(error: BaseException, mask: Callable[[str], str]) -> None:
    error.args = tuple(mask(one) if isinstance(one, str) else one for one in error.args)
    if isinstance(error, RewindError):
        error.advice = mask(error.advice)
        error.stuck = tuple(map(mask, error.stuck))
    if isinstance(error, EngineError):
        error.output, error.whole = mask(error.output), mask(error.whole)
    if isinstance(error, TargetError):
        error.candidates = tuple(map(mask, error.candidates))


def _texts(plaintext: bytes) -> Iterator[str]:
    from pulumi_rewind.secrets.redaction import parts, strings

    try:
        yield from strings(reveal(msgspec.json.decode(plaintext)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        yield from parts(plaintext.decode(errors="replace"))
