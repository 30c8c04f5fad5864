"""What we wrote ourselves, in the user's state directory and in records."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import msgspec

from pulumi_rewind.callbacks.revisions.ledger import LedgerFile
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.records.content import decode_meta, decode_update, encode_update, evidence_reason
from pulumi_rewind.records.evidence import EvidenceStore
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.state.values import SECRET
from pulumi_rewind.trust.agreements import Trust
from tests.fuzz.seeds import (
    STATES,
    URN,
    Target,
    encoded,
    recorded,
)


def own_targets(folder: Path) -> dict[str, Target]:
    """By name; `folder` is for their files."""
    meta, histories = encoded(_meta()), recorded("*.history.json")
    environ = {"XDG_STATE_HOME": str(folder / "state")}
    journal = Journal("file:///b", StackRef("shop", "dev"), environ)
    journal.path.parent.mkdir(parents=True)
    entry = {"backend": "b", "stack": "s", "target": 1, "label": "#1", "digest": "d", "start": 1, "started": 1.0,
             "pid": 1, "undo": [{"urn": URN, "kind": "undo_create", "function": "f", "sha256": "0"}],
             "choices": {"only": ["a"], "refresh": True}, "doubtful": [URN]}  # fmt: skip
    trusted = journal.state.trusted
    evidence = EvidenceStore(journal)
    place = evidence.directory / "1"
    place.mkdir(parents=True)
    ledger = encoded(
        {
            "after": 3,
            "now": {"key": "k", "applied": {URN: ["1"]}},
            "begun": [],
            "kept": {"1": {"key": "", "applied": {}}},
        }
    )

    def read_journal(raw: bytes) -> None:
        journal.path.write_bytes(raw)
        found = journal.read()
        assert found is None or journal.running(found) in (True, False)

    def read_trust(raw: bytes) -> None:
        trusted.write_bytes(raw)
        Trust(journal.state, "shop").has("0")
        Trust(journal.state, "shop").agree("0")

    def read_evidence(raw: bytes) -> None:
        for name in ("errors.json", "events.jsonl", "checkpoint.json"):
            (place / name).write_bytes(raw)
        evidence.read("1")

    def read_meta(raw: bytes) -> None:
        decode_meta(raw)

    def read_history(raw: bytes) -> None:
        encode_update(decode_update(raw, 1))

    def read_state(raw: bytes) -> None:
        evidence_reason(raw, (b"hunter2-hunter2",))

    def read_ledger(raw: bytes) -> None:
        with contextlib.suppress(UnicodeDecodeError, RecursionError, msgspec.DecodeError):  # as `Ledger.read`
            msgspec.json.decode(raw, type=LedgerFile)

    return {
        "journal": Target((encoded(entry),), read_journal),
        "trusted.json": Target((encoded([{"sha256": "0", "project": "shop", "when": 1.0}]),), read_trust),
        "evidence": Target((b'["message"]', *histories[:1]), read_evidence),
        "record: update.json": Target((meta,), read_meta),
        "record: history.json": Target(histories, read_history),
        "record: evidence": Target((STATES[1], b'"plaintext" "%b"' % SECRET.encode()), read_state),
        "revisions": Target((ledger,), read_ledger),
    }


def _meta() -> dict[str, Any]:
    return {
        "format": 1, "rewind": "0.1.0", "project": "shop", "stack": "dev", "number": 1, "key": "k", "kind": "update",
        "result": "succeeded", "startTime": 1, "endTime": 2, "files": {"history.json": "0" * 64},
        "leftOut": [{"path": "a", "reason": "b"}], "backend": "0" * 32, "git": {"head": "0" * 40},
        "plugins": {"aws": "7.0.0"}, "warnings": ["w"], "changes": {"update": 1},
    }  # fmt: skip
