"""The configuration that an update had, as a private file for running its program today.

Its secrets are encrypted under the secrets provider of that time. The state must keep today's provider, so where the
two differ each secret is decrypted and re-encrypted: through pipes, never by a file or an argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.messages import speaks_of_decryption
from pulumi_rewind.engine.vault import Vault
from pulumi_rewind.errors import EngineError, SecretsError
from pulumi_rewind.project.stack_configuration import PROVIDER_KEYS, normalized, provider_keys
from pulumi_rewind.state.model import Checkpoint, StackRef
from pulumi_rewind.state.values import Json

Place = tuple[str | int, ...]
"""Where a secret stands: the key, then names and indices inside its value."""

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class RecordedConfig:
    """A configuration file to run with."""

    path: Path
    """0600; secrets in it are encrypted under the live state's provider."""
    reencrypted: tuple[str, ...] = ()
    """Keys whose secrets were re-encrypted."""


def write_config(
    engine: Engine,
    vault: Vault,
    stack: StackRef,
    recorded: Mapping[str, Json],
    *,
    then: Checkpoint,
    live: Checkpoint,
    today: Mapping[str, Json],
    private: Path,
) -> RecordedConfig:
    """Writes the `recorded` configuration of an update for a run on the `live` state.

    `then` is the checkpoint of that update, which names the secrets provider of its time; `today` is what the stack's
    own configuration file says, or what a service keeps in its place: its environment of Pulumi ESC is used, and its
    secrets provider where the live state names none.

    Raises:
        SecretsError: a secret can't be decrypted, or not be encrypted again.
    """
    now = provider_keys(live) or {key: today[key] for key in PROVIDER_KEYS if key in today}
    before = provider_keys(then) or now
    header = now | {key: today[key] for key in ("environment",) if key in today}
    path = private / f"Pulumi.{stack.name}.yaml"
    secret_places = list(places(recorded))
    if before == now or not secret_places:
        _write(path, header, recorded)
        return RecordedConfig(path)
    try:
        key = vault.key(then)
    except SecretsError as err:
        raise _unopened(str(err)) from None
    if key is not None:
        plain = {place: key.open(_at(recorded, place)["secure"]).decode() for place in secret_places}
    else:
        old = private / f"old-{path.name}"
        _write(old, before, recorded)
        try:
            plain = _decrypt(engine, vault, stack, old, then, secret_places)
        finally:
            old.unlink()
    _write(path, header, recorded)
    for place, text in plain.items():
        _set(engine, vault, stack, path, place, text, live)
    return RecordedConfig(path, tuple(dict.fromkeys(str(place[0]) for place in secret_places)))


def _write(path: Path, header: Mapping[str, Json], config: Mapping[str, Json]) -> None:
    import yaml

    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump({**header, "config": dict(config)}, sort_keys=False), encoding="utf-8")


def places(config: Mapping[str, Json]) -> Iterator[Place]:
    """Every secret in a recorded configuration. Pure."""

    def inside(value: Json, place: Place) -> Iterator[Place]:
        if isinstance(value, dict):
            if set(value) == {"secure"}:
                yield place
            else:
                for key, item in value.items():
                    yield from inside(item, (*place, key))
        elif isinstance(value, list):
            for index, item in enumerate(value):
                yield from inside(item, (*place, index))

    for key, value in config.items():
        yield from inside(value, (key,))


def path_of(place: Place) -> str:
    """A place as ``pulumi config set --path`` takes it. Pure."""
    text = str(place[0])
    for part in place[1:]:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _SIMPLE.fullmatch(part):
            text += f".{part}"
        else:
            escaped = part.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{escaped}"]'
    return text


def _decrypt(
    engine: Engine, vault: Vault, stack: StackRef, file: Path, then: Checkpoint, wanted: list[Place]
) -> dict[Place, str]:
    """The secrets of a configuration file in plaintext, by place, as the CLI prints them into a pipe."""
    for env in vault.attempts(then):
        try:
            raw = engine.call(
                ["config", "--show-secrets", "--json", "-s", stack.fqn, "--config-file", str(file)], env=env
            )
        except SecretsError:
            continue
        except EngineError as err:
            if speaks_of_decryption(err.output):
                continue
            raise
        found = msgspec.json.decode(raw)
        plain = normalized(found) if isinstance(found, dict) else {}
        texts = {place: _printed(plain, place) for place in wanted}
        vault.known.note_texts(texts.values())
        return texts
    raise _unopened("no available passphrase or key opens its secrets")


def _unopened(reason: str) -> SecretsError:
    return SecretsError(
        f"the recorded configuration can't be decrypted: {reason}",
        hint="Give the earlier passphrase with `--passphrase-file`, use today's configuration with "
        "`--todays-config`, or `--strategy checkpoint`.",
    )


def _at(config: Mapping[str, Any], place: Place) -> Any:
    """The value at a place."""
    value: Any = config
    for part in place:
        value = value[part]
    return value


def _printed(plain: Mapping[str, Any], place: Place) -> str:
    """The secret at a place of what the CLI prints."""
    entry = plain.get(next(iter(normalized({str(place[0]): None}))), {})
    try:
        value = entry.get("value") if len(place) == 1 else _at(entry.get("objectValue"), place[1:])
    except (KeyError, IndexError, TypeError):
        value = None
    if not isinstance(value, str):
        raise _unopened(f"the CLI can't decrypt {path_of(place)}")
    return value


def _set(engine: Engine, vault: Vault, stack: StackRef, file: Path, place: Place, value: str, live: Checkpoint) -> None:
    """Encrypts one secret into the file; it goes through standard input, of which the CLI drops one line end."""
    path = ["--path"] if len(place) > 1 else []
    try:
        engine.call(
            ["config", "set", "--secret", *path, path_of(place), "-s", stack.fqn, "--config-file", str(file)],
            env=vault.environment(live),
            stdin=f"{value}\n".encode(),
            what="a recorded secret can't be re-encrypted",
        )
    except EngineError as err:
        raise SecretsError(str(err), hint=err.hint) from None


def todays_engine(engine: Engine, root: Path) -> Engine:
    """The same CLI for the project at `root`, another working copy of today's."""
    from pulumi_rewind.project.workspace import find_workspace

    here = engine.workspace
    environ = {**here.environ, "PULUMI_HOME": str(here.home)}
    workspace = find_workspace(root, backend=here.backend_url, environ=environ)
    return replace(engine, workspace=workspace)
