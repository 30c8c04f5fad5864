"""``gs://`` backends: Google Cloud Storage, with the credentials that the pulumi CLI would use.

Source of their order: gocloud.dev 0.46; see docs/backends.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.objects import RETRY, ObjectStorage, client_options
from pulumi_rewind.backends.store_url import StoreUrl, parse_store_url
from pulumi_rewind.errors import BackendError

OPTIONS: Final = frozenset({"access_id", "anonymous", "private_key_path", "universe_domain"})

SCOPE: Final = "https://www.googleapis.com/auth/devstorage.read_only"


def open_gcs(url: str, environ: Mapping[str, str]) -> DiyBackend:
    """The backend behind a ``gs://`` URL.

    Raises:
        BackendError: the URL can't be understood, there are no credentials, or what they need is not installed.
    """
    from obstore.store import GCSStore

    parsed = parse_store_url(url, OPTIONS, "bucket")
    config: dict[str, Any] = {}
    provider: Any = None
    host = environ.get("STORAGE_EMULATOR_HOST", "")
    if host:
        base = host if "://" in host else f"http://{host}"
        config, source = {"base_url": base, "bearer_token": "emulator"}, "none (STORAGE_EMULATOR_HOST)"
    elif parsed.flag("anonymous") or parsed.options.get("access_id") == "-":
        config, source = {"skip_signature": True}, "none (anonymous)"
    elif not environ.get("GOOGLE_CREDENTIALS") and (token := environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")):
        config, source = {"bearer_token": token}, "GOOGLE_OAUTH_ACCESS_TOKEN in the environment"
    else:
        provider, source = _google_auth(parsed, environ)
    if domain := parsed.options.get("universe_domain"):
        config.setdefault("base_url", f"https://storage.{domain}")
    store = GCSStore(
        parsed.place,
        prefix=parsed.prefix or None,
        config=config,  # type: ignore[arg-type]  # a plain dict of its keys
        credential_provider=provider,
        client_options=client_options(allow_http=str(config.get("base_url", "")).startswith("http://")),
        retry_config=RETRY,
    )
    return DiyBackend(url, ObjectStorage(store, parsed, source))


def _google_auth(url: StoreUrl, environ: Mapping[str, str]) -> tuple[Any, str]:
    """The provider of credentials, and where it has them from."""
    try:
        import google.auth
        from google.auth.exceptions import GoogleAuthError
        from obstore.auth.google import GoogleCredentialProvider
    except ImportError:
        raise BackendError(
            f"{url.shown} needs Google credentials, and google-auth is not installed",
            hint="Install it with `pip install 'pulumi-rewind[gcp]'`, or set GOOGLE_OAUTH_ACCESS_TOKEN.",
        ) from None
    text = environ.get("GOOGLE_CREDENTIALS", "")
    try:
        if text:
            import json

            found, _ = google.auth.load_credentials_from_dict(json.loads(text), scopes=[SCOPE])  # type: ignore[no-untyped-call]
            return GoogleCredentialProvider(found), "GOOGLE_CREDENTIALS in the environment"
        found, _ = google.auth.default(scopes=[SCOPE])
    except (GoogleAuthError, ValueError) as err:
        raise BackendError(
            f"{url.shown}: Google credentials can't be used: {str(err).partition(chr(10))[0]}",
            hint="`gcloud auth application-default login` makes some; GOOGLE_APPLICATION_CREDENTIALS names a file.",
        ) from None
    named = environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    return GoogleCredentialProvider(found), named or "Google's application default credentials"
