"""The operator's choices on how to go back: one value for plan, journal, resume, command line and UI. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypedDict, Unpack

import msgspec

from pulumi_rewind.errors import UsageError
from pulumi_rewind.state.naming import NOT

CHECKPOINT: Final = "checkpoint"
PROGRAM: Final = "program"
STATE: Final = "state"

HOLD_STATEFUL: Final = "stateful"
HOLD_ALL: Final = "all"
HOLD_NOTHING: Final = "none"
HOLDS: Final = (HOLD_STATEFUL, HOLD_ALL, HOLD_NOTHING)
"""What is held of the objects that a run would delete: those with data, all, none."""

HOLD_FOR: Final = "24h"
"""After what time somebody is asked about what is held."""

FOUND: Final = ""
"""In `Choices.adopt`, with an empty id: everything that would be re-created and still exists."""

_FOUND_WORD: Final = "found"
"""The same on the command line."""


class Choices(msgspec.Struct, frozen=True):
    """Everything besides the target that decides what a plan does.

    A new choice is one field here (and in `ChoiceArguments`): the journal, a resumed rollback, the UI and the printed
    command lines carry it from then on; its option on the command line has the field's name (`flags` has the
    exceptions). A strategy refuses what its entry in `strategies.choosing.STRATEGIES` doesn't name.
    """

    strategy: str = CHECKPOINT
    only: tuple[str, ...] = ()
    """The selected resources: URNs, names, types or patterns, see `naming`; with a leading ``!``: all but those."""
    keep_data: bool = False
    """Whether to leave out whatever would lose data, with everything that must stay for it."""
    refresh: bool = False
    """The engine compares the state with the real resources first."""
    recorded_credentials: bool = False
    """Explicit providers get the credentials of the target instead of today's."""
    todays_config: bool = False
    """Default providers get today's settings instead of the target's."""
    adopt: dict[str, str] = {}
    """Objects to import instead of create: name or URN → id; an empty id (see `FOUND`): whichever still exists."""
    delete_first: tuple[str, ...] = ()
    """Which replacements delete the old object before the new one is created: URNs, names or patterns."""
    delete_imported: tuple[str, ...] = ()
    """Which objects to delete although they existed before the stack managed them: URNs, names or patterns."""
    hold_deletes: str = HOLD_NOTHING
    """Which objects that would be deleted are held instead, see `plan.hold_deletes`: one of `HOLDS`."""
    hold_for: str = HOLD_FOR
    """After what time the operator is asked about what is held, see `system.durations`."""
    drop_held: tuple[str, ...] = ()
    """Which of the objects that are held are deleted by the run: URNs, names or patterns."""
    recorded_hooks: bool = False
    """The recorded callbacks are called instead of today's."""
    no_install: bool = False
    """The dependencies of the target's program are not installed, so none of their install scripts runs."""

    def but(self, **changes: Any) -> Choices:
        """The same with other values for some fields."""
        return msgspec.structs.replace(self, **changes)

    def undoing(self, *, forgot: bool = False) -> Choices:
        """The choices that undo a rollback made with these: the same part of the stack, with the earlier credentials.

        Objects that the rollback `forgot` still exist, and are adopted again instead of created a second time.
        """
        adopt = {FOUND: ""} if forgot else {}
        return Choices(only=self.only, recorded_credentials=self.recorded_credentials, adopt=adopt)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The texts of `only` that leave something out, without their ``!``."""
        return tuple(text.removeprefix(NOT) for text in self.only if text.startswith(NOT))


USUAL: Final = Choices()
"""The defaults."""


class ChoiceArguments(TypedDict, total=False):
    """The fields of `Choices` as keyword arguments."""

    strategy: str
    only: tuple[str, ...] | list[str]
    keep_data: bool
    refresh: bool
    recorded_credentials: bool
    todays_config: bool
    adopt: Mapping[str, str]
    delete_first: tuple[str, ...] | list[str]
    delete_imported: tuple[str, ...] | list[str]
    hold_deletes: str
    hold_for: str
    drop_held: tuple[str, ...] | list[str]
    recorded_hooks: bool
    no_install: bool


def chosen_by(choices: Choices, **chosen: Unpack[ChoiceArguments]) -> Choices:
    """The choices with some of them given by keyword, in whatever collection."""
    values: dict[str, Any] = dict(chosen)
    for name in {"only", "delete_first", "delete_imported", "drop_held"} & values.keys():
        values[name] = tuple(values[name])
    if "adopt" in values:
        values["adopt"] = dict(values["adopt"])
    return choices.but(**values)


_FLAGS: Final[Mapping[str, tuple[str, ...]]] = {"recorded_hooks": ("--hooks", "recorded"), "hold_for": ("--for",)}
"""Choices whose option is not called like the field."""


def given(choices: Choices) -> tuple[str, ...]:
    """The fields that differ from what holds if nothing is chosen."""
    return tuple(name for name in Choices.__struct_fields__ if getattr(choices, name) != getattr(USUAL, name))


def option(field: str) -> str:
    """What a choice is called on the command line."""
    return _FLAGS.get(field, (f"--{field.replace('_', '-')}",))[0]


def flags(choices: Choices) -> Iterator[str]:
    """The words of a command line that choose the same."""
    for field in given(choices):
        value, name = getattr(choices, field), option(field)
        match value:
            case bool():
                yield from _FLAGS.get(field, (name,))
            case str() if field == "hold_deletes":  # whose value may be left out
                yield f"{name}={value}"
            case str():
                yield from (name, value)
            case tuple():
                yield from (word for one in value for word in (name, one))
            case dict():
                yield from (word for one in adopt_words(value) for word in (name, one))


def adopt_words(wanted: Mapping[str, str]) -> tuple[str, ...]:
    """``NAME=ID`` or ``found`` for each."""
    return tuple(f"{name}={identifier}" if identifier else _FOUND_WORD for name, identifier in wanted.items())


def adoptions(words: tuple[str, ...]) -> dict[str, str]:
    """The other way round.

    Raises:
        UsageError: neither ``NAME=ID`` nor ``found``.
    """
    wanted: dict[str, str] = {}
    for word in words:
        name, _, identifier = word.partition("=")
        if word == _FOUND_WORD:
            wanted[FOUND] = ""
        elif name and identifier:
            wanted[name] = identifier
        else:
            raise UsageError(
                f"--adopt {word!r} is neither NAME=ID nor `found`",
                hint="For example `--adopt web=i-0123456789`; `--adopt found` keeps whatever still exists.",
            )
    return wanted
