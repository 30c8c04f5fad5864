"""Which commits a stack went back over and HEAD still contains: the next deploy of HEAD would apply them again.

The one computation for the result of a rollback, the incident note and `revert`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_rewind.errors import RewindError
from pulumi_rewind.project.workspace import project_document
from pulumi_rewind.strategies.program.source import program_update
from pulumi_rewind.system.shell import command

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Commit, Logged, Repository
    from pulumi_rewind.project.workspace import Workspace
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update

NEAR: Final = 100
"""Of how many updates the result of a run looks for commits to revert."""

COMMITS: Final = 2000
"""How many commits of HEAD since the target's are looked at; beyond that nothing is said."""

_SAID: Final = re.compile(
    r"^This reverts commit ([0-9a-f]{40,64})(?:,\s+reversing\s+changes\s+made\s+to\s+([0-9a-f]{40,64}))?", re.MULTILINE
)
"""What git writes into the message of a revert; of a merge with the parent that stays."""

_TITLE: Final = re.compile(r'Revert "(.*)"(?: \(#[0-9]+\))?')
"""What is left of it where a forge or a person wrote the message."""


@dataclass(frozen=True)
class Reverts:
    """What in git would bring back what a rollback went back over."""

    commits: tuple[Commit, ...] = ()
    """Those that HEAD still contains, as they are to be reverted: newest first, and a merge for all that it brought."""
    mainline: Mapping[str, int] = field(default_factory=dict)
    """The merges among them → the parent whose side stays, counted from 1."""
    elsewhere: tuple[Commit, ...] = ()
    """Those that change nothing of the project."""
    reverted: tuple[Commit, ...] = ()
    """Those that HEAD has reverted."""
    head: str = ""
    """The commit that was HEAD; empty where it wasn't looked at."""
    problem: str = ""
    """Why it isn't known."""


def reverts_since(session: Session, target: Update) -> Reverts:
    """The commits that were deployed after an update, are not in it, and are in HEAD: the next deploy applies them."""
    newest = len(session.timeline)
    numbers = range(max(target.number, newest - NEAR) + 1, newest + 1)
    return reverts_of(session, target, tuple(map(session.timeline.history.update, numbers)))


def reverts_of(session: Session, target: Update | None, over: Sequence[Update], *, every: bool = False) -> Reverts:
    """The commits that came in with the updates `over`, are not in the target's program, and are in HEAD.

    Without `every`, those that change nothing of the project stand apart: see `project_places`.
    """
    repository = session.repository
    if repository is None or target is None:
        return Reverts()
    head = repository.head()
    wanted = dict.fromkeys(_deployed(session, one) for one in reversed(over))
    kept = _deployed(session, target)
    wanted = {sha: None for sha in wanted if sha and sha != kept}
    if not wanted or not head:
        return Reverts(head=head)
    if not kept:
        return Reverts(head=head, problem=f"the commit that #{target.number} was deployed from is unknown")
    known = repository.commits((kept, *wanted))
    if lacking := next((sha for sha in (kept, *wanted) if sha not in known), None):
        return Reverts(head=head, problem=f"commit {lacking[:7]} is not in this repository")
    since = repository.logged(kept, head, COMMITS)
    if len(since) == COMMITS:
        return Reverts(head=head, problem=f"HEAD has {COMMITS:,} or more commits that {kept[:7]} does not have")
    if since and repository.shallow() and not repository.is_ancestor(kept, head):
        return Reverts(head=head, problem=f"this clone is shallow: what lies between {kept[:7]} and HEAD is cut off")
    places = () if every else project_places(session.workspace, repository)
    touching = repository.between(kept, head, *places) if places else None
    return _Range(repository, kept, head, since).reverts(wanted, touching)


def project_places(workspace: Workspace, repository: Repository) -> tuple[Path, ...]:
    """What belongs to the project, from the top of the working tree; nothing where that is all of the repository.

    Its directory, the one of its program (``main``), and the one of its stacks' configuration.
    """
    top = Path(os.path.realpath(repository.root))
    places = [workspace.root, workspace.config_dir]
    with contextlib.suppress(RewindError):  # the engine says what is wrong with the file
        if isinstance(main := project_document(workspace.project_file).get("main"), str):
            program = workspace.root / main
            places.append(program if program.is_dir() else program.parent)
    real = [Path(os.path.realpath(place)) for place in places]
    found = dict.fromkeys(place.relative_to(top) for place in real if place.is_relative_to(top))
    return () if Path() in found else tuple(found)


