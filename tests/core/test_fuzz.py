"""Whatever is parsed, only our own errors come out. `REWIND_FUZZ` multiplies the number of inputs (default 1).

docs/reliability.md has the figures of a long run.
"""

from __future__ import annotations

import atexit
import contextlib
import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from google.protobuf import struct_pb2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pulumi_rewind.backends import open_backend
from pulumi_rewind.diff.checkpoints import diff_checkpoints, diff_to_json
from pulumi_rewind.engine.events import parse_event
from pulumi_rewind.errors import JournalError, RewindError
from pulumi_rewind.goal.build import build_goal
from pulumi_rewind.goal.credentials import todays_credentials
from pulumi_rewind.history.targets import resolve_target
from pulumi_rewind.plan.planned_state import planned_state
from pulumi_rewind.plan.verify import verify
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.project.settings import load_settings
from pulumi_rewind.project.stack_configuration import config_changes, config_file, todays_config
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.relinking.links import make_link
from pulumi_rewind.relinking.relink import Relinker
from pulumi_rewind.replay import wire
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint, StackRef, parse_urn
from pulumi_rewind.state.show import value_text
from pulumi_rewind.state.values import DEFAULTS, SIG, mask, reveal
from pulumi_rewind.upkeep.selfcheck import judge
from tests.support.checkpoints import checkpoint as goal_checkpoint
from tests.support.checkpoints import replayed, res
from tests.support.filestore import FileStore

TIMES = int(os.environ.get("REWIND_FUZZ", "1"))
KINDS = (
    "1b47061264138c4ac30d75fd1eb44270", "c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7",
    "5cf8f73096256a8f31e491e813e4eb8e", "d0e6a833031e9bbcd3f4e8bde6ca49a4", "803fd3297a5875dc03ca845dda5d2a98",
    "8ad145fe-0d11-4827-bfd7-1abcbf086f5c", "nonsense",
)  # fmt: skip


def fuzz(count: int) -> settings:
    return settings(
        max_examples=count * TIMES,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a damaged file takes minutes
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


@contextlib.contextmanager
def ours() -> Iterator[None]:
    """An error of ours is a fine answer; any other leaves the test."""
    with contextlib.suppress(RewindError):
        yield


# -- what is thrown at the parsers ------------------------------------------------------------------------------------

TEXT = st.text(max_size=12) | st.sampled_from(["", "04da6b54-80e4-46f7-96ec-b56ff0331ba9", "\0", "__proto__", "9" * 30])
NUMBER = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-2, 2)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
ANY = SCALAR | st.sampled_from([float("nan"), float("inf"), 2**70, "\ud800"])
"""Also what isn't JSON at all."""
KEYS = st.sampled_from([SIG, DEFAULTS, "plaintext", "ciphertext", "value", "path", "hash", "assets", "text", "urn",
                        "annotations", "name", "id", "secure", "__internal", "version"]) | TEXT  # fmt: skip
