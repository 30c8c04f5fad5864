"""The verdicts of `check`: for each kind of step, and never better than what is known."""

from __future__ import annotations

from typing import Any

import pytest

from pulumi_rewind.checking.providers import missing_package, providers_gone
from pulumi_rewind.checking.verdicts import (
    Evidence,
    Verdict,
    pending_verdicts,
    revision_verdicts,
    step_verdicts,
    without_doubles,
    worst,
)
from pulumi_rewind.choices import HOLD_STATEFUL
from pulumi_rewind.plan.called import Move
from pulumi_rewind.plan.hold_deletes import holding
from pulumi_rewind.plan.model import OLD_COPY, Step
from pulumi_rewind.project.check_settings import VERDICTS
from pulumi_rewind.risk import BLOCKING, OPAQUE, Risk
from tests.support.checkpoints import STACK, checkpoint, provider, res, urn, used

DATABASE = "t:db:Database"


def step(name: str, op: str, type_: str = "t:m:R", **fields: Any) -> Step:
    return Step(urn(name, type_), name, type_, op, "", **fields)


def verdict_of(one: Step, *live: dict[str, Any], **evidence: Any) -> Verdict:
    side = checkpoint(*live)
    held = holding([one], side, HOLD_STATEFUL, stateful=evidence.get("stateful", ()))
    evidence = {"holdable": {urn for urn, _ in held.objects}, **evidence}
    (found,) = step_verdicts([one], Evidence(side, **evidence))
    return found


def back(name: str, op: str, type_: str = "t:m:R", **fields: Any) -> dict[str, Step]:
    return {urn(name, type_): step(name, op, type_, **fields)}


def risk(name: str, code: str, type_: str = "t:m:R", **fields: Any) -> dict[str, list[Risk]]:
    return {urn(name, type_): [Risk(code, "because", urn(name, type_), **fields)]}


def test_what_an_update_creates_is_deleted_again() -> None:
    assert verdict_of(step("a", "create")).verdict == "nothing"
    assert verdict_of(step("a", "create", DATABASE)).verdict == "nothing"
    protected = verdict_of(step("a", "create"), protected={urn("a")})
    assert (protected.verdict, "protected" in protected.reason) == ("unknown", True)
    assert verdict_of(step("a", "create"), risks=risk("a", "protected")).verdict == "unknown"


def test_what_is_imported_and_changed_is_not_recorded() -> None:
    assert verdict_of(step("a", "import")).verdict == "nothing"
    assert verdict_of(step("a", "import", keys=("size",))).verdict == "unknown"


@pytest.mark.parametrize("op", ["delete", "replace"])
def test_what_goes_comes_back_as_another_object_and_data_does_not(op: str) -> None:
    assert verdict_of(step("a", op), res("a")).verdict == "new-id"
    database = res("a", DATABASE)
    assert verdict_of(step("a", op, DATABASE), database).verdict == "holdable"
    assert verdict_of(step("a", op, DATABASE, delete_first=True), database).verdict == "data-loss"
    assert verdict_of(step("a", op, DATABASE), database | {"retainOnDelete": True}).verdict == "new-id"
    assert verdict_of(step("a", op), res("a"), stateful=("t:m:*",)).verdict == "holdable"
    assert verdict_of(step("a", op), res("a", custom=False, id="")).verdict == "in-place"
    assert verdict_of(step("a", op)).verdict == "unknown", "the state doesn't have it"


def test_an_update_in_place_is_judged_by_the_way_back() -> None:
    here = res("a")
    fine = verdict_of(step("a", "update"), here, back=back("a", "update", keys=("size",)))
    assert (fine.verdict, fine.reason) == ("in-place", "going back updates it in size")
    assert verdict_of(step("a", "update"), here, back=back("a", "same")).verdict == "in-place"
    forced = verdict_of(step("a", "update"), here, back=back("a", "replace", replace_keys=("size",)))
    assert (forced.verdict, forced.reason) == ("new-id", "going back replaces it because of size")
    database = verdict_of(step("a", "update", DATABASE), res("a", DATABASE), back=back("a", "replace", DATABASE))
    assert database.verdict == "data-loss"


