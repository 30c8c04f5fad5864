"""One value for what the operator chose: every field travels through the journal and back from a command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.choices import CHECKPOINT, USUAL, ChoiceArguments, Choices, adopt_words, adoptions, flags, option
from pulumi_rewind.choices import given as chosen
from pulumi_rewind.errors import UsageError
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.strategies.choosing import STRATEGIES, refused

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    str: TEXTS,
    tuple[str, ...]: st.lists(TEXTS).map(tuple),
    dict[str, str]: st.dictionaries(TEXTS, TEXTS),
}
HINTS = get_type_hints(Choices)
CHOICES = st.builds(Choices, **{name: VALUES[HINTS[name]] for name in Choices.__struct_fields__})


def test_the_keyword_arguments_are_the_fields() -> None:
    assert set(get_type_hints(ChoiceArguments)) == set(Choices.__struct_fields__)
    assert STRATEGIES[CHECKPOINT].knows == set(Choices.__struct_fields__)


@given(CHOICES)
def test_the_journal_carries_every_choice(choices: Choices) -> None:
    raw = msgspec.json.encode(choices)
    assert msgspec.json.decode(raw, type=Choices) == choices
    words = [word.split("=", 1)[0] for word in flags(choices)]
    assert all(option(name) in words for name in chosen(choices))
    assert not chosen(USUAL)
    assert list(flags(USUAL)) == []


def test_an_entry_that_was_begun_has_them_whole(tmp_path: Path) -> None:
    journal = Journal("file:///b", StackRef("shop", "dev"), {"XDG_STATE_HOME": str(tmp_path)})
    every = Choices(
        "checkpoint",
        ("!web[0]",),
        True,
        True,
        True,
        True,
        {"db": "i-1"},
        ("db",),
        ("zone",),
        "all",
        "2d",
        ("old",),
        True,
        True,
    )
    assert len(chosen(every)) == len(Choices.__struct_fields__) - 1, "all but the strategy, which is the usual one"
    journal.begin(target=1, label="#1", digest="d", start=2, choices=every)
    entry = journal.read()
    assert entry is not None
    assert entry.choices == every


def test_what_a_strategy_does_not_know_is_named() -> None:
    assert refused(Choices(strategy="program", only=("x",), refresh=True)) == ("only",)
    assert refused(Choices(strategy="state", refresh=True, adopt={"a": "b"})) == ("refresh", "adopt")
    assert refused(Choices(only=("x",), refresh=True)) == ()


@given(st.dictionaries(TEXTS.filter(lambda text: "=" not in text), TEXTS))
def test_adoptions_are_read_as_they_are_written(wanted: dict[str, str]) -> None:
    assert adoptions(adopt_words(wanted)) == wanted


def test_found_is_no_name() -> None:
    assert adoptions(("found", "found=i-1")) == {"": "", "found": "i-1"}
    assert adopt_words({"": "", "found": "i-1"}) == ("found", "found=i-1")
    assert adopt_words({"*": ""}) == ("found",), "as older journals have it"
    for word in ("web", "=x", "web="):
        with pytest.raises(UsageError, match="neither NAME=ID nor `found`"):
            adoptions((word,))


def test_undoing_keeps_how_much_and_under_which_credentials() -> None:
    every = Choices(
        only=("web",),
        keep_data=True,
        refresh=True,
        recorded_credentials=True,
        todays_config=True,
        adopt={"db": "i-1"},
        delete_first=("db",),
        delete_imported=("zone",),
        recorded_hooks=True,
        no_install=True,
    )
    assert every.undoing() == Choices(only=("web",), recorded_credentials=True)
    assert Choices().undoing(forgot=True) == Choices(adopt={"": ""}), "what was forgotten still exists"
