"""Strings of a target that name files or directories whose content is another one today.

An asset has its hash in the state. A path that a provider gets as plain text (a Helm chart's directory, the zip of a
function, a script) has nothing: a replay sends the same text, and the provider reads what lies there now. Git tells
what lay there at the commit of that time. The cost follows the strings that may be paths: a stat each, and a few git
processes for all of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pulumi_rewind.assets.sources import program_directory
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.project.repository import AT_ONCE
from pulumi_rewind.risk import PATH_CONTENT, PATH_UNTRACKED, Risk
from pulumi_rewind.state.values import SIG, Json
from pulumi_rewind.system.git import GitFailed

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Repository

_LONGEST: Final = 1000
"""Longer text is content, not a path or a command."""

_FOREIGN: Final = re.compile(r"[:\0\n*?<>|\"]|^[\d./]+$|^[~$%{]")
"""What paths in a project don't have: addresses, images, ranges, patterns, variables."""

_WORD: Final = re.compile(r"^[^./\s]+$")

_PATHLIKE_KEY: Final = re.compile(
    r"(?i)chart|path|file|source|src|dir(ectory)?$|folder|archive|script|template|content|code|zip|manifest|context"
)
"""Names of properties that make a path of a bare word, which may stand for anything elsewhere."""

_PART: Final = re.compile(r"(?:\.{1,2}/|[\w@+-]+/)[\w@+./-]+|[\w@+-]+\.\w{1,5}(?![\w.])")
"""What may be a path inside a command."""


def path_notes(
    goal: Goal, root: Path, repository: Repository | None, commit: str, ops: Mapping[str, str], live_commit: str
) -> tuple[Risk, ...]:
    """A note for each registration of the target that names a path whose content differs from that of its commit.

    Args:
        goal: what is going to be registered; decrypted. Secrets are not looked into.
        root: the project's directory; the repository may lie above it.
        commit: of the target, as recorded; without it, or where the repository lacks it, nothing is known.
        ops: the engine's operation by URN in this run. What stays the same is read by no provider: there the content
            that was deployed counts, not today's.
        live_commit: that of the update which live is, empty if unknown.
    """
    if repository is None or repository.commit(commit) is None:
        return ()
    places = _Places(repository, commit, program_directory(root.resolve()))
    if places.program is None:
        return ()
    named: dict[str, dict[str, str]] = {}
    for item in goal.registrations:
        if item.kind == "custom" and not item.from_live and (found := _named(item, places)):
            named[item.urn] = found
    wanted = {place for found in named.values() for place in found.values()}
    there = places.in_commit(wanted)
    differing = places.changed(commit, wanted & there)
    since = places.changed(commit, wanted & there, live_commit) if repository.commit(live_commit) else None
    notes: list[Risk] = []
    for urn, found in named.items():
        same = ops.get(goal.run_urn(urn), "same") in {"same", "read"}
        for text, place in found.items():
            if same and since is not None:
                if place in since:
                    message = (
                        f"{text} was deployed with content that differs from commit {commit[:7]}. Nothing else "
                        "changes here, so the deployed content stays"
                    )
                    notes.append(Risk(PATH_CONTENT, message, urn))
                continue
            note = _note(urn, text, place, places, there, differing)
            if note is not None and not (same and note.code == PATH_UNTRACKED):
                notes.append(note)
    return tuple(dict.fromkeys(notes))


def _note(
    urn: str, text: str, place: str, places: _Places, there: Collection[str], differing: Collection[str]
) -> Risk | None:
    commit = places.commit[:7]
    today = places.exists(place)
    if place not in there:
        if not today:
            return None
        message = (
            f"{text} is not in commit {commit}, so its content at that time is unknown. The rollback uses today's "
            "content: build or fetch the old one before you continue"
        )
        return Risk(PATH_UNTRACKED, message, urn)
    if place not in differing:
        return None
    how = "has different content today" if today else "is missing today"
    message = f"{text} {how} than at commit {commit}" if today else f"{text} {how}; commit {commit} has it"
    return Risk(
        PATH_CONTENT,
        f"{message}: checkpoint replay sends only the path; `--strategy program` uses the files of that commit",
        urn,
    )


def _named(item: Registration, places: _Places) -> dict[str, str]:
    """Text that may name something in the project → its place in the repository."""
    found: dict[str, str] = {}
    # What was computed from a resource is a file that the stack itself makes.
    written = {key: value for key, value in item.inputs.items() if not item.property_dependencies.get(key)}
    for key, text in _texts("", written):
        if len(text) > _LONGEST or not text:
            continue
        for part in _parts(key, text):
            place = places.of(part)
            if place is not None:
                found.setdefault(part, place)
    return found


