"""What stands in the way of a rollback, how it is passed by, and what was left out because of it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from pulumi_rewind.engine.events import Diagnostic, EngineEvent, ResourceFailed, StepMetadata
from pulumi_rewind.engine.messages import says_missing, says_taken
from pulumi_rewind.goal.model import Registration, registers
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.risk import PATH_CONTENT, PATH_UNTRACKED, SKIPPED, Risk
from pulumi_rewind.state.model import PROVIDER_PREFIX, ROOT_STACK_TYPE, Checkpoint, parse_urn, urn_name
from pulumi_rewind.state.naming import NOT, Names, listed
from pulumi_rewind.system.shell import command, quoted

_IN_PLACE = frozenset({"update", "delete", "delete-replaced"})
"""Steps at an object that the state has."""

_ANNOUNCED = frozenset({SKIPPED, PATH_CONTENT, PATH_UNTRACKED})


def left_alone(notes: Iterable[Risk]) -> Iterable[Difference]:
    """What is not as in the target because it was left out, or has its content elsewhere: announced, so no surprise.

    The `notes` of a goal say so.
    """
    return [Difference(note.urn, "", note.message, expected=True) for note in notes if note.code in _ANNOUNCED]


def speaker(registered: Mapping[str, Registration], live: Checkpoint) -> Callable[[str], str]:
    """Gives for a URN of a run the shortest text that names it on the command line, see `naming`.

    `registered` is what the run itself registers, by the URN in the run.
    """
    sources = [item.source for item in registered.values()]
    names = Names(res for res in (*sources, *live.resources) if registers(res) and not res.is_stack)
    return lambda urn: names.spoken(registered[urn].urn if urn in registered else urn)


class Blockers:
    """The resources on which a preview or a run failed."""

    def __init__(self) -> None:
        self._failed: dict[str, None] = {}
        self._named: dict[str, None] = {}
        """Those that an error speaks of; that counts where no step failed, as in a preview."""
        self._copies: dict[tuple[str, str], None] = {}
        """URN and id of old copies that could not be deleted."""
        self._beside: dict[str, StepMetadata] = {}
        """The steps in which a replacement could not be made beside the old object."""
        self._creates: set[str] = set()
        """Those that could not be re-created."""
        self._taken: dict[str, str] = {}
        """Those of which the provider said that they are there already, and how it said so."""
        self._in_place: set[str] = set()
        """Those whose object could not be changed or deleted."""
        self._missing: dict[str, None] = {}
        """Those at which the provider said that something isn't there."""

    def add(self, event: EngineEvent) -> None:
        """Looks at one event."""
        match event:
            case ResourceFailed(step) if step.op == "delete-replaced" and step.old is not None and step.old.delete:
                self._copies[step.urn, step.old.id] = None
            case ResourceFailed(step):
                self._failed[step.urn] = None
                if step.op == "create-replacement":
                    self._beside[step.urn] = step
                elif step.op == "create":
                    self._creates.add(step.urn)
                elif step.op in _IN_PLACE:
                    self._in_place.add(step.urn)
            case Diagnostic(message, "error", urn):
                if urn and parse_urn(urn).type != ROOT_STACK_TYPE and not _is_default_provider(urn):
                    self._named[urn] = None
                    if says_taken(message):
                        self._taken[urn] = message
                    if says_missing(message):
                        self._missing[urn] = None

    @property
    def failed(self) -> frozenset[str]:
        """The URNs of the steps that failed."""
        return frozenset(self._failed)

    @property
    def urns(self) -> tuple[str, ...]:
        """What failed and can be left out."""
        named = () if self._failed or self._copies else self._named
        return tuple(self._failed or named)

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, each once."""
        return tuple(dict.fromkeys(map(urn_name, self.urns)))

    @property
    def taken(self) -> tuple[str, ...]:
        """URNs of replacements that could not be made because the old object has what must be unique."""
        return tuple(urn for urn in self._taken if urn in self._beside and urn not in self._strangers)

    @property
    def _strangers(self) -> tuple[str, ...]:
        """Those of which another object than the old one has what must be unique."""
        return tuple(
            urn for urn, said in self._taken.items() if urn in self._beside and _is_new(said, self._beside[urn])
        )

    def hint(self, stack: str, spoken: Callable[[str], str] = urn_name, *, again: bool = False) -> str:
        """How `resume` passes them by, with a space before it; empty if there are none.

        `again`: another run came before, which may have been killed before it could say what it had done.
        """
        texts = dict.fromkeys(map(spoken, self.urns))
        said = []
        if self.taken:
            words = (word for urn in self.taken for word in ("--delete-first", spoken(urn)))
            said.append(f"`{command('resume', stack, *words)}` deletes the old one first.")
        if self._strangers:
            said.append(
                f"{listed([urn_name(urn) for urn in self._strangers])} already exists, and is not the object that the "
                "stack has: a run that was killed may have created it. If so, delete it yourself; then resume."
            )
        existing = [urn_name(urn) for urn in self._taken if urn in self._creates]
        if existing:
            how = command("resume", stack, "--adopt", "found")
            said.append(
                f"{listed(existing)} already exists: if it is the object that the target had, `{how}` adopts it (or "
                "`--adopt "
                "NAME=ID`)."
            )
        if done := [urn for urn in self._failed if urn in self._in_place and (again or urn in self._missing)]:
            said.append(
                f"If {listed([urn_name(urn) for urn in done])} was changed or deleted already, by a killed run "
                f"or by others, `{_looking(stack, *done)}` reads what is there; then resume."
            )
        if texts:
            how = command("resume", stack, *(word for text in texts for word in ("--skip", text)))
            said.append(f"`{how}` leaves {listed(self.names)} as it is and does the rest.")
        return " ".join(("", *said, *self.stuck(stack))).rstrip()

    def stuck(self, stack: str) -> tuple[str, ...]:
        """What can't be left out, and what helps."""
        return tuple(_old_copy(stack, *copy) for copy in self._copies)

    def leaving_out(self, spoken: Callable[[str], str] = urn_name) -> str:
        """How a plan leaves them out, with a space before it; empty if there are none."""
        texts = dict.fromkeys(map(spoken, self.urns))
        if not texts:
            return ""
        how = quoted(*(word for text in texts for word in ("--only", NOT + text)))
        return f" `{how}` leaves {listed(self.names)} as it is, with what it uses, and does the rest."


