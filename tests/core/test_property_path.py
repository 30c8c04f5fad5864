"""Property paths, and what ignoring changes of one does to inputs."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.state.property_path import PropertyPath, keeping, parse_path
from pulumi_rewind.state.values import SECRET, SIG

keys = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
paths = st.lists(keys | st.integers(0, 20), min_size=1, max_size=5).map(tuple)


def written(path: PropertyPath) -> str:
    """A path with every key in quotes, which any key can be."""
    return "".join(
        f"[{step}]" if isinstance(step, int) else f'["{step.replace(chr(34), chr(92) + chr(34))}"]' for step in path
    )


@given(paths.filter(lambda path: not any(isinstance(step, str) and "\\" in step for step in path)))
def test_a_path_that_is_written_out_is_read_back(path: PropertyPath) -> None:
    assert parse_path(written(path)) == path


@given(st.text('ab.[]"*\\0-9', max_size=12))
def test_no_text_breaks_the_reader(text: str) -> None:
    found = parse_path(text)
    assert found is None or all(isinstance(step, str | int) for step in found)


def test_the_forms_that_people_write() -> None:
    assert parse_path("spec.desired") == ("spec", "desired")
    assert parse_path('tags["k8s.io/owner"]') == ("tags", "k8s.io/owner")
    assert parse_path("rules[*].cidr") == ("rules", "*", "cidr")
    assert parse_path('a["*"].b') == ("a", "*", "b")
    assert parse_path("a[0][1].b") == ("a", 0, 1, "b")
    assert parse_path("foo-bar.[1]") == ("foo-bar", 1)
    assert parse_path(r'["say \"hi\""].x') == ('say "hi"', "x")
    for wrong in ("", ".a", "a.", "a[", 'a["b', 'a["b"', "a[x]", "a[]"):
        assert parse_path(wrong) is None


leaves = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
inputs = st.dictionaries(st.sampled_from("abc"), values, max_size=3)
patterns = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "*"]) | st.integers(0, 1), min_size=1, max_size=3).map(
        lambda steps: written(tuple(steps))
    ),
    max_size=3,
)


def at(value: Any, path: PropertyPath) -> Any:
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return "nothing there"
    return value


@given(patterns, inputs, inputs)
def test_keeping_is_settled_at_once_and_changes_nothing_else(given: list[str], old: Any, new: Any) -> None:
    kept = keeping(given, old, new)
    assert keeping(given, old, kept) == kept
    assert keeping(given, new, new) == new
    assert keeping((), old, new) == new
    tops = {path[0] for path in map(parse_path, given) if path}
    if "*" not in tops:
        assert all(kept.get(key) == new.get(key) for key in "abc" if key not in tops)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), inputs, inputs)
def test_what_is_ignored_is_as_it_was_where_both_have_the_way_there(steps: list[str], old: Any, new: Any) -> None:
    path = tuple(steps)
    way = all(isinstance(at(side, path[:depth]), dict) for side in (old, new) for depth in range(len(path)))
    if way:
        assert at(keeping([".".join(path)], old, new), path) == at(old, path)


def test_a_wildcard_over_lists_of_another_length_keeps_what_both_have() -> None:
    """The list grew since: https://github.com/pulumi/pulumi/issues/20227."""
    old = {"ingress": [{"port": 5432, "cidr": "10.0.0.0/16"}]}
    new = {"ingress": [{"port": 1, "cidr": "0.0.0.0/0"}, {"port": 8000, "cidr": "0.0.0.0/0"}]}
    assert keeping(["ingress[*].cidr"], old, new) == {
        "ingress": [{"port": 1, "cidr": "10.0.0.0/16"}, {"port": 8000, "cidr": "0.0.0.0/0"}]
    }


def test_keys_with_dots_are_one_step_in_brackets() -> None:
    """Annotations of Kubernetes: https://github.com/pulumi/pulumi/issues/9054."""
    old, new = {"annotations": {"run.app/x": "bar", "y": 1}}, {"annotations": {"run.app/x": "qux", "y": 2}}
    assert keeping(['annotations["run.app/x"]'], old, new) == {"annotations": {"run.app/x": "bar", "y": 2}}
    assert keeping(["annotations.run.app/x"], old, new) == new


def test_what_is_not_there_is_taken_away_and_everything_can_be_kept() -> None:
    assert keeping(["a.x"], {"a": {}}, {"a": {"x": 1, "y": 2}}) == {"a": {"y": 2}}
    assert keeping(["a"], {}, {"a": 1, "b": 2}) == {"b": 2}
    assert keeping(["*"], {"a": 1}, {"b": 2}) == {"a": 1}
    assert keeping(["a[7]"], {"a": [1]}, {"a": [2]}) == {"a": [2]}


def test_secrets_are_looked_into_and_stay_secrets() -> None:
    def secret(value: object) -> dict[str, Any]:
        return {SIG: SECRET, "plaintext": json.dumps(value)}

    kept = keeping(["db.password"], {"db": secret({"password": "old", "n": 1})}, {"db": {"password": "new", "n": 2}})
    assert kept["db"][SIG] == SECRET
    assert json.loads(kept["db"]["plaintext"]) == {"password": "old", "n": 2}
    kept = keeping(["db.n"], {"db": {"n": 1}}, {"db": secret({"n": 2})})
    assert json.loads(kept["db"]["plaintext"]) == {"n": 1}
