"""Property values between checkpoint JSON and what travels to and from the engine (protobuf Struct).

Source: Pulumi's RPC protocol, ``google.protobuf.Struct`` with signatures: a secret carries ``value`` on the wire
instead of ``plaintext``; special floats are real numbers there.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.errors import SecretsError
from pulumi_rewind.state.values import (
    SECRET,
    SIG,
    SPECIAL_FLOAT,
    UNKNOWN,
    Json,
    as_float,
    content_of,
    damaged_value,
    each,
    is_secret,
    kind_of,
)

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct, Value


def to_wire(value: Json) -> Json:
    """A checkpoint value as plain JSON for the wire.

    Raises:
        SecretsError: a secret is still encrypted.
        CheckpointError: a special value is damaged.
    """
    if is_secret(value):
        if "value" in value:  # in wire form already
            return {SIG: SECRET, "value": to_wire(value["value"])}
        text = value.get("plaintext")
        if not isinstance(text, str):
            raise SecretsError(
                "a secret of the target is still encrypted",
                hint="Set PULUMI_CONFIG_PASSPHRASE, or log in to the key service, and plan again.",
            )
        return {SIG: SECRET, "value": to_wire(content_of(value))}
    if kind_of(value) == SPECIAL_FLOAT:
        try:
            return struct.unpack(">d", bytes.fromhex(str(value.get("value"))))[0]
        except (ValueError, struct.error):
            raise damaged_value("a special number") from None
    return each(value, to_wire)


def fill(message: Struct, values: Mapping[str, Json]) -> None:
    """Writes wire-form values into a protobuf Struct."""
    fields = message.fields
    for key, value in values.items():
        fill_value(fields[key], value)


def fill_value(message: Value, value: Json) -> None:
    """Writes one wire-form value into a protobuf Value."""
    if value is None:
        message.null_value = 0  # type: ignore[assignment]
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        message.string_value = value
    elif isinstance(value, float | int):
        message.number_value = as_float(value)
    elif isinstance(value, dict):
        message.struct_value.SetInParent()
        fill(message.struct_value, value)
    elif isinstance(value, list):
        message.list_value.SetInParent()
        for item in value:
            fill_value(message.list_value.values.add(), item)
    else:
        raise TypeError(f"not a property value: {type(value).__name__}")


def read(message: Struct) -> dict[str, Json]:
    """A protobuf Struct as JSON with signatures; secrets become ``plaintext`` again, as in a checkpoint."""
    return {key: read_value(value) for key, value in message.fields.items()}


def read_value(message: Value) -> Json:
    """One protobuf Value as JSON with signatures."""
    kind = message.WhichOneof("kind")
    if kind == "struct_value":
        value = read(message.struct_value)
        if value.get(SIG) == SECRET:
            if value.get("value") == UNKNOWN:
                return UNKNOWN
            return {SIG: SECRET, "plaintext": msgspec.json.encode(value.get("value")).decode()}
        return value
    if kind == "list_value":
        return [read_value(item) for item in message.list_value.values]
    if kind is None or kind == "null_value":
        return None
    return getattr(message, kind)
