"""What the operator wants back: a target's text resolved against the timeline."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final

from pulumi_rewind.errors import BackendError, TargetError
from pulumi_rewind.history.origins import origin
from pulumi_rewind.history.preference import doubts, none_good, preference
from pulumi_rewind.history.timeline import Timeline, deployed_commit, finished, when
from pulumi_rewind.state.model import Checkpoint, Update

if TYPE_CHECKING:
    from pulumi_rewind.project.repository import Repository

LAST_GOOD: Final = "last-good"
NEAREST: Final = 3
"""How many deployed ancestors a message names."""

LISTED: Final = 10
"""How many candidates an ambiguous target lists."""

FORMS: Final = (
    "Give an update (#12), -1 for the one before live, a tag, branch or commit, a time (@2026-11-23T14:00), or "
    "last-good."
)


@dataclass(frozen=True)
class Target:
    """A resolved target."""

    update: Update
    text: str
    """What was asked for."""
    reason: str
    """How it was found: ``tag v1.2 → commit 6f73e70 → #6``."""
    warnings: tuple[str, ...] = ()
    tag: str = ""
    """The tag that was asked for, else the tags of the commit that the update deployed."""
    checkpoint: Checkpoint | None = field(default=None, repr=False, compare=False)
    """As stored, where it is not the update's: a state that no update left, see `resuming`."""
    title: str = ""
    """What it is called instead of by the number of `update`."""
    known: Checkpoint | None = field(default=None, repr=False, compare=False)
    """The state, as stored, that was live when we began with it: what this has needs no consent, see `consent`."""

    @property
    def label(self) -> str:
        """How it is shown, and what the rollback's own update says: ``#6 (v1.2)``."""
        if self.title:
            return self.title
        return f"#{self.update.number} ({self.tag})" if self.tag else f"#{self.update.number}"

    @property
    def again(self) -> str:
        """The text that leads here once more, when the timeline may have grown."""
        return f"#{self.update.number}" if self.checkpoint is None else self.text


def resolve_target(timeline: Timeline, text: str) -> Target:
    """Finds the update that a target's text means.

    - ``12`` or ``#12``: that update.
    - ``-1``: the newest update that is older than the one live equals, has a checkpoint, and says something else than
      live does; ``-2`` the one before.
    - A tag, branch, commit (4 digits or more) or anything else that git takes: the newest succeeded update that was
      deployed from this commit; ``refs/tags/…`` and ``refs/heads/…`` where a name is ambiguous.
    - ``@2026-11-23T14:00``: the newest update that had finished then; local time unless an offset is given; a date
      alone means the end of that day.
    - ``last-good``: see `Timeline.last_good`.

    Raises:
        TargetError: unknown, ambiguous (with candidates), or without a checkpoint.
    """
    try:
        return _resolved(timeline, text.strip())
    except TargetError as err:
        err.advise(timeline.note(text.strip()))
        raise


def _resolved(timeline: Timeline, text: str) -> Target:
    if not text:
        raise TargetError("no target is given", hint=FORMS)
    if not len(timeline):
        raise TargetError(f"{timeline.stack} has no updates yet", hint="Deploy it once with `pulumi up`.")
    if text == LAST_GOOD:
        return _last_good(timeline, text)
    if re.fullmatch(r"-[0-9]{1,18}", text):
        return _relative(timeline, text)
    if text.startswith("@"):
        return _at_time(timeline, text)
    if re.fullmatch(r"#[0-9]{1,18}", text):
        return _number(timeline, text, int(text[1:]))
    if re.fullmatch(r"[0-9]{1,18}", text):
        return _digits(timeline, text)
    found = _revision(timeline, text)
    if found is None:
        raise _unknown(timeline, text)
    return found


# -- the forms ------------------------------------------------------------------------------------------------------


def _number(timeline: Timeline, text: str, number: int) -> Target:
    if not 1 <= number <= len(timeline):
        raise TargetError(f"{timeline.stack} has no update #{number}", hint=f"There are #1 to #{len(timeline)}.")
    return _checked(timeline, timeline.update(number), text, f"update #{number}")


