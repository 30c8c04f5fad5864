"""What a record holds, as files: ``update.json`` says what it is of and lists all others by their SHA-256. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from pulumi_rewind.backends.diy_history import decode_record
from pulumi_rewind.errors import CheckpointError, RecordError
from pulumi_rewind.records.git import FILE, Blob
from pulumi_rewind.records.parts import (
    ASSETS,
    CHECKPOINT,
    EVIDENCE,
    HISTORY,
    HOOKS,
    NOT_HERE,
    PROGRAM,
    REVISIONS,
    UPDATE,
    backend_digest,
    digest_of,
    update_key,
)
from pulumi_rewind.records.secrets import secret_content
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import PROVIDER_PREFIX, Checkpoint, Update
from pulumi_rewind.state.values import MASK, SECRET, decoded_object
from pulumi_rewind.system.nesting import TOO_DEEP, too_deep

FORMAT: Final = 1
_SECRET: Final = b'"%b"' % SECRET.encode()
_PLAIN: Final = b'"plaintext"'
_EVIDENCE_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,100}")


class LeftOut(msgspec.Struct, frozen=True, order=True):
    """Something that a record would hold, and why it doesn't."""

    path: str
    reason: str


class Program(msgspec.Struct, frozen=True, rename="camel"):
    """Where the program was that an update ran."""

    commit: str = ""
    branch: str = ""
    dirty: bool = False
    directory: str = ""
    """The project's directory from the top of the repository, empty at the top."""
    kept: bool = False
    """Whether the record keeps the commit: it is an ancestor of the record's own."""
    uncommitted: str = ""
    """What became of uncommitted changes: empty (there were none), ``kept``, or why they aren't."""


