"""The configuration that a replay runs with: today's, with the target's settings of default providers.

A default provider takes its settings from the configuration in force, not from the checkpoint, so that a replay with
another region would replace everything. The operator's own file and the secrets provider are never touched: what
differs goes into a private copy that lives as long as the run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from pulumi_rewind.errors import SecretsError, UsageError
from pulumi_rewind.risk import TARGET_CONFIG, Risk
from pulumi_rewind.state.model import PROVIDER_PREFIX, Checkpoint, SecretsProvider, Update
from pulumi_rewind.state.values import Json, decoded, decoded_object, each, walk
from pulumi_rewind.system.documents import load_json, load_yaml
from pulumi_rewind.system.untrusted import read_text


@dataclass(frozen=True)
class ConfigChanges:
    """What the private copy has other than today's file."""

    values: Mapping[str, Json] = field(default_factory=dict)
    """``package:key`` → the value as a history record has it; None: not set."""
    notes: tuple[Risk, ...] = ()


def config_changes(
    target: Checkpoint, live: Checkpoint, recorded: Mapping[str, Json] | None, today: Mapping[str, Json]
) -> ConfigChanges:
    """The settings of default providers of the target that today's configuration has otherwise. Pure.

    `recorded` is the configuration in the target's history record, `today` that of the stack's file. Secret ones stay
    today's; where today has none, the recorded one is taken if the same key still opens it.
    """
    packages = default_packages(target)
    if recorded is None or not packages:
        return ConfigChanges()
    before, now = normalized(recorded), normalized(today)
    values: dict[str, Json] = {}
    lost: list[str] = []
    for key in sorted(before.keys() | now.keys()):
        if key.partition(":")[0] not in packages or _comparable(before.get(key)) == _comparable(now.get(key)):
            continue
        if _has_secret(now.get(key)):
            continue
        if _has_secret(before.get(key)):
            if key in now or not _same_secrets(target, live):
                lost.append(key)
            else:
                values[key] = before[key]
            continue
        values[key] = before.get(key)
    notes: list[Risk] = []
    if values:
        message = (
            f"the target's configuration is used for {', '.join(values)}; your configuration file stays as it is and "
            "differs from it (`--todays-config` uses the file)"
        )
        notes.append(Risk(TARGET_CONFIG, message))
    if lost:
        message = f"the recorded secret configuration can no longer be used; today's values are used: {', '.join(lost)}"
        notes.append(Risk(TARGET_CONFIG, message))
    return ConfigChanges(values, tuple(notes))


def recorded_config(update: Update) -> dict[str, Json] | None:
    """The configuration of the stack in an update's record; None where there is none, or a damaged one."""
    return decoded_object(update.config)


def default_packages(checkpoint: Checkpoint) -> frozenset[str]:
    """The packages whose default provider the checkpoint's resources use."""
    return frozenset(res.type.removeprefix(PROVIDER_PREFIX) for res in checkpoint.resources if res.is_default_provider)


def normalized(config: Mapping[str, Json]) -> dict[str, Json]:
    """Configuration by ``package:key``; the long form ``package:config:key`` means the same."""
    return {_short(key): value for key, value in config.items()}


def _short(key: str) -> str:
    parts = key.split(":")
    return f"{parts[0]}:{parts[2]}" if len(parts) == 3 and parts[1] == "config" else key


def differing_keys(one: Mapping[str, Json], other: Mapping[str, Json]) -> list[str]:
    """The settings that differ; encrypted values count as equal, as they are re-encrypted at will."""
    one, other = normalized(one), normalized(other)
    return sorted(key for key in one.keys() | other.keys() if _plain(one.get(key)) != _plain(other.get(key)))


def _plain(value: Json) -> object:
    if isinstance(value, dict) and set(value) == {"secure"}:
        return "[secret]"
    return each(value, _plain) if isinstance(value, dict | list) else _comparable(value)


