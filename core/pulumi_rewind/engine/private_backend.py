"""A file backend of our own for one engine call: a preview or a decryption that must not touch the stack's backend."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from pulumi_rewind.project.workspace import Workspace
from pulumi_rewind.state.formats import state_file
from pulumi_rewind.state.model import Checkpoint, StackRef
from pulumi_rewind.system.private_directory import private_directory

WITHOUT_PROJECT = "legacy"
"""The project of a stack of the legacy layout here, where every stack has one."""


def scoped(stack: StackRef, project: str = "") -> StackRef:
    """The stack as it is called here, where there are no organizations; `project` is that of a legacy stack."""
    return StackRef(stack.project or project or WITHOUT_PROJECT, stack.name)


@contextlib.contextmanager
def private_backend(states: Mapping[StackRef, Checkpoint]) -> Iterator[Path]:
    """The directory of a backend that holds these states, secrets as they are stored; removed at the end."""
    with private_directory() as directory:
        stacks = directory / ".pulumi" / "stacks"
        stacks.mkdir(parents=True)
        (directory / ".pulumi" / "meta.yaml").write_text("version: 1\n")
        for stack, checkpoint in states.items():
            place = stacks / stack.project
            place.mkdir(exist_ok=True)
            (place / f"{stack.name}.json").write_bytes(state_file(checkpoint, stack))
        yield directory


def environment(backend: Path, workspace: Workspace) -> dict[str, str]:
    """What makes the engine use it.

    To open what a service has encrypted, the CLI takes its token from a login alone, not from PULUMI_ACCESS_TOKEN: such
    a login is made here, for the workspace's own service and no other. Seen with the CLI 3.259 and 3.276.
    """
    found = {"PULUMI_BACKEND_URL": backend.as_uri()}
    url = workspace.backend_url.rstrip("/")
    if not url.startswith(("https://", "http://")):
        return found
    from pulumi_rewind.backends.cloud_login import TOKEN, login_to

    if workspace.environ.get(TOKEN):
        own = login_to(url, workspace.environ)
        login = backend / "login"
        login.mkdir(mode=0o700, exist_ok=True)
        place = login / "credentials.json"
        place.touch(mode=0o600)
        account = {"accessToken": own.token, "insecure": own.insecure}
        place.write_bytes(msgspec.json.encode({"accounts": {url: account}}))
        found["PULUMI_CREDENTIALS_PATH"] = str(login)
    return found
