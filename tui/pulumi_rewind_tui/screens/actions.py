"""Every action that can have a key: its name in ``[keys]``, its keys, where it works and what it does.

Reads the bindings themselves, and imports all screens for that: never on the path to the first paint.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import REPLACED_KEYS, Keys, _character_to_key, key_to_character

from pulumi_rewind.errors import UsageError
from pulumi_rewind.project.settings import nearest

PLACES: Final[Mapping[str, str]] = {
    "app": "everywhere",
    "screen": "every screen",
    "list": "every list",
    "home": "home",
    "timeline": "home, the timeline",
    "diff": "home, the diff",
    "filter": "the filter line",
    "details": "the details of an update",
    "blame": "blame",
    "stacks": "the list of stacks",
    "empty": "the screen without a stack",
    "review": "the review of a plan",
    "options": "the review's list of options",
    "strategy": "the review's list of strategies",
    "run": "a running rollback",
    "result": "the result of a rollback",
    "interrupted": "the question about an interrupted rollback",
    "confirm": "the question before a rollback",
    "held": "the list of what is held",
    "trust": "the question whether to trust",
    "stop": "the question how to stop",
    "passphrase": "the question for a passphrase",
    "error": "an error",
    "help": "the help",
    "text": "a page of text",
    "dialog": "every dialog",
}
"""Where an action works, by the first part of its name."""

_PANES: Final = ("list", "screen", "app")
TOGETHER: Final = (
    ("timeline", "home", *_PANES), ("diff", "home", *_PANES), ("blame", *_PANES), ("details", *_PANES),
    ("stacks", *_PANES), ("empty", *_PANES), ("review", *_PANES), ("run", *_PANES), ("result", *_PANES),
    ("confirm", "dialog"), ("interrupted", "dialog"), ("stop", "dialog"), ("trust", "list", "dialog"),
    ("strategy", "options", "dialog"), ("error", "text", "list", "dialog"), ("help", "text", "list", "dialog"),
    ("held", "text", "list", "dialog"),
    ("passphrase", "dialog"), ("filter",),
)  # fmt: skip
"""Places of which the keys work at the same time, the nearest first."""

MODIFIERS: Final = frozenset({"ctrl", "shift", "alt", "super", "hyper", "meta"})
_NAMED: Final = frozenset(key.value for key in Keys if key.value.isidentifier()) - {"any", "ignore"}
_SYNONYMS: Final = {"esc": "escape", "return": "enter", "pgup": "pageup", "pgdn": "pagedown", "del": "delete"}


@dataclass(frozen=True)
class Action:
    """One action."""

    name: str
    keys: tuple[str, ...]
    """As they are set now, each by Textual's name for it."""
    default: tuple[str, ...]
    what: str
    run: str
    """What Textual runs, in the namespace of its owner."""
    owner: type[DOMNode]
    first: bool
    """Whether its keys count before all others, also in dialogs and where text is typed."""

    @property
    def where(self) -> str:
        """Where it works."""
        return PLACES[self.place]

    @property
    def place(self) -> str:
        """The first part of its name."""
        return self.name.partition(".")[0]


def actions(app: type[DOMNode], keys: Mapping[str, str], at: Callable[[str], str]) -> dict[str, Action]:
    """All actions by their names, place by place, with the keys as settings have them; `at` says where they do.

    Raises:
        UsageError: the settings name an unknown action, or a key that can't be pressed.
    """
    found: dict[str, tuple[Binding, type[DOMNode]]] = {}
    for one in (app, *_classes()):
        for binding in vars(one).get("BINDINGS", ()):
            if isinstance(binding, Binding) and binding.id:
                found.setdefault(binding.id, (binding, one))
    checked = {name: _checked(name, given, found, at) for name, given in keys.items()}
    order = list(PLACES)
    listed = {}
    for name, (binding, owner) in sorted(found.items(), key=lambda item: order.index(item[0].partition(".")[0])):
        default = _split(binding.key)
        now = checked.get(name, default)
        listed[name] = Action(name, now, default, _what(binding), binding.action, owner, binding.priority)
    return listed


