"""Pulumi Cloud's REST API, as far as we need it, with the CLI's own login.

Source: Pulumi's REST documentation, and the requests of the CLI 3.276; see docs/backends.md.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec

from pulumi_rewind.backends.cloud_login import TOKEN, Login, login_to
from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.errors import BackendError
from pulumi_rewind.state.values import MASK
from pulumi_rewind.system.untrusted import CHECKPOINT

ACCEPT: Final = "application/vnd.pulumi+9"
TRIES: Final = 4
"""How often a question is asked where the service is busy or away, as the CLI does."""

LONGEST_PAUSE: Final = 30.0
"""Seconds between two tries, whatever the service asks for."""

TIMEOUTS: Final = (10.0, 60.0)
"""Seconds until a connection stands, and until more of an answer comes."""

BUSY: Final = frozenset({429, 500, 502, 503, 504})

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""Never asked through a proxy; so it is with the CLI."""


class NotThere(BackendError):
    """The service has no such thing, or doesn't show it to this user."""


class _Failed(Exception):
    """One try that gave no answer; `again`: another one may."""

    def __init__(self, error: BackendError, *, again: bool, pause: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.pause = pause
        """Seconds that the service asks us to wait, None if it doesn't say."""


class CloudClient:
    """Asks one service, as one user; safe to use from several threads. Making one asks nothing."""

    def __init__(self, url: str, login: Login, environ: Mapping[str, str]) -> None:
        """Raises BackendError where the URL or that of the proxy is none."""
        self.url = url.rstrip("/")
        self.shown = shown_url(self.url)
        self.login = login
        self._environ = environ
        try:
            self._proxy = proxy_for(self.url, environ)
        except ValueError as err:
            raise BackendError(f"{self.shown} can't be understood: {err}", hint=_WRITTEN) from None
        try:
            self._pool = _pool(self._proxy, insecure=login.insecure)
        except ValueError:  # whose text may quote a password
            raise BackendError(
                f"{self.shown} can't be reached: {shown_url(self._proxy)} is no proxy that can be used",
                hint=f"A proxy is written http://HOST:PORT. {_PROXY}",
            ) from None

    def get(self, *path: str, **query: object) -> bytes:
        """The body of an answer; asked again where the service is busy, or an answer was cut off.

        Raises:
            NotThere: 404.
            BackendError: every other failure.
        """
        given = {key: value for key, value in query.items() if value is not None}
        address = _address(path) + (f"?{urlencode(given)}" if given else "")
        for attempt in range(TRIES):
            try:
                return self._asked("GET", address)
            except _Failed as failed:
                if not failed.again or attempt == TRIES - 1:
                    raise failed.error from None
                time.sleep(min(2.0**attempt if failed.pause is None else failed.pause, LONGEST_PAUSE))
        raise AssertionError

    def ask(self, *path: str, **query: object) -> dict[str, Any]:
        """The same as a decoded JSON object."""
        return self._decoded(self.get(*path, **query))

    def post(self, *path: str, body: object) -> dict[str, Any]:
        """What a question with a body is answered, which changes nothing there; asked once. Raises as `get` does."""
        try:
            return self._decoded(self._asked("POST", _address(path), msgspec.json.encode(body)))
        except _Failed as failed:
            raise failed.error from None

    def patch(self, *path: str, body: object) -> None:
        """Replaces something there; asked once. Raises as `get` does."""
        try:
            self._asked("PATCH", _address(path), msgspec.json.encode(body))
        except _Failed as failed:
            raise failed.error from None

    # -- inside -------------------------------------------------------------------------------------------------

    def _asked(self, method: str, address: str, sent: bytes | None = None) -> bytes:
        """What a question is answered; a kept connection that was closed meanwhile is no answer, and costs no try."""
        try:
            return self._try(method, address, sent)
        except _Failed as failed:
            if _CLOSED not in str(failed.error):
                raise
        return self._try(method, address, sent)

    def _decoded(self, body: bytes) -> dict[str, Any]:
        try:
            return msgspec.json.decode(body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as err:
            raise BackendError(
                f"{self.shown} answers with something that is no JSON object: {err}", hint=_NOT_THE_SERVICE
            ) from None

    def _try(self, method: str, address: str, sent: bytes | None = None) -> bytes:
        from urllib3.exceptions import HTTPError

        token = self.login.token
        headers = {"Accept": ACCEPT, "Authorization": f"token {token}", "Accept-Encoding": "gzip"}
        if sent is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._pool.request(method, self.url + address, headers=headers, body=sent, preload_content=False)
            try:
                body: bytes = answer.read(CHECKPOINT + 1)
                kind = str(answer.headers.get("Content-Type") or "")
            finally:
                answer.release_conn()
        except HTTPError as err:
            raise self._unreachable(err) from None
        if len(body) > CHECKPOINT:
            too_long = BackendError(f"{self.shown} answers with more than {CHECKPOINT >> 20:,} MiB", hint="Try again.")
            raise _Failed(too_long, again=False)
        if answer.status == 401 and self._renewed(token):
            return self._try(method, address, sent)
        if answer.status >= 300:
            again = answer.status in BUSY
            pause = _seconds(answer.headers.get("Retry-After")) if again else None
            raise _Failed(self._refused(answer.status, body), again=again, pause=pause)
        if kind.startswith("text/html"):
            page = BackendError(f"{self.shown} answers with a web page, not with data", hint=_NOT_THE_SERVICE)
            raise _Failed(page, again=False)
        return body

    def _renewed(self, refused: str) -> bool:
        """Whether there is another token by now than the refused one: the CLI, also one that we run, renews logins."""
        if self.login.token == refused and self.login.source != TOKEN:
            with contextlib.suppress(BackendError):
                self.login = login_to(self.url, self._environ, own=False)
        return self.login.token != refused

    def _refused(self, status: int, body: bytes) -> BackendError:
        try:
            said = str(msgspec.json.decode(body)["message"]).replace(self.login.token, MASK)
        except (msgspec.DecodeError, KeyError, TypeError, UnicodeDecodeError, RecursionError):
            said = ""
        text = f"{self.shown} answers {status}" + (f": {said}" if said else "")
        if status == 401:
            return BackendError(
                f"{text}; the token of {self.login.source} is not valid (any more)", hint=self.login.remedy
            )
        if status == 403:
            return BackendError(
                text, hint="Ask for access to the stack or its organization, or log in as somebody who has it."
            )
        if status == 404:
            return NotThere(text, hint="Check the names, and that this login can see them.")
        if status == 407:
            return BackendError(f"{text}: the proxy asks for a password", hint=_PROXY)
        if status == 429:
            return BackendError(text, hint="The service limits how often it is asked; wait a minute and try again.")
        if status < 400:
            return BackendError(f"{self.shown} sends us elsewhere ({status})", hint=_NOT_THE_SERVICE)
        return BackendError(text, hint="Try again; if it persists, check the service's status page.")

    def _unreachable(self, err: Exception) -> _Failed:
        """What it means that there was no answer; to ask a service again that is only slow would take minutes."""
        cause = getattr(err, "reason", None)
        reason = f"{type(err).__name__} {type(cause).__name__} {cause or err}"
        if self._proxy and ("ProxyError" in reason or "proxy" in reason.lower()):
            there = BackendError(
                f"{self.shown} can't be reached: the proxy {shown_url(self._proxy)} does not let us through",
                hint=_PROXY,
            )
            return _Failed(there, again=False)
        for part, message, hint, again in _CAUSES:
            if part in reason:
                return _Failed(BackendError(f"{self.shown} can't be reached: {message}", hint=hint), again=again)
        first = str(cause or err).partition("\n")[0][:200]
        return _Failed(BackendError(f"{self.shown} can't be reached: {first}", hint=_NETWORK), again=True)


_NETWORK: Final = "Check the URL and the network."
_PROXY: Final = "Check HTTPS_PROXY and NO_PROXY."
_WRITTEN: Final = "A service's URL is written https://HOST or https://HOST:PORT."
_NOT_THE_SERVICE: Final = (
    "Check the backend's URL (that of the API, not of the web page); a proxy or a login page may have answered."
)

_CLOSED: Final = "it ends the connection without an answer"

_CAUSES: Final = (
    ("LocationParseError", "that is not the address of a server", _WRITTEN, False),  # it quotes the whole URL
    ("NameResolution", "its name can't be resolved", _NETWORK, False),
    ("CERTIFICATE", "its certificate is not trusted", "SSL_CERT_FILE names the certificates to trust.", False),
    ("SSL", "no secure connection can be made", "Check the URL: does the server speak TLS?", False),
    ("refused", "nothing answers there", _NETWORK, True),
    ("timed out", "it does not answer in time", "Try again; check the network.", False),
    ("IncompleteRead", "its answer was cut off", "Try again; check the network.", True),
    ("InvalidChunkLength", "its answer was cut off", "Try again; check the network.", True),
    ("Connection aborted", _CLOSED, "Try again; check the network.", True),
    ("DecodeError", "its answer is damaged", "Try again; check the network.", True),
)
"""What urllib3 says, what that means, what helps, and whether another try may."""


def _address(path: tuple[str, ...]) -> str:
    return "/api/" + "/".join(quote(part, safe="") for part in path)


def _seconds(given: str | None) -> float | None:
    """How long a Retry-After asks us to wait: seconds, or a date."""
    if given is None:
        return None
    try:
        return max(0.0, float(given))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _pool(proxy: str, *, insecure: bool) -> Any:
    import urllib3

    connect, read = TIMEOUTS
    options: dict[str, Any] = {
        "retries": urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=3, raise_on_redirect=False),
        "timeout": urllib3.Timeout(connect=connect, read=read),
        "maxsize": 32,
    }
    if insecure:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        options["cert_reqs"] = "CERT_NONE"
    if not proxy:
        return urllib3.PoolManager(**options)
    if user := urllib3.util.parse_url(proxy).auth:  # which urllib3 itself passes over
        options["proxy_headers"] = {"Proxy-Authorization": f"Basic {base64.b64encode(unquote(user).encode()).decode()}"}
    return urllib3.ProxyManager(proxy, **options)


def proxy_for(url: str, environ: Mapping[str, str]) -> str:
    """The proxy that the environment names for a URL; empty if it names none."""
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

    parts = urlsplit(url)

    def variable(name: str) -> str:
        return environ.get(name.lower()) or environ.get(name.upper()) or ""

    if parts.hostname in LOOPBACK or proxy_bypass_environment(parts.netloc, {"no": variable("no_proxy")}):
        return ""
    found = variable(f"{parts.scheme}_proxy")
    return found if not found or "://" in found else f"http://{found}"
