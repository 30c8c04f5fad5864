"""``python -m tests.faults.held``: kills what holds, returns and confirms, at any moment, and tells what was left.

Our own command is killed after one of the events that it tells of, in every second moment with its engine. Whatever
lived then must be in the state, be held, or be a create that the state says has begun; what holds data is deleted only
where that was agreed to. The command, given again, must come to its end as if nothing had been.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_rewind.system.toolchain import find_engine
from pulumi_rewind.window.ledger import Window
from tests.faults.stage import AGREED
from tests.faults.trial import Output
from tests.faults.whole import locks, own_words, require
from tests.support.faults import copied, engines, own, pending_creates, slay, start, wait_for_quiet
from tests.support.held import held
from tests.support.rewind import session
from tests.support.stack import EngineStack

PROGRAM: Final = """
import pulumi, bridged_sdk as bridged
net = bridged.Bucket("net", {{"region": "{zone}"}})
db = bridged.Bucket("db", {{"region": net.id}})
web = bridged.Server("web", {{"image": "{zone}", "dependsId": db.id}})
bridged.Server("app", {{"image": "1", "zone": db.id}})
{more}
"""
"""Buckets hold data; servers don't."""

OLD: Final = PROGRAM.format(zone="a", more='bridged.Bucket("gone", {})')
NEW: Final = PROGRAM.format(zone="b", more='bridged.Bucket("fresh", {}, pulumi.ResourceOptions(depends_on=[web]))')
SLOW: Final = tuple(
    {"name": "*", "operation": name, "action": "slow", "seconds": 0.1} for name in ("create", "update", "delete")
)
TIMEOUT: Final = 120
TRIES: Final = 6


@dataclass(frozen=True)
class Road:
    """One command, where it begins, and where it ends."""

    command: tuple[str, ...]
    begins: str
    """``old``: the first program is deployed; ``new``: the second one as well, and what it let go of is held."""
    ends: str
    """Whose objects live at the end."""
    held: frozenset[str]
    """The names of what is held then."""
    again: tuple[str, ...] = ()
    """What is given again where nothing is to be resumed; else the command."""
    code: int = 0
    loses: bool = False
    """Whether it was agreed to that data is lost."""
    trouble: tuple[Mapping[str, object], ...] = SLOW
    plain: bool = False
    """Whether somebody else goes on, with the CLI, who knows nothing of what is held."""


HELD: Final = frozenset({"net", "db", "gone"})
_FAILS: Final = {"name": "fresh", "operation": "create", "action": "fail", "message": "quota exceeded"}
_AGREED: Final = ("--yes", "--json")
ROADS: Final = {
    "hold": Road(("up", "--hold-deletes", *_AGREED), "old", "new", HELD),
    "plain": Road(("up", "--hold-deletes", *_AGREED), "old", "new", HELD, plain=True),
    "fail": Road(
        ("up", "--hold-deletes", "--rollback-on-failure", *_AGREED),
        "old",
        "old",
        frozenset(),
        again=("rollback", "1", *AGREED),
        code=5,
        trouble=(_FAILS, *SLOW),
    ),
    "return": Road(("rollback", "1", *AGREED), "new", "old", frozenset(), loses=True),
    "swap": Road(("rollback", "1", "--hold-deletes", *_AGREED), "new", "old", frozenset({"net", "db", "fresh"})),
    "confirm": Road(("confirm", *AGREED), "new", "new", frozenset(), loses=True),
}


@dataclass(frozen=True)
class Moment:
    """One try."""

    number: int
    road: str
    place: float
    """How far the run is, as a share of its events."""
    delay: float
    """Seconds after that event."""
    engine: bool
    """Whether the engine is killed as well."""


