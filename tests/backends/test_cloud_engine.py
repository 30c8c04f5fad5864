"""The real CLI against our own service: what somebody else does meanwhile, and configuration that the service keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.errors import RefusedError
from pulumi_rewind.guard.state_editing import staged
from pulumi_rewind.project.stack_configuration import kept_header, without_environments
from pulumi_rewind.strategies.program.config import write_config
from pulumi_rewind.system.documents import load_yaml
from pulumi_rewind.system.toolchain import EngineInfo
from tests.backends.served_stack import ServedStack, program
from tests.servers.cloud.service import Service
from tests.servers.cloud.serving import cloud
from tests.servers.cloud.stacks import Stack
from tests.support.rewind import plan, run, said, session

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


def test_configuration_that_the_service_keeps_is_used_by_every_run(
    deployed: tuple[ServedStack, Service, Stack], tmp_path: Path
) -> None:
    stack, service, kept = deployed
    service.environments["shop/dev"] = {f"{stack.project}:image": "of-the-environment"}
    kept.config = {"environment": "shop/dev"}
    stack.config_file.write_text("config: {other: of-a-file-that-nobody-asks}\n")
    made = plan(stack, "1")
    previewed = len(service.opened_environments)
    assert previewed
    result, _ = run(stack, made, allow_data_loss=True)
    assert result.result == "succeeded"
    assert len(service.opened_environments) > previewed
    recorded = kept.history[-1]["config"]
    assert list(recorded) == [f"{stack.project}:image"]
    opened = session(stack)
    assert opened.kept_config == {"environment": "shop/dev"}
    live = opened.timeline.live()
    again = write_config(
        opened.engine, opened.vault, opened.stack, {"shop:image": "as recorded"}, then=live, live=live,
        today=kept_header(opened.kept_config), private=tmp_path,
    )  # fmt: skip
    assert load_yaml(again.path.read_text()) == {"environment": ["shop/dev"], "config": {"shop:image": "as recorded"}}
    mine = opened.config_file(live, tmp_path)
    with staged(opened, live) as place:  # secrets of the service open there, and environments are left out
        local = str(without_environments(mine, tmp_path))
        opened.engine.call(["preview", "-s", place.fqn, "--config-file", local], env=place.environ)
