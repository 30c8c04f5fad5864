"""What is said of an object that can't be adopted: gone only where its provider has found none."""

from __future__ import annotations

import pytest

from pulumi_rewind.errors import EngineError
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import Previewed, ReplayReport
from pulumi_rewind.plan.adoption import adopting, agreeable
from tests.support.checkpoints import checkpoint, goal, res, urn

CRASH = "panic: fatal: An assertion has failed: could not determine index for resource {}"


def tried(*failures: EngineError) -> tuple[dict[str, str], dict[str, str]]:
    """What is still imported of db and db-2, and what is said of the other, after previews that failed so."""
    left = list(failures)

    def look(_: Goal) -> Previewed:
        if left:
            raise left.pop(0)
        return [], b"", ReplayReport()

    found = {"*": ""}
    wanted = adopting(goal(checkpoint(res("db"), res("db-2")), checkpoint()), found)
    made, _ = agreeable(wanted, look, found)
    kept = {item.name: item.import_id for item in made.registrations if item.import_id}
    return kept, {note.urn.split("::")[-1]: f"{note.code}: {note.message}" for note in made.notes}


def test_a_crash_takes_only_what_it_names_and_calls_nothing_gone() -> None:
    """An engine of 3.206 crashes over an import that has to be replaced first."""
    kept, said = tried(
        EngineError(f"the preview failed: Previewing update (dev):\n{CRASH.format(urn('db'))}\ngoroutine 38")
    )
    assert kept == {"db-2": "db-2-id"}
    assert said == {
        "db": "not-adopted: is re-created: db-id may still exist, but can't be imported: " + CRASH.format(urn("db"))
    }


@pytest.mark.parametrize("text", ["the preview failed: the network is down", f"error in {urn('other')}"])
def test_where_nobody_is_named_nothing_is_called_gone(text: str) -> None:
    kept, said = tried(EngineError(f"{text}\nand more"))
    assert kept == {}
    assert said == {
        name: f"not-adopted: is re-created: {name}-id may still exist, but can't be imported: {text}"
        for name in ("db", "db-2")
    }


def test_what_its_provider_has_not_found_is_gone() -> None:
    error = EngineError("the preview failed: resource 'db-2-id' does not exist")
    error.urns, error.reasons = frozenset({urn("db-2")}), {urn("db-2"): "resource 'db-2-id' does not exist"}
    kept, said = tried(error)
    assert kept == {"db": "db-id"}
    assert said == {"db-2": "not-found: is re-created: the old object db-2-id is gone"}
