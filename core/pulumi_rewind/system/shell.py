"""Commands as they are printed: what is copied from a message into a shell does what the message says. Pure."""

from __future__ import annotations

import shlex


def command(*words: str) -> str:
    """A command of this program, every word quoted for a shell."""
    return quoted("pulumi-rewind", *words)


def quoted(*words: str) -> str:
    """Words of a command line."""
    return shlex.join(words)


def in_quotes(word: str) -> str:
    """One word, in quotes also where a shell needs none: for URNs and paths within a sentence."""
    safe = shlex.quote(word)
    return f"'{word}'" if safe == word else safe