def _classes() -> Iterator[type[DOMNode]]:
    from pulumi_rewind_tui import screens, widgets

    for package in (widgets, screens):
        for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
            for one in vars(importlib.import_module(module.name)).values():
                if isinstance(one, type) and issubclass(one, DOMNode) and one.__module__ == module.name:
                    yield one


def _what(binding: Binding) -> str:
    return f"{binding.description}: {binding.tooltip}" if binding.tooltip else binding.description


def _split(keys: str) -> tuple[str, ...]:
    return tuple(_named(key.strip()) for key in keys.split(","))


def _named(key: str) -> str:
    return _character_to_key(key) if len(key) == 1 else key


def _checked(name: str, given: str, known: Collection[str], at: Callable[[str], str]) -> tuple[str, ...]:
    if name not in known:
        raise UsageError(
            f"{at(name)}: there is no action {name!r} for a key",
            hint=f"{nearest(name, known)}`pulumi-rewind keys` lists every action.",
        )
    keys = _split(given)
    for key in keys:
        if not can_be_pressed(key):
            raise UsageError(
                f"{at(name)}: {name} gets a key that doesn't exist: {key!r}",
                hint=f"{_near(key)}A key is a character, or a name such as f5, enter, pageup, ctrl+x; several are "
                "separated by commas.",
            )
    return keys


def _near(key: str) -> str:
    lower = key.lower().replace("-", "+")
    meant = key[-1].upper() if key.startswith("shift+") else _SYNONYMS.get(lower, lower)
    return f"Did you mean {meant}? " if can_be_pressed(meant) else nearest(lower, _NAMED)


def can_be_pressed(key: str) -> bool:
    """Whether a terminal can send a key of this name: ``f5``, ``ctrl+x``, ``question_mark``."""
    *modifiers, last = key.split("+")
    plain = len(last) == 1 or last in _NAMED or _character(last) is not None
    letter = len(last) == 1 and last.isalpha()
    capital = letter and "shift" in modifiers and not {"ctrl", "alt"} & set(modifiers)  # it arrives as the capital
    return plain and bool(last) and last.isprintable() and not set(modifiers) - MODIFIERS and not capital


def clashes(found: Mapping[str, Action]) -> list[str]:
    """Conflicts between keys in the settings, in words; the program's own keys have none."""
    said: dict[tuple[str, str, str], str] = {}
    for places in TOGETHER:
        here = [
            action for action in found.values() if action.place in places or (action.first and action.place == "app")
        ]
        for one in here:
            if one.keys == one.default:
                continue
            for other in here:
                first, second = sorted((one.name, other.name))
                for key in set(one.keys) & set(other.keys) if other is not one else ():
                    where = PLACES[one.place if one.place not in _PANES else other.place]
                    text = f"{shown(key)} is the key of {first} and of {second} ({where}): only one of them works"
                    said.setdefault((key, first, second), text)
    return list(said.values())


def shown(key: str) -> str:
    """A key as it is written in settings: the character itself where it is one."""
    return (_character(key) or key) if key not in _NAMED else key


def _character(key: str) -> str | None:
    character = key_to_character(REPLACED_KEYS.get(key, key))
    return character if character is not None and character.isprintable() else None


def keymap(found: Mapping[str, Action]) -> dict[str, str]:
    """What Textual takes for the keys that settings have changed."""
    return {name: ",".join(action.keys) for name, action in found.items() if action.keys != action.default}


def summary(action: Action) -> dict[str, Any]:
    """One action for JSON."""
    return {
        "action": action.name,
        "keys": [shown(key) for key in action.keys],
        "default": [shown(key) for key in action.default],
        "where": action.where,
        "what": action.what,
    }
