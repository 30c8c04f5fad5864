"""Takes secrets out of text that others wrote: provider messages and engine errors may quote what they were sent."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pulumi_rewind.events import Diagnostic, EngineEvent
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.values import MASK, SECRET, Json, is_secret, reveal, walk

SHORTEST = 4
"""Shorter secrets are left alone: replacing them would garble the text and give them away."""


LONG = 1000
"""Longer ones are looked for one by one: a pattern of megabytes would take minutes to compile."""


class Redactor:
    """Replaces the secrets of some decrypted checkpoints, and `more` of them, by ``[secret]``."""

    def __init__(self, checkpoints: Iterable[Checkpoint] = (), more: Iterable[str] = ()) -> None:
        found = {text for checkpoint in checkpoints for text in _secrets(checkpoint)} | set(more)
        # The longest first: one secret may be part of another.
        parts = sorted((text for text in found if len(text) >= SHORTEST), key=len, reverse=True)
        self._long = [text for text in parts if len(text) > LONG]
        parts = parts[len(self._long) :]
        self._pattern = re.compile("|".join(re.escape(text) for text in parts)) if parts else None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._long:
            text = text.replace(secret, MASK)
        return self._pattern.sub(MASK, text) if self._pattern is not None else text


def masked(event: EngineEvent, redact: Redactor) -> EngineEvent:
    """The event without secrets in what others wrote."""
    if isinstance(event, Diagnostic):
        return Diagnostic(redact(event.message), event.severity, event.urn, event.ephemeral)
    return event


def _secrets(checkpoint: Checkpoint) -> Iterator[str]:
    marker = SECRET.encode()
    for res in checkpoint.resources:
        for raw, decoded in ((res.inputs, res.decoded_inputs), (res.outputs, res.decoded_outputs)):
            if marker in bytes(raw):
                for value in walk(decoded()):
                    if is_secret(value):
                        yield from _strings(reveal(value))


def _strings(value: Json) -> Iterator[str]:
    for inner in walk(value):
        if isinstance(inner, str) and inner != MASK:
            yield inner
            yield from (line for line in inner.splitlines() if line != inner)
