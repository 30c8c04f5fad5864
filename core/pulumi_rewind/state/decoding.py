"""A checkpoint from the bytes of its file, of a version and with features that this release knows."""

from __future__ import annotations

from typing import Final
from weakref import WeakValueDictionary

import msgspec

from pulumi_rewind.errors import CheckpointError
from pulumi_rewind.state.model import NULL, Checkpoint, Deployment
from pulumi_rewind.system.nesting import TOO_DEEP, too_deep, value_too_deep

KNOWN_FEATURES = frozenset({
    "refreshBeforeUpdate", "views", "hooks", "taint", "replaceWith", "snippets-prototype", "extensionParameterization",
    "byteString",
})  # fmt: skip
"""Checkpoint features of Pulumi 3.276 that this release can read."""


class _CheckpointBody(msgspec.Struct, frozen=True):
    stack: str = ""
    latest: Deployment | None = None


class _CheckpointFile(msgspec.Struct, frozen=True):
    version: int = 3
    features: tuple[str, ...] | None = None
    checkpoint: _CheckpointBody | None = None
    deployment: Deployment | None = None


_decoder = msgspec.json.Decoder(_CheckpointFile)


def decode_checkpoint(raw: bytes, *, source: str, decrypted: bool = False) -> Checkpoint:
    """Decodes a checkpoint; `source` names it in errors.

    The same bytes give the same checkpoint, as long as somebody holds it: live is read again and again.

    Raises:
        CheckpointError: not JSON, truncated, or of an unknown version or feature; it holds the bytes.
    """
    key = len(raw), decrypted
    if (known := _known.get(key)) is not None and known.raw == raw:
        return known
    try:
        found = _known[key] = _decoded(raw, source, decrypted)
    except CheckpointError as err:
        err.raw = raw
        raise
    return found


_known: Final[WeakValueDictionary[tuple[int, bool], Checkpoint]] = WeakValueDictionary()
"""The newest of each length: comparing two that are as long is quicker than any digest of both."""


def _decoded(raw: bytes, source: str, decrypted: bool) -> Checkpoint:
    try:
        file = _decoder.decode(raw)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as err:
        raise CheckpointError(
            f"{source} can't be read: {err}",
            hint="The file is damaged or truncated; choose another update, or restore the file from a backup.",
        ) from None
    if file.version > 4 or file.version < 3:
        raise CheckpointError(
            f"{source} has checkpoint version {file.version}; versions 3 and 4 are supported",
            hint="Read it once with a pulumi CLI that knows this version, or upgrade pulumi-rewind.",
        )
    unknown = sorted(set(file.features or ()) - KNOWN_FEATURES)
    if unknown:
        raise CheckpointError(
            f"{source} uses features that this release does not support: {', '.join(unknown)}",
            hint="Upgrade pulumi-rewind.",
        )
    if file.checkpoint is None and file.deployment is None:
        raise CheckpointError(f"{source} is JSON, but not a Pulumi checkpoint", hint="Choose another update.")
    deployment = file.deployment or (file.checkpoint.latest if file.checkpoint else None) or Deployment()
    if _too_deep(deployment):
        raise CheckpointError(f"{source} can't be read: {TOO_DEEP}", hint="Choose another update.")
    return Checkpoint(raw, deployment, decrypted=decrypted)


def _too_deep(deployment: Deployment) -> bool:
    """Whether something is nested too deeply for our walks; inputs and outputs are asked when they are decoded."""
    resources = [*(deployment.resources or ()), *(item.resource for item in deployment.pending_operations or ())]
    provider = deployment.secrets_providers
    raws = [raw for res in resources for raw in (res.replacement_trigger, res.stack_trace) if raw is not NULL]
    raws += [deployment.metadata, *([provider.state] if provider is not None else [])]
    return any(too_deep(bytes(raw)) for raw in raws) or value_too_deep([deployment.snippets, deployment.extensions])
