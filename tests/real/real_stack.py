"""A stack of real providers for a test: a project in three versions and a broken one, each a tag of its repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.orphaned_providers import reap
from scripts.real import install_plugin
from tests.support.faults import OWN
from tests.support.stack import EngineStack
from tests.support.terminal import Ran

STACKS = Path(__file__).parent / "stacks"
_GIVEN_ELSEWHERE = frozenset({"node_modules", "plugins"})


class RealStack(EngineStack):
    """One stack of one of the projects under ``stacks``; what a version is, its program reads from the file VERSION."""

    patience = 900
    """In seconds: an instance at moto is waited for by the minute, a Go program is compiled first."""

    def __init__(self, directory: Path, engine: Path, project: str, built: Path, plugins: Mapping[str, str]) -> None:
        """`built` is what ``scripts.real`` has made; `plugins` are the providers with their versions."""
        self.built = built
        self.secrets: list[str] = []
        """What may be in no file in plain text, besides the passphrase."""
        super().__init__(directory, engine, project=project, passphrase="no file may hold this passphrase")
        self.use_plugin_processes()
        self.extra_environ["TMPDIR"] = str(directory / "tmp")
        self.extra_environ["XDG_STATE_HOME"] = str(directory / "state")
        (directory / "tmp").mkdir()
        shutil.rmtree(self.home / "plugins")
        for name, version in plugins.items():
            install_plugin(self.home, name, version, built)
        (self.root / "__main__.py").unlink()
        shutil.copytree(STACKS / project, self.root, dirs_exist_ok=True)

    @property
    def environ(self) -> dict[str, str]:
        """As of any stack, with the language hosts and SDKs of the real programs."""
        given = super().environ
        return given | {
            "PATH": os.pathsep.join([given["PATH"], str(self.built / "hosts")]),
            "PYTHONPATH": self.extra_environ.get("PYTHONPATH", str(self.built / "python")),
            "GOGC": "100",
            "GOMEMLIMIT": "off",
        }

    def _run(self, command: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
        try:
            return super()._run(command, stdin)
        finally:
            reap(self.built, self.home)

    def close(self) -> None:
        """Ends what serves the stack, and what its engines have left behind."""
        super().close()
        reap(self.built, self.home)

    def hide(self, key: str, value: str) -> None:
        """Sets a secret of the configuration that no file may then hold."""
        self.config_set(key, value, secret=True)
        self.secrets.append(value)

    def make_versions(self, *versions: int) -> None:
        """Commits the project once for each version, with the tag ``v1``, ``v2``, …; set the configuration first."""
        ignored = self.root / ".gitignore"
        ignored.write_text((ignored.read_text() if ignored.exists() else "") + "__pycache__/\nnode_modules\n")
        for version in versions:
            self.write_version(version)
            self.git_commit(f"Release {version}", tag=f"v{version}")

    def write_version(self, version: int) -> None:
        """Makes the files of the project those of a version."""
        (self.root / "VERSION").write_text(f"{version}\n")

    def check_out(self, version: int) -> None:
        """Goes to the commit of a version."""
        self.git("checkout", "--quiet", f"v{version}")

    def deploy(self, version: int) -> None:
        """Deploys a version as its commit has it."""
        self.check_out(version)
        self.pulumi("up", "--yes", "--skip-preview", "-s", self.name)

    def rewind(self, *arguments: str) -> Ran:
        """Runs our own command in the project to its end, without a terminal."""
        done = self.run([*OWN, *arguments, "-s", self.name])
        return Ran(done.returncode, done.stdout, done.stderr)

    def planned_changes(self, version: int, ignored: frozenset[str] = frozenset()) -> list[str]:
        """What the program of a version would change now: ``update ssm-url``; `ignored` are names of resources."""
        self.check_out(version)
        steps: list[dict[str, Any]] = self.preview_json().get("steps") or []
        changes = {(step["op"], step["urn"].split("::")[-1]) for step in steps if step["op"] not in {"same", "read"}}
        return sorted(f"{op} {name}" for op, name in changes if name not in ignored)

    def files_with_secrets(self) -> list[str]:
        """The files below the stack's directory that hold a secret in plain text, also those inside of git."""
        words = [word.encode() for word in [*self.secrets, self.passphrase]]
        found = []
        for folder, names, files in os.walk(self.directory):
            inside_git = ".git" in Path(folder).relative_to(self.directory).parts
            names[:] = [name for name in names if name not in _GIVEN_ELSEWHERE]
            for path in (Path(folder) / name for name in files):
                if path.is_symlink() or not path.is_file():
                    continue
                raw = path.read_bytes()
                if inside_git and raw[:1] == b"\x78":
                    raw = zlib.decompress(raw)
                found += [str(path.relative_to(self.directory)) for word in words if word in raw]
        return sorted(set(found))
