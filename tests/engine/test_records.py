"""Rollbacks by the real engine to updates that only records in git still know."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from pulumi_rewind.errors import IncompleteError
from pulumi_rewind.records.verify import verify_records
from pulumi_rewind.rollback.recording import record_update
from tests.support.rewind import roll_back, session, settled
from tests.support.stack import EngineStack

PROGRAM = """
import pulumi, bridged_sdk as bridged
from pulumi import FileArchive, FileAsset
from pulumi.stash import Stash

web = bridged.Server("web", {{"image": "{image}", "userData": pulumi.Output.secret("hush-hush {image}")}})
Stash("page", input={{"source": FileAsset("page.html"), "code": FileArchive("src")}})
"""


def deploy(stack: EngineStack, image: str) -> None:
    stack.write_file("page.html", f"<p>{image}")
    stack.write_file("src/main.py", f"print({image!r})")
    stack.up(PROGRAM.format(image=image))


def lose(stack: EngineStack, *kinds: str, oldest: int) -> None:
    """The backend loses files of its oldest updates."""
    for kind in kinds:
        for path in sorted(stack.history_directory.glob(f"*.{kind}.json"))[:oldest]:
            path.unlink()


@pytest.mark.slow
@pytest.mark.since("3.208.0", "the resource Stash")
def test_back_to_what_only_records_know(stack: EngineStack, tmp_path: Path) -> None:
    stack.git_commit("start")
    deploy(stack, "nginx:1")  # neither program nor assets are committed
    first = settled(stack)
    page = stack.resources()["page"]["inputs"]["input"]
    ran = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "record", "dev", "--json"])
    assert ran.returncode == 0, ran.stderr
    (done,) = json.loads(ran.stdout)["recorded"]
    assert (done["version"], done["new"], done["leftOut"]) == (1, True, [])
    record = session(stack).records
    assert record is not None
    kept = record.read(1)
    assert kept is not None
    assert b"nginx:1" in kept.patch()
    assert set(kept.names("untracked/")) >= {"page.html", "src/main.py"}
    assert set(kept.names("assets/")) == {page["source"]["hash"], page["code"]["hash"]}
    assert b"hush-hush" not in kept.raw()
    assert kept.meta.plugins["bridged"] == "1.0.0"

    stack.git_commit("two", tag="v2")
    deploy(stack, "nginx:2")
    assert record_update(session(stack), 2).new
    lose(stack, "history", "checkpoint", oldest=1)
    lose(stack, "checkpoint", oldest=1)
    timeline = session(stack).timeline
    assert [update.from_record for update in timeline.history.newest(9)] == ["checkpoint", "update"]

    # A rollback that fails half-way is recorded as well.
    stack.trouble({"name": "web", "operation": "update", "action": "fail"})
    with pytest.raises(IncompleteError):
        roll_back(stack, "1")
    stack.trouble()
    failed = session(stack).timeline.update(3)
    assert (failed.result, session(stack).records.numbers()) == ("failed", (1, 2, 3))  # type: ignore[union-attr]

    result = roll_back(stack, "1")
    assert (result.result, result.version) == ("succeeded", 4)
    assert [item for item in result.differences if not item.expected] == []
    now = stack.resources()
    assert now["page"]["inputs"]["input"]["source"]["hash"] == page["source"]["hash"]
    assert now["page"]["inputs"]["input"]["code"]["hash"] == page["code"]["hash"]
    assert now["web"]["inputs"]["image"] == "nginx:1"
    assert now["web"]["id"] == next(res["id"] for urn, res in first.items() if urn.endswith("::web"))
    assert stack.git("status", "--porcelain") != ""  # what was uncommitted still is
    recorded = session(stack).records
    assert recorded is not None
    assert recorded.numbers() == (1, 2, 3, 4)
    assert list(verify_records(recorded, session(stack).timeline)) == []

    # Another machine: a new clone, the records fetched, and a backend that never kept any history.
    origin = tmp_path / "origin.git"
    stack.git("init", "--quiet", "--bare", str(origin))
    stack.git("push", "--quiet", str(origin), "HEAD:refs/heads/main", "refs/pulumi-rewind/*:refs/pulumi-rewind/*")
    shutil.move(stack.root, tmp_path / "old")
    shutil.rmtree(stack.history_directory)
    stack.root.mkdir()
    stack.git("clone", "--quiet", "--branch", "main", str(origin), ".")
    stack.git("fetch", "--quiet", "origin", "refs/pulumi-rewind/*:refs/pulumi-rewind/*")
    result = roll_back(stack, "2")
    assert (result.result, result.version) == ("succeeded", 5)
    assert [item for item in result.differences if not item.expected] == []
    assert stack.resources()["web"]["inputs"]["image"] == "nginx:2"
    shown = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "history", "dev"]).stdout
    assert shown.count("from its record") == 4

    # An update that fails is recorded with its evidence.
    stack.write_program(PROGRAM.format(image="nginx:3"))
    stack.trouble({"name": "web", "operation": "update", "action": "fail"})
    up = stack.run([sys.executable, "-m", "pulumi_rewind_tui.cli", "up", "dev", "--yes"])
    assert up.returncode == 1, up.stdout + up.stderr
    kept = session(stack).records.read(6)  # type: ignore[union-attr]
    assert kept is not None
    assert (kept.meta.result, set(kept.evidence())) == ("failed", {"errors.json", "events.jsonl", "checkpoint.json"})
    assert b"web" in kept.evidence()["errors.json"]
    assert not any(b"hush-hush" in content for content in kept.evidence().values())
    assert b"nginx:3" in kept.patch()
