"""The resource types of the `bridged` provider, and what a bridge does with their inputs. Pure.

It follows the Terraform bridge in what matters to a replay (facts 13.1): keys that the program left out are
filled in and named in ``__defaults``, also in nested objects; an incoming ``__defaults`` is ignored; an old
default is kept only if the old ``__defaults`` names it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

SIG: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
DEFAULTS: Final = "__defaults"

Json = Any
Properties = dict[str, Json]


@dataclass(frozen=True)
class Kind:
    """What the provider knows of one resource type."""

    token: str
    prefix: str
    """Ids begin with it; the folder of the physical objects is called so."""
    replaces: frozenset[str]
    """A change of one of these top-level inputs replaces the resource."""
    defaults: Mapping[str, Json]
    nested: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    """Defaults inside an object, or inside each object of a list, by top-level key."""
    required: tuple[str, ...] = ()
    delete_before_replace: bool = False
    id_is_name: bool = False
    secret_outputs: frozenset[str] = frozenset()
    renames: Mapping[str, str] = field(default_factory=dict)
    """What a program may send, and under which name Check stores it, its members in base64, as kubernetes does."""
    drops: frozenset[str] = frozenset()
    """What a program may send, and Check leaves out of the inputs."""
    marks: bool = True
    """Whether ``__defaults`` names what was filled in; else what was once filled in is kept without a word."""


def kinds(version: str) -> dict[str, Kind]:
    """All types by token; version 2 changed a default, as providers do."""
    size = "small" if int(version.split(".")[0]) < 2 else "medium"
    found = (
        Kind(
            "bridged:index:Server",
            "srv",
            frozenset({"name", "zone"}),
            {"size": size},
            nested={"network": {"mode": "private", "mtu": 1500}, "disks": {"type": "ssd"}},
            required=("image",),
        ),
        Kind("bridged:index:Bucket", "bkt", frozenset({"name", "region"}), {"acl": "private"}, id_is_name=True),
        Kind(
            "bridged:index:Database",
            "db",
            frozenset({"name", "engine"}),
            {"port": 5432},
            required=("engine",),
            delete_before_replace=True,
            secret_outputs=frozenset({"connectionString"}),
        ),
        Kind(
            "bridged:index:Vault",
            "vlt",
            frozenset({"name", "zone"}),
            {"type": "Opaque"},
            renames={"stringData": "data", "textLabels": "labels"},
            drops=frozenset({"compat"}),
            marks=False,
        ),
    )
    return {kind.token: kind for kind in found}


def check(kind: Kind, news: Properties, olds: Properties, auto_name: Callable[[], str]) -> Properties:
    """The inputs as they go to state: what the program sent, defaults filled in and named."""
    makers = {"name": auto_name, **{key: _always(value) for key, value in kind.defaults.items()}}
    if not kind.marks:
        news = {key: value for key, value in _renamed(kind, news).items() if key not in kind.drops}
        kept = {key: olds[key] for key in makers if key in olds}
        return {key: value for key, value in _fill(kept | news, {}, makers).items() if key != DEFAULTS}
    checked = _fill(news, olds, makers)
    for key, defaults in kind.nested.items():
        if key in checked:
            makers = {name: _always(value) for name, value in defaults.items()}
            checked[key] = _fill_inside(checked[key], plain(olds.get(key)), makers)
    return checked


def _renamed(kind: Kind, news: Properties) -> Properties:
    result = dict(news)
    for sent, stored in kind.renames.items():
        if result.get(sent) is not None:
            result[stored] = _merged(result.get(stored), result.pop(sent))
        else:
            result.pop(sent, None)
    return result


def _merged(stored: Json, sent: Json) -> Json:
    """Members of what was sent, encoded, over those of the stored property; a secret makes a secret of all."""
    if has_secret(stored) or has_secret(sent):
        return secret(_merged(plain(stored), plain(sent)))
    if not isinstance(sent, dict):
        return sent  # unknown as a whole
    encoded = {
        key: text if text == UNKNOWN else base64.b64encode(str(text).encode()).decode() for key, text in sent.items()
    }
    return (stored if isinstance(stored, dict) else {}) | encoded


def missing(kind: Kind, news: Properties) -> list[str]:
    """The required inputs that aren't there."""
    return [key for key in kind.required if key not in news]


def _always(value: Json) -> Callable[[], Json]:
    return lambda: value


