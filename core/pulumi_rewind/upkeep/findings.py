"""What a check of the doctor found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    check: str
    """A stable word: project, settings, engine, language, providers, backend, credentials, latency, layout, stack,
    state, history, versions, rights, writers, git, records, passphrase, lock, pending, interrupted or replay."""
    status: Status
    """ok; warn: works, but know this; fail: a rollback is not possible like this."""
    message: str
    hint: str = ""
    """What to do about it, empty where all is well."""
