"""A hold in a bucket, where a lock file stops everybody, and on a service, where pipelines ask."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.backends.conftest import only_on
from tests.backends.served_stack import ServedStack, program
from tests.support.rewind import plan, run, said, session
from tests.support.stack import REFUSED


@pytest.fixture
def held(shop: ServedStack) -> Iterator[ServedStack]:
    """A stack that somebody else holds from elsewhere; free again at the end."""
    assert said(shop, "hold", "--reason", "bad release").code == 0
    yield shop
    assert said(shop, "release").code == 0


@only_on("s3", "postgres")
def test_where_there_are_lock_files_a_hold_stops_every_update(held: ServedStack) -> None:
    refused = held.pulumi("up", "--yes", "--skip-preview", check=False)
    assert refused.returncode in REFUSED
    assert "held by pulumi-rewind: bad release; `pulumi-rewind release` ends it" in refused.stdout + refused.stderr
    assert held.pulumi("preview").returncode == 0
    assert said(held, "hold", "check").code == 3
    opened = session(held)
    before = opened.backend.locks(opened.stack)
    target = "2" if held.resources()["web"]["inputs"]["image"] != "two" else "3"
    result, _ = run(held, plan(held, target), allow_data_loss=True)
    assert result.result == "succeeded"
    assert opened.backend.locks(opened.stack) == before
    assert said(held, "release").code == 0
    assert opened.backend.locks(opened.stack) == []
    assert held.pulumi("up", "--yes", "--skip-preview", check=False).returncode == 0


@only_on("cloud")
def test_on_a_service_a_hold_is_asked_for(held: ServedStack) -> None:
    check = said(held, "hold", "check")
    assert (check.code, "bad release" in check.out) == (3, True)
    assert "hold check" in said(held, "hold").err, "nothing stops a plain `pulumi up` there"
    assert said(held, "history").err.count("! held: by ") == 1
    refused = said(held, "up", "--yes")
    assert (refused.code, "the stack is held by" in refused.err) == (3, True), refused
    assert held.pulumi("preview").returncode == 0
    held.write_program(program("four"))
    held.up()  # which keeps the service's tags
    assert said(held, "hold", "check").code == 3
    run(held, plan(held, "2"), allow_data_loss=True)
    assert said(held, "hold", "check").code == 3
    assert said(held, "release").code == 0
    assert said(held, "hold", "check").code == 0
