"""What must not get into a record: files whose name or content says that they hold a secret. Pure.

A record is pushed and kept for years, so that a false alarm costs little (the file is named, and can be kept
elsewhere) and a miss costs a credential. Values that the session knows to be secret are looked for as they are.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final
from urllib.parse import quote_from_bytes

_NAMES: Final = (
    *(".env", ".env.*", "*.env", ".envrc", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf"),
    *(".htpasswd", ".git-credentials", ".dockercfg", ".dockerconfigjson", ".vault-token", ".terraformrc", ".boto"),
    *("*.pem", "*.key", "*.p8", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.gpg", "*.tfstate"),
    *("*.tfstate.*", "*.tfvars", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "kubeconfig*", "*.kubeconfig"),
    *("credentials", "credentials.*", "*credentials*.json", "service[-_]account*.json", "secret.*", "secrets.*"),
    *("secret", "secrets", "passphrase*", "*.passphrase", "password*.txt", "token", "token.txt", "*.secret"),
)
_HARMLESS: Final = ("*.example", "*.sample", "*.template", "*.dist", "*.pub")
_FOLDERS: Final = frozenset({".aws", ".azure", ".ssh", ".gnupg", ".kube", ".docker", ".gcloud"})

_CONTENTS: Final = {
    "a private key": rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----|PuTTY-User-Key-File-|AGE-SECRET-KEY-1",
    "an AWS key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "an AWS secret key": (
        rb"(?:aws_secret_access_key|AWS_SECRET_ACCESS_KEY|[sS]ecretAccessKey)\W{1,5}[A-Za-z0-9/+]{40}"
    ),
    "a token": (
        rb"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{40}|\bglpat-[A-Za-z0-9_-]{20}"
        rb"|\bxox[abeprs]-[A-Za-z0-9-]{10}|\bAIza[0-9A-Za-z_-]{35}|\bpul-[0-9a-f]{40}|\bnpm_[A-Za-z0-9]{36}"
        rb"|\bpypi-[A-Za-z0-9_-]{50}|\b[sr]k_live_[A-Za-z0-9]{16}|\bSG\.[\w-]{20,}\.[\w-]{20}|\bhv[sb]\.[\w-]{24}"
        rb"|\bdop_v1_[0-9a-f]{40}|\bya29\.[\w-]{20}"
    ),
    "the key of a service account": rb'"private_key(?:_id)?"\s*:\s*"',
    "a passphrase": rb"PULUMI_(?:CONFIG_PASSPHRASE|ACCESS_TOKEN)\s*[=:]\s*[\"']?[^\s\"'$<{]",
}
_PATTERNS: Final = tuple((what, re.compile(pattern)) for what, pattern in _CONTENTS.items())

SHORTEST: Final = 8
"""Bytes of a known secret; shorter ones stand in too many files by chance, and count where they are a whole value."""

_A_VALUE: Final = 4
"""Bytes of a known secret that counts where a line sets something to it."""


def secret_name(path: str) -> str:
    """Why a file's path says that it holds a secret, empty if it doesn't."""
    *folders, name = path.casefold().split("/")
    if _FOLDERS.intersection(folders):
        return "it is in a directory for credentials"
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in _HARMLESS):
        return ""
    return "its name is typical of a secret" if any(fnmatch.fnmatchcase(name, pattern) for pattern in _NAMES) else ""


def secret_content(content: bytes, known: Iterable[bytes] = ()) -> str:
    """Why a content must not be kept, empty if it may be; `known` are values that are secret."""
    for what, pattern in _PATTERNS:
        if pattern.search(content):
            return f"it holds {what}"
    if any(_stands_in(value, content) for value in known):
        return "it holds a passphrase or token of this session"
    return ""


def _stands_in(value: bytes, content: bytes) -> bool:
    value = value.strip()
    if not value:
        return False
    if len(value) >= SHORTEST:
        return any(form in content for form in _forms(value))
    if content.strip() == value:
        return True
    return len(value) >= _A_VALUE and any(
        _whole(content, at.start(), at.end()) for at in re.finditer(re.escape(value), content)
    )


def _whole(content: bytes, start: int, stop: int) -> bool:
    """Whether a line is a value or sets something to it, also one of a patch, or of a file in an archive."""
    before = content[max(0, start - 8) : start].rstrip(b" \t\"'")
    after = content[stop : stop + 8].lstrip(b" \t\r\"',")
    if before[-1:] in {b"+", b"-"} and before[-2:-1] in {b"\n", b""}:
        before = b""
    return before[-1:] in {b"", b"\n", b"\0", b"=", b":"} and after[:1] in {b"", b"\n", b"\0"}


@lru_cache(maxsize=64)
def _forms(value: bytes) -> tuple[bytes, ...]:
    """A secret as it is, escaped, in hexadecimal, and in base64 wherever in the encoded text it begins."""
    import json

    text = value.decode(errors="surrogateescape")
    found = [value, json.dumps(text)[1:-1].encode(errors="replace"), quote_from_bytes(value).encode()]
    found += [value.hex().encode(), value.hex().upper().encode(), *_base64_forms(value)]
    return tuple(dict.fromkeys(found))


def _base64_forms(value: bytes) -> Iterator[bytes]:
    import base64

    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value)
        # The first and last characters hold bits of the neighbours as well.
        inside = encoded[-(-before * 8 // 6) : (before + len(value)) * 8 // 6]
        yield inside
        yield inside.translate(bytes.maketrans(b"+/", b"-_"))
