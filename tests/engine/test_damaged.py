"""A live state that the engine refuses: said before anything is touched, and mended by the strategy `state`."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pulumi_rewind.choices import STATE
from pulumi_rewind.errors import RefusedError
from pulumi_rewind.risk import LIVE_DAMAGED
from pulumi_rewind.state.integrity import flaws
from tests.support.rewind import plan, run, said, session
from tests.support.stack import EngineStack

WORLD = """
import pulumi, bridged_sdk as bridged
group = pulumi.ComponentResource("app:index:Group", "group")
bucket = bridged.Bucket("data", {"acl": "private"}, pulumi.ResourceOptions(parent=group))
bridged.Server("web", {"image": "%s", "disk": bucket.id, "userData": pulumi.Output.secret("hush-hush")})
"""

Entries = list[dict[str, Any]]


def of(entries: Entries, name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["urn"].endswith(f"::{name}"))


def twice(entries: Entries) -> Entries:
    return [*entries, copy.deepcopy(of(entries, "web"))]


def late(entries: Entries) -> Entries:
    return [*(entry for entry in entries if entry is not of(entries, "data")), of(entries, "data")]


def no_parent(entries: Entries) -> Entries:
    return [entry for entry in entries if entry is not of(entries, "group")]


def no_provider(entries: Entries) -> Entries:
    return [entry for entry in entries if "pulumi:providers:" not in entry["type"]]


@pytest.mark.slow
def test_the_engine_refuses_what_is_told_as_damage_and_the_state_strategy_mends_it(stack: EngineStack) -> None:
    """The ways of https://github.com/pulumi/pulumi/issues/13848 (a URN twice),
    https://github.com/pulumi/pulumi/issues/17616 (comes after it), https://github.com/pulumi/pulumi/issues/17404
    (missing), and an unknown provider.
    """
    stack.up(WORLD % "one")
    stack.up(WORLD % "two")
    sound = stack.state_file.read_text()
    assert flaws(session(stack).live()) == ()
    things = stack.physical()
    for number, damage in enumerate((twice, late, no_parent, no_provider)):
        document = json.loads(sound)
        latest = document["checkpoint"]["latest"]
        latest["resources"] = damage(latest["resources"])
        stack.state_file.write_text(json.dumps(document))

        refused = stack.pulumi("preview", "-s", stack.name, check=False)
        assert refused.returncode != 0, damage.__name__
        assert "integrity" in refused.stderr + refused.stdout
        assert flaws(session(stack).live()), damage.__name__
        assert session(stack).timeline.live_damage
        with pytest.raises(RefusedError, match="the live state is damaged") as told:
            plan(stack, "1")
        assert len(str(told.value).splitlines()) == 1
        assert "--strategy state" in told.value.hint

        made = plan(stack, "2", strategy="state")
        assert not made.nothing_to_do, damage.__name__
        assert LIVE_DAMAGED in {risk.code for risk in made.risks}
        assert made.recommendation is not None
        assert made.recommendation.strategy == STATE
        result, _ = run(stack, made)
        assert (result.result, result.differences) == ("succeeded", ()), damage.__name__
        assert flaws(session(stack).live()) == ()
        if number == 0:
            stack.expect_no_changes()
    assert stack.physical() == things
    assert plan(stack, "2", strategy="state").nothing_to_do


def test_a_damaged_target_is_not_put_back(stack: EngineStack) -> None:
    """The state strategy would make live a state that the engine refuses."""
    stack.up(WORLD % "one")
    stack.up(WORLD % "two")
    (first, *_) = sorted(stack.history_directory.glob("*.checkpoint.json"))
    document = json.loads(first.read_text())
    latest = document["checkpoint"]["latest"]
    latest["resources"] = twice(latest["resources"])
    first.write_text(json.dumps(document))
    made = plan(stack, "1", strategy="state")
    assert [risk.code for risk in made.blocking] == ["target-damaged"]
    assert "web is entered twice" in made.blocking[0].message


def test_a_file_that_a_killed_pulumi_left_empty_is_named_with_what_removes_it(stack: EngineStack) -> None:
    stack.up(WORLD % "one")
    stack.up(WORLD % "two")
    sidecar = stack.state_file.with_name(f"{stack.state_file.name}.attrs")
    assert sidecar.is_file()
    sidecar.write_bytes(b"")
    refused = stack.run([str(stack.engine), "stack", "export", "-s", stack.name])
    assert "EOF" in refused.stderr, "this is what pulumi says"
    for words in (("plan", "1"), ("rollback", "1", "--yes"), ("up", "--yes")):
        told = said(stack, *words)
        assert (told.code, f"`rm '{sidecar}'`" in told.err) == (3, True), told.err
    assert f"`rm '{sidecar}'`" in said(stack, "doctor").out
    assert said(stack, "history").code == 0
    sidecar.unlink()
    assert said(stack, "plan", "1").code == 0
