"""What code of records the operator has agreed to run: hashes, in a file of the user's state directory, mode 0600.

An agreement is for one project; it is asked for once and holds until it is taken back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

import msgspec

from pulumi_rewind.errors import RewindError
from pulumi_rewind.system.state_directory import StateDirectory
from pulumi_rewind.trust.targets import Finding, UntrustedTarget


class Agreement(msgspec.Struct, frozen=True):
    """One hash that was agreed to."""

    sha256: str
    project: str
    when: float
    """Unix seconds."""


class Trust:
    """The agreements of one project."""

    def __init__(self, state: StateDirectory, project: str) -> None:
        self.path = state.trusted
        self.project = project
        self._state = state

    def has(self, sha256: str) -> bool:
        """Whether code with this hash may run; a damaged file agrees to nothing."""
        try:
            return any((one.sha256, one.project) == (sha256, self.project) for one in self._read())
        except RewindError:
            return False

    def require(self, stack: str, label: str, found: Iterable[Finding], reason: str, *, own: bool) -> None:
        """Lets pass what a target of a stack does, where it needs no yes, or has it.

        Raises:
            UntrustedTarget: there is more than that.
        """
        asked = [one for one in found if one.needs_confirmation(own=own) and not self.has(one.digest(stack))]
        if asked:
            raise UntrustedTarget(label, tuple(asked), reason)

    def agree(self, sha256: str) -> None:
        """Remembers it.

        Raises:
            RewindError: the file is damaged or can't be written.
        """
        if not self.has(sha256):
            self._write([*self._read(), Agreement(sha256, self.project, time.time())])

    def revoke(self, sha256: str) -> bool:
        """Takes it back; whether it was there. Raises as `agree`."""
        there = self._read()
        left = [one for one in there if (one.sha256, one.project) != (sha256, self.project)]
        if len(left) != len(there):
            self._write(left)
        return len(left) != len(there)

    def _read(self) -> list[Agreement]:
        raw = self._state.read(self.path)
        try:
            return [] if raw is None else msgspec.json.decode(raw, type=list[Agreement])
        except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as err:
            raise RewindError(
                f"{self.path} can't be read: {err}", hint="Fix it, or remove it and trust again."
            ) from None

    def _write(self, agreements: list[Agreement]) -> None:
        self._state.write(self.path, msgspec.json.encode(agreements))
