"""``azblob://`` backends: Azure Blob Storage, with the account and the credentials that the pulumi CLI would use.

Source of the options and their order: gocloud.dev 0.46; see docs/backends.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.objects import RETRY, ObjectStorage, client_options
from pulumi_rewind.backends.store_url import TRUE, StoreUrl, parse_store_url
from pulumi_rewind.errors import BackendError

OPTIONS: Final = frozenset({"cdn", "domain", "localemu", "protocol", "storage_account"})

DOMAIN: Final = "blob.core.windows.net"


def open_azure(url: str, environ: Mapping[str, str]) -> DiyBackend:
    """The backend behind an ``azblob://`` URL.

    Raises:
        BackendError: the URL can't be understood, no account is named, or what the login needs is not installed.
    """
    from obstore.store import AzureStore

    parsed = parse_store_url(url, OPTIONS, "container")
    config, source = config_of(parsed, environ)
    provider = None if source else _azure_identity(parsed)
    store = AzureStore(
        parsed.place,
        prefix=parsed.prefix or None,
        config=config,  # type: ignore[arg-type]  # a plain dict of its keys
        credential_provider=provider,
        client_options=client_options(allow_http=str(config["endpoint"]).startswith("http://")),
        retry_config=RETRY,
    )
    return DiyBackend(url, ObjectStorage(store, parsed, source or "the Azure credential chain"))


def config_of(url: StoreUrl, environ: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """The options of obstore's store, and where their credentials come from; empty if a chain is asked. Pure.

    Raises:
        BackendError: neither the URL nor the environment names an account.
    """
    text = environ.get("AZURE_STORAGE_CONNECTION_STRING") or environ.get("AZURE_STORAGEBLOB_CONNECTIONSTRING") or ""
    parts = dict(part.split("=", 1) for part in text.split(";") if "=" in part)
    account = url.options.get("storage_account") or environ.get("AZURE_STORAGE_ACCOUNT") or parts.get("AccountName", "")
    if not account:
        raise BackendError(
            f"{url.shown} names no storage account",
            hint="Add `storage_account=NAME` to the URL's query, or set AZURE_STORAGE_ACCOUNT.",
        )
    config: dict[str, Any] = {"account_name": account, "endpoint": _endpoint(url, environ, account, parts)}
    if key := environ.get("AZURE_STORAGE_KEY"):
        return config | {"account_key": key}, "AZURE_STORAGE_KEY in the environment"
    if sas := environ.get("AZURE_STORAGE_SAS_TOKEN"):
        return config | {"sas_key": sas.lstrip("?")}, "AZURE_STORAGE_SAS_TOKEN in the environment"
    if not parts:
        return config, ""
    if blob := parts.get("BlobEndpoint"):
        config["endpoint"] = blob.rstrip("/")
    source = "AZURE_STORAGE_CONNECTION_STRING in the environment"
    if key := parts.get("AccountKey"):
        return config | {"account_key": key}, source
    if sas := parts.get("SharedAccessSignature"):
        return config | {"sas_key": sas.lstrip("?")}, source
    return config, ""


def _endpoint(url: StoreUrl, environ: Mapping[str, str], account: str, parts: Mapping[str, str]) -> str:
    def option(name: str, variable: str) -> str:
        return url.options.get(name) or environ.get(variable, "")

    protocol = option("protocol", "AZURE_STORAGE_PROTOCOL") or parts.get("DefaultEndpointsProtocol") or "https"
    suffix = parts.get("EndpointSuffix")
    domain = option("domain", "AZURE_STORAGE_DOMAIN") or (f"blob.{suffix}" if suffix else DOMAIN)
    local = option("localemu", "AZURE_STORAGE_IS_LOCAL_EMULATOR").lower() in TRUE
    if local or domain.startswith(("127.0.0.1", "localhost")):
        return f"{protocol}://{domain}/{account}"
    if option("cdn", "AZURE_STORAGE_IS_CDN").lower() in TRUE:
        return f"{protocol}://{domain}"
    return f"{protocol}://{account}.{domain}"


def _azure_identity(url: StoreUrl) -> Any:
    try:
        from obstore.auth.azure import AzureCredentialProvider
    except ImportError:
        raise BackendError(
            f"{url.shown} needs an Azure login, and azure-identity is not installed",
            hint="Install it with `pip install 'pulumi-rewind[azure]'`, or set AZURE_STORAGE_KEY.",
        ) from None
    return AzureCredentialProvider()
