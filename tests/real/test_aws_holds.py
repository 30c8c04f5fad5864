"""Held deletes on AWS: what a rollback would delete stays alive with its data, and comes back with it."""

from __future__ import annotations

import pytest

from tests.real.aws import QUEUE
from tests.real.roads import told
from tests.real.shop import World
from tests.real.shop_aws import AwsShop

STORES = frozenset({"orders", "events", "db"})
"""A table, a queue and a database that the third version replaces."""


@pytest.mark.needs(AwsShop.groups)
def test_a_queue_comes_back_with_its_messages(world: World) -> None:
    shop = AwsShop(world)
    try:
        _there_and_back(shop)
    finally:
        shop.close()


def _there_and_back(shop: AwsShop) -> None:
    stack = shop.stack
    for version in (2, 3):
        stack.deploy(version)
        shop.use()
    was, held, stores = shop.reality(), shop.data(), shop.stores()

    ran = stack.rewind("rollback", "v2", "--yes")
    assert ran.code == 0, told(ran)
    named = {one["name"]: one["id"] for one in stack.rewind("held", "--json").json()["held"] if one["holdsData"]}
    assert named == {name: stores[name][1] for name in STORES}
    assert shop.account.data({name: stores[name] for name in STORES}) == {name: held[name] for name in STORES}
    assert all(shop.stores()[name] != stores[name] for name in STORES), "made anew beside what is held"

    ran = stack.rewind("rollback", "v3", "--yes")
    assert ran.code == 0, told(ran)
    now = shop.stores()
    assert {name: now[name] for name in STORES} == {name: stores[name] for name in STORES}
    assert {name: shop.data()[name] for name in STORES} == {name: held[name] for name in STORES}

    ran = stack.rewind("confirm", "--yes", "--allow-data-loss")
    assert ran.code == 0, told(ran)
    assert shop.reality() == was
    type_, url = now["events"]
    assert type_ == QUEUE
    assert shop.account.messages(url) == ["2"], "what was sent after the second deployment"
