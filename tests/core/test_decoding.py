"""A checkpoint from its bytes; the same bytes are decoded once, as long as somebody holds what came of them."""

from __future__ import annotations

import gc
import weakref

import pytest

from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.state.decoding import decode_checkpoint

RAW = b'{"version": 3, "checkpoint": {"stack": "dev", "latest": {"resources": []}}}'


def test_the_same_bytes_are_the_same_checkpoint() -> None:
    one = decode_checkpoint(RAW, source="live")
    assert decode_checkpoint(bytes(bytearray(RAW)), source="another file") is one
    assert decode_checkpoint(RAW + b" ", source="live") is not one
    assert decode_checkpoint(RAW, source="live", decrypted=True) is not one


def test_as_many_bytes_are_not_the_same_bytes() -> None:
    other = RAW.replace(b"dev", b"stg").replace(b"3", b"4")
    one, two = decode_checkpoint(RAW, source="live"), decode_checkpoint(other, source="live")
    assert (one.raw, two.raw) == (RAW, other)
    assert decode_checkpoint(RAW, source="live").raw == RAW


def test_nothing_is_kept_that_nobody_holds() -> None:
    gone = weakref.ref(decode_checkpoint(RAW, source="live"))
    gc.collect()
    assert gone() is None


def test_what_can_not_be_read_is_said_of_each_file() -> None:
    for source in ("live", "update #3"):
        with pytest.raises(CheckpointError, match=source) as raised:
            decode_checkpoint(RAW[:-9], source=source)
        assert raised.value.raw == RAW[:-9]
