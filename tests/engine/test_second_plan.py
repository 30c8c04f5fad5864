"""The check by a second plan: it asks about what the run can have moved; where that is little, about nothing else."""

from __future__ import annotations

import pytest

from pulumi_rewind.engine.events import Phase
from pulumi_rewind.rollback.result import RollbackResult
from pulumi_rewind.rollback.run import RollbackRun
from tests.support.rewind import plan, session
from tests.support.stack import EngineStack

pytestmark = pytest.mark.engine

OTHERS = 6


def program(image: str, *, of_others: str = "fixed") -> str:
    lines = [
        "import pulumi, bridged_sdk as bridged",
        f'web = bridged.Server("web", {{"image": "{image}"}})',
        'proxy = bridged.Server("proxy", {"image": "fixed", "dependsId": web.id})',
        'alone = bridged.Server("alone", {"image": "fixed"})',
        *(f'bridged.Server("other-{number}", {{"image": "{of_others}"}})' for number in range(OTHERS)),
    ]
    return "\n".join(lines) + "\n"


def checked_while_refused(stack: EngineStack, name: str, *, of_others: str = "fixed") -> RollbackResult:
    """A rollback of `web`, and of others that had another image, whose provider then refuses to look at `name`."""
    stack.up(program("one"))
    stack.up(program("two", of_others=of_others))
    running = RollbackRun(session(stack), plan(stack, "1"), check_again=True)
    for event in running.events():
        if isinstance(event, Phase) and event.name == "verify":
            stack.trouble({"name": name, "operation": "check", "action": "fail"})
    assert running.result is not None
    return running.result


@pytest.mark.parametrize("name", ["web", "proxy"])
def test_what_the_run_changed_and_what_refers_to_it_is_asked_about(stack: EngineStack, name: str) -> None:
    (told,) = checked_while_refused(stack, name).differences
    assert told.message.startswith("the check by a second plan failed")
    assert name in told.message


def test_nothing_else_is_asked_about(stack: EngineStack) -> None:
    assert checked_while_refused(stack, "alone").differences == ()


def test_where_most_has_changed_all_is_asked_about(stack: EngineStack) -> None:
    (told,) = checked_while_refused(stack, "alone", of_others="newer").differences
    assert "alone" in told.message