def _digits(timeline: Timeline, text: str) -> Target:
    """A bare number is an update, unless a tag or branch has that name; one out of range may be a short commit."""
    number = int(text)
    if not 1 <= number <= len(timeline):
        return _revision(timeline, text) or _number(timeline, text, number)
    repository = timeline.repository
    named = _named(repository, text) if repository else {}
    if named:
        others = tuple(f"{ref} (commit {sha[:7]})" for sha, refs in named.items() for ref in refs)
        raise TargetError(
            f"{text!r} is both an update and the name of a tag or branch",
            hint=f"Write #{number} for the update, or the full name of the other.",
            candidates=(f"#{number} ({when(timeline.update(number))})", *others),
        )
    return _number(timeline, text, number)


def _relative(timeline: Timeline, text: str) -> Target:
    steps = int(text[1:])
    if steps == 0:
        raise TargetError("-0 is live itself: there is nothing to go back to", hint="Write -1 for the one before live.")
    live = timeline.live_update()
    left = steps
    passed: list[str] = []
    for update in timeline.history.newest(len(timeline), before=live):
        if left == steps and update.has_checkpoint and _equals_live(timeline, update.number):
            passed.append(f"#{update.number}")  # going back to it would change nothing
            continue
        left -= update.has_checkpoint
        if left == 0:
            where = f"#{live}, which live equals" if live else "live, which equals no update"
            but = f" ({', '.join(passed[:LISTED])} skipped: same content)" if passed else ""
            return _checked(timeline, update, text, f"{steps} before {where} → #{update.number}{but}")
    before = f"#{live}, which live equals" if live else "live"
    raise TargetError(
        f"there are only {steps - left} updates with a checkpoint before {before}",
        hint=f"`pulumi-rewind history {timeline.stack.word}` lists them.",
    )


def _equals_live(timeline: Timeline, number: int) -> bool:
    try:
        return timeline.equals_live(number)
    except BackendError:
        return False


def _last_good(timeline: Timeline, text: str) -> Target:
    timeline.live()  # without it nothing can be said; its error tells why
    update = timeline.last_good()
    if update is None:
        raise TargetError(none_good(timeline), hint="`pulumi-rewind history` lists all; choose one by its number.")
    reason, passed_over = preference(timeline, update)
    return _checked(timeline, update, text, reason, more=passed_over)


def _at_time(timeline: Timeline, text: str) -> Target:
    try:
        moment = _moment(text[1:].strip())
        seconds = moment.timestamp()  # a time without an offset is local
    except (ValueError, OverflowError, OSError):
        raise TargetError(
            f"{text!r} is not a time",
            hint="Write @2026-11-23T14:00 (local time), @2026-11-23T14:00+01:00, or @2026-11-23 (the end of that day).",
        ) from None
    shown = f"{moment:%Y-%m-%d %H:%M:%S%z}"
    older = (update for update in timeline.history.newest(len(timeline)) if 0 < finished(update) <= seconds)
    update = next(older, None)
    if update is None:
        first = timeline.update(1)
        raise TargetError(f"no update had finished by {shown}", hint=f"The oldest is #1, {when(first)}.")
    if not update.has_checkpoint:
        nearest = next((other for other in older if other.has_checkpoint), None)
        raise TargetError(
            f"the newest update by {shown} is #{update.number}, but {update.problem or 'it has no checkpoint'}",
            hint="The stack's state at that time is unknown: choose an update by its number.",
            candidates=(f"#{nearest.number} ({when(nearest)})",) if nearest else (),
        )
    reason = f"the newest update finished by {shown} → #{update.number}, {when(update)}"
    return _checked(timeline, update, text, reason)


def _revision(timeline: Timeline, text: str) -> Target | None:
    """A tag, branch or commit; None if it is nothing of that kind."""
    repository = timeline.repository
    everything = list(timeline.history.newest(len(timeline)))
    updates = [update for update in everything if _from_a_program(update)]
    found = _named(repository, text) if repository else {}
    if re.fullmatch(r"[0-9a-fA-F]{4,64}", text):
        prefix = text.lower()
        # A commit that was deployed is meant before one that wasn't; it needn't be in the repository (any more).
        matching = tuple(dict.fromkeys(update.commit for update in updates if update.commit.startswith(prefix)))
        for sha in matching or (repository.matching(prefix) if repository and not found else ()):
            found.setdefault(sha, []).append("commit")
    if not found and repository and (resolved := repository.resolve(text)):
        found[resolved] = [text]
    if not found:
        return None
    if len(found) > 1:
        raise _ambiguous(text, found, updates)
    (sha, names), *_ = found.items()
    moves = _moves(repository, names[0], sha, everything)
    return _deployed_from(timeline, text, sha, names[0], updates, moves)


