"""What Home and the result say where only ids are new, and of a rollback to a rollback."""

from __future__ import annotations

from pathlib import Path

from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.history.update_mark import Mark, Stamp
from pulumi_rewind.rollback.head_reminder import head_reminder
from pulumi_rewind.session import open_session
from pulumi_rewind.state.stateful_types import is_stateful
from pulumi_rewind_tui.text.comparison import Comparison, Heading
from pulumi_rewind_tui.text.diff_lines import DiffText
from pulumi_rewind_tui.text.diff_rows import Shown, build_rows
from pulumi_rewind_tui.text.home_page import diff_title
from pulumi_rewind_tui.text.views import Look
from pulumi_rewind_tui.words.symbols import symbols
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo

DB = "aws:rds/instance:Instance"


def heading(name: str, type_: str, op: str, *, new_id: bool = False, follows: bool = False) -> Heading:
    urn = f"urn:pulumi:dev::shop::{type_}::{name}"
    return Heading(urn, urn, op, type_, consequential=new_id or follows, only_new_id=new_id)


def rows(comparison: Comparison, shown: Shown) -> list[str]:
    found = build_rows(comparison, shown)
    return list(map(DiffText(comparison, shown, symbols(False), is_stateful).text, found))


FRESH = (heading("orders", DB, "same", new_id=True), heading("net", "aws:ec2/vpc:Vpc", "same", new_id=True))
FOLLOWS = heading("api", "aws:ec2/instance:Instance", "update", follows=True)


def test_new_ids_are_one_folded_line_that_names_what_holds_data() -> None:
    comparison = Comparison((0, 1), (*FRESH, FOLLOWS), "none")
    (line,) = rows(comparison, Shown())
    assert "= same content; 2 objects have a new id, 1 other follows" in line
    assert "data may differ: orders" in line
    assert "REPLACE" not in line
    assert "same content, new ids" in diff_title(Look(1, "back", 2), comparison, False)
    opened = "\n".join(rows(comparison, Shown(consequential=True)))
    assert "another object" in opened
    assert "data may differ" in opened


def test_beside_real_changes_they_are_folded_too() -> None:
    comparison = Comparison((0, 1), (*FRESH, FOLLOWS, heading("web", "t:m:R", "delete")), "none")
    shown = rows(comparison, Shown())
    assert any("DELETE" in line for line in shown)
    assert any("2 objects have a new id and the same content" in line for line in shown)
    assert any("1 consequential" in line for line in shown)
    assert "same content, new ids" not in diff_title(Look(1, "back", 2), comparison, False)


def test_head_still_contains_what_a_rollback_to_a_rollback_leaves_behind(tmp_path: Path) -> None:
    """#3 was a rollback to #1 while the bad commit of #2 was checked out: its own record names that commit."""
    store, repo = FileStore(tmp_path / "store"), GitRepo(tmp_path / "repo")
    (repo.root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    good, bad = repo.commit("good"), repo.commit("bad")
    store.add("v1", commit=good)
    store.add("v2", commit=bad)
    session = open_session(repo.root, "dev", backend=store.url, environ={"HOME": str(tmp_path)})
    stamp = Stamp(Mark.of(session.timeline.update(1)), Mark.of(session.timeline.update(2)))
    store.add("v1", commit=bad, message="rollback to #1", environment={"exec.agent": stamp.text()})
    store.add("v3")
    session.reload()
    target = resolve_target(session.timeline, "#3")
    assert f"HEAD ({bad[:7]}) still contains #2" in head_reminder(session, target)
    repo.git("checkout", "--quiet", good)
    assert head_reminder(session, target) == ""
