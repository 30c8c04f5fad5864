"""What the PKI shows besides the roads: files that are deleted first, ids of what is given back, what is held."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_rewind.risk import OPAQUE
from scripts.orphaned_providers import orphans
from tests.real.real_stack import RealStack
from tests.real.roads import AGREED, Seen, back, check, told
from tests.real.shop import World
from tests.real.shop_pki import PkiShop, is_file

pytestmark = pytest.mark.needs("bridged")


HELD = ("worker-key", "worker-pw", "worker-suffix")


class UnspokenPki(PkiShop):
    """The same with a program that doesn't say ``deleteBeforeReplace``: its own update deletes files just written."""

    def write(self, stack: RealStack) -> None:
        """Takes the option out."""
        program = stack.root / "__main__.py"
        text = program.read_text()
        assert text.count(", delete_before_replace=True") == 2
        program.write_text(text.replace(", delete_before_replace=True", ""))


@pytest.fixture
def closed(world: World) -> Iterator[Callable[[type[PkiShop]], PkiShop]]:
    """Makes shops that leave no process behind."""
    made: list[PkiShop] = []

    def make(kind: type[PkiShop]) -> PkiShop:
        made.append(kind(world))
        return made[-1]

    yield make
    for shop in made:
        shop.close()
        assert list(orphans(world.built, shop.stack.home)) == []


def test_no_file_is_lost_where_the_program_does_not_say_so(closed: Callable[[type[PkiShop]], PkiShop]) -> None:
    shop = closed(UnspokenPki)
    shop.stack.deploy(1)
    was, before = shop.reality(), set(shop.out.iterdir())
    shop.stack.deploy(2)
    lost = before - set(shop.out.iterdir())
    assert lost, "the update itself deletes what it has just written"

    files = {entry["urn"]: Path(entry["outputs"]["filename"]) for entry in shop.entries().values() if is_file(entry)}
    steps = shop.stack.rewind("plan", "v1", "--json").json()["steps"]
    replaced = [step for step in steps if step["op"] == "replace" and step["urn"] in files]
    assert lost <= {files[step["urn"]] for step in replaced}
    for step in replaced:
        assert {"delete-first", "same-name"} & {risk["code"] for risk in step["risks"]}, step
    doubted = {step["urn"].split("::")[-1] for step in steps for risk in step["risks"] if risk["code"] == OPAQUE}

    back(shop, Seen(), "v1")
    check(shop, 1, was)
    stale = {value.partition(".")[0] for value in shop.outdated()}
    assert stale
    assert stale <= doubted, "the plan has not said what the result says"


def test_what_a_failed_update_has_replaced_is_given_back_by_id(closed: Callable[[type[PkiShop]], PkiShop]) -> None:
    shop = closed(PkiShop)
    shop.stack.deploy(1)
    shop.stack.deploy(2)
    was = {name: entry.get("id") for name, entry in shop.entries().items()}
    shop.stack.check_out(4)
    failed = shop.stack.pulumi("up", "--yes", "--skip-preview", "-s", shop.stack.name, check=False)
    assert failed.returncode != 0
    state = shop.stack.export(show_secrets=False)["deployment"]["resources"]
    waiting = {res["urn"].split("::")[-1] for res in state if res.get("delete")}
    assert {"root-key", "root-cert", "web-cert", "port"} <= waiting

    ran = shop.stack.rewind("rollback", "v2", *AGREED, "--json")
    assert ran.code == 0, told(ran)
    now = {name: entry.get("id") for name, entry in shop.entries().items()}
    # The engine itself has deleted it first, for it depends on a file that is; files count by their content.
    assert was.pop("reload") != now.pop("reload")
    assert now == was


def test_a_key_and_passwords_that_a_rollback_holds_come_back(closed: Callable[[type[PkiShop]], PkiShop]) -> None:
    """The ids of both passwords are ``none``."""
    shop = closed(PkiShop)
    shop.stack.deploy(1)
    shop.stack.deploy(2)
    was = {name: (entry["id"], entry["outputs"]) for name, entry in shop.entries().items() if name in HELD}
    assert was.keys() == set(HELD)
    for target, held in (("v1", len(HELD)), ("v2", 0)):
        ran = shop.stack.rewind("rollback", target, "--yes", "--json")
        assert ran.code == 0, told(ran)
        assert len(ran.json_lines()[-1]["held"]) == held
    assert {name: (entry["id"], entry["outputs"]) for name, entry in shop.entries().items() if name in HELD} == was
