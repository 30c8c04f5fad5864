"""DIY backends: state files in a directory, a bucket or a table, read directly; only the CLI writes them.

What we write there are our own files: notes below ``.pulumi/rewind``, and the lock file of a hold.

Source of the layout: Pulumi 3.276, project-scoped (``meta.yaml`` says ``version: 1``), and 3.259 for the legacy layout
(no ``meta.yaml``), which 3.275 and newer don't know any more.
Content decides whether a file is plain, gzip or zstd; ``.attrs``, backups and anything foreign are ignored.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from pulumi_rewind.backends.diy_history import DiyHistory, unpacked
from pulumi_rewind.backends.interruptible import Answer, begin
from pulumi_rewind.backends.names import NAME, parts_of, stacks_there
from pulumi_rewind.backends.protocol import About, Glance, Note, Watch
from pulumi_rewind.backends.storage import ROOT, Storage
from pulumi_rewind.errors import BackendError, CheckpointError, StackNotFound, UsageError
from pulumi_rewind.state.decoding import decode_checkpoint
from pulumi_rewind.state.holds import TOKEN
from pulumi_rewind.state.locks import Lock
from pulumi_rewind.state.model import Checkpoint, StackRef
from pulumi_rewind.system.processes import is_alive, may_be_elsewhere
from pulumi_rewind.system.untrusted import CHECKPOINT, DOCUMENT

if TYPE_CHECKING:
    from pulumi_rewind.backends.cache import Place
    from pulumi_rewind.backends.notes import Notes

Result = TypeVar("Result")

ORGANIZATION: Final = "organization"
"""The one organization that DIY backends know."""

LAYOUT: Final = 1
"""The newest layout that this release knows."""

SUFFIXES: Final = (".json", ".json.gz", ".json.zst")
"""What the name of a state file may end with; it says nothing sure about the content."""


NOTHING: Final = " -"
"""What `Storage.mark` consists of where none of the files is there."""

FRESH: Final = 1.0
"""Seconds for which what was asked for with the opening counts as just read."""


class DiyBackend:
    """A DIY backend in some storage.

    Raises:
        BackendError: there is none, or it is of a layout newer than this release.
    """

    def __init__(self, url: str, storage: Storage) -> None:
        """Over a network nothing is waited for yet; `scoped` raises what opening it comes to."""
        self.url = url
        self._storage = storage
        self._opening = begin(self._layout) if storage.far else None
        self._histories: dict[StackRef, tuple[float, Answer[DiyHistory]]] = {}
        """What was asked for before anybody wanted it, and when: each for the first who does."""
        self._locks: dict[StackRef, tuple[float, Answer[list[Lock]]]] = {}
        self.kept: Callable[[str], Place] | None = None
        """Gives the user's cache of a stack's history, if there is one."""
        if not storage.far:
            try:
                storage.check()
                _ = self.scoped
            except BackendError as err:
                err.facts = (("credentials", storage.credentials),) if storage.credentials else ()
                raise

    @cached_property
    def scoped(self) -> bool:
        """Whether stacks are kept by project; False is the legacy layout."""
        return (self._opening.result() if self._opening is not None else self._layout()) > 0

    def stacks(self) -> list[StackRef]:
        """All stacks with a state file, sorted."""
        top = f"{ROOT}/stacks"
        if not self.scoped:
            return sorted(StackRef("", name) for name in self._state_names(top))
        projects = [name for name in self._storage.folders(top) if NAME.fullmatch(name)]
        return sorted(StackRef(project, name) for project in projects for name in self._state_names(f"{top}/{project}"))

    def find(self, name: str, project: str) -> StackRef:
        """See `Backend.find`. Without a project in `name`, `project` is meant; legacy stacks have none."""
        parts = parts_of(name, "NAME, PROJECT/NAME or organization/PROJECT/NAME")
        if len(parts) == 3 and parts[0] != ORGANIZATION:
            raise self._not_found(name)
        wanted = parts[-2] if len(parts) > 1 else project
        guess = StackRef(wanted, parts[-1])
        there = self._ask_ahead(guess) if self._storage.far and NAME.fullmatch(wanted) else None
        ref = guess if self.scoped else StackRef("", parts[-1])
        folder = f"{ROOT}/stacks/{ref.project}" if self.scoped else f"{ROOT}/stacks"
        if there is not None and self.scoped:
            if there.result():
                return ref
        elif (not self.scoped or NAME.fullmatch(ref.project)) and ref.name in self._state_names(folder):
            return ref
        raise self._not_found(str(ref) if wanted else name)

    def history(self, stack: StackRef, *, quick: bool = False) -> DiyHistory:
        """Lists the stack's history once; a stack that was never updated has an empty one.

        Right after `find` that is the listing which was begun with it, if it is a full one or `quick`.
        """
        begun = _taken(self._histories, stack)
        if begun is not None:
            found = begun.result()
            if quick:
                return found
            if found.sure:
                found.forget_states()
                return found
        return self._listed(stack, quick=quick)

    def _listed(self, stack: StackRef, *, quick: bool) -> DiyHistory:
        folder = f"{self._folder('history', stack)}/{stack.name}"
        kept = self.kept(str(stack)) if self.kept is not None else None
        return DiyHistory(self._storage, folder, stack, states=self._state_keys(stack), kept=kept, quick=quick)

    def live(self, stack: StackRef) -> Checkpoint:
        """Reads the state file."""
        what = f"the live state of {stack}"
        found = self._storage.newest(self._state_keys(stack), what, CHECKPOINT)
        if found is None:
            self._storage.check()
            raise BackendError(
                f"{what} is gone from {self._storage.shown}",
                hint="The stack was removed or renamed; `pulumi stack ls` shows them.",
            )
        try:
            return decode_checkpoint(unpacked(found.content, what), source=what)
        except CheckpointError as err:
            err.intact = self._storage.remedy(found.key)
            err.advice = err.intact or err.advice
            raise

    def locks(self, stack: StackRef, *, quick: bool = False) -> list[Lock]:
        """Lock files, oldest first; one that can't be read counts, with nobody's name.

        So does one that a full disk kept from being finished (``….json.<number>.tmp``): the CLI reads every file of the
        folder as a lock, and stops at it.
        """
        begun = _taken(self._locks, stack) if quick else None
        return begun.result() if begun is not None else self._read_locks(stack)

    def _read_locks(self, stack: StackRef) -> list[Lock]:
        folder = self._locks_folder(stack)
        keys = [f"{folder}/{item.name}" for item in self._storage.items(folder) if not item.name.endswith(".attrs")]
        found: list[Lock] = []
        for key, content in zip(keys, self._storage.read_all(keys, DOCUMENT), strict=True):
            if isinstance(content, BackendError) and isinstance(content.__cause__, FileNotFoundError):
                continue  # released meanwhile
            try:
                lock = Lock() if isinstance(content, BackendError) else msgspec.json.decode(content, type=Lock)
            except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
                lock = Lock()
            found.append(msgspec.structs.replace(lock, path=self._storage.where(key), dead=_is_dead(lock)))
        return sorted(found, key=lambda lock: lock.timestamp)

    def place_lock(self, stack: StackRef, token: str, lock: Lock) -> bool:
        """As the CLI names and writes them."""
        content = msgspec.json.encode({key: value for key, value in msgspec.structs.asdict(lock).items() if value})
        self._storage.write(self._lock_key(stack, token), content)
        return True

    def remove_lock(self, stack: StackRef, token: str) -> None:
        """See `Backend.remove_lock`."""
        self._storage.remove(self._lock_key(stack, token))

    def note(self, stack: StackRef, name: str, *, quick: bool = False) -> Note | None:
        """See `Backend.note`."""
        return self._notes(stack).read(name)

    def write_note(self, stack: StackRef, name: str, content: bytes, *, instead_of: str | None) -> None:
        """See `Backend.write_note`."""
        self._notes(stack).swap(name, content, instead_of)

    def remove_note(self, stack: StackRef, name: str, *, instead_of: str) -> None:
        """A file without a note stays."""
        self._notes(stack).swap(name, None, instead_of)

    def glance(self, stack: StackRef) -> Glance:
        """See `Backend.glance`: marks of the state files and of the history's folder, and the locks."""
        folder = f"{self._folder('history', stack)}/{stack.name}"
        if self._storage.far:
            locks = begin(lambda: self.locks(stack, quick=True))
            mark = self._storage.mark(self._state_keys(stack))
            if not mark.strip(NOTHING):
                self._storage.check()
            return Glance(mark, self._storage.folder_mark(folder), tuple(locks.result()))
        self._storage.check()
        history = self._storage.folder_mark(folder)
        return Glance(self._storage.mark(self._state_keys(stack)), history, tuple(self.locks(stack)))

    def organization(self) -> str:
        """There are none."""
        return ""

    def about(self, stack: StackRef) -> About:
        """Nothing."""
        return About()

    def link(self, stack: StackRef, number: int | None = None) -> str:
        """There is no page."""
        return ""

    def facts(self, project: str) -> Iterator[tuple[str, str]]:
        """By the names of the project's state files, which say how the CLI was told to write them."""
        if credentials := self._storage.credentials:
            yield "credentials", credentials
        try:
            scoped = self.scoped
        except BackendError:
            yield "layout", "not known: files can be listed, but the one that names it can't be read"
            return
        layout = "stacks by project" if scoped else "the old layout, without projects (`pulumi state upgrade`)"
        names = [item.name for item in self._storage.items(f"{ROOT}/stacks/{project}" if scoped else f"{ROOT}/stacks")]
        for suffix, kind in ((".gz", "gzip"), (".zst", "zstd")):
            if count := sum(name.endswith(f".json{suffix}") for name in names):
                layout += f", {count} of {sum(bool(_stack_name(name)) for name in names)} states by {kind}"
        yield "layout", layout

    def ping(self) -> None:
        """Whether there is anything."""
        self._storage.check()

    def shared(self, stack: StackRef) -> str:
        """Looks at every folder from the backend's own down to the stack's history."""
        parts = f"{self._folder('history', stack)}/{stack.name}".split("/")
        return self._storage.shared("/".join(parts[:count]) for count in range(len(parts) + 1))

    def watch(self) -> Watch:
        """The storage's."""
        return self._storage.watch()

    def obstacle(self) -> str:
        """The storage's."""
        return self._storage.obstacle()

    def shortage(self, size: int) -> str:
        """The storage's."""
        return self._storage.shortage(size)

    # -- inside -------------------------------------------------------------------------------------------------

    def _ask_ahead(self, stack: StackRef) -> Answer[bool]:
        """Whether there is such a stack, asked while the layout is; most often history and locks are wanted next."""
        keys = self._state_keys(stack)
        now = time.monotonic()
        # The locks first: an update that is missing in the history then holds one, and a `Glance` shows when that goes.
        self._locks = {stack: (now, begin(lambda: self._read_locks(stack)))}
        self._histories = {stack: (now, begin(lambda: self._listed(stack, quick=True)))}
        return begin(lambda: bool(self._storage.mark(keys).strip(NOTHING)))

    def _layout(self) -> int:
        key = f"{ROOT}/meta.yaml"
        try:
            text = self._storage.read(key, DOCUMENT).decode(errors="replace")
        except FileNotFoundError:
            self._storage.check()
            return 0
        # One number in a file of one line; a YAML parser would cost more than all the rest of the start.
        found = re.search(r"""^\s*["{]*version"?\s*:\s*(\d{1,9})(?!\d)""", text, re.MULTILINE)
        if found is None:
            if text.lstrip().startswith("<"):
                raise BackendError(
                    f"{self._storage.where(key)} is a web page, not Pulumi's file",
                    hint="Check the URL's endpoint; a proxy or a login page may have answered.",
                )
            raise BackendError(
                f"{self._storage.where(key)} has no version",
                hint="The file is damaged; the CLI writes `version: 1`.",
            )
        version = int(found[1])
        if version > LAYOUT:
            raise BackendError(
                f"{self._storage.shown} has layout {version}; up to {LAYOUT} is supported",
                hint="Upgrade pulumi-rewind.",
            )
        return version

    def _not_found(self, name: str) -> StackNotFound:
        hint = stacks_there(self.stacks())
        short = name.rsplit("/", 1)[-1]
        if self.scoped and short in self._state_names(f"{ROOT}/stacks"):
            hint = "It is stored in the old layout; `pulumi state upgrade` moves it to where stacks are now."
        elif self._storage.exists(f"{ROOT}/history/{name}"):
            hint = (
                f"Its history exists, so its state was lost or the stack was removed: `pulumi stack init {short}` "
                "creates an empty one, and `rollback last-good --strategy state` puts the newest good state "
                "into it."
            )
        return StackNotFound(f"there is no stack {name} on {self._storage.shown}", hint=hint)

    def _folder(self, kind: str, stack: StackRef) -> str:
        project = self._checked(stack).project
        return f"{ROOT}/{kind}/{project}" if project else f"{ROOT}/{kind}"

    def _locks_folder(self, stack: StackRef) -> str:
        name = self._checked(stack).name
        return f"{ROOT}/locks/" + (f"{ORGANIZATION}/{stack.project}/{name}" if stack.project else name)

    def _lock_key(self, stack: StackRef, token: str) -> str:
        if TOKEN.fullmatch(token) is None:
            raise UsageError(f"{token!r} names no lock file of ours", hint="It has the form of a UUID.")
        return f"{self._locks_folder(stack)}/{token}.json"

    def _notes(self, stack: StackRef) -> Notes:
        from pulumi_rewind.backends.notes import Notes  # no history needs any

        return Notes(self._storage, f"{self._folder('rewind', stack)}/{stack.name}")

    def _state_keys(self, stack: StackRef) -> list[str]:
        return [f"{self._folder('stacks', stack)}/{stack.name}{suffix}" for suffix in SUFFIXES]

    def _checked(self, stack: StackRef) -> StackRef:
        """Refuses names that would lead out of the backend; those of `find` and `stacks` never do."""
        if not NAME.fullmatch(stack.name) or not (NAME.fullmatch(stack.project) if stack.project else not self.scoped):
            raise UsageError(f"{str(stack)!r} is not the name of a stack", hint="Take one of `pulumi stack ls --all`.")
        return stack

    def _state_names(self, folder: str) -> set[str]:
        names = {_stack_name(item.name) for item in self._storage.items(folder)}
        return {name for name in names if NAME.fullmatch(name)}


def _taken(begun: dict[StackRef, tuple[float, Answer[Result]]], stack: StackRef) -> Answer[Result] | None:
    """What was begun for a stack a moment ago, once; safe to use from several threads."""
    at, answer = begun.pop(stack, (0.0, None))
    return answer if time.monotonic() - at < FRESH else None


def _is_dead(lock: Lock) -> bool:
    """Whether whoever holds a lock ran on this machine, and runs no more."""
    import socket

    if lock.pid <= 0 or lock.hostname != socket.gethostname():
        return False
    try:
        since = datetime.fromisoformat(lock.timestamp).timestamp()
    except (ValueError, OverflowError, OSError):
        since = None
    return not (is_alive(lock.pid, since) or may_be_elsewhere(lock.pid))


def _stack_name(file: str) -> str:
    """The stack whose state a file holds, empty if it is another kind of file."""
    return next((file.removesuffix(suffix) for suffix in SUFFIXES if file.endswith(suffix)), "")