SPECIAL = st.fixed_dictionaries(
    {SIG: st.sampled_from(KINDS)},
    optional={
        "plaintext": st.sampled_from(['"x"', "{}", "[", "", "null", '{"a": [1]}']) | TEXT | st.integers(),
        "ciphertext": TEXT, "value": SCALAR, "path": TEXT, "hash": TEXT, "uri": TEXT, "text": TEXT, "urn": TEXT,
        "assets": st.dictionaries(TEXT, SCALAR, max_size=2), "id": SCALAR,
    },
)  # fmt: skip
VALUE = st.recursive(
    SCALAR | SPECIAL, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
URNS = [
    "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev",
    "urn:pulumi:dev::shop::pulumi:providers:aws::default_1_0_0",
    "urn:pulumi:dev::shop::pulumi:providers:aws::mine",
    "urn:pulumi:dev::shop::aws:s3/bucket:Bucket::logs",
    "urn:pulumi:dev::shop::my:index:Group$aws:s3/bucket:Bucket::lo::gs",
    "urn:pulumi:dev::shop::my:index:Group::group",
    "urn:pulumi:old::other::aws:s3/bucket:Bucket::logs",
]
URN = st.sampled_from(URNS) | TEXT
REFERENCE = URN | st.builds(lambda urn: f"{urn}::some-id", URN)
LIST = st.none() | st.lists(URN, max_size=3)
MADE: dict[str, st.SearchStrategy[Any]] = {
    "parameterization": TEXT | st.just("e30="),
    "version": SCALAR,
    "name": SCALAR,
    "pluginDownloadURL": SCALAR,
    "pluginChecksums": VALUE | st.dictionaries(TEXT, TEXT, max_size=2),
    "envVarMappings": VALUE,
}
INTERNAL = st.fixed_dictionaries({}, optional=MADE)
PROPERTIES = st.dictionaries(KEYS | st.sampled_from(["name", "tags", "token"]), VALUE, max_size=4)
INPUTS = PROPERTIES | st.builds(
    lambda made, rest: {**rest, "__internal": made}, INTERNAL | INTERNAL.map(json.dumps), PROPERTIES
)


@st.composite
def resource(draw: st.DrawFn) -> dict[str, Any]:
    """A resource that decodes, with references that may lead nowhere or in circles."""
    urn = draw(URN)
    return {
        "urn": urn,
        "type": parse_urn(urn).type or draw(TEXT),
        **draw(
            st.fixed_dictionaries(
                {"custom": st.booleans()},
                optional={
                    "id": TEXT, "delete": st.booleans(), "inputs": INPUTS, "outputs": INPUTS, "parent": URN,
                    "protect": st.booleans(), "external": st.booleans(), "taint": st.booleans(),
                    "dependencies": LIST, "provider": REFERENCE, "deletedWith": URN, "replaceWith": LIST,
                    "propertyDependencies": st.none() | st.dictionaries(KEYS, LIST, max_size=3),
                    "pendingReplacement": st.booleans(), "ignoreChanges": st.lists(TEXT, max_size=2),
                    "customTimeouts": st.fixed_dictionaries({}, optional={"create": st.floats(0, 1e9)}),
                    "replacementTrigger": VALUE, "viewOf": URN, "snippetID": TEXT,
                    "extensionRef": st.just("ref") | TEXT,
                    "resourceHooks": st.dictionaries(TEXT, st.none() | st.lists(TEXT, max_size=2), max_size=2),
                    "initErrors": st.lists(TEXT, max_size=1), "sourcePosition": TEXT,
                },
            )
        ),
    }  # fmt: skip


@st.composite
def checkpoint(draw: st.DrawFn) -> bytes:
    """A checkpoint file of the right shape."""
    latest: dict[str, Any] = {"resources": draw(st.none() | st.lists(resource(), max_size=6))}
    latest |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "secrets_providers": st.fixed_dictionaries({"type": TEXT}, optional={"state": VALUE}),
                "pending_operations": st.lists(
                    st.fixed_dictionaries({"type": TEXT, "resource": resource()}), max_size=1
                ),
                "extensions": st.dictionaries(
                    st.sampled_from(["ref"]) | TEXT,
                    st.dictionaries(st.sampled_from(["name", "version", "value"]), TEXT, max_size=3),
                    max_size=2,
                ),
            },
        )
    )
    return encoded({"version": 3, "checkpoint": {"stack": "organization/shop/dev", "latest": latest}})


def encoded(document: Any) -> bytes:
    """JSON as a hostile writer might make it: NaN, lone surrogates and all."""
    return json.dumps(document, ensure_ascii=True).encode()


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes]) -> bytes:
    """A file cut off, with bytes changed, doubled or put in."""
    raw = bytearray(draw(whole))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(len(raw) - 1, 0)))
        match draw(st.sampled_from(["cut", "byte", "insert", "double"])):
            case "cut":
                del raw[at:]
            case "byte" if raw:
                raw[at] = draw(st.integers(0, 255))
            case "insert":
                raw[at:at] = draw(st.sampled_from([b"{", b"]", b'"', b"\0", b"[" * 3000, b"1e999", b"null", b"\xff"]))
            case _:
                raw += raw[at:]
    return bytes(raw)


def opened(raw: bytes) -> Checkpoint | None:
    try:
        return decode_checkpoint(raw, source="fuzzed", decrypted=True)
    except RewindError:
        return None


