"""All secrets that are at hand for masking: of states, of the stack's configuration, and the passphrases themselves."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pulumi_rewind.errors import RewindError
from pulumi_rewind.model import Checkpoint
from pulumi_rewind.redaction import Redactor
from pulumi_rewind.session import Session
from pulumi_rewind.stackconfig import ciphertexts, config_document


def redactor(session: Session, *checkpoints: Checkpoint) -> Redactor:
    """Takes the secrets of some decrypted checkpoints, and all others that are known, out of what others say."""
    environ = session.workspace.environ
    names = ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_ACCESS_TOKEN", *session.settings.passphrase_env)
    more = [environ[name] for name in names if environ.get(name)]
    return Redactor(checkpoints, [*more, *_configured(session, checkpoints)])


def _configured(session: Session, checkpoints: tuple[Checkpoint, ...]) -> Iterator[str]:
    """The secrets of the stack's configuration file; none where they can't be opened here."""
    with contextlib.suppress(RewindError, UnicodeDecodeError):
        sealed = list(ciphertexts(config_document(session.workspace.config_file(session.stack.name))))
        key = session.vault.key(checkpoints[0]) if sealed and checkpoints else None
        if key is not None:
            yield from [key.open(ciphertext).decode() for ciphertext in sealed]
