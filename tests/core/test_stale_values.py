"""What a replay could not relink, in plan and result; credentials that come from the stack follow their object."""

from __future__ import annotations

import hashlib
from typing import Any

from pulumi_rewind.goal.credentials import from_live_too, todays_credentials
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.plan.stale_values import stale_risks, stale_values
from pulumi_rewind.relinking.literals import Literals
from pulumi_rewind.replay.linking import Linking
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import SECRET, SIG
from tests.support.checkpoints import checkpoint, goal, res, urn
from tests.support.linked import depending, replay

DIGEST = hashlib.sha256(b"db-id").hexdigest()


def names(made: Goal, report: ReplayReport) -> list[str]:
    return [value.name for value in stale_values(made, report)]


def test_each_property_counts_for_itself_and_what_follows_a_new_id_too() -> None:
    stack = checkpoint(
        res("db", id="db-id-1234", outputs={"zone": "zone-b2", "engine": "pg"}),
        depending("web", dependsId="db-id-1234", digest=DIGEST, zone="in zone-b2", on_=True, empty=""),
        depending("front", on="web", digest="d41d8cd98f"),
        depending("edge", on="web", uses="web-id"),
        depending("old", recorded=False, digest=DIGEST, image="i"),
        depending("none", recorded=False, dependsId="db-id-1234", digest=DIGEST),
    )
    made = goal(stack, checkpoint())
    same = {"db": {"zone": "zone-b2", "engine": "pg"}}
    assert names(made, replay(made, {}, same)) == []
    report = replay(made, {"db": "db-id-9876"}, same)
    assert names(made, report) == ["web.digest", "front.digest", "old"]
    risks = stale_risks(made, report)
    assert {one.rsplit("::", 1)[-1] for one in risks} == {"web", "front", "old"}
    (risk,) = risks[urn("web")]
    assert risk.code == "opaque-dependency"
    assert "depends on db, which gets a new id" in risk.message
    assert "in digest" in risk.message
    assert not risk.blocking


def test_a_literal_index_is_made_only_when_a_link_has_moved(monkeypatch: Any) -> None:
    stack = checkpoint(res("db", id="db-id-1234", outputs={"host": "h-1.test"}), depending("web", text="at h-1.test"))
    made = goal(stack, checkpoint())
    asked: list[bool] = []
    real = Linking._literals_of

    def watched(linking: Linking, from_live: bool) -> Literals:
        asked.append(from_live)
        return real(linking, from_live)

    monkeypatch.setattr(Linking, "_literals_of", watched)
    replay(made, {}, {})
    assert asked == []
    report = replay(made, {"db": "db-id-5678"}, {"db": {"host": "h-2.test"}})
    assert report.sent[urn("web")]["text"] == "at h-2.test"
    assert asked


def cluster(number: int, token: str, on: bool = True) -> Checkpoint:
    secret = {SIG: SECRET, "plaintext": f'"{token}"'}
    provider = res(
        "prov",
        "pulumi:providers:kube",
        inputs={"kubeconfig": secret, "version": "1.0.0"},
        propertyDependencies={"kubeconfig": [urn("main")] if on else []},
    )
    return checkpoint(res("main", id=f"cluster-{number}", outputs={"config": secret}), provider)


def test_todays_credentials_are_taken_where_they_come_from_the_same_resource_and_follow_it() -> None:
    target, live = cluster(1, "tok-aaa-1"), cluster(2, "tok-bbb-2")
    made = todays_credentials(target, live)
    assert dict(made.live_keys) == {urn("prov", "pulumi:providers:kube"): {"kubeconfig"}}
    assert "kubeconfig follows main" in made.notes[0].message
    built = from_live_too(goal(made.target, live), made.live_keys)
    new = {SIG: SECRET, "plaintext": '"tok-ccc-3"'}
    report = replay(built, {"main": "cluster-3"}, {"main": {"config": new}})
    assert report.sent[urn("prov", "pulumi:providers:kube")]["kubeconfig"] == new
    kept = replay(built, {"main": "cluster-2"}, {"main": {"config": {SIG: SECRET, "plaintext": '"tok-bbb-2"'}}})
    assert kept.sent[urn("prov", "pulumi:providers:kube")]["kubeconfig"]["plaintext"] == '"tok-bbb-2"'


def test_credentials_that_come_from_elsewhere_today_are_not_taken() -> None:
    """Then a cluster of the stack, now one that the configuration names, or the other way round."""
    for target, live in (
        (cluster(1, "tok-aaa-1"), cluster(2, "tok-bbb-2", on=False)),
        (cluster(1, "tok-aaa-1", on=False), cluster(2, "tok-bbb-2")),
        (cluster(1, "tok-aaa-1"), checkpoint(res("prov", "pulumi:providers:kube", inputs={"kubeconfig": "x"}))),
    ):
        assert todays_credentials(target, live).notes == ()
    both = todays_credentials(cluster(1, "tok-aaa-1", on=False), cluster(2, "tok-bbb-2", on=False))
    assert "today's credentials are used" in both.notes[0].message
