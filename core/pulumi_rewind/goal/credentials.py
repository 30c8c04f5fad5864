"""Today's credentials in a target's explicit providers: a recorded token may have been rotated away since. Pure.

A credential that was computed from a resource of the same stack (a cluster's kubeconfig) belongs to one object. Today's
is taken only where today's was computed from the same resources; the replay then relinks it from what live has of them
to what they are in the run. Where it comes from elsewhere today, the recorded one is relinked, as any input is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from pulumi_rewind.goal.model import Goal, registers
from pulumi_rewind.risk import Risk
from pulumi_rewind.state.identity import match
from pulumi_rewind.state.model import Checkpoint, Resource, urn_name
from pulumi_rewind.state.values import SECRET, SIG, Json, is_secret, reveal


@dataclass(frozen=True)
class WithCredentials:
    """A target whose providers have today's credentials."""

    target: Checkpoint
    notes: tuple[Risk, ...]
    live_keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """URN of the target → inputs that have values of live."""


def todays_credentials(target: Checkpoint, live: Checkpoint) -> WithCredentials:
    """The target with the secrets in the inputs of its explicit providers taken from live, where they differ.

    Both decrypted. Values that aren't secret on either side stay the recorded ones, and so do secrets that live
    lacks.
    """
    providers = [res for res in target.resources if res.is_provider and registers(res)]
    if not providers:
        return WithCredentials(target, ())
    pairs = match([res for res in target.resources if registers(res)], live.resources)
    changed: dict[str, Resource] = {}
    notes: list[Risk] = []
    live_keys: dict[str, frozenset[str]] = {}
    for res in providers:
        partner = live.by_urn.get(pairs.get(res.urn, ""))
        if partner is None:
            continue
        today = partner.decoded_inputs()
        theirs = {key: value for key, value in today.items() if _sources(res, key, pairs) == _sources(partner, key)}
        inputs, keys = _merged(res.decoded_inputs(), theirs)
        if keys:
            live_keys[res.urn] = frozenset(keys)
            changed[res.urn] = msgspec.structs.replace(res, inputs=msgspec.Raw(msgspec.json.encode(inputs)))
            notes.append(Risk("live-credentials", _said(partner, keys), res.urn))
    if not changed:
        return WithCredentials(target, ())
    resources = tuple(changed.get(res.urn, res) if not res.delete else res for res in target.resources)
    deployment = msgspec.structs.replace(target.deployment, resources=resources)
    return WithCredentials(Checkpoint(target.raw, deployment, decrypted=target.decrypted), tuple(notes), live_keys)


def _said(res: Resource, keys: Sequence[str]) -> str:
    """Which credentials are used; `res` is the provider of live."""
    ways = {key: sorted(map(urn_name, _sources(res, key))) for key in keys}
    parts = []
    if own := [key for key in keys if not ways[key]]:
        parts.append(
            f"today's credentials are used where they differ from the recorded ones: {', '.join(own)} "
            "(`--recorded-credentials` uses those of the target)"
        )
    if derived := [f"{key} follows {', '.join(names)}" for key, names in ways.items() if names]:
        parts.append(
            f"credentials computed from resources of this stack take the values of this run: {'; '.join(derived)}"
        )
    return "; ".join(parts)


def from_live_too(goal: Goal, live_keys: Mapping[str, frozenset[str]]) -> Goal:
    """The goal, knowing which inputs of its providers have values of live."""
    if not live_keys:
        return goal
    return goal.each(
        lambda item: item if item.from_live else replace(item, live_keys=live_keys.get(item.urn, frozenset()))
    )


def _sources(res: Resource, key: str, pairs: Mapping[str, str] | None = None) -> frozenset[str]:
    """What an input was computed from, in URNs of live; one that live lacks stays as it is and equals none."""
    urns = (res.property_dependencies or {}).get(key) or ()
    return frozenset(urns if pairs is None else (pairs.get(urn, f"target {urn}") for urn in urns))


def _merged(recorded: Mapping[str, Json], today: Mapping[str, Json]) -> tuple[dict[str, Json], list[str]]:
    result: dict[str, Json] = {}
    changed: list[str] = []
    for key, value in recorded.items():
        result[key] = _value(value, today[key]) if key in today else value
        if reveal(result[key]) != reveal(value):
            changed.append(key)
        else:
            result[key] = value
    return result, changed


def _value(recorded: Json, today: Json) -> Json:
    if is_secret(today):
        return today
    if is_secret(recorded):
        return {SIG: SECRET, "plaintext": msgspec.json.encode(today).decode()}
    if isinstance(recorded, dict) and isinstance(today, dict) and SIG not in recorded:
        return {key: _value(value, today[key]) if key in today else value for key, value in recorded.items()}
    return recorded
