"""Keeping the data, with plans written by hand: it is asked again until no step loses any."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from pulumi_rewind.plan.keeping_data import keeping_data, kept_for_data
from pulumi_rewind.plan.model import Plan, Step
from pulumi_rewind.risk import BLOCKING, DATA_LOSS, LEFTOVER, LOSES_DATA, REVISION, Risk
from tests.support.plans import plan_of

HEAD = "urn:pulumi:dev::shop::a:b:C::"


class Road:
    """Plans that lose the data of what is named next, as long as that doesn't stay."""

    def __init__(
        self,
        *losses: tuple[str, ...],
        always: tuple[Risk, ...] = (),
        renamed: Mapping[str, str] = {},
        registered: Mapping[str, str] = {},
    ) -> None:
        self.losses, self.always, self.renamed, self.registered = losses, always, renamed, registered
        self.asked: list[list[str]] = []
        self.closed = 0

    def make(self, stays: Mapping[str, str]) -> Plan:
        """One plan; `stays` gives each its own URN."""
        assert all(urn == user for urn, user in stays.items())
        self.asked.append([urn.removeprefix(HEAD) for urn in stays])
        names = self.losses[len(self.asked) - 1] if len(self.asked) <= len(self.losses) else ()
        there = {HEAD + name for names in self.losses for name in names} | set(self.renamed.values())
        there = {self.registered.get(urn, urn) for urn in there}
        prepared: Any = SimpleNamespace(
            registered={urn: SimpleNamespace(live_urn=live) for urn, live in self.registered.items()},
            live_plain=SimpleNamespace(by_urn=dict.fromkeys(there)),
            close=self._close,
        )
        steps = [self._step(HEAD + name) for name in names]
        return plan_of(steps=tuple(steps), risks=self.always, prepared=prepared)

    def _step(self, urn: str) -> Step:
        risks = (Risk(DATA_LOSS, "holds data", urn),)
        return Step(urn, "n", "a:b:C", "replace", "replaced", risks, renamed_from=self.renamed.get(urn, ""))

    def _close(self) -> None:
        self.closed += 1


def test_what_stays_may_bring_another_loss() -> None:
    road = Road(("db", "cache"), ("disk",))
    assert not keeping_data(road.make).loses_data
    assert road.asked == [[], ["cache", "db"], ["cache", "db", "disk"]]
    assert road.closed == 2, "what is planned again is given up"


def test_without_a_loss_one_plan_is_enough() -> None:
    road = Road()
    keeping_data(road.make)
    assert (road.asked, road.closed) == ([[]], 0)


def test_what_was_renamed_stays_under_its_name_of_today() -> None:
    road = Road(("db",), renamed={HEAD + "db": HEAD + "old"})
    keeping_data(road.make)
    assert road.asked == [[], ["old"]]


def test_what_has_another_urn_in_this_run_stays_under_that_of_live() -> None:
    road = Road(("db",), registered={HEAD + "db": HEAD + "before"})
    assert not keeping_data(road.make).loses_data
    assert road.asked == [[], ["before"]]


def test_what_stays_for_another_is_found_anew_in_each_plan() -> None:
    assert kept_for_data({"db": "db", "net": "db"}) == {"db": "db"}


def test_what_no_selection_prevents_blocks() -> None:
    """The engine deletes old copies in every run; a revision of something that isn't there can't be left out."""
    copy = Risk(LEFTOVER, "has an old copy; it holds data, which is lost then", HEAD + "db", LOSES_DATA, "db-1")
    down = Risk(REVISION, "will run the down", HEAD + "elsewhere", LOSES_DATA)
    road = Road((), ("db",), always=(copy, down))
    plan = keeping_data(road.make)
    assert [risk.severity for risk in plan.risks] == [BLOCKING, BLOCKING]
    assert all("--keep-data" in risk.message for risk in plan.risks)
    assert not plan.loses_data
    assert road.asked == [[]]
