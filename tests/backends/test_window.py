"""The window on a backend in a network: what one machine holds or lets wait, another one returns or takes back."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from pulumi_rewind.window.deadline import Deadlines
from pulumi_rewind.window.ledger import Window
from tests.backends.conftest import only_on
from tests.backends.served_stack import ServedStack
from tests.support.rewind import plan, roll_back, said, session, steps
from tests.support.terminal import Ran

PROGRAM = """
import pulumi, bridged_sdk as bridged
db = bridged.Server("db", {{"zone": "{zone}", "image": pulumi.Output.secret("hush")}})
web = bridged.Database("web", {{"engine": "pg16", "password": db.id}})
"""


@pytest.fixture
def held(stack: ServedStack) -> ServedStack:
    """A stack whose newest update has replaced its database, held the old one, and waits."""
    shop = stack
    shop.write_file("rewind.toml", 'stateful_types = ["bridged:index:Server"]')
    shop.up(PROGRAM.format(zone="a"))
    shop.write_program(PROGRAM.format(zone="b"))
    done = said(shop, "up", "--yes", "--hold-deletes", "--confirm-within", "1h", "--no-wait")
    assert done.code == 0, done.out + done.err
    return shop


def on_another_machine(shop: ServedStack, tmp_path: Path) -> None:
    """From now on nothing is known of what this machine noted in its own state directory."""
    shop.extra_environ["XDG_STATE_HOME"] = str(tmp_path / "another")


@only_on("s3", "cloud")
def test_another_machine_returns_it(held: ServedStack, tmp_path: Path) -> None:
    shop = held
    opened = session(shop)
    (old,) = Window(opened).now(opened.live())
    assert old.id in shop.physical()
    number = len(opened.timeline)
    on_another_machine(shop, tmp_path)
    there = session(shop)
    assert [(one.name, one.id) for one in Window(there).now(there.live())] == [("db", old.id)]
    made = plan(shop, str(number - 1))
    assert steps(made)["db"].op == "return"
    made.close()
    roll_back(shop, str(number - 1))
    assert shop.resources()["db"]["id"] == old.id
    assert shop.resources()["db"]["inputs"]["image"]["plaintext"] == '"hush"'
    assert "nothing is held" in said(shop, "held").out


@only_on("s3", "cloud")
def test_of_two_machines_one_takes_it_back(held: ServedStack, tmp_path: Path) -> None:
    shop = held
    number = len(session(shop).timeline)
    deadlines = Deadlines(session(shop))
    deadline = deadlines.read().deadline
    assert deadline is not None
    deadlines.arm(msgspec.structs.replace(deadline, until=2.0))
    done: list[Ran] = []
    racers = [threading.Thread(target=lambda: done.append(said(shop, "due"))) for _ in range(2)]
    racers[0].start()
    on_another_machine(shop, tmp_path)
    racers[1].start()
    for racer in racers:
        racer.join()
    codes = sorted(one.code for one in done)
    assert codes in ([3, 5], [0, 5]), [one.out + one.err for one in done]
    history = session(shop).timeline.history
    since = [history.update(later) for later in range(number + 1, len(history) + 1)]
    assert [update.is_rollback for update in since if update.kind == "update"] == [True]
    assert shop.resources()["db"]["inputs"]["zone"] == "a"
