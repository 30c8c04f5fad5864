"""What a session knows to be secret: its passphrases and access tokens, and the files that hold them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_rewind.secrets.environment import FILES, secrets_of_environment
from pulumi_rewind.secrets.passphrase import FILE_VARIABLE, VARIABLE
from pulumi_rewind.system.documents import load_json
from pulumi_rewind.system.ownership import identity_of
from pulumi_rewind.system.untrusted import read_bytes

if TYPE_CHECKING:
    from pulumi_rewind.project.settings import Settings
    from pulumi_rewind.project.workspace import Workspace


@dataclass(frozen=True)
class Credentials:
    """What must stand in no record."""

    values: tuple[bytes, ...] = field(default=(), repr=False)
    """Passphrases and tokens, as they are."""
    files: frozenset[tuple[int, int]] = frozenset()
    """Device and inode of each file that holds one, so that no link to it is another file."""

    def reason(self, path: Path) -> str:
        """Why the file at a path, or one below it, must not be kept; empty if it may be. Links are followed."""
        if not self.files:
            return ""
        if self._is_one(path):
            return "it holds a passphrase or token of this session"
        for folder, _, names in os.walk(path):
            if any(self._is_one(Path(folder, name)) for name in names):
                return "a file in it holds a passphrase or token of this session"
        return ""

    def _is_one(self, path: Path) -> bool:
        return identity_of(path) in self.files


NONE: Final = Credentials()


def credentials_of(workspace: Workspace, settings: Settings, passphrases: Iterable[str]) -> Credentials:
    """Those of the environment, of ``pulumi login``, of ``rewind.toml``'s variables, and those given here."""
    environ = workspace.environ
    folder = environ.get("PULUMI_CREDENTIALS_PATH")
    login = (Path(folder) if folder else workspace.home) / "credentials.json"
    given = (environ.get(name, "") for name in (VARIABLE, *settings.passphrase_env))
    values = [*given, *secrets_of_environment(environ), *passphrases, *_tokens(login)]
    named = (Path(environ.get(name) or os.devnull) for name in (FILE_VARIABLE, *FILES))
    files = (identity_of(path) for path in (login, *named))
    return Credentials(
        tuple(dict.fromkeys(os.fsencode(value) for value in values if value)),
        frozenset(one for one in files if one is not None),
    )


def _tokens(path: Path) -> Iterator[str]:
    """The tokens that ``pulumi login`` has stored, by backend: older CLIs in another place."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        document = load_json(read_bytes(path))
        found = list((document.get("accessTokens") or {}).values())
        for account in (document.get("accounts") or {}).values():
            found += (account.get("accessToken"), account.get("refreshToken"))
        yield from (value for value in found if isinstance(value, str))
