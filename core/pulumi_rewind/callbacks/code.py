"""Which code is called: today's hooks file, the one that a record kept, or what rides in the state.

Code of a record has been in force when the thing was deployed that it undoes; it runs only after the operator has
agreed to its hash once (`trust.agreements`). Code in a state is a dynamic provider's: the engine runs that very code
already for the plan's preview, so that there is nothing left to agree to.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pulumi_rewind.errors import RecordError, RefusedError, UsageError
from pulumi_rewind.plan.called import SHORT, Code
from pulumi_rewind.project.settings import Settings
from pulumi_rewind.project.workspace import Workspace
from pulumi_rewind.records.lookup import recorded
from pulumi_rewind.records.parts import HOOKS
from pulumi_rewind.session import Session
from pulumi_rewind.system.untrusted import read_bytes

if TYPE_CHECKING:
    from pulumi_rewind.records.store import Record


@dataclass(frozen=True)
class Chosen:
    """The code that is in force for a plan."""

    today: Code | None = None
    """Of the hooks around the rollback, always."""
    for_target: Code | None = None
    """Of `undo_delete`: it speaks of what the target has."""
    for_live: Code | None = None
    """Of the other undo callbacks and of Pulumi's own hooks: they speak of what live has."""
    notes: tuple[str, ...] = ()
    """Where something else is used than was asked for."""

    def all(self) -> tuple[Code, ...]:
        """Each code once."""
        return tuple({code.sha256: code for code in (self.today, self.for_target, self.for_live) if code}.values())


def todays_code(root: Path, settings: Settings) -> Code | None:
    """The hooks file of a project as it is now, None if there is none.

    Raises:
        UsageError: `rewind.toml` names one that isn't there, or it can't be read.
    """
    path = root / settings.hooks_file
    try:
        raw = read_bytes(path)
        return Code(path, raw.decode("utf-8"), hashlib.sha256(raw).hexdigest())
    except (FileNotFoundError, NotADirectoryError):
        if settings.hooks_file == Settings().hooks_file:
            return None
        raise UsageError(
            f"there is no hooks file {path}",
            hint="`hooks_file` in rewind.toml names it: correct the name or remove the setting.",
        ) from None
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the hooks file {path} can't be read: {reason}", hint="Fix it, or move it away.") from None


def chosen_code(session: Session, target: int, *, recorded: bool) -> Chosen:
    """The code for a rollback to an update by its number; with `recorded` that of the records where they have any.

    Raises:
        UsageError: as `todays_code`.
        RecordError: a record is damaged.
        UntrustedCode: the operator has not agreed to code of a record.
    """
    today = todays_code(session.workspace.root, session.settings)
    if not recorded:
        return Chosen(today, today, today)
    found = {
        f"the target #{target}": recorded_code(session, target),
        f"the live stack (#{len(session.timeline)})": next(recorded_codes(session), None),
    }
    in_force: list[Code | None] = []
    notes: list[str] = []
    for side, code in found.items():
        if code is None:
            instead = "today's file is used" if today else "there is no file today either"
            notes.append(f"no usable hooks file is recorded for {side}: {instead}")
        elif today is not None and code.sha256 == today.sha256:
            code = today
        else:
            check_trusted(session, code)
        in_force.append(code or today)
    return Chosen(today, in_force[0], in_force[1], tuple(notes))


def recorded_code(session: Session, number: int) -> Code | None:
    """The hooks file that the record of an update keeps, None if it has none.

    Raises:
        RecordError: the record is damaged.
    """
    record = recorded(session, number) if number else None
    return _code_of(session, record) if record is not None else None


def recorded_codes(session: Session) -> Iterator[Code]:
    """Every hooks file of the records, newest first; raises as `recorded_code`."""
    numbers = session.records.numbers() if session.records is not None else ()
    newest = len(session.timeline)
    for number in sorted(numbers, reverse=True):
        code = recorded_code(session, number) if number <= newest else None
        if code is not None:
            yield code


def named_code(session: Session, name: str) -> Code:
    """A hooks file of the records, by its hash (at least `SHORT` digits of it) or by an update as ``#5``.

    Raises:
        UsageError: none is meant.
        RecordError: a record is damaged.
    """
    digits = name.removeprefix("#")
    if name.startswith("#") and digits.isascii() and digits.isdigit():
        code = recorded_code(session, int(digits))
        if code is None:
            raise UsageError(f"no hooks file is recorded with {name}", hint="`pulumi-rewind hooks` lists them.")
        return code
    for code in recorded_codes(session):
        if len(name) >= SHORT and code.sha256.startswith(name.lower()):
            return code
    raise UsageError(
        f"no record has a hooks file with the sha256 {name!r}",
        hint=f"`pulumi-rewind hooks` lists them; {SHORT} digits of the hash are needed.",
    )


def check_trusted(session: Session, code: Code) -> None:
    """Lets code of a record pass to which the operator has agreed.

    Raises:
        UntrustedCode: that is not so.
    """
    if code.origin == "record" and not session.trust.has(code.sha256):
        raise UntrustedCode(code)


class UntrustedCode(RefusedError):
    """Code of a record that the operator has not trusted yet."""

    def __init__(self, code: Code) -> None:
        short = code.sha256[:SHORT]
        super().__init__(
            f"{code.label}, is not trusted yet",
            hint=f"Read it with `pulumi-rewind hooks show {short}`, then trust it with `pulumi-rewind hooks trust "
            f"{short}`. Without `--hooks recorded`, today's file is used.",
            unchanged=True,
        )
        self.code = code


def interpreter(workspace: Workspace) -> Path:
    """The Python that runs a project's callbacks: that of its virtual environment, else ours."""
    named = workspace.runtime_options.get("virtualenv")
    folders = [named] if isinstance(named, str) and named else []
    for folder in (*folders, ".venv", "venv"):
        python = workspace.root / folder / "bin" / "python"
        if python.is_file() and os.access(python, os.X_OK):
            return python
    return Path(sys.executable)


def _code_of(session: Session, record: Record) -> Code | None:
    path = session.workspace.root / session.settings.hooks_file
    names = record.names(HOOKS)
    name = path.name if path.name in names else next(iter(names), None)
    if name is None:
        return None
    raw = record.file(HOOKS + name)
    try:
        source = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise RecordError(f"{name} in the record of #{record.number} is not UTF-8 text") from None
    return Code(path.with_name(name), source, hashlib.sha256(raw).hexdigest(), "record", record.number)
