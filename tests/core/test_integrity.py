"""A damaged state is known for what it is before the engine is asked, and crashes are told in a sentence."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_rewind.choices import STATE
from pulumi_rewind.diff.checkpoints import diff_checkpoints
from pulumi_rewind.diff.entries import entry_differences
from pulumi_rewind.engine.cli import failure
from pulumi_rewind.engine.crashes import sentence
from pulumi_rewind.errors import RefusedError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.plan.recommend import recommend
from pulumi_rewind.risk import LIVE_DAMAGED, Risk
from pulumi_rewind.state.integrity import check_sound, damage, flaws
from pulumi_rewind.state.model import Checkpoint, Deployment
from tests.support.checkpoints import STACK, checkpoint, res, urn

Entry = dict[str, Any]


@st.composite
def sound_states(draw: st.DrawFn) -> list[Entry]:
    """Entries of a sound state, each with references to some before it; old copies among them."""
    provider = res("prov", "pulumi:providers:t", id="prov-id")
    entries: list[Entry] = [provider]
    for number in range(draw(st.integers(2, 7))):
        before = [entry["urn"] for entry in entries]
        needed = draw(st.lists(st.sampled_from(before), unique=True, max_size=2))
        entry = res(f"r{number}", dependencies=needed, propertyDependencies={"k": needed[:1]})
        if draw(st.booleans()):
            entry["provider"] = f"{provider['urn']}::prov-id"
        if draw(st.booleans()):
            entry["parent"] = draw(st.sampled_from(before))
        entries.append(entry)
        if draw(st.integers(0, 4)) == 0:
            entries.append({**entry, "id": f"old-{number}", "delete": True})
    return entries


def _users(entries: list[Entry], wanted: str) -> list[int]:
    """Places of the entries that refer to a URN."""

    def needs(entry: Entry) -> set[str]:
        provider = str(entry.get("provider", "")).rpartition("::")[0]
        return {str(entry.get("parent")), provider, *(entry.get("dependencies") or ())}

    return [place for place, entry in enumerate(entries) if wanted in needs(entry)]


def _damaged(entries: list[Entry], kind: str, rnd: random.Random) -> tuple[list[Entry], str] | None:
    """The same state with one fault, and the name that has to be told; None where it can't have that one."""
    current = [entry for entry in entries if not entry.get("delete")]
    chosen = rnd.choice(current)
    users = _users(entries, chosen["urn"])
    if kind == "twice":
        return [*entries, dict(chosen)], urn_end(chosen)
    if not users:
        return None
    first = users[0]
    without = [entry for entry in entries if entry["urn"] != chosen["urn"]]
    if kind == "missing":
        return (without, urn_end(chosen)) if any(entries[place] in without for place in users) else None
    place = without.index(entries[first]) if entries[first] in without else -1
    if place < 0:
        return None
    return [*without[: place + 1], chosen, *without[place + 1 :]], urn_end(chosen)


def urn_end(entry: Entry) -> str:
    return str(entry["urn"]).rsplit("::", 1)[-1]


@settings(max_examples=150, deadline=None)
@given(sound_states(), st.sampled_from(["twice", "missing", "late"]), st.randoms(use_true_random=False))
def test_damage_is_found_named_and_never_nothing_to_do(entries: list[Entry], kind: str, rnd: random.Random) -> None:
    """A URN twice (https://github.com/pulumi/pulumi/issues/13848), a dependency that comes after
    (https://github.com/pulumi/pulumi/issues/18267), one that is missing
    (https://github.com/pulumi/pulumi/issues/22868): found, named, and a difference from the sound state.
    """
    sound = checkpoint(*entries)
    assert flaws(sound) == ()
    assert damage(sound) == ""
    assert list(entry_differences(sound, sound)) == []
    made = _damaged(entries, kind, rnd)
    if made is None:
        return
    broken = checkpoint(*made[0])
    assert kind in {flaw.kind for flaw in flaws(broken)}
    assert made[1] in " ".join(f"{flaw.urn} {flaw.needed}" for flaw in flaws(broken))
    with pytest.raises(RefusedError, match="damaged") as refused:
        check_sound(broken)
    assert "--strategy state" in refused.value.hint
    assert "Nothing was changed" in refused.value.hint
    told = {item.urn for item in diff_checkpoints(broken, sound).resources}
    assert told or list(entry_differences(broken, sound, told))


def test_what_the_engine_also_refuses_is_damage() -> None:
    """A component with an id; a reference to a provider of another id; and what it lets pass."""
    provider = res("prov", "pulumi:providers:t", id="one")
    other = res("a", provider=f"{provider['urn']}::two")
    assert damage(checkpoint(provider, other)) == "a (entry 3) refers to its provider prov, which is not in the state"
    assert flaws(checkpoint(provider, {**other, "pendingReplacement": True})) == ()
    assert "is a component" in damage(checkpoint(res("c", custom=False)))
    old, new = res("a", id="1", delete=True), res("a", id="2")
    assert flaws(checkpoint(old, new)) == flaws(checkpoint(old, {**new, "delete": True})) == ()
    assert damage(checkpoint(*(res(f"r{i}", dependencies=["urn:x"]) for i in range(6)))).endswith("; and 3 more")


