"""Is a state what it was? A comparison that knows nothing of how a rollback works."""

from __future__ import annotations

import json
import shlex
import sys
from typing import Any

from tests.support.served import PROVIDERS
from tests.support.stack import EngineStack

SECRET = "1b47061264138c4ac30d75fd1eb44270"
SIG = "4dabf18193072939515e22adb298388d"
VOLATILE = frozenset({"created", "modified", "sourcePosition", "stackTrace"})


def install_parts(stack: EngineStack, *versions: str) -> None:
    """Installs the `parts` provider as a plugin of these versions."""
    for version in versions or ("1.0.0",):
        directory = stack.home / "plugins" / f"resource-parts-v{version}"
        directory.mkdir(parents=True, exist_ok=True)
        binary = directory / "pulumi-resource-parts"
        real = PROVIDERS / "pulumi-resource-parts"
        binary.write_text(
            "#!/bin/sh\n"
            f"export PARTS_VERSION={version} PARTS_PYTHON={shlex.quote(sys.executable)}\n"
            f'exec {shlex.quote(str(real))} "$@"\n'
        )
        binary.chmod(0o755)


def state(stack: EngineStack) -> list[dict[str, Any]]:
    """All resources of the live state, decrypted."""
    found: list[dict[str, Any]] = stack.export()["deployment"].get("resources") or []
    return found


def unlike(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """Where two states differ: by URN and field, in every field, apart from times and the ids of new objects."""
    old, new = _by_urn(before), _by_urn(after)
    found = [f"missing: {urn}" for urn in old.keys() - new.keys()]
    found += [f"too many: {urn}" for urn in new.keys() - old.keys()]
    both = sorted(old.keys() & new.keys())
    here = {str(old[urn].get("id")): f"<{urn}>" for urn in both if old[urn].get("id") != new[urn].get("id")}
    there = {str(new[urn].get("id")): f"<{urn}>" for urn in both if old[urn].get("id") != new[urn].get("id")}
    for urn in both:
        one, other = _renamed(old[urn], here), _renamed(new[urn], there)
        found += [
            f"{urn} {key}: {one.get(key)!r:.200} became {other.get(key)!r:.200}"
            for key in sorted(one.keys() | other.keys())
            if json.dumps(one.get(key), sort_keys=True) != json.dumps(other.get(key), sort_keys=True)
        ]
    return found


def _by_urn(resources: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        res["urn"] + (" (old copy)" if res.get("delete") else ""): {
            key: _ordered(key, _opened(value)) for key, value in res.items() if key not in VOLATILE
        }
        for res in resources
    }


def _ordered(key: str, value: Any) -> Any:
    if key == "propertyDependencies":
        return {name: sorted(urns or []) for name, urns in value.items()}
    return sorted(value) if key in {"dependencies", "replaceWith"} else value


def _opened(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(SIG) == SECRET and "plaintext" in value:
            return {"(secret)": _opened(json.loads(value["plaintext"]))}
        return {key: _opened(item) for key, item in value.items()}
    return [_opened(item) for item in value] if isinstance(value, list) else value


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        for old, new in names.items():
            value = value.replace(old, new) if len(old) > 6 or value == old else value
        return value
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    return [_renamed(item, names) for item in value] if isinstance(value, list) else value
