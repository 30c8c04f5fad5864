"""The words of the project as frozen structs: stack, update, checkpoint, resource, URN.

Decoding is lazy where it pays: a resource's inputs and outputs stay raw JSON bytes (`msgspec.Raw`) until someone looks
inside. Source of the shapes: Pulumi checkpoint v3 (``sdk/go/common/apitype``; facts only).
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Literal, NamedTuple

import msgspec

from pulumi_rewind.state.values import Json, damaged_value, decoded

ROOT_STACK_TYPE = "pulumi:pulumi:Stack"
PROVIDER_PREFIX = "pulumi:providers:"
REPLAY_AGENT = "pulumi-rewind/replay"
"""What a replay tells the engine of itself; the history keeps it. What follows a ``;`` is for `history.update_mark`."""

PROPERTIES = "the properties of a resource"
"""What a message calls inputs and outputs that can't be read."""

EMPTY = msgspec.Raw(b"{}")

NULL = msgspec.Raw(b"null")


class Urn(NamedTuple):
    """A URN taken apart; names may contain ``::``, ``/`` and ``$``."""

    stack: str
    project: str
    qualified_type: str
    """Types from the outermost parent inward, joined by ``$``."""
    name: str

    @property
    def type(self) -> str:
        """The resource's own type."""
        return self.qualified_type.rsplit("$", 1)[-1]

    def __str__(self) -> str:
        return f"urn:pulumi:{self.stack}::{self.project}::{self.qualified_type}::{self.name}"


def parse_urn(urn: str) -> Urn:
    """Takes a URN apart; anything that isn't one becomes the name of an untyped URN."""
    parts = urn.removeprefix("urn:pulumi:").split("::", 3)
    if len(parts) != 4:
        return Urn("", "", "", urn)
    return Urn(*parts)


def urn_name(urn: str) -> str:
    """The last part of a URN, for showing."""
    return parse_urn(urn).name


class StackRef(msgspec.Struct, frozen=True, order=True):
    """A stack as a backend stores it."""

    project: str
    """Empty in the legacy (not project-scoped) layout."""
    name: str
    organization: str = ""
    """Of Pulumi Cloud; empty on DIY backends, which have none."""

    @property
    def fqn(self) -> str:
        """The full name, as the pulumi CLI takes it."""
        return f"{self.organization or 'organization'}/{self.project}/{self.name}" if self.project else self.name

    def __str__(self) -> str:
        return "/".join(filter(None, (self.organization, self.project, self.name)))

    @property
    def word(self) -> str:
        """What a command in the stack's project takes for it: its name, on Pulumi Cloud the full one."""
        return str(self) if self.organization else self.name


class CustomTimeouts(msgspec.Struct, frozen=True):
    """Timeouts in seconds; 0 means the provider's default."""

    create: float = 0
    update: float = 0
    delete: float = 0
    read: float = 0