def moments(count: int = 60) -> list[Moment]:
    """The first so many, always the same: all roads in turn, spread over their events."""
    found = []
    for number in range(count):
        turn, road = divmod(number, len(ROADS))
        place = turn * 0.618034 % 1  # wherever one stops, the places are spread evenly
        found.append(Moment(number, list(ROADS)[road], place, (0.0, 0.2, 0.05, 0.4)[turn % 4], turn % 2 == 0))
    return found


@dataclass(frozen=True)
class Objects:
    """Real objects by logical name."""

    ids: Mapping[str, str]

    @staticmethod
    def of(stack: EngineStack) -> Objects:
        """What lives in the state."""
        found = stack.export()["deployment"].get("resources") or []
        return Objects(
            {
                res["urn"].split("::")[-1]: res["id"]
                for res in found
                if res["type"].startswith("bridged:") and not res.get("delete")
            }
        )


class Trials:
    """Deploys once, and runs each moment on a copy."""

    def __init__(self, directory: Path, engine: Path) -> None:
        self._directory = directory
        base = EngineStack(directory / "base" / "stack", engine)
        base.extra_environ = {
            "XDG_CACHE_HOME": str(directory / "cache"),
            "XDG_STATE_HOME": str(base.directory / "state"),
        }
        base.up(OLD)
        base.close()
        self._bases = {"old": self._copy(base, directory / "old"), "new": self._copy(base, directory / "new")}
        self._bases["old"].write_program(NEW)
        stack = self._bases["new"]
        self.old = Objects.of(stack)
        stack.write_program(NEW)
        code, text = own(stack, *ROADS["hold"].command)
        assert code == 0, text
        self.new = Objects.of(stack)
        stack.close()
        self._events: dict[str, int] = {}

    def _copy(self, base: EngineStack, directory: Path) -> EngineStack:
        stack = copied(base, directory / "stack")
        stack.extra_environ["XDG_STATE_HOME"] = str(stack.directory / "state")
        here, there = (Window(session(one)).path for one in (stack, base))
        moved = here.with_name(there.name)  # a ledger is that of a backend's URL, which is another one in the copy
        if moved.exists():
            moved.replace(here)
        return stack

    def _set(self, road: Road, name: str) -> EngineStack:
        directory = self._directory / "moments" / name
        shutil.rmtree(directory, ignore_errors=True)
        stack = self._copy(self._bases[road.begins], directory)
        stack.trouble(*road.trouble)
        stack.forget_calls()
        return stack

    def events(self, name: str) -> int:
        """How many events an undisturbed run tells of."""
        if name not in self._events:
            road = ROADS[name]
            stack = self._set(road, f"calm-{name}")
            with start(stack, *road.command) as process:
                output = Output(process)
                code = process.wait(TIMEOUT)
                said = output.text()
            require(code == road.code, said)
            self._check_end(stack, road)
            self._remove(stack)
            self._events[name] = output.events
        return self._events[name]

    def run(self, moment: Moment, *, keep: bool = False) -> str:
        """What isn't whole after one moment; empty if all is."""
        road, event = ROADS[moment.road], 1 + int(moment.place * self.events(moment.road))
        stack = self._set(road, str(moment.number))
        wrong = ""
        try:
            with start(stack, *road.command) as process:
                output = Output(process)
                output.wait_for(event)
                time.sleep(moment.delay)
                os.killpg(process.pid, signal.SIGKILL)
                for number in engines(stack) if moment.engine else ():
                    slay(number)
                process.wait(TIMEOUT)
                output.text()
            wait_for_quiet(stack)
            self._check_whole(stack, road)
            if road.plain:
                self._plainly(stack)
            else:
                self._go_on(stack, road)
                self._check_end(stack, road)
                self._come_back(stack, road)
        except (AssertionError, OSError, ValueError, KeyError) as err:
            wrong = f"{type(err).__name__}: {err}"
        if not (wrong and keep):
            self._remove(stack)
        return wrong

    def _plainly(self, stack: EngineStack) -> None:
        """What was marked when the kill came is held after an update of somebody else, all else was its to delete."""
        resources = stack.export()["deployment"]["resources"]
        marked = {res["id"] for res in resources if res.get("retainOnDelete")} | set(held(stack).values())
        stack.pulumi("up", "--yes", "--skip-preview", "-s", stack.name)
        live, kept = self._live(stack), held(stack)
        remove_orphans_not_held(stack)
        there = set(stack.physical())
        require(there == {*live.values(), *kept.values()}, f"lives: {live}, held: {kept}, really there: {there}")
        require(marked - set(live.values()) == set(kept.values()), f"marked: {marked}, held: {kept}, lives: {live}")
        if marked:
            own(stack, "resolve", "--clear-all")  # the creates that were under way, whose objects were looked for
            self._come_back(stack, ROADS["hold"])

    @staticmethod
    def _remove(stack: EngineStack) -> None:
        stack.close()
        shutil.rmtree(stack.directory.parent, ignore_errors=True)

    def _check_whole(self, stack: EngineStack, road: Road) -> None:
        """Right after the kill, before anybody does anything."""
        stack.trouble()
        follow_the_hint(stack)
        there, known = set(stack.physical()), known_ids(stack)
        begun = {operation["resource"]["urn"].split("::")[-1] for operation in pending_creates(stack)}
        unknown = {name for key, name in names(stack).items() if key not in known}
        require(unknown <= begun, f"objects that nothing names: {sorted(unknown - begun)}")
        if road.command[0] != "confirm":
            lost = set(held(stack).values()) - there
            require(not lost, f"held, but gone: {lost}")
        must = set() if road.loses and road.begins == "new" else {self.new.ids[name] for name in ("net", "db")}
        must |= {self.old.ids[name] for name in HELD} if road.command[0] != "confirm" else set()
        must &= self._at_the_start(road)
        require(must <= there, f"data is lost: {must - there}")
        if locks(stack):
            stack.pulumi("cancel", "--yes", stack.name)
        stack.pulumi("preview", "-s", stack.name)

    def _at_the_start(self, road: Road) -> set[str]:
        names = {*self.old.ids.values()} if road.begins == "old" else {*self.old.ids.values(), *self.new.ids.values()}
        return names - ({self.old.ids["app"]} if road.begins == "new" else set())

    def _go_on(self, stack: EngineStack, road: Road) -> None:
        """What an operator would do: resume, or give the command again."""
        words: tuple[str, ...] = ("resume", *AGREED)
        again = road.again or road.command
        said = ""
        for _ in range(TRIES):
            code, said = own(stack, *words)
            if "pulumi-rewind resolve" in own_words(said):
                remove_orphans_not_held(stack)
                own(stack, "resolve", "--clear-all")
                continue
            if code == 0 and self._there(stack, road):
                return
            if code not in {0, 1} or words == again:
                raise AssertionError(f"{' '.join(words)} ends with {code}: {said}")
            words = again
        raise AssertionError(f"not there: {said}")

    def _there(self, stack: EngineStack, road: Road) -> bool:
        return (
            set(self._live(stack)) == set(self._end(road).ids)
            and session(stack).journal.read() is None
            and (set(held(stack)) == road.held)
        )

    def _end(self, road: Road) -> Objects:
        return self.old if road.ends == "old" else self.new

    @staticmethod
    def _live(stack: EngineStack) -> Mapping[str, str]:
        return Objects.of(stack).ids

    def _check_end(self, stack: EngineStack, road: Road) -> None:
        """All lives that is to live, all is held that is to be held, and there is nothing else."""
        live, kept = self._live(stack), held(stack)
        require(set(live) == set(self._end(road).ids), f"lives at the end: {sorted(live)}")
        require(set(kept) == road.held, f"held at the end: {sorted(kept)}")
        if road.ends == "old":
            back = {name: live[name] for name in HELD}
            require(back == {name: self.old.ids[name] for name in HELD}, f"not the objects of before: {back}")
        elif road.held:
            require(kept == {name: self.old.ids[name] for name in HELD}, f"not the objects of before: {kept}")
        remove_orphans_not_held(stack)  # of creates that were under way, which the state has named
        there = set(stack.physical())
        require(there == {*live.values(), *kept.values()}, f"lives: {live}, held: {kept}, really there: {there}")
        left = [res["urn"] for res in stack.export()["deployment"]["resources"] if res.get("delete")]
        require(not left, f"copies to delete are left: {left}")
        require(not locks(stack), "a lock is left")

    def _come_back(self, stack: EngineStack, road: Road) -> None:
        """What is held at the end comes back indeed."""
        if road.command[0] != "up" or not road.held:
            return
        code, said = own(stack, "rollback", "1", *AGREED)
        require(code == 0, said)
        back = {name: self._live(stack)[name] for name in HELD}
        require(back == {name: self.old.ids[name] for name in HELD}, f"came back: {back}")


