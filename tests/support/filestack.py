"""A project with a file backend written by hand, and ways to run the command line in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi_rewind.state.values import SECRET, SIG
from tests.support.terminal import Ran, run_in_terminal

NOON = 1_795_600_000
"""The first update's start, Unix seconds."""


@dataclass
class FileStack:
    """A Pulumi project and its file backend; history and states are written directly."""

    root: Path
    project: str = "shop"
    name: str = "dev"
    env: dict[str, str] = field(default_factory=dict)
    count: int = 0

    def __post_init__(self) -> None:
        """Makes the project, an empty backend and a private environment without any pulumi CLI."""
        for directory in (self.work, self.state, self.root / "home", self.root / "bin"):
            directory.mkdir(parents=True)
        (self.work / "Pulumi.yaml").write_text(f"name: {self.project}\nruntime: python\n")
        (self.state / ".pulumi").mkdir()
        (self.state / ".pulumi" / "meta.yaml").write_text("version: 1\n")
        keep = {"LANG", "LC_ALL", "PYTHONPATH", "TZ", "COVERAGE_PROCESS_START"}
        self.env = {key: value for key, value in os.environ.items() if key in keep} | {
            "PATH": f"{self.root / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.root / "home"),
            "PULUMI_HOME": str(self.root / "home" / ".pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_STACK": self.name,
            "PYTHONIOENCODING": "utf-8",
            "TERM": "xterm-256color",
            "COLUMNS": "140",
            **self.env,
        }

    @property
    def work(self) -> Path:
        """The project's directory."""
        return self.root / "work"

    @property
    def state(self) -> Path:
        """The backend's directory."""
        return self.root / "state"

    @property
    def live_file(self) -> Path:
        """The file that holds the live state."""
        return self.state / ".pulumi" / "stacks" / self.project / f"{self.name}.json"

    @property
    def history(self) -> Path:
        """The directory of the history."""
        return self.state / ".pulumi" / "history" / self.project / self.name

    def urn(self, name: str, type_: str = "test:index:Thing") -> str:
        """The URN of a resource of this stack."""
        return f"urn:pulumi:{self.name}::{self.project}::{type_}::{name}"

    def resource(
        self, name: str, inputs: dict[str, Any], type_: str = "test:index:Thing", **more: Any
    ) -> dict[str, Any]:
        """One custom resource as a checkpoint holds it."""
        made = {"urn": self.urn(name, type_), "custom": True, "type": type_, "id": f"{name}-1", "inputs": inputs}
        return {**made, "outputs": dict(inputs), "parent": self.stack_urn, **more}

    @property
    def stack_urn(self) -> str:
        """The URN of the root resource."""
        return self.urn(f"{self.project}-{self.name}", "pulumi:pulumi:Stack")

    def checkpoint(self, resources: list[dict[str, Any]], **deployment: Any) -> bytes:
        """A state file."""
        root = {"urn": self.stack_urn, "custom": False, "type": "pulumi:pulumi:Stack"}
        latest = {
            "manifest": {"time": "2026-11-23T06:40:57Z", "magic": "", "version": "v3.276.0"},
            "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:abc=:v1:def:ghi"}},
            "resources": [root, *resources],
            "metadata": {},
            **deployment,
        }
        fqn = f"organization/{self.project}/{self.name}"
        return json.dumps({"version": 3, "checkpoint": {"stack": fqn, "latest": latest}}).encode()

    def update(self, *resources: dict[str, Any], result: str = "succeeded", **record: Any) -> int:
        """Adds an update whose state is live from now on; returns its number."""
        state = self.checkpoint(list(resources))
        start = NOON + 60 * self.count
        self.count += 1
        entry = {
            "kind": "update",
            "startTime": start,
            "endTime": start + 14,
            "message": f"change {self.count}",
            "environment": {},
            "config": {},
            "version": 0,
            "result": result,
            "resourceChanges": {"update": 1},
            **record,
        }
        self.history.mkdir(parents=True, exist_ok=True)
        stem = f"{self.name}-{start}000000000"
        (self.history / f"{stem}.history.json").write_text(json.dumps(entry))
        (self.history / f"{stem}.checkpoint.json").write_bytes(state)
        self.set_live(state)
        return self.count

    def set_live(self, state: bytes) -> None:
        """Replaces the live state without an update."""
        self.live_file.parent.mkdir(parents=True, exist_ok=True)
        self.live_file.write_bytes(state)

    def checkpoint_file(self, number: int) -> Path:
        """The file with the state of an update."""
        return sorted(self.history.glob("*.checkpoint.json"))[number - 1]

    def record_file(self, number: int) -> Path:
        """The file with the record of an update."""
        return sorted(self.history.glob("*.history.json"))[number - 1]

    def git(self, *args: str) -> str:
        """Runs git in the project."""
        config = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main")
        env = {**self.env, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        done = subprocess.run(
            ["git", *config, *args], cwd=self.work, env=env, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def run(self, *args: str, cwd: Path | None = None, env: Mapping[str, str] = {}) -> Ran:
        """Runs a command line without a terminal."""
        done = subprocess.run(
            [sys.executable, "-m", "pulumi_rewind_tui.cli", *args],
            cwd=cwd or self.work,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def terminal(
        self, *args: str, answers: dict[str, str] | None = None, colors: bool = False, env: Mapping[str, str] = {}
    ) -> Ran:
        """Runs a command line in a terminal; when a key of `answers` appears, its value is typed."""
        return run_in_terminal(
            [sys.executable, "-m", "pulumi_rewind_tui.cli", *args],
            self.work,
            {**self.env, **env},
            answers or {},
            colors=colors,
        )


def encrypted(ciphertext: str) -> dict[str, str]:
    """A secret as a checkpoint holds it."""
    return {SIG: SECRET, "ciphertext": ciphertext}
