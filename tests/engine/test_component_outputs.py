"""Outputs of components name objects that the component neither holds nor depends on."""

from __future__ import annotations

import json

import pytest

from pulumi_rewind.state.values import reveal
from tests.support.rewind import plan, run
from tests.support.stack import EngineStack

HEAD = """
import pulumi, bridged_sdk as bridged
class Group(pulumi.ComponentResource):
    def __init__(self, name, outputs):
        super().__init__("test:index:Group", name)
        self.register_outputs(outputs)
srv = {made}
Group("g", {outputs})
"""
SERVER = 'bridged.Server("srv", {"image": "a"})'
PROVIDER = 'bridged.Provider("srv", {"token": "a"})'


@pytest.mark.parametrize(
    ("made", "outputs"),
    [
        (SERVER, '{"ref": srv, "more": [{"deep": srv}]}'),
        (SERVER, '{"id": srv.id, "text": pulumi.Output.concat("see ", srv.id, "!")}'),
        (SERVER, '{"ref": pulumi.Output.secret({"inside": srv, "id": srv.id})}'),
        (PROVIDER, '{"ref": srv}'),
    ],
)
def test_they_follow_what_is_made_anew_however_late_it_is(stack: EngineStack, made: str, outputs: str) -> None:
    if made == PROVIDER:
        stack.use_plugin_processes()
    program = HEAD.format(made=made, outputs=outputs)
    stack.up(program)
    old = stack.resources()["srv"]["id"]
    stack.up("")
    stack.trouble({"name": "srv", "operation": "create", "action": "slow", "seconds": 1})
    result, _ = run(stack, plan(stack, "1"), allow_data_loss=True)
    assert [item for item in result.differences if not item.expected] == []
    new = stack.resources()["srv"]["id"]
    said = json.dumps(reveal(stack.resources()["g"]["outputs"]))
    assert new in said
    assert old not in said
    assert plan(stack, "1").nothing_to_do
    stack.write_program(program)
    stack.expect_no_changes()
