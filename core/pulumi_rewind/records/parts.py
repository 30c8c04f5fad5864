"""What a record's files are called, and what tells its update, its backend and its contents from all others. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from pulumi_rewind.state.model import Update

NOT_HERE: Final = "not made here"
"""What is said of a record that is not trusted, see `records.provenance`."""
UPDATE: Final = "update.json"
CHECKPOINT: Final = "checkpoint.json"
HISTORY: Final = "history.json"
PROGRAM: Final = "program.json"
PATCH: Final = "uncommitted.patch"
UNTRACKED: Final = "untracked/"
ASSETS: Final = "assets/"
HOOKS: Final = "hooks/"
EVIDENCE: Final = "evidence/"
REVISIONS: Final = "revisions.json"
SIGNATURE: Final = f"{UPDATE}.sig"
"""Of the bytes of `UPDATE`, beside them; see `records.signatures`."""


def update_key(update: Update) -> str:
    """What tells an update from all others of its stack whatever number a backend gives it."""
    parts = [update.kind, update.result, update.start_time, update.end_time, update.message]
    parts += [sorted(update.environment.items()), sorted(update.changes.items())]
    return digest_of(msgspec.json.encode(parts))[:32]


def backend_digest(url: str) -> str:
    """Tells backends apart without saying where they are."""
    return digest_of(url.rstrip("/").encode())[:32]


def digest_of(content: bytes) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()
