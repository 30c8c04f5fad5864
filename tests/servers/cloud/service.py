"""The service: which request does what."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.servers.cloud.faults import Fault
from tests.servers.cloud.journal import Journal, State
from tests.servers.cloud.stacks import Name, Refused, Stack, Update

ORGANIZATIONS = ("acme", "tester")
"""The first is the default one."""

TOKEN = "pul-test"

OPERATIONS = frozenset({"update", "preview", "refresh", "destroy"})

Query = Mapping[str, Sequence[str]]


class Service:
    """Everything that the service knows.

    `way` says how updates send their state: ``full``, ``delta`` or ``journal``. Every `busy`-th request is refused with
    429 (0: none is).
    """

    def __init__(self, way: str = "full", *, busy: int = 0) -> None:
        self.way = way
        self.busy = busy
        self.stacks: dict[Name, Stack] = {}
        self.updates: dict[str, Update] = {}
        self.requests: list[str] = []
        """Method and path of each, in their order."""
        self.environments: dict[str, dict[str, str]] = {}
        """Environments of Pulumi ESC, each with the configuration that it holds."""
        self.opened_environments: list[str] = []
        self.faults: list[Fault] = []
        """What goes wrong on the way; the first that fits a request."""
        self.meanwhile: Callable[[], object] = lambda: None
        """What others do before the next update starts, once."""
        self.tells_operation = True
        """Whether a stack names its current operation; some services tell its number alone."""

    def answer(self, method: str, path: str, query: Query, body: Any, authorization: str) -> Any:
        """What a request is answered with; None: nothing.

        Raises:
            Refused: with a status and a message.
        """
        self.requests.append(f"{method} {path}")
        if self.busy and len(self.requests) % self.busy == 0:
            raise Refused(429, "Too Many Requests")
        api, *parts = path.strip("/").split("/")
        if api != "api" or not parts:
            raise Refused(404, "Not Found")
        if parts == ["capabilities"]:
            return {"capabilities": self._capabilities()}
        if parts == ["cli", "version"]:
            return {"latestVersion": "v3.276.0", "oldestWithoutWarning": "v3.0.0"}
        self._authorize(method, parts, authorization)
        if parts[0] == "user":
            return self._user(parts[1:], query)
        if parts[0] == "esc":
            return self._environments(method, parts[1:], body)
        if parts[0] != "stacks" or len(parts) < 3:
            raise Refused(404, f"Not Found: {path}")
        if parts[1] not in ORGANIZATIONS:
            raise Refused(404, f"Not Found: Organization '{parts[1]}' not found")
        if len(parts) == 3:
            return self._project(method, parts[1], parts[2], body)
        return self._stack(method, (parts[1], parts[2], parts[3]), parts[4:], query, body)

    def _capabilities(self) -> list[State]:
        found: list[State] = [
            {"capability": "deployment-schema-version", "version": 1, "configuration": {"version": 4}},
            {"capability": "batch-encrypt"},
        ]
        if self.way == "delta":
            cutoff = {"checkpointCutoffSizeBytes": 1}
            found.append({"capability": "delta-checkpoint-uploads-v2", "version": 2, "configuration": cutoff})
        return found

    def _authorize(self, method: str, parts: Sequence[str], authorization: str) -> None:
        """Updates have tokens of their own once they have begun."""
        of_update = len(parts) > 6 and parts[0] == "stacks" and parts[4] in OPERATIONS
        if of_update and method != "GET" and parts[6] != "cancel":
            update = self.updates.get(parts[5])
            if update is None:
                raise Refused(404, "Not Found: update")
            if not update.token or authorization != f"update-token {update.token}":
                raise Refused(403, "The update lease is not valid (any more)")
        elif authorization != f"token {TOKEN}":
            raise Refused(401, "Unauthorized: No credentials provided or are invalid.")

    def _environments(self, method: str, parts: Sequence[str], body: Any) -> Any:
        """Opens an environment that imports others; the settings of the first are what it holds."""
        match parts:
            case ["environments", _, "yaml", "open"] if method == "POST":
                found = [name for name in self.environments if name in str(body)]
                self.opened_environments += found
                if not found:
                    raise Refused(400, "Bad Request: unknown environment")
                return {"id": found[0], "diagnostics": []}
            case ["environments", _, "yaml", "open", *rest] if "/".join(rest) in self.environments:
                values = {key: {"value": value} for key, value in self.environments["/".join(rest)].items()}
                return {"properties": {"pulumiConfig": {"value": values}}}
        raise Refused(404, "Not Found")

    def _user(self, parts: Sequence[str], query: Query) -> State:
        match parts:
            case []:
                names = [{"githubLogin": name, "name": name} for name in ORGANIZATIONS]
                return {"id": "1", "githubLogin": "tester", "name": "Tester", "organizations": names, "identities": []}
            case ["organizations", "default"]:
                return {"GitHubLogin": ORGANIZATIONS[0], "Messages": []}
            case ["stacks"]:
                return self._list(query)
        raise Refused(404, "Not Found")

    def _list(self, query: Query) -> State:
        wanted = (query.get("organization"), query.get("project"))
        found = [
            stack.summary()
            for name, stack in self.stacks.items()
            if all(asked is None or asked[0] == part for asked, part in zip(wanted, name, strict=False))
        ]
        start = int((query.get("continuationToken") or ["0"])[0])
        more = {"continuationToken": str(start + 100)} if len(found) > start + 100 else {}
        return {"stacks": found[start : start + 100], **more}

    def _project(self, method: str, organization: str, project: str, body: Any) -> State:
        if method == "HEAD":
            if any(name[:2] == (organization, project) for name in self.stacks):
                return {}
            raise Refused(404, "Not Found")
        name = (organization, project, body["stackName"])
        if name in self.stacks:
            raise Refused(409, f"Conflict: Stack '{name[2]}' already exists")
        self.stacks[name] = stack = Stack(name, body.get("tags") or {})
        if body.get("state"):
            stack.states[0] = body["state"]
        return {}

    def _stack(self, method: str, name: Name, parts: Sequence[str], query: Query, body: Any) -> Any:
        stack = self.stacks.get(name)
        if stack is None:
            raise Refused(404, f"Not Found: Stack '{'/'.join(name)}' not found")
        match parts:
            case [] if method == "DELETE":
                return self._delete(stack, forced=query.get("force") == ["true"])
            case []:
                return {k: v for k, v in stack.told().items() if self.tells_operation or k != "currentOperation"}
            case ["export", *number]:
                return self._export(stack, number)
            case ["import"]:
                update = stack.imported(body)
                self.updates[update.number] = update
                return {"updateId": update.number}
            case ["tags"]:
                stack.tags = body
                return {}
            case ["rename"]:
                del self.stacks[name]
                stack.name = (name[0], body.get("newProject") or name[1], body.get("newName") or name[2])
                self.stacks[stack.name] = stack
                return {}
            case ["updates", *which]:
                return self._history(stack, which, query)
            case ["encrypt" | "decrypt" | "batch-encrypt" | "batch-decrypt" as what, *_]:
                return self._secrets(stack, what, body)
            case [kind] if kind in OPERATIONS:
                update = Update(kind, body, dry=kind == "preview" or body["options"]["dryRun"])
                self.updates[update.number] = update
                return {"updateID": update.number}
            case [kind, number, *what] if kind in OPERATIONS and number in self.updates:
                if what == [] and method == "GET" and self.updates[number].kind != kind:
                    raise Refused(404, "Not Found: no such update")
                return self._update(method, stack, self.updates[number], what, body)
        raise Refused(404, "Not Found")

    def _delete(self, stack: Stack, *, forced: bool) -> None:
        stack.free()
        if stack.states[-1]["deployment"].get("resources") and not forced:
            raise Refused(400, "Bad Request: Stack still contains resources.")
        del self.stacks[stack.name]

    def _export(self, stack: Stack, number: Sequence[str]) -> State:
        version = int(number[0]) if number else stack.version
        if not 0 <= version <= stack.version:
            raise Refused(404, f"Not Found: version {version}")
        return stack.states[version]

    def _history(self, stack: Stack, which: Sequence[str], query: Query) -> State:
        rows = stack.history[::-1]
        if which:
            found = rows[:1] if which[0] == "latest" else [row for row in rows if str(row["version"]) == which[0]]
            if not found:
                raise Refused(404, "Not Found: no such update")
            return {"info": found[0], "updateID": found[0]["updateID"]}
        size, page = (int((query.get(key) or [default])[0]) for key, default in (("pageSize", "0"), ("page", "1")))
        if stack.running is not None and not stack.running.dry:
            rows = [stack.row(stack.running, "in-progress", stack.version + 1), *rows]
        shown = rows[(page - 1) * size : page * size] if size else rows
        if query.get("output-type") == ["service"]:
            shown = [stack.seen_by_service(row) for row in shown]
        return {"updates": shown, "itemsPerPage": size or len(rows), "total": len(rows)}

    def _secrets(self, stack: Stack, what: str, body: Any) -> State:
        match what:
            case "encrypt":
                return {"ciphertext": stack.sealed(body["plaintext"])}
            case "decrypt":
                return {"plaintext": stack.sealed(body["ciphertext"])} if "ciphertext" in (body or {}) else {}
            case "batch-encrypt":
                return {"ciphertexts": [stack.sealed(text) for text in body["plaintexts"]]}
        return {"plaintexts": {text: stack.sealed(text) for text in body["ciphertexts"]}}

    def _update(self, method: str, stack: Stack, update: Update, what: Sequence[str], body: Any) -> Any:
        match what:
            case [] if method == "GET":
                return {"status": update.status, "events": []}
            case []:
                return self._start(stack, update, body)
            case ["renew_lease"]:
                update.token = secrets.token_hex(8)
                return {"token": update.token, "tokenExpiration": int(time.time()) + body["duration"]}
            case ["checkpoint"]:
                update.state = {key: body[key] for key in ("version", "features", "deployment") if body.get(key)}
            case ["checkpointverbatim"]:
                update.take_text(body["untypedDeployment"])
            case ["checkpointdelta"]:
                update.take_difference(body["deploymentDelta"] or [], body["checkpointHash"])
            case ["journalentries"]:
                assert update.journal is not None
                for entry in body.get("entries") or []:
                    update.journal.add(entry)
            case ["events"] if method == "GET":
                return {"events": update.events, "continuationToken": None}
            case ["events", *batch]:
                update.events += body["events"] if batch else [body]
            case ["complete"]:
                stack.finish(update, body["status"])
            case ["cancel"]:
                if stack.running is not update:
                    raise Refused(409, "Conflict: The update is not running")
                stack.finish(update, "cancelled")
            case _:
                raise Refused(404, "Not Found")
        return None

    def _start(self, stack: Stack, update: Update, body: Any) -> State:
        if not update.dry:
            self.meanwhile()
            self.meanwhile = lambda: None
        stack.free()
        update.status, update.token, update.started = "running", secrets.token_hex(8), time.time()
        update.state = copy.deepcopy(stack.states[-1])
        if body.get("tags") is not None:
            stack.tags = body["tags"]
        answer = {"version": stack.version + (not update.dry), "token": update.token}
        answer["tokenExpiration"] = int(time.time()) + 300
        if not update.dry:
            stack.running = update
            if self.way == "journal" and body.get("journalVersion", 0) >= 1:
                update.journal = Journal(update.state["deployment"])
                answer["journalVersion"] = 1
        return answer
