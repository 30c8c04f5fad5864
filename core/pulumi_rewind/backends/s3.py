"""``s3://`` backends: AWS and compatible servers, with the endpoint and the credentials that the pulumi CLI would use.

Static keys need nothing beside obstore. Profiles, single sign-on, processes and roles are botocore's, an extra.
obstore reads the process's environment as well: it is told everything, so that nothing of that counts.
Source of the options and their order: Pulumi 3.276, gocloud.dev 0.46 and the AWS SDK for Go v2; see docs/backends.md.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pulumi_rewind.backends import objects
from pulumi_rewind.backends.aws_config import AwsProfile, aws_profile
from pulumi_rewind.backends.diy import DiyBackend
from pulumi_rewind.backends.objects import RETRY, ObjectStorage, client_options
from pulumi_rewind.backends.store_errors import not_installed
from pulumi_rewind.backends.store_url import StoreUrl, checked_endpoint, own_environment, parse_store_url
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
    """Endpoint and credentials, as the URL, the environment and the configuration file have them."""

    region: str
    endpoint: str
    """With its scheme; empty for AWS itself."""
    given: bool
    """Whether the URL names the endpoint: the CLI's SDK then asks another host for some buckets."""
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
    where = where_of(parsed, environ, aws_profile(environ, parsed.options.get("profile", "")))
    provider: Any = None
    if where.keys is not None:
        provider = _static(*where.keys)
    elif not parsed.flag("anonymous"):
        session = _botocore_session(parsed, environ)
        session.set_config_variable("region", where.region or REGION)  # for the services that it asks itself
        provider = _Credentials(session, parsed.options.get("role", ""))
        where = replace(where, source=_source(parsed, session))
    config = config_of(parsed, where)
    store = S3Store(
        parsed.place,
        prefix=parsed.prefix or None,
        config=config,  # type: ignore[arg-type]  # a plain dict of its keys
        credential_provider=provider,
        client_options=client_options(checked_endpoint(parsed, config["endpoint"]), environ),
        retry_config=RETRY,
    )
    return DiyBackend(url, ObjectStorage(store, parsed, where.source))


def where_of(url: StoreUrl, environ: Mapping[str, str], profile: AwsProfile) -> Where:
    """What is known without asking anybody. Pure.

    Raises:
        BackendError: the URL has a role that is none.
    """
    options = url.options
    role = options.get("role", "")
    if role and not role.startswith("arn:"):
        raise BackendError(f"{url.shown}: `role` must be an ARN", hint="Write role=arn:aws:iam::ACCOUNT:role/NAME.")
    region = options.get("region") or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or profile.region
    endpoint = options.get("endpoint", "")
    if endpoint and "://" not in endpoint:
        endpoint = f"{'http' if url.flag('disable_https', 'disableSSL') else 'https'}://{endpoint}"
    found = endpoint
    if not found and environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() != "true":
        found = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or profile.endpoint
    where = Where(region, found.rstrip("/"), bool(endpoint), None, "")
    if url.flag("anonymous"):
        return replace(where, source="none (anonymous)")
    key, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    if key and secret and not role and not options.get("profile"):  # one in AWS_PROFILE is weaker than keys
        token = environ.get("AWS_SESSION_TOKEN", "")
        return replace(where, keys=(key, secret, token), source="AWS_ACCESS_KEY_ID in the environment")
    return where


def config_of(url: StoreUrl, where: Where) -> dict[str, Any]:
    """The options of obstore's store, without credentials. Pure."""
    region = where.region or REGION
    endpoint = where.endpoint or f"https://{_aws_host(url, region)}"
    path_style = url.flag("use_path_style", "s3ForcePathStyle") or not _in_a_host(url, where, endpoint)
    if not path_style:
        scheme, _, host = endpoint.partition("://")
        endpoint = f"{scheme}://{url.place}.{host}"
    return {
        "region": region,
        "endpoint": endpoint,
        "aws_endpoint_url_s3": endpoint,  # obstore prefers what the environment has under this name
        "virtual_hosted_style_request": not path_style,
        "skip_signature": url.flag("anonymous"),
    }


_LABEL: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_LABELS: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _in_a_host(url: StoreUrl, where: Where, endpoint: str) -> bool:
    """Whether the bucket's name can be put before the endpoint's host, as the SDK decides it."""
    with contextlib.suppress(ValueError):
        return not ipaddress.ip_address(urlsplit(endpoint).hostname or "")
    if where.given:
        return not url.flag("hostname_immutable") and bool(_LABELS.fullmatch(url.place))
    return bool(_LABEL.fullmatch(url.place))


def _aws_host(url: StoreUrl, region: str) -> str:
    dual, fips = ".dualstack" if url.flag("dualstack") else "", "-fips" if url.flag("fips") else ""
    if url.flag("accelerate"):
        return f"s3-accelerate{dual}.amazonaws.com"
    return f"s3{fips}{dual}.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"


def _botocore_session(url: StoreUrl, environ: Mapping[str, str]) -> Session:
    """Raises BackendError where botocore is not installed, or there is no such profile."""
    try:
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
        from botocore.session import Session
    except ImportError:
        raise not_installed(
            url.shown, "AWS credentials that are not in the environment as keys", "botocore", "aws",
            " for profiles, single sign-on and roles, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ) from None  # fmt: skip
    own_environment(url, environ, ("AWS_", "HOME"), "botocore")
    try:
        # A profile that is named here is stronger than keys in the environment; one in AWS_PROFILE is not.
        session = Session(profile=url.options.get("profile") or None)
        session.get_scoped_config()
        bounds = Config(
            connect_timeout=objects.CONNECT, read_timeout=objects.PATIENCE, retries={"total_max_attempts": 2}
        )
        session.set_default_client_config(bounds)
    except BotoCoreError as err:
        raise BackendError(f"{url.shown}: {err}", hint="`aws configure list-profiles` lists the profiles.") from None
    return session


def _source(url: StoreUrl, session: Session) -> str:
    source = f"the profile {session.profile}" if session.profile else "the AWS credential chain"
    role = url.options.get("role")
    return f"the role {role}, assumed with {source}" if role else source


class _Credentials:
    """Asks botocore for credentials, and again when they expire; with a role those of the role."""

    def __init__(self, session: Session, role: str) -> None:
        self._session = session
        self._role = role

    def __call__(self) -> Any:
        """As obstore takes them; it asks again when they have expired.

        Raises:
            LookupError: there are none.
        """
        if self._role:
            sts = self._session.create_client("sts")
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


def _static(key: str, secret: str, token: str) -> Callable[[], Any]:
    """Not as options of the store: it would add the environment's session token to keys that have none."""
    return lambda: _as_obstore(key, secret, token or None, None)


def _as_obstore(key: str, secret: str, token: str | None, expires: datetime.datetime | None) -> dict[str, Any]:
    return {"access_key_id": key, "secret_access_key": secret, "token": token, "expires_at": expires}
