"""A stack's updates with what git knows of them, newest first; read as far as it is looked at."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Final, NamedTuple

from pulumi_rewind.backends.interruptible import begin
from pulumi_rewind.backends.protocol import Backend, History
from pulumi_rewind.errors import BackendError, CheckpointError, EngineError, RefusedError, RewindError, SecretsError
from pulumi_rewind.history.live import Standing, find_live
from pulumi_rewind.history.origins import is_good, origin, verdict_on, verified
from pulumi_rewind.history.verdict import NO_VERDICTS, Said, Verdicts
from pulumi_rewind.state.integrity import damage
from pulumi_rewind.state.model import Checkpoint, StackRef, Update
from pulumi_rewind.state.same import same_bytes

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Commit, Repository

FIRST_CHUNK: Final = 60
"""Updates that are read together, so that git is asked once for them: a screen first, then `CHUNK`."""

CHUNK: Final = 500

OPENINGS: Final = 20
"""How often secrets are opened to find out whether a state equals live; some keys need a process each time."""

DAMAGE: Final = "damage"
EQUALITY: Final = "equality"
"""What is remembered of checkpoints, see `History.remember`."""

YES: Final = "yes"


class Entry(NamedTuple):
    """One line of the timeline."""

    update: Update
    tags: tuple[str, ...] = ()
    """All tags of the commit that was deployed."""
    commit: Commit | None = None
    """None outside a repository, if it lacks the commit, and for our own rollbacks."""
    live: bool = False
    """Whether live equals this update's checkpoint; the newest such one only."""
    last_good: bool = False
    """Whether this is what ``last-good`` means."""
    said: Said | None = None
    """What a check said of it, or of the update whose state it brought back."""


