"""``azblob://`` backends: Azure Blob Storage, with the account and the credentials that the pulumi CLI would use.

Source of the options and their order: gocloud.dev 0.46; see docs/backends.md. Keys, shared access signatures and
connection strings need nothing beside obstore; a login is azure-identity's, an extra.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.objects import RETRY, ObjectStorage, client_options
from pulumi_rewind.backends.store_errors import not_installed
from pulumi_rewind.backends.store_url import TRUE, StoreUrl, checked_endpoint, own_environment, parse_store_url, quiet
from pulumi_rewind.errors import BackendError

OPTIONS: Final = frozenset({"cdn", "domain", "localemu", "protocol", "storage_account"})

DOMAIN: Final = "blob.core.windows.net"

_IN: Final = "{} in the environment"

CONNECTIONS: Final = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGEBLOB_CONNECTIONSTRING")


@dataclass(frozen=True)
class Where:
    """Account, address and credentials, as the URL and the environment have them."""

    account: str
    endpoint: str
    credential: Mapping[str, str] | None
    """As obstore takes it; None where a login is asked."""
    source: str
    """Where the credentials come from, for people."""


def open_azure(url: str, environ: Mapping[str, str]) -> DiyBackend:
    """The backend behind an ``azblob://`` URL.

    Raises:
        BackendError: the URL can't be understood, no account is named, or what the login needs is not installed.
    """
    from obstore.store import AzureStore

    parsed = parse_store_url(url, OPTIONS, "container")
    where = where_of(parsed, environ)
    provider = _azure_identity(parsed, environ) if where.credential is None else _static(where.credential)
    store = AzureStore(
        parsed.place,
        prefix=parsed.prefix or None,
        # What the environment has under obstore's own names must not count.
        config={
            "account_name": where.account,
            "endpoint": where.endpoint,
            "skip_signature": False,
            "use_emulator": False,
        },
        credential_provider=provider,
        client_options=client_options(checked_endpoint(parsed, where.endpoint), environ),
        retry_config=RETRY,
    )
    return DiyBackend(url, ObjectStorage(store, parsed, where.source))


def where_of(url: StoreUrl, environ: Mapping[str, str]) -> Where:
    """What is known without asking anybody. Pure.

    Raises:
        BackendError: neither the URL nor the environment names an account, or the connection string has no key.
    """
    variable = next((name for name in CONNECTIONS if environ.get(name)), "")
    parts = dict(part.split("=", 1) for part in environ.get(variable, "").split(";") if "=" in part)
    named = environ.get("AZURE_STORAGE_ACCOUNT", "")
    account = url.options.get("storage_account") or named or parts.get("AccountName", "")
    key, sas = environ.get("AZURE_STORAGE_KEY"), environ.get("AZURE_STORAGE_SAS_TOKEN")
    if parts and not sas and not (named and key):
        return _connected(url, variable, parts)
    if not account:
        raise BackendError(
            f"{url.shown} names no storage account",
            hint="Add `storage_account=NAME` to the URL's query, or set AZURE_STORAGE_ACCOUNT.",
        )
    endpoint = _endpoint(url, environ, account, parts.get("DefaultEndpointsProtocol", ""))
    if named and key:  # without the variable of the account the CLI passes over the key
        return Where(account, endpoint, _credential(url, "AZURE_STORAGE_KEY", key, ""), _IN.format("AZURE_STORAGE_KEY"))
    if sas:
        name = "AZURE_STORAGE_SAS_TOKEN"
        return Where(account, endpoint, _credential(url, name, "", sas), _IN.format(name))
    return Where(account, endpoint, None, "the Azure credential chain")


def _connected(url: StoreUrl, variable: str, parts: Mapping[str, str]) -> Where:
    """A connection string says everything itself, whatever the URL says."""
    account = parts.get("AccountName", "")
    protocol, suffix = parts.get("DefaultEndpointsProtocol", "https"), parts.get("EndpointSuffix", "core.windows.net")
    endpoint = parts.get("BlobEndpoint") or (f"{protocol}://{account}.blob.{suffix}" if account else "")
    key, sas = parts.get("AccountKey", ""), parts.get("SharedAccessSignature", "")
    if not endpoint or not (key or sas):
        raise BackendError(
            f"{url.shown}: {variable} has no {'account' if not endpoint else 'key'}",
            hint="It is written `AccountName=NAME;AccountKey=KEY`, or with BlobEndpoint and SharedAccessSignature.",
        )
    if not account:  # of a signature; obstore wants a name all the same
        account = endpoint.partition("://")[2].partition(".")[0]
    return Where(account, endpoint.rstrip("/"), _credential(url, variable, key, sas), _IN.format(variable))


def _credential(url: StoreUrl, variable: str, key: str, sas: str) -> dict[str, str]:
    """A key if there is one, else a signature; obstore takes no others than well-formed ones."""
    try:
        if key and base64.b64decode(key, validate=True):
            return {"access_key": key}
    except ValueError:
        pass
    if not key and "sig=" in sas and sas.isprintable() and " " not in sas:
        return {"sas_token": sas.lstrip("?")}
    what = "a key, which is written in base64" if key else "a shared access signature: `sv=…&sig=…`"
    raise BackendError(
        f"{url.shown}: {variable} holds no {what.partition(' ')[2]}", hint="Copy it again from the portal."
    )


def _endpoint(url: StoreUrl, environ: Mapping[str, str], account: str, protocol: str) -> str:
    def option(name: str, variable: str) -> str:
        return url.options.get(name) or environ.get(variable, "")

    protocol = option("protocol", "AZURE_STORAGE_PROTOCOL") or protocol or "https"
    if protocol not in {"http", "https"}:
        raise BackendError(f"{url.shown}: {protocol!r} is no protocol", hint="Write protocol=https or protocol=http.")
    domain = option("domain", "AZURE_STORAGE_DOMAIN") or DOMAIN
    url.flag("localemu", "cdn")  # which refuses what is neither true nor false
    local = option("localemu", "AZURE_STORAGE_IS_LOCAL_EMULATOR").lower() in TRUE
    if local or domain.startswith(("127.0.0.1", "localhost")):
        return f"{protocol}://{domain}/{account}"
    if option("cdn", "AZURE_STORAGE_IS_CDN").lower() in TRUE:
        return f"{protocol}://{domain}"
    return f"{protocol}://{account}.{domain}"


def _static(credential: Mapping[str, str]) -> Any:
    return lambda: {**credential, "expires_at": None}


def _azure_identity(url: StoreUrl, environ: Mapping[str, str]) -> Any:
    try:
        from obstore.auth.azure import AzureCredentialProvider
    except ImportError:
        otherwise = ", or set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY"
        raise not_installed(url.shown, "an Azure login", "azure-identity", "azure", otherwise) from None
    own_environment(url, environ, ("AZURE_", "IDENTITY_", "MSI_"), "azure-identity")
    quiet("azure")
    return AzureCredentialProvider()
