"""``s3://`` backends: AWS and compatible servers, with the endpoint and the credentials that the pulumi CLI would use.

Static keys need nothing beside obstore. Profiles, single sign-on, processes and roles are botocore's, an extra.
Source of the options and their order: Pulumi 3.276, gocloud.dev 0.46 and the AWS SDK for Go v2; see docs/backends.md.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.objects import RETRY, ObjectStorage, client_options
from pulumi_rewind.backends.store_url import StoreUrl, parse_store_url
from pulumi_rewind.errors import BackendError

if TYPE_CHECKING:
    from botocore.session import Session

OPTIONS: Final = frozenset(
    {
        "accelerate", "anonymous", "awssdk", "disable_https", "disableSSL", "dualstack", "endpoint", "fips",
        "hostname_immutable", "kmskeyid", "profile", "rate_limiter_capacity", "region", "request_checksum_calculation",
        "response_checksum_validation", "role", "s3ForcePathStyle", "ssetype", "use_path_style",
    }
)  # fmt: skip
"""What the CLI understands in the query; those that only concern writing are read over."""

REGION: Final = "us-east-1"
"""Where nobody names one; a bucket elsewhere answers with an error that says so."""

ROLE_SESSION: Final = "pulumi-rewind"
"""How a role that is assumed is named in the account's audit log."""


@dataclass(frozen=True)
class Where:
    """Endpoint and credentials, as the URL and the environment have them."""

    region: str
    endpoint: str
    """With its scheme; empty for AWS itself."""
    given: bool
    """Whether the URL names the endpoint: it then has the bucket in its host's name unless the URL says otherwise."""
    keys: tuple[str, str, str] | None
    """Access key, secret key, session token; None where a chain is asked."""
    source: str
    """Where the credentials come from, for people."""


def open_s3(url: str, environ: Mapping[str, str]) -> DiyBackend:
    """The backend behind an ``s3://`` URL.

    Raises:
        BackendError: the URL can't be understood, or what it needs is not installed.
    """
    from obstore.store import S3Store

    parsed = parse_store_url(url, OPTIONS, "bucket")
    where = where_of(parsed, environ)
    provider: Any = None
    if where.keys is None and not parsed.flag("anonymous"):
        session = _botocore_session(parsed, environ)
        where = _completed(where, parsed, session)
        provider = _Credentials(session, parsed.options.get("role", ""), where.region)
    store = S3Store(
        parsed.place,
        prefix=parsed.prefix or None,
        config=config_of(parsed, where),
        credential_provider=provider,
        client_options=client_options(allow_http=where.endpoint.startswith("http://")),
        retry_config=RETRY,
    )
    return DiyBackend(url, ObjectStorage(store, parsed, where.source))


def where_of(url: StoreUrl, environ: Mapping[str, str]) -> Where:
    """What is known without asking anybody. Pure."""
    options = url.options
    profile = options.get("profile") or environ.get("AWS_PROFILE", "")
    region = options.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION", "")
    endpoint = options.get("endpoint", "")
    if endpoint and "://" not in endpoint:
        endpoint = f"{'http' if url.flag('disable_https', 'disableSSL') else 'https'}://{endpoint}"
    found = endpoint or environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL", "")
    key, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    where = Where(region, found.rstrip("/"), bool(endpoint), None, "")
    if url.flag("anonymous"):
        return replace(where, source="none (anonymous)")
    # A profile in the URL wins over keys in the environment; one in AWS_PROFILE may still name an endpoint.
    if key and secret and not options.get("profile") and not options.get("role") and (found or not profile):
        token = environ.get("AWS_SESSION_TOKEN", "")
        return replace(where, keys=(key, secret, token), source="AWS_ACCESS_KEY_ID in the environment")
    return where


