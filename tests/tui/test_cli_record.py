"""``record``: what it prints, its exit codes, and what `history` and `show` say of records."""

from __future__ import annotations

from pathlib import Path

from pulumi_rewind.session import open_session
from pulumi_rewind_tui.text.cells import plain
from pulumi_rewind_tui.text.details_page import details, read_evidence
from tests.support.filestack import FileStack


def test_record_from_first_to_last(tmp_path: Path) -> None:
    shop = FileStack(tmp_path)
    shop.set_live(shop.checkpoint([]))
    ran = shop.run("record")
    assert ran.code == 1
    assert "error: " in ran.err
    assert "in no git repository" in ran.err
    assert "hint: Records are kept in git" in ran.err
    shop.git("init", "--quiet")
    shop.git("add", "--all")
    shop.git("commit", "--quiet", "-m", "start")
    ran = shop.run("record")
    assert (ran.code, ran.out) == (0, "shop/dev has no updates yet: deploy it once with `pulumi up`\n")

    head = shop.git("rev-parse", "HEAD")
    for image in ("a", "b", "c"):
        environment = {"git.head": head, "git.dirty": "true"}
        shop.update(shop.resource("web", {"image": image}), environment=environment)
    (shop.work / ".env").write_text("A=hush-hush")
    (shop.work / "notes.txt").write_text("mine")
    ran = shop.run("record", "dev")
    assert ran.code == 0, ran.err
    assert "✓ recorded #3 as refs/pulumi-rewind/shop/dev/3 (" in ran.out
    assert "left out     .env: its name is typical of a secret" in ran.out
    ran = shop.run("record")
    assert ran.out == "· #3 is already recorded: refs/pulumi-rewind/shop/dev/3\n"

    ran = shop.run("record", "--all", "--json")
    assert [(item["version"], item["new"]) for item in ran.json()["recorded"]] == [(3, False), (2, True), (1, True)]
    ran = shop.run("record", "--all")
    assert ran.out == "0 records written, 3 already recorded\n"

    shop.record_file(1).unlink()
    shop.checkpoint_file(1).unlink()
    shop.checkpoint_file(1).unlink()  # of #2
    out = shop.run("history").out
    assert ["from its record" in line for line in out.splitlines()] == [False, True, True]
    assert [entry.get("fromRecord") for entry in shop.run("history", "--json").json()] == [None, "checkpoint", "update"]
    shown = shop.run("show", "3")
    assert "uncommitted  1 untracked file: notes.txt" in shown.out
    assert ".env: its name is typical of a secret" in shown.out
    session = open_session(shop.work, environ=shop.env)
    update = session.timeline.update(3)
    page = "\n".join(plain(line) for line in details(update, (), read_evidence(session, update), 100))
    assert "Record in git" in page
    assert ".env: its name is typical of a secret" in page
    assert shop.run("show", "1", "--json").json()["record"]["ref"] == "refs/pulumi-rewind/shop/dev/1"
    assert "- image" in shop.run("diff", "1", "2").out

    ran = shop.run("record", "--verify")
    assert (ran.code, ran.out) == (0, "✓ 3 records checked, all intact and of this stack\n")
    blob = shop.git("rev-parse", "refs/pulumi-rewind/shop/dev/1:checkpoint.json")
    (shop.work / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    ran = shop.run("record", "--verify")
    assert ran.code == 1
    assert "✗ refs/pulumi-rewind/shop/dev/1: checkpoint.json is missing" in ran.out
    assert "git fetch" in ran.err
    ran = shop.run("record", "--verify", "--json")
    assert (ran.code, [item["version"] for item in ran.json()["damaged"]]) == (1, [1])
    ran = shop.run("record", "--verify", "--all")
    assert ran.code == 2

    # On another machine they are not made here.
    other = {"HOME": str(tmp_path / "other")}
    ran = shop.run("record", env=other)  # the backend has lost one, and without them #3 is #2
    assert ran.code == 1
    assert "`pulumi-rewind record --trust all`" in ran.err
    assert "not made here; not used" in shop.run("show", "2", env=other).out
    ran = shop.run("record", "--verify", env=other)
    assert ran.code == 1
    assert "⚠ refs/pulumi-rewind/shop/dev/2: not made here and not used: commit " in ran.out
    ran = shop.run("record", "--verify", "--json", env=other)
    assert [item["version"] for item in ran.json()["foreign"]] == [1, 2, 3]
    ran = shop.run("record", "--trust", "3", env=other)
    assert (ran.code, "trusted from now on: the record of #3, commit " in ran.out) == (0, True)
    assert [item["version"] for item in shop.run("record", "--trust", "all", "--json", env=other).json()["used"]] == [
        1,
        2,
    ]
    assert len(shop.run("history", "--json", env=other).json()) == 3
    assert shop.run("record", env=other).out == "· #3 is already recorded: refs/pulumi-rewind/shop/dev/3\n"
    assert "no longer trusted: the record of #3" in shop.run("record", "--distrust", "3", env=other).out
    ran = shop.run("record", env=other)
    assert "⚠ the record of #3 (" in ran.out
    assert "note: 1 record was not made here and not used (#3): check them with --verify, then --trust all" in ran.err
    assert shop.run("record", "--trust", "1", "--all").code == 2
    assert shop.run("record", "--trust", "17").code == 2

    (shop.work / "rewind.toml").write_text("keep = 1\n")
    assert "more than rewind.toml keeps: --prune drops them" in shop.run("record").err
    ran = shop.run("record", "--prune")
    assert ran.code == 0
    assert "dropped 1 record: #1" in ran.out
