"""`diff`: directions, labels, forms; no pulumi CLI and no passphrase here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.filestack import FileStack, encrypted


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    """#1: api s, db; #2: api m, jobs; live = #2."""
    made = FileStack(tmp_path)
    made.update(made.resource("api", {"size": "s", "tags": {"a": 1}}), made.resource("db", {"engine": "pg15"}))
    made.update(made.resource("api", {"size": "m", "tags": {"a": 1}}), made.resource("jobs", {"count": 2}))
    return made


def test_live_to_last_good_by_default(stack: FileStack) -> None:
    ran = stack.run("diff")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0].startswith("- live (#2) → + #1")
    assert "~1" in lines[0]
    assert "+1" in lines[0]
    assert "-1" in lines[0]
    assert "~ update  api  test:index:Thing" in lines
    assert '    - size: "m"' in lines
    assert '    + size: "s"' in lines
    assert "+ create  db  test:index:Thing" in lines
    assert "- delete  jobs  test:index:Thing" in lines
    assert "tags" not in ran.out


@pytest.mark.parametrize(
    ("args", "source", "goal"),
    [
        ((), "live (#2)", "#1"),
        (("dev",), "live (#2)", "#1"),
        (("1",), "live (#2)", "#1"),
        (("-1",), "live (#2)", "#1"),
        (("live",), "live (#2)", "#1"),
        (("1", "2"), "#1", "#2"),
        (("#2", "#1"), "#2", "#1"),
        (("1", "live"), "#1", "live (#2)"),
        (("-1", "live"), "#1", "live (#2)"),
        (("dev", "1"), "live (#2)", "#1"),
        (("dev", "1", "2"), "#1", "#2"),
        (("-s", "dev", "1", "2"), "#1", "#2"),
        (("dev", "--stat", "live", "-1"), "live (#2)", "#1"),
    ],
)
def test_arguments(stack: FileStack, args: tuple[str, ...], source: str, goal: str) -> None:
    ran = stack.run("diff", *args)
    assert ran.code == 0, ran.err
    head = ran.out.splitlines()[0]
    assert head.startswith(f"- {source}")
    assert f"→ + {goal}" in head


def test_json_shape(stack: FileStack) -> None:
    shown = stack.run("diff", "1", "2", "--json").json()
    assert set(shown) == {"from", "to", "sameContent", "newIds", "resources"}
    assert shown["from"] == "#1"
    assert shown["to"] == "#2"
    by_name = {res["name"]: res for res in shown["resources"]}
    assert {name: res["op"] for name, res in by_name.items()} == {"api": "update", "db": "delete", "jobs": "create"}
    assert set(by_name["api"]) == {"urn", "type", "name", "op", "changes"}
    size = next(change for change in by_name["api"]["changes"] if change["path"] == "inputs.size")
    assert size == {"path": "inputs.size", "kind": "changed", "old": "s", "new": "m", "secret": False}


def test_stat_is_one_line_a_resource(stack: FileStack) -> None:
    ran = stack.run("diff", "--stat")
    assert len(ran.out.splitlines()) == 4
    assert any(line.startswith("~ update") and line.split()[-1] == "size" for line in ran.out.splitlines())


def test_nothing_differs(stack: FileStack) -> None:
    ran = stack.run("diff", "2", "live")
    assert ran.code == 0
    assert ran.out.splitlines() == ["- #2 → + live (#2)   no changes"]
    assert stack.run("diff", "2", "live", "--json").json()["resources"] == []


def test_secrets_without_an_engine_are_not_comparable_and_said_so_once(stack: FileStack) -> None:
    stack.update(stack.resource("db", {"password": encrypted("v1:one"), "user": "a"}))
    stack.update(stack.resource("db", {"password": encrypted("v1:two"), "user": "b"}))
    ran = stack.run("diff", "3", "4")
    assert ran.code == 0, ran.err
    assert ran.err.count("secrets are not compared") == 1
    assert "hint:" in ran.err
    assert "? password  [secret] not comparable" in ran.out
    assert "~1" in ran.out.splitlines()[0], "the user changed for certain"
    assert '+ user: "b"' in ran.out
    assert "v1:" not in ran.out
    assert "v1:" not in stack.run("diff", "3", "4", "--json").out
    assert "v1:" not in stack.run("diff", "3", "4", "--secrets").out


def test_what_is_not_comparable_is_not_called_changed(stack: FileStack) -> None:
    stack.update(stack.resource("db", {"password": encrypted("v1:one")}))
    stack.update(stack.resource("db", {"password": encrypted("v1:two")}))
    ran = stack.run("diff", "3", "4")
    assert ran.out.splitlines()[0].endswith("?1 not comparable")
    assert "~" not in ran.out
    assert "? not comparable  db" in ran.out
    assert "? not comparable" in stack.run("diff", "3", "4", "--stat").out


def test_a_rename_is_a_rename(stack: FileStack) -> None:
    stack.update(stack.resource("old", {"a": 1}, id="same-id"))
    stack.update(stack.resource("new", {"a": 1}, id="same-id"))
    ran = stack.run("diff", "3", "4")
    assert "» rename  new  test:index:Thing  renamed from old" in ran.out
    assert ran.out.splitlines()[0].endswith("»1")


