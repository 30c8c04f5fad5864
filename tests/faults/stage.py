"""The stacks that are broken: each is deployed once, and every moment gets a copy."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support.faults import OWN, copied
from tests.support.rewind import session
from tests.support.stack import EngineStack

SECRET: Final = "hush-hush-canary-4711"
PASSPHRASE: Final = "no file may hold this passphrase"

PROGRAM: Final = """
import pulumi, bridged_sdk as bridged
token = pulumi.Config().require_secret("token")
last = None
for i in range(8):
    props = {{"image": "{image}", "tags": {{"n": str(i)}}}}
    if last is not None and i % 4:
        props["dependsId"] = last.id
    last = bridged.Server(f"{prefix}-{{i}}", props)
for i in range(3):
    bridged.Server(f"both-{{i}}", {{"image": "{image}", "userData": token}})
"""

HOOKS: Final = """
import pulumi_rewind as rewind

@rewind.before_rollback
def announce(ctx):
    print("going back")

@rewind.undo_delete(name="*-1")
def bring_back(ctx):
    made = yield rewind.Recreate()
    print("filled", made.id)

@rewind.undo_create(name="*-2")
def drain(ctx):
    print("drained", ctx.new.id)
    return rewind.Delete()

@rewind.undo_update(name="both-0")
def look(ctx):
    print("looked at", ctx.new.name)

@rewind.after_rollback
def tell(ctx):
    print("back")

@rewind.on_failure
def wake(ctx):
    print("not back")
"""

SLOW: Final = [
    {"name": "*", "operation": name, "action": "slow", "seconds": 0.1} for name in ("create", "update", "delete")
]
AGREED: Final = ("--yes", "--allow-data-loss", "--json")


@dataclass(frozen=True)
class Road:
    """One way back: how it begins, and what has to be there at its end."""

    name: str
    command: tuple[str, ...]
    again: tuple[str, ...]
    """What is begun anew where nothing is there to be resumed."""
    prefixes: frozenset[str]
    """How the names of the resources begin at the end."""
    image: str
    trouble: Sequence[Mapping[str, Any]] = field(default=tuple(SLOW))


def _rollback(name: str, *options: str) -> Road:
    command = ("rollback", "1", *options)
    return Road(name, command, command, frozenset({"old", "both"}), "one")


ROADS: Final = {
    "checkpoint": _rollback("checkpoint"),
    "program": _rollback("program", "--strategy", "program"),
    "state": _rollback("state", "--strategy", "state"),
    "up": Road(
        "up",
        ("up", "--rollback-on-failure"),
        ("rollback", "2"),
        frozenset({"new", "both"}),
        "two",
        ({"name": "next-5", "operation": "create", "action": "fail", "message": "quota exceeded"}, *SLOW),
    ),
    "resume": dataclasses.replace(_rollback("resume"), command=("resume",)),
}


class Stage:
    """The deployed stacks, under a directory of their own."""

    def __init__(self, directory: Path, engine: Path) -> None:
        self.directory = directory
        self.engine = engine
        self._other: Path | None = None
        self._lock = threading.Lock()
        base = EngineStack(directory / "base" / "stack", engine, passphrase=PASSPHRASE)
        base.extra_environ = {"XDG_CACHE_HOME": str(directory / "cache")}
        base.write_file(".gitignore", "__pycache__/\n")
        base.config_set("token", SECRET, secret=True)
        for image, prefix in (("one", "old"), ("two", "new")):
            base.write_program(PROGRAM.format(image=image, prefix=prefix))
            base.git_commit(image)
            base.up()
        self._bases = {"rollback": base}
        base.close()
        self._bases["up"] = self.copy(base, directory / "up")
        self._bases["up"].write_program(PROGRAM.format(image="three", prefix="next"))
        for callbacks in (False, True):
            self._interrupt(base, callbacks)

    def _interrupt(self, base: EngineStack, callbacks: bool) -> None:
        """A rollback that has stopped half-way."""
        stack = self.copy(base, self.directory / f"resume-{callbacks}")
        if callbacks:
            stack.write_file("rewind_hooks.py", HOOKS)
        stack.trouble({"name": "old-2", "operation": "create", "action": "fail", "message": "quota exceeded"})
        done = stack.run([*OWN, *ROADS["checkpoint"].command, *AGREED])
        assert done.returncode == 4, done.stdout + done.stderr
        stack.trouble()
        stack.close()
        self._bases[f"resume-{callbacks}"] = stack

    def copy(self, base: EngineStack, directory: Path) -> EngineStack:
        """A copy with a home, a state directory and a TMPDIR of its own."""
        stack = copied(base, directory / "stack")
        places = {"XDG_STATE_HOME": "state", "TMPDIR": "tmp"}
        for name in places.values():
            (stack.directory / name).mkdir(exist_ok=True)
        stack.extra_environ |= {name: str(stack.directory / place) for name, place in places.items()}
        stack.extra_environ["PULUMI_REWIND_DEBUG"] = "1"
        _move_journal(base, stack)
        return stack

    def set(self, road: str, directory: Path, *, callbacks: bool) -> EngineStack:
        """The stack as it is before a run on that road."""
        names = {"up": "up", "resume": f"resume-{callbacks}"}
        stack = self.copy(self._bases[names.get(road, "rollback")], directory)
        if callbacks:
            stack.write_file("rewind_hooks.py", HOOKS)
        stack.trouble(*ROADS[road].trouble)
        stack.forget_calls()
        return stack

    def own_engine(self, stack: EngineStack) -> None:
        """Gives a stack an engine whose file can be replaced."""
        own = stack.directory / "engine"
        own.mkdir()
        for file in self.engine.parent.iterdir():
            (own / file.name).symlink_to(file)
        stack.engine = own / self.engine.name

    @property
    def other_engine(self) -> Path:
        """The engine, saying that it is another version; the same length, so that nothing in the file moves."""
        with self._lock:
            return self._made_other()

    def _made_other(self) -> Path:
        if self._other is None:
            content = self.engine.read_bytes()
            asked = subprocess.run([str(self.engine), "version"], capture_output=True, text=True, check=True)
            version = asked.stdout.strip().encode()
            other = version[:-1] + (b"9" if version[-1:] != b"9" else b"8")
            path = self.directory / "other" / "pulumi"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content.replace(version, other))
            path.chmod(0o755)
            said = subprocess.run([str(path), "version"], capture_output=True, text=True, check=True)
            assert said.stdout.strip().encode() == other
            self._other = path
        return self._other


def _move_journal(base: EngineStack, stack: EngineStack) -> None:
    """A journal speaks of a backend's URL, which is another one in the copy."""
    new = session(stack).journal.path
    there = new.with_name(session(base).journal.path.name)
    if there == new or not there.exists():
        return
    entry = json.loads(there.read_bytes()) | {"backend": stack.backend.as_uri()}
    there.unlink()
    new.write_text(json.dumps(entry))
    new.chmod(0o600)


def content(stack: EngineStack) -> str:
    """A digest of the state and of the real objects, without who wrote it when; an import encrypts secrets anew."""
    deployment = stack.export(show_secrets=True)["deployment"]
    told = [deployment.get("resources"), deployment.get("pending_operations"), stack.physical()]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def remove(stack: EngineStack) -> None:
    """Takes a copy away."""
    stack.close()
    shutil.rmtree(stack.directory.parent, ignore_errors=True)
