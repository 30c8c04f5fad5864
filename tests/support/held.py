"""Stacks that hold what an update lets go of."""

from __future__ import annotations

from pulumi_rewind.window.ledger import Window
from tests.support.rewind import said, session
from tests.support.stack import EngineStack

SETTINGS = 'stateful_types = ["bridged:index:Server"]'
ONE = """
import pulumi, bridged_sdk as bridged
hush = pulumi.Output.secret("hush")
bridged.Server("db", {{"image": "1", "zone": "{zone}"}})
{more}
"""


def one(zone: str, more: str = "") -> str:
    return ONE.format(zone=zone, more=more)


def server(stack: EngineStack, zone: str) -> str:
    """The id of the physical object in that zone."""
    (found,) = (key for key, value in stack.physical().items() if value["inputs"].get("zone") == zone)
    return found


def sound(stack: EngineStack) -> None:
    """The engine takes the state, and nothing in it is gone."""
    stack.preview_json()
    ids = {res["id"] for res in stack.export()["deployment"]["resources"] if res["type"].startswith("bridged:")}
    assert ids <= set(stack.physical())


def prepared(stack: EngineStack, *programs: str, settings: str = SETTINGS) -> None:
    """Deploys the first, and holds what the others let go of."""
    stack.write_file("rewind.toml", settings)
    stack.up(programs[0])
    for program in programs[1:]:
        up(stack, program, "--hold-deletes")


def held(stack: EngineStack) -> dict[str, str]:
    """What is held: name → id."""
    opened = session(stack)
    return {one.name: one.id for one in Window(opened).now(opened.live())}


def up(stack: EngineStack, program: str, *options: str, code: int = 0) -> str:
    """Deploys a program by our own command; what that says."""
    stack.write_program(program)
    done = said(stack, "up", "--yes", *options)
    assert done.code == code, done.out + done.err
    return done.out