def _is_default_provider(urn: str) -> bool:
    """Whether it is what a selection can't leave out: the engine makes it for those that use it."""
    parsed = parse_urn(urn)
    return parsed.type.startswith(PROVIDER_PREFIX) and parsed.name.startswith("default")


def _is_new(said: str, step: StepMetadata) -> bool:
    """Whether what a provider calls taken is an input that the old object does not have, and none that it has."""
    old, new = ((side.inputs or {}).values() if side is not None else () for side in (step.old, step.new))
    named = [one for one in new if isinstance(one, str | int) and _stands_in(str(one), said)]
    return bool(named) and not any(one in old for one in named)


def _stands_in(word: str, text: str) -> bool:
    return bool(word) and re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def _old_copy(stack: str, urn: str, identifier: str) -> str:
    """What helps where an old copy can't be deleted; it can't be left out, as every run deletes such copies."""
    forget = quoted("pulumi", "state", "delete", urn, "-s", stack)
    return (
        f"{identifier}, an old copy of {urn_name(urn)}, could not be deleted; every run tries again, so it can't be "
        f"skipped. If it is gone, `{_looking(stack, urn)}` takes it out of the state; if it should stay, `{forget}` "
        f'does (where it asks, choose {identifier}, "Pending Deletion"). Then run `{command("resume", stack)}`.'
    )


def _looking(stack: str, *urns: str) -> str:
    """The command that reads some objects, and takes out of the state what is gone, old copies included."""
    return quoted("pulumi", "refresh", *(word for urn in urns for word in ("--target", urn)), "-s", stack)
