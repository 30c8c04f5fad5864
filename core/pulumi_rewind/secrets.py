"""Decrypted checkpoints, in memory only.

A checkpoint is decrypted by the pulumi CLI from a private temporary file backend that holds only that
(encrypted) checkpoint, so that the secrets provider recorded *inside* it is used. Plaintext comes through a
pipe and is never written.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from pulumi_rewind.engine import Engine
from pulumi_rewind.errors import SecretsError, UsageError
from pulumi_rewind.model import Checkpoint, StackRef, decode_checkpoint

CACHED = 8
"""How many decrypted checkpoints are kept; live, a target and their neighbours."""


def read_passphrase(path: Path) -> str:
    """The passphrase that a file holds, without white space around it, as the pulumi CLI reads one.

    Raises:
        UsageError: there is no such file, it isn't text, or it is empty.
    """
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8 text"
        raise UsageError(f"the passphrase file {path} can't be read: {reason}", hint="Check its path.") from None
    if not text:
        raise UsageError(f"the passphrase file {path} is empty", hint="Write the passphrase into it, nothing else.")
    return text


class _Body(msgspec.Struct):
    stack: str
    latest: msgspec.Raw


class _File(msgspec.Struct, omit_defaults=True):
    version: int
    checkpoint: _Body
    features: list[str] | None = None


class Vault:
    """Decrypts checkpoints with the passphrases and keys at hand, and remembers the newest few."""

    def __init__(self, engine: Callable[[], Engine], passphrases: tuple[str, ...] = ()) -> None:
        self._engine = engine
        self._passphrases = passphrases
        self._cache: OrderedDict[str, Checkpoint] = OrderedDict()
        self._opened: dict[bytes, dict[str, str]] = {}
        """Secrets provider → the environment that opened a checkpoint of it."""

    @property
    def has_passphrases(self) -> bool:
        """Whether there are passphrases that the engine doesn't know of by itself."""
        return bool(self._passphrases)

    def add_passphrase(self, passphrase: str) -> None:
        """Offers one more passphrase, kept in memory only; the newest is tried first."""
        self._passphrases = (passphrase, *(known for known in self._passphrases if known != passphrase))

    def decrypt(self, checkpoint: Checkpoint, stack: StackRef) -> Checkpoint:
        """The same checkpoint with secrets in plaintext; as it is if it has none.

        Raises:
            SecretsError: no passphrase or key at hand opens it.
            EngineError: the CLI is missing or failed otherwise.
        """
        if checkpoint.decrypted or not checkpoint.has_secrets:
            return checkpoint
        key = checkpoint.digest
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        decrypted = self._open(checkpoint, stack)
        self._cache[key] = decrypted
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return decrypted

    def _open(self, checkpoint: Checkpoint, stack: StackRef) -> Checkpoint:
        attempts: list[dict[str, str]] = [{}]
        provider = checkpoint.deployment.secrets_providers
        key = b"" if provider is None else bytes(provider.state)
        if provider is not None and provider.type == "passphrase":
            attempts = [{"PULUMI_CONFIG_PASSPHRASE": text} for text in self._passphrases] + [{}]
            if key in self._opened:  # what opened one checkpoint opens the next
                attempts.insert(0, self._opened[key])
        error: SecretsError | None = None
        for env in attempts:
            try:
                opened = self._export(checkpoint, stack, env)
            except SecretsError as err:
                error = error or err
            else:
                self._opened[key] = env
                return opened
        assert error is not None
        raise error

    def environment(self, checkpoint: Checkpoint) -> Mapping[str, str]:
        """What the engine's environment needs in addition for a run on this (live) state.

        Its passphrase, where one that was given here has opened the state; empty where the operator's own serves.
        """
        provider = checkpoint.deployment.secrets_providers
        return {} if provider is None else self._opened.get(bytes(provider.state), {})

    def _export(self, checkpoint: Checkpoint, stack: StackRef, env: dict[str, str]) -> Checkpoint:
        engine = self._engine()
        # A legacy stack has no project; the private backend is project-scoped, so it gets one.
        scoped = StackRef(stack.project or "legacy", stack.name)
        directory = Path(tempfile.mkdtemp(prefix="rewind-"))  # 0700
        try:
            state = directory / ".pulumi" / "stacks" / scoped.project
            state.mkdir(parents=True)
            (directory / ".pulumi" / "meta.yaml").write_text("version: 1\n")
            (state / f"{scoped.name}.json").write_bytes(_as_state_file(checkpoint, scoped))
            raw = engine.call(
                ["stack", "export", "--show-secrets", "-s", scoped.fqn],
                env={"PULUMI_BACKEND_URL": f"file://{directory}", **env},
                cwd=directory,
            )
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        return decode_checkpoint(raw, source="the decrypted checkpoint", decrypted=True)


def _as_state_file(checkpoint: Checkpoint, stack: StackRef) -> bytes:
    """The checkpoint in the shape of a DIY backend's file, whichever of the two shapes it came in."""
    if b'"checkpoint"' in checkpoint.raw[:400]:
        return checkpoint.raw

    class _Export(msgspec.Struct):
        version: int
        deployment: msgspec.Raw
        features: list[str] | None = None

    export = msgspec.json.decode(checkpoint.raw, type=_Export)
    body = _Body(f"organization/{stack.project}/{stack.name}", export.deployment)
    return msgspec.json.encode(_File(export.version, body, export.features))
