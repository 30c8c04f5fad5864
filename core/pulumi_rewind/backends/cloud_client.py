"""Pulumi Cloud's REST API, as far as reading needs it, with the CLI's own login.

Source: Pulumi's REST documentation, and the requests of the CLI 3.276; see docs/backends.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec

from pulumi_rewind.backends.urls import shown_url, user_home
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.documents import load_json
from pulumi_rewind.system.untrusted import CHECKPOINT, read_bytes

ACCEPT: Final = "application/vnd.pulumi+9"
TRIES: Final = 4
"""How often a question is asked where the service is busy or away, as the CLI does."""

LONGEST_PAUSE: Final = 30
"""Seconds between two tries, whatever the service asks for."""

TIMEOUTS: Final = (10.0, 60.0)
"""Seconds until a connection stands, and until an answer begins."""

BUSY: Final = frozenset({429, 500, 502, 503, 504})


class NotThere(BackendError):
    """The service has no such thing, or doesn't show it to this user."""


class CloudClient:
    """Asks one service, as one user; safe to use from several threads."""

    def __init__(self, url: str, environ: Mapping[str, str]) -> None:
        """Raises BackendError where nobody is logged in."""
        self.url = url.rstrip("/")
        self.shown = shown_url(self.url)
        self.token, self.credentials = access_token(self.url, environ)
        self._pool = _pool(self.url, environ)

    def get(self, *path: str, **query: object) -> bytes:
        """The body of an answer.

        Raises:
            NotThere: 404.
            BackendError: every other failure.
        """
        words = "?" + urlencode({key: value for key, value in query.items() if value is not None}) if query else ""
        return self._ask("GET", "/api/" + "/".join(quote(part, safe="") for part in path) + words)

    def ask(self, *path: str, **query: object) -> Any:
        """The same as decoded JSON."""
        try:
            return msgspec.json.decode(self.get(*path, **query))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
            raise BackendError(
                f"{self.shown} answers with something that is no JSON: {err}",
                hint="Check the backend's URL; a proxy or a login page may have answered.",
            ) from None

    def _ask(self, method: str, address: str) -> bytes:
        from urllib3.exceptions import HTTPError

        headers = {"Accept": ACCEPT, "Authorization": f"token {self.token}", "Accept-Encoding": "gzip"}
        try:
            answer = self._pool.request(method, self.url + address, headers=headers, preload_content=False)
            try:
                body: bytes = answer.read(CHECKPOINT + 1)
            finally:
                answer.release_conn()
        except HTTPError as err:
            raise self._unreachable(err) from None
        if len(body) > CHECKPOINT:
            raise BackendError(f"{self.shown} answers with more than {CHECKPOINT >> 20:,} MiB", hint="Pulumi does not.")
        if answer.status >= 300:
            raise self._refused(answer.status, body)
        return body

    def _refused(self, status: int, body: bytes) -> BackendError:
        try:
            said = str(msgspec.json.decode(body)["message"])
        except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError):
            said = ""
        text = f"{self.shown} answers {status}" + (f": {said}" if said else "")
        if status == 401:
            return BackendError(
                f"{text}; the token from {self.credentials} is not accepted",
                hint=f"Log in again with `pulumi login {self.shown}`, or set PULUMI_ACCESS_TOKEN.",
            )
        if status == 403:
            return BackendError(text, hint="Ask for access to the stack, or log in as somebody who has it.")
        if status == 404:
            return NotThere(text, hint="Check the names, and that this login can see them.")
        if status == 429:
            return BackendError(text, hint="The service limits how often it is asked; wait a minute and try again.")
        return BackendError(text, hint="Try again; if it persists, check the service's status page.")

    def _unreachable(self, err: Exception) -> BackendError:
        reason = str(getattr(err, "reason", None) or err)
        for part, message, hint in _CAUSES:
            if part in reason:
                return BackendError(f"{self.shown} can't be reached: {message}", hint=hint)
        first = reason.partition("\n")[0][:200]
        return BackendError(f"{self.shown} can't be reached: {first}", hint="Check the URL and the network.")


_CAUSES: Final = (
    ("NameResolution", "its name can't be resolved", "Check the URL and the network."),
    ("CERTIFICATE", "its certificate is not trusted", "SSL_CERT_FILE names the certificates to trust."),
    ("SSL", "no secure connection can be made", "Check the URL: does the server speak TLS?"),
    ("refused", "nothing answers there", "Check the URL and the network."),
    ("timed out", "it does not answer in time", "Try again; check the network."),
    ("proxy", "the proxy does not let it through", "Check HTTPS_PROXY and NO_PROXY."),
    ("IncompleteRead", "the answer was cut off", "Try again."),
    ("too many 429", "it refuses so many requests", "Wait a minute and try again."),
    ("error responses", "it has a fault of its own", "Try again; check the service's status page."),
)
"""What urllib3 says, what that means, and what helps."""


def access_token(url: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The token for a service, and where it is from.

    Raises:
        BackendError: nobody is logged in there.
    """
    if token := environ.get("PULUMI_ACCESS_TOKEN"):
        return token, "PULUMI_ACCESS_TOKEN"
    folder = environ.get("PULUMI_CREDENTIALS_PATH") or environ.get("PULUMI_HOME")
    path = (Path(folder) if folder else user_home() / ".pulumi") / "credentials.json"
    try:
        document = load_json(read_bytes(path))
        accounts = document.get("accounts") or {}
        token = (accounts.get(url) or {}).get("accessToken") or (document.get("accessTokens") or {}).get(url)
    except (OSError, ValueError, AttributeError):
        token = None
    if isinstance(token, str) and token:
        return token, str(path)
    raise BackendError(
        f"nobody is logged in at {shown_url(url)}",
        hint=f"Log in with `pulumi login {shown_url(url)}`, or set PULUMI_ACCESS_TOKEN.",
    )


def _pool(url: str, environ: Mapping[str, str]) -> Any:
    import urllib3

    retry = urllib3.Retry(
        total=TRIES - 1,
        backoff_factor=1,
        backoff_max=LONGEST_PAUSE,
        status_forcelist=BUSY,
        respect_retry_after_header=True,
        retry_after_max=LONGEST_PAUSE,
        redirect=3,
        raise_on_status=False,
    )
    connect, read = TIMEOUTS
    options: dict[str, Any] = {"retries": retry, "timeout": urllib3.Timeout(connect=connect, read=read), "maxsize": 32}
    proxy = _proxy(url, environ)
    return urllib3.ProxyManager(proxy, **options) if proxy else urllib3.PoolManager(**options)


def _proxy(url: str, environ: Mapping[str, str]) -> str:
    """The proxy that the environment names for a URL; empty if it names none."""
    from urllib.parse import urlsplit
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

    parts = urlsplit(url)

    def variable(name: str) -> str:
        return environ.get(name.lower()) or environ.get(name.upper()) or ""

    if proxy_bypass_environment(parts.netloc, {"no": variable("no_proxy")}):
        return ""
    return variable(f"{parts.scheme}_proxy")