def follow_the_hint(stack: EngineStack) -> None:
    """Mends what an engine leaves that was killed while it wrote a file; no command of ours or its own works before."""
    directory = stack.backend / ".pulumi" / "stacks"
    if all(path.stat().st_size for path in directory.rglob("*")):
        return
    _, said = own(stack, "rollback", "1", *AGREED)
    commands = [word for word in own_words(said).split("`") if word.startswith(("rm ", "cp "))]
    require(commands, f"nothing says what to do about an empty file: {said}")
    done = stack.run(["sh", "-c", commands[0]])
    require(done.returncode == 0, done.stderr)


def known_ids(stack: EngineStack) -> set[str]:
    """The ids of all that the state or the ledger knows."""
    resources = stack.export()["deployment"].get("resources") or []
    return {res["id"] for res in resources if res.get("id")} | set(held(stack).values())


def names(stack: EngineStack) -> dict[str, str]:
    """The real objects: id → the logical name that they were made for."""
    return {key: record["inputs"]["name"].rsplit("-", 1)[0] for key, record in stack.physical().items()}


def remove_orphans_not_held(stack: EngineStack) -> None:
    """What an operator does who has looked after a create that was under way."""
    known = known_ids(stack)
    for key in set(stack.physical()) - known:
        next(stack.objects.glob(f"*/{key}.json")).unlink()