def config_of(url: StoreUrl, where: Where) -> Any:
    """The options of obstore's store. Pure.

    Raises:
        BackendError: the URL asks for a host that can't be told.
    """
    config: dict[str, Any] = {"region": where.region or REGION}
    if url.flag("anonymous"):
        config["skip_signature"] = True
    if where.keys is not None:
        key, secret, token = where.keys
        config |= {"access_key_id": key, "secret_access_key": secret} | ({"session_token": token} if token else {})
    path_style = url.flag("use_path_style", "s3ForcePathStyle")
    endpoint = where.endpoint or _special_host(url, where.region or REGION)
    if not endpoint:
        config["virtual_hosted_style_request"] = not path_style
    elif path_style or not (where.given or not where.endpoint):
        config |= {"endpoint": endpoint, "virtual_hosted_style_request": False}
    else:  # the host's name begins with the bucket's
        scheme, _, host = endpoint.partition("://")
        config |= {"endpoint": f"{scheme}://{url.place}.{host}", "virtual_hosted_style_request": True}
    return config


def _special_host(url: StoreUrl, region: str) -> str:
    """AWS's host where the URL asks for another than the usual one; empty for that."""
    dual, fips = url.flag("dualstack"), url.flag("fips")
    if url.flag("accelerate"):
        return f"https://s3-accelerate{'.dualstack' if dual else ''}.amazonaws.com"
    if not dual and not fips:
        return ""
    return f"https://s3{'-fips' if fips else ''}{'.dualstack' if dual else ''}.{region}.amazonaws.com"


def _botocore_session(url: StoreUrl, environ: Mapping[str, str]) -> Session:
    """Raises BackendError where botocore is not installed, or there is no such profile."""
    try:
        from botocore.exceptions import ProfileNotFound
        from botocore.session import Session
    except ImportError:
        raise BackendError(
            f"{url.shown} needs AWS credentials that are not in the environment as keys, and botocore is not installed",
            hint="Install it with `pip install 'pulumi-rewind[aws]'` for profiles, single sign-on and roles, or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        ) from None
    try:
        session = Session(profile=url.options.get("profile") or environ.get("AWS_PROFILE") or None)
        session.get_scoped_config()
    except ProfileNotFound as err:
        raise BackendError(f"{url.shown}: {err}", hint="`aws configure list-profiles` lists them.") from None
    return session


def _completed(where: Where, url: StoreUrl, session: Session) -> Where:
    """With what the profile says of region and endpoint."""
    region = where.region or session.get_config_variable("region") or ""
    endpoint = where.endpoint
    if not endpoint:
        found: str = session.create_client("s3", region_name=region or REGION).meta.endpoint_url
        endpoint = "" if ".amazonaws.com" in found else found
    profile = session.profile
    source = f"the profile {profile}" if profile else "the AWS credential chain"
    if role := url.options.get("role"):
        source = f"the role {role}, assumed with {source}"
    return replace(where, region=region, endpoint=endpoint, source=source)


class _Credentials:
    """Asks botocore for credentials, and again when they expire; with a role those of the role."""

    def __init__(self, session: Session, role: str, region: str) -> None:
        self._session = session
        self._role = role
        self._region = region or REGION

    def __call__(self) -> Any:
        """As obstore takes them; it asks again when they have expired.

        Raises:
            LookupError: there are none.
        """
        if self._role:
            sts = self._session.create_client("sts", region_name=self._region)
            found = sts.assume_role(RoleArn=self._role, RoleSessionName=ROLE_SESSION)["Credentials"]
            expires = found["Expiration"].astimezone(datetime.UTC)
            return _as_obstore(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"], expires)
        credentials = self._session.get_credentials()
        if credentials is None:
            raise LookupError("no AWS credentials were found: no keys, profile, login or role")
        frozen = credentials.get_frozen_credentials()
        expiry = getattr(credentials, "_expiry_time", None)  # botocore has no public name for it
        return _as_obstore(
            frozen.access_key, frozen.secret_key, frozen.token, expiry.astimezone(datetime.UTC) if expiry else None
        )


def _as_obstore(key: str, secret: str, token: str | None, expires: datetime.datetime | None) -> dict[str, Any]:
    return {"access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": expires}
