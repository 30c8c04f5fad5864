"""The secrets that a program is going to send, so that what a provider answers to them can be shown.

The engine's plan of a preview holds the inputs of every resource, secret ones encrypted as the state will have them. No
state knows them before the update, and none at all if it fails.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.errors import RewindError
from pulumi_rewind.project.stack_configuration import config_document
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import ROOT_STACK_TYPE, Checkpoint
from pulumi_rewind.state.values import SECRET, SIG, is_secret, walk

if TYPE_CHECKING:
    from pulumi_rewind.session import Session


def note_planned(session: Session, live: Checkpoint, plan: Path) -> None:
    """Lets the session know the secrets in a plan of the engine; what can't be opened stays unknown."""
    with contextlib.suppress(RewindError, OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        sealed = list(_sealed(plan.read_bytes()))
        if sealed:
            session.vault.decrypt(_holding(session, live, sealed), session.stack)


def _sealed(plan: bytes) -> Iterator[str]:
    for value in walk(msgspec.json.decode(plan)):
        if is_secret(value) and isinstance(value.get("ciphertext"), str):
            yield value["ciphertext"]


def _holding(session: Session, live: Checkpoint, sealed: list[str]) -> Checkpoint:
    """A state of the stack that holds nothing but these secrets, under the provider that encrypted them."""
    providers = live.deployment.secrets_providers
    if providers is None:  # nothing is deployed yet
        salt = config_document(session.workspace.config_file(session.stack.name)).get("encryptionsalt")
        provider: object = {"type": "passphrase", "state": {"salt": salt}}
    else:
        provider = {"type": providers.type, "state": providers.state}
    name, project = session.stack.name, session.workspace.project
    urn = f"urn:pulumi:{name}::{project}::{ROOT_STACK_TYPE}::{project}-{name}"
    held = {str(number): {SIG: SECRET, "ciphertext": text} for number, text in enumerate(dict.fromkeys(sealed))}
    stack = {"urn": urn, "type": ROOT_STACK_TYPE, "custom": False, "outputs": held}
    deployment = {"manifest": {}, "secrets_providers": provider, "resources": [stack]}
    state = {"version": 3, "checkpoint": {"stack": session.stack.fqn, "latest": deployment}}
    return decode_checkpoint(msgspec.json.encode(state), source="the engine's plan")
