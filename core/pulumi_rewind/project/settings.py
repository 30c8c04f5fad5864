"""The settings: ``rewind.toml`` beside Pulumi.yaml, one of the user's own below it, and the user's ``config.toml``.

Everyone who can push to a repository can write its ``rewind.toml``. So that file can't remove what protects the user,
see `ADDED`, `RISING`, `ANSWERS` and `LEAVING`, and whom to trust is only in ``config.toml``. The user's own files count
only if nobody else can write them.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from pulumi_rewind.choices import HOLD_ALL, HOLD_NOTHING, HOLD_STATEFUL
from pulumi_rewind.errors import UsageError
from pulumi_rewind.project.places import FILE, home, settings_files, user_file
from pulumi_rewind.system.documents import load_toml
from pulumi_rewind.system.ownership import shared
from pulumi_rewind.system.untrusted import read_text

TRUST_FILE: Final = "config.toml"

RECORDS: Final = "records"
RECORD_KEYS: Final = ("sign_with", "allowed_signers")
"""The keys of ``[records]``."""

ADDED: Final = ("production", "stateful_types", "passphrase_env")
"""Lists to which the project's file only adds: without them a stack asks less, and a passphrase is no known secret."""

REFUSABLE: Final = ("cache",)
"""What the project's file can turn off, but not on where the user's own has turned it off."""

RISING: Final[Mapping[str, tuple[str, ...]]] = {"hold_deletes": (HOLD_NOTHING, HOLD_STATEFUL, HOLD_ALL)}
"""Settings with few values, from the one that protects least; the project's file only raises the user's own."""

_OWN: Final = "in $XDG_CONFIG_HOME/pulumi-rewind, by default ~/.config/pulumi-rewind"
"""Where the user's own files are, for hints."""

PROJECT_ONLY: Final = ("hooks_file",)
"""What the user's own file can't say, for it is about one project."""

ANSWERS: Final = ("confirm.", "dialog.", "interrupted.", "passphrase.", "stop.", "trust.")
"""Actions that answer a question: a project that binds ``"trust.yes"`` to escape would answer in the user's place."""

LEAVING: Final = ("app.interrupt", "app.palette", "app.quit", "app.quit-too", "run.stop")
"""Actions that leave and stop, and those that work above every question: a project that binds ``"app.palette"`` to
escape takes the way out of it."""


class Settings(msgspec.Struct, frozen=True):
    """What a user and a team have decided; `load_settings` reads it, docs/settings.md explains each key."""

    production: tuple[str, ...] = ("prod*",)
    """Patterns of stack names that ask for the name before a rollback."""
    stateful_types: tuple[str, ...] = ()
    """Patterns of resource types that hold data, in addition to the built-in ones."""
    delete_first: tuple[str, ...] = ()
    """Patterns of names or types of resources whose replacement deletes the old object first."""
    hold_deletes: str = HOLD_STATEFUL
    """What a rollback holds of the objects that it would delete, see `plan.hold_deletes`."""
    hold_excluded: tuple[str, ...] = ()
    """Patterns of names or types of resources whose objects are never held."""
    hooks_file: str = "rewind_hooks.py"
    """Where the user's hooks and undo callbacks are, relative to the project."""
    theme: str = ""
    """The UI's colours; empty: those that were chosen last."""
    keys: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Key bindings of the UI: name of the action → key."""
    ascii: bool = False
    """Plain ASCII in place of symbols."""
    passphrase_env: tuple[str, ...] = ()
    """Names of environment variables that hold further (older) passphrases."""
    records: bool = True
    """Whether updates are recorded in git, and what is recorded is used."""
    records_repository: str = ""
    """The git repository for records, relative to the project; empty: the one that the project lies in."""
    moved_from: tuple[str, ...] = ()
    """URLs of backends that the project's stacks were moved from; what is recorded of them there continues here."""
    keep: int = 200
    """How many records of a stack `record --prune` leaves; 0: all."""
    keep_days: int = 0
    """How old a record may be that `record --prune` leaves; 0: any age."""

    cache: bool = True
    """Whether what is read of histories over a network is kept for the next start."""
    check: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """When `check` fails; `project.check_settings` reads it."""

    hold: bool = False
    """Whether a rollback that succeeded holds the stack, so that no pipeline applies the bad commit again."""

    def is_production(self, stack_name: str) -> bool:
        """Whether a stack's (short) name matches one of the production patterns; upper case is no way around them."""
        name = stack_name.rsplit("/", 1)[-1].casefold()
        return any(fnmatch.fnmatchcase(name, pattern.casefold()) for pattern in self.production)


def load_settings(root: Path | None, environ: Mapping[str, str] = os.environ) -> Settings:
    """Reads the user's own settings and, over them, those in the project's directory; the defaults if there are none.

    Raises:
        UsageError: not TOML, an unknown key, a value of the wrong kind, or what this file can't decide.
    """
    found: dict[str, Any] = {}
    for path in settings_files(root, environ):
        file = _read(path, own=root is None or path != root / FILE)
        for name, value in file.document.items():
            value = _value(file, name, value)
            if name in REFUSABLE:
                value = value and found.get(name, True)
            elif name in RISING:
                value = max(value, found.get(name, value), key=RISING[name].index)
            if isinstance(value, dict):
                value = {**found.get(name, {}), **value}
            elif name in ADDED:
                value = tuple(dict.fromkeys([*found.get(name, ()), *value]))
            found[name] = value
    return Settings(**found)


