"""What somebody else does to the stack between the review and the run."""

from __future__ import annotations

import pytest

from pulumi_rewind.errors import RefusedError
from tests.backends.served_stack import ServedStack, program
from tests.support.rewind import plan, run, session


def test_what_was_reviewed_is_what_is_applied(shop: ServedStack) -> None:
    made = plan(shop, "2" if shop.resources()["web"]["inputs"]["image"] != "two" else "3")
    shop.up(program("of another"))
    total = len(session(shop).timeline)
    shop.forget_calls()
    with pytest.raises(RefusedError, match="has changed since the plan was reviewed") as raised:
        run(shop, made, allow_data_loss=True)
    assert raised.value.unchanged
    assert not [call for call in shop.calls() if call["operation"] in {"create", "update", "delete"}]
    assert shop.resources()["web"]["inputs"]["image"] == "of another"
    assert len(session(shop).timeline) == total
