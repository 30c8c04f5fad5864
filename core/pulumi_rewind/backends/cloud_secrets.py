"""Opens what a service like Pulumi Cloud has encrypted: one question for many secrets, without the pulumi CLI."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

import msgspec

from pulumi_rewind.backends.cloud_client import CloudClient
from pulumi_rewind.backends.cloud_login import login_to
from pulumi_rewind.errors import BackendError, SecretsError
from pulumi_rewind.state.model import SecretsProvider, StackRef

AT_ONCE: Final = 1000
"""Secrets of one question."""


class ServiceSecrets:
    """Asks the services that checkpoints name, and remembers what they have answered; from any thread."""

    def __init__(self, backend_url: str, environ: Mapping[str, str]) -> None:
        """`backend_url` is that of the stack's backend: the token of the environment is for this service alone."""
        self._own = backend_url.rstrip("/")
        self._environ = environ
        self._lock = threading.Lock()
        self._clients: dict[str, CloudClient] = {}
        self._opened: dict[str, bytes] = {}

    def open(self, provider: SecretsProvider, stack: StackRef, sealed: Iterable[str]) -> Mapping[str, bytes] | None:
        """The plaintexts of ciphertexts; None where the CLI has to be asked, which can renew its login.

        A service encrypts for each stack by its name. A renamed stack's old checkpoints name what it was called then,
        so that the present name, that of `stack`, is tried as well.

        Raises:
            SecretsError: nobody is logged in there, or the service doesn't open them.
        """
        with self._lock:
            missing = [text for text in dict.fromkeys(sealed) if text not in self._opened]
            names = list(dict.fromkeys(self._names(provider, stack)))
            if not missing:
                return self._opened
            if not names:
                return None
            first: BackendError | None = None
            for url, *path in names:
                try:
                    client = self._client(url)
                    rest = iter(missing)
                    while some := list(islice(rest, AT_ONCE)):
                        answer = client.post("stacks", *path, "batch-decrypt", body={"ciphertexts": some})
                        self._opened |= _plaintexts(answer)
                    if all(text in self._opened for text in missing):
                        return self._opened
                except BackendError as err:
                    first = first or err
            asked = self._clients.get(names[0][0])
            if asked is not None and asked.login.renewable:
                return None
            said = f": {first}" if first is not None else ""
            raise SecretsError(
                f"the secrets can't be decrypted{said}",
                hint=first.hint if first is not None else "Check that this login may read the stack's secrets.",
            )

    def _names(self, provider: SecretsProvider, stack: StackRef) -> Iterator[tuple[str, str, str, str]]:
        """URL, organization, project and stack for which something may be encrypted, the recorded ones first."""
        try:
            state = msgspec.json.decode(provider.state)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            state = None
        if not isinstance(state, dict):
            return
        found = [str(state.get(key) or "") for key in ("url", "owner", "project", "stack")]
        if not all(found):
            return
        url, organization, project, name = found
        yield url.rstrip("/"), organization, project, name
        if stack.organization and url.rstrip("/") == self._own:
            yield self._own, stack.organization, stack.project, stack.name

    def _client(self, url: str) -> CloudClient:
        if url not in self._clients:
            self._clients[url] = CloudClient(url, login_to(url, self._environ, own=url == self._own), self._environ)
        return self._clients[url]


def _plaintexts(answer: Mapping[str, Any]) -> dict[str, bytes]:
    """What a service has opened; what is no answer opens nothing."""
    try:
        found = (answer.get("plaintexts") or {}).items()
        return {key: base64.b64decode(value, validate=True) for key, value in found}
    except (binascii.Error, ValueError, TypeError, AttributeError):
        return {}
