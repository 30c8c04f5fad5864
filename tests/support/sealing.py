"""Encrypts as Pulumi's passphrase provider does; written for tests, apart from what the product opens with."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pulumi_rewind.values import SECRET, SIG


@functools.cache
def _derived(passphrase: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 1_000_000)


class Sealer:
    """One passphrase and salt; ``state`` is what a checkpoint says of them."""

    def __init__(self, passphrase: str, salt: bytes = b"8 bytes.") -> None:
        self._sealed = 0
        self._cipher = AESGCM(_derived(passphrase, salt))
        self.salt = f"v1:{base64.b64encode(salt).decode()}:{self.text(b'pulumi')}"
        self.provider: dict[str, Any] = {"type": "passphrase", "state": {"salt": self.salt}}

    def text(self, plaintext: bytes) -> str:
        """The ciphertext of some bytes."""
        self._sealed += 1  # not drawn by chance: test ids must be the same in each worker
        nonce = self._sealed.to_bytes(12, "big")
        data = self._cipher.encrypt(nonce, plaintext, None)
        return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(data).decode()}"

    def secret(self, value: Any) -> dict[str, Any]:
        """A secret as a checkpoint stores it."""
        return {SIG: SECRET, "ciphertext": self.text(json.dumps(value).encode())}
