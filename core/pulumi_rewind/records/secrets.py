"""What must not get into a record: files whose name or content says that they hold a secret. Pure.

A record is pushed and kept for years, so that a false alarm costs little (the file is named, and can be kept
elsewhere) and a miss costs a credential. Values that the session knows to be secret are looked for as they are.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

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
"""Known secrets that are shorter stand in too many files by chance."""


def secret_name(path: str) -> str:
    """Why a file's path says that it holds a secret, empty if it doesn't."""
    *folders, name = path.casefold().split("/")
    if _FOLDERS.intersection(folders):
        return "it lies where credentials are kept"
    if any(fnmatch.fnmatchcase(name, pattern) for pattern in _HARMLESS):
        return ""
    return "its name is one of a secret" if any(fnmatch.fnmatchcase(name, pattern) for pattern in _NAMES) else ""


def secret_content(content: bytes, known: Iterable[bytes] = ()) -> str:
    """Why a content must not be kept, empty if it may be; `known` are values that are secret."""
    for what, pattern in _PATTERNS:
        if pattern.search(content):
            return f"it holds {what}"
    if any(len(value) >= SHORTEST and value in content for value in known):
        return "it holds a passphrase or token of this session"
    return ""