def test_what_only_follows_is_folded(stack: FileStack) -> None:
    db = stack.resource("db", {}, id="db-aaaa")
    uses: dict[str, Any] = {"dependencies": [db["urn"]], "propertyDependencies": {"db": [db["urn"]]}}
    stack.update(db, stack.resource("api", {"db": "db-aaaa"}, **uses))
    stack.update({**db, "id": "db-bbbb"}, stack.resource("api", {"db": "db-bbbb"}, **uses))
    assert stack.run("diff", "3", "4").out.splitlines() == [
        "- #3 → + #4   = same content",
        "",
        "= same content; 1 object has a new id, 1 other follows",
    ]
    assert stack.run("diff", "3", "4", "--stat").out.splitlines()[1:] == [
        "= same content; 1 object has a new id, 1 other follows"
    ]
    shown = stack.run("diff", "3", "4", "--json").json()
    assert (shown["sameContent"], shown["resources"], len(shown["newIds"])) == (True, [], 1)
    stack.update({**db, "id": "db-cccc"}, stack.resource("api", {"db": "db-cccc", "size": "l"}, **uses))
    ran = stack.run("diff", "3", "5")
    assert "~ update  api  test:index:Thing" in ran.out
    assert "= 1 object has a new id and the same content" in ran.out
    assert "± replace" not in ran.out


def test_another_object_that_holds_data_is_named(stack: FileStack) -> None:
    """The content is the same, what is in it can't be: a database that was made anew is empty."""
    base = stack.resource("orders", {"size": "s"}, type_="aws:rds/instance:Instance", id="db-aaaa")
    stack.update(base)
    stack.update({**base, "id": "db-bbbb"})
    ran = stack.run("diff", "3", "4")
    assert "another object, its data may differ: orders" in ran.out
    assert "replace" not in ran.out


def test_values_are_inert(stack: FileStack) -> None:
    stack.update(stack.resource("a\x1b[2J", {"k\x1b]0;x\x07": "v\x1b[31m[bold]"}))
    ran = stack.run("diff", "1", "3")
    assert ran.code == 0, ran.err
    assert "\x1b" not in ran.out
    assert "[bold]" in ran.out
    colored = stack.terminal("diff", "1", "3", colors=True)
    assert "\x1b[2J" not in colored.out
    assert "\x1b]0;" not in colored.out


def test_red_and_green_in_a_terminal(stack: FileStack) -> None:
    shown = stack.terminal("diff", colors=True).out
    assert '\x1b[31m- size: "m"' in shown
    assert '\x1b[32m+ size: "s"' in shown


def test_unknown_targets(stack: FileStack) -> None:
    ran = stack.run("diff", "nonsense")
    assert ran.code == 2
    assert ran.err.startswith("error: ")
    assert "nonsense" in ran.err
    assert stack.run("diff", "a", "b", "c", "d").code == 2
    assert stack.run("diff", "-s", "dev", "1", "2", "live").code == 2


def test_the_exit_code_says_whether_they_differ_where_that_is_asked(stack: FileStack) -> None:
    for form in ((), ("--json",), ("--stat",)):
        assert stack.run("diff", "1", "2", *form).code == 0
        assert stack.run("diff", "1", "2", "--exit-code", *form).code == 7
        assert stack.run("diff", "2", "live", "--exit-code", *form).code == 0
    assert stack.run("diff", "--exit-code", "99").code == 2
    assert stack.run("diff", "--exit-code", "--nothing").code == 2


def test_for_the_exit_code_new_ids_are_no_difference_and_an_unread_secret_is_one(stack: FileStack) -> None:
    stack.update(stack.resource("db", {"password": encrypted("v1:one")}))
    stack.update(stack.resource("db", {"password": encrypted("v1:two")}))
    stack.update(stack.resource("db", {"password": encrypted("v1:two")}, id="db-another"))
    assert stack.run("diff", "3", "4", "--exit-code").code == 7, "nobody can tell that they are the same"
    same = stack.run("diff", "4", "5", "--exit-code")
    assert "same content" in same.out
    assert same.code == 0


def test_what_an_update_did(stack: FileStack) -> None:
    assert stack.run("diff", "2", "--did").out == stack.run("diff", "1", "2").out
    assert stack.run("diff", "dev", "last-good", "--did", "--stat").out.startswith("- nothing → + #1")
    first = stack.run("diff", "1", "--did", "--json").json()
    assert first["from"] == "nothing"
    assert {res["op"] for res in first["resources"]} == {"create"}


@pytest.mark.parametrize("args", [(), ("live",), ("1", "2")])
def test_what_it_did_needs_one_update(stack: FileStack, args: tuple[str, ...]) -> None:
    ran = stack.run("diff", *args, "--did")
    assert ran.code == 2
    assert "`pulumi-rewind diff 4 --did`" in ran.err


def test_what_a_failed_update_did_comes_with_why_it_failed(stack: FileStack) -> None:
    stack.update(stack.resource("api", {"size": "l"}), result="failed")
    shown = stack.run("diff", "3", "--did").out
    assert shown.startswith("- #2 → + #3")
    assert "✗ #3 failed\n  No message was kept." in shown
    assert '    + size: "l"' in shown
    assert "failed" not in stack.run("diff", "2", "--did").out