def test_without_a_preview_of_the_way_back_an_update_in_place_is_unknown() -> None:
    found = verdict_of(step("a", "update"), res("a"), problem="no way")
    assert (found.verdict, "no way" in found.reason) == ("unknown", True)
    assert verdict_of(step("a", "update"), res("a")).verdict == "unknown", "the preview doesn't mention it"
    assert verdict_of(step("a", "update"), res("a", custom=False, id="")).verdict == "in-place"


def test_what_would_differ_from_what_was_is_not_in_place() -> None:
    here, same = res("a"), back("a", "same")
    assert verdict_of(step("a", "update"), here, back=same, risks=risk("a", OPAQUE)).verdict == "unknown"
    assert verdict_of(step("a", "update"), here, back=same, risks=risk("a", "ignore-changes")).verdict == "in-place"
    blocked = verdict_of(step("a", "delete"), here, risks=risk("a", "would-vanish", unusual=BLOCKING))
    assert (blocked.verdict, blocked.reason.startswith("because; ")) == ("unknown", True)


def test_a_change_of_what_the_old_state_ignores_changes_of_stays() -> None:
    changed, same = step("a", "update", keys=("tags.a", "size")), back("a", "same")
    for ignores in (["tags"], ["tags.b"], ["*"]):
        found = verdict_of(changed, res("a", ignoreChanges=ignores), back=same)
        assert (found.verdict, "the update's" in found.reason) == ("unknown", True), ignores
    assert verdict_of(changed, res("a", ignoreChanges=["other"]), back=same).verdict == "in-place"


def test_assets_providers_and_callbacks() -> None:
    here, gone = res("a"), {urn("a"): "its provider is gone"}
    assets = risk("a", "asset-missing")
    assert verdict_of(step("a", "update"), here, back=back("a", "update"), risks=assets).verdict == "asset-lost"
    assert verdict_of(step("a", "delete"), here, risks=assets).verdict == "asset-lost"
    lost = verdict_of(step("a", "replace", DATABASE, delete_first=True), res("a", DATABASE), risks={})
    assert lost.verdict == "data-loss"
    assert verdict_of(step("a", "delete"), here, gone=gone).verdict == "provider-gone"
    both = verdict_of(
        step("a", "replace", DATABASE, delete_first=True), res("a", DATABASE), risks=risk("a", "protected", DATABASE)
    )
    assert (both.verdict, both.reason.endswith(": its data is lost; because")) == ("data-loss", True)
    covered = {urn("a", DATABASE): "restore_db"}
    found = verdict_of(step("a", "delete", DATABASE), res("a", DATABASE), covered=covered)
    assert (found.verdict, "restore_db" in found.reason) == ("callback", True)
    updated = verdict_of(step("a", "update"), here, back=back("a", "update"), covered={urn("a"): "undo"})
    assert updated.verdict == "in-place", "it needs none"
    unclear = verdict_of(step("a", "update"), here, problem="no way", covered={urn("a"): "undo"})
    assert unclear.verdict == "unknown", "what it covers isn't known"
    assert verdict_of(step("a", "delete"), here, gone=gone, covered={urn("a"): "undo"}).verdict == "provider-gone"


def test_other_steps() -> None:
    assert verdict_of(step("a", "discard"), res("a", external=True)).verdict == "in-place"
    retained = res("a", retainOnDelete=True)
    assert verdict_of(step("a", "discard"), retained).verdict == "new-id"
    assert verdict_of(step("a", "discard"), retained, risks=risk("a", "asset-missing")).verdict == "asset-lost"
    for op in (OLD_COPY, "update"):
        copies = step("a", op, DATABASE, old_copies=("a-older",))
        assert verdict_of(copies, res("a", DATABASE), back=back("a", "update", DATABASE)).verdict == "data-loss"
    assert verdict_of(step("a", OLD_COPY, old_copies=("a-older",)), res("a")).verdict == "nothing"
    for op in ("rename", "update"):
        renamed = step("b", op, renamed_from=urn("a"))
        assert verdict_of(renamed, res("a"), back=back("a", "rename")).verdict == "in-place"
        found = verdict_of(renamed, res("a"), back=back("a", "rename"), risks=risk("a", OPAQUE))
        assert (found.name, found.verdict) == ("b", "unknown")
    replaced = step("b", "replace", renamed_from=urn("a"))
    assert verdict_of(replaced, res("a")).verdict == "new-id"
    assert verdict_of(replaced, res("a"), risks=risk("b", "protected")).verdict == "unknown"
    for op in ("create", "update"):
        assert verdict_of(step("a", op), res("a"), back=back("a", "something-new")).verdict == "unknown"
    assert verdict_of(step("a", "something-new"), res("a")).verdict == "unknown", "never fine by default"