# -- inside ---------------------------------------------------------------------------------------------------------


def _named(repository: Repository, text: str) -> dict[str, list[str]]:
    """Commit → full names of the tag and branch that are called `text`."""
    found: dict[str, list[str]] = {}
    tags = {f"refs/tags/{name}": sha for sha, names in repository.tags().items() for name in names}
    branches = {f"refs/heads/{name}": sha for name, sha in repository.branches().items()}
    for refs, prefix in ((tags, "refs/tags/"), (branches, "refs/heads/")):
        ref = text if text.startswith(prefix) else prefix + text
        if ref in refs:
            found.setdefault(refs[ref], []).append(ref)
    return found


def _from_a_program(update: Update) -> bool:
    """Whether an update's commit says what it deployed: a refresh or destroy runs no program, a rollback another."""
    return update.kind == "update" and bool(deployed_commit(update))


def _deployed_from(
    timeline: Timeline, text: str, sha: str, name: str, updates: list[Update], moves: list[str]
) -> Target:
    ref = name.removeprefix("refs/tags/").removeprefix("refs/heads/")
    what = "commit" if name == "commit" else f"{_kind(name)}{ref} → commit"
    deployed = [update for update in updates if update.commit == sha]
    if not deployed:
        raise _never_deployed(timeline, sha, what, updates, moves)
    usable = [update for update in deployed if update.has_checkpoint]
    succeeded = [update for update in usable if update.succeeded]
    choice = succeeded or usable or deployed
    chosen = choice[0]
    reason = f"{what} {sha[:7]} → #{chosen.number}"
    if len(choice) > 1:
        kind = "succeeded updates" if succeeded else "updates"
        others = ", ".join(f"#{update.number}" for update in choice[1 : LISTED + 1])
        reason += f", the newest of {len(choice)} {kind} from it (also {others})"
    warnings = [
        f"#{update.number} deployed the same commit later, but {update.problem}"
        for update in deployed
        if update.succeeded and not update.has_checkpoint and update.number > chosen.number
    ]
    clean = next((update for update in succeeded if not update.dirty), None)
    if chosen.dirty and clean is not None:
        warnings.append(f"#{clean.number} deployed the same commit without uncommitted changes")
    warnings += moves
    tag = ref if name.startswith("refs/tags/") else ""
    return _checked(timeline, chosen, text, reason, tag=tag, more=warnings)


def _moves(repository: Repository | None, name: str, sha: str, updates: list[Update]) -> list[str]:
    """What is to be said of a tag that meant another commit before."""
    if repository is None or not name.startswith("refs/tags/"):
        return []
    from pulumi_rewind.history.commits import moved_since

    tag = name.removeprefix("refs/tags/")
    return [
        f"tag {tag} has moved: it was commit {before[:7]} before ({how})"
        for before, how in moved_since(repository, tag, sha, updates).items()
    ]


def _kind(name: str) -> str:
    return {"refs/tags": "tag ", "refs/heads": "branch "}.get("/".join(name.split("/")[:2]), "")


def _checked(
    timeline: Timeline, update: Update, text: str, reason: str, *, tag: str = "", more: list[str] | None = None
) -> Target:
    number = update.number
    if not update.has_checkpoint:
        raise TargetError(
            f"#{number} can't be a target: {update.problem or 'it has no checkpoint'}",
            hint="Choose another update; `pulumi-rewind history` shows which have a checkpoint.",
            candidates=tuple(_neighbours(timeline, number)),
        )
    warnings = doubts(timeline, update)
    if update.result == "unreadable":
        warnings.append(f"the record of #{number} is unreadable; only its checkpoint is known")
    elif not update.succeeded:
        warnings.append(
            f"#{number} {update.result}: its checkpoint holds what the update reached, not what was intended"
        )
    made = origin(timeline.history, update)
    if made.number != number and update.succeeded and not made.succeeded:
        warnings.append(f"#{number} went back to #{made.number}, which {made.result}")
    if made.kind == "destroy":
        warnings.append(f"#{made.number} was a destroy: going back to it deletes all resources")
    if made.dirty and not made.is_rollback:
        warnings.append(f"#{made.number} was deployed with uncommitted changes: its commit is not the whole program")
    if not tag and (sha := deployed_commit(made)) and (repository := timeline.repository) is not None:
        tag = ", ".join(repository.tags().get(sha, ()))
    return Target(update, text, reason, (*warnings, *(more or ())), tag)


