"""Where a record comes from. Whoever can push to the repository can write any ref, so that the name proves nothing.

A record is used if this machine wrote it, if an allowed signer did, or if the operator agreed to this very commit.
The backend is the authority all the same: see `records.history` for what a trusted record may add to it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Self

from pulumi_rewind.errors import RecordError
from pulumi_rewind.project.settings import UserSettings, load_user_settings
from pulumi_rewind.records.ledger import Ledger
from pulumi_rewind.records.parts import NOT_HERE
from pulumi_rewind.records.signatures import Signatures
from pulumi_rewind.system.state_directory import StateDirectory


@dataclass(frozen=True)
class Origin:
    """Who vouches for one record."""

    kind: Literal["ours", "signed", "agreed", "foreign"]
    signer: str = ""
    """Of a signed one."""
    problem: str = ""
    """Of a foreign one that has a signature: why that doesn't count."""

    @property
    def trusted(self) -> bool:
        """Whether the record may be used."""
        return self.kind != "foreign"

    @property
    def text(self) -> str:
        """In words: ``made here``, ``signed by ci@example.com``."""
        if self.kind == "ours":
            return "made here"
        if self.kind == "signed":
            return f"signed by {self.signer}"
        return f"{NOT_HERE}, but trusted" if self.kind == "agreed" else NOT_HERE


class Provenance:
    """Tells where the records of one stack come from.

    Its two lists are for one project and stack, not for one backend: a backend that moved is the same to them, and
    whether a record fits the backend at hand is another question.
    """

    def __init__(self, made: Ledger | None = None, agreed: Ledger | None = None, signatures: Signatures | None = None):
        self.made = made or Ledger()
        """What this machine wrote."""
        self.agreed = agreed or Ledger()
        """What the operator agreed to."""
        self.signatures = signatures or Signatures(UserSettings(), {})
        self._checked: dict[str, Origin] = {}

    @classmethod
    def of(cls, environ: Mapping[str, str], project: str, stack: str) -> Self:
        """That of a stack; raises UsageError where the user's settings can't be read."""
        key = hashlib.sha256(f"{project}\n{stack}".encode()).hexdigest()[:24]
        state = StateDirectory(environ)
        return cls(
            Ledger(state.records / f"{key}.made", state),
            Ledger(state.records / f"{key}.agreed", state),
            Signatures(load_user_settings(environ), environ),
        )

    def known(self) -> frozenset[str]:
        """The commits that need no signature; raises RecordError where a list is damaged."""
        return self.made.ids() | self.agreed.ids()

    def origin(self, commit: str, signed: Callable[[], tuple[bytes, bytes | None]]) -> Origin:
        """Where a record's commit comes from; `signed` reads its ``update.json`` and the signature, if it has one.

        Raises:
            RecordError: a list is damaged; then nobody is trusted.
        """
        known = self.known()
        if commit in self.made.ids():
            return Origin("ours")
        if commit in known:
            return Origin("agreed")
        if commit not in self._checked:  # a commit never changes
            self._checked[commit] = self._signed(*signed()) if self.signatures.checks else Origin("foreign")
        return self._checked[commit]

    def _signed(self, content: bytes, signature: bytes | None) -> Origin:
        if not signature:
            return Origin("foreign")
        try:
            return Origin("signed", self.signatures.signer(content, signature))
        except RecordError as err:
            return Origin("foreign", problem=str(err))
