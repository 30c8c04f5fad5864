"""What an update's configuration, its commit and its record hold, as names and texts."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from pulumi_rewind.project.stack_configuration import recorded_config
from pulumi_rewind.state.values import MASK
from pulumi_rewind.system.documents import load_json
from pulumi_rewind_tui.words.words import plural

if TYPE_CHECKING:
    from pulumi_rewind.records.store import Record
    from pulumi_rewind.state.model import Update

HIDDEN = "●●●"


def config_of(update: Update) -> dict[str, Any]:
    """The recorded configuration, secrets masked.

    A DIY record holds plain values, ``{"secure": ciphertext}`` or objects with ``secure`` inside; Pulumi Cloud
    ``{"value" or "string": …, "secret": bool, "object": bool}``.
    """
    return {key: _config_value(value) for key, value in (recorded_config(update) or {}).items()}


_CLOUD_KEYS = frozenset({"value", "string", "objectValue", "secret", "object"})


def _config_value(value: Any) -> Any:
    if not isinstance(value, Mapping) or not value or not set(value) <= _CLOUD_KEYS:
        return _masked(value)
    if value.get("secret"):
        return MASK
    inner = value.get("objectValue", value.get("value", value.get("string")))
    if isinstance(inner, str) and value.get("object"):
        with contextlib.suppress(ValueError):
            return _masked(load_json(inner))
    return _masked(inner)


def _masked(value: Any) -> Any:
    if isinstance(value, Mapping):
        if "secure" in value:
            return MASK
        return {key: _masked(inner) for key, inner in value.items()}
    return [_masked(inner) for inner in value] if isinstance(value, list) else value


def config_text(value: Any) -> str:
    """A value of the configuration on one line."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def config_changes(previous: Update | None, update: Update) -> tuple[tuple[str, str, str], ...]:
    """How the recorded configuration differs from that of the update before: sign, key, values; secrets hidden."""
    was, now = (previous and recorded_config(previous)) or {}, recorded_config(update) or {}
    old = {key: _hidden(value) for key, value in config_of(previous).items()} if previous else {}
    new = {key: _hidden(value) for key, value in config_of(update).items()}
    rows = [("-", key, old[key]) for key in old.keys() - new.keys()]
    rows += [("+", key, new[key]) for key in new.keys() - old.keys()]
    for key in old.keys() & new.keys():
        if was[key] != now[key]:
            both_secret = old[key] == new[key] == HIDDEN
            rows.append(("~", key, f"{HIDDEN} set again" if both_secret else f"{old[key]} → {new[key]}"))
    return tuple(sorted(rows, key=lambda row: row[1]))


def _hidden(value: Any) -> str:
    text = config_text(value)
    return HIDDEN if MASK in text else text


def git_facts(update: Update, tags: Sequence[str]) -> list[tuple[str, str]]:
    """Where its program came from; a value is empty where nothing is known."""
    dirty = "yes: it includes uncommitted changes, so the commit can't reproduce this state" if update.dirty else "no"
    return [
        ("commit", update.commit or "not in a repository"),
        ("on the web", update.commit_url),
        ("branch", update.branch),
        ("tags", ", ".join(tags)),
        ("author", _person(update, "author")),
        ("committer", _person(update, "committer")),
        ("dirty tree", dirty if update.commit else ""),
    ]


def _person(update: Update, who: str) -> str:
    name, mail = (update.environment.get(f"git.{who}{part}", "") for part in ("", ".email"))
    return f"{name} <{mail}>" if mail else name


def record_facts(record: Record) -> Iterator[tuple[str, str]]:
    """What it holds, by kind."""
    meta = record.meta
    checkpoint = {"stored": "as stored", "live": "the state when it was recorded"}
    yield "checkpoint", checkpoint.get(meta.checkpoint, "none")
    config = {"file": "the file as it was", "commit": "the file as its commit has it"}
    yield "config", config.get(meta.config, "none")
    if meta.engine:
        yield "engine", meta.engine
    if meta.plugins:
        yield "plugins", ", ".join(f"{name} {version}".rstrip() for name, version in meta.plugins.items())
    changes = [name for name in ("uncommitted.patch",) if name in meta.files]
    untracked = record.names("untracked/")
    if untracked:
        changes.append(f"{plural(len(untracked), 'untracked file')}: {', '.join(untracked)}")
    if changes:
        yield "uncommitted", ", ".join(changes)
    for title, folder in (("hooks", "hooks/"), ("evidence", "evidence/")):
        if names := record.names(folder):
            yield title, ", ".join(names)
    if assets := record.names("assets/"):
        yield "assets", plural(len(assets), "content")