class Meta(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """``update.json``."""

    format: int = FORMAT
    project: str
    stack: str
    backend: str
    """A digest of the backend's URL."""
    number: int
    key: str
    """Tells the update from all others, see `update_key`."""
    kind: str
    result: str
    start_time: int
    end_time: int
    message: str = ""
    changes: dict[str, int] = {}
    git: dict[str, Any] = {}
    engine: str = ""
    plugins: dict[str, str] = {}
    rewind: str = ""
    checkpoint: str = ""
    """``stored`` with the update, or ``live``: the state that was there when the record was written."""
    config: str = ""
    """Where the configuration file came from: ``file``, ``commit``; empty: there is none."""
    left_out: tuple[LeftOut, ...] = ()
    warnings: tuple[str, ...] = ()
    files: dict[str, str] = {}
    """Path → SHA-256 of every other file of the record."""
    modes: dict[str, str] | None = None
    """Path → mode of those that are not `FILE`; None in records of older releases, where only git's tree tells."""


@dataclass(frozen=True)
class RecordInput:
    """Everything that is known of an update and may be kept."""

    update: Update
    project: str
    stack: str
    backend: str
    """The backend's URL; only a digest of it is kept."""
    checkpoint: bytes = b""
    """As stored, decompressed; empty if there is none."""
    checkpoint_source: str = "stored"
    config: bytes | None = None
    config_source: str = ""
    config_suffix: str = ".yaml"
    program: Program = field(default_factory=Program)
    uncommitted: Mapping[str, Blob] = field(default_factory=dict)
    """The patch and the untracked files, by their paths in the record."""
    assets: Mapping[str, bytes] = field(default_factory=dict)
    """Hash → content."""
    hooks: Mapping[str, bytes] = field(default_factory=dict)
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    revisions: bytes = b""
    """Which revisions of components were applied, see `callbacks.revisions.ledger`."""
    left_out: tuple[LeftOut, ...] = ()
    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    """Values that must stand in no file."""


# Long: a line for each kind of content, in the order in which a record lists them.
def record_files(given: RecordInput, rewind: str) -> tuple[Meta, dict[str, Blob]]:
    """The files of a record and what ``update.json`` says; nothing with a secret in the clear gets in.

    Raises:
        RecordError: a name of evidence is no name of a file.
    """
    update = given.update
    left_out = list(given.left_out)
    files: dict[str, Blob] = {}

    def keep(path: str, blob: Blob) -> None:
        reason = secret_content(blob.content, given.secrets)
        if reason:
            left_out.append(LeftOut(path, reason))
        else:
            files[path] = blob

    checkpoint: Checkpoint | None = None
    warnings: list[str] = []
    if given.checkpoint:
        checkpoint, problem = _opened(given.checkpoint)
        if problem or _has_open_secret(given.checkpoint):
            left_out.append(LeftOut(CHECKPOINT, problem or "its secrets are not encrypted"))
        else:
            files[CHECKPOINT] = Blob(given.checkpoint)
            # It would be worthless with holes; what the state has in the clear, the backend has in the clear.
            if reason := secret_content(given.checkpoint, given.secrets):
                warnings.append(f"{CHECKPOINT}: {reason}, which the program did not mark as secret")
    history, hidden = _without_secrets(update, given.secrets)
    left_out += [LeftOut(f"{HISTORY}: {name}", reason) for name, reason in hidden.items()]
    files[HISTORY] = Blob(encode_update(history))
    branch = history.branch if given.program.branch else ""  # masked where it holds a secret
    files[PROGRAM] = Blob(_pretty(msgspec.structs.replace(given.program, branch=branch)))
    if given.config is not None:
        keep(f"config{given.config_suffix}", Blob(given.config))
    for path, blob in given.uncommitted.items():
        keep(path, blob)
    for digest, content in given.assets.items():
        keep(f"{ASSETS}{digest}", Blob(content))
    for name, content in given.hooks.items():
        keep(f"{HOOKS}{name}", Blob(content))
    if given.revisions:
        keep(REVISIONS, Blob(given.revisions))
    for name, content in given.evidence.items():
        path = f"{EVIDENCE}{evidence_name(name)}"
        if reason := evidence_reason(content, given.secrets):
            left_out.append(LeftOut(path, reason))
        else:
            files[path] = Blob(content)
    meta = Meta(
        project=given.project,
        stack=given.stack,
        backend=backend_digest(given.backend),
        number=update.number,
        key=update_key(update),
        kind=update.kind,
        result=update.result,
        start_time=update.start_time,
        end_time=update.end_time,
        message=history.message,
        changes=update.changes,
        git={"commit": history.commit, "branch": history.branch, "dirty": update.dirty, "author": history.author},
        engine=engine_version(update, checkpoint),
        plugins=plugins(checkpoint),
        rewind=rewind,
        checkpoint=given.checkpoint_source if CHECKPOINT in files else "",
        config=given.config_source if any(path.startswith("config.") for path in files) else "",
        left_out=tuple(sorted(set(left_out))),
        warnings=tuple(warnings),
    )
    return finished(meta, files), files


def finished(meta: Meta, files: dict[str, Blob]) -> Meta:
    """The same with every file's digest and mode; puts ``update.json`` among the files."""
    others = {path: blob for path, blob in sorted(files.items()) if path != UPDATE}
    digests = {path: digest_of(blob.content) for path, blob in others.items()}
    modes = {path: blob.mode for path, blob in others.items() if blob.mode != FILE}
    meta = msgspec.structs.replace(meta, files=digests, modes=modes)
    files[UPDATE] = Blob(_pretty(meta))
    return meta


def evidence_name(name: str) -> str:
    """A name that evidence may have: letters, digits, ``.``, ``_`` and ``-``."""
    if not _EVIDENCE_NAME.fullmatch(name):
        raise RecordError(f"{name!r} is not a name for evidence", hint="Use letters, digits, '.', '_' and '-'.")
    return name


def evidence_reason(content: bytes, secrets: Iterable[bytes]) -> str:
    """Why evidence, which may be a state, must not be kept; empty if it may be."""
    if _has_open_secret(content):
        return "its secrets are not encrypted"
    return secret_content(content, secrets)


def _has_open_secret(content: bytes) -> bool:
    """Whether an object of a JSON text has both the mark of a secret and a plaintext; a pattern would be quadratic."""
    if _SECRET not in content or _PLAIN not in content:
        return False
    return any(_SECRET in part and _PLAIN in part for part in re.split(rb"[{}]", content))


def decode_meta(raw: bytes) -> Meta:
    """Reads ``update.json``.

    Raises:
        RecordError: it is damaged, or of a newer release.
    """
    try:
        meta = msgspec.json.decode(raw, type=Meta)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as err:
        raise RecordError(f"{UPDATE} is damaged: {err}", hint="`pulumi-rewind record --verify` checks all.") from None
    if meta.format > FORMAT:
        raise RecordError(f"the record has format {meta.format}", hint="Upgrade pulumi-rewind.")
    return meta


def encode_update(update: Update) -> bytes:
    """A history record as a DIY backend stores it; Pulumi's own ``version`` there is always 0."""
    return _pretty(
        {
            "kind": update.kind,
            "startTime": update.start_time,
            "message": update.message,
            "environment": update.environment,
            "config": decoded_object(update.config) or {},
            "version": 0,
            "result": update.result,
            "endTime": update.end_time,
            "resourceChanges": update.changes,
        }
    )


def decode_update(raw: bytes, number: int) -> Update:
    """The update of a record's ``history.json``.

    Raises:
        RecordError: it is damaged.
    """
    try:
        found = decode_record(raw, number, f"{HISTORY} of the record of #{number}")
    except CheckpointError as err:
        raise RecordError(str(err)) from None
    if too_deep(bytes(found.config)):
        raise RecordError(f"{HISTORY} of the record of #{number} can't be read: {TOO_DEEP}")
    return found


def engine_version(update: Update, checkpoint: Checkpoint | None) -> str:
    """The engine that ran an update."""
    return update.environment.get("pulumi.version") or (checkpoint.deployment.manifest.version if checkpoint else "")


def plugins(checkpoint: Checkpoint | None) -> dict[str, str]:
    """Provider package → its versions in a checkpoint, as far as they are recorded."""
    found: dict[str, set[str]] = {}
    for res in checkpoint.resources if checkpoint else ():
        if res.is_provider:
            version = res.decoded_inputs().get("version")
            versions = found.setdefault(res.type.removeprefix(PROVIDER_PREFIX), set())
            if isinstance(version, str):
                versions.add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in sorted(found.items())}


