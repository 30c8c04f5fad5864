"""The way back over states of which most are hardly looked at, against reading all of them."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_rewind.backends.diy_history import DiyHistory
from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.history import trail
from pulumi_rewind.history.blame import Blamed, blame
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.entries import find_entry, same_entry
from tests.support.filestore import Compression, FileStore

URN = "urn:pulumi:dev::shop::acme:index:Thing::"
NAMES = ("a", "thing", "z")

resources = st.fixed_dictionaries(
    {
        "inputs": st.dictionaries(st.sampled_from(("size", "tags")), st.sampled_from((1, 2, [URN], "thing"))),
        "outputs": st.fixed_dictionaries({"long": st.integers(0, 2).map(lambda count: "x" * (count * trail.SLACK))}),
        "modified": st.sampled_from(("2025-11-24T16:00:00Z", "2025-11-24T16:00:00.5Z")),
    },
    optional={"protect": st.just(True), "delete": st.just(True)},
)
states = st.fixed_dictionaries(
    {
        "resources": st.dictionaries(st.sampled_from(NAMES), resources, max_size=3),
        "indent": st.sampled_from((None, None, None, 4)),
        "compression": st.sampled_from(("", "", "", "gzip")),
        "whole": st.sampled_from((True, True, True, True, False)),
    }
)


def document(state: dict[str, Any]) -> bytes:
    listed = [
        {"urn": URN + name, "custom": True, "id": f"id-{name}", "type": "acme:index:Thing", **res}
        for name, res in sorted(state["resources"].items())
    ]
    body = {"version": 3, "checkpoint": {"stack": "dev", "latest": {"resources": listed}}}
    text = json.dumps(body, indent=state["indent"], separators=(",", ":") if state["indent"] is None else None)
    return text.encode() if state["whole"] else text.encode()[:-9]


def stored(directory: Path, history: list[dict[str, Any]]) -> FileStore:
    store = FileStore(directory)
    for state in history:
        number = store.add(None, stored=False)
        compression: Compression = state["compression"]
        store.write("checkpoint", document(state), number=number, compression=compression)
    return store


def blamed(store: FileStore) -> list[Blamed]:
    return sorted(blame(store.timeline(), URN + "thing"), key=lambda item: item.path)


@settings(max_examples=150)
@given(st.lists(states, min_size=1, max_size=12), resources)
def test_it_tells_what_reading_all_states_tells(history: list[dict[str, Any]], last: dict[str, Any]) -> None:
    """Unread are only states that have the resource unchanged, whatever moves its bytes."""
    last.pop("delete", None)
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        # Most updates leave the resource as it is.
        repeated = [state for state in history for _ in range(3)]
        store = stored(Path(directory), repeated)
        live = {"resources": history[-1]["resources"] | {"thing": last}, "indent": None, "whole": True}
        store.write_live(document(live))
        quick = blamed(store)
        patch.setattr(trail, "same_entry", lambda *_: None)
        assert quick == blamed(store)


def test_what_has_not_changed_is_hardly_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 updates those are read whole where it changed; the others' parts are enough, though its place moves."""

    def state(number: int) -> dict[str, Any]:
        before = {"inputs": {}, "outputs": {"n": "x" * (number % 50)}}
        thing = {"inputs": {"size": 1 if number <= 120 else 2}}
        return {"resources": {"a": before, "thing": thing}, "indent": None, "compression": "", "whole": True}

    history = [state(number) for number in range(1, 201)]
    store = stored(tmp_path, history)
    store.write_live(document(history[-1]))
    read: list[int] = []
    whole = DiyHistory.raw

    def raw(self: DiyHistory, number: int) -> bytes:
        read.append(number)
        return whole(self, number)

    monkeypatch.setattr(DiyHistory, "raw", raw)
    found = {item.path: item.update.number for item in blamed(store) if item.update is not None}
    assert found == {"inputs.size": 121, "id": 1}
    assert set(read) == {120}, read


def test_an_entry_is_the_one_that_decoding_finds() -> None:
    """Of two with one URN the one that stays; others only mention it; Go may escape the URN."""
    odd = URN + 'a<b>&"c\\é'
    listed = [
        {"urn": URN + "thing", "type": "t", "delete": True},
        {"urn": URN + "user", "type": "t", "dependencies": [URN + "thing"]},
        {"urn": URN + "thing", "type": "t", "inputs": {"urn": URN + "thing"}},
        {"urn": odd, "type": "t"},
    ]
    text = json.dumps({"version": 3, "deployment": {"resources": listed}}).replace("<", "\\u003c")
    raw = text.encode()
    for urn in (URN + "thing", URN + "user", odd):
        entry = find_entry(raw, urn)
        assert entry is not None
        assert entry.resource() == decode_checkpoint(raw, source="it").by_urn[urn]
        assert raw[entry.place :].startswith(entry.raw)
        assert same_entry(raw, entry) == entry
        moved = same_entry(b" " * 7 + raw, entry)
        assert moved is not None
        assert moved.place == entry.place + 7
    assert find_entry(raw, URN + "nothing") is None
    assert find_entry(b'{"version":3}', odd) is None
    with pytest.raises(CheckpointError):
        find_entry(raw[:-3], odd)
