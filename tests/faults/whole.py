"""What has to be whole after a fault, and going on as an operator would: by what the errors say, and nothing else."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import CheckpointError
from tests.faults.inflict import Run
from tests.faults.stage import AGREED, PASSPHRASE, ROADS, SECRET, Road, content
from tests.support.faults import orphans, own, pending_creates, remove_orphans, wait_for_quiet
from tests.support.rewind import session
from tests.support.stack import EngineStack

CODES: Final = frozenset({0, 1, 3, 4, 5, 6, 130})
TRIES: Final = 8
"""How many commands an operator gives at most until all is well."""


class Unsound(AssertionError):
    """What a fault has left is not as it should be."""


def require(condition: object, what: str) -> None:
    """Raises Unsound unless it holds."""
    if not condition:
        raise Unsound(what)


def check_words(code: int, said: str, fault: str, *, early: bool) -> None:
    """Our own exit codes, and no word that tells an operator nothing.

    Until our handlers are there, and when they are gone, a signal ends us as it ends any process; a backend that isn't
    there has no such stack.
    """
    foreign = code < 0 and (fault == "kill-us" or (early and fault in {"int", "term", "hup"}) or fault == "int-twice")
    require(code in CODES or foreign or (code == 2 and fault == "gone-backend"), f"exit code {code}")
    own = own_words(said)
    require("this is a bug" not in own, "it calls what happened a bug")
    crashed = any(line.startswith("Traceback (most recent call last)") for line in own.splitlines())
    require(not crashed, "it ends in a traceback")  # the one of a program that was ended is quoted, and indented
    if code in {1, 3, 4, 6}:
        require("error: " in said, f"exit code {code} without an error")
        require("hint: " in said or "othing was changed" in said, f"exit code {code} without a hint")


def check_outcome(run: Run, code: int, said: str, before: str) -> None:
    """What the exit code promises."""
    road = ROADS[run.moment.road]
    alone = not run.moment.fault.startswith("race")
    if code == 3 and alone:
        require(content(run.stack) == before, "refused, and yet something has changed")
    if alone and "othing was changed" in said and code in {1, 3}:
        require(content(run.stack) == before, "it says that nothing was changed")
    if alone and code == (5 if road.name == "up" else 0):
        require(not missing(run.stack, road), f"exit code {code}, but: {missing(run.stack, road)}")


def check_whole(run: Run, said: str, before: Mapping[str, object]) -> None:
    """The state can be read, or the error names the way; every object is in the state, pending, or named; locks too."""
    stack = run.stack
    wait_for_quiet(stack)
    killed = run.moment.fault == "kill-us"
    moved = "the directory of the backend" in own_words(said) or "the backend's directory" in own_words(said)
    if locks(stack) and not killed:
        way_out = "locked by" in said or (moved and "pulumi cancel" in said)
        require(way_out, f"a lock is left that nobody names: {locks(stack)}")
    try:
        opened = session(stack)
        opened.backend.live(opened.stack)
    except CheckpointError as err:
        require("`cp " in said or killed, f"the state is damaged, and nothing says how to get it back: {err}")
        return
    if run.moment.road == "state":
        require(stack.physical() == before or run.others, "putting a state back has touched objects")
        return
    named = {operation["resource"]["urn"].split("::")[-1] for operation in pending_creates(stack)}
    told = own_words(said)
    lost = {name for name in orphans(stack).values() if name not in named and not re.search(rf"\b{name}\b", told)}
    require(not lost, f"objects that the state doesn't know and nothing names: {', '.join(sorted(lost))}")
    resources = stack.export()["deployment"]["resources"]
    there = set(stack.physical())
    ids = [(res["urn"], res["id"]) for res in resources if res.get("id") and res["type"].startswith("bridged:")]
    # What was deleted and couldn't be saved is still in the state; it is deleted once more, which costs nothing.
    saved = not (moved or "failed to save snapshot" in told)
    gone = [urn.split("::")[-1] for urn, identifier in ids if identifier not in there]
    gone = [name for name in gone if saved and not re.search(rf"\b{name} delet(?:ing|ed)\b", told)]
    require(not gone, f"the state speaks of objects that are gone: {', '.join(gone)}")
    if moved:
        remove_orphans(stack)  # they are named, and somebody has looked


def own_words(said: str) -> str:
    """What we say without the events, which name everything and quote the words of others."""
    return "\n".join(line for line in said.splitlines() if not line.startswith('{"event"'))


def locks(stack: EngineStack) -> list[Path]:
    """The lock files of the backend."""
    return list((stack.backend / ".pulumi" / "locks").rglob("*.json"))


def check_secrets(stack: EngineStack) -> None:
    """No secret lies in plain text where a run writes: backend, state directory, TMPDIR, git, and beside them."""
    places = ("backend", "state", "tmp", "project", "pulumi-home", "home")
    for path in (path for place in places for path in (stack.directory / place).rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        raw = path.read_bytes()
        if ".git/objects" in str(path) and raw[:1] == b"\x78":
            raw = zlib.decompress(raw)
        for word in (SECRET, PASSPHRASE):
            require(word.encode() not in raw, f"{path.relative_to(stack.directory)} holds {word!r} in plain text")


def missing(stack: EngineStack, road: Road) -> str:
    """What isn't yet as it is to be at the end of a road; empty if all is."""
    mine = {name: res for name, res in stack.resources().items() if res["type"].startswith("bridged:")}
    prefixes = {name.split("-")[0] for name in mine}
    if prefixes != road.prefixes:
        return f"resources {sorted(prefixes)} instead of {sorted(road.prefixes)}"
    images = {res["inputs"]["image"] for res in mine.values()}
    if images != {road.image}:
        return f"image {sorted(images)} instead of {road.image}"
    count = sum(not res.get("delete") for res in mine.values())
    return "" if count == 11 else f"{count} resources instead of 11"