def _parts(key: str, text: str) -> Iterator[str]:
    if not _FOREIGN.search(text) and (not _WORD.match(text) or _PATHLIKE_KEY.search(key)):
        yield text
    if any(map(str.isspace, text)):
        yield from (part for part in _PART.findall(text) if not _FOREIGN.search(part))


def _texts(key: str, value: Json) -> Iterator[tuple[str, str]]:
    """Every plain text in a value, with the name of the property that it is the value of."""
    stack = [(key, value)]
    while stack:
        name, current = stack.pop()
        if isinstance(current, str):
            yield name, current
        elif isinstance(current, list):
            stack.extend((name, inner) for inner in current)
        elif isinstance(current, dict) and SIG not in current:
            stack.extend(current.items())


class _Places:
    """Where texts lead in a repository, and what is there; a place is a path from the top of the repository."""

    def __init__(self, repository: Repository, commit: str, directory: Path) -> None:
        self._repository = repository
        self.commit = commit
        self._top = repository.root.resolve()
        self._directory = directory
        relative = os.path.relpath(directory, self._top)
        outside = relative == os.pardir or relative.startswith(os.pardir + os.sep)
        self.program: str | None = None if outside else os.path.normpath(relative)
        """The program's directory; None if it lies outside."""

    @cached_property
    def _first(self) -> frozenset[str]:
        """What a relative path can begin with."""
        listing = self._git("ls-tree", "--name-only", "-z", f"{self.commit}:{self._prefix}")
        try:
            today = [path.name for path in self._directory.iterdir()]
        except OSError:
            today = []
        return frozenset((*today, *listing.split("\0"))) - {"", ".git"}

    @property
    def _prefix(self) -> str:
        return "" if self.program in {None, "."} else f"{self.program}/"

    def of(self, text: str) -> str | None:
        """The place that a text may mean; None if it can mean none, or all of the project."""
        if text.startswith(os.sep):
            place = os.path.relpath(os.path.normpath(text), self._top)
        else:
            path = os.path.normpath(text)
            first = path.split(os.sep, 1)[0]
            if first != os.pardir and first not in self._first:
                return None
            place = os.path.normpath(self._prefix + path)
        if place.split(os.sep, 1)[0] in {os.curdir, os.pardir, ".git"} or place == self.program:
            return None
        return place

    def exists(self, place: str) -> bool:
        """Whether it is there today."""
        return os.path.lexists(self._top / place)

    def in_commit(self, places: Collection[str]) -> set[str]:
        """Those that the commit has."""
        ordered = [place for place in sorted(places) if "\n" not in place]
        if not ordered:
            return set()
        asked = "".join(f"{self.commit}:{place}\n" for place in ordered)
        answers = self._git("cat-file", "--batch-check=%(objecttype)", stdin=asked).splitlines()
        if len(answers) != len(ordered):
            return set()
        return {place for place, answer in zip(ordered, answers, strict=True) if not answer.endswith(" missing")}

    def changed(self, commit: str, places: Collection[str], other: str = "") -> set[str]:
        """Those in which the commit differs from another one, or else from the working tree."""
        ordered = sorted(places)
        names: set[str] = set()
        for start in range(0, len(ordered), AT_ONCE):
            chunk = ("--", *ordered[start : start + AT_ONCE])
            between = (commit, other) if other else (commit,)
            names |= self._names("diff", "--name-only", "--no-ext-diff", "--no-renames", "-z", *between, *chunk)
            if not other:  # git compares what it knows; what nobody added is read by a provider all the same
                names |= self._names("ls-files", "--others", "--exclude-standard", "-z", *chunk)
        touched = {above for name in names if name for above in _with_parents(name)}
        return {place for place in ordered if place in touched}

    def _names(self, *command: str) -> set[str]:
        return set(self._git("--literal-pathspecs", *command).split("\0"))

    def _git(self, *command: str, stdin: str = "") -> str:
        """What git prints, empty if it fails; nothing is locked or written."""
        run, given = self._repository.command.read, os.fsencode(stdin)
        try:
            return os.fsdecode(run(*command, stdin=given, fetch=True, submodules="diff" in command))
        except GitFailed:
            return ""


def _with_parents(name: str) -> Iterator[str]:
    yield name
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name
