"""What of the environment opens backends and clouds, and must be seen nowhere. Passphrases are not of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import unquote

import msgspec

VARIABLES: Final = (
    "PULUMI_ACCESS_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "IDENTITY_HEADER",
    "MSI_SECRET",
    "AZURE_STORAGE_KEY",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
    "GOOGLE_OAUTH_ACCESS_TOKEN",
    "PGPASSWORD",
)
"""Those that are a secret as a whole."""

SIGNATURES: Final = ("AZURE_STORAGE_SAS_TOKEN",)
CONNECTIONS: Final = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING")
DOCUMENTS: Final = ("GOOGLE_CREDENTIALS",)
"""JSON whose parts are secrets."""

FILES: Final = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "PGPASSFILE",
)
"""Those that name a file which holds one."""

_TELLING: Final = ("private_key", "refresh_token", "client_secret", "subject_token")


def secrets_of_environment(environ: Mapping[str, str]) -> Iterator[str]:
    """Each secret, and each part of a longer one that is a secret by itself."""
    yield from filter(None, (environ.get(name) for name in VARIABLES))
    for name in SIGNATURES:
        yield from _signature(environ.get(name, ""))
    for name in CONNECTIONS:
        if text := environ.get(name):
            yield text
            parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
            yield from filter(None, (parts.get("AccountKey"),))
            yield from _signature(parts.get("SharedAccessSignature", ""))
    for name in DOCUMENTS:
        if text := environ.get(name):
            yield text
            yield from _within(text)


def _signature(token: str) -> Iterator[str]:
    """A shared access signature, and the part that makes it valid: the rest of it is no secret."""
    if token:
        yield token.lstrip("?")
        for part in token.lstrip("?").split("&"):
            if part.startswith("sig="):
                yield from dict.fromkeys((part[4:], unquote(part[4:])))


def _within(text: str) -> Iterator[str]:
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return
    if isinstance(document, dict):
        yield from (value for name in _TELLING if isinstance(value := document.get(name), str) and value)
