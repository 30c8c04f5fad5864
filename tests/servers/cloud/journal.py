"""What the service makes of a journal: the entries of one update, applied to the state before it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

State = dict[str, Any]


class Kind(IntEnum):
    """The kinds of entries."""

    BEGIN = 0
    SUCCESS = 1
    FAILURE = 2
    REFRESHED = 3
    OUTPUTS = 4
    WRITE = 5
    SECRETS = 6
    REBUILT = 7
    EXTENSION = 8
    SNIPPETS = 9


class Journal:
    """Collects entries; `deployment` is the state that they lead to.

    An ``…Old`` of an entry is an index into the state before, a ``…New`` the number of an operation of this journal.
    """

    def __init__(self, base: State) -> None:
        self._base = copy.deepcopy(base)
        self._extensions: State = {}
        self._refreshed = False
        self._begin()

    def _begin(self) -> None:
        self._removed: set[int] = set()
        self._removed_new: set[int] = set()
        self._replaced: dict[int, State] = {}
        self._to_delete: set[int] = set()
        self._pending: set[int] = set()
        self._index: dict[int, int] = {}
        self._open: dict[int, State] = {}
        self._new: list[State] = []

    def add(self, entry: Mapping[str, Any]) -> None:
        """Takes the next entry."""
        match entry["kind"]:
            case Kind.BEGIN:
                self._open[entry["operationID"]] = dict(entry)
            case Kind.SUCCESS:
                self._ended(entry)
            case Kind.FAILURE:
                self._open.pop(entry["operationID"], None)
            case Kind.REFRESHED:
                self._refreshed_one(entry)
            case Kind.OUTPUTS if entry.get("state"):
                self._outputs(entry)
            case Kind.WRITE:
                self._base = entry.get("newSnapshot") or {}
            case Kind.SECRETS:
                self._base["secrets_providers"] = entry.get("secretsProvider")
            case Kind.REBUILT:
                self._base = self.deployment()
                self._begin()
            case Kind.EXTENSION:
                self._extensions[entry["extensionRef"]] = entry["extension"]
            case Kind.SNIPPETS:
                self._base["snippets"] = entry.get("snippets")

    def _ended(self, entry: Mapping[str, Any]) -> None:
        self._open.pop(entry["operationID"], None)
        self._refreshed = self._refreshed or bool(entry.get("isRefresh"))
        if entry.get("state"):
            self._index[entry["operationID"]] = len(self._new)
            self._new.append(entry["state"])
        for name, marked in (
            ("removeOld", self._removed),
            ("removeNew", self._removed_new),
            ("deleteOld", self._to_delete),
            ("pendingReplacementOld", self._pending),
        ):
            if entry.get(name) is not None:
                marked.add(entry[name])
        for name, flag in (("deleteNew", "delete"), ("pendingReplacementNew", "pendingReplacement")):
            if entry.get(name) is not None:
                self._new[self._index[entry[name]]][flag] = True

    def _refreshed_one(self, entry: Mapping[str, Any]) -> None:
        self._refreshed = True
        self._open.pop(entry["operationID"], None)
        state = entry.get("state")
        if entry.get("removeOld") is not None:
            if state:
                self._replaced[entry["removeOld"]] = state
            else:
                self._removed.add(entry["removeOld"])
        if entry.get("removeNew") is not None:
            if state:
                self._new[self._index[entry["removeNew"]]] = state
            else:
                self._removed_new.add(entry["removeNew"])

    def _outputs(self, entry: Mapping[str, Any]) -> None:
        if entry.get("removeOld") is not None:
            self._replaced[entry["removeOld"]] = entry["state"]
        if entry.get("removeNew") is not None:
            self._new[self._index[entry["removeNew"]]] = entry["state"]

    def deployment(self) -> State:
        """The state: what is new first, then the rest of what was; what was begun and never ended is pending."""
        gone = {self._index[number] for number in self._removed_new if number in self._index}
        resources = [one for index, one in enumerate(self._new) if index not in gone]
        for index, old in enumerate(self._base.get("resources") or []):
            if index in self._removed:
                continue
            kept = dict(old)
            if index in self._pending:
                kept["pendingReplacement"] = True
            if index in self._replaced:
                kept = self._replaced[index]
            elif index in self._to_delete:
                kept["delete"] = True
            resources.append(kept)
        if self._refreshed:
            _forget_missing(resources)
        operations = [one["operation"] for one in self._open.values() if one.get("operation")]
        operations += [one for one in self._base.get("pending_operations") or [] if one["type"] == "creating"]
        found = {**self._base, "resources": resources, "metadata": self._base.get("metadata") or {}}
        found.pop("pending_operations", None)
        if operations:
            found["pending_operations"] = operations
        if self._extensions:
            found["extensions"] = {**(self._base.get("extensions") or {}), **self._extensions}
        return found


def _forget_missing(resources: list[State]) -> None:
    """A refresh may remove resources that others name; these names go, and children move to the next parent up."""
    seen: set[str] = set()
    parents: dict[str, str] = {}
    for resource in resources:
        for key in ("dependencies", "replaceWith"):
            if resource.get(key):
                resource[key] = [urn for urn in resource[key] if urn in seen]
        if found := resource.get("propertyDependencies"):
            resource["propertyDependencies"] = {
                name: [urn for urn in urns or [] if urn in seen] for name, urns in found.items()
            }
        if resource.get("deletedWith") and resource["deletedWith"] not in seen:
            resource.pop("deletedWith")
        if resource.get("parent") and resource["parent"] not in seen:
            resource["parent"] = parents.get(resource["parent"], "")
        parents[resource["urn"]] = resource.get("parent", "")
        seen.add(resource["urn"])