def test_entries_that_differ_are_told_in_words() -> None:
    """How often an entry stands there, old copies, and the order."""
    a, b, old = res("a"), res("b"), res("a", id="a-old", delete=True)
    assert dict(entry_differences(checkpoint(a, b, b), checkpoint(a, b))) == {
        urn("b"): "is in the state once, no longer twice"
    }
    assert "no longer in the state" in dict(entry_differences(checkpoint(a, old), checkpoint(a)))[urn("a")]
    assert [place for place, _ in entry_differences(checkpoint(b, a), checkpoint(a, b))] == [""]
    assert STACK["urn"] not in dict(entry_differences(checkpoint(b, a), checkpoint(a, b)))


def test_a_damaged_state_recommends_the_strategy_state() -> None:
    assert recommend([Risk(LIVE_DAMAGED, "it is")]).strategy == STATE


def test_resources_without_a_snippet_came_from_none() -> None:
    """An empty side of a comparison has no snippets, and resources of a program have none either."""
    something, nothing = checkpoint(res("a"), res("b")), Checkpoint(b"", Deployment())  # as `pulumi destroy` leaves it
    for target, live in ((something, nothing), (nothing, something)):
        made = build_goal(target, live, project="p", stack="dev")
        assert not [note for note in made.notes if note.code == "snippet"]
    made = build_goal(checkpoint(res("a", snippetID="s-1")), nothing, project="p", stack="dev")
    assert [note.code for note in made.notes] == ["snippet"]


# -- crashes ----------------------------------------------------------------------------------------------------------

WRITTEN = """\
error: The Pulumi CLI encountered a snapshot integrity error. This is a bug!

Please provide all of the text below.
Go Version:        go1.23.4
Command:           pulumi up -t x
Error:             writing snapshot: snapshot integrity failure; it was already written: a's dependency b comes after it

Stack Trace:

goroutine 1720 [running]:
runtime/debug.Stack()
\t/opt/libexec/src/runtime/stack.go:26
"""
"""In the form of https://github.com/pulumi/pulumi/issues/18267."""

READ = """\
Write Version:     v3.167.0
Write Error:       resource p's dependency q refers to missing resource

Read Command:      pulumi up
Read Error:        snapshot integrity failure; refusing to use it: resource p's dependency q refers to missing resource

Stack Trace:

goroutine 1 [running]:
runtime/debug.Stack()
"""
"""In the form of https://github.com/pulumi/pulumi/issues/22868."""

PANIC = """\
panic: runtime error: invalid memory address [recovered]
\tpanic: again

goroutine 8 [running]:
main.f()
"""

PYTHON = """\
Exception calling application: x
Traceback (most recent call last):
  File "a.py", line 3, in f
    g()
ValueError: no such region
"""

NODE = """\
Error: connect ECONNREFUSED 127.0.0.1:5432
    at TCPConnectWrap.afterConnect (node:net:1555:16)
    at f (/x/y.js:3:4)
"""

NOT_INSTALLED = """\
node:internal/modules/cjs/loader:1210
  throw err;
  ^

Error: Cannot find module '@pulumi/pulumi/cmd/dynamic-provider'
Require stack:
- /x/[eval]
    at Module._resolveFilename (node:internal/modules/cjs/loader:1207:15)
    at [eval]:1:21 {
  code: 'MODULE_NOT_FOUND',
  requireStack: [ '/x/[eval]' ]
}

Node.js v20.20.2
"""

CRASHES = {
    WRITTEN: "writing snapshot: snapshot integrity failure; it was already written: a's dependency b comes after it",
    READ: "snapshot integrity failure; refusing to use it: resource p's dependency q refers to missing resource",
    PANIC: "panic: runtime error: invalid memory address",
    PYTHON: "ValueError: no such region",
    NODE: "Error: connect ECONNREFUSED 127.0.0.1:5432",
    NOT_INSTALLED: "Error: Cannot find module '@pulumi/pulumi/cmd/dynamic-provider'",
}


@pytest.mark.parametrize(
    ("text", "said"), CRASHES.items(), ids=["written", "read", "panic", "python", "node", "not installed"]
)
def test_of_a_crash_the_first_sentence_is_told_and_all_is_kept(text: str, said: str, tmp_path: Path) -> None:
    assert sentence(text) == said
    error = failure("the preview failed", f"printed by a program\n{text}", {"XDG_STATE_HOME": str(tmp_path)})
    assert str(error).endswith(said)
    if text in {PYTHON, NODE, NOT_INSTALLED}:  # of a provider or a program: secrets may be in it
        assert list(tmp_path.iterdir()) == []
        return
    (kept,) = (tmp_path / "pulumi-rewind" / "crashes").iterdir()
    assert str(kept) in error.hint
    assert kept.read_text() == text
    assert kept.stat().st_mode & 0o777 == 0o600
    assert ("--strategy state" in error.hint) == ("integrity" in text)


def test_an_ordinary_message_is_left_as_it_is(tmp_path: Path) -> None:
    text = "the region is full\n  look at the quota page\nError: 42 of 40 used"
    assert str(failure("it failed", text, {"XDG_STATE_HOME": str(tmp_path)})) == f"it failed: {text}"
    assert list(tmp_path.iterdir()) == []
