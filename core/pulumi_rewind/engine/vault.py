"""Decrypted checkpoints, in memory only.

What a passphrase has encrypted is opened here, secret by secret; what a service has encrypted, by one question to it.
For other secrets providers (KMS, Vault) the pulumi CLI decrypts a checkpoint from a private temporary file backend that
holds only that (encrypted) checkpoint, so that the provider recorded *inside* it is used. Plaintext comes through a
pipe and is never written.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import msgspec

from pulumi_rewind.errors import RewindError, SecretsError
from pulumi_rewind.secrets.known import KnownSecrets
from pulumi_rewind.secrets.passphrase import Key, Passphrase, no_passphrase, salt_of, unlock, wrong_passphrase
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.model import Checkpoint, Resource, SecretsProvider, StackRef
from pulumi_rewind.system.core_dumps import leave_no_core

if TYPE_CHECKING:
    from pulumi_rewind.engine.cli import Engine
    from pulumi_rewind.state.decrypted import Open

CACHED = 8
"""How many decrypted checkpoints are kept; live, a target and their neighbours."""

AskService: TypeAlias = Callable[[SecretsProvider, StackRef, Iterable[str]], Mapping[str, bytes] | None]
"""Ciphertext → plaintext; see `backends.cloud_secrets.ServiceSecrets.open`."""

_PLAINTEXT: Final = b'"plaintext"'


class Vault:
    """Decrypts checkpoints with the passphrases and keys at hand, and remembers the newest few."""

    def __init__(
        self,
        engine: Callable[[], Engine],
        passphrases: Iterable[Passphrase] = (),
        own: Callable[[], Passphrase | None] = lambda: None,
        known: KnownSecrets | None = None,
        check: Callable[[Checkpoint], None] = lambda _: None,
        service: AskService = lambda *_: None,
    ) -> None:
        """`own` reads the passphrase of the operator's environment; `passphrases` are tried before it.

        `known` notes all decrypted secrets. `check` gets a checkpoint before the CLI or a service decrypts it, and
        raises if that is not allowed. `service` opens what a service has encrypted; None: the CLI must.
        """
        self._engine = engine
        self.known = known or KnownSecrets()
        self._passphrases = tuple(passphrases)
        self._own = own
        self._check = check
        self._service = service
        self._cache: OrderedDict[str, Checkpoint] = OrderedDict()
        self._opened: dict[bytes, Passphrase] = {}
        """Secrets provider → the passphrase that opened a checkpoint of it."""

    @property
    def has_passphrases(self) -> bool:
        """Whether there are passphrases that the engine doesn't know of by itself."""
        return bool(self._passphrases)

    def add_passphrase(self, text: str) -> None:
        """Offers one more passphrase, kept in memory only; the newest is tried first."""
        known = (one for one in self._passphrases if one.text != text)
        self._passphrases = (Passphrase(text, "a passphrase that was typed in"), *known)

    def passphrases(self) -> tuple[str, ...]:
        """All passphrases at hand, also the one that the engine finds by itself."""
        try:
            own = self._own()
        except RewindError:  # its file can't be read
            own = None
        return tuple(one.text for one in (*self._passphrases, *((own,) if own is not None else ())))

    def fits(self, text: str, checkpoints: Iterable[Checkpoint]) -> bool:
        """Whether a passphrase opens one of some checkpoints; also where none of them says what would."""
        states = [side.deployment.secrets_providers for side in checkpoints]
        salts = {salt_of(one.state) for one in states if one is not None and one.type == "passphrase"} - {None}
        return not salts or any(unlock(text, salt) is not None for salt in salts if salt)

    def decrypt(self, checkpoint: Checkpoint, stack: StackRef) -> Checkpoint:
        """The same checkpoint with secrets in plaintext; as it is if it has none. Its bytes stay as they were read.

        Raises:
            SecretsError: no passphrase or key at hand opens it, or a secret is damaged.
            EngineError: the CLI is needed, and missing or failed otherwise.
        """
        from pulumi_rewind.state.decrypted import opened_checkpoint

        if checkpoint.decrypted or not checkpoint.has_secrets:
            return checkpoint
        key = checkpoint.digest
        if key in self._cache:
            self._cache.move_to_end(key)
            return self._cache[key]
        open_ = self._opener(checkpoint, stack)
        if open_ is not None:
            decrypted = opened_checkpoint(checkpoint, open_)
            if _PLAINTEXT in checkpoint.raw:  # stored in the clear by somebody: nothing was opened
                self.known.note_checkpoint(decrypted)
        else:
            opened = self._opened_by_cli(self._export(checkpoint, stack))
            decrypted = Checkpoint(checkpoint.raw, opened.deployment, decrypted=True)
        self._cache[key] = decrypted
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return decrypted

    def decrypt_resource(self, checkpoint: Checkpoint, stack: StackRef, res: Resource) -> Resource:
        """One resource of a checkpoint with its secrets in plaintext; the same one if it has none.

        Raises what `decrypt` raises.
        """
        from pulumi_rewind.state.decrypted import is_sealed, opened_resource

        if checkpoint.decrypted or not is_sealed(res):
            return res
        open_ = self._opener(checkpoint, stack)
        return self.decrypt(checkpoint, stack).by_urn[res.urn] if open_ is None else opened_resource(res, open_)

    def decrypt_differing(self, old: Checkpoint, new: Checkpoint, stack: StackRef) -> tuple[Checkpoint, Checkpoint]:
        """Two checkpoints for comparing: what is stored alike on both sides is alike, and stays encrypted.

        Where only the CLI decrypts one of them, all secrets of both are in plaintext. Raises what `decrypt` raises.
        """
        from pulumi_rewind.state.decrypted import opened_checkpoint

        sides = (old, new)
        openers = [None if side.decrypted else self._opener(side, stack) for side in sides if side.has_secrets]
        known = [open_ for open_ in openers if open_ is not None]
        if len(known) < len(openers):
            return self.decrypt(old, stack), self.decrypt(new, stack)
        differing = {urn for urn, res in new.by_urn.items() if old.by_urn.get(urn) != res}
        differing |= old.by_urn.keys() - new.by_urn.keys()
        rest = iter(known)
        one, other = (opened_checkpoint(side, next(rest), differing) if side.has_secrets else side for side in sides)
        return one, other

    def plaintext(self, checkpoint: Checkpoint, stack: StackRef) -> bytes:
        """The bytes of a checkpoint with all secrets in plaintext, for a pipe.

        Raises what `decrypt` raises.
        """
        from pulumi_rewind.state.decrypted import opened_json

        open_ = self._opener(checkpoint, stack)
        if open_ is not None:
            return opened_json(checkpoint.raw, open_)
        exported = self._export(checkpoint, stack)
        self._opened_by_cli(exported)
        return exported

    def _opened_by_cli(self, exported: bytes) -> Checkpoint:
        opened = decode_checkpoint(exported, source="the decrypted checkpoint")
        self.known.note_checkpoint(opened)
        return opened

    def key(self, checkpoint: Checkpoint) -> Key | None:
        """What opens secrets under a checkpoint's secrets provider, also those of configuration; None: the CLI does.

        Raises:
            SecretsError: no passphrase is at hand, none is right, or the file of one can't be read.
        """
        leave_no_core()
        provider = checkpoint.deployment.secrets_providers
        salt = salt_of(provider.state) if provider is not None and provider.type == "passphrase" else None
        if provider is None or salt is None:
            return None
        tried: list[str] = []
        for passphrase in self._at_hand(provider.state):
            key = unlock(passphrase.text, salt)
            if key is not None:
                self._opened[bytes(provider.state)] = passphrase
                return key.noting(self.known.note)
            tried.append(passphrase.text)
        raise wrong_passphrase(len(set(tried))) if tried else no_passphrase()

    def resealer(self, salt: str, checkpoint: Checkpoint) -> Callable[[str], str] | None:
        """Turns a ciphertext under another passphrase salt into one under the checkpoint's own; None if that can't be.

        Raises:
            SecretsError: no passphrase at hand opens the checkpoint.
        """
        state = msgspec.Raw(msgspec.json.encode({"salt": salt}))
        now = self.key(checkpoint)
        if now is None or salt_of(state) is None:
            return None
        then = next((key for one in self._at_hand(state) if (key := unlock(one.text, salt)) is not None), None)
        if then is None:
            return None
        then = then.noting(self.known.note)
        return lambda ciphertext: now.seal(then.open(ciphertext))

    def _at_hand(self, state: msgspec.Raw) -> Iterator[Passphrase]:
        """All passphrases, in the order in which they are tried; what opened one checkpoint opens the next."""
        if (known := self._opened.get(bytes(state))) is not None:
            yield known
        yield from self._passphrases
        if (own := self._own()) is not None:
            yield own

    def opened_texts(self, checkpoint: Checkpoint, stack: StackRef, sealed: Sequence[str]) -> list[bytes]:
        """The plaintexts of other ciphertexts of a checkpoint's secrets provider; none where only the CLI opens them.

        Raises what `decrypt` raises.
        """
        open_ = self._opener(checkpoint, stack, sealed) if sealed else None
        return [] if open_ is None else [open_(text) for text in sealed]

    def _opener(self, checkpoint: Checkpoint, stack: StackRef, more: Iterable[str] = ()) -> Open | None:
        """What opens the secrets of a checkpoint, and `more` of its provider; None: the CLI does."""
        from pulumi_rewind.state.decrypted import sealed_texts

        key = self.key(checkpoint)
        if key is not None:
            return key.open
        provider = checkpoint.deployment.secrets_providers
        if provider is None or provider.type != "service":
            return None
        self._check(checkpoint)
        opened = self._service(provider, stack, (*sealed_texts(checkpoint.raw), *more))
        if opened is None:
            return None

        def open_(ciphertext: str) -> bytes:
            if ciphertext not in opened:
                raise SecretsError("the service does not open a secret", hint="The checkpoint may be damaged.")
            self.known.note(opened[ciphertext])
            return opened[ciphertext]

        return open_

    def attempts(self, checkpoint: Checkpoint) -> list[dict[str, str]]:
        """The environments that the CLI is to try in turn on what the checkpoint's secrets provider has encrypted.

        Raises:
            UntrustedTarget: another key service than live's would be asked, and nobody has agreed to it.
        """
        self._check(checkpoint)
        provider = checkpoint.deployment.secrets_providers
        if provider is None or provider.type != "passphrase":
            return [{}]
        found = [one.environment for one in self._at_hand(provider.state)]
        return found if {} in found else [*found, {}]

    def opened_by(self, checkpoint: Checkpoint) -> str:
        """Where the passphrase comes from that has opened the checkpoint; empty if none has."""
        passphrase = self._opener_of(checkpoint)
        return "" if passphrase is None else passphrase.source

    def environment(self, checkpoint: Checkpoint) -> Mapping[str, str]:
        """What the engine's environment needs in addition for a run on this (live) state.

        Its passphrase, where one that was given here has opened the state; empty where the operator's own serves.
        """
        passphrase = self._opener_of(checkpoint)
        return {} if passphrase is None else passphrase.environment

    def _opener_of(self, checkpoint: Checkpoint) -> Passphrase | None:
        provider = checkpoint.deployment.secrets_providers
        return None if provider is None else self._opened.get(bytes(provider.state))

    def _export(self, checkpoint: Checkpoint, stack: StackRef) -> bytes:
        """What the CLI exports of a checkpoint with its secrets in plaintext."""
        error: SecretsError | None = None
        for env in self.attempts(checkpoint):
            try:
                return self._exported(checkpoint, stack, env)
            except SecretsError as err:
                error = error or err
        assert error is not None
        raise error

    def _exported(self, checkpoint: Checkpoint, stack: StackRef, env: dict[str, str]) -> bytes:
        from pulumi_rewind.engine.private_backend import environment, private_backend, scoped

        stack = scoped(stack)
        with private_backend({stack: checkpoint}) as directory:
            return self._engine().call(
                ["stack", "export", "--show-secrets", "-s", stack.fqn],
                env={**environment(directory, self._engine().workspace), **env},
                cwd=directory,
            )