def go_on(run: Run) -> list[str]:
    """Reaches the target by doing what the errors say; returns the commands that it took."""
    stack, road = run.stack, ROADS[run.moment.road]
    stack.trouble()
    took: list[str] = []
    if _there(stack, road):
        check_end(stack, road)
        return took
    words: tuple[str, ...] = ("resume",)
    for _ in range(TRIES):
        code, said = own(stack, *words, *AGREED)
        took.append(words[0])
        check_words(code, said, "", early=False)
        if code == 0 and _there(stack, road):
            break
        if code == 0:
            require(
                words == ("resume",) and "nothing-to-do" in said, f"{words[0]} ended well, but: {missing(stack, road)}"
            )
            words = road.again
            continue
        if by_hint := _by_the_hint(stack, said):
            took += by_hint
        elif "resume" not in own_words(said):
            words = road.again
    else:
        raise Unsound(f"not there after {', '.join(took)}: {own_words(said)}")
    check_end(stack, road)
    return took


def _there(stack: EngineStack, road: Road) -> bool:
    try:
        return not missing(stack, road) and not locks(stack) and session(stack).journal.read() is None
    except ValueError:  # a state that was cut off
        return False


def _by_the_hint(stack: EngineStack, said: str) -> list[str]:
    """Does what an error says."""
    text = own_words(said)
    if put_back := next((word for word in text.split("`") if word.startswith("cp ")), ""):
        done = stack.run(["sh", "-c", put_back])
        require(done.returncode == 0, f"{put_back}: {done.stderr}")
        remove_orphans(stack)
        return ["cp"]
    if remove := next((word for word in text.split("`") if word.startswith("rm ")), ""):
        done = stack.run(["sh", "-c", remove])
        require(done.returncode == 0, f"{remove}: {done.stderr}")
        return ["rm"]
    if "locked by" in text:
        require("pulumi cancel" in text, f"a lock without a way out: {text}")
        stack.pulumi("cancel", "--yes", stack.name)
        return ["pulumi cancel"]
    if "pulumi-rewind resolve" in text:
        remove_orphans(stack)
        code, answer = own(stack, "resolve", "--clear-all")
        require(code == 0, f"resolve: {answer}")
        return ["resolve"]
    if "resume" in text or "lan again" in text or "othing was changed" in text:
        return []
    raise Unsound(f"nothing says how to go on: {text}")


def check_end(stack: EngineStack, road: Road) -> None:
    """At the end nothing is left over."""
    require(not locks(stack), "at the end a lock is left")
    if road.name != "state":
        resources = stack.export()["deployment"]["resources"]
        ids = {res["id"] for res in resources if res.get("id") and res["type"].startswith("bridged:")}
        require(ids <= set(stack.physical()), "at the end the state speaks of objects that are gone")
        left = json.dumps(sorted(orphans(stack).values()))
        require(left == "[]", f"at the end there are objects that the state doesn't know: {left}")
