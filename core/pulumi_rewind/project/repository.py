"""The git repository that a project lies in: commits, tags, branches.

A repository is help, never a condition: what it lacks (a pruned commit, a shallow history, git itself) comes back as
None or empty. Where it lies, the file system tells; everything else is asked of single git processes.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pulumi_rewind.project.git_place import Place, find_repository
from pulumi_rewind.system.git import GitCommand, GitFailed, git_is_there
from pulumi_rewind.system.untrusted import RECORD, read_bytes

_HASH: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REVERTS: Final = re.compile(r"\bThis reverts commit ([0-9a-f]{40}(?:[0-9a-f]{24})?)\b")
_FORMAT: Final = "--format=%H%x00%an%x00%ct%x00%s"
_WHOLE: Final = "--format=tformat:%H%x00%an%x00%ct%x00%s%x00%P%x00%B"
AT_ONCE: Final = 500
"""Commits asked for in one git process; bounded by the length of a command line."""

DEPTH: Final = 20_000
"""How many ancestors are looked through for one that was deployed."""


@dataclass(frozen=True)
class Commit:
    """One commit, as far as it is shown."""

    sha: str
    title: str
    author: str
    time: int
    """Unix seconds of the commit."""


@dataclass(frozen=True)
class Logged:
    """A commit with its place in the history."""

    commit: Commit
    parents: tuple[str, ...]
    message: str
    """All of it, the title included."""


class Repository:
    """Reads a repository. What was read is kept until `refresh`."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.command = GitCommand(place.top)
        """Runs git in it."""
        self._tags: dict[str, tuple[str, ...]] | None = None
        self._refusal: str | None = None
        self._root: Path | None = None
        self._commits: dict[str, Commit | None] = {}

    @property
    def root(self) -> Path:
        """The top of the working tree, which `core.worktree` can put elsewhere; of a bare repository, itself."""
        if self._root is None:
            self._root = Path(os.path.normpath(self._place.top / self._run("rev-parse", "--show-cdup")))
        return self._root

    @property
    def directory(self) -> Path:
        """Its git directory."""
        return self._place.directory

    @property
    def common_directory(self) -> Path:
        """The git directory with the refs and objects, which all its worktrees share."""
        return self._place.common_directory

    @property
    def refusal(self) -> str:
        """Why git doesn't read the repository at all, in its own words; empty where it does."""
        if self._refusal is None:
            self._refusal = self._refused()
        return self._refusal

    def gaps(self) -> str:
        """Why tags and commits may be unknown here, and the command that helps; empty where nothing is missing."""
        if self.refusal:
            return f"git refuses to read {self.root}: {self.refusal}. {trust_hint(self.refusal, self.root)}".rstrip()
        if self.shallow():
            return "This clone is shallow: `git fetch --unshallow --tags` gets the older commits and the tags."
        if not self.tags() and self._run("remote"):
            return "This clone has no tags: `git fetch --tags` gets them."
        return ""

    def refresh(self) -> None:
        """Forgets what was read, so that new commits and moved tags are seen."""
        self._tags = None
        self._refusal = None
        self._root = None
        self.command = GitCommand(self._place.top)
        self._commits.clear()

    def head(self) -> str:
        """The commit that is checked out, empty before the first."""
        return self._run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")

    def branch(self) -> str:
        """The branch that is checked out, empty on a detached HEAD."""
        return self._run("symbolic-ref", "--quiet", "--short", "HEAD")

    def dirty(self) -> bool:
        """Whether there are uncommitted changes; untracked files count, as they do for Pulumi."""
        return bool(self._run("status", "--porcelain", "--untracked-files=normal", submodules=True))

    def commit(self, sha: str) -> Commit | None:
        """A commit by its full id, None if the repository doesn't have it."""
        return self.commits((sha,)).get(sha)

    def commits(self, shas: Iterable[str]) -> dict[str, Commit]:
        """Commits by their full ids, in as few git processes as possible; those that are missing are left out."""
        wanted = [sha for sha in dict.fromkeys(shas) if _HASH.fullmatch(sha)]
        unread = [sha for sha in wanted if sha not in self._commits]
        for start in range(0, len(unread), AT_ONCE):
            chunk = unread[start : start + AT_ONCE]
            found = {commit.sha: commit for commit in self._log("--no-walk=unsorted", "--ignore-missing", *chunk, "--")}
            for sha in chunk:
                self._commits[sha] = found.get(sha)
        return {sha: commit for sha in wanted if (commit := self._commits.get(sha)) is not None}

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Commit id → all tags that point there, sorted; annotated ones followed to their commit."""
        if self._tags is None:
            targets: dict[str, str] = {}
            for line in self._run("show-ref", "--tags", "--dereference").splitlines():
                sha, _, ref = line.partition(" ")
                # The line of an annotated tag is followed by one ending in ^{} with what it points to.
                targets[ref.removeprefix("refs/tags/").removesuffix("^{}")] = sha
            by_commit: dict[str, list[str]] = {}
            for name in sorted(targets):
                by_commit.setdefault(targets[name], []).append(name)
            self._tags = {sha: tuple(names) for sha, names in by_commit.items()}
        return self._tags

    def branches(self) -> dict[str, str]:
        """Local branch → commit id."""
        listing = self._run("for-each-ref", "refs/heads", "--format=%(objectname) %(refname:lstrip=2)")
        pairs = (line.split(" ", 1) for line in listing.splitlines())
        return {name: sha for sha, name in pairs}

    def resolve(self, rev: str) -> str | None:
        """The commit id that a revision (tag, branch, short or full id, ``HEAD~2``) means; None if none or several."""
        if not rev or rev.startswith("-") or "\0" in rev:
            return None
        sha = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        return sha if _HASH.fullmatch(sha) else None

    def matching(self, prefix: str) -> tuple[str, ...]:
        """The ids of all commits that begin with `prefix` (4 or more hex digits), sorted."""
        if not re.fullmatch(r"[0-9a-f]{4,64}", prefix):
            return ()
        found = self._run("rev-parse", f"--disambiguate={prefix}").splitlines()
        return tuple(sorted(self.commits(found)))  # blobs and trees share the ids' space; only commits are meant

    def log(self, a: str, b: str, limit: int = 50) -> list[Commit]:
        """Commits reachable from `b` and not from `a` (all if `a` is empty), newest first, at most `limit`."""
        revisions = [rev for rev in (self.resolve(b), self.resolve(a) if a else None) if rev]
        if len(revisions) < (2 if a else 1):
            return []
        return list(self._log(f"--max-count={limit}", revisions[0], *(f"^{rev}" for rev in revisions[1:]), "--"))

    def logged(self, older: str, newer: str, limit: int) -> list[Logged]:
        """Commits reachable from `newer` and not from `older`, by their full ids; children before parents.

        At most `limit`.
        """
        if not (_HASH.fullmatch(older) and _HASH.fullmatch(newer)):
            return []
        how = ("-z", "--topo-order", _WHOLE, "--encoding=UTF-8", "--no-show-signature", "--no-color", "--no-notes")
        fields = iter(self._run("log", *how, f"--max-count={limit}", newer, f"^{older}", "--").split("\0"))
        return [
            Logged(Commit(sha, title, author, int(time)), tuple(parents.split()), message)
            for sha, author, time, title, parents, message in zip(*[fields] * 6, strict=False)
        ]

    def between(self, older: str, newer: str, *places: Path) -> frozenset[str]:
        """Ids of the commits reachable from `newer` and not from `older`, by their full ids.

        With `places`, from the top of the working tree, those that change something there; merges then left out.
        """
        if not (_HASH.fullmatch(older) and _HASH.fullmatch(newer)):
            return frozenset()
        how = ("--no-merges", "--full-history") if places else ()
        paths = [f":(top,literal){place}" for place in places]
        return frozenset(self._run("rev-list", *how, newer, f"^{older}", "--", *paths).splitlines())

    def merges(self, shas: Iterable[str]) -> frozenset[str]:
        """Those of some commits, by their full ids, that merge others."""
        wanted = [sha for sha in shas if _HASH.fullmatch(sha)]
        if not wanted:
            return frozenset()
        return frozenset(self._run("rev-list", "--no-walk", "--merges", *wanted[:AT_ONCE], "--").splitlines())

    def reverted(self, limit: int = DEPTH) -> frozenset[str]:
        """Full ids of the commits that HEAD has reverted, as the messages of `git revert` say.

        A revert that was reverted itself doesn't count. A message that says so in other words is not understood.
        """
        printed = self._run(
            "log", "--topo-order", f"--max-count={limit}", "--format=%H%x00%B%x00", "--encoding=UTF-8",
            "--no-show-signature", "--no-color", "--grep=This reverts commit", "HEAD", "--",
        )  # fmt: skip
        found: set[str] = set()
        parts = printed.split("\0")
        for sha, message in zip(parts[::2], parts[1::2], strict=False):  # newest first
            if sha.strip() not in found:
                found.update(_REVERTS.findall(message))
        return frozenset(found)

    def ancestors(self, sha: str, limit: int = DEPTH) -> Iterator[str]:
        """Ids of the commits that `sha` stands on, nearest first, itself included."""
        if _HASH.fullmatch(sha):
            yield from self._run("rev-list", f"--max-count={limit}", sha, "--").splitlines()

    def descendants(self, sha: str, tips: Iterable[str]) -> list[str]:
        """Ids of the commits between `sha` and any of `tips` that stand on it, nearest first, itself left out."""
        heads = [tip for tip in self.commits(tips) if tip != sha]
        if not heads or not _HASH.fullmatch(sha):
            return []
        found = self._run("rev-list", "--topo-order", "--ancestry-path", *heads[:AT_ONCE], f"^{sha}", "--").splitlines()
        return found[::-1]

    def shallow(self) -> bool:
        """Whether history was cut off when it was cloned."""
        return self._run("rev-parse", "--is-shallow-repository") == "true"

    def moved(self, tag: str) -> tuple[str, ...]:
        """The commits that a tag pointed to before, newest first, as far as git remembers (it rarely does)."""
        if not self.resolve(f"refs/tags/{tag}"):
            return ()
        # `git reflog` can't walk over tag objects, which annotated tags are.
        log = self._run("rev-parse", "--path-format=absolute", "--git-path", f"logs/refs/tags/{tag}")
        try:
            lines = read_bytes(log, RECORD).decode(errors="replace").splitlines() if log else []
        except OSError:
            return ()
        seen = [part for line in reversed(lines) for part in line.split("\t")[0].split(" ")[1::-1]]
        commits = [self.resolve(sha) for sha in dict.fromkeys(seen) if _HASH.fullmatch(sha)]
        now = self.resolve(f"refs/tags/{tag}")
        return tuple(sha for sha in dict.fromkeys(commits) if sha and sha != now)

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `older` is in the history of `newer`, or the same."""
        if not (_HASH.fullmatch(older) and _HASH.fullmatch(newer)):
            return False
        return self._run("rev-list", "--max-count=1", older, f"^{newer}", "--", fallback="?") == ""

    # -- inside -------------------------------------------------------------------------------------------------

    def _log(self, *arguments: str) -> Iterator[Commit]:
        printed = self._run("log", _FORMAT, "--encoding=UTF-8", "--no-show-signature", "--no-color", *arguments)
        for line in printed.split("\n"):  # not splitlines: titles may hold other characters that end lines
            sha, author, time, title = line.split("\0", 3) if line else ("", "", "", "")
            if sha:
                yield Commit(sha, title, author, int(time))

    def _refused(self) -> str:
        try:
            self.command.read("rev-parse", "--git-dir")
        except GitFailed as err:
            return str(err).splitlines()[0].rstrip(".")
        return ""

    def _run(self, *command: str, fallback: str = "", submodules: bool = False) -> str:
        """What git prints; `fallback` if it fails, because then the repository just doesn't have it."""
        try:
            raw = self.command.read(*command, submodules=submodules)
        except GitFailed:
            return fallback
        # Titles and names may be in any encoding; what can't be read must not stop a listing.
        return raw.decode(errors="replace").removesuffix("\n")


def is_commit_id(text: str) -> bool:
    """Whether it is a full commit id, which no option, path or revision is mistaken for."""
    return _HASH.fullmatch(text) is not None


def trust_hint(refusal: str, place: Path) -> str:
    """What helps where git refuses a repository because of its owner; empty if that isn't why."""
    if "dubious ownership" not in refusal:
        return ""
    return f"If you trust it: `git config --global --add safe.directory {shlex.quote(str(place))}`."


def open_repository(root: Path) -> Repository | None:
    """The repository that `root` lies in, None if there is none, or git is missing."""
    place = find_repository(root)
    return Repository(place) if place is not None and git_is_there() else None
