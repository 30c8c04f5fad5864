"""Pulumi's passphrase secrets provider, without the CLI: a salt, a key, and what the key opens.

Source of the format: observed with the pulumi CLI 3.206 to 3.274. The provider's state is a salt,
``v1:<base64 salt>:<verifier>``, whose verifier is the text ``pulumi``, encrypted; so a passphrase is known to be right
before anything else is opened. A ciphertext is ``v1:<base64 nonce>:<base64 data>``, AES-256 in Galois counter mode; the
key is PBKDF2 with SHA-256 of passphrase and salt.
"""

from __future__ import annotations

import binascii
import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pulumi_rewind.errors import RewindError, SecretsError, UsageError
from pulumi_rewind.system.untrusted import read_given

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE: Final = "PULUMI_CONFIG_PASSPHRASE"
FILE_VARIABLE: Final = "PULUMI_CONFIG_PASSPHRASE_FILE"

ROUNDS: Final = 1_000_000
"""Of the key derivation; about 0.4 s, once a salt and passphrase."""

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16

_VERSION: Final = "v1"
_VERIFIED: Final = b"pulumi"

_deriving = threading.Lock()


@dataclass(frozen=True)
class Passphrase:
    """A passphrase at hand."""

    text: str = field(repr=False)
    source: str
    """Where it comes from, for messages: a variable, a file, the operator."""
    own: bool = False
    """Whether the engine finds it by itself, in the operator's environment."""

    @property
    def environment(self) -> dict[str, str]:
        """What the engine's environment needs in addition to use it."""
        return {} if self.own else {VARIABLE: self.text}


class _State(msgspec.Struct):
    salt: str = ""


def read_passphrase(path: Path) -> str:
    """The passphrase that a file holds, without white space around it, as the pulumi CLI reads one.

    Raises:
        UsageError: there is no such file, it isn't text, or it is empty.
    """
    text = _read(path, UsageError)
    if not text:
        raise UsageError(f"the passphrase file {path} is empty", hint="Write the passphrase into it, nothing else.")
    return text


def own_passphrase(environ: Mapping[str, str], cwd: Path) -> Passphrase | None:
    """The passphrase that the pulumi CLI would use in this environment, None if there is none.

    A variable that is set but empty counts, as it does for the CLI. A relative file starts from `cwd`.

    Raises:
        SecretsError: the file that the environment names can't be read.
    """
    if VARIABLE in environ:
        return Passphrase(environ[VARIABLE], VARIABLE, own=True)
    name = environ.get(FILE_VARIABLE, "")
    return Passphrase(_read(cwd / name, SecretsError), FILE_VARIABLE, own=True) if name else None


def _read(path: Path, error: type[RewindError]) -> str:
    try:
        return read_given(path).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8 text"
        raise error(f"the passphrase file {path} can't be read: {reason}", hint="Check its path.") from None


def salt_of(state: msgspec.Raw) -> str | None:
    """The salt in the state of a passphrase provider; None where it isn't in the form that is known here."""
    try:
        salt = msgspec.json.decode(state, type=_State).salt
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return None
    parts = salt.split(":", 2)
    known = len(parts) == 3 and parts[0] == _VERSION and _decoded(parts[1]) and parts[2].startswith(f"{_VERSION}:")
    return salt if known else None


class Key:
    """Opens what one passphrase has encrypted under one salt, and encrypts under it."""

    def __init__(self, cipher: AESGCM, note: Callable[[bytes], None] = lambda _: None) -> None:
        """`note` receives every plaintext."""
        self._cipher = cipher
        self._note = note

    def noting(self, note: Callable[[bytes], None]) -> Key:
        """The same key that tells of what it opens."""
        return Key(self._cipher, note)

    def open(self, ciphertext: str) -> bytes:
        """The plaintext; of a property it is a JSON document, of a configuration value the text itself.

        Raises:
            SecretsError: the ciphertext is cut off, of an unknown form, altered, or of another key.
        """
        from cryptography.exceptions import InvalidTag

        version, _, rest = ciphertext.partition(":")
        if version != _VERSION:
            raise _unreadable("its form is unknown")
        nonce, data = (_decoded(part) for part in (rest.partition(":")[0], rest.partition(":")[2]))
        if nonce is None or len(nonce) != NONCE_BYTES or data is None or len(data) < TAG_BYTES:
            raise _unreadable("it is damaged or truncated")
        try:
            plaintext = self._cipher.decrypt(nonce, data, None)
        except InvalidTag:
            raise _unreadable("it was altered, or belongs to another stack") from None
        self._note(plaintext)
        return plaintext

    def seal(self, plaintext: bytes) -> str:
        """The ciphertext of it, which `open` and the pulumi CLI open."""
        import base64
        import secrets

        nonce = secrets.token_bytes(NONCE_BYTES)
        data = self._cipher.encrypt(nonce, plaintext, None)
        return f"{_VERSION}:{base64.b64encode(nonce).decode()}:{base64.b64encode(data).decode()}"


def unlock(passphrase: str, salt: str) -> Key | None:
    """The key of a passphrase and a salt (as `salt_of` gives it), None if the passphrase is wrong."""
    with _deriving:  # two threads that want one key wait for it, rather than both deriving it
        return _unlock(passphrase, salt)


@lru_cache(maxsize=64)
def _unlock(passphrase: str, salt: str) -> Key | None:
    import base64

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    _, encoded, verifier = salt.split(":", 2)
    secret = hashlib.pbkdf2_hmac(
        "sha256", passphrase.encode(errors="surrogateescape"), base64.b64decode(encoded), ROUNDS
    )
    key = Key(AESGCM(secret))
    try:
        return key if key.open(verifier) == _VERIFIED else None
    except SecretsError:
        return None


def no_passphrase() -> SecretsError:
    """The error where none is at hand."""
    return SecretsError(
        "no passphrase is set, so secrets can't be decrypted", hint=f"Set {VARIABLE} or {FILE_VARIABLE}."
    )


def wrong_passphrase(tried: int = 1) -> SecretsError:
    """The error where none of those at hand is right."""
    what = "the passphrase is wrong for" if tried == 1 else f"none of the {tried} available passphrases opens"
    return SecretsError(
        f"{what} this checkpoint",
        hint=f"Set {VARIABLE} to the passphrase that was used for that update.",
    )


def _unreadable(reason: str) -> SecretsError:
    return SecretsError(
        f"a secret can't be decrypted: {reason}", hint="Choose another update, or restore the file from a backup."
    )


def _decoded(text: str) -> bytes | None:
    import base64

    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
