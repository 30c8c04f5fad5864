"""States, and what a backend has beside them."""

from __future__ import annotations

import contextlib
import gzip
import json
from pathlib import Path

import msgspec
import zstandard
from google.protobuf import struct_pb2

from pulumi_rewind.assets.hash import hash_value
from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.diy_history import unpacked
from pulumi_rewind.diff.checkpoints import diff_checkpoints, diff_to_json
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.credentials import todays_credentials
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.arrangement import Arrangement
from pulumi_rewind.plan.planned_state import planned_state
from pulumi_rewind.plan.state_edits import arranged
from pulumi_rewind.plan.verify import verify
from pulumi_rewind.project.stack_configuration import config_changes, provider_keys
from pulumi_rewind.records.content import decode_update, encode_update
from pulumi_rewind.records.parts import update_key
from pulumi_rewind.relinking.literals import Literals
from pulumi_rewind.replay import wire
from pulumi_rewind.secrets.passphrase import salt_of
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.decrypted import opened_checkpoint, opened_json
from pulumi_rewind.state.formats import exported
from pulumi_rewind.state.integrity import flaws
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.same import same_bytes
from pulumi_rewind.state.show import value_text
from pulumi_rewind.state.values import ARCHIVE, ASSET, content_of, kind_of, mask, reveal
from pulumi_rewind.upkeep.selfcheck import judge
from tests.fuzz.seeds import (
    EXPORT,
    KEY,
    STATES,
    Target,
    encoded,
    opened,
    ours,
    recorded,
)
from tests.support.checkpoints import replayed
from tests.support.filestore import FileStore


def state_targets(folder: Path, live: Checkpoint) -> dict[str, Target]:
    """By name; `folder` is for their files, `live` the other side of what is compared."""
    states = (*STATES, EXPORT)
    histories = recorded("*.history.json")
    other = FileStore(folder / "other")
    other.add(1)
    backend, record = other.open(), other.path("history", 1)
    stored = recorded("*.checkpoint.json", 30_000)

    def checkpoint(raw: bytes) -> None:
        state = decode_checkpoint(raw, source="fuzzed")
        list(flaws(state))
        for res in state.resources:
            with ours():
                mask(res.decoded_inputs())
                reveal(res.decoded_outputs())
        provider_keys(state)
        if state.deployment.secrets_providers is not None:
            salt_of(state.deployment.secrets_providers.state)

    def road(raw: bytes) -> None:
        state = opened(raw)
        with ours():
            json.dumps(diff_to_json(diff_checkpoints(state, live), "old", "new"))
        with ours():
            config_changes(state, live, {"aws:region": "x"}, {"aws:region": "y"})
        target = todays_credentials(state, live).target
        goal = build_goal(target, live, project="shop", stack="dev")
        goal.fingerprint()
        report = replayed(goal)
        diff_checkpoints(live, planned_state(goal, report, live, dict.fromkeys(report.urns.values(), "update")))
        verify(goal, report, live, state)
        judge(goal, goal.notes, [], report, live)

    def rewritten(raw: bytes) -> None:
        state = decode_checkpoint(raw, source="fuzzed")
        with contextlib.suppress(msgspec.MsgspecError, KeyError, UnicodeDecodeError, RecursionError):  # as `keep`
            exported(raw)
        arranged(state, Arrangement())
        same_bytes(raw, states[0])

    def opening(raw: bytes) -> None:
        opened_json(raw, KEY.open)
        opened_checkpoint(decode_checkpoint(raw, source="fuzzed"), KEY.open)

    def values(raw: bytes) -> None:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raw = b'{"version":3,"deployment":{"resources":[{"urn":"u","type":"t","inputs":{"v":%b}}]}}' % raw
            value = opened(raw).resources[0].decoded_inputs()["v"]
            value_text(mask(value))
            with ours():
                content_of({"plaintext": value})
            with ours():
                message = struct_pb2.Value()
                wire.fill_value(message, wire.to_wire(value))
                wire.read_value(message)
            if kind_of(value) in {ASSET, ARCHIVE}:
                with ours():
                    hash_value(value, folder)
            with ours():
                list(Literals(opened(raw).resources)._literals)
            reveal(value)

    def history(raw: bytes) -> None:
        record.write_bytes(raw)
        update = backend.history(other.ref).update(1)
        assert update.commit is not None
        update_key(update)
        with ours():
            decode_update(encode_update(update), 1)
        with ours():
            resolve_target(other.timeline(), "last-good")

    def lock(raw: bytes) -> None:
        path = other.lock()
        path.write_bytes(raw)
        assert [str(held) + held.advice for held in backend.locks(other.ref)]
        path.unlink()

    def layout(raw: bytes) -> None:
        (other.pulumi / "meta.yaml").write_bytes(raw)
        open_backend(other.url)

    def compressed(raw: bytes) -> None:
        unpacked(raw, "the file", 1 << 20)

    plain = b'{"version":3}' * 50
    frames = zstandard.compress(plain) + zstandard.compress(b"more")
    values_seeds = tuple(encoded(value) for value in json.loads(states[1])["checkpoint"]["latest"]["resources"])
    return {
        "checkpoint": Target((*states, *stored), checkpoint),
        "diff, goal and verification of a checkpoint": Target((states[1],), road),
        "state that is rewritten": Target(states, rewritten),
        "secrets of a checkpoint": Target(states, opening),
        "property values": Target(values_seeds, values),
        "history record": Target(histories, history),
        "lock": Target(
            (b'{"pid":4711,"username":"ada","hostname":"box","timestamp":"2025-11-24T16:00:00+01:00"}',), lock
        ),
        "meta.yaml": Target((b"version: 1\n", b'{"version": 1}'), layout),
        "compressed file": Target(
            (gzip.compress(plain), gzip.compress(plain) + gzip.compress(b"x"), frames), compressed
        ),
    }