def main(arguments: Sequence[str]) -> int:
    """Runs moments; exit code 1 if one of them left something that isn't whole."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.held", description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="how many moments")
    parser.add_argument("--one", type=int, metavar="NUMBER", help="only this moment")
    parser.add_argument("--roads", nargs="*", choices=list(ROADS), help="only these")
    parser.add_argument("--workers", type=int, default=2, help="moments at a time")
    parser.add_argument("--keep", action="store_true", help="leave the stacks of failing moments")
    options = parser.parse_args(arguments)
    engine = find_engine(os.environ)
    directory = Path(tempfile.mkdtemp(prefix="rewind-held-"))
    chosen = [
        moment
        for moment in moments(max(options.count, (options.one or 0) + 1))
        if options.one in {None, moment.number} and (not options.roads or moment.road in options.roads)
    ]
    broken = 0
    try:
        trials = Trials(directory, engine.path)
        for name in {moment.road: None for moment in chosen}:
            trials.events(name)
        with ThreadPoolExecutor(options.workers) as pool:
            for moment, wrong in zip(
                chosen, pool.map(lambda one: trials.run(one, keep=options.keep), chosen), strict=True
            ):
                broken += bool(wrong)
                where = f"event {1 + int(moment.place * trials.events(moment.road))} of {trials.events(moment.road)}"
                whom = "with its engine" if moment.engine else ""
                print(f"{moment.number:>3}  {moment.road:<8} {where:<16} {wrong or 'whole'}  {whom}", flush=True)
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
        else:
            print(directory)
    print(f"{len(chosen)} moments, {broken} broken")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
