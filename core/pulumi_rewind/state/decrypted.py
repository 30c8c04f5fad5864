"""Puts plaintexts where a checkpoint has ciphertexts: in JSON text, in resources, in whole checkpoints. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from typing import Final, TypeAlias

import msgspec

from pulumi_rewind.errors import SecretsError
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.values import SECRET, SIG, Json, damaged_value, decoded, each
from pulumi_rewind.system.documents import load_json

Open: TypeAlias = Callable[[str], bytes]
"""Ciphertext → plaintext, a JSON document."""

_MARK: Final = SECRET.encode()

_SEALED: Final = re.compile(
    rb'"%b"\s*:\s*"%b"\s*,\s*"ciphertext"\s*:\s*("(?:[^"\\]++|\\.)*+")' % (SIG.encode(), SECRET.encode())
)
"""A secret as Pulumi writes it. Within a JSON string the quotes are escaped, so that nothing there fits."""

_OTHERWISE: Final = re.compile(rb'"ciphertext"\s*:\s*("(?:[^"\\]++|\\.)*+")\s*,\s*"%b"' % SIG.encode())

_QUOTED: Final = re.compile(rb'(?<!\\)"%b"' % SECRET.encode())

_OPENED: Final = f'"{SIG}":"{SECRET}","plaintext":'.encode()


def opened_json(raw: bytes, open_: Open) -> bytes:
    """JSON text with every secret in it in plaintext, also secrets within secrets.

    Pulumi encrypts only the outermost: what lies within has its plaintext where a ciphertext would be.

    Raises:
        SecretsError: `open_` can't open one.
        CheckpointError: what one holds is no JSON document.
    """
    import json

    found = _SEALED.findall(raw)
    if len(found) == len(_QUOTED.findall(raw)):
        return _SEALED.sub(lambda match: _OPENED + _plaintext(decoded(match[1], "a secret"), open_), raw)
    # Somebody else wrote it: keys in another order, or some secrets in plaintext already.
    try:
        value = load_json(raw)
    except ValueError:
        raise damaged_value("a resource with secrets") from None
    return json.dumps(_opened(value, open_)).encode()


def sealed_texts(raw: bytes) -> Iterator[str]:
    """The ciphertexts in JSON text, also where somebody wrote their keys in another order."""
    for found in _SEALED.findall(raw):
        yield decoded(found, "a secret")
    for found in _OTHERWISE.findall(raw):
        yield decoded(found, "a secret")


def _plaintext(ciphertext: str, open_: Open) -> bytes:
    """What a secret holds, as a JSON string."""
    text = open_(ciphertext)
    if _MARK in text:
        text = opened_json(text, str.encode)
    try:
        return msgspec.json.encode(text.decode())
    except UnicodeDecodeError:
        raise damaged_value("a secret") from None


def _opened(value: Json, open_: Open) -> Json:
    if isinstance(value, dict):
        sealed = value.get("ciphertext")
        if value.get(SIG) == SECRET and isinstance(sealed, str):
            return {SIG: SECRET, "plaintext": decoded(_plaintext(sealed, open_), "a secret")}
    return each(value, lambda inner: _opened(inner, open_))


def is_sealed(res: Resource) -> bool:
    """Whether a resource holds secrets at all."""
    return any(_MARK in bytes(raw) for raw in (res.inputs, res.outputs, res.replacement_trigger))


def opened_resource(res: Resource, open_: Open) -> Resource:
    """A resource with its secrets in plaintext; the same one if it has none.

    Raises:
        SecretsError: one of its secrets can't be opened; the message names the resource.
        CheckpointError: what one holds is no JSON document.
    """
    if not is_sealed(res):
        return res
    try:
        inputs, outputs, trigger = (
            msgspec.Raw(opened_json(bytes(raw), open_)) if _MARK in bytes(raw) else raw
            for raw in (res.inputs, res.outputs, res.replacement_trigger)
        )
    except SecretsError as err:
        raise SecretsError(f"{res.name}: {err}", hint=err.hint) from None
    return msgspec.structs.replace(res, inputs=inputs, outputs=outputs, replacement_trigger=trigger)


def opened_checkpoint(checkpoint: Checkpoint, open_: Open, only: Container[str] | None = None) -> Checkpoint:
    """A checkpoint with its secrets in plaintext, or those of the resources whose URNs are in `only`.

    Its bytes stay as they were read. With `only` it does not count as decrypted: other secrets are as stored.

    Raises:
        SecretsError, CheckpointError: see `opened_resource`.
    """
    deployment = checkpoint.deployment
    resources = tuple(
        opened_resource(res, open_) if only is None or res.urn in only else res for res in checkpoint.resources
    )
    pending = deployment.pending_operations
    if only is None and pending:
        pending = tuple(
            msgspec.structs.replace(item, resource=opened_resource(item.resource, open_)) for item in pending
        )
    opened = msgspec.structs.replace(deployment, resources=resources, pending_operations=pending)
    return Checkpoint(checkpoint.raw, opened, decrypted=only is None)
