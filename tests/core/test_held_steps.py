"""What the steps of a plan say of what is held, and what a rollback holds unless it is told otherwise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pulumi_rewind.choices import Choices
from pulumi_rewind.plan.arrangement import Arrangement, Holding, Kept, Returned
from pulumi_rewind.plan.hold_deletes import holding, holding_risks, with_holding
from pulumi_rewind.plan.model import OLD_COPY, Step
from pulumi_rewind.plan.state_edit_risks import arranged_steps, arrangement_risks
from pulumi_rewind.project.settings import Settings
from pulumi_rewind.risk import DATA_LOSS, HELD, NOT_HELD, Risk
from pulumi_rewind.strategies.choosing import holding_as_set
from tests.support.checkpoints import checkpoint, res, urn

LOSS = Risk(DATA_LOSS, "holds data, which is lost when it is deleted")


def step(name: str, op: str = "delete", **fields: Any) -> Step:
    return Step(urn(name), name, "test:index:Thing", op, "deleted", **{"old_id": f"id-{name}", **fields})


def thing(name: str, **fields: Any) -> dict[str, Any]:
    return res(name, **{"id": f"id-{name}", **fields})


def names(found: Holding) -> set[tuple[str, str]]:
    return {(one.split("::")[-1], identifier) for one, identifier in found.objects}


def test_what_a_returning_object_replaces_is_held_with_what_it_needs() -> None:
    """It has no step of its own: the step of its URN is the return."""
    live = checkpoint(thing("net"), thing("db", dependencies=[urn("net")]), thing("other"))
    dying = [place for place, one in enumerate(live.resources) if one.name in {"db", "net"}]
    kind = live.by_urn[urn("db")].type
    found = holding([], live, "stateful", stateful=[kind], dying=dying)
    assert names(found) == {("db", "id-db"), ("net", "id-net")}
    assert names(holding([], live, "stateful", stateful=[], dying=dying)) == set()
    refused = holding([], live, "all", stateful=[], excluded=["net"], dying=dying)
    assert names(refused) == set()
    assert set(refused.refused) == {urn("db"), urn("net")}


def test_a_held_delete_is_a_step_of_its_own_and_loses_nothing() -> None:
    found = Holding(frozenset({(urn("db"), "id-db"), (urn("web"), "id-web")}), refused={urn("job"): "why not"})
    db, web, job = with_holding(
        [step("db", risks=(LOSS,)), step("web", "replace", risks=(LOSS,)), step("job", risks=(LOSS,))], found
    )
    assert (db.op, db.forecast, db.holds) == ("hold", "held", True)
    assert (web.op, web.forecast, web.holds) == ("replace", "deleted", True)
    assert [risk.code for risk in (*db.risks, *web.risks)] == [HELD, HELD]
    assert (job.op, job.holds) == ("delete", False)
    assert [risk.code for risk in job.risks] == [DATA_LOSS, NOT_HELD]


@pytest.mark.parametrize("op", ["delete", "discard"])
def test_a_rollback_says_the_same(op: str) -> None:
    found = Holding(frozenset({(urn("db"), "id-db")}))
    going = step("db", op)
    going = replace(going, risks=(LOSS, *holding_risks(going, found)))
    arrangement = Arrangement(kept=(Kept(0, urn("db"), "id-db", held=True),))
    (db,) = arranged_steps([going], arrangement, ())
    assert (db.op, db.forecast, db.holds) == ("hold", "held", True)
    assert [risk.code for risk in db.risks] == [HELD]
    assert arrangement_risks(arrangement, [db]) == (), "it is said once"


def test_the_copy_that_a_return_replaces_is_held_and_no_loss() -> None:
    back = Returned(1, urn("db"), "old", 0, "new")
    going = step("db", OLD_COPY, old_copies=("new",), old_id="")
    kind = "aws:rds/instance:Instance"
    going = replace(going, type=kind)
    (lost,) = arranged_steps([going], Arrangement(returned=(back,)), ())
    assert [risk.code for risk in lost.risks if risk.loses_data] == [DATA_LOSS]
    arrangement = Arrangement(returned=(back,), kept=(Kept(0, urn("db"), "new", held=True),))
    (held,) = arranged_steps([going], arrangement, ())
    assert (held.op, held.old_id, held.holds, held.held_ids) == ("return", "old", False, {"new"})
    assert not any(risk.loses_data for risk in held.risks)
    assert arrangement_risks(arrangement, [held]) == ()
    assert [risk.code for risk in arrangement_risks(arrangement, [])] == [HELD]


def test_a_rollback_holds_what_the_settings_say_where_it_can() -> None:
    settings = Settings(hold_deletes="all")
    assert holding_as_set(Choices(refresh=True), settings) == Choices(refresh=True, hold_deletes="all")
    assert holding_as_set(Choices(hold_deletes="all"), Settings(hold_deletes="none")) == Choices()
    assert holding_as_set(Choices(keep_data=True, hold_deletes="stateful"), settings) == Choices(keep_data=True)
    for name in ("program", "state"):
        assert holding_as_set(Choices(name, hold_deletes="stateful"), settings) == Choices(name)
