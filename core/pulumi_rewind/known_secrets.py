"""All secrets that are at hand for masking: of states, of the stack's configuration, and passphrases."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from pulumi_rewind.advice import advise
from pulumi_rewind.crashes import keep, kept_in
from pulumi_rewind.engine import UNEXPLAINED
from pulumi_rewind.errors import EngineError, RewindError
from pulumi_rewind.goal import Goal
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.redaction import Redactor, without_secrets
from pulumi_rewind.session import Session
from pulumi_rewind.stackconfig import ciphertexts, config_document


def redactor(session: Session, *checkpoints: Checkpoint, passphrases: bool = False) -> Redactor:
    """Takes the secrets of some decrypted checkpoints and of the configuration out of what others say.

    With `passphrases` those of the environment as well: for callbacks, which have them. Providers don't, and many a
    passphrase is a word that messages are full of.
    """
    environ = session.workspace.environ if passphrases else {}
    names = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN", *session.settings.passphrase_env)
    more = [environ[name] for name in names if environ.get(name)]
    return Redactor(checkpoints, [*more, *_configured(session, checkpoints)])


class LazyRedactor:
    """The same, put together when the first text comes: most runs quote nothing."""

    def __init__(self, session: Session, *checkpoints: Checkpoint) -> None:
        self._session, self._checkpoints = session, checkpoints
        self._redact: Redactor | None = None

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        if not text:
            return text
        if self._redact is None:
            self._redact = redactor(self._session, *self._checkpoints)
        return self._redact(text)


@contextlib.contextmanager
def explained(session: Session, goal: Goal, commit: str, *checkpoints: Checkpoint) -> Iterator[None]:
    """Around a preview of a goal: its errors say what helps, and quote no secret; `commit` is the target's."""
    try:
        yield
    except RewindError as err:
        if isinstance(err, EngineError) and err.hint.startswith(UNEXPLAINED):
            err.hint = err.hint.replace(UNEXPLAINED, advise(err, goal, commit) or UNEXPLAINED)
        raise to_be_told(err, session, redactor(session, *checkpoints)) from None


def to_be_told(error: RewindError, session: Session, redact: Callable[[str], str]) -> RewindError:
    """The error without secrets; all that a provider printed when it crashed is kept, without them as well."""
    error = without_secrets(error, redact)
    if isinstance(error, EngineError) and error.whole and (path := keep(error.whole, session.workspace.environ)):
        error.hint = f"{error.hint} {kept_in(path)}".strip()
        error.whole = ""
    return error


def _configured(session: Session, checkpoints: tuple[Checkpoint, ...]) -> Iterator[str]:
    """The secrets of the stack's configuration file; none where they can't be opened here."""
    with contextlib.suppress(RewindError, UnicodeDecodeError):
        sealed = list(ciphertexts(config_document(session.workspace.config_file(session.stack.name))))
        key = session.vault.key(checkpoints[0]) if sealed and checkpoints else None
        if key is not None:
            yield from [key.open(ciphertext).decode() for ciphertext in sealed]
