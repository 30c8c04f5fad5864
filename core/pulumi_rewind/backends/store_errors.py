"""What an object store's failures mean, in a sentence, with what helps. Pure.

obstore tells most of them apart in its text alone: it quotes the server's answer, and the cause of a failed connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pulumi_rewind.errors import BackendError

_USED: Final = "`pulumi-rewind doctor` shows which credentials are used;"
LOGIN: Final = {
    "s3": f"{_USED} `aws sts get-caller-identity` checks them.",
    "gs": f"{_USED} `gcloud auth application-default login` renews them.",
    "azblob": f"{_USED} `az login` renews them.",
}
"""What helps with credentials, by the URL's scheme."""

PLAIN: Final = {
    "s3": " (write `endpoint=http://…` where it doesn't)",
    "azblob": " (add `protocol=http` where it doesn't)",
}
"""What the URL says of a server that speaks plain HTTP, by its scheme."""

REACH: Final = "Check the URL's endpoint, the network, and HTTPS_PROXY and HTTP_PROXY if they are set."

AGAIN: Final = "Try again; if it persists, check the network and the service's status page."


RIGHTS: Final = {
    "read": "Reading needs the rights to list the bucket and to get its objects",
    "write": "Writing needs the rights to put and to delete objects, as the pulumi CLI does",
}
"""What is needed, by what was tried."""


@dataclass(frozen=True)
class Cause:
    """One kind of failure."""

    pattern: re.Pattern[str]
    """Found in obstore's text."""
    message: str
    """After the URL; ``{place}`` is the bucket or container, ``{verb}`` what was tried."""
    hint: str
    """``{login}`` is the line of `LOGIN`, ``{plain}`` that of `PLAIN`, ``{rights}`` one of `RIGHTS`."""


def _cause(pattern: str, message: str, hint: str) -> Cause:
    return Cause(re.compile(pattern, re.IGNORECASE), message, hint)


CAUSES: Final = (
    _cause(
        r"169\.254\.169\.254|metadata\.google\.internal|169\.254\.170\.2",
        "no credentials were found",
        "Set those that the pulumi CLI uses. {login}",
    ),
    _cause(
        r"NoSuchBucket|ContainerNotFound|specified (bucket|container) does not exist",
        "there is no {place}",
        "Check the name in the URL, and that these credentials belong to the account that owns it.",
    ),
    _cause(
        r"RequestTimeTooSkewed",
        "the clock of this machine is wrong",
        "Set it: requests are signed with the time.",
    ),
    _cause(
        r"ExpiredToken|RequestExpired|token (has|is) expired|expired token|ID token.*expired|invalid_grant"
        r"|not valid in the specified time frame",
        "the credentials have expired",
        "Log in again. {login}",
    ),
    _cause(r"InvalidAccessKeyId|InvalidClientTokenId", "the access key is not known there", "{login}"),
    _cause(r"SignatureDoesNotMatch", "the secret key does not fit the access key", "{login}"),
    _cause(r"AuthenticationFailed", "the account's key or the signature is not accepted", "{login}"),
    _cause(
        r"BareRedirect|PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint",
        "the bucket is in another region",
        "Name its region: add `region=REGION` to the URL's query, or set AWS_REGION.",
    ),
    _cause(
        r"AccessDenied|AuthorizationPermissionMismatch|PermissionDenied|status: 403",
        "these credentials have no right to {verb} {place}",
        "{rights}. {login}",
    ),
    _cause(r"Unauthenticated|status: 401|NoAuthenticationInformation", "the credentials are not accepted", "{login}"),
    _cause(r"dns error", "the host's name can't be resolved", REACH),
    _cause(
        r"certificate|invalid peer|InvalidContentType|tls handshake|corrupt message",
        "no secure connection can be made",
        "Check whether the server speaks TLS{plain}; SSL_CERT_FILE names the certificates to trust.",
    ),
    _cause(r"tcp connect error|Connection refused", "nothing answers there", REACH),
    _cause(
        r"proxy|tunnel|unsuccessful", "the proxy does not let the request through", "Check HTTPS_PROXY and NO_PROXY."
    ),
    _cause(r"status: 429|SlowDown|TooManyRequests|ServerBusy", "the service refuses so many requests for now", AGAIN),
    _cause(r"kind: Timeout|TimedOut|operation timed out", "the server does not answer in time", AGAIN),
    _cause(
        r"IncompleteBody|UnexpectedEof|body error|Content-Range header|kind: Decode", "the answer was cut off", AGAIN
    ),
    _cause(r"status: 5\d\d", "the service has a fault of its own", AGAIN),
    _cause(
        r"status code: 404|Header missing from response|invalid list response|error following redirect",
        "what answers there is no object store",
        "Check the URL's endpoint; a proxy or a login page may have answered.",
    ),
)
"""The first that fits counts."""

_PATH: Final = re.compile(r"(?:(?<=http://)|(?<=https://))(?:[^/\s,)\"]*@)?([^/\s,)\"]*)[^\s,)\"]*")
"""What was asked: names of stacks and buckets say nothing of the cause; a password or a signature must not be told."""

_PROVIDER: Final = re.compile(r"External \w+ credential provider: (?:[\w.]+: )?([^\n]{1,300})")
"""What botocore, google-auth or azure-identity said when it was asked for credentials."""

_STATUS: Final = re.compile(r"<Code>([\w.]+)</Code>|status code: ([^:\n]+)|HTTP error: ([^\n]+)")

_UNKNOWN: Final = re.compile(r"status code: 501\b|<Code>NotImplemented</Code>")
"""The status of HTTP, and S3's own code, which comes with other ones too."""


def is_unknown_there(error: Exception) -> bool:
    """Whether a server has answered that it doesn't know what was asked."""
    return _UNKNOWN.search(str(error)) is not None


def store_error(error: Exception, *, url: str, place: str, what: str, writing: bool = False) -> BackendError:
    """The error of a request for `what` to the store at `url` (shown without credentials)."""
    verb = "write" if writing else "read"
    failed = f"{what} can't be {'written to' if writing else 'read from'} {url}"
    text = _PATH.sub(r"\1", str(error))
    scheme = url.partition("://")[0]
    login, plain = LOGIN.get(scheme, ""), PLAIN.get(scheme, "")
    if asked := _PROVIDER.search(text):
        return BackendError(
            f"{failed}: there are no credentials: {asked[1].rstrip('. ')}",
            hint=f"Log in, or set those that the pulumi CLI uses. {login}".strip(),
        )
    for cause in CAUSES:
        if cause.pattern.search(text):
            message = cause.message.format(place=place, verb=verb)
            hint = cause.hint.format(login=login, plain=plain, rights=RIGHTS[verb]).strip()
            return BackendError(f"{failed}: {message}", hint=hint)
    found = _STATUS.search(text)
    said = next(filter(None, found.groups()), "") if found else ""
    first = said or text.strip().partition("\n")[0][:200]
    return BackendError(f"{failed}: {first}", hint=AGAIN)


def not_installed(shown: str, needs: str, library: str, extra: str, otherwise: str = "") -> BackendError:
    """The error of a backend that needs a library of an `extra`; `otherwise` ends the hint with what else would do."""
    return BackendError(
        f"{shown} needs {needs}, and {library} is not installed",
        hint=f"Install `pulumi-rewind[{extra}]` (docs/install.md says how){otherwise}.",
    )