class Resource(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One resource of a checkpoint (ResourceV3), every field that Pulumi 3.276 writes."""

    urn: str
    type: str
    custom: bool = False
    delete: bool = False
    id: str = ""
    inputs: msgspec.Raw = EMPTY
    outputs: msgspec.Raw = EMPTY
    parent: str = ""
    protect: bool = False
    taint: bool = False
    external: bool = False
    dependencies: tuple[str, ...] | None = None
    init_errors: tuple[str, ...] | None = None
    provider: str = ""
    """``<provider URN>::<provider id>``, empty for components and providers."""
    property_dependencies: dict[str, tuple[str, ...] | None] | None = None
    pending_replacement: bool = False
    additional_secret_outputs: tuple[str, ...] | None = None
    aliases: tuple[str, ...] | None = None
    custom_timeouts: CustomTimeouts | None = None
    import_id: str = msgspec.field(name="importID", default="")
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: tuple[str, ...] | None = None
    created: str | None = None
    modified: str | None = None
    source_position: str = ""
    stack_trace: msgspec.Raw = NULL
    ignore_changes: tuple[str, ...] | None = None
    hide_diff: tuple[str, ...] | None = None
    replace_on_changes: tuple[str, ...] | None = None
    replacement_trigger: msgspec.Raw = NULL
    refresh_before_update: bool = False
    view_of: str = ""
    resource_hooks: dict[str, tuple[str, ...] | None] | None = None
    extension_ref: str = ""
    snippet_id: str = msgspec.field(name="snippetID", default="")

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return urn_name(self.urn)

    @property
    def is_provider(self) -> bool:
        """Whether this is a provider, default or explicit."""
        return self.type.startswith(PROVIDER_PREFIX)

    @property
    def is_default_provider(self) -> bool:
        """Whether the engine made this provider by itself."""
        return self.is_provider and not self.parent and self.name.startswith("default")

    @property
    def is_stack(self) -> bool:
        """Whether this is the root resource that carries the stack's outputs."""
        return self.type == ROOT_STACK_TYPE

    @property
    def is_component(self) -> bool:
        """Whether this groups other resources and exists in the state alone."""
        return not self.custom and not self.is_stack

    @property
    def provider_urn(self) -> str:
        """The URN part of `provider`."""
        return self.provider.rsplit("::", 1)[0] if self.provider else ""

    @property
    def uses(self) -> tuple[str, ...]:
        """The URNs of everything that it depends on, as a whole or for one property."""
        listed = (self.dependencies, *(self.property_dependencies or {}).values())
        return tuple(dict.fromkeys(urn for urns in listed for urn in urns or ()))

    def decoded_inputs(self) -> dict[str, Json]:
        """The inputs as JSON, signatures in place.

        Raises:
            CheckpointError: they are damaged.
        """
        return _properties(self.inputs)

    def decoded_outputs(self) -> dict[str, Json]:
        """The outputs as JSON, signatures in place.

        Raises:
            CheckpointError: they are damaged.
        """
        return _properties(self.outputs)


def _properties(raw: msgspec.Raw) -> dict[str, Json]:
    found = decoded(raw, PROPERTIES) or {}
    if not isinstance(found, dict):
        raise damaged_value(PROPERTIES)
    return found


class PendingOperation(msgspec.Struct, frozen=True):
    """An operation that a killed update left open."""

    resource: Resource
    type: str
    """creating, updating, deleting or reading."""


class SecretsProvider(msgspec.Struct, frozen=True):
    """How the secrets of a checkpoint are encrypted."""

    type: str = ""
    state: msgspec.Raw = EMPTY


class Manifest(msgspec.Struct, frozen=True):
    """When and by which engine a checkpoint was written."""

    time: str = ""
    version: str = ""


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What a checkpoint says about the stack's resources."""

    manifest: Manifest = Manifest()
    secrets_providers: SecretsProvider | None = None
    resources: tuple[Resource, ...] | None = None
    pending_operations: tuple[PendingOperation, ...] | None = None
    metadata: msgspec.Raw = EMPTY
    snippets: tuple[dict[str, Any], ...] | None = None
    extensions: dict[str, dict[str, Any]] | None = None


class Checkpoint:
    """A stack's state at one moment, with the bytes it was read from.

    Two shapes are read: the file of a DIY backend (``checkpoint.latest``) and what
    ``pulumi stack export`` prints (``deployment``).
    """

    def __init__(self, raw: bytes, deployment: Deployment, *, decrypted: bool = False) -> None:
        self.raw = raw
        """The (decompressed) bytes as read."""
        self.deployment = deployment
        self.decrypted = decrypted
        """Whether secrets carry ``plaintext``."""

    @cached_property
    def resources(self) -> tuple[Resource, ...]:
        """All resources in the order of the checkpoint: a dependency precedes its users."""
        return self.deployment.resources or ()

    @cached_property
    def by_urn(self) -> dict[str, Resource]:
        """The current resources by URN; copies that wait for deletion are left out."""
        return {res.urn: res for res in self.resources if not res.delete}

    @property
    def pending_operations(self) -> tuple[PendingOperation, ...]:
        """What a killed update left open."""
        return self.deployment.pending_operations or ()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes as stored; equal digests are equal states."""
        return hashlib.sha256(self.raw).hexdigest()

    @cached_property
    def has_secrets(self) -> bool:
        """Whether any property is encrypted."""
        return b"1b47061264138c4ac30d75fd1eb44270" in self.raw


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a stack's history, numbered from 1 (oldest)."""

    number: int
    kind: str
    """update, refresh, destroy, resource-import, rename …, as recorded."""
    result: str
    """succeeded or failed, as recorded; ``unreadable`` where the record is damaged."""
    start_time: int = 0
    """Unix seconds."""
    end_time: int = 0
    message: str = ""
    environment: dict[str, str] = {}
    config: msgspec.Raw = EMPTY
    changes: dict[str, int] = {}
    """Steps by operation: create, update, delete, same, replace …"""
    has_checkpoint: bool = True
    problem: str = ""
    """Why the record or its checkpoint can't be used, empty if it can."""
    from_record: Literal["", "update", "checkpoint"] = ""
    """What the backend has lost and a record in git still has: the whole update, or its checkpoint."""
    place: int = 0
    """The backend's own number of it, where records count otherwise (a stack that was moved there); 0: `number`."""
    requested_by: str = ""
    """Whose login began the update, where the backend is a service that says so."""
    commit_url: str = ""
    """The page of the deployed commit, where the service has looked it up."""

    @property
    def commit(self) -> str:
        """The git commit that was checked out, empty if unknown."""
        return self.environment.get("git.head", "")

    @property
    def branch(self) -> str:
        """The git branch without ``refs/heads/``, empty on a detached HEAD."""
        return self.environment.get("git.headName", "").removeprefix("refs/heads/")

    @property
    def dirty(self) -> bool:
        """Whether the working tree had uncommitted changes."""
        return self.environment.get("git.dirty") == "true"

    @property
    def author(self) -> str:
        """Who wrote the commit."""
        return self.environment.get("git.author", "")

    @property
    def succeeded(self) -> bool:
        """Whether the engine called it a success."""
        return self.result == "succeeded"

    @property
    def is_rollback(self) -> bool:
        """Whether this update was one of our replays, by its recorded agent; any message can look like ours."""
        return self.environment.get("exec.agent", "").split(";")[0] == REPLAY_AGENT
