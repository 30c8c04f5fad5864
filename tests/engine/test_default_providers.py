"""Several default providers of one package, told apart by where their plugin comes from.

https://github.com/pulumi/pulumi/issues/10648 has packages whose plugins come from places of their own.
"""

from __future__ import annotations

import pytest

from tests.support.rewind import roll_back
from tests.support.stack import EngineStack

HEAD = """
import pulumi, bridged_sdk as bridged
O = pulumi.ResourceOptions
class Server(pulumi.CustomResource):
    def __init__(self, name, props, opts=None):
        super().__init__("bridged:index:Server", name, {**props, "name": None}, opts)
"""

A, B = "https://a.example/x", "https://b.example/y"
PROGRAM = f"""
Server("plain", {{"image": "IMAGE"}}, O(version="1.0.0"))
Server("from-a", {{"image": "IMAGE"}}, O(version="1.0.0", plugin_download_url="{A}"))
Server("from-b", {{"image": "IMAGE"}}, O(version="2.0.0", plugin_download_url="{B}"))
Server("unversioned", {{"image": "IMAGE"}}, O(plugin_download_url="{A}"))
p = bridged.Provider("own", {{"token": "t"}}, O(plugin_download_url="{B}"))
Server("explicit", {{"image": "IMAGE"}}, O(provider=p))
"""


@pytest.mark.slow
def test_each_keeps_its_own(stack: EngineStack) -> None:
    stack.use_plugin_processes()
    stack.install_provider("2.0.0")
    first = HEAD + PROGRAM.replace("IMAGE", "a")
    stack.up(first)
    before = used(stack)
    assert len(set(before.values())) == 5
    stack.up(HEAD)
    result = roll_back(stack, "1", trusts=True)  # its plugins come from places that live no longer has
    assert [item for item in result.differences if not item.expected] == []
    assert used(stack) == before
    stack.write_program(first)
    stack.expect_no_changes()


def used(stack: EngineStack) -> dict[str, str]:
    """The provider of each server by its name; every provider there is is used."""
    resources = stack.resources()
    found = {name: res["provider"].split("::")[3] for name, res in resources.items() if res.get("provider")}
    providers = {name for name, res in resources.items() if res["type"].startswith("pulumi:providers:")}
    assert providers == set(found.values())
    return found
