"""What messages of the engine and its providers mean: only this and `engine.cli.failure` look into their text. Pure."""

from __future__ import annotations

import re
from typing import Final

_NO_MODULE: Final = re.compile(
    r"No module named '([^']+)'|Can't get attribute '([^']+)'|cannot import name '([^']+)'|Cannot find module '([^']+)'"
)
_TAKEN: Final = re.compile(
    r"already[ _-]?(exist|own|taken|used|in[ _-]use|been|assigned|registered|reserved|present|has)|\bexists already\b"
    r"|\b(is|was) (taken|in use|not unique|reserved)\b|name.{0,40}\btaken|duplicate|must be unique|not available"
    r"|name conflict|conflicts with|InUseException|NameInUse|\b409\b",
    re.IGNORECASE,
)
"""How providers say that a name is taken; asked only where something was to be made."""

_IMMUTABLE: Final = re.compile(r"\bis immutable\b|\bforbidden: updates to\b", re.IGNORECASE)
"""How an API server of Kubernetes 1.36 refuses a change in place."""

_MISSING: Final = re.compile(
    r"not[ _-]?found|\b(does|do)(n't| not|esnt) exist|\bno longer exists?\b|\bno such\b|NoSuch[A-Z]|NotExist|\b404\b",
    re.IGNORECASE,
)
"""How providers say that something isn't there; asked only where something of the state was to be changed."""

_NO_PLUGIN: Final = re.compile(r"(?i:no|find|install) (?:resource )?plugin '?pulumi-resource-([A-Za-z0-9_-]+)")
_UNREACHED: Final = re.compile(r"expected resource operations for \S.* but none were seen")
_GONE: Final = ("error reading from server", "transport is closing", "connection reset", "broken pipe", "unavailable")


def says_taken(message: str) -> bool:
    """Whether a provider says that what it was to make exists already."""
    return _TAKEN.search(message) is not None


def says_immutable(message: str) -> bool:
    """Whether a provider says that something can't be changed in place."""
    return _IMMUTABLE.search(message) is not None


def says_missing(message: str) -> bool:
    """Whether a provider says that something isn't there: what it was to change or delete, or what that needs."""
    return _MISSING.search(message) is not None


def missing_module(text: str) -> str:
    """The module or name that code of a dynamic provider imports and that isn't there; empty if it is about none."""
    found = _NO_MODULE.search(text)
    return next(group for group in found.groups() if group) if found is not None else ""


def missing_plugin(text: str) -> str:
    """The package whose provider plugin the engine didn't find; empty if it is about none."""
    found = _NO_PLUGIN.search(text)
    return found.group(1) if found is not None else ""


def says_cut_off(message: str) -> bool:
    """Whether a provider that was asked for something has ended; one that refuses the connection was never asked."""
    message = message.lower()
    return "connection refused" not in message and any(words in message for words in _GONE)


def says_unreached(message: str) -> bool:
    """Whether it is about a step of a plan that a run didn't come to, most often because another step failed."""
    return _UNREACHED.search(message) is not None


def says_unsaved(message: str) -> bool:
    """Whether the backend could not be written: then what was finished may not have been saved."""
    return "failed to save snapshot" in message


def says_failed(message: str) -> bool:
    """Whether the engine gives up an update.

    It ends the program then, whose last words (a traceback of being ended) tell nobody anything.
    """
    return message.strip() == "update failed"


def speaks_of_protection(output: str) -> bool:
    """Whether an older engine failed at something protected."""
    return "protect" in output.lower()


def speaks_of_decryption(output: str) -> bool:
    """Whether the CLI could not open secrets."""
    return "decrypt" in output
