"""Programs in other languages: what is said of them, and the road back by running the old program."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.real.roads import AGREED, Seen, check, there_and_back, told
from tests.real.roads import _deploy as deploy
from tests.real.shop import World
from tests.real.shop_go import GoShop
from tests.real.shop_language import LanguageShop
from tests.real.shop_node import NodeShop
from tests.real.shop_yaml import YamlShop
from tests.real.walk import walk

LANGUAGES = pytest.mark.parametrize(
    "shop", [pytest.param(shop, id=shop.title) for shop in (YamlShop, NodeShop, GoShop)]
)
BY_PROGRAM = ("--strategy", "program")

pytestmark = pytest.mark.needs("languages")


@LANGUAGES
def test_there_and_back_by_the_old_program(
    shop: type[LanguageShop], world: World, note_result: Callable[[dict[str, object]], None]
) -> None:
    walk(shop, "by its program", lambda made, seen: there_and_back(made, seen, *BY_PROGRAM), world, note_result)


def test_a_program_in_javascript_runs_with_what_is_installed(
    world: World, note_result: Callable[[dict[str, object]], None]
) -> None:
    """Without an installation, with a link to today's packages; where there are none, it says so."""

    def road(made: NodeShop, seen: Seen) -> None:
        there_and_back(made, seen, *BY_PROGRAM, "--no-install")
        packages = made.stack.root / "node_modules"
        assert (packages / "@pulumi" / "pulumi").is_dir()
        packages.unlink()
        ran = made.stack.rewind("rollback", "v3", *AGREED, *BY_PROGRAM, "--no-install")
        assert ran.code == 1
        assert "npm install" in ran.err, told(ran)  # the words of the language host
        assert "leave that flag out" in ran.err, told(ran)

    walk(NodeShop, "by its program, nothing installed", road, world, note_result)


def test_a_clone_without_packages_is_told_to_install_them(world: World) -> None:
    """A replay runs no program, but the plugin of dynamic providers is one of the program's packages."""
    made = NodeShop(world)
    try:
        was = deploy(made, 1, 2)
        packages = made.stack.root / "node_modules"
        there = packages.readlink()
        packages.unlink()
        assert "@pulumi/pulumi is not installed here" in findings(made)["providers"]
        ran = made.stack.rewind("rollback", "v1", *AGREED)
        assert ran.code == 1
        assert "run `pulumi install` in the project" in ran.err, told(ran)
        assert "--only" not in ran.err, told(ran)
        made.stack.pulumi("install", "--no-plugins")
        assert not packages.is_symlink()
        ran = made.stack.rewind("rollback", "v1", *AGREED)
        assert ran.code == 0, told(ran)
        check(made, 1, was[1])
        shutil.rmtree(packages)
        packages.symlink_to(there)
    finally:
        made.close()


@LANGUAGES
def test_history_diff_and_doctor_speak_of_it_as_it_is(shop: type[LanguageShop], world: World) -> None:
    made = shop(world)
    try:
        deploy(made, 1, 2, 3)
        updates = read(made, "history")
        assert [one["git"]["tags"] for one in updates] == [["v3"], ["v2"], ["v1"]]
        assert {one["author"] for one in updates} == {"Ada Tester"}
        commits = [made.stack.git("rev-parse", f"v{number}^{{commit}}") for number in (3, 2, 1)]
        assert [one["git"]["commit"] for one in updates] == commits
        changes = {one["name"]: one["op"] for one in read(made, "diff", "v1", "v3")["resources"]}
        assert {name: changes[name] for name in made.changed} == made.changed
        said = findings(made)
        assert "python" not in json.dumps(said).lower().replace(str(made.stack.directory), "")
        assert {one["status"] for one in read(made, "doctor")["findings"]} == {"ok"}
        assert said["language"].startswith(f"{made.runtime}: ")
        assert said["project"].startswith(f"{made.project} ({made.runtime}) ")
    finally:
        made.close()


def read(made: LanguageShop, *words: str) -> Any:
    """What a command says as JSON."""
    ran = made.stack.rewind(*words, "--json")
    assert ran.code == 0, told(ran)
    return json.loads(ran.out)


def findings(made: LanguageShop) -> dict[str, str]:
    """What the doctor says, by check."""
    return {one["check"]: one["message"] for one in read(made, "doctor")["findings"]}
