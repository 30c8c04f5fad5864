"""A literal that a program wrote to two objects isn't a value that one of them has from the other."""

from __future__ import annotations

import json

from hypothesis import assume, given
from hypothesis import strategies as st

from pulumi_rewind.plan.stale_values import stale_values
from pulumi_rewind.state.values import Json
from tests.support.checkpoints import checkpoint, goal, res, urn
from tests.support.linked import replay

NAMES = ("settings-1a2b3c", "settings-9f8e7d")
SPACE = "shop-4d5e6f"
NUMBERS = st.integers(-(10**6), 10**6)


def rolled_back(
    user: Json,
    texts: tuple[dict[str, Json], dict[str, Json]],
    *,
    key: str = "data",
    written: bool = True,
    derived: bool = False,
    as_number: bool = False,
) -> tuple[Json, list[str]]:
    """A property that comes back beside a ConfigMap of another release, and what of it may be stale.

    `texts` are what the ConfigMap had and has below `key`. `written`: its program wrote them, so that they are
    its inputs; `derived`: they were computed from another object; `as_number`: the provider made texts of numbers.
    """
    was, now = (
        {"metadata": {"name": name, "namespace": SPACE}, key: texts[side], "__inputs": {key: texts[side]}}
        for side, name in enumerate(NAMES)
    )
    said = {name: int(str(text)) for name, text in texts[0].items()} if as_number else texts[0]
    sent = {"metadata": {}, **({key: said} if written else {})}
    stack = checkpoint(
        res("pet", outputs={"words": 2}),
        res(
            "settings", id=f"shop/{NAMES[0]}", inputs=sent, outputs=was,
            propertyDependencies={one: [urn("pet")] if derived else [] for one in sent},
        ),
        res("web", inputs={"spec": user}, propertyDependencies={"spec": [urn("settings")]}),
    )  # fmt: skip
    made = goal(stack, checkpoint())
    report = replay(made, {"settings": f"shop/{NAMES[1]}"}, {"settings": now})
    return report.sent[urn("web")]["spec"], [value.name for value in stale_values(made, report)]


@given(NUMBERS, NUMBERS, st.booleans(), st.booleans(), st.sampled_from([NAMES[0], SPACE, "none"]), st.booleans())
def test_a_number_beside_a_literal_text_is_a_doubt_only_where_something_speaks_for_a_link(
    number: int, new: int, written: bool, derived: bool, beside: str, as_number: bool
) -> None:
    assume(number != new)
    texts = ({"release": str(number)}, {"release": str(new)})
    user = {"replicas": number, "from": {"namespace": beside}}
    spec, stale = rolled_back(user, texts, written=written, derived=derived, as_number=as_number)
    named = beside == NAMES[0]
    assert spec == {"replicas": number, "from": {"namespace": NAMES[1] if named else beside}}
    assert ("web.spec.replicas" in stale) != (named and written and not derived)


@given(NUMBERS, NUMBERS)
def test_under_its_name_it_follows_only_where_nothing_else_was_computed_from_the_object(number: int, new: int) -> None:
    assume(number != new)
    texts = ({"release": str(number)}, {"release": str(new)})
    assert rolled_back({"release": number}, texts) == ({"release": new}, [])
    kept = {"release": number, "name": NAMES[0]}
    assert rolled_back(kept, texts) == (kept | {"name": NAMES[1]}, ["web.spec.release"])
    assert rolled_back(kept, texts, written=False)[0] == {"release": new, "name": NAMES[1]}


@given(NUMBERS, NUMBERS)
def test_a_number_in_text_needs_no_conversion(number: int, new: int) -> None:
    assume(number != new)
    text = json.dumps({"replicas": number, "name": NAMES[0]})
    _, stale = rolled_back(text, ({"release": str(number)}, {"release": str(new)}))
    assert stale == ["web.spec"]


WORDS = st.from_regex(r"[a-z]{1,5}[0-9]{0,3}", fullmatch=True)


@given(WORDS, WORDS, st.sampled_from(["labels", "annotations", "tags", "defaultTags"]))
def test_a_label_does_not_follow_its_name_where_the_object_is_used_for_something_else(
    old: str, new: str, key: str
) -> None:
    assume(old != new)
    texts = ({"release": old}, {"release": new})
    about = {"namespace": NAMES[0], "annotations": {"shop/release": old}, "note": f"release: {old}\n"}
    kept, stale = rolled_back(about, texts, key=key)
    assert kept == about | {"namespace": NAMES[1]}
    assert stale == ["web.spec.annotations.shop/release", "web.spec.note"]
    for computed in ({"written": False}, {"derived": True}):
        followed, stale = rolled_back(about, texts, key=key, **computed)
        assert followed == {"namespace": NAMES[1], "annotations": {"shop/release": new}, "note": f"release: {new}\n"}
        assert stale == []


@given(WORDS, WORDS)
def test_a_selector_that_is_the_labels_of_what_it_selects_follows(old: str, new: str) -> None:
    assume(old != new)
    texts = ({"app": "web", "release": old}, {"app": "web", "release": new})
    wanted = {"selector": {"app": "web", "release": new}, "ports": [{"port": 80}]}
    assert rolled_back({"selector": texts[0], "ports": [{"port": 80}]}, texts, key="labels") == (wanted, [])


def test_other_texts_of_a_program_still_follow_their_name() -> None:
    """A database and what connects to it."""
    texts = ({"dbName": "shop"}, {"dbName": "shop2"})
    wanted = {"host": NAMES[1], "dbName": "shop2"}
    assert rolled_back({"host": NAMES[0], "dbName": "shop"}, texts) == (wanted, [])
