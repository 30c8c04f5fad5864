"""What a run has done so far, as the driver and the displays know it."""

from __future__ import annotations

from pulumi_rewind.engine.events import EngineEvent, ResourceDone, ResourceFailed, ResourcePre, StepMetadata, StepState
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.progress import Change, RunProgress

URN = "urn:pulumi:dev::shop::t:m:R::"


def meta(op: str, name: str = "db", old: StepState | None = None) -> StepMetadata:
    return StepMetadata(op, URN + name, "t:m:R", old=old, new=StepState(id=f"{name}-1"))


def seen(progress: RunProgress, *events: EngineEvent) -> list[str]:
    """The states of the first row after each event, a second apart."""
    states: list[str] = []
    for now, event in enumerate(events):
        progress.see(event, float(now))
        states.append(progress.rows[0].status)
    return states


def test_a_replacement_that_deletes_first_is_done_when_the_new_object_is_made() -> None:
    progress = RunProgress([Step(URN + "db", "db", "t:m:R", "replace", "replaced")])
    assert seen(
        progress,
        ResourcePre(meta("delete-replaced")),
        ResourceDone(meta("delete-replaced")),
        ResourcePre(meta("create-replacement")),
        ResourceDone(meta("create-replacement")),
    ) == ["running", "waiting", "running", "ok"]
    row = progress.rows[0]
    assert (row.replaced, row.took(9.0)) == (True, 2.0)
    assert (progress.count("ok"), progress.count("waiting"), progress.total) == (1, 0, 1)
    assert progress.made == {URN + "db": "db-1"}


def test_what_is_only_looked_at_has_a_row_where_it_was_planned() -> None:
    progress = RunProgress([Step(URN + "net", "net", "t:m:R", "read", "read")])
    assert progress.see(ResourceDone(meta("refresh")), 0.0) == Change(None)
    assert not progress.moved
    assert seen(progress, ResourcePre(meta("read", "net")), ResourceDone(meta("read", "net"))) == ["running", "ok"]
    assert (progress.total, progress.moved) == (1, False)


def test_what_the_driver_asks_for() -> None:
    progress = RunProgress()
    kept = meta("discard", old=StepState(retain_on_delete=True))
    for event in (ResourcePre(kept), ResourceDone(kept), ResourceFailed(meta("update", "web"))):
        progress.see(event)
    assert (progress.moved, progress.failed, progress.forgotten) == (True, 1, [kept.urn])
    assert progress.counted({"delete": 2, "same": 1}) == {"delete": 1, "discard": 1, "same": 1}
    assert progress.counted({"delete": 1, "discard": 1}, {kept.urn}) == {"delete": 0, "discard": 1, "hold": 1}
    assert progress.in_flight == {}
