"""Everything that takes apart what others may have written, each with seeds to spoil and what is done with an input.

A target may answer with an error of ours and with nothing else. What it does with an input is what the product does,
as far as that needs no engine and no git.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import yaml
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf import struct_pb2

from pulumi_rewind import wire
from pulumi_rewind.arrangement import Arrangement, arranged
from pulumi_rewind.assets.hash import content_pieces, hash_value
from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.files import read_file
from pulumi_rewind.credentials import todays_credentials
from pulumi_rewind.diff.checkpoints import diff_checkpoints, diff_to_json
from pulumi_rewind.diff.same import same_bytes
from pulumi_rewind.errors import RewindError
from pulumi_rewind.events import parse_event
from pulumi_rewind.goal_build import build_goal
from pulumi_rewind.held import hold_to
from pulumi_rewind.integrity import flaws
from pulumi_rewind.journal import Journal
from pulumi_rewind.links import make_link
from pulumi_rewind.literals import Literals
from pulumi_rewind.model import Checkpoint, StackRef, decode_checkpoint
from pulumi_rewind.naming import Names
from pulumi_rewind.opening import opened_checkpoint, opened_json
from pulumi_rewind.passphrase import Key, read_passphrase, salt_of
from pulumi_rewind.planned import planned_state
from pulumi_rewind.program.plan import _essence
from pulumi_rewind.program.result import declared
from pulumi_rewind.program.submodules import _names
from pulumi_rewind.property_path import keeping, parse_path
from pulumi_rewind.records.content import decode_meta, decode_update, encode_update, evidence_reason, update_key
from pulumi_rewind.redaction import Redactor
from pulumi_rewind.relink import Relinker
from pulumi_rewind.relink_text import block_at, json_parts, token_after, tokens, word_around
from pulumi_rewind.replay import ReplayReport
from pulumi_rewind.revisions.ledger import LedgerFile
from pulumi_rewind.selfcheck import judge
from pulumi_rewind.settings import load_settings
from pulumi_rewind.show import value_text
from pulumi_rewind.stackconfig import ciphertexts, config_changes, config_file, provider_keys, todays_config
from pulumi_rewind.state_file import exported
from pulumi_rewind.targets import resolve_target
from pulumi_rewind.trust import Trust
from pulumi_rewind.undo.answers import Lines, message_of
from pulumi_rewind.undo.process import _Said
from pulumi_rewind.undo.riding import riding_code, undo_methods
from pulumi_rewind.up.evidence import EvidenceStore, masked_events
from pulumi_rewind.up.withheld import withheld
from pulumi_rewind.values import SECRET, SIG, content_of, mask, reveal
from pulumi_rewind.verify import verify
from pulumi_rewind.workspace import find_workspace
from tests.support.checkpoints import replayed
from tests.support.filestore import FileStore

RECORDINGS = Path(__file__).parents[1] / "support" / "tui" / "recordings"
URN = "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::logs"
ROOT = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:aws::default_7_0_0"
KEY = Key(AESGCM(bytes(32)))
SEALED = KEY.seal(b'"s3cr3t-value"')


@dataclass(frozen=True)
class Target:
    """One kind of input."""

    seeds: tuple[bytes, ...]
    run: Callable[[bytes], None]


def _resource(name: str, type_: str = "aws:s3/bucket:Bucket", **fields: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::shop::{type_}::{name}"
    return {"urn": urn, "type": type_, "custom": True, "id": f"{name}-id", "parent": ROOT, **fields}


class Code:
    """Stands for a dynamic provider."""

    def undo_create(self) -> None:
        """Found by its name."""


def _states() -> Iterator[dict[str, Any]]:
    """Checkpoints in which each special kind of value and each field of a resource stands somewhere."""
    secret = {SIG: SECRET, "ciphertext": SEALED}
    opened = {SIG: SECRET, "plaintext": '{"user": "ada", "password": "hunter2-hunter2"}'}
    asset = {SIG: "c44067f5952c0a294b673a41bacd8c17", "path": "a.txt", "hash": "0" * 64}
    archive = {SIG: "0def7320c3a5731c473e5ecbe6d01bc7", "assets": {"a": {**asset, "text": "logs-id", "path": ""}}}
    reference = {SIG: "5cf8f73096256a8f31e491e813e4eb8e", "urn": URN, "id": "logs-id", "packageVersion": ""}
    number = {SIG: "8ad145fe-0d11-4827-bfd7-1abcbf086f5c", "value": "7ff8000000000001"}
    output = {SIG: "d0e6a833031e9bbcd3f4e8bde6ca49a4", "value": "x", "dependencies": [URN]}
    policy = json.dumps({"Version": "2012", "Statement": [{"Effect": "Allow", "Resource": "arn:aws:s3:::logs-id/*"}]})
    for hidden in (secret, opened):
        yield {
            "version": 3,
            "features": ["taint"],
            "checkpoint": {
                "stack": "organization/shop/dev",
                "latest": {
                    "manifest": {"time": "2026-11-24T10:30:18Z", "magic": "m", "version": "v3.276.0"},
                    "secrets_providers": {"type": "passphrase", "state": {"salt": f"v1:AAAAAAAAAAA=:{SEALED}"}},
                    "resources": [
                        {"urn": ROOT, "type": "pulumi:pulumi:Stack", "custom": False, "outputs": {"url": "logs-id"}},
                        {
                            "urn": PROVIDER, "type": "pulumi:providers:aws", "custom": True, "id": "p-1",
                            "inputs": {"version": "7.0.0", "region": "eu", "__internal": '{"pluginDownloadURL": "u"}'},
                        },
                        _resource(
                            "logs", provider=f"{PROVIDER}::p-1", inputs={"name": "logs", "__defaults": ["name"]},
                            outputs={"arn": "arn:aws:s3:::logs-id", "port": 5432, "name": "logs", "id": "logs-id"},
                        ),
                        _resource(
                            "policy", "aws:iam/policy:Policy", provider=f"{PROVIDER}::p-1", dependencies=[URN],
                            propertyDependencies={"policy": [URN], "rules": None},
                            inputs={
                                "policy": policy, "password": hidden, "code": asset, "all": archive, "ref": reference,
                                "rules": [{"name": "a", "port": 80}, {"name": "b", "port": 443, "cidr": "10.0.0.0/8"}],
                                "nan": number, "out": output, "user": "export B=logs-id\nport: 5432\n", "on": True,
                            },
                            outputs={"password": hidden, "id": "policy-id"}, ignoreChanges=["rules[*].cidr", 'a["b"]'],
                            aliases=[URN], customTimeouts={"create": 60}, replacementTrigger={"a": [1]},
                            stackTrace=[{"sourcePosition": "project:///main.py#1,2"}], deletedWith=URN,
                        ),
                        _resource(
                            "made", "pulumi-python:dynamic:Resource",
                            inputs={"__provider": base64.b64encode(pickle.dumps(Code)).decode(), "n": 1},
                        ),
                        {**_resource("logs"), "id": "older", "delete": True},
                    ],
                    "pending_operations": [{"type": "creating", "resource": _resource("queue")}],
                    "metadata": {"integrity_error": None},
                },
            },
        }  # fmt: skip


def _encoded(document: Any) -> bytes:
    return json.dumps(document).encode()


STATES = tuple(_encoded(state) for state in _states())
EXPORT = _encoded({"version": 3, "deployment": json.loads(STATES[0])["checkpoint"]["latest"]})


def _recorded(pattern: str, limit: int = 60_000) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(RECORDINGS.rglob(pattern)) if path.stat().st_size < limit)


def _open(raw: bytes) -> Checkpoint:
    return decode_checkpoint(raw, source="fuzzed", decrypted=True)


@contextlib.contextmanager
def _ours() -> Iterator[None]:
    """For one of several questions to the same input."""
    with contextlib.suppress(RewindError):
        yield


def targets(folder: Path) -> dict[str, Target]:
    """All of them by name; `folder` is for their files."""
    store = FileStore(folder / "backend")
    for value in range(3):
        store.add(value, commit=str(value) * 40)
    states = (*STATES, EXPORT)
    live = _open(STATES[1])
    histories = _recorded("*.history.json")
    meta = _encoded(_meta())
    found = _states_and_history(folder, store, live, states, histories)
    found |= _files(folder, live)
    found |= _texts(store, live)
    found |= _engine(live)
    found |= _own(folder, live, meta, histories)
    return found


def _states_and_history(
    folder: Path, store: FileStore, live: Checkpoint, states: tuple[bytes, ...], histories: tuple[bytes, ...]
) -> dict[str, Target]:
    other = FileStore(folder / "other")
    other.add(1)
    backend, record = other.open(), other.path("history", 1)
    packed = folder / "packed"
    recorded = _recorded("*.checkpoint.json", 30_000)

    def checkpoint(raw: bytes) -> None:
        state = decode_checkpoint(raw, source="fuzzed")
        list(flaws(state))
        for res in state.resources:
            with _ours():
                mask(res.decoded_inputs())
                reveal(res.decoded_outputs())
        provider_keys(state)
        if state.deployment.secrets_providers is not None:
            salt_of(state.deployment.secrets_providers.state)

    def road(raw: bytes) -> None:
        state = _open(raw)
        with _ours():
            json.dumps(diff_to_json(diff_checkpoints(state, live), "old", "new"))
        with _ours():
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
            value = _open(raw).resources[0].decoded_inputs()["v"]
            value_text(mask(value))
            with _ours():
                content_of({"plaintext": value})
            with _ours():
                message = struct_pb2.Value()
                wire.fill_value(message, wire.to_wire(value))
                wire.read_value(message)
            with _ours():
                hash_value(value, folder)
            with _ours():
                list(Literals(_open(raw).resources)._literals)
            reveal(value)

    def history(raw: bytes) -> None:
        record.write_bytes(raw)
        update = backend.history(other.ref).update(1)
        assert update.commit is not None
        update_key(update)
        with _ours():
            decode_update(encode_update(update), 1)
        with _ours():
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
        packed.write_bytes(raw)
        read_file(packed, "the file", 1 << 20)

    plain = b'{"version":3}' * 50
    frames = zstandard.compress(plain) + zstandard.compress(b"more")
    values_seeds = tuple(_encoded(value) for value in json.loads(states[1])["checkpoint"]["latest"]["resources"])
    return {
        "checkpoint": Target((*states, *recorded), checkpoint),
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


def _files(folder: Path, live: Checkpoint) -> dict[str, Target]:
    """What a project has."""
    project = folder / "project"
    (project / "private").mkdir(parents=True)
    (project / "home").mkdir()
    environ = {"HOME": str(folder), "PULUMI_HOME": str(project / "home"), "PULUMI_BACKEND_URL": "file:///nowhere"}
    modules = folder / "gitmodules"

    def config(raw: bytes, suffix: str) -> None:
        path = project / f"Pulumi.dev.{suffix}"
        path.write_bytes(raw)
        with _ours():
            config_changes(live, live, {"aws:region": "x"}, todays_config(path))
        list(ciphertexts(todays_config(path)))
        with contextlib.suppress(yaml.YAMLError):
            config_file(path, live, project / "private", {"aws:region": "north", "aws:gone": None})

    def yaml_config(raw: bytes) -> None:
        config(raw, "yaml")

    def json_config(raw: bytes) -> None:
        config(raw, "json")

    def project_file(raw: bytes, name: str) -> None:
        path = project / name
        path.write_bytes(raw)
        try:
            find_workspace(project, environ=environ)
        finally:
            path.unlink()

    def project_yaml(raw: bytes) -> None:
        project_file(raw, "Pulumi.yaml")

    def project_json(raw: bytes) -> None:
        project_file(raw, "Pulumi.json")

    def settings(raw: bytes) -> None:
        (project / "rewind.toml").write_bytes(raw)
        load_settings(project).is_production("dev")

    def notes(raw: bytes) -> None:
        place = folder / "noted"
        place.mkdir(exist_ok=True)
        (place / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (place / "credentials.json").write_bytes(raw)
        workspace = find_workspace(place, environ={"HOME": str(folder), "PULUMI_HOME": str(place)})
        note = workspace._notes()[0]
        note.parent.mkdir(exist_ok=True)
        note.write_bytes(raw)
        workspace.current_stack()

    def submodules(raw: bytes) -> None:
        modules.write_bytes(raw)
        _names(modules)

    def passphrase(raw: bytes) -> None:
        path = folder / "passphrase"
        path.write_bytes(raw)
        read_passphrase(path)

    def archive(raw: bytes, name: str) -> None:
        path = folder / name
        path.write_bytes(raw)
        for _ in content_pieces("0def7320c3a5731c473e5ecbe6d01bc7", str(path)):
            pass

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a/b.txt", b"content" * 20)
        zipped.writestr("c", b"")
    tape = io.BytesIO()
    with tarfile.open(fileobj=tape, mode="w") as tar:
        for name in ("a", "b" * 120):
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"text"))
    setting = (
        b'production = ["prod*"]\nrecords = true\nkeep = 20\n[keys]\nquit = "q"\n',
        b"a.b.c = [1, {x = 2}]\nd = 2026-11-23T14:00:00\ne = '''\nx'''\n",
    )
    settings_yaml = (
        b"encryptionsalt: v1:AAAA:v1:BBBB\nconfig:\n  aws:region: eu\n  shop:port: 010\n  shop:pw:\n    secure: v1:AA:BB\n",
        b"config:\n  a: &x [1, 1:30, 1.5e3, ~, yes, 2026-11-23]\n  b: *x\n  c: {<<: {d: 1}, e: |\n  text\n}\n",
    )
    projects = (
        b"name: shop\nruntime:\n  name: python\n  options: {virtualenv: venv}\nbackend:\n  url: file://~\n",
        b"name: shop\nruntime: nodejs\nmain: src\nstackConfigDir: conf\noptions: {refresh: always}\n",
    )
    return {
        "Pulumi.<stack>.yaml": Target(settings_yaml, yaml_config),
        "Pulumi.<stack>.json": Target((b'{"config": {"aws:region": "eu", "a": {"secure": "v1:A:B"}}}',), json_config),
        "Pulumi.yaml": Target(projects, project_yaml),
        "Pulumi.json": Target(
            (b'{"name": "shop", "runtime": {"name": "python"}, "backend": {"url": "x"}}',), project_json
        ),
        "rewind.toml": Target(setting, settings),
        "notes of the CLI": Target((b'{"current": "file://~", "stack": "dev", "stacks": {"file://~": "dev"}}',), notes),
        ".gitmodules": Target((b'[submodule "a"]\n\tpath = a\n\turl = ../a\n',), submodules),
        "passphrase file": Target((b"correct horse\n",), passphrase),
        "zip asset": Target((packed.getvalue(),), lambda raw: archive(raw, "a.zip")),
        "tar asset": Target((tape.getvalue(),), lambda raw: archive(raw, "a.tar")),
        "tar.gz asset": Target((gzip.compress(tape.getvalue(), mtime=0),), lambda raw: archive(raw, "a.tar.gz")),
    }


def _texts(store: FileStore, live: Checkpoint) -> dict[str, Target]:
    """What is taken apart as text."""
    timeline = store.timeline()
    secrets = ("hunter2-hunter2", "line one\nline two is longer\n", "0123456789abcdefghijklmnopqrstuvwxyz0123456789")
    redact = Redactor([live], secrets)
    link = make_link(
        URN, "logs-id", {"arn": "arn:aws:s3:::logs-id", "port": 5432, "text": "first line\nsecond line"},
        "other-id", {"arn": "arn:aws:s3:::other-id", "port": 5433, "text": "third\nline"}, preview=True,
    )  # fmt: skip

    def text(raw: bytes) -> str:
        return raw.decode(errors="replace")

    def target(raw: bytes) -> None:
        resolve_target(timeline, text(raw))

    def find(raw: bytes) -> None:
        store.open().find(text(raw), "shop")

    def path(raw: bytes) -> None:
        parse_path(text(raw))
        keeping([text(raw)], {"rules": [{"a": 1}], "a": {"b": 2}}, {"rules": [{"a": 2}], "a": {"b": 3}})

    def selection(raw: bytes) -> None:
        Names(live.resources).meant(text(raw))
        build_goal(live, live, project="shop", stack="dev", only=(text(raw),))

    def redaction(raw: bytes) -> None:
        said = redact(text(raw))
        assert "hunter2-hunter2" not in said

    def relinking(raw: bytes) -> None:
        value = text(raw)
        Relinker([link], literals=lambda: Literals(live.resources), direct=False).apply({"a": value, "b": [value]})
        json_parts(value)
        for hit in tokens(value, ("logs-id", "5432")):
            word_around(value, hit.start, hit.end)
            token_after(value, hit.end)
            block_at(value, hit.start, "logs-id\nmore")

    def ciphertext(raw: bytes) -> None:
        salt_of(msgspec.Raw(raw))
        KEY.open(text(raw))

    def methods(raw: bytes) -> None:
        undo_methods(raw)
        source = base64.b64encode(raw).decode()
        state = {**_resource("a", "pulumi-python:dynamic:Resource"), "inputs": {"__provider": source}}
        riding_code(_open(_encoded({"version": 3, "deployment": {"resources": [state]}})).resources[0], Path("/"))

    quoted = json.dumps(json.dumps({"password": secrets[0], "all": secrets[2]})).encode()
    escaped = b"https://x/?p=" + b"".join(b"%%%02x" % byte for byte in secrets[0].encode())
    plain = (
        b"cut: 0123456789abcdefghijklmno; "
        + base64.b64encode(secrets[2].encode())
        + b" "
        + secrets[2].encode().hex().encode()
    )
    policy = json.dumps(
        {"Resource": ["arn:aws:s3:::logs-id/*"], "port": 5432, "x": json.dumps({"id": "logs-id"})}
    ).encode()
    block = b"key: logs-id\ntext: |\n    first line\n    second line\nweb-logs-id:5432\nDB_PORT=5432\n"
    encoded = base64.b64encode(policy)
    return {
        "target": Target((b"#1", b"-1", b"@2026-11-23T14:00+01:00", b"last-good", b"11111", b"refs/tags/v1"), target),
        "name of a stack": Target((b"dev", b"shop/dev", b"organization/shop/dev"), find),
        "property path": Target((b'tags["k8s.io/owner"]', b"rules[*].cidr", b'a["b\\"c"][-1].d'), path),
        "name of a resource": Target((b"logs", b"!aws:s3*", b"*", URN.encode(), b"[a-c]*"), selection),
        "text with secrets": Target((quoted, escaped, plain, b"error: hunter2-hunter2 &amp; \\x68unter2"), redaction),
        "text with references": Target((policy, block, encoded), relinking),
        "ciphertext and salt": Target((SEALED.encode(), _encoded({"salt": f"v1:AAAAAAAAAAA=:{SEALED}"})), ciphertext),
        "pickled provider": Target((pickle.dumps(Code), pickle.dumps({"undo_create": [1, 2.5, b"x"]}, 0)), methods),
    }


def _engine(live: Checkpoint) -> dict[str, Target]:
    """What the engine writes for us, and what the workers of callbacks answer."""
    step = {"op": "update", "urn": URN, "type": "aws:s3/bucket:Bucket", "old": {"urn": URN, "inputs": {"a": 1}},
            "new": {"urn": URN, "inputs": {"a": 2, "pw": {SIG: SECRET, "plaintext": "[secret]"}}}, "diffs": ["a"],
            "detailedDiff": {"a[0].b": {"diff_kind": "update", "inputDiff": True}}}  # fmt: skip
    events = tuple(
        _encoded(event)
        for event in (
            {"sequence": 1, "resourcePreEvent": {"metadata": step, "planning": True}},
            {"resOutputsEvent": {"metadata": {**step, "op": "create"}}},
            {"resOpFailedEvent": {"metadata": step, "status": 0, "steps": 1}},
            {"diagnosticEvent": {"urn": URN, "message": "<{%reset%}>hunter2<{%reset%}>", "severity": "error"}},
            {"summaryEvent": {"resourceChanges": {"update": 1}, "durationSeconds": 3, "result": "succeeded"}},
            {"progressEvent": {"type": "plugin-download", "id": "x", "message": "m", "received": 1, "total": 2}},
        )
    )
    log = b"\n".join(events)
    goal = {"type": "t", "inputDiff": {"adds": {"a": 1}, "updates": {"b": "x"}, "deletes": ["c"]},
            "outputDiff": {}, "propertyDependencies": {"a": [URN]}}  # fmt: skip
    plan = _encoded({"manifest": {}, "resourcePlans": {URN: {"goal": goal, "steps": ["update"], "state": {"a": 1}}}})
    report = ReplayReport(sent={URN: {"a": 1}}, outputs={URN: {}})

    def event(raw: bytes) -> None:
        parse_event(raw)
        parse_event(raw.decode(errors="replace"))

    def logged(raw: bytes) -> None:
        withheld(raw).log(raw)
        masked_events(raw, lambda text: text.replace("hunter2", "[secret]"))

    def planned(raw: bytes) -> None:
        hold_to(raw, report)
        declared(raw)
        _essence(raw)

    def answer(raw: bytes) -> None:
        said = _Said("restore", URN, str)
        lines = Lines(1 << 16)
        for at in range(0, len(raw), 50):
            for line in lines.feed(raw[at : at + 50]):
                list(said.lines([line]))
        list(said.message(message_of(raw, "restore")))

    ends = (b'{"end": {"result": {"result": "skip", "reason": "x"}}}', b'{"log": "line\\nline"}',
            b'{"progress": [1.0, 2.0, "tables"]}')  # fmt: skip
    return {
        "event of the engine": Target(events, event),
        "event log": Target((log,), logged),
        "plan of the engine": Target((plan,), planned),
        "answer of a worker": Target(ends, answer),
    }


def _own(folder: Path, live: Checkpoint, meta: bytes, histories: tuple[bytes, ...]) -> dict[str, Target]:
    """What we wrote ourselves, in the user's state directory and in records."""
    environ = {"XDG_STATE_HOME": str(folder / "state")}
    journal = Journal("file:///b", StackRef("shop", "dev"), environ)
    journal.path.parent.mkdir(parents=True)
    entry = {"backend": "b", "stack": "s", "target": 1, "label": "#1", "digest": "d", "start": 1, "started": 1.0,
             "pid": 1, "undo": [{"urn": URN, "kind": "undo_create", "function": "f", "sha256": "0"}],
             "choices": {"only": ["a"], "refresh": True}, "doubtful": [URN]}  # fmt: skip
    trusted = folder / "trusted.json"
    evidence = EvidenceStore(journal)
    place = evidence.directory / "1"
    place.mkdir(parents=True)
    ledger = _encoded(
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
        assert found is None or found.running in (True, False)

    def read_trust(raw: bytes) -> None:
        trusted.write_bytes(raw)
        Trust(trusted, "shop").has("0")
        Trust(trusted, "shop").agree("0")

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
        "journal": Target((_encoded(entry),), read_journal),
        "trusted.json": Target((_encoded([{"sha256": "0", "project": "shop", "when": 1.0}]),), read_trust),
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
        "leftOut": [{"path": "a", "reason": "b"}], "program": {"commit": "0" * 40},
    }  # fmt: skip