def _fill(news: Properties, olds: Json, makers: Mapping[str, Callable[[], Json]]) -> Properties:
    result = {key: value for key, value in news.items() if key != DEFAULTS}
    before = olds if isinstance(olds, dict) else {}
    kept = before.get(DEFAULTS) or []
    named = []
    for key, make in makers.items():
        if key in result:
            continue
        result[key] = before[key] if key in kept and key in before else make()
        named.append(key)
    result[DEFAULTS] = sorted(named)
    return result


def _fill_inside(value: Json, olds: Json, makers: Mapping[str, Callable[[], Json]]) -> Json:
    if isinstance(value, list):
        before = olds if isinstance(olds, list) else []
        return [_fill_inside(item, before[i] if i < len(before) else None, makers) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value  # unknown as a whole
    if value.get(SIG) == SECRET:
        return {**value, "value": _fill_inside(value["value"], olds, makers)}
    return value if SIG in value else _fill(value, olds, makers)


def plain(value: Json) -> Json:
    """A value without secret wrappers."""
    if isinstance(value, dict):
        if value.get(SIG) == SECRET:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def without_defaults(value: Json) -> Json:
    """A value without ``__defaults`` lists: what the physical object and the outputs hold."""
    if isinstance(value, dict):
        return {key: without_defaults(item) for key, item in value.items() if key != DEFAULTS}
    if isinstance(value, list):
        return [without_defaults(item) for item in value]
    return value


def has_unknown(value: Json) -> bool:
    """Whether an unknown stands anywhere in a value."""
    if isinstance(value, dict):
        return any(has_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return bool(value == UNKNOWN)


def has_secret(value: Json) -> bool:
    """Whether a secret stands anywhere in a value."""
    if isinstance(value, dict):
        return value.get(SIG) == SECRET or any(has_secret(item) for item in value.values())
    return isinstance(value, list) and any(has_secret(item) for item in value)


def secret(value: Json) -> Json:
    """A value as a secret."""
    return {SIG: SECRET, "value": value}


def differences(old: Json, new: Json, path: str = "") -> dict[str, str]:
    """Property paths that differ, each ``add``, ``delete`` or ``update``; secretness and defaults don't count."""
    old, new = without_defaults(plain(old)), without_defaults(plain(new))
    if isinstance(old, dict) and isinstance(new, dict):
        found: dict[str, str] = {}
        for key in sorted({*old, *new}):
            inner = _join(path, key)
            if key not in new:
                found[inner] = "delete"
            elif key not in old:
                found[inner] = "add"
            else:
                found.update(differences(old[key], new[key], inner))
        return found
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        found = {}
        for i, (before, after) in enumerate(zip(old, new, strict=True)):
            found.update(differences(before, after, f"{path}[{i}]"))
        return found
    return {} if old == new else {path: "update"}


def _join(path: str, key: str) -> str:
    if not key.isidentifier():
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else key


def top_level(path: str) -> str:
    """``tags.Name`` → ``tags``."""
    return path.split(".")[0].split("[")[0]


def outputs(kind: Kind, identifier: str, inputs: Properties, account: str) -> Properties:
    """The outputs of an object that exists: its inputs and what the provider computes."""
    shown = without_defaults(inputs)
    name = plain(shown["name"])
    computed: Properties = {
        "id": identifier,
        "arn": f"arn:bridged:{account}:{kind.prefix}/{identifier}",
        "endpoint": f"https://{name}.{kind.prefix}.example.test",
        "etag": hashlib.sha256(json.dumps(plain(shown), sort_keys=True).encode()).hexdigest()[:16],
    }
    if kind.prefix == "db":
        login = f":{plain(shown['password'])}@" if "password" in shown else ""
        computed["connectionString"] = f"db://{login}{name}:{plain(shown['port'])}"
    return shown | {key: secret(value) if key in kind.secret_outputs else value for key, value in computed.items()}


def forecast(kind: Kind, identifier: str, inputs: Properties, account: str, before: Properties | None) -> Properties:
    """The outputs as a preview knows them; `before` are the outputs of the object that would be updated."""
    shown = without_defaults(inputs)
    names = ["id", "arn", "endpoint", "etag", *kind.secret_outputs]
    result: Properties = dict.fromkeys(names, UNKNOWN)
    if before is not None:
        result |= {key: before[key] for key in ("id", "arn", "endpoint") if key in before}
        if not has_unknown(shown):
            result["etag"] = outputs(kind, identifier, inputs, account)["etag"]
    return shown | {key: secret(value) if key in kind.secret_outputs else value for key, value in result.items()}