def test_the_stack_and_what_stays_get_no_verdict_and_what_only_going_back_touches_gets_one() -> None:
    stack = Step(str(STACK["urn"]), "p-dev", str(STACK["type"]), "update", "")
    steps = [stack, step("a", "same")]
    side = checkpoint(res("a"), res("b"))
    assert list(step_verdicts(steps, Evidence(side, back=back("b", "same")))) == []
    (found,) = step_verdicts(steps, Evidence(side, back=back("b", "replace")))
    assert (found.name, found.op, found.verdict) == ("b", "same", "new-id")
    (found,) = step_verdicts(steps, Evidence(side, back=back("a", "replace")))
    assert (found.name, found.verdict) == ("a", "new-id")


def test_a_replacement_under_another_name_is_one_step() -> None:
    new = step("b", "replace", DATABASE, renamed_from=urn("a", DATABASE), old_id="a-id")
    for half in (step("a", OLD_COPY, DATABASE, old_copies=("a-id",)), step("a", "delete", DATABASE, old_id="a-id")):
        assert without_doubles([new, half]) == (new,)
    older = step("a", OLD_COPY, DATABASE, old_copies=("a-id", "a-older"))
    assert [one.old_copies for one in without_doubles([new, older])] == [(), ("a-older",)]
    another = step("a", "create", DATABASE, old_copies=("a-id",))
    assert without_doubles([new, another])[1] == step("a", "create", DATABASE), "the name is given to another object"
    alone = step("a", "delete", DATABASE)
    assert without_doubles([alone, step("b", "create")]) == (alone, step("b", "create"))


def test_a_create_that_was_left_open_is_in_the_way() -> None:
    pending = [{"resource": res(name), "type": type_} for name, type_ in (("a", "creating"), ("b", "updating"))]
    (found,) = pending_verdicts(checkpoint(pending_operations=pending))
    assert (found.name, found.verdict) == ("a", "unknown")


def test_revisions() -> None:
    component = urn("c", "x:y:C")

    def verdict(**fields: Any) -> str:
        (found,) = revision_verdicts([Move(component, component, "0001", **fields)], "", ())
        assert (found.name, found.op, found.type) == ("c", "revision", "x:y:C")
        return found.verdict

    assert verdict(direction="down", when="before") == "in-place"
    assert verdict(direction="down", when="before", problem="0001 has no down") == "no-down"
    assert verdict(direction="up", when="before", problem="no such revision") == "unknown"
    assert verdict(direction="down", when="before", loses_data=True) == "data-loss"
    (found,) = revision_verdicts((), "nobody knows", [component])
    assert found.verdict == "unknown"


def test_a_provider_is_gone_with_what_it_is_configured_from() -> None:
    made = provider("prov", "cloud") | {"dependencies": [urn("cluster")]}
    side = checkpoint(res("net"), res("cluster", dependencies=[urn("net")]), made, used("web"))
    going = {urn("web", "cloud:index:Thing")}
    assert providers_gone(side, going, {}) == {}
    (why,) = providers_gone(side, going, {}, lost={urn("cluster")}).values()
    assert why == "its provider prov is configured from cluster, which the update takes away"
    assert providers_gone(side, going, {}, lost={urn("net")}), "at any distance"
    stale = {made["urn"]: [Risk(OPAQUE, "may be stale", made["urn"])]}
    assert list(providers_gone(side, going, stale).values()) == ["its provider prov may be stale"]
    assert providers_gone(side, going, {}, package="other") == {}
    assert len(providers_gone(side, going, {}, package="cloud")) == 1


def test_which_provider_an_engine_misses() -> None:
    said = "error: no resource plugin 'pulumi-resource-big-cloud' found in the workspace at version v1.0.0"
    assert missing_package(said) == "big-cloud"
    assert missing_package("ModuleNotFoundError: No module named 'files'") == "pulumi-python"
    assert missing_package("update failed") == ""


def test_the_worst_verdict() -> None:
    assert worst([]) == "nothing"
    assert worst(["in-place", "data-loss", "new-id"]) == "data-loss"
    assert next(iter(VERDICTS)) == "nothing"
    assert list(VERDICTS)[-1] == "data-loss"
