"""Whether there can be records of a stack, as the file system tells: a stack without any pays nothing for them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pulumi_rewind.project.git_place import find_repository
from pulumi_rewind.system.untrusted import CHECKPOINT, read_bytes

REFS: Final = "refs/pulumi-rewind"


def may_have_records(root: Path, *, folder: str = REFS) -> bool:
    """Whether the repository that `root` lies in can have records at all; asks the file system, not git.

    Without records nothing is to be paid for them: a git process costs more than reading a long history.
    """
    place = find_repository(root)
    if place is None:
        return False
    common = place.common_directory
    if (common / "reftable").is_dir() or (common / folder).is_dir():
        return True
    try:
        return f" {folder}/".encode() in read_bytes(common / "packed-refs", CHECKPOINT)
    except OSError:
        return False


def place_of(root: Path, named: str) -> Path:
    """Where the repository for records is looked for: where ``records_repository`` says, else at `root`."""
    try:
        return root / Path(named).expanduser()
    except RuntimeError:  # the home of a user that doesn't exist
        return root / named