class Timeline:
    """The updates of one stack. Safe to use from several threads: at worst something is read twice.

    `repository` is what annotates the updates, None outside git, or a function that opens it when first needed.
    """

    def __init__(
        self,
        history: History,
        backend: Backend,
        stack: StackRef,
        repository: Repository | Callable[[], Repository | None] | None,
        opened: Callable[[Checkpoint, Checkpoint], tuple[Checkpoint, Checkpoint]] | None = None,
        note: Callable[[Timeline, str], str] = lambda *_: "",
        verdicts: Verdicts = NO_VERDICTS,
    ) -> None:
        """`opened` decrypts two checkpoints for comparing, where nothing but their secrets can tell.

        `note` says what else is known of a target that isn't found, see `targets`.
        """
        self.verdicts = verdicts
        self.history = history
        self.backend = backend
        self.stack = stack
        self._repository = repository
        self._opened = opened
        self._note = note
        self._live: Checkpoint | None = None
        self._told_first = False
        self._live_update: tuple[int | None] | None = None
        self._good: Update | None = None
        self._good_next = len(self.history)  # the search for the last good one continues here
        self._equal: dict[int, bool] = {}
        self._openings = 0

    def __len__(self) -> int:
        return len(self.history)

    @property
    def repository(self) -> Repository | None:
        """The project's repository, opened when first asked for."""
        return self._repository() if callable(self._repository) else self._repository

    def note(self, text: str) -> str:
        """What else is known of a target that isn't found, empty if nothing."""
        return self._note(self, text)

    def update(self, number: int) -> Update:
        """One update by number; UsageError if there is none."""
        return self.history.update(number)

    def checkpoint(self, number: int) -> Checkpoint:
        """The state stored with an update; raises as `History.checkpoint` does."""
        try:
            return self.history.checkpoint(number)
        except CheckpointError as err:
            err.number = number
            raise

    def ready(self, count: int) -> None:
        """Asks for all at once that lines of the newest `count` updates take, where the backend is far away."""
        total = len(self)
        if not self.history.far or not total or not count:
            return
        records = begin(lambda: self.history.expect(range(total, max(total - count, 0), -1)))
        if self._damage_of_twin is None:
            before = begin(lambda: self.history.raw(total - 1)) if total > 1 else None  # most often the last good one
            _ = self._read_twin or self._live_or_none()
            if before is not None:
                before.wait()
        records.result()

    def ahead(self, numbers: Iterable[int]) -> Iterator[int]:
        """The same numbers, for a loop over their checkpoints; see `History.ahead`."""
        return self.history.ahead(numbers)

    def around(self, number: int, limit: int = 64) -> Iterator[Checkpoint]:
        """The checkpoints of the updates around one, nearest first, lazily read; unreadable ones are passed over."""
        last = len(self)
        steps = range(1, limit // 2 + 1)
        near = (other for step in steps for other in (number + step, number - step) if 1 <= other <= last)
        for other in self.ahead(near):
            with contextlib.suppress(RewindError):
                yield self.checkpoint(other)

    def live(self) -> Checkpoint:
        """The state now, as first read.

        Raises:
            BackendError: it is gone, damaged, or can't be read.
        """
        if self._live is None:
            self._live = self.backend.live(self.stack)
        return self._live

    def know_live(self, other: Timeline) -> None:
        """Takes the state as another timeline has read it: it is known to be the same."""
        self._live = other._live

    def standing(self) -> Standing:
        """How live stands to the updates; raises as `live` does."""
        number = self.live_update()  # first: what is found out between two marks may be kept
        live, good = self.live(), self.last_good()
        return Standing(
            len(self), live.digest, live.has_secrets, self.live_damage, number, good.number if good else None
        )

    def stand(self, known: Standing) -> None:
        """Takes over what another timeline of the same updates has found out, and lets go of the state.

        For large states: a screen needs the answers, and what needs the state reads it again.
        """
        self._live, self._live_update, self._damage_of_twin = None, (known.live,), known.damage
        self._good, self._good_next = self.update(known.last_good) if known.last_good else None, 0

    @property
    def live_damage(self) -> str:
        """What is wrong with the state now, so that the engine refuses it; empty if it is sound or can't be read."""
        told = self._damage_of_twin
        if told is not None:
            return told
        live = self._live_or_none()
        if live is None:
            return ""
        found = damage(live)
        if self._read_twin:
            self.history.remember(found, DAMAGE, self._read_twin)
        return found

    def live_update(self) -> int | None:
        """The newest update whose checkpoint equals live; None: the state was edited outside updates, or is unreadable.

        Nearly always the newest update. Older ones are looked through because putting an old state file back leaves
        no record.
        """
        if self._live_update is None:
            self._live_update = (self._find_live(),)
        return self._live_update[0]

    def last_good(self) -> Update | None:
        """The newest good update (see `history.origins.is_good`) whose content differs from live.

        One that was verified, if there is one among the newest `origins.PREFERRED`, is preferred to newer ones.
        """
        return self._last_good_down_to(1)

    def is_good(self, number: int) -> bool:
        """Whether an update may be called good, by the engine's word and by verdicts."""
        return is_good(self.history, self.history.update(number), self.verdicts)

    def differs(self, number: int) -> bool:
        """Whether an update can be read and its content differs from live."""
        try:
            return not self.equals_live(number)
        except BackendError:
            return False

    def equals_live(self, number: int) -> bool:
        """Whether an update's state says the same as live, whatever ids its objects have; see `diff.equality`.

        Where nobody can open the secrets that alone could tell, only a rollback's own word counts.

        Raises:
            BackendError, CheckpointError: one of the two can't be read.
        """
        if number not in self._equal:
            self._equal[number] = self._compare_with_live(number)
        return self._equal[number]

    def entries(self, limit: int = 60, before: int | None = None, *, git: bool = True) -> Iterator[Entry]:
        """At most `limit` lines, newest first, those below number `before`; only these are read.

        Without `git` there are no tags and commits.
        """
        repository = self.repository if git else None
        updates = self.history.newest(limit, before=before)
        size = FIRST_CHUNK
        while chunk := list(islice(updates, size)):
            size = CHUNK
            yield from self._annotated(chunk, repository)

    # -- inside -------------------------------------------------------------------------------------------------

    def _annotated(self, updates: list[Update], repository: Repository | None) -> Iterator[Entry]:
        tags = repository.tags() if repository else {}
        commits = repository.commits(deployed_commit(update) for update in updates) if repository else {}
        live = self.live_update()
        if updates:
            self._last_good_down_to(updates[-1].number)
        for update in updates:
            sha = deployed_commit(update)
            good = self._last_good_down_to(update.number)
            yield Entry(
                update=update,
                tags=tags.get(sha, ()),
                commit=commits.get(sha),
                live=update.number == live,
                last_good=good is not None and good.number == update.number,
                said=verdict_on(self.history, update, self.verdicts),
            )

    def _live_or_none(self) -> Checkpoint | None:
        try:
            return self.live()
        except BackendError:
            return None

    @cached_property
    def _twin(self) -> int:
        """The newest update if the backend tells by itself that live has its very content, else 0."""
        self._told_first = self._live is None
        newest = len(self.history)
        try:
            return newest if newest and self.history.is_live(newest) else 0
        except BackendError:
            return 0

    @cached_property
    def _read_twin(self) -> int:
        """The same, asked before live was read and again after: then what was read is what this update left."""
        try:
            told = self._twin and self._told_first and self.live() and self.history.is_live(self._twin)
            return self._twin if told else 0
        except BackendError:
            return 0

    @cached_property
    def _damage_of_twin(self) -> str | None:
        """What was wrong with the state that live still has when it was last read; None: it has to be read."""
        return self.history.recall(DAMAGE, self._twin) if self._twin else None

    def _readable(self) -> bool:
        return self._damage_of_twin is not None or self._live_or_none() is not None

    def _find_live(self) -> int | None:
        if not self._readable():
            return None
        return self._twin or find_live(self.history, self.live())

    def _last_good_down_to(self, lowest: int) -> Update | None:
        """The last good update if it is `lowest` or newer; searches no further, and never twice."""
        if self._good is None and self._good_next >= lowest and self._readable():
            for number in self._candidates(lowest):
                if self.differs(number):
                    self._good = self.history.update(number)
                    break
            self._good_next = lowest - 1
        return self._good

    def _candidates(self, lowest: int) -> Iterator[int]:
        """Good updates that aren't known to equal live, in the first search the verified ones before all others.

        Read ahead only if the first one, as hardly ever, equals live.
        """
        preferred = verified(self.history, self.verdicts) if self._good_next == len(self.history) else ()
        numbers = (
            number
            for number in chain(preferred, range(self._good_next, lowest - 1, -1))
            if not self._told_equal(number) and self.is_good(number)
        )
        yield from islice(numbers, 1)
        yield from self.ahead(numbers)

    def _told_equal(self, number: int) -> bool | None:
        """What is known of `equals_live` without reading a state."""
        if self._twin and number == self._twin:
            return True
        told = self.history.recall(EQUALITY, number, self._twin) if self._twin else None
        return self._equal.get(number) if told is None else told == YES

    def _compare_with_live(self, number: int) -> bool:
        told = self._told_equal(number)
        if told is not None:
            return told
        for one in self.ahead((number,)):  # it is under way while live is read
            live = self.live()
            if same_bytes(self.history.raw(one), live.raw):
                return self._noted(one, same=True)
            stored = self.history.checkpoint(one)
        from pulumi_rewind.diff.equality import same_content

        same = same_content(stored, live)
        if same is not None:
            return self._noted(number, same=same)
        mine = self.live_update()
        if mine is not None and self._origin(mine) == self._origin(number):
            return True
        self._openings += 1
        if self._opened is None or self._openings > OPENINGS:
            return False
        try:
            return same_content(*self._opened(stored, live)) is True
        except (SecretsError, EngineError, RefusedError):
            self._opened = None  # nor the next ones
            return False

    def _noted(self, number: int, *, same: bool) -> bool:
        """Keeps what two contents have told, which never changes."""
        if self._read_twin:
            self.history.remember(YES if same else "", EQUALITY, number, self._read_twin)
        return same

    def _origin(self, number: int) -> int:
        """The update whose whole state, secrets included, this one has."""
        return origin(self.history, self.history.update(number), whole=True).number


def deployed_commit(update: Update) -> str:
    """The commit whose program an update deployed, empty if unknown.

    A rollback records the commit that happened to be checked out, which is not what it deployed.
    """
    return "" if update.is_rollback else update.commit


def finished(update: Update) -> int:
    """Unix seconds at which an update ended."""
    return update.end_time or update.start_time


def when(update: Update) -> str:
    """``2026-11-23 14:00 succeeded``, in local time."""
    try:
        moment = f"{datetime.fromtimestamp(finished(update)).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):  # a damaged record may hold any number
        moment = "at an unknown time"
    return f"{moment} {update.result}"