def _comparable(value: Json) -> object:
    """Settings are text: ``true`` in the file is ``"true"`` in a history record."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _has_secret(value: Json) -> bool:
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(_has_secret(item) for item in value.values())
    return isinstance(value, list) and any(_has_secret(item) for item in value)


def _same_secrets(target: Checkpoint, live: Checkpoint) -> bool:
    old, new = target.deployment.secrets_providers, live.deployment.secrets_providers
    return old is not None and new is not None and (old.type, bytes(old.state)) == (new.type, bytes(new.state))


# -- files ------------------------------------------------------------------------------------------------------------


def todays_config(path: Path) -> dict[str, Json]:
    """What a stack's configuration file sets, encrypted values as ``{"secure": …}``; empty if there is none.

    Raises:
        UsageError: the file can't be read.
    """
    config = config_document(path).get("config")
    return {key: value for key, value in config.items() if isinstance(key, str)} if isinstance(config, dict) else {}


def config_document(path: Path) -> dict[str, Json]:
    """All of a stack's configuration file, its secrets provider included; empty if there is none.

    Raises:
        UsageError: the file can't be read.
    """
    document = _document(path)
    return document if isinstance(document, dict) else {}


PROVIDER_KEYS: Final = ("encryptionsalt", "secretsprovider", "encryptedkey")
"""What of a configuration file names the secrets provider."""

Reseal: TypeAlias = Callable[[str, Checkpoint], Callable[[str], str] | None]
"""Gets the salt of a file and the live state; see `engine.vault.Vault.resealer`."""


def provider_keys(checkpoint: Checkpoint) -> dict[str, Json]:
    """What a configuration file says about a checkpoint's secrets provider; empty where nothing is known of it."""
    provider = checkpoint.deployment.secrets_providers
    state = _state(provider) if provider is not None else {}
    match provider.type if provider is not None else "":
        case "passphrase":
            return {"encryptionsalt": state.get("salt", "")}
        case "cloud":
            return {"secretsprovider": state.get("url", ""), "encryptedkey": state.get("encryptedkey", "")}
        case _:
            return {}


def _state(provider: SecretsProvider) -> dict[str, Json]:
    found = decoded(provider.state, "the secrets provider")
    return found if isinstance(found, dict) else {}


def of_another_time(path: Path, live: Checkpoint) -> str:
    """Why a configuration file doesn't fit the live state's secrets; empty if it does.

    So it is where a file of before a change of the passphrase or secrets provider was checked out. The CLI would
    encrypt the whole state as the file says.

    Raises:
        UsageError: the file can't be read.
    """
    expected = provider_keys(live)
    document = config_document(path) if expected else {}
    named = {key: value for key in PROVIDER_KEYS if (value := document.get(key)) and value not in _PASSPHRASE}
    if not named or all(expected.get(key) == value for key, value in named.items()):
        return ""
    return f"{path.name} does not match the state: its secrets use a different passphrase or key"


_PASSPHRASE: Final = ("passphrase", "default")
"""How a file may name the provider that its salt tells anyway."""


def _refitted(path: Path, text: str, live: Checkpoint, reseal: Reseal | None) -> str:
    """The text of a file of another time with its secrets under the live state's passphrase."""
    salt, document = provider_keys(live).get("encryptionsalt"), config_document(path)
    own = document.get("encryptionsalt")
    again = reseal(own, live) if reseal and salt and isinstance(own, str) and own else None
    sealed = list(ciphertexts(document.get("config")))
    by_passphrase = salt and own and document.get("secretsprovider", _PASSPHRASE[0]) in _PASSPHRASE
    if not by_passphrase or (sealed and again is None):
        raise SecretsError(
            of_another_time(path, live),
            hint=f"Restore today's file (`git checkout BRANCH -- {path.name}`, from the branch that was deployed "
            "last), or give the earlier passphrase with `--passphrase-file`.",
            unchanged=True,
        )
    if again is not None:
        for ciphertext in sealed:
            text = text.replace(ciphertext, again(ciphertext))
    return text.replace(str(own), str(salt))


def ciphertexts(value: Json) -> Iterator[str]:
    """The encrypted values anywhere in a configuration."""
    for inner in walk(value):
        if isinstance(inner, dict) and set(inner) == {"secure"} and isinstance(inner["secure"], str):
            yield inner["secure"]