def where_set(root: Path | None, environ: Mapping[str, str], name: str) -> str:
    """The file and the line that decide a setting, for messages of whoever finds its value wrong.

    Raises:
        UsageError: as `load_settings`.
    """
    files = [_read(path, own=root is None or path != root / FILE) for path in settings_files(root, environ)]
    found = [file.at(name) for file in files if file.line(name)]
    return found[-1] if found else FILE


class _File(NamedTuple):
    path: Path
    text: str
    document: Mapping[str, Any]
    own: bool
    """Whether it is the user's, not the project's."""

    def at(self, name: str) -> str:
        """Where it names something."""
        line = self.line(name)
        return f"{self.path}, line {line}" if line else str(self.path)

    def line(self, name: str) -> int | None:
        """The number of the first line that names something; dotted names may be split between a table and a key."""
        named = re.compile(rf"""\s*(?:\[\s*)?(?:keys\s*[.=].*)?["']?{re.escape(name)}(?![\w-])""")
        lines = enumerate(self.text.splitlines(), 1)
        return next((number for number, line in lines if named.match(line)), None)


def _read(path: Path, *, own: bool) -> _File:
    if own and (reason := shared((path.parent, path))):
        raise UsageError(
            f"{path} is not used: {reason}",
            hint="Your settings count only if nobody else can write them: change the owner or mode, or remove it.",
        )
    try:
        text = read_text(path)
        return _File(path, text, load_toml(text), own)
    except FileNotFoundError:
        return _File(path, "", {}, own)
    except (OSError, ValueError) as err:
        raise UsageError(f"{path} can't be read: {err}", hint="Fix or remove it.") from None


def nearest(name: str, known: Collection[str]) -> str:
    """``Did you mean …? ``, empty where nothing is near."""
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {near[0]}? " if near else ""


def _value(file: _File, name: str, value: Any) -> Any:
    known = Settings.__struct_fields__
    at = file.at(name)
    if name in RECORD_KEYS or (name == RECORDS and isinstance(value, dict)):
        reason = "whose records are trusted is set elsewhere"
        if not file.own:
            reason = (
                "the project can't decide whose records are trusted, because everyone who can push can change this file"
            )
        raise UsageError(
            f"{at}: {reason}",
            hint=f"Put [{RECORDS}] with {' and '.join(RECORD_KEYS)} into your own {TRUST_FILE} ({_OWN}).",
        )
    if name not in known:
        raise UsageError(
            f"{at}: unknown key {name!r}", hint=f"{nearest(name, known)}Known keys: {', '.join(sorted(known))}."
        )
    if file.own and name in PROJECT_ONLY:
        raise UsageError(
            f"{at}: {name} is a setting of one project", hint=f"Put it into the {FILE} beside that Pulumi.yaml."
        )
    if name == "keys" and isinstance(value, dict):
        value = dict(_flat(value))
        if not file.own:
            _check_project_keys(file, value)
    if name == "check":
        from pulumi_rewind.project.check_settings import check_settings  # most projects have none

        check_settings(value, at)
        return value
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
    elif name in RISING:
        if value in RISING[name]:
            return value
        wanted = f"one of {', '.join(RISING[name])}"
    elif isinstance(default, str):
        if isinstance(value, str):
            return value
        wanted = "a string"
    else:
        if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
            return value
        wanted = "a table of strings"
    raise UsageError(f"{at}: {name} must be {wanted}", hint=f"It is {value!r} now, the default is {default!r}.")


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """``home.stacks = "S"`` without quotes is a table in TOML, and means the same."""
    for name, value in table.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


def _check_project_keys(file: _File, keys: Mapping[str, Any]) -> None:
    for action in keys:
        if action.startswith(ANSWERS) or action in LEAVING:
            what = "leaves, stops or works above every question" if action in LEAVING else "answers a question"
            raise UsageError(
                f"{file.at(action)}: a project can't set the key of {action}, which {what}",
                hint=f"Put it into your own {FILE} ({_OWN}).",
            )


# -- the user's own ----------------------------------------------------------------------------------------------------


class UserSettings(NamedTuple):
    """What a user has decided for all projects; None where it isn't set."""

    sign_with: Path | None = None
    """The ssh key that records are signed with; of a public key, the agent has the private one."""
    allowed_signers: Path | None = None
    """Whose signatures of records count, as ``ssh-keygen -Y verify`` takes them (ALLOWED SIGNERS in its manual)."""


def load_user_settings(environ: Mapping[str, str]) -> UserSettings:
    """Reads whom the user trusts; the defaults if nothing is said.

    Raises:
        UsageError: not TOML, an unknown key, or a value of the wrong kind; or others can write the file.
    """
    path = user_file(environ, TRUST_FILE)
    document = _read(path, own=True).document
    known = f"It knows [{RECORDS}] with {' and '.join(RECORD_KEYS)}."
    for name in document.keys() - {RECORDS}:
        hint = f"It belongs into {FILE} beside it." if name in Settings.__struct_fields__ else known
        raise UsageError(f"{path}: unknown key {name!r}", hint=hint)
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
        found = home(environ).joinpath(*found.parts[1:])
    if not found.is_absolute():
        raise UsageError(f"{path}: {name} must be an absolute path, or start with ~/", hint=f"It is {value!r} now.")
    return found
