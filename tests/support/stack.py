"""A real Pulumi stack for a test: project, file backend, private home, git, and the CLI to drive it."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from tests.support import deployments
from tests.support.python_command import python_command
from tests.support.sealing import unsealed
from tests.support.served import PROVIDERS, ServedProvider, serve_bridged

REFUSED = (1, 255)
"""What the CLI ends with when it does nothing; 255 is that of one before 3.229."""


class EngineStack:
    """One stack of one project.

    ``root`` (the project), ``home`` (PULUMI_HOME), ``backend`` and ``objects`` (the physical objects of the
    `bridged` provider) lie under `directory`. Every process gets `environ` and nothing else.
    """

    patience: ClassVar[float] = 240
    """Seconds that one command may take; a hanging engine must not hang the tests."""

    def __init__(
        self,
        directory: Path,
        engine: Path,
        *,
        project: str = "shop",
        stack: str = "dev",
        passphrase: str = "correct horse battery staple",
    ) -> None:
        self.directory = directory
        self.engine = engine
        self.project = project
        self.name = stack
        self.passphrase = passphrase
        self.root = directory / "project"
        self.home = directory / "pulumi-home"
        self.backend = directory / "backend"
        self.objects = directory / "objects"
        self._home = directory / "home"
        self._servers: dict[str, Callable[[], ServedProvider]] = {"bridged": lambda: serve_bridged(self.objects)}
        self._served: dict[str, ServedProvider] = {}
        self.attached = True
        """Whether the engine uses the provider that this process serves, see `use_plugin_processes`."""
        self.extra_environ: dict[str, str] = {}
        """Set or override variables here; `environ` takes them up."""
        for path in (self.root, self.home, self.backend, self.objects, self._home):
            path.mkdir(parents=True)
        (self.root / "Pulumi.yaml").write_text(f"name: {project}\nruntime: python\n")
        self.write_program("")
        self.install_provider("1.0.0")
        self._init()

    def _init(self) -> None:
        """``pulumi stack init``, the first time; what it wrote is copied for the next stack of that name."""
        asked = (str(self.engine), self.project, self.name, self.passphrase)
        key, places = hashlib.sha256(repr(asked).encode()).hexdigest(), (self.backend, self.root)
        if deployments.restore(key, places) is None:
            deployments.keep(key, places, self.pulumi("stack", "init", self.name))
            deployments.restore(key, places)  # of two that were made at once the first counts: all have one salt
        digest = hashlib.sha1(str(self.root / "Pulumi.yaml").encode()).hexdigest()
        selected = self.home / "workspaces" / f"{self.project}-{digest}-workspace.json"
        selected.parent.mkdir(mode=0o700, exist_ok=True)
        name = f"organization/{self.project}/{self.name}"
        # Before 3.256 the note was about one stack for all backends.
        selected.write_text(json.dumps({"stack": name, "stacks": {self.backend.as_uri(): name}}))

    @property
    def backend_url(self) -> str:
        """Where the stack is kept."""
        return self.backend.as_uri()

    @property
    def environ(self) -> dict[str, str]:
        """The whole environment for the CLI and for our own sessions."""
        path = [str(self.engine.parent), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        return {
            "PATH": os.pathsep.join(path),
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "PULUMI_HOME": str(self.home),
            "PULUMI_BACKEND_URL": self.backend_url,
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase,
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "GOGC": "off",  # for processes that end at once, …
            "GOMEMLIMIT": "1GiB",  # … and do not grow without limit
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_PYTHON_CMD": str(python_command()),
            "PYTHONPATH": str(PROVIDERS),
            "PYTHONWARNINGS": "ignore",
            "BRIDGED_ROOT": str(self.objects),
            **self._attached(),
            **({} if deployments.shared is None else {"XDG_CACHE_HOME": str(deployments.shared / "cache")}),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada Tester",
            "GIT_AUTHOR_EMAIL": "ada@example.test",
            "GIT_COMMITTER_NAME": "Ada Tester",
            "GIT_COMMITTER_EMAIL": "ada@example.test",
            **self.extra_environ,
        }

    def _attached(self) -> dict[str, str]:
        """Tells the engine to use the providers that this process serves; they are started when first needed."""
        if not self.attached:
            return {}
        for name, serve in self._servers.items():
            if name not in self._served:
                self._served[name] = serve()
        return {"PULUMI_DEBUG_PROVIDERS": ",".join(f"{name}:{one.port}" for name, one in self._served.items())}

    def attach(self, name: str, serve: Callable[[], ServedProvider]) -> None:
        """Lets this process serve one more provider."""
        self._servers[name] = serve

    def use_plugin_processes(self) -> None:
        """Lets each engine start its own provider processes: for several versions, explicit providers and kills."""
        self.attached = False
        self.close()

    def close(self) -> None:
        """Ends the providers that this process serves."""
        while self._served:
            self._served.popitem()[1].close()

    @property
    def config_file(self) -> Path:
        """``Pulumi.<stack>.yaml``."""
        return self.root / f"Pulumi.{self.name}.yaml"

    @property
    def state_file(self) -> Path:
        """The live checkpoint as the backend stores it."""
        return self.backend / ".pulumi" / "stacks" / self.project / f"{self.name}.json"

    @property
    def history_directory(self) -> Path:
        """Where the backend keeps history records and old checkpoints."""
        return self.backend / ".pulumi" / "history" / self.project / self.name

    # -- the program --------------------------------------------------------------------------------------------

    def write_program(self, text: str) -> None:
        """Replaces ``__main__.py``; `pulumi`, `bridged_sdk` and `file_resource` can be imported there."""
        (self.root / "__main__.py").write_text(text)
        # Python tells a stale cache by size and whole second: a second program of that size would be the first again
        shutil.rmtree(self.root / "__pycache__", ignore_errors=True)

    def write_file(self, name: str, text: str) -> Path:
        """Writes a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def install_provider(self, version: str, python: Path | None = None) -> None:
        """Installs the `bridged` provider as a plugin of that version; several can stand side by side.

        `python` runs it instead of a copy of a process that has the SDK loaded, whose CPU no engine is charged for.
        """
        directory = self.home / "plugins" / f"resource-bridged-v{version}"
        directory.mkdir(parents=True, exist_ok=True)
        binary = directory / "pulumi-resource-bridged"
        real = PROVIDERS / "pulumi-resource-bridged"
        binary.write_text(
            "#!/bin/sh\n"
            f"export BRIDGED_VERSION={version} BRIDGED_PYTHON={shlex.quote(str(python or python_command()))}\n"
            f'exec {shlex.quote(str(real))} "$@"\n'
        )
        binary.chmod(0o755)

    # -- the CLI ------------------------------------------------------------------------------------------------

    def pulumi(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs the CLI in the project; a failure is an AssertionError with what it printed."""
        done = self._run([str(self.engine), *arguments, "--non-interactive", "--color", "never"], stdin)
        if check and done.returncode != 0:
            raise AssertionError(f"pulumi {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def run(self, arguments: Sequence[str], *, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs any program in the project with this environment."""
        return self._run(list(arguments), stdin)

    def _run(self, command: list[str], stdin: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=self.patience,
            check=False,
        )

    def up(
        self, program: str | None = None, *arguments: str, expect_failure: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Writes the program, if one is given, and deploys it; the same deployment made before is copied."""
        if program is not None:
            self.write_program(program)
        key, places = deployments.key_of(self, arguments), (self.backend, self.objects)
        if key is not None and not expect_failure and (copied := deployments.restore(key, places)):
            return copied
        done = self.pulumi("up", "--yes", "--skip-preview", "-s", self.name, *arguments, check=not expect_failure)
        if expect_failure and done.returncode == 0:
            raise AssertionError(f"pulumi up was to fail, but succeeded:\n{done.stdout}")
        if key is not None and done.returncode == 0:
            deployments.keep(key, places, done)
        return done

    def preview_json(self, *arguments: str, check: bool = True) -> dict[str, Any]:
        """What ``pulumi preview --json`` says: ``steps``, ``changeSummary``, ``diagnostics``."""
        done = self.pulumi("preview", "--json", "-s", self.name, *arguments, check=check)
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def expect_no_changes(self) -> None:
        """Asserts that the program in the working tree changes nothing at all."""
        preview = self.preview_json()
        steps = [(step["op"], step["urn"]) for step in preview.get("steps", []) if step["op"] != "same"]
        if steps or set(preview.get("changeSummary") or {}) - {"same"}:
            raise AssertionError(f"a preview shows changes: {steps or preview['changeSummary']}")

    def refresh(self) -> subprocess.CompletedProcess[str]:
        """Takes drift into the state."""
        return self.pulumi("refresh", "--yes", "--skip-preview", "-s", self.name)

    def destroy(self) -> subprocess.CompletedProcess[str]:
        """Deletes all resources."""
        return self.pulumi("destroy", "--yes", "--skip-preview", "-s", self.name)

    def config_set(self, key: str, value: str, *, secret: bool = False) -> None:
        """Sets a config value; secrets go through standard input, never the command line."""
        flag = "--secret" if secret else "--plaintext"
        self.pulumi("config", "set", "-s", self.name, flag, key, stdin=value)

    def export(self, *, show_secrets: bool = True) -> dict[str, Any]:
        """The live state as ``pulumi stack export`` prints it, read from its file where there is a plain one."""
        stored = self.state_file.read_bytes() if self.state_file.exists() else b""
        if stored.startswith(b"{"):
            found = {"version": 3, "deployment": json.loads(stored)["checkpoint"].get("latest") or {}}
            hidden = show_secrets and b'"ciphertext"' in stored
            return unsealed(found, self.environ["PULUMI_CONFIG_PASSPHRASE"]) if hidden else found
        flags = ["--show-secrets"] if show_secrets else []
        result: dict[str, Any] = json.loads(self.pulumi("stack", "export", "-s", self.name, *flags).stdout)
        return result

    def resources(self, *, show_secrets: bool = True) -> dict[str, dict[str, Any]]:
        """The resources of the live state by logical name; the stack and default providers included."""
        found = self.export(show_secrets=show_secrets)["deployment"].get("resources") or []
        return {res["urn"].split("::", 3)[3]: res for res in found}

    def history(self) -> list[dict[str, Any]]:
        """What ``pulumi stack history --json`` says, newest first."""
        result: list[dict[str, Any]] = json.loads(self.pulumi("stack", "history", "--json", "-s", self.name).stdout)
        return result

    # -- git ----------------------------------------------------------------------------------------------------

    def git(self, *arguments: str) -> str:
        """Runs git in the project and returns what it prints."""
        done = self._run(["git", *arguments], "")
        if done.returncode != 0:
            raise AssertionError(f"git {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done.stdout.strip()

    def git_commit(self, message: str, *, tag: str | None = None) -> str:
        """Commits everything (the first time in a new repository) and returns the commit; `tag` is annotated."""
        if not (self.root / ".git").exists():
            self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        if tag is not None:
            self.git("tag", "--annotate", tag, "--message", tag)
        return self.git("rev-parse", "HEAD")

    # -- the physical world of the bridged provider -------------------------------------------------------------

    def physical(self, prefix: str | None = None) -> dict[str, dict[str, Any]]:
        """The objects that are there by id, as ``{"id", "type", "inputs"}``; prefix: srv, bkt or db."""
        records = [json.loads(path.read_text()) for path in sorted(self.objects.glob(f"{prefix or '*'}/*.json"))]
        return {record["id"]: record for record in records}

    def calls(self) -> list[dict[str, str]]:
        """What the provider was asked to do since the last `forget_calls`: operation, name, id."""
        log = self.objects / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def forget_calls(self) -> None:
        """Empties the record of calls."""
        (self.objects / "calls.jsonl").unlink(missing_ok=True)

    def trouble(self, *rules: Mapping[str, Any]) -> None:
        """Makes the provider misbehave: ``trouble({"name": "web", "operation": "update", "action": "fail"})``.

        Actions: fail, hang (until the rules are gone or the engine cancels), slow (``seconds``), partial. No
        rules: all is well again.
        """
        path = self.objects / "control.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(list(rules)))
        part.replace(path)