# -- the parsers ------------------------------------------------------------------------------------------------------


@fuzz(80)
@given(st.binary(max_size=200) | damaged(checkpoint()))
def test_checkpoints_that_are_damaged(raw: bytes) -> None:
    found = opened(raw)
    if found is not None:
        for res in found.resources:
            with ours():
                res.decoded_inputs()


@fuzz(80)
@given(checkpoint(), checkpoint(), st.sampled_from([(), ("logs",), ("*",), ("aws:*",), ("nothing",), ("[",)]))
def test_checkpoints_of_the_right_shape_on_the_whole_road(one: bytes, other: bytes, only: tuple[str, ...]) -> None:
    old, new = opened(one), opened(other)
    assert old is not None
    assert new is not None
    with ours():
        json.dumps(diff_to_json(diff_checkpoints(old, new), "old", "new"))
    with ours():
        target = todays_credentials(old, new).target
        goal = build_goal(target, new, project="shop", stack="dev", only=only)
        order = {item.urn: index for index, item in enumerate(goal.registrations)}
        assert all(urn in order for item in goal.registrations for urn in item.prerequisites() if urn)
        goal.fingerprint()
        report = replayed(goal)
        ops = dict.fromkeys(report.urns.values(), "update")
        diff_checkpoints(new, planned_state(goal, report, new, ops))
        verify(goal, report, new, new)
        verify(goal, report, new, old)
        judge(goal, goal.notes, [], report, new)
    with ours():
        config_changes(old, new, {"aws:region": "x"}, {"aws:region": "y"})


@pytest.mark.parametrize("marks", [5, "ab", [1, "a"], [["a"]], {"a": 1}, None])
def test_what_names_a_providers_defaults_may_be_damaged(marks: Any) -> None:
    entry = res("a", "aws:s3/bucket:Bucket", inputs={"a": 1, "__defaults": marks})
    old, new = goal_checkpoint(entry), goal_checkpoint({**entry, "inputs": {"a": 1, "__defaults": ["a"]}})
    goal = build_goal(old, new, project="p", stack="dev")
    for side in (old, new):
        verify(goal, replayed(goal), new, side)


@fuzz(120)
@given(VALUE, VALUE, VALUE, TEXT, TEXT)
def test_values_wherever_they_are_looked_into(value: Any, old: Any, new: Any, before: str, after: str) -> None:
    with ours():
        link = make_link(URNS[3], before, {"a": old}, after, {"a": new}, preview=True)
        Relinker([link]).apply(value)
    with ours():
        wire.fill_value(struct_pb2.Value(), wire.to_wire(value))
    value_text(mask(value))
    with ours():
        reveal(value)


RECORD = st.fixed_dictionaries(
    {},
    optional={
        "kind": ANY, "startTime": ANY, "endTime": ANY, "message": ANY, "result": ANY,
        "environment": st.dictionaries(st.sampled_from(["git.head", "git.headName", "git.dirty"]) | TEXT, ANY,
                                       max_size=3) | ANY,
        "config": st.dictionaries(TEXT, VALUE, max_size=2) | ANY, "version": ANY,
        "resourceChanges": st.dictionaries(TEXT, ANY, max_size=2) | ANY,
    },
)  # fmt: skip
PACKED = st.sampled_from(["plain", "gzip", "zstd", "cut"])


def pack(raw: bytes, how: str) -> bytes:
    match how:
        case "gzip":
            return gzip.compress(raw)
        case "zstd":
            return zstandard.compress(raw)
        case "cut":
            return zstandard.compress(raw)[:-3]
    return raw


