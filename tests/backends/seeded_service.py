"""Stacks put into our own service directly, without the engine."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.cloud import CloudBackend
from pulumi_rewind.errors import BackendError
from pulumi_rewind.state.model import StackRef
from pulumi_rewind.state.values import SECRET, SIG
from tests.servers.cloud.service import TOKEN, Service
from tests.servers.cloud.stacks import Stack

DEV = StackRef("shop", "dev", "acme")


def add(service: Service, ref: StackRef = DEV, updates: int = 3) -> Stack:
    """A stack with some updates of nothing."""
    stack = Stack((ref.organization, ref.project, ref.name))
    stack.seed(updates)
    service.stacks[stack.name] = stack
    return stack


def opened(url: str, **environ: str) -> CloudBackend:
    """The backend, with a token that is accepted."""
    backend = open_backend(url, {"PULUMI_ACCESS_TOKEN": TOKEN, **environ})
    assert isinstance(backend, CloudBackend)
    return backend


def refused(url: str, **environ: str) -> BackendError:
    """What is said where a stack can't be looked for."""
    with pytest.raises(BackendError) as raised:
        opened(url, **environ).find("acme/shop/dev", "shop")
    assert raised.value.hint
    return raised.value


def with_secrets(url: str, stack: Stack, **secrets: str) -> None:
    """Adds a version whose secrets the service has encrypted; a resource for each."""
    organization, project, name = stack.name

    def sealed(text: str) -> dict[str, str]:
        plain = base64.b64encode(json.dumps(text).encode()).decode()
        return {SIG: SECRET, "ciphertext": stack.sealed(plain)}

    resources = [
        {"urn": f"urn:pulumi:{name}::{project}::t:i:T::{key}", "type": "t:i:T", "custom": True, "id": key,
         "inputs": {"password": sealed(text)}, "outputs": {"password": sealed(text)}}
        for key, text in secrets.items()
    ]  # fmt: skip
    provider = {"type": "service", "state": {"url": url, "owner": organization, "project": project, "stack": name}}
    stack.imported(
        {"version": 3, "deployment": {"manifest": {}, "secrets_providers": provider, "resources": resources}}
    )


def write_login(folder: Path, document: object) -> Path:
    """A file as `pulumi login` leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "credentials.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path
