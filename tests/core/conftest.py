"""What tests of the core start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.filestore import FileStore
from tests.support.gitrepo import GitRepo


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    """A file backend without any update."""
    return FileStore(tmp_path / "backend")


@pytest.fixture
def repo(tmp_path: Path) -> GitRepo:
    """A fresh repository."""
    return GitRepo(tmp_path / "repo")
