"""A rollback is killed half-way, the engine with it: what stays, who says so, and how it goes on."""

from __future__ import annotations

from tests.backends.conftest import SERVICES
from tests.backends.served_stack import ServedStack
from tests.support.faults import engines, hanging, slay, start_rollback, until
from tests.support.rewind import said, session


def test_a_killed_rollback_is_resumed(shop: ServedStack) -> None:
    target, name = ("2", "two") if shop.resources()["web"]["inputs"]["image"] != "two" else ("3", "three")
    total = len(session(shop).timeline)
    shop.trouble({"name": "web", "operation": "update", "action": "hang"})
    shop.forget_calls()
    process = start_rollback(shop, target)
    until(lambda: hanging(shop, "update") == {"web"})
    listed = said(shop, "history", "--limit", "1")
    assert "! locked: by " in listed.err, listed
    process.kill()
    for number in engines(shop):
        slay(number)
    process.communicate(timeout=60)
    shop.trouble()
    service = SERVICES.get(shop.server.url)
    opened = session(shop)
    until(lambda: service is not None or opened.backend.locks(opened.stack)[0].dead)
    (lock,) = opened.backend.locks(opened.stack)
    refused = said(shop, "resume", "--yes", "--allow-data-loss")
    assert refused.code == 3, refused
    assert f"locked by {lock}" in refused.err
    assert lock.advice[1:] in refused.err
    if service is None:
        assert "`pulumi cancel` removes the lock" in lock.advice
        shop.pulumi("cancel", "--yes", "-s", shop.name)
    else:
        service.stacks["acme", shop.project, shop.name].end_lease()
    resumed = said(shop, "resume", "--yes", "--allow-data-loss")
    assert resumed.code == 0, resumed
    assert shop.resources()["web"]["inputs"]["image"] == name
    after = session(shop)
    assert after.timeline.equals_live(int(target))
    assert not after.backend.locks(after.stack)
    assert after.journal.peek() is None
    killed = [update for update in after.timeline.history.newest(9) if update.number > total]
    assert [update.result for update in killed] == ["succeeded", "failed"][: 1 if service is None else 2]