def revert_command(session: Session, target: Update) -> str:
    """The command that takes those commits out of HEAD, empty if there are none."""
    found = reverts_since(session, target)
    return command("revert", session.stack.word) if found.commits or found.elsewhere else ""


def _deployed(session: Session, update: Update) -> str:
    """The commit whose program made an update's state, through rollbacks; empty if unknown."""
    made = program_update(session.timeline, update)
    return made.commit if made is not None else ""


class _Range:
    """The commits of HEAD that the target's program does not have."""

    def __init__(self, repository: Repository, kept: str, head: str, since: Sequence[Logged]) -> None:
        self._repository = repository
        self._kept = kept
        self._head = head
        self._since = since
        self._by_sha = {one.commit.sha: one for one in since}
        self._dead: set[str] = set()
        self._answers: set[str] = set()
        """Those that revert another one of the range, so that both together change nothing."""
        for one in since:
            self._take_back(one)

    def reverts(self, deployed: Iterable[str], touching: frozenset[str] | None) -> Reverts:
        """What is to be reverted of what came in with commits; `touching` is what changes the project, None: all."""
        gone = {sha for one in deployed for sha in self._came(one)}
        own = [one for one in self._since if one.commit.sha in gone and len(one.parents) < 2]
        alive = [one for one in own if one.commit.sha not in self._dead | self._answers]
        left = {one.commit.sha for one in alive if touching is None or one.commit.sha in touching}
        units: list[Commit] = []
        mainline: dict[str, int] = {}
        covered: set[str] = set()
        for one in self._since:
            sha = one.commit.sha
            if sha in covered or sha not in gone:
                continue
            if len(one.parents) > 1:
                number, brought = self._side(one, gone, left)
                if number:
                    covered |= brought
                    mainline[sha] = number
                    units.append(one.commit)
            elif sha in left:
                units.append(one.commit)
        return Reverts(
            commits=tuple(units),
            mainline=mainline,
            elsewhere=tuple(one.commit for one in alive if one.commit.sha not in left),
            reverted=tuple(one.commit for one in own if one.commit.sha in self._dead),
            head=self._head,
        )

    def _came(self, sha: str) -> set[str] | frozenset[str]:
        """What of the range came in with a commit, which need not be in HEAD itself."""
        if sha in self._by_sha:
            return self._reach(sha)
        return self._repository.between(self._kept, sha) & self._by_sha.keys()

    def _side(self, merge: Logged, gone: set[str], left: set[str]) -> tuple[int, frozenset[str]]:
        """The parent that stays if a merge is reverted as one, with what that takes back; 0: it is not to be.

        Only where each commit that it brought is to be reverted: otherwise these are reverted one by one.
        """
        if merge.commit.sha in self._dead:
            return 0, frozenset()
        for number, parent in enumerate(merge.parents, 1):
            brought = self._repository.between(parent, merge.commit.sha)
            plain = {sha for sha in brought if sha in self._by_sha and len(self._by_sha[sha].parents) < 2}
            if brought <= gone and plain and plain <= left:
                return number, brought
        return 0, frozenset()

    def _take_back(self, one: Logged) -> None:
        """Notes what a commit reverts; of one that was itself reverted, nothing."""
        if one.commit.sha in self._dead:
            return
        for sha, parent in self._named(one):
            if sha in self._by_sha:
                self._answers.add(one.commit.sha)
                self._dead |= {sha} | (self._reach(sha) - self._reach(parent) if parent else set())

    def _named(self, one: Logged) -> Iterator[tuple[str, str]]:
        """The commits that a message says it reverts, each with the parent that stayed of a merge."""
        found = [(match[1], match[2] or "") for match in _SAID.finditer(one.message)]
        title = _TITLE.fullmatch(one.commit.title)
        if not found and title is not None:
            before = self._since[self._since.index(one) + 1 :]
            same = (other.commit.sha for other in before if other.commit.title == title[1])
            found = [(sha, "") for sha in same if sha not in self._dead][:1]
        yield from found

    def _reach(self, sha: str) -> set[str]:
        """The commits of the range that a commit stands on, itself included."""
        found: set[str] = set()
        queue = [sha]
        while queue:
            one = queue.pop()
            if one in self._by_sha and one not in found:
                found.add(one)
                queue += self._by_sha[one].parents
        return found