def config_file(
    path: Path,
    live: Checkpoint,
    private: Path,
    changes: Mapping[str, Json] = {},
    reseal: Reseal | None = None,
    kept: Mapping[str, str] = {},
) -> Path:
    """The configuration file for a run: the stack's own at `path`, or a copy in `private` where it can't be used.

    A copy is made for `changes`, and where the file hasn't the state's salt: the CLI would encrypt the whole state with
    a new one, or with that of another time. `reseal` re-encrypts the secrets of such a file. `kept` is what a service
    keeps instead of a file (see `About.config`), which the CLI doesn't ask for where it is given a file.

    Raises:
        UsageError: the file can't be read.
        SecretsError: it is of another time, and its secrets can't be opened.
    """
    if kept:
        return _kept_config(path, kept, private, changes)
    provider = live.deployment.secrets_providers
    try:
        text = read_text(path) if path.exists() else ""
    except (OSError, UnicodeDecodeError) as err:
        raise UsageError(f"{path} can't be read: {err}", hint="It must be UTF-8 text, readable by you.") from None
    salt = ""
    if provider is not None and provider.type == "passphrase" and "encryptionsalt" not in text:
        salt = str(_state(provider).get("salt") or "")
    other = bool(text) and bool(of_another_time(path, live))
    if path.exists() and not salt and not changes and not other:
        return path
    if other:
        refitted = private / f"refitted-{path.name}"
        refitted.touch(mode=0o600)
        refitted.write_text(text := _refitted(path, text, live, reseal), encoding="utf-8")
        if not changes:
            return refitted
        path = refitted
    copy = private / path.name
    copy.touch(mode=0o600)
    if path.suffix == ".json":
        document = dict(config_document(path))
        document |= {"encryptionsalt": salt} if salt else {}
        config = {key: value for key, value in todays_config(path).items() if _short(key) not in changes}
        document["config"] = config | {key: value for key, value in changes.items() if value is not None}
        copy.write_text(json.dumps(document))
        return copy
    if changes:
        text = _with_settings(text, path, changes)
    copy.write_text(f"encryptionsalt: {salt}\n{text}" if salt else text or "{}\n", encoding="utf-8")
    return copy


def without_environments(path: Path, private: Path) -> Path:
    """The configuration file for a run in a backend of our own, which has no environments of Pulumi ESC.

    Raises:
        UsageError: the file can't be read.
    """
    if "environment" not in config_document(path):
        return path
    import yaml

    root = yaml.compose(read_text(path), yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    root.value = [(key, value) for key, value in root.value if key.value != "environment"]
    copy = private / f"local-{path.name}"
    copy.touch(mode=0o600)
    copy.write_text(str(yaml.serialize(root, Dumper=yaml.SafeDumper)), encoding="utf-8")
    return copy


def kept_header(kept: Mapping[str, str]) -> dict[str, Json]:
    """What a service keeps of a stack's configuration, as a configuration file says it."""
    header: dict[str, Json] = {key.lower(): value for key, value in kept.items() if key != "environment"}
    return header | {"environment": [kept["environment"]]} if kept else {}


def _kept_config(path: Path, kept: Mapping[str, str], private: Path, changes: Mapping[str, Json]) -> Path:
    """A file that stands for what a service keeps, and changes of it; JSON is YAML as well."""
    copy = private / path.name
    copy.touch(mode=0o600)
    config = {key: value for key, value in changes.items() if value is not None}
    copy.write_text(json.dumps({**kept_header(kept), "config": config}))
    return copy


def _document(path: Path) -> Any:
    try:
        text = read_text(path)
        return load_json(text) if path.suffix == ".json" else load_yaml(text)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:
        reason = " ".join(str(err).split())
        raise UsageError(f"{path} can't be read: {reason}", hint="Fix the stack's configuration file.") from None


def _with_settings(text: str, path: Path, changes: Mapping[str, Json]) -> str:
    """The YAML with some settings changed; everything else keeps its exact form (``010`` stays ``010``)."""
    import yaml

    _document(path)  # raises for what can't be read
    root = yaml.compose(text, yaml.SafeLoader) if text.strip() else None
    if not isinstance(root, yaml.MappingNode):
        root = yaml.MappingNode("tag:yaml.org,2002:map", [])
    entries = [(key, value) for key, value in root.value if key.value != "config"]
    old = next((value for key, value in root.value if key.value == "config"), None)
    settings = list(old.value) if isinstance(old, yaml.MappingNode) else []
    settings = [(key, value) for key, value in settings if _short(str(key.value)) not in changes]
    fresh = yaml.compose(yaml.safe_dump({key: value for key, value in changes.items() if value is not None}))
    settings += fresh.value if isinstance(fresh, yaml.MappingNode) else []
    config = yaml.MappingNode("tag:yaml.org,2002:map", settings)
    root.value = [*entries, (yaml.ScalarNode("tag:yaml.org,2002:str", "config"), config)]
    return str(yaml.serialize(root, Dumper=yaml.SafeDumper))


def without(config: Mapping[str, Json] | None, keys: Iterable[str]) -> dict[str, Json] | None:
    """A history record's configuration without some settings."""
    left_out = set(keys)
    return None if config is None else {key: value for key, value in config.items() if _short(key) not in left_out}
