"""A real git repository for a test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from pulumi_rewind.project.repository import Repository, open_repository


class GitRepo:
    """A new repository with branch ``main`` and no commit; each commit is an hour after the one before."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.root = root
        self.made = 0
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *arguments: str, stdin: bytes = b"") -> str:
        """Runs git and returns what it prints."""
        moment = f"{1_764_000_000 + self.made * 3600} +0000"
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.test",
            "GIT_AUTHOR_DATE": moment,
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.test",
            "GIT_COMMITTER_DATE": moment,
        }
        done = subprocess.run(["git", *arguments], cwd=self.root, env=environ, input=stdin, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"git {' '.join(arguments)} failed: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    def commit(self, title: str, *tags: str) -> str:
        """Makes a commit with a file of its own and returns its id; tags starting with ``@`` are annotated."""
        self.made += 1
        (self.root / f"file-{self.made}").write_text(title)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--file", "-", stdin=title.encode())
        for tag in tags:
            if tag.startswith("@"):
                self.git("tag", "--annotate", tag[1:], "--message", tag)
            else:
                self.git("tag", tag)
        return self.git("rev-parse", "HEAD")

    def open(self) -> Repository:
        repository = open_repository(self.root)
        assert repository is not None
        return repository