def _neighbours(timeline: Timeline, number: int) -> Iterator[str]:
    """The nearest update with a checkpoint on each side."""
    for numbers in (range(number - 1, 0, -1), range(number + 1, len(timeline) + 1)):
        for other in numbers:
            update = timeline.update(other)
            if update.has_checkpoint:
                yield f"#{other} ({when(update)})"
                break


def _ambiguous(text: str, found: dict[str, list[str]], updates: list[Update]) -> TargetError:
    lines = []
    for sha, names in list(found.items())[:LISTED]:
        deployed = ", ".join(f"#{update.number}" for update in updates if update.commit == sha) or "never deployed"
        what = ", ".join(sha[:12] if name == "commit" else f"{name} (commit {sha[:7]})" for name in names)
        lines.append(f"{what}: {deployed}")
    if len(found) > LISTED:
        lines.append(f"… and {len(found) - LISTED} more")
    return TargetError(
        f"{text!r} can mean {len(found)} commits",
        hint="Write more characters, the full name, or the number of the update.",
        candidates=tuple(lines),
    )


def _never_deployed(timeline: Timeline, sha: str, what: str, updates: list[Update], moves: list[str]) -> TargetError:
    usable = [update for update in updates if update.has_checkpoint]
    usable.sort(key=lambda update: (update.succeeded, update.number))
    newest = {update.commit: update for update in usable}  # of each commit the last: newest succeeded, else newest
    near: list[str] = []
    repository = timeline.repository
    for ancestor in repository.ancestors(sha) if repository and newest else ():
        if (found := newest.get(ancestor)) is not None:
            near.append(f"#{found.number} (commit {ancestor[:7]}, {when(found)}), before it")
            if len(near) == NEAREST:
                break
    later = repository.descendants(sha, newest) if repository and newest else []
    nearest = next((newest[commit] for commit in later if commit in newest), None)
    if nearest is not None:
        near.append(f"#{nearest.number} (commit {nearest.commit[:7]}, {when(nearest)}), after it")
    hint = "Choose another target; `pulumi-rewind history` shows what was deployed."
    if near:
        hint = "The candidates are the nearest commits before and after it that were deployed."
    if moves:
        hint = f"{'; '.join(moves)}. {hint}"
    return TargetError(f"{what} {sha[:7]} was never deployed to {timeline.stack}", hint=hint, candidates=tuple(near))


def _unknown(timeline: Timeline, text: str) -> TargetError:
    import difflib

    repository = timeline.repository
    if repository is None:
        where = "Without git" if shutil.which("git") is None else "Outside a git repository"
        note = f"{where}, tags and branches are not known. "
        return TargetError(f"unknown target {text!r}", hint=note + FORMS)
    if repository.refusal:
        from pulumi_rewind.project.repository import trust_hint

        helps = trust_hint(repository.refusal, repository.root)
        return TargetError(
            f"{text!r} can't be looked up: git refuses to read {repository.root}: {repository.refusal}",
            hint=f"{helps} Without git, tags and branches are not known. {FORMS}".strip(),
        )
    names = [name for names in repository.tags().values() for name in names]
    names += [*repository.branches(), LAST_GOOD]
    gaps = repository.gaps()
    near = tuple(difflib.get_close_matches(text, names, n=NEAREST))
    return TargetError(
        f"unknown target {text!r}" + ("; did you mean one of these?" if near else ""),
        hint=f"{gaps} {FORMS}".strip(),
        candidates=near,
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(23, 59, 59))
    except ValueError:
        return datetime.fromisoformat(text)
