"""Signatures of records by ssh keys: made and checked by ``ssh-keygen -Y``, which git signs commits with as well.

What is signed are the bytes of ``update.json``: project, stack, number, digest of the backend, and the SHA-256 and mode
of every other file.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pulumi_rewind.errors import RecordError
from pulumi_rewind.project.settings import UserSettings
from pulumi_rewind.system.private_directory import private_directory

NAMESPACE: Final = "pulumi-rewind"
LIMIT: Final = 64 << 10
"""Bytes of a signature that is looked at."""
PATIENCE: Final = 60
"""Seconds that a key in hardware or an agent has to answer."""
_PASSED_ON: Final = ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER")


class Signatures:
    """Signs, and says who signed, as the user's settings want it."""

    def __init__(self, settings: UserSettings, environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._environ = environ

    @property
    def signs(self) -> bool:
        """Whether records are to be signed."""
        return self._settings.sign_with is not None

    @property
    def checks(self) -> bool:
        """Whether there are signers whose records count."""
        return self._settings.allowed_signers is not None

    def sign(self, content: bytes) -> bytes:
        """The signature of a content.

        Raises:
            RecordError: ssh-keygen is missing, or the key or its agent failed. Nobody is asked for a passphrase.
        """
        done = self._run(["sign", "-n", NAMESPACE, "-f", str(self._settings.sign_with)], content)
        if done.returncode != 0 or not done.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
            raise RecordError(
                f"the record can't be signed with {self._settings.sign_with}: {_said(done)}",
                hint="A key with a passphrase must be in an ssh agent.",
            )
        return done.stdout

    def signer(self, content: bytes, signature: bytes) -> str:
        """The allowed signer whose signature it is.

        Raises:
            RecordError: its signer is not allowed, it is of another content, or it can't be checked.
        """
        allowed = self._settings.allowed_signers
        if allowed is None or not allowed.is_file():
            raise RecordError(f"the allowed signers file does not exist: {allowed or ''}".rstrip())
        with private_directory() as private:
            file = private / "signature"
            file.write_bytes(signature[:LIMIT])
            found = self._run(["find-principals", "-f", str(allowed), "-s", str(file)], b"")
            names = found.stdout.decode(errors="replace").splitlines() if found.returncode == 0 else []
            for name in names:
                command = ["verify", "-f", str(allowed), "-I", name, "-n", NAMESPACE, "-s", str(file)]
                if self._run(command, content).returncode == 0:
                    return name
        if names:
            raise RecordError(f"its signature by {names[0]} belongs to another record")
        raise RecordError("its signer is not in the allowed signers file")

    def _run(self, command: Sequence[str], content: bytes) -> subprocess.CompletedProcess[bytes]:
        program = shutil.which("ssh-keygen", path=self._environ.get("PATH", ""))
        if program is None or not Path(program).is_absolute():
            raise RecordError("there is no ssh-keygen on PATH, which makes and checks signatures")
        environ = {name: self._environ[name] for name in _PASSED_ON if name in self._environ}
        # Without a terminal, and with an asker that says no, it fails instead of asking for a passphrase.
        environ |= {"LC_ALL": "C", "SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}
        try:
            return subprocess.run(
                [program, "-Y", *command],
                input=content,
                capture_output=True,
                env=environ,
                cwd="/",
                start_new_session=True,
                timeout=PATIENCE,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as err:
            raise RecordError(f"ssh-keygen failed: {err}") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "ssh-keygen gave no reason"
