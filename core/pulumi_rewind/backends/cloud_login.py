"""Who we are at Pulumi Cloud or a service like it: the login that the pulumi CLI has, or the token of the environment.

Source: observed with the pulumi CLI 3.259 and 3.276.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pulumi_rewind.backends.urls import shown_url, user_home
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.documents import load_json
from pulumi_rewind.system.untrusted import read_bytes

TOKEN: Final = "PULUMI_ACCESS_TOKEN"  # noqa: S105 - a variable's name


@dataclass(frozen=True)
class Login:
    """A token for one service."""

    token: str = field(repr=False)
    source: str
    """Where it is from, for messages."""
    insecure: bool = False
    """Whether the service's certificate isn't checked, as ``pulumi login --insecure`` has it."""
    renewable: bool = False
    """Whether the CLI gets a new token by itself when this one has expired."""

    @property
    def remedy(self) -> str:
        """What to do where the service doesn't accept the token."""
        if self.source == TOKEN:
            return f"Set {TOKEN} to a token that has not expired, or unset it and use `pulumi login`."
        if self.renewable:
            return "Run `pulumi whoami`, which renews the login, then try again."
        return "Log in again with `pulumi login`, or set PULUMI_ACCESS_TOKEN."


def login_to(url: str, environ: Mapping[str, str], *, own: bool = True) -> Login:
    """The login for a service. `own`: the token of the environment is meant for it, which it is for the backend's own.

    Raises:
        BackendError: nobody is logged in there, or the token is none.
    """
    url, path, why = url.rstrip("/"), credentials_file(environ), ""
    account: Mapping[str, Any] = {}
    try:
        account = _account(path, url)
    except FileNotFoundError:
        pass
    except OSError as err:
        why = f": {path} can't be read ({err.strerror or err})"
    except ValueError as err:
        why = f": {path} is damaged ({err})"
    insecure = account.get("insecure") is True
    if own and (given := environ.get(TOKEN, "").strip()):
        return _usable(Login(given, TOKEN, insecure))
    token = account.get("accessToken")
    if isinstance(token, str) and token:
        return _usable(Login(token, str(path), insecure, bool(account.get("refreshToken"))))
    shown = shown_url(url)
    raise BackendError(
        f"nobody is logged in at {shown}{why}",
        hint=f"Log in with `pulumi login {shown}`, or set {TOKEN}. Another backend is named by `--backend` or "
        "PULUMI_BACKEND_URL.",
    )


def _usable(login: Login) -> Login:
    """The login, if its token can be sent at all."""
    if re.fullmatch(r"[!-~]+", login.token):
        return login
    raise BackendError(f"the token of {login.source} has characters that no token has", hint=login.remedy)


def credentials_file(environ: Mapping[str, str]) -> Path:
    """Where the CLI keeps logins."""
    folder = environ.get("PULUMI_CREDENTIALS_PATH") or environ.get("PULUMI_HOME")
    return (Path(folder) if folder else user_home() / ".pulumi") / "credentials.json"


def _account(path: Path, url: str) -> Mapping[str, Any]:
    """What the CLI keeps of a login; empty if there is none. Older CLIs kept the token alone."""
    document = load_json(read_bytes(path))
    if not isinstance(document, dict):
        raise ValueError("it is no JSON object")
    accounts, tokens = document.get("accounts"), document.get("accessTokens")
    found = accounts.get(url) if isinstance(accounts, dict) else None
    if isinstance(found, dict) and found.get("accessToken"):
        return found
    return {"accessToken": tokens.get(url)} if isinstance(tokens, dict) else {}
