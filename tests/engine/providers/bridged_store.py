"""The physical world of the `bridged` provider: one JSON file per object, and a file that makes things go wrong."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

CONTROL: Final = "control.json"
DATABASE: Final = "db"
LOG: Final = "calls.jsonl"


class Trouble(Exception):
    """What the provider answers instead of doing its work."""


class Partial(Trouble):
    """The object was made, but not quite."""


class Store:
    """The objects under a directory.

    ``control.json`` in it is a list of rules ``{"name", "operation", "action", "seconds", "message"}``:
    `name` is a logical name or ``*``; `operation` is ``create``, ``update``, ``delete``, ``read``, ``check``,
    ``diff``, ``preview`` (of an update), ``trial`` (a preview of a create that knows all inputs) or ``*``; `action` is
    ``fail``, ``hang`` (until the rule is gone or the engine cancels or goes away; with ``deaf`` only until the rule is
    gone), ``slow`` (`seconds`), ``once`` (fails the first time) or ``partial`` (create and update only: done, then
    reported as not initialised).
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cancelled = threading.Event()

    def path(self, prefix: str, identifier: str) -> Path:
        """The file of an object."""
        return self.root / prefix / f"{quote(identifier, safe='')}.json"

    def load(self, prefix: str, identifier: str) -> dict[str, Any] | None:
        """An object's record, None if it doesn't exist."""
        try:
            return json.loads(self.path(prefix, identifier).read_text())
        except FileNotFoundError:
            return None

    def save(self, prefix: str, identifier: str, record: dict[str, Any]) -> None:
        """Writes an object; it appears whole or not at all."""
        path = self.path(prefix, identifier)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{threading.get_ident()}")
        part.write_text(json.dumps(record, indent=1, sort_keys=True))
        part.replace(path)

    def remove(self, prefix: str, identifier: str) -> None:
        """Deletes an object; deleting what is gone is fine, as with most clouds."""
        self.path(prefix, identifier).unlink(missing_ok=True)
        if prefix == DATABASE:
            self._last_dump(identifier)

    def data(self, identifier: str) -> Path:
        """The SQLite file of a database; it is empty until somebody fills it."""
        return self.path(DATABASE, identifier).with_suffix(".sqlite")

    def _last_dump(self, identifier: str) -> None:
        """Deletes a database's rows, with a last dump in ``dumps``, as clouds keep a last snapshot."""
        data = self.data(identifier)
        if not data.exists():
            return
        with contextlib.closing(sqlite3.connect(data)) as connection:
            text = "\n".join(connection.iterdump())
        dump = self.root / "dumps" / f"{identifier}.sql"
        dump.parent.mkdir(exist_ok=True)
        dump.write_text(text)
        data.unlink()

    def named(self, prefix: str, name: str) -> str | None:
        """The id of the object with that physical name."""
        for path in (self.root / prefix).glob("*.json"):
            record = json.loads(path.read_text())
            if record["inputs"].get("name") == name:
                return str(record["id"])
        return None

    def log(self, **call: Any) -> None:
        """Appends one line to ``calls.jsonl``: what the engine asked for."""
        self.root.mkdir(parents=True, exist_ok=True)
        line = json.dumps(call, sort_keys=True) + "\n"
        fd = os.open(self.root / LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(fd, line.encode())
        finally:
            os.close(fd)

    def obey(self, operation: str, name: str, asked: Callable[[], bool] = lambda: True) -> bool:
        """Does what ``control.json`` says; True means: finish the work, then report it as partial.

        `asked` tells whether the engine still waits for the answer.

        Raises:
            Trouble: the operation is to fail, or the engine cancelled it, or went away, while it hung.
        """
        rule = self._rule(operation, name)
        if rule is None:
            return False
        match rule["action"]:
            case "fail":
                raise Trouble(rule.get("message", f"{operation} of {name} was refused"))
            case "once":
                mark = self.root / f"once-{operation}-{quote(name, safe='')}"
                if not mark.exists():
                    mark.touch()
                    raise Trouble(rule.get("message", f"{operation} of {name} was refused this once"))
            case "slow":
                if self.cancelled.wait(rule.get("seconds", 1)) or not asked():
                    raise self._cancelled(operation, name)
            case "hang":
                self.log(operation=f"hanging {operation}", name=name)
                while self._rule(operation, name) is not None:
                    if self.cancelled.wait(0.05) or not (rule.get("deaf") or asked()):
                        raise self._cancelled(operation, name)
            case "partial":
                return True
            case other:
                raise Trouble(f"{CONTROL}: unknown action {other!r}")
        return False

    def _cancelled(self, operation: str, name: str) -> Trouble:
        self.log(operation=f"cancelled {operation}", name=name)
        return Trouble(f"{operation} of {name} was cancelled")

    def _rule(self, operation: str, name: str) -> dict[str, Any] | None:
        for attempt in range(3):
            try:
                rules = json.loads((self.root / CONTROL).read_text())
            except FileNotFoundError:
                return None
            except json.JSONDecodeError:
                if attempt == 2:
                    raise
                time.sleep(0.02)  # being written
                continue
            for rule in rules:
                if rule.get("name", "*") in {"*", name} and rule.get("operation", "*") in {"*", operation}:
                    return dict(rule)
            return None
        return None
