"""Today's credentials in a target's explicit providers: a recorded token may have been rotated away since. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from pulumi_rewind.goal import GoalNote, registers
from pulumi_rewind.identity import match
from pulumi_rewind.model import Checkpoint, Resource
from pulumi_rewind.values import SECRET, SIG, Json, is_secret, reveal

CODE = "live-credentials"


@dataclass(frozen=True)
class WithCredentials:
    """A target whose providers have today's credentials."""

    target: Checkpoint
    notes: tuple[GoalNote, ...]


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
    notes: list[GoalNote] = []
    for res in providers:
        partner = live.by_urn.get(pairs.get(res.urn, ""))
        if partner is None:
            continue
        inputs, keys = _merged(res.decoded_inputs(), partner.decoded_inputs())
        if keys:
            changed[res.urn] = msgspec.structs.replace(res, inputs=msgspec.Raw(msgspec.json.encode(inputs)))
            message = (
                f"gets today's credentials where they differ from the recorded ones: {', '.join(keys)} "
                "(`--recorded-credentials` uses those of the target)"
            )
            notes.append(GoalNote(CODE, message, res.urn))
    if not changed:
        return WithCredentials(target, ())
    resources = tuple(changed.get(res.urn, res) if not res.delete else res for res in target.resources)
    deployment = msgspec.structs.replace(target.deployment, resources=resources)
    return WithCredentials(Checkpoint(target.raw, deployment, decrypted=target.decrypted), tuple(notes))


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
