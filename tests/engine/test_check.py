"""`check` on the real engine: what it says of an update that is about to be deployed, without touching anything."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

import pytest

from pulumi_rewind.checking.check import check_update
from pulumi_rewind.checking.predicted import MADE_UP
from pulumi_rewind.checking.report import CheckReport
from pulumi_rewind.errors import EngineError
from pulumi_rewind.strategies.preview import ignore_events
from tests.support.rewind import session
from tests.support.stack import EngineStack
from tests.support.terminal import Ran

HEAD = "import pulumi, bridged_sdk as bridged\nfrom pulumi import ResourceOptions as O\n"

FIRST = (
    HEAD
    + """
db = bridged.Database("db", {"engine": "pg15", "password": pulumi.Output.secret("hush-hush-77")})
app = bridged.Server("app", {"image": "1", "dependsId": db.id})
old = bridged.Bucket("old", {"acl": "private"})
zone = bridged.Server("zone", {"image": "1", "zone": "a"})
near = bridged.Server("near", {"image": zone.id, "zone": zone.arn})
lone = bridged.Server("lone", {"image": pulumi.Output.secret("hush-hush-77")}, O(depends_on=[old]))
kept = bridged.Server("kept", {"image": "1"}, O(retain_on_delete=True))
first = bridged.Server("first", {"image": "1"})
bridged.Server("still", {"image": "1"})
"""
)
SECOND = (
    HEAD
    + """
db = bridged.Database("db", {"engine": "pg16", "password": pulumi.Output.secret("hush-hush-78")})
app = bridged.Server("app", {"image": "1", "dependsId": db.id})
zone = bridged.Server("zone", {"image": "1", "zone": "b"})
near = bridged.Server("near", {"image": zone.id, "zone": zone.arn})
lone = bridged.Server("lone", {"image": pulumi.Output.secret("hush-hush-78")}, O(depends_on=[db]))
group = pulumi.ComponentResource("x:y:Group", "group")
new = bridged.Database("new", {"engine": db.engine, "size": db.id}, O(parent=group))
second = bridged.Server("second", {"image": "1"}, O(aliases=[pulumi.Alias(name="first")]))
bridged.Server("still", {"image": "1"})
"""
)


def checked(stack: EngineStack, program: str, flags: Sequence[str] = ()) -> CheckReport:
    """What is said of a program that is not deployed; nothing may change for that."""
    stack.write_program(program)
    stack.forget_calls()
    before = stack.state_file.read_bytes(), stack.physical()
    try:
        return check_update(session(stack), flags, observe=ignore_events)
    finally:
        assert (stack.state_file.read_bytes(), stack.physical()) == before
        assert stack.calls() == [], "a provider was asked to do something"


def verdicts(report: CheckReport) -> dict[str, str]:
    return {one.verdict.name: one.verdict.verdict for one in report.judged}


def test_every_step_gets_its_verdict_and_nothing_is_touched(stack: EngineStack) -> None:
    stack.up(FIRST)
    report = checked(stack, SECOND)
    assert report.problem == ""
    assert verdicts(report) == {
        "db": "data-loss",
        "app": "in-place",
        "old": "holdable",
        "zone": "new-id",
        "near": "new-id",
        "lone": "in-place",
        "kept": "new-id",
        "second": "in-place",
        "group": "nothing",
        "new": "nothing",
    }
    assert {one.verdict.name for one in report.failing} == {"db"}
    stack.write_file("rewind.toml", '[check]\nfail_on = ["new-id"]\n')
    words = ("check", "--format", "json", "--", "--target", stack.resources()["zone"]["urn"])
    done = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", *words])
    ran = Ran(done.returncode, done.stdout, done.stderr)
    assert ran.code == 3, ran
    found = ran.json()
    assert (found["verdict"], found["problem"]) == ("new-id", "")
    steps = [(one["name"], one["op"], one["fails"]) for one in found["steps"]]
    assert steps == [("zone", "replace", True), ("near", "same", True)], "what uses it gets the new id on the way back"
    assert "hush-hush" not in ran.out + ran.err
    assert MADE_UP not in ran.out + ran.err


@pytest.mark.since("3.256.0", "a preview that goes past protection")
def test_what_is_new_and_protected_keeps_nothing_from_its_verdict(stack: EngineStack) -> None:
    program = HEAD + 'bridged.Server("web", {"image": "%s"})\n'
    stack.up(program % "1")
    report = checked(stack, program % "2" + 'bridged.Server("safe", {"image": "1"}, O(protect=True))\n')
    assert report.problem == ""
    assert verdicts(report) == {"web": "in-place", "safe": "unknown"}
    assert {one.verdict.name for one in report.failing} == {"safe"}


def test_a_first_deployment_is_taken_back_by_deleting_it(stack: EngineStack) -> None:
    report = checked(stack, FIRST + 'bridged.Server("safe", {"image": "1"}, O(protect=True))\n')
    found = verdicts(report)
    assert (found.pop("safe"), set(found.values()), len(found)) == ("unknown", {"nothing"}, 9)
    with pytest.raises(EngineError, match="preview"):
        checked(stack, "raise ValueError('no program')")


DISK = """
import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

