"""The user's own settings, ``config.toml`` in the user's configuration directory: whom this user trusts.

Never the project's ``rewind.toml``: whoever can push to the repository writes that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pulumi_rewind.documents import load_toml
from pulumi_rewind.errors import UsageError
from pulumi_rewind.untrusted import read_text

RECORDS: Final = "records"
RECORD_KEYS: Final = ("sign_with", "allowed_signers")
"""The keys of ``[records]``."""


@dataclass(frozen=True)
class UserSettings:
    """What a user has decided for all projects; None where it isn't set."""

    sign_with: Path | None = None
    """The ssh key that records are signed with; of a public key, the agent has the private one."""
    allowed_signers: Path | None = None
    """Whose signatures of records count, as ``ssh-keygen -Y verify`` takes them (ALLOWED SIGNERS in its manual)."""


def user_settings_path(environ: Mapping[str, str]) -> Path:
    """Where the file is: ``$XDG_CONFIG_HOME/pulumi-rewind/config.toml``, by default in ``~/.config``.

    A relative XDG_CONFIG_HOME doesn't count, as the XDG specification says: it could name a directory of the project.
    """
    base = Path(environ.get("XDG_CONFIG_HOME") or "")
    if not base.is_absolute():
        base = _home(environ) / ".config"
    return base / "pulumi-rewind" / "config.toml"


def load_user_settings(environ: Mapping[str, str]) -> UserSettings:
    """Reads the user's settings; the defaults if there are none.

    Raises:
        UsageError: not TOML, an unknown key, or a value of the wrong kind.
    """
    path = user_settings_path(environ)
    try:
        document = load_toml(read_text(path))
    except FileNotFoundError:
        return UserSettings()
    except (OSError, ValueError) as err:
        raise UsageError(f"{path} can't be read: {err}", hint="Mend or remove it.") from None
    known = f"It knows [{RECORDS}] with {' and '.join(RECORD_KEYS)}."
    for name in document.keys() - {RECORDS}:
        raise UsageError(f"{path}: unknown key {name!r}", hint=known)
    table = document.get(RECORDS, {})
    if not isinstance(table, dict):
        raise UsageError(f"{path}: {RECORDS} must be a table", hint=known)
    for name in table.keys() - set(RECORD_KEYS):
        raise UsageError(f"{path}: unknown key {name!r} in [{RECORDS}]", hint=known)
    return UserSettings(**{name: _file(path, name, value, environ) for name, value in table.items()})


def _file(path: Path, name: str, value: Any, environ: Mapping[str, str]) -> Path | None:
    if value == "":
        return None
    found = Path(value) if isinstance(value, str) else Path()
    if found.parts[:1] == ("~",):
        found = _home(environ).joinpath(*found.parts[1:])
    if not found.is_absolute():
        raise UsageError(f"{path}: {name} must be an absolute path, or start with ~/", hint=f"It is {value!r} now.")
    return found


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())
