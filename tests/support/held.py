"""Updates that hold what they would delete, on an `EngineStack`."""

from __future__ import annotations

from pulumi_rewind.window.ledger import Window
from tests.support.rewind import said, session
from tests.support.stack import EngineStack

SETTINGS = 'stateful_types = ["bridged:index:Server"]'
"""A `rewind.toml` by which servers hold data."""


def held(stack: EngineStack) -> dict[str, str]:
    """What is held: name → id."""
    opened = session(stack)
    return {one.name: one.id for one in Window(opened).now(opened.live())}


def up(stack: EngineStack, program: str, *options: str, code: int = 0) -> str:
    """Deploys a program with our own `up`; what it said."""
    stack.write_program(program)
    done = said(stack, "up", "--yes", *options)
    assert done.code == code, done.out + done.err
    return done.out