class DiskProvider(ResourceProvider):
    def create(self, props):
        return CreateResult("disk-1", props)
    def diff(self, _id, olds, news):
        if _id.startswith("pulumi-rewind"):
            raise ValueError("asked about an object that isn't there")
        smaller = news["size"] < olds["size"]
        return DiffResult(changes=news["size"] != olds["size"], replaces=["size"] if smaller else [])
    def update(self, _id, _olds, news):
        return UpdateResult(news)

class Disk(Resource):
    def __init__(self, name, size):
        super().__init__(DiskProvider(), name, {"size": size})
"""


def test_what_can_grow_in_place_and_not_shrink_is_found_out(stack: EngineStack) -> None:
    stack.up(DISK + 'Disk("disk", 1)\nDisk("other", 5)\n')
    report = checked(stack, DISK + 'Disk("disk", 2)\nDisk("other", 4)\nDisk("new", 1)\n')
    assert report.problem == "", "the provider was not asked about made-up ids"
    assert verdicts(report) == {"disk": "new-id", "other": "new-id", "new": "nothing"}
    (disk,) = [one.verdict for one in report.judged if one.verdict.name == "disk"]
    assert (disk.op, disk.reason) == ("update", "going back replaces it because of size")
    stack.write_file("rewind.toml", 'stateful_types = ["pulumi-python:dynamic:*"]\n')
    data = verdicts(checked(stack, DISK + 'Disk("disk", 2)\nDisk("other", 5)\n'))
    assert data == {"disk": "data-loss"}, "it is going back that loses it, which no held delete prevents"


def test_where_the_way_back_can_not_be_previewed_nothing_is_called_fine(stack: EngineStack) -> None:
    stack.up(HEAD + 'bridged.Server("gone", {"image": "1"})\nbridged.Server("app", {"image": "1"})\n')
    stack.trouble({"name": "gone", "operation": "check", "action": "fail", "message": "not today"})
    report = checked(stack, HEAD + 'bridged.Server("app", {"image": "2"})\nbridged.Server("new", {"image": "1"})\n')
    assert "not today" in report.problem
    assert verdicts(report) == {"gone": "new-id", "app": "unknown", "new": "nothing"}


HOOKS = """
import pulumi_rewind as rewind

orders = rewind.component("x:y:Orders")

@rewind.undo_delete(name="saved")
def restore(ctx):
    raise RuntimeError("a check calls nothing")

@orders.revision("0001_table", irreversible="rows are gone")
def up(ctx):
    raise RuntimeError("a check calls nothing")
"""


def test_callbacks_and_revisions_without_a_down(stack: EngineStack) -> None:
    component = 'pulumi.ComponentResource("x:y:Orders", "orders")\n'
    stack.up(
        HEAD + component + 'bridged.Database("saved", {"engine": "a"})\nbridged.Database("lost", {"engine": "a"})\n'
    )
    stack.write_file("rewind_hooks.py", HOOKS)
    report = checked(stack, HEAD + component)
    assert verdicts(report) == {"saved": "callback", "lost": "holdable", "orders": "no-down"}
    (revision,) = [one.verdict for one in report.judged if one.verdict.name == "orders"]
    assert (revision.op, revision.reason) == ("revision", "0001_table can't be taken back: rows are gone")


@pytest.mark.since("3.208.0", "the resource Stash")
def test_an_asset_whose_old_content_is_nowhere(stack: EngineStack) -> None:
    program = (
        "from pulumi import FileAsset\nfrom pulumi.stash import Stash\n"
        'Stash("page", input=FileAsset("page.html"))\nStash("note", input=FileAsset("note.txt"))\n'
    )
    stack.write_program(program)
    stack.write_file("page.html", "one")
    stack.git_commit("the page, and no note")
    stack.write_file("note.txt", "one")
    stack.up()
    stack.write_file("page.html", "two")
    stack.write_file("note.txt", "two")
    report = checked(stack, program)
    assert verdicts(report) == {"page": "in-place", "note": "asset-lost"}


def test_a_provider_whose_old_version_is_gone(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.install_provider("2.0.0")
    program = HEAD + 'bridged.VERSION = "{}"\nbridged.Server("app", {{"image": "{}"}})\nbridged.Vault("new")\n'
    stack.up(program.replace('bridged.Vault("new")', "").format("1.0.0", "1"))
    assert verdicts(checked(stack, program.format("2.0.0", "2"))) == {"app": "in-place", "new": "nothing"}
    shutil.rmtree(stack.home / "plugins" / "resource-bridged-v1.0.0")
    report = checked(stack, program.format("2.0.0", "2"))
    assert "no resource plugin" in report.problem
    assert verdicts(report) == {"app": "provider-gone", "new": "nothing"}
