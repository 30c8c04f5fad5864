"""The diff of what stands beside inputs: noise, options, providers, outputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_rewind.diff.checkpoints import diff_checkpoints
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint
from tests.support.checkpoints import STACK, checkpoint, res, urn
from tests.support.diffs import by_name, nothing, paths


def test_noise_is_left_out_unless_asked_for() -> None:
    old: dict[str, Any] = {
        "inputs": {"a": 1, "n": {"__defaults": ["x"]}, "__defaults": ["x"]},
        "created": "1",
        "modified": "1",
    }
    new: dict[str, Any] = {
        "inputs": {"a": 1, "n": {"__defaults": []}, "__defaults": []},
        "created": "2",
        "modified": "2",
    }
    old |= {"sourcePosition": "p:1", "stackTrace": [{"sourcePosition": "p:1"}], "propertyDependencies": {"a": None}}
    new |= {"sourcePosition": "p:2", "stackTrace": [], "propertyDependencies": {"a": [urn("x")]}}
    assert nothing(checkpoint(res("r", **old)), checkpoint(res("r", **new)))
    new["protect"] = True
    item = by_name(checkpoint(res("r", **old)), checkpoint(res("r", **new)))["r"]
    assert paths(item) == ["options.protect"]
    assert set(paths(item, noise=True)) == {
        "inputs.n.__defaults[0]", "inputs.__defaults[0]", "options.protect", "options.created", "options.modified",
        "options.sourcePosition", "options.stackTrace", "options.propertyDependencies",
    }  # fmt: skip


@pytest.mark.parametrize("shape", ["indented", "exported", "reordered"])
def test_how_a_file_is_written_makes_no_difference(shape: str) -> None:
    """A decrypted checkpoint comes from `stack export`, one without secrets as the backend keeps it."""
    inputs = {"b": [1, {"c": "x"}], "a": {"t": "1\n2"}}
    stored = checkpoint(res("r", inputs=inputs, outputs=inputs))
    if shape == "reordered":
        inputs = dict(reversed(inputs.items()))
    body = {"version": 3, "deployment": {"resources": [STACK, res("r", inputs=inputs, outputs=inputs)]}}
    if shape == "indented":
        body = {"version": 3, "checkpoint": {"stack": "s", "latest": body["deployment"]}}
    written = json.dumps(body, indent=None if shape == "reordered" else 4).encode()
    assert nothing(stored, decode_checkpoint(written, source="export"))
    assert nothing(decode_checkpoint(written, source="export"), stored)


OPTIONS: dict[str, tuple[Any, Any]] = {
    "protect": (True, False),
    "retainOnDelete": (False, True),
    "taint": (False, True),
    "parent": (STACK["urn"], urn("x")),
    "deletedWith": ("", urn("x")),
    "replaceWith": ([], [urn("x")]),
    "ignoreChanges": (["a"], ["a", "b"]),
    "replaceOnChanges": (["a"], []),
    "hideDiff": (["a"], []),
    "additionalSecretOutputs": (["a"], ["b"]),
    "customTimeouts": ({"create": 90}, {"create": 60}),
    "replacementTrigger": (1, 2),
    "refreshBeforeUpdate": (False, True),
    "initErrors": ([], ["boom"]),
}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_counts(option: str) -> None:
    old, new = OPTIONS[option]
    item = by_name(checkpoint(res("r", **{option: old})), checkpoint(res("r", **{option: new})))["r"]
    assert (item.op, item.consequential, paths(item)) == ("update", False, [f"options.{option}"])


def test_hooks_are_an_option_and_the_order_of_names_makes_none() -> None:
    old = res("r", resourceHooks={"BeforeCreate": ["a"]}, ignoreChanges=["x", "y"])
    new = res("r", resourceHooks={"BeforeCreate": ["b"], "AfterCreate": None}, ignoreChanges=["y", "x"])
    change = by_name(checkpoint(old), checkpoint(new))["r"].changes()
    assert [(item.path, item.old, item.new) for item in change] == [
        ("options.hooks", {"BeforeCreate": ["a"]}, {"BeforeCreate": ["b"]})
    ]


def test_dependencies_are_shown_and_only_follow() -> None:
    old = checkpoint(res("r", dependencies=[urn("a"), urn("b")]))
    item = by_name(old, checkpoint(res("r", dependencies=[urn("b")])))["r"]
    assert (item.consequential, paths(item)) == (True, ["options.dependencies"])
    assert nothing(old, checkpoint(res("r", dependencies=[urn("b"), urn("a")])))


def using(version: str, name: str = "", **inputs: Any) -> Checkpoint:
    provider = res(name or f"default_{version}", "pulumi:providers:t", parent="", inputs={"version": version} | inputs)
    return checkpoint(provider, res("r", provider=f"{provider['urn']}::i"))


def test_the_version_of_a_default_provider_is_its_own_change_and_one_that_follows_for_its_resources() -> None:
    found = by_name(using("1"), using("2"))
    provider, user = found["default_2"], found["r"]
    assert (provider.op, provider.old_urn, provider.consequential) == (
        "update", urn("default_1", "pulumi:providers:t"), False,
    )  # fmt: skip
    assert paths(provider) == ["inputs.version"]
    assert user.consequential
    assert [(change.path, change.old, change.new) for change in user.changes()] == [("options.version", "1", "2")]


def test_another_explicit_provider_is_a_change_but_not_one_that_was_renamed_or_upgraded() -> None:
    assert {name: item.op for name, item in by_name(using("1", "east"), using("1", "west")).items()} == {
        "west": "rename"
    }
    both = [res(name, "pulumi:providers:t", parent="", inputs={"version": "1"}) for name in ("east", "west")]
    sides = [checkpoint(*both, res("r", provider=f"{provider['urn']}::i")) for provider in both]
    item = by_name(*sides)["r"]
    assert (item.consequential, paths(item)) == (False, ["options.provider"])
    assert set(by_name(using("1", "east"), using("2", "east"))) == {"east"}


def test_another_default_provider_of_the_package_is_another_version() -> None:
    both = [res(f"default_{n}", "pulumi:providers:t", parent="", inputs={"version": n}) for n in ("1", "2")]
    sides = [checkpoint(*both, res("r", provider=f"{provider['urn']}::i")) for provider in both]
    item = by_name(*sides)["r"]
    assert (item.consequential, paths(item)) == (False, ["options.version"])


def test_default_providers_are_listed_for_what_is_in_them_alone() -> None:
    provider = res("default", "pulumi:providers:t", parent="", inputs={"region": "a"}, id="1")
    assert nothing(checkpoint(), checkpoint(provider))
    assert nothing(checkpoint(provider), checkpoint())
    assert nothing(checkpoint(provider), checkpoint(provider | {"id": "2"}))
    changed = by_name(checkpoint(provider), checkpoint(provider | {"inputs": {"region": "b"}}))["default"]
    assert paths(changed) == ["inputs.region"]


def test_outputs_count_for_components_and_the_stack_and_follow_elsewhere() -> None:
    old, new = checkpoint(res("r", outputs={"etag": 1})), checkpoint(res("r", outputs={"etag": 2}))
    item = by_name(old, new)["r"]
    assert (item.op, item.consequential, paths(item), paths(item, outputs=True)) == (
        "update", True, [], ["outputs.etag"],
    )  # fmt: skip
    assert diff_checkpoints(old, new).counts() == {}
    old = checkpoint(res("c", custom=False, id="", outputs={"o": 1}))
    new = checkpoint(res("c", custom=False, id="", outputs={"o": 2}))
    assert paths(by_name(old, new)["c"]) == ["outputs.o"]
    assert not by_name(old, new)["c"].consequential


def test_stack_outputs_are_a_change_of_the_stack_that_is_not_counted() -> None:
    def state(url: str) -> Checkpoint:
        return decode_checkpoint(
            json.dumps({"version": 3, "deployment": {"resources": [STACK | {"outputs": {"url": url}}]}}).encode(),
            source="test",
        )

    found = diff_checkpoints(state("a"), state("b"))
    assert [paths(item) for item in found.resources] == [["outputs.url"]]
    assert found.counts() == {}