@fuzz(40)
@given(st.binary(max_size=60) | damaged(RECORD.map(encoded)), damaged(checkpoint()), PACKED, TEXT)
def test_history_records_and_their_checkpoints(record: bytes, state: bytes, packed: str, text: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = FileStore(Path(directory) / "b")
        store.add(1, commit="a" * 40)
        store.add(2)
        store.write("history", pack(record, packed), number=1)
        store.write("checkpoint", pack(state, packed), number=1)
        store.write_live(state)
        store.lock(content=record.decode(errors="replace"))
        backend = open_backend(store.url)
        backend.locks(store.ref)
        timeline = store.timeline()
        with ours():
            list(timeline.entries())
        with ours():
            timeline.checkpoint(1)
        for asked in ("last-good", "-1", "1", text):
            with ours():
                resolve_target(timeline, asked)
        with ours():
            backend.find(text, "shop")


@fuzz(150)
@given(st.text(max_size=30) | st.from_regex(r"[#@-]?[0-9T:.+Z /-]{0,24}", fullmatch=True))
def test_targets(text: str) -> None:
    with ours():
        resolve_target(STORE.timeline(), text)


_DIRECTORY = tempfile.TemporaryDirectory()
atexit.register(_DIRECTORY.cleanup)
STORE = FileStore(Path(_DIRECTORY.name) / "backend")
for _value in range(3):
    STORE.add(_value)

EVENT = st.dictionaries(
    st.sampled_from(["resourcePreEvent", "resOutputsEvent", "resOpFailedEvent", "diagnosticEvent", "summaryEvent",
                     "progressEvent", "errorEvent", "policyEvent", "sequence"]),
    st.dictionaries(
        st.sampled_from(["metadata", "message", "severity", "urn", "resourceChanges", "durationSeconds", "id", "error",
                         "done", "planning", "ephemeral"]),
        st.dictionaries(st.sampled_from(["op", "urn", "type", "old", "new", "keys", "diffs", "detailedDiff"]), VALUE,
                        max_size=4) | VALUE,
        max_size=3,
    ) | VALUE,
    max_size=2,
)  # fmt: skip


@fuzz(150)
@given(st.binary(max_size=80) | damaged(EVENT.map(encoded)))
def test_events(line: bytes) -> None:
    parse_event(line)
    parse_event(line.decode(errors="replace"))


YAML = st.sampled_from([
    "config:\n  aws:region: eu\n", "encryptionsalt: v1:x\nconfig:\n  aws:config:region: 010\n", "config: [1]\n",
    "config:\n  a: &x {b: *x}\n", "- 1\n", "config:\n  ? [1, 2]\n  : 3\n", "!!python/object:os.system x\n", "{", "\t",
])  # fmt: skip
TOML = st.sampled_from(['production = ["a"]\n', "keys = 1\n", "[keys]\nq = 1\n", "theme = 3\n", "=", "a.b.c = 1\n"])


@fuzz(20)
@given(st.binary(max_size=60) | damaged(YAML.map(str.encode)), st.binary(max_size=40) | damaged(TOML.map(str.encode)))
def test_configuration_project_and_settings(yaml: bytes, toml: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "private").mkdir()
        path = root / "Pulumi.dev.yaml"
        path.write_bytes(yaml)
        (root / "rewind.toml").write_bytes(toml)
        live = decode_checkpoint(STORE.checkpoint(1), source="live")
        with ours():
            config_changes(live, live, {"aws:region": "x"}, todays_config(path))
        with ours():
            written = config_file(path, live, root / "private", {"aws:region": "north", "aws:gone": None})
            assert todays_config(written)["aws:region"] == "north"
            assert path.read_bytes() == yaml
        with ours():
            load_settings(root)
        (root / "Pulumi.yaml").write_bytes(yaml)
        with ours():
            find_workspace(root, environ={"HOME": directory})


ENTRY = st.fixed_dictionaries(
    {},
    optional={"backend": ANY, "stack": ANY, "target": ANY, "label": ANY, "digest": ANY, "start": ANY,
              "started": ANY, "pid": NUMBER | ANY, "only": VALUE},
)  # fmt: skip
WHOLE = {"backend": "b", "stack": "s", "target": 1, "label": "#1", "digest": "d", "start": 1, "started": 1.0, "pid": 1}


@fuzz(80)
@given(st.binary(max_size=60) | damaged(ENTRY.map(lambda entry: encoded(WHOLE | entry))))
def test_the_journal(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal("file:///b", StackRef("shop", "dev"), {"XDG_STATE_HOME": directory})
        journal.path.parent.mkdir(parents=True)
        journal.path.write_bytes(raw)
        try:
            entry = journal.read()
        except JournalError:
            return
        if entry is not None:
            _ = journal.running(entry)
