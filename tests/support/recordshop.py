"""A project whose updates are recorded in git, on a file backend written by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pulumi_rewind.records.store import Records
from pulumi_rewind.session import Session, open_session
from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo


class Shop:
    """A Pulumi project with a file backend, in a git repository unless `git` is False."""

    def __init__(self, root: Path, *, git: bool = True, inside: str = "") -> None:
        self.root = root
        self.store = FileStore(root / "state")
        self.repo = GitRepo(root / "work") if git else None
        self.work = root / "work" / inside
        self.work.mkdir(parents=True, exist_ok=True)
        self.write("Pulumi.yaml", "name: shop\nruntime: python\n")
        self.write("Pulumi.dev.yaml", "config:\n  shop:size: '3'\n  shop:key:\n    secure: v1:abc:def\n")

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def git(self, *arguments: str) -> str:
        assert self.repo is not None
        return self.repo.git(*arguments)

    def deploy(self, value: object, *, commit: bool = True, **options: Any) -> int:
        """An update from a commit of its own."""
        sha = ""
        if self.repo is not None:
            sha = self.repo.commit(f"release {value}") if commit else self.git("rev-parse", "HEAD")
        return self.store.add(value, commit=sha, **options)

    def session(self, cwd: Path | None = None, /, **environ: str) -> Session:
        base = {"PULUMI_BACKEND_URL": self.store.url, "HOME": str(self.root), "PATH": os.environ["PATH"]}
        return open_session(cwd or self.work, "dev", environ={**base, **environ})

    def records(self) -> Records:
        found = self.session().records
        assert found is not None
        return found

    def lose(self, number: int, *kinds: str) -> None:
        """The backend loses files of an update: ``history``, ``checkpoint``."""
        for kind in kinds or ("history", "checkpoint"):
            self.store.path(kind, number).unlink()
