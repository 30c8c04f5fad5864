"""What a text means among resources: what it says exactly comes before what it would match as a pattern."""

from __future__ import annotations

import fnmatch
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.engine.events import Diagnostic
from pulumi_rewind.errors import UsageError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.history.blame import find_resource
from pulumi_rewind.hooks.declare import Selector
from pulumi_rewind.plan.adoption import adopting
from pulumi_rewind.plan.blockers import Blockers, speaker
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.naming import NOT, Names
from tests.support.checkpoints import checkpoint, res, urn

NAME = st.text(st.sampled_from("ab*?[]!:='\" $`\\~#%{}"), min_size=1, max_size=6)
NAMES = st.lists(NAME, min_size=1, max_size=6, unique=True)
TYPES = ["t:m:R", "t:m:S"]


def names(*resources: str) -> Names:
    return Names(res for res in checkpoint(*(res(name) for name in resources)).resources if not res.is_stack)


def goal_of(live: Checkpoint, *only: str) -> Goal:
    target = Checkpoint(live.raw, live.deployment)  # the same content, another object
    return build_goal(target, live, project="p", stack="dev", only=only)


def left(goal: Goal) -> set[str]:
    return {note.urn for note in goal.notes if note.code == "skipped"}


def test_a_name_with_wildcards_means_itself_first() -> None:
    """Names as a converted ``for_each`` has them, and a wildcard record beside ordinary ones."""
    found = names("*.shop", "www.shop", "web[0]", "web[1]", "web0", 'disk["a b"]', "a?c", "abc")
    for name in ("*.shop", "web[0]", 'disk["a b"]', "a?c"):
        assert found.meant(name) == {urn(name)}
    assert found.meant(urn("*.shop")) == {urn("*.shop")}
    assert found.meant("web[01]") == {urn("web0")}, "nothing is called that: a pattern"
    assert found.meant("web*") == {urn("web[0]"), urn("web[1]"), urn("web0")}
    assert found.meant("nobody") == frozenset()


def test_a_name_with_two_colons_is_a_name() -> None:
    """https://github.com/pulumi/pulumi-cloudflare/issues/489: a record called ``somename::anothername``."""
    live = checkpoint(res("somename::anothername"), res("anothername"))
    assert names("somename::anothername", "anothername").meant("anothername") == {urn("anothername")}
    assert left(goal_of(live, "!somename::anothername")) == {urn("somename::anothername")}
    assert find_resource(live, "somename::anothername").urn == urn("somename::anothername")


@given(NAMES, st.data())
def test_what_is_printed_means_that_resource_alone(texts: list[str], data: st.DataObject) -> None:
    """Through a shell, in both directions: chosen, left out, blamed and offered by a failure."""
    live = checkpoint(*(res(name, type_) for name in texts for type_ in data.draw(st.sampled_from([TYPES, TYPES[:1]]))))
    one = data.draw(st.sampled_from([item for item in live.resources if not item.is_stack]))
    goal = goal_of(live)
    spoken = speaker(goal.by_run_urn, live)(one.urn)
    assert find_resource(live, spoken).urn == one.urn
    assert left(goal_of(live, NOT + spoken)) == {one.urn}
    assert left(goal_of(live, NOT + one.urn)) == {one.urn}
    chosen = {item.urn for item in goal_of(live, spoken).registrations if not item.from_live}
    assert chosen == {one.urn}
    blockers = Blockers()
    blockers.add(Diagnostic("boom", "error", one.urn))
    offered = blockers.hint("dev", speaker(goal.by_run_urn, live)).split("`", 1)[1].rsplit("` leaves", 1)[0]
    assert shlex.split(offered) == ["pulumi-rewind", "resume", "dev", "--skip", spoken]
    offered = blockers.leaving_out(speaker(goal.by_run_urn, live)).split("`", 1)[1].rsplit("` leaves", 1)[0]
    assert shlex.split(offered) == ["--only", NOT + spoken]


@given(NAMES, NAME)
def test_a_text_that_is_nobodys_name_is_a_pattern(texts: list[str], text: str) -> None:
    found = names(*texts)
    if text in texts:
        assert found.meant(text) == {urn(text)}
    else:
        for name in texts:
            if fnmatch.fnmatchcase(name, text):
                assert urn(name) in found.meant(text)


def test_a_name_that_begins_with_an_exclamation_mark() -> None:
    live = checkpoint(res("!a"), res("a"), res("!b"))
    assert left(goal_of(live, "!a")) == {urn("a")}
    assert left(goal_of(live, "!!a")) == {urn("!a")}
    assert {item.name for item in goal_of(live, "!b").registrations if not item.from_live} == {"!b"}
    assert left(goal_of(live, "!!b")) == {urn("!b")}


def test_the_same_name_of_two_types_is_told_apart() -> None:
    live = checkpoint(res("web", "t:m:R"), res("web", "t:m:S"))
    found = Names(live.resources)
    assert found.meant("web") == {urn("web", "t:m:R"), urn("web", "t:m:S")}
    assert found.spoken(urn("web", "t:m:S")) == "t:m:S::web"
    with pytest.raises(UsageError) as caught:
        find_resource(live, "web")
    assert caught.value.hint == "Name one of them: t:m:R::web, t:m:S::web"


def test_an_adopted_name_may_hold_an_equals_sign() -> None:
    target = checkpoint(res("a=b"), res("*"))
    goal = build_goal(target, checkpoint(), project="p", stack="dev")
    ids = {item.name: item.import_id for item in adopting(goal, {"a": "b=x=1", "*": "i-2"}).registrations}
    assert (ids["a=b"], ids["*"]) == ("x=1", "i-2")
    every = {item.name: item.import_id for item in adopting(goal, {"": ""}).registrations}
    assert (every["a=b"], every["*"]) == ("a=b-id", "*-id")


def test_a_callback_can_be_for_a_name_that_holds_wildcards() -> None:
    chosen = Selector(name=("web[0]",))
    assert chosen.matches(urn("web[0]"), "t:m:R", "web[0]", ())
    assert not chosen.matches(urn("web[1]"), "t:m:R", "web[1]", ())
    assert Selector(name=("web*",)).matches(urn("web[1]"), "t:m:R", "web[1]", ())