# -- inside -----------------------------------------------------------------------------------------------------


def _opened(raw: bytes) -> tuple[Checkpoint | None, str]:
    try:
        checkpoint = decode_checkpoint(raw, source="the checkpoint")
        plugins(checkpoint)
    except CheckpointError as err:
        return None, str(err)
    provider = checkpoint.deployment.secrets_providers
    if provider is not None and provider.type == "b64":
        return checkpoint, "its secrets are encoded, not encrypted"
    return checkpoint, ""


def _without_secrets(update: Update, secrets: Iterable[bytes]) -> tuple[Update, dict[str, str]]:
    """The update with every setting and text masked that holds a secret in the clear, and what those are."""
    secrets = tuple(secrets)
    hidden: dict[str, str] = {}

    def clean(name: str, value: Any) -> Any:
        reason = secret_content(msgspec.json.encode({name: value}), secrets)
        if not reason and isinstance(value, str):  # as lines
            reason = secret_content(value.encode(errors="replace"), secrets)
        if reason:
            hidden[name] = reason
            return MASK
        return value

    config = {key: clean(key, value) for key, value in (decoded_object(update.config) or {}).items()}
    environment = {key: clean(key, value) for key, value in update.environment.items()}
    message = clean("message", update.message)
    return (
        msgspec.structs.replace(
            update, config=msgspec.Raw(msgspec.json.encode(config)), environment=environment, message=message
        ),
        hidden,
    )


def _pretty(value: Any) -> bytes:
    """JSON that diffs line by line."""
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=2) + b"\n"


def unused(number: int, commit: str) -> str:
    """What is to be said of a foreign record that is passed over."""
    return (
        f"the record of #{number} ({commit[:7]}) was {NOT_HERE} and is not used; check it with `pulumi-rewind "
        f"record --verify`, then trust it with `pulumi-rewind record --trust {number}`"
    )


def in_the_way(ref: str) -> str:
    """What can be done where a foreign record has another number for an update, or another update for a number."""
    return (
        f"It was {NOT_HERE}. If the backend's history was pruned, such records define the numbers: check them with "
        "`pulumi-rewind record --verify`, then trust them with `pulumi-rewind record --trust all`. If it "
        f"should not exist, `git update-ref -d {ref}` removes it."
    )
