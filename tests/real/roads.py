"""The ways that each real stack is taken there and back, and what has to hold after each step."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from tests.faults.whole import locks
from tests.real.shop import Data, Shop
from tests.support.faults import engines, slay, start, wait_for_quiet
from tests.support.rewind import session
from tests.support.terminal import Ran

AGREED = ("--yes", "--allow-data-loss")
MOMENTS = 10
"""How many rollbacks are killed."""
TRIES = 8
"""How often an operator tries at most after a kill: a lock, an empty file, and what is gone are told one at a time."""


@dataclass
class Seen:
    """What a road came to, for docs/fidelity.md."""

    rollbacks: int = 0
    resources: int = 0
    notes: list[str] = field(default_factory=list)
    """What the run itself said that did not come back as it was."""


_EMPTY = re.compile("`rm '([^']+)'` removes it")
"""How an error names the empty file that a killed engine has left in the backend."""
_LOOK = re.compile("`pulumi (refresh --target [^`]+)`")
"""How it tells to take out of the state what a killed run may have deleted."""

_STRANGERS = re.compile(r"([\w-]+(?:(?:, | and )[\w-]+)*) already exists, and is not the object that the stack has")
"""How it names what a killed run has made beside the objects of the state."""

Road = Callable[[Shop, Seen], None]


def there_and_back(shop: Shop, seen: Seen, *options: str) -> None:
    """v3 → v1 → v3 → v2."""
    was = _deploy(shop, 1, 2, 3)
    for version in (1, 3, 2):
        back(shop, seen, f"v{version}", *options)
        check(shop, version, was[version])


def failed_update(shop: Shop, seen: Seen) -> None:
    """An update that a real provider refuses half-way is taken back by itself."""
    was = _deploy(shop, 1, 2)
    for version in shop.broken:
        shop.stack.check_out(version)
        ids, held = _ids(shop), shop.data()
        ran = shop.stack.rewind("up", "--rollback-on-failure", *AGREED, "--json")
        assert ran.code == 5, told(ran)
        seen.rollbacks += 1
        assert shop.outdated() == frozenset(), "what still existed was not given back"
        if held:
            lost = _lost(held, shop.data())
            assert lost == shop.lost_by_failure
            assert lost <= announced_losses(ran)
            now = _ids(shop)
            assert {name for name in ids if now.get(name) != ids[name]} <= lost
        check(shop, 2, was[2])


def partial(shop: Shop, seen: Seen) -> None:
    """A part of the stack goes back, the rest stays as it is."""
    was = _deploy(shop, 1, 2, 3)
    before = was[3]
    back(shop, seen, "v2", *(word for name in shop.only for word in ("--only", name)))
    after = shop.reality()
    wanted = {name: text for name, text in before.items() if not shop.in_part(name)}
    wanted |= {name: text for name, text in was[2].items() if shop.in_part(name)}
    differences = _differences(wanted, after)
    assert differences == [], "\n".join(differences)
    check_secrets(shop)


def adoption(shop: Shop, seen: Seen) -> None:
    """The state has lost objects that still exist: they are adopted, none is made anew."""
    was = _deploy(shop, 1, 2)
    number = len(session(shop.stack).timeline)
    ids, held = _ids(shop), shop.data()
    lost = shop.lose()
    assert lost, "nothing was lost"
    ran = back(shop, seen, str(number), "--adopt", "found")
    now = _ids(shop)
    anew = {name: f"was {ids[name]}, is {now.get(name)}" for name in lost if now.get(name) != ids[name]}
    assert not anew, f"{anew}\n{told(ran)}"
    assert _lost(held, shop.data()) == set()
    check(shop, 2, was[2])


def drift(shop: Shop, seen: Seen) -> None:
    """Objects were changed and deleted by others: a rollback that looks at them puts them right."""
    was = _deploy(shop, 1, 2, 3)
    shop.drift()
    assert _differences(was[3], shop.reality()), "nothing has drifted"
    back(shop, seen, "v2", "--refresh")
    check(shop, 2, was[2])


def kills(shop: Shop, seen: Seen) -> None:
    """Rollbacks are killed with their engine at ten moments, and finished by what the errors say."""
    each = MOMENTS // shop.lanes
    shares = [range(first, first + each) for first in range(0, MOMENTS, each)]
    with ThreadPoolExecutor(shop.lanes) as pool:
        lanes = [pool.submit(_kill_in_turn, shop, shares[0], seen)]
        lanes += [pool.submit(_beside, shop, share, seen) for share in shares[1:]]
    if failed := [err for lane in lanes if (err := lane.exception())]:
        raise BaseExceptionGroup(f"{len(failed)} of {shop.lanes} stacks", failed)


def doctor(shop: Shop, seen: Seen) -> None:
    """The self-check names what a replay would not bring out as it is: no more, no fewer."""
    was = _deploy(shop, 1, 2, 3)
    ran = shop.stack.rewind("doctor", "--replay", "--json")
    assert ran.code == 0, told(ran)
    replayed = ran.json()["replay"]
    seen.resources = replayed["resources"]
    named = {lossy["name"]: lossy["reasons"] for lossy in replayed["lossy"]}
    seen.notes = [f"{name}: {'; '.join(reasons)}" for name, reasons in named.items()]
    assert named.keys() == shop.restless.keys() | shop.inexact.keys(), named
    assert _differences(was[3], shop.reality()) == [], "a check has changed something"


ROADS: dict[str, Road] = {
    "there and back": there_and_back,
    "failed update": failed_update,
    "partial": partial,
    "adoption": adoption,
    "drift": drift,
    "kill -9": kills,
    "doctor": doctor,
}


# -- steps --------------------------------------------------------------------------------------------------------


def _deploy(shop: Shop, *versions: int) -> dict[int, dict[str, str]]:
    """Deploys one version after the other; returns the reality of each."""
    was = {}
    for version in versions:
        shop.stack.deploy(version)
        shop.use()
        was[version] = shop.reality()
    return was


def back(shop: Shop, seen: Seen, target: str, *options: str) -> Ran:
    """Rolls back, and takes down what the result says besides."""
    shop.use()
    held = shop.data()
    ran = shop.stack.rewind("rollback", target, *AGREED, *options, "--json")
    assert ran.code == 0, told(ran)
    if held:
        lost, announced = _lost(held, shop.data()), announced_losses(ran)
        assert lost == announced, f"lost: {lost}, announced: {announced}\n{told(ran)}"
    result: dict[str, Any] = _last(ran)
    assert _stale(shop, ran) == shop.outdated(), told(ran)
    said = [f"{one['urn'].split('::')[-1]}: {one['message']}" for one in result["differences"] + result["stale"]]
    seen.notes += [f"{target}: {text}" for text in [*said, *result["notes"]]]
    seen.rollbacks += 1
    seen.resources = max(seen.resources, len(shop.stack.export(show_secrets=False)["deployment"]["resources"]))
    return ran


def told(ran: Ran) -> str:
    """What a command has said, to be read."""
    return f"exit code {ran.code}\n{ran.out[-6000:]}\n{ran.err[-3000:]}"


def check(shop: Shop, version: int, was: dict[str, str]) -> None:
    """Reality is what it was, the program of that version has nothing to do, and no file holds a secret."""
    differences = _differences(was, shop.reality())
    assert differences == [], "\n".join(differences)
    changes = shop.stack.planned_changes(version, frozenset(shop.restless))
    outdated = {value.partition(".")[0] for value in shop.outdated()}
    assert {text.split()[-1] for text in changes} == outdated, f"the program of v{version} would: {', '.join(changes)}"
    waiting = [
        res["urn"] for res in shop.stack.export(show_secrets=False)["deployment"]["resources"] if "delete" in res
    ]
    assert waiting == [], f"wait for deletion: {waiting}"
    check_secrets(shop)


def check_secrets(shop: Shop) -> None:
    """No file of the stack holds a secret in plain text."""
    found = [
        name for name in shop.stack.files_with_secrets() if not any(fnmatch(name, pattern) for pattern in shop.leaks)
    ]
    assert found == [], f"in plain text: {found}"


def announced_losses(ran: Ran) -> set[str]:
    """The resources of which the plan has said that their data is lost."""
    plan = next(line for line in ran.json_lines() if line.get("event") == "plan")
    risks = [*plan["risks"], *(risk for step in plan["steps"] for risk in step["risks"])]
    return {risk["urn"].split("::")[-1] for risk in risks if risk["losesData"]}


def _lost(held: Data, now: Data) -> set[str]:
    """The stores that no longer hold all that they held."""
    return {name for name, content in held.items() if not content <= now.get(name, frozenset())}


def _differences(was: dict[str, str], now: dict[str, str]) -> list[str]:
    """One line for each object that isn't as it was."""
    return [
        f"{name}: was {was.get(name, 'not there')}, is {now.get(name, 'not there')}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def _ids(shop: Shop) -> dict[str, set[str]]:
    """The ids of everything by name, which several types of resources may have."""
    found: dict[str, set[str]] = {}
    for res in shop.stack.export(show_secrets=False)["deployment"]["resources"]:
        found.setdefault(res["urn"].split("::")[-1], set()).add(res.get("id", ""))
    return found


# -- kills --------------------------------------------------------------------------------------------------------


def _beside(shop: Shop, moments: range, seen: Seen) -> None:
    """The same with another stack of that kind, deployed to a world of its own."""
    with shop.world.another(f"moment-{moments[0]}") as world, closing(type(shop)(world)) as made:
        _kill_in_turn(made, moments, seen)


def _kill_in_turn(shop: Shop, moments: range, seen: Seen) -> None:
    """At even moments it goes v3 → v1, at odd ones v1 → v3."""
    was = _deploy(shop, 1, 3)
    for moment in moments:
        version = 1 if moment % 2 == 0 else 3
        _kill(shop, version, moment)
        took = _go_on(shop, version)
        assert not locks(shop.stack), took
        differences = _differences(was[version], shop.reality())
        assert differences == [], f"moment {moment}, after {took}: {differences}"
    check(shop, 3, was[3])
    seen.rollbacks += len(moments)
    seen.resources = len(shop.stack.export(show_secrets=False)["deployment"]["resources"])


def _kill(shop: Shop, version: int, moment: int) -> None:
    """Starts a rollback and kills it at a moment; with its engine, or alone."""
    process = start(shop.stack, "rollback", f"v{version}", *AGREED, "--json", "-s", shop.stack.name)
    assert process.stdout is not None
    lines: list[str] = []
    if not _reached(moment, process.stdout, lines):
        raise AssertionError(f"it ended before moment {moment}: {''.join(lines[-3:])}")
    slay(process.pid)
    if moment % 4 < 2:
        for number in engines(shop.stack):
            slay(number)
    process.communicate()
    wait_for_quiet(shop.stack)


def _reached(moment: int, output: Iterable[str], lines: list[str]) -> bool:
    """Reads on until as much of the plan has begun or ended as that moment asks for."""
    left = 0
    for line in output:
        lines.append(line)
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "plan":
            # The engine tells of the begin and the end of each step, and replaces something in three.
            events = sum(6 if step["op"] == "replace" else 2 for step in event["steps"])
            left = max(1, events * (moment + 1) // (MOMENTS + 1))
        elif event.get("event") == "step" and event["op"] != "same":
            left -= 1
            if left == 0:
                return True
    return False


def _go_on(shop: Shop, version: int) -> list[str]:
    """Reaches the target by what the errors say; returns the commands that it took."""
    took: list[str] = []
    words: tuple[str, ...] = ("resume",)
    for _ in range(TRIES):
        ran = shop.stack.rewind(*words, *AGREED, "--json")
        took.append(words[0])
        text = "\n".join(line for line in (ran.out + ran.err).splitlines() if not line.startswith('{"event"'))
        assert "this is a bug" not in text, text
        assert not text.startswith("Traceback"), text
        if ran.code == 0 and (words[0] == "rollback" or _last(ran).get("result") != "nothing-to-do"):
            assert _stale(shop, ran) == shop.outdated(), took
            return took
        if "pulumi-rewind resolve" in text:
            shop.settle()
            took.append("resolve")
        elif empty := _EMPTY.search(text):
            Path(empty.group(1)).unlink()
            took.append("rm")
        elif look := _LOOK.search(text):
            shop.stack.pulumi(*shlex.split(look.group(1)), "--yes", "--skip-preview")
            took.append("pulumi refresh")
        elif strangers := _STRANGERS.search(text):
            shop.discard(re.split(", | and ", strangers.group(1)), version)
            took.append("delete by hand")
        elif "pulumi cancel" in text:
            shop.stack.pulumi("cancel", "--yes", shop.stack.name)
            took.append("pulumi cancel")
        elif "resume" not in text or ran.code == 0:
            words = ("rollback", f"v{version}")
    raise AssertionError(f"not there after {took}: {text}")


def _stale(shop: Shop, ran: Ran) -> frozenset[str]:
    """``resource.property`` of what the result says may be stale, without what the shop names as unsure."""
    found = (f"{value['urn'].split('::')[-1]}.{value['path']}" for value in _last(ran)["stale"])
    return frozenset(found) - shop.unsure.keys()


def _last(ran: Ran) -> dict[str, Any]:
    """The result, which is the last line."""
    found: dict[str, Any] = json.loads(ran.out.splitlines()[-1]) if ran.out.strip() else {}
    return found
