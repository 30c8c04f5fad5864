"""Variables of the environment that name files: a relative path means one place, wherever the engine is started.

Observed with pulumi 3.276: the CLI takes a relative path from the directory that it runs in, which ``--cwd`` changes;
the providers that it starts take one from the project's directory. We start the CLI in the project's directory, in a
worktree of an old commit, or in a private directory, so relative paths are made absolute first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pulumi_rewind.system.toolchain import OVERRIDE

OF_THE_CLI: Final = ("PULUMI_CONFIG_PASSPHRASE_FILE", "PULUMI_CREDENTIALS_PATH", "PULUMI_HOME")
"""What the CLI alone reads: from the directory that we were started in, or that ``--cwd`` names."""

SHARED: Final = (
    "ARM_CLIENT_CERTIFICATE_PATH", "ARM_OIDC_TOKEN_FILE_PATH", "AWS_CA_BUNDLE", "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CONFIG_DIR",
    "AZURE_FEDERATED_TOKEN_FILE", "CLOUDSDK_CONFIG", "DOCKER_CERT_PATH", "DOCKER_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_BACKEND_CREDENTIALS", "GOOGLE_CREDENTIALS", "KUBECONFIG",
    "NODE_EXTRA_CA_CERTS", "OCI_CONFIG_FILE", "OS_CLIENT_CONFIG_FILE", "REQUESTS_CA_BUNDLE", "SOPS_AGE_KEY_FILE",
    "SSL_CERT_DIR", "SSL_CERT_FILE", "VAULT_CACERT", "VAULT_CAPATH", "VAULT_CLIENT_CERT", "VAULT_CLIENT_KEY",
)  # fmt: skip
"""What providers read, and some of it the CLI for its backend and secrets provider: where there is such a file."""

LISTS: Final = frozenset({"KUBECONFIG", "SSL_CERT_DIR"})
"""Those that may name several, like PATH."""


def rooted(environ: Mapping[str, str], cwd: Path, root: Path) -> dict[str, str]:
    """The environment with relative paths made absolute; `root` is the project's directory.

    What is no path of a file that is there, stays as it is: some variables may hold content instead.
    """
    found = dict(environ)
    for name in OF_THE_CLI:
        if value := environ.get(name):
            found[name] = os.path.normpath(cwd / value)
    for name in SHARED:
        if value := environ.get(name):
            parts = value.split(os.pathsep) if name in LISTS else [value]
            found[name] = os.pathsep.join(_rooted(part, (root, cwd)) for part in parts)
    return found


def standing(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for a process of ours in another directory: what we read from where we stand, made absolute."""
    found = dict(environ)
    if value := environ.get(OVERRIDE):
        found[OVERRIDE] = value if value.startswith("~") else os.path.abspath(value)  # noqa: PTH100 - links are kept
    if value := environ.get("PATH"):
        found["PATH"] = os.pathsep.join(map(os.path.abspath, value.split(os.pathsep)))
    return found


def _rooted(value: str, bases: tuple[Path, ...]) -> str:
    if not value or Path(value).is_absolute():
        return value
    there = (base / value for base in bases)
    return next((os.path.normpath(path) for path in there if _exists(path)), value)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a text too long to be a name
        return False
