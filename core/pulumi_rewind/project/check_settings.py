"""What `check` says of a step, and what a project accepts: the table ``[check]`` of ``rewind.toml``. Pure.

A project's own file may set it: what `check` refuses protects the project, not the user.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from pulumi_rewind.errors import UsageError

NOTHING: Final = "nothing"
IN_PLACE: Final = "in-place"
NEW_ID: Final = "new-id"
CALLBACK: Final = "callback"
HOLDABLE: Final = "holdable"
UNKNOWN_VERDICT: Final = "unknown"
PROVIDER_GONE: Final = "provider-gone"
ASSET_LOST: Final = "asset-lost"
NO_DOWN: Final = "no-down"
DATA_LOSS: Final = "data-loss"

VERDICTS: Final[Mapping[str, str]] = {
    NOTHING: "the update creates it; going back deletes it again, and nothing older is lost",
    IN_PLACE: "going back changes the same object again, or nothing but the state",
    NEW_ID: "going back makes another object with a new id",
    CALLBACK: "an undo callback of the project covers it",
    HOLDABLE: "the update loses its data; `up --hold-deletes` would keep the object",
    UNKNOWN_VERDICT: "nothing certain can be said",
    PROVIDER_GONE: "the provider that going back needs would be gone",
    ASSET_LOST: "the old content of an asset is kept nowhere",
    NO_DOWN: "a revision of a component has no down",
    DATA_LOSS: "data is lost that going back does not bring back",
}
"""Every verdict and what it means, best first."""

FAIL_ON: Final = (DATA_LOSS, NO_DOWN, ASSET_LOST, PROVIDER_GONE, UNKNOWN_VERDICT)
"""The verdicts that fail a check where the settings say nothing."""

_KEYS: Final = ("fail_on", "waivers")
_WAIVER_KEYS: Final = ("resource", "verdict", "reason", "until")


@dataclass(frozen=True)
class Waiver:
    """A verdict that a project accepts for some resources."""

    resource: str
    """A URN, a name or a type, with ``*`` as a wildcard."""
    verdict: str
    reason: str
    until: date
    """The last day on which it counts."""

    def covers(self, urn: str, name: str, type_: str, verdict: str) -> bool:
        """Whether it speaks of this verdict of this resource."""
        return verdict == self.verdict and any(fnmatch.fnmatchcase(it, self.resource) for it in (urn, name, type_))

    def expired(self, today: date) -> bool:
        """Whether its last day is over."""
        return today > self.until


@dataclass(frozen=True)
class CheckSettings:
    """When a check fails."""

    fail_on: tuple[str, ...] = FAIL_ON
    waivers: tuple[Waiver, ...] = ()


def check_settings(table: Any, at: str = "rewind.toml") -> CheckSettings:
    """Reads the table ``[check]``; `at` names its place in messages.

    Raises:
        UsageError: an unknown key or verdict, a value of the wrong kind, or a waiver that lacks something.
    """
    if not isinstance(table, dict):
        raise UsageError(f"{at}: check must be a table", hint="Write [check], with fail_on and waivers in it.")
    _known(table, _KEYS, f"{at}: [check]")
    fail_on, waivers = table.get("fail_on", list(FAIL_ON)), table.get("waivers", [])
    if not isinstance(fail_on, list):
        raise UsageError(f"{at}: fail_on of [check] must be a list of verdicts", hint=_verdicts())
    if not isinstance(waivers, list):
        raise UsageError(f"{at}: waivers of [check] must be a list of tables", hint=_example())
    return CheckSettings(
        tuple(dict.fromkeys(_verdict(one, f"{at}: fail_on of [check]") for one in fail_on)),
        tuple(_waiver(one, f"{at}: waiver {number} of [check]") for number, one in enumerate(waivers, 1)),
    )


def _waiver(table: Any, at: str) -> Waiver:
    if not isinstance(table, dict):
        raise UsageError(f"{at} must be a table", hint=_example())
    _known(table, _WAIVER_KEYS, at)
    texts = {key: table.get(key) for key in ("resource", "verdict", "reason")}
    for key, text in texts.items():
        if not isinstance(text, str) or not text.strip():
            raise UsageError(f"{at} has no {key}", hint=_example())
    return Waiver(
        str(texts["resource"]),
        _verdict(texts["verdict"], at),
        str(texts["reason"]).strip(),
        _day(table.get("until"), at),
    )


def _day(value: Any, at: str) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        missing = "has no until" if value is None else f"has an until that is no date: {value!r}"
        raise UsageError(f"{at} {missing}", hint=_example()) from None


def _verdict(value: Any, at: str) -> str:
    if not isinstance(value, str) or value not in VERDICTS:
        raise UsageError(f"{at}: there is no verdict {value!r}", hint=_verdicts())
    return value


def _known(table: Mapping[str, Any], keys: tuple[str, ...], at: str) -> None:
    for key in table.keys() - set(keys):
        raise UsageError(f"{at}: unknown key {key!r}", hint=f"It knows {', '.join(keys)}.")


def _verdicts() -> str:
    return f"The verdicts are {', '.join(VERDICTS)}."


def _example() -> str:
    return (
        'For example `{resource = "cache", verdict = "data-loss", reason = "filled again in a minute", '
        "until = 2027-03-31}`."
    )
