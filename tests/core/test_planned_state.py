"""What a plan shows of values that a preview knows in part."""

from __future__ import annotations

import json

from pulumi_rewind.diff.checkpoints import diff_checkpoints
from pulumi_rewind.plan.planned_state import planned_state
from pulumi_rewind.state.values import UNKNOWN
from tests.support.checkpoints import checkpoint, goal, res, urn
from tests.support.linked import depending, replay


def test_what_is_known_of_a_text_is_shown_and_only_the_rest_is_known_when_run() -> None:
    def stack(id: str, headline: str) -> list[dict[str, object]]:
        content = json.dumps({"headline": headline, "database": id, "tables": ["orders"]})
        return [res("db", id=id, outputs={}), depending("web", content=content, url=f"sqlite://{id}/shop", db=id)]

    target, live = checkpoint(*stack("db-id-old", "open for business")), checkpoint(*stack("db-id-new", "in cents"))
    made = goal(target, live)
    report = replay(made, {"db": ""}, {"db": {}}, preview=True)
    assert report.sent[urn("web")]["content"] == UNKNOWN, "it can't be sent in part"
    planned = planned_state(made, report, live, {urn("db"): "replace", urn("web"): "update"})
    web = next(one for one in diff_checkpoints(live, planned).resources if one.name == "web")
    assert {(one.path, one.old, one.new) for one in web.changes()} == {
        ("inputs.content{json}.headline", "in cents", "open for business"),
        ("inputs.content{json}.database", "db-id-new", "(known when run)"),
        ("inputs.url", "sqlite://db-id-new/shop", "sqlite://(known when run)/shop"),
        ("inputs.db", "db-id-new", "(known when run)"),
    }
