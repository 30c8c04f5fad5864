"""Encrypts and decrypts as Pulumi's passphrase provider does; apart from what the product opens with."""

from __future__ import annotations

import base64
import functools
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pulumi_rewind.state.values import SECRET, SIG


@functools.cache
def _derived(passphrase: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, 1_000_000)


def unsealed(document: Any, passphrase: str) -> Any:
    """An exported deployment or a state file with its secrets in plaintext, as ``--show-secrets`` prints them."""
    provider = (document.get("deployment") or {}).get("secrets_providers") or {}
    cipher = AESGCM(_derived(passphrase, base64.b64decode(provider["state"]["salt"].split(":")[1])))

    def opened(value: Any) -> Any:
        if isinstance(value, list):
            return [opened(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get(SIG) == SECRET and "ciphertext" in value:
            _, nonce, data = value["ciphertext"].split(":")
            plain = json.loads(cipher.decrypt(base64.b64decode(nonce), base64.b64decode(data), None))
            return {SIG: SECRET, "plaintext": json.dumps(within(plain))}
        return {key: opened(item) for key, item in value.items()}

    def within(value: Any) -> Any:
        """What lies within a secret has its plaintext where a ciphertext would be."""
        if isinstance(value, list):
            return [within(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get(SIG) == SECRET:
            return {SIG: SECRET, "plaintext": json.dumps(within(json.loads(value["ciphertext"])))}
        return {key: within(item) for key, item in value.items()}

    return opened(document)


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
