"""The real CLI against our own service: what somebody else does meanwhile, and configuration that the service keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.errors import RefusedError
from pulumi_rewind.system.toolchain import EngineInfo
from tests.backends.served_stack import ServedStack, program
from tests.servers.cloud.service import Service
from tests.servers.cloud.serving import cloud
from tests.servers.cloud.stacks import Stack
from tests.support.rewind import plan, run, said

pytestmark = pytest.mark.cloud


@pytest.fixture
def deployed(tmp_path: Path, engine: EngineInfo) -> Iterator[tuple[ServedStack, Service, Stack]]:
    """A stack of two updates."""
    with cloud() as (server, service):
        stack = ServedStack(tmp_path, engine.path, server, "own")
        stack.up(program("one"))
        stack.up(program("two"))
        yield stack, service, next(iter(service.stacks.values()))
        stack.close()


def test_an_update_that_somebody_else_begins_first(deployed: tuple[ServedStack, Service, Stack]) -> None:
    stack, service, kept = deployed
    made = plan(stack, "1")
    service.meanwhile = lambda: kept.begin("destroy")
    with pytest.raises(RefusedError, match=r"the stack is locked by tester \(destroy\)") as raised:
        run(stack, made, allow_data_loss=True)
    assert raised.value.exit_code == 3
    assert raised.value.unchanged
    kept.running = None
    service.meanwhile = lambda: kept.begin("refresh")
    stack.write_program(program("three"))
    refused = said(stack, "up", "--yes", "--rollback-on-failure", "--allow-data-loss")
    assert refused.code == 3, refused
    assert "locked by tester (refresh)" in refused.err
    doctor = said(stack, "doctor")
    assert "locked by tester (refresh)" in doctor.out
    kept.running = None
    assert kept.version == 2
