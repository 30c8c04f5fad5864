"""Stacks and their updates, as the service keeps them."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.servers.cloud.journal import Journal, State

EMPTY: State = {"version": 3, "deployment": {"manifest": {"time": "0001-01-01T00:00:00Z"}, "metadata": {}}}

Name = tuple[str, str, str]
"""Organization, project, stack."""


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Update:
    """One update, preview, refresh, destroy or import."""

    kind: str
    asked: Mapping[str, Any]
    """The request that made it."""
    dry: bool
    number: str = field(default_factory=lambda: secrets.token_hex(16))
    status: str = "not started"
    token: str = ""
    started: float = field(default_factory=time.time)
    events: list[Mapping[str, Any]] = field(default_factory=list)
    state: State = field(default_factory=dict)
    text: str = ""
    """The newest state as it was sent, for differences against it."""
    journal: Journal | None = None

    def take_text(self, text: str) -> None:
        """A whole state, spaces included."""
        self.text, self.state = text, json.loads(text)

    def take_difference(self, edits: Sequence[Mapping[str, Any]], digest: str) -> None:
        """Edits of the newest text, by byte."""
        old, new, at = self.text.encode(), b"", 0
        for start, end, edit in sorted((*_span(edit), edit["NewText"]) for edit in edits):
            new += old[at:start] + edit.encode()
            at = end
        new += old[at:]
        if hashlib.sha256(new).hexdigest() != digest:
            raise Refused(400, "Bad Request: checkpoint hash mismatch")
        self.take_text(new.decode())


def _span(edit: Mapping[str, Any]) -> tuple[int, int]:
    start = edit["Span"]["start"].get("offset", 0)
    return start, (edit["Span"].get("end") or edit["Span"]["start"]).get("offset", 0)


@dataclass
class Stack:
    """One stack, with all versions of its state."""

    name: Name
    tags: Mapping[str, str] = field(default_factory=dict)
    identifier: str = field(default_factory=lambda: secrets.token_hex(8))
    key: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    """Stands for encryption: a byte-wise XOR."""
    states: list[State] = field(default_factory=lambda: [EMPTY])
    """By version; 0 is the one before all updates."""
    history: list[State] = field(default_factory=list)
    running: Update | None = None
    config: Mapping[str, str] = field(default_factory=dict)
    """What the service keeps of its configuration, if it has no file."""
    users: dict[int, str] = field(default_factory=dict)
    """Who asked for a version, where it isn't the tester."""
    commits: dict[int, str] = field(default_factory=dict)
    """The page of a version's commit."""

    @property
    def version(self) -> int:
        return len(self.states) - 1

    def told(self) -> State:
        """The answer to who asks for the stack."""
        organization, project, name = self.name
        found: State = {
            "id": self.identifier,
            "orgName": organization,
            "projectName": project,
            "stackName": name,
            "activeUpdate": self.running.number if self.running else "",
            "tags": self.tags,
            "version": self.version,
        }
        if self.config:
            found["config"] = self.config
        if self.running is not None:
            kind, started = self.running.kind, int(self.running.started)
            found["currentOperation"] = {"kind": kind, "author": "tester", "started": started}
        return found

    def summary(self) -> State:
        """One row of a list of stacks."""
        organization, project, name = self.name
        resources = self.states[-1]["deployment"].get("resources") or []
        found: State = {"orgName": organization, "projectName": project, "stackName": name}
        found |= {"id": self.identifier, "resourceCount": len(resources)}
        return found | ({"lastUpdate": self.history[-1]["startTime"]} if self.history else {})

    def free(self) -> None:
        """Raises `Refused` while an update runs."""
        if self.running is not None:
            raise Refused(409, "Conflict: Another update is currently in progress.")

    def sealed(self, text: str) -> str:
        """What an encrypted or decrypted value becomes, both as base64."""
        data = base64.b64decode(text)
        return base64.b64encode(bytes(byte ^ self.key[at % len(self.key)] for at, byte in enumerate(data))).decode()

    def rename(self, name: Name) -> None:
        """A version whose state names everything by the new name; older versions keep the old one."""
        self.free()
        old, self.name = self.name, name
        state = json.dumps(self.states[-1]).replace(
            f"urn:pulumi:{old[2]}::{old[1]}::", f"urn:pulumi:{name[2]}::{name[1]}::"
        )
        renamed = json.loads(state)
        provider = (renamed["deployment"].get("secrets_providers") or {}).get("state") or {}
        if provider.get("stack") == old[2]:
            provider |= {"owner": name[0], "project": name[1], "stack": name[2]}
        self._add(renamed, Update("rename", {}, dry=False, status="succeeded"))

    def end_lease(self) -> None:
        """As after five minutes in which an update didn't renew it: what was done stays, as a failed version."""
        assert self.running is not None
        self.finish(self.running, "failed")

    def imported(self, document: Mapping[str, Any]) -> Update:
        """A state that is put in the place of the one there."""
        self.free()
        update = Update("import", document, dry=False, status="succeeded")
        self._add({key: document[key] for key in ("version", "features", "deployment") if key in document}, update)
        return update

    def finish(self, update: Update, status: str) -> None:
        """The end of an update."""
        update.status, update.token = ("failed" if status == "cancelled" else status), ""
        if self.running is update:
            self.running = None
        if update.dry:
            return
        if update.journal is not None:
            features = update.state.get("features")
            update.state = {"version": 4 if features else 3, "deployment": update.journal.deployment()}
            update.state |= {"features": features} if features else {}
        self._add(update.state, update)

    def _add(self, state: State, update: Update) -> None:
        self.states.append(state)
        self.history.append(self.row(update, "succeeded" if update.status == "succeeded" else "failed", self.version))

    def seed(self, count: int) -> None:
        """That many updates of nothing."""
        for _ in range(count):
            asked = {"metadata": {"message": f"update {self.version + 1}"}}
            self._add(EMPTY, Update("update", asked, dry=False, status="succeeded"))

    def begin(self, kind: str = "update") -> Update:
        """An update that somebody else runs."""
        self.running = Update(kind, {"metadata": {"message": "of another"}}, dry=False, status="running")
        return self.running

    def seen_by_service(self, row: State) -> State:
        """A row of the history with what the service adds."""
        version = row["version"]
        user = self.users.get(version, "Tester")
        found = {"info": row, "updateID": row["updateID"], "version": version, "latestVersion": self.version}
        found["requestedBy"] = {"name": user, "githubLogin": user.lower(), "avatarUrl": ""}
        if version in self.commits:
            found["githubCommitInfo"] = {"slug": "acme/shop", "sha": "", "url": self.commits[version]}
        return found

    def row(self, update: Update, result: str, version: int) -> State:
        """An update as the history tells it."""
        summaries = [one["summaryEvent"] for one in update.events if one.get("summaryEvent")]
        changes = summaries[-1].get("resourceChanges") if summaries else None
        metadata = update.asked.get("metadata") or {}
        return {
            "kind": update.kind,
            "startTime": int(update.started),
            "endTime": int(time.time()),
            "message": metadata.get("message", ""),
            "environment": metadata.get("environment") or {},
            "config": update.asked.get("config") or {},
            "result": result,
            "version": version,
            "resourceChanges": changes or {},
            "updateID": update.number,
        }
