"""The optional ``rewind.toml`` beside Pulumi.yaml, and the user's own ``config.toml``: whom this user trusts.

Whom to trust is never in the project's file, because everyone who can push to the repository can write that one.
"""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from pulumi_rewind.errors import UsageError
from pulumi_rewind.system.documents import load_toml
from pulumi_rewind.system.untrusted import read_text

RECORDS: Final = "records"
RECORD_KEYS: Final = ("sign_with", "allowed_signers")
"""The keys of ``[records]``."""


@dataclass(frozen=True)
class Settings:
    """What a team has decided for a project; `load_settings` reads it, the README explains each key."""

    production: tuple[str, ...] = ("prod*",)
    """Patterns of stack names that ask for the name before a rollback."""
    stateful_types: tuple[str, ...] = ()
    """Patterns of resource types that hold data, in addition to the built-in ones."""
    delete_first: tuple[str, ...] = ()
    """Patterns of names or types of resources whose replacement deletes the old object first."""
    hooks_file: str = "rewind_hooks.py"
    """Where the user's hooks and undo callbacks are, relative to the project."""
    theme: str = "dark"
    """The UI's colours."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Key bindings of the UI: name of the action → key."""
    ascii: bool = False
    """Plain ASCII in place of symbols."""
    passphrase_env: tuple[str, ...] = ()
    """Names of environment variables that hold further (older) passphrases."""
    records: bool = True
    """Whether updates are recorded in git, and what is recorded is used."""
    records_repository: str = ""
    """The git repository for records, relative to the project; empty: the one that the project lies in."""
    keep: int = 200
    """How many records of a stack `record --prune` leaves; 0: all."""
    keep_days: int = 0
    """How old a record may be that `record --prune` leaves; 0: any age."""

    def is_production(self, stack_name: str) -> bool:
        """Whether a stack's (short) name matches one of the production patterns; upper case is no way around them."""
        name = stack_name.rsplit("/", 1)[-1].casefold()
        return any(fnmatch.fnmatchcase(name, pattern.casefold()) for pattern in self.production)


def load_settings(root: Path) -> Settings:
    """Reads ``rewind.toml`` in the project's directory; the defaults if there is none.

    Raises:
        UsageError: not TOML, an unknown key, or a value of the wrong kind.
    """
    path = root / "rewind.toml"
    return Settings(**{name: _value(path, name, value) for name, value in _document(path).items()})


def _document(path: Path) -> dict[str, Any]:
    try:
        return load_toml(read_text(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as err:
        raise UsageError(f"{path} can't be read: {err}", hint="Fix or remove it.") from None


def _value(path: Path, name: str, value: Any) -> Any:
    known = {item.name: item for item in fields(Settings)}
    if name in RECORD_KEYS or (name == RECORDS and isinstance(value, dict)):
        raise UsageError(
            f"{path}: the project can't decide whose records are trusted, because everyone who can push can change "
            "this file",
            hint=f"Put [{RECORDS}] with {' and '.join(RECORD_KEYS)} into your own config.toml, see docs/records.md.",
        )
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        meant = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"{path}: unknown key {name!r}", hint=f"{meant}Known keys: {', '.join(sorted(known))}.")
    default = getattr(Settings(), name)
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        wanted = "a list of strings"
    elif isinstance(default, bool):
        if isinstance(value, bool):
            return value
        wanted = "true or false"
    elif isinstance(default, int):
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        wanted = "a whole number, 0 or more"
    elif isinstance(default, str):
        if isinstance(value, str):
            return value
        wanted = "a string"
    else:
        if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
            return value
        wanted = "a table of strings"
    raise UsageError(f"{path}: {name} must be {wanted}", hint=f"It is {value!r} now, the default is {default!r}.")


# -- the user's own ----------------------------------------------------------------------------------------------------


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
    document = _document(path)
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
