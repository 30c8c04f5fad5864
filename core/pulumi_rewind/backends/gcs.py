"""``gs://`` backends: Google Cloud Storage, with the credentials that the pulumi CLI would use.

Source of their order: Pulumi 3.276 and gocloud.dev 0.46; see docs/backends.md. Tokens, keys of service accounts, logins
of users and the metadata server are obstore's; everything else is google-auth's, an extra.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from pulumi_rewind.backends import objects
from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.objects import RETRY, ObjectStorage, client_options
from pulumi_rewind.backends.store_errors import not_installed
from pulumi_rewind.backends.store_url import StoreUrl, checked_endpoint, own_environment, parse_store_url, quiet
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.untrusted import read_given

OPTIONS: Final = frozenset({"access_id", "anonymous", "private_key_path", "universe_domain"})

SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_only"

LOGIN: Final = "`gcloud auth application-default login` makes some; GOOGLE_APPLICATION_CREDENTIALS names a file."


class Given(NamedTuple):
    """Credentials as they were found."""

    text: bytes
    """A JSON document; empty where there is none."""
    path: str
    """The file that it was read from; empty for the environment."""
    source: str
    """For people."""


def open_gcs(url: str, environ: Mapping[str, str]) -> DiyBackend:
    """The backend behind a ``gs://`` URL.

    Raises:
        BackendError: the URL can't be understood, there are no credentials, or what they need is not installed.
    """
    from obstore.store import GCSStore

    parsed = parse_store_url(url, OPTIONS, "bucket")
    host = environ.get("STORAGE_EMULATOR_HOST", "")
    config: dict[str, Any] = {"base_url": _base(parsed, host), "skip_signature": False}
    provider: Any = None
    if host:
        provider, source = _token("emulator"), "none (STORAGE_EMULATOR_HOST)"
    elif parsed.flag("anonymous") or parsed.options.get("access_id") == "-":
        config["skip_signature"], source = True, "none (anonymous)"
    elif not environ.get("GOOGLE_CREDENTIALS") and (token := environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")):
        provider, source = _token(token), "GOOGLE_OAUTH_ACCESS_TOKEN in the environment"
    else:
        given = given_credentials(parsed, environ)
        source, kind = given.source, _kind(parsed, given)
        if kind == "service_account":
            config["service_account_key"] = given.text.decode()
        elif kind == "authorized_user" and given.path:
            config["application_credentials"] = given.path
        elif given.text:
            provider = _google_auth(parsed, environ, given)
    options = client_options(checked_endpoint(parsed, config["base_url"]), environ)
    try:
        store = GCSStore(
            parsed.place,
            prefix=parsed.prefix or None,
            config=config,  # type: ignore[arg-type]  # a plain dict of its keys
            credential_provider=provider,
            client_options=options,
            retry_config=RETRY,
        )
    except Exception:  # noqa: BLE001 - obstore's errors have no root but Exception; what it says may quote the key
        raise BackendError(f"{parsed.shown}: {source} can't be used: it has no usable key", hint=LOGIN) from None
    return DiyBackend(url, ObjectStorage(store, parsed, source))


def _base(url: StoreUrl, emulator: str) -> str:
    if emulator:
        return emulator if "://" in emulator else f"http://{emulator}"
    return f"https://storage.{url.options.get('universe_domain') or 'googleapis.com'}"


def _token(token: str) -> Any:
    """Not as an option of the store: that would look into the environment's files all the same."""
    return lambda: {"token": token, "expires_at": None}


def given_credentials(url: StoreUrl, environ: Mapping[str, str]) -> Given:
    """The first that there are, in the CLI's order.

    Raises:
        BackendError: a file that the environment names can't be read.
    """
    if text := environ.get("GOOGLE_CREDENTIALS"):
        return Given(text.encode(), "", "GOOGLE_CREDENTIALS in the environment")
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    folder = environ.get("CLOUDSDK_CONFIG") or f"{environ.get('HOME', '')}/.config/gcloud"
    path = named or f"{folder}/application_default_credentials.json"
    try:
        return Given(read_given(Path(path)), path, path)
    except OSError as err:
        if not named:
            return Given(b"", "", "the metadata server")
        raise BackendError(
            f"{url.shown}: GOOGLE_APPLICATION_CREDENTIALS can't be read: {path}: {err.strerror}", hint=LOGIN
        ) from None


def _kind(url: StoreUrl, given: Given) -> str:
    if not given.text:
        return ""
    try:
        kind = msgspec.json.decode(given.text)["type"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        kind = None
    if not isinstance(kind, str):
        raise BackendError(f"{url.shown}: {given.source} holds no Google credentials", hint=LOGIN)
    return kind


def _google_auth(url: StoreUrl, environ: Mapping[str, str], given: Given) -> Any:
    try:
        import google.auth
        from google.auth.credentials import with_scopes_if_required
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
        from obstore.auth.google import GoogleCredentialProvider
    except ImportError:
        needs = f"what understands the credentials of {given.source}"
        raise not_installed(url.shown, needs, "google-auth", "gcp", ", or set GOOGLE_OAUTH_ACCESS_TOKEN") from None
    own_environment(url, environ, ("GOOGLE_", "CLOUDSDK_"), "google-auth")
    quiet("google")
    try:
        with warnings.catch_warnings():  # it warns of kinds that others may have chosen; these are the operator's
            warnings.simplefilter("ignore", DeprecationWarning)
            # With scopes it would ask Google at once for the number of the project.
            found, _ = google.auth.load_credentials_from_dict(msgspec.json.decode(given.text))  # type: ignore[no-untyped-call]
    except (GoogleAuthError, ValueError, KeyError) as err:
        raise BackendError(
            f"{url.shown}: {given.source} can't be used: {str(err).partition(chr(10))[0]}", hint=LOGIN
        ) from None
    scoped = with_scopes_if_required(found, [SCOPE])  # type: ignore[no-untyped-call]
    return GoogleCredentialProvider(scoped, request=partial(Request(), timeout=objects.PATIENCE))  # type: ignore[arg-type]
