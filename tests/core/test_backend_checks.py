"""What the doctor says of a history that was pruned."""

from __future__ import annotations

from pathlib import Path

from pulumi_rewind.rollback.recording import record_all
from pulumi_rewind.upkeep.backend_checks import kept
from tests.support.recordshop import Shop


def said(shop: Shop) -> tuple[str, str]:
    (finding,) = kept(shop.session().timeline.history)
    return finding.status, finding.message


def test_what_is_gone_from_a_backend_is_named_with_what_records_have_of_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    assert list(kept(shop.session().timeline.history)) == []
    for value in ("one", "two", "three", "four"):
        shop.deploy(value)
    assert said(shop) == ("ok", "4 on the backend, the oldest #1 of 2025-11-24")
    list(record_all(shop.session()))
    shop.lose(1)
    shop.lose(2)
    gone = "2 on the backend, the oldest #3 of 2025-11-24; gone from it: #1, #2; "
    assert said(shop) == ("warn", f"{gone}records in git have them")
    shop.git("update-ref", "-d", "refs/pulumi-rewind/shop/dev/1")
    assert said(shop) == ("warn", f"{gone}no record has #1")
