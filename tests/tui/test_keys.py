"""The keys: README and bindings agree, both ways, and a footer shows only what is bound; screens know a host alone."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

import pulumi_rewind_tui
from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.host import Host
from pulumi_rewind_tui.screens.base import RewindModal
from pulumi_rewind_tui.widgets.filter_bar import FilterBar, FilterInput
from tests.support.tui.command_lines import DOCUMENTS, inline

README = Path(__file__).resolve().parents[2] / "README.md"

NAMES = {
    "question_mark": "?",
    "slash": "/",
    "escape": "esc",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
}
"""Keys that Textual calls otherwise."""

PLACES = {
    "everywhere": ("app", "screen", "list"),
    "lists": ("list",),
    "home": ("home", "timeline", "screen"),
    "diff": ("diff",),
    "review": ("review",),
    "run": ("run",),
    "result": ("result",),
    "details": ("details",),
    "blame": ("blame",),
    "stacks": ("stacks",),
    "no stack": ("empty",),
}
"""By what README calls a place: the first parts of the ids of its bindings."""

SAMPLES = {"settings.md": {"S", "f5", "ctrl+x", "shift+s"}}
"""Keys that a document names as examples of what can be set."""

UNSAID = frozenset({"list.page-up", "list.page-down", "options.toggle", "strategy.use"})
"""What README calls by the names on the keys, and the lists of dialogues."""


def classes() -> Iterator[type[DOMNode]]:
    for found in pkgutil.walk_packages(pulumi_rewind_tui.__path__, "pulumi_rewind_tui."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            for one in vars(module).values():
                if isinstance(one, type) and issubclass(one, DOMNode) and one.__module__ == module.__name__:
                    yield one


def bindings(one: type[DOMNode]) -> list[Binding]:
    return [binding for binding in vars(one).get("BINDINGS", ()) if isinstance(binding, Binding)]


def names(binding: Binding) -> set[str]:
    return {NAMES.get(key, key) for key in binding.key.split(",")}


BOUND = [(one, binding) for one in classes() for binding in bindings(one)]
IDS = {binding.id for _, binding in BOUND}


def rows() -> list[tuple[set[str], str]]:
    """The keys and the place of each row of README's table."""
    table = README.read_text().split("| key | where | what |\n|---|---|---|\n")[1].split("\n\n")[0]
    found = []
    for line in table.splitlines():
        keys, places, _ = (cell.strip() for cell in line.strip("|").split(" | "))
        found += [(set(re.findall(r"`([^`]+)`", keys)), place) for place in places.split(", ")]
    return found


def test_every_binding_has_an_id_and_a_description() -> None:
    assert [(one.__name__, binding.key) for one, binding in BOUND if not (binding.id and binding.description)] == []


@pytest.mark.parametrize(("keys", "place"), rows())
def test_what_readme_says_is_bound(keys: set[str], place: str) -> None:
    here = [binding for _, binding in BOUND if str(binding.id).split(".")[0] in PLACES[place]]
    assert keys - {"ctrl+p"} - {name for binding in here for name in names(binding)} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_key_that_a_document_names_is_bound(path: Path) -> None:
    named = {code for code in inline(path.read_text()) if re.fullmatch(r"[A-Za-z]|(?:ctrl|shift)\+\w+|f\d+", code)}
    assert named - {name for _, binding in BOUND for name in names(binding)} - SAMPLES.get(path.name, set()) == set()


def test_what_is_bound_readme_says() -> None:
    """Dialogues say in their footers or on their buttons what they take."""
    missing = []
    for one, binding in BOUND:
        if issubclass(one, RewindModal | FilterBar | FilterInput) or not binding.show or binding.id in UNSAID:
            continue
        first = str(binding.id).split(".")[0]
        said = {key for keys, place in rows() if first in PLACES[place] for key in keys}
        if not names(binding) & said:
            missing.append((binding.id, binding.key))
    assert missing == []


@pytest.mark.parametrize("one", [one for one in classes() if "FOOTER" in vars(one)], ids=lambda one: one.__name__)
def test_a_footer_shows_what_is_bound(one: Any) -> None:
    footers = [value for name, value in vars(one).items() if name.endswith("FOOTER")]
    assert {name for footer in footers for name in footer} - IDS == set()


def test_the_application_is_what_its_screens_take_it_for() -> None:
    host: Host = RewindApp()
    assert all(hasattr(host, name) for name in (*Host.__annotations__, *vars(Host)) if not name.startswith("_"))
