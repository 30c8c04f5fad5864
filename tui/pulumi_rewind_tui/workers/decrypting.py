"""Decrypting the secrets of single resources."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pulumi_rewind.errors import EngineError, SecretsError

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Checkpoint, Resource


def decrypter(session: Session) -> tuple[Callable[[Checkpoint, Resource], Resource], Callable[[], str]]:
    """Decrypts resources as long as that works; then leaves them as they are and knows why."""
    problem = ""

    def decrypt(checkpoint: Checkpoint, res: Resource) -> Resource:
        nonlocal problem
        if problem:
            return res
        try:
            return session.vault.decrypt_resource(checkpoint, session.stack, res)
        except (SecretsError, EngineError) as err:
            problem = session.redactor.said(err)
            return res

    return decrypt, lambda: problem
