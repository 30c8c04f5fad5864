"""What a run has replaced is read once by its provider: is the new object really there, and is it what was sent?

A state says what was asked for. Where deleting an old object has deleted the new one as well, only the provider knows.
"""

from __future__ import annotations

import shlex
from collections.abc import Generator, Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from pulumi_rewind.errors import InterruptedRun, RewindError
from pulumi_rewind.events import Diagnostic, EngineEvent, Phase, ResourceDone, StepState
from pulumi_rewind.model import urn_name
from pulumi_rewind.plan import Step
from pulumi_rewind.previewing import PreviewControl, followed, private_directory
from pulumi_rewind.stackconfig import config_file
from pulumi_rewind.values import DEFAULTS
from pulumi_rewind.verify import Difference

if TYPE_CHECKING:
    from pulumi_rewind.prepare import Prepared
    from pulumi_rewind.session import Session

AT_ONCE: Final = 200
"""How many are read by one run of the engine: their URNs are its arguments."""


def to_read(steps: Iterable[Step]) -> tuple[str, ...]:
    """URNs of what a plan makes while it deletes something of the same type, which may be the same object."""
    moving = list(steps)
    gone = {step.type for step in moving if step.op in {"delete", "replace"} and step.forecast != "kept"}
    return tuple(step.urn for step in moving if step.op == "replace" or (step.op == "create" and step.type in gone))


def read_back(
    session: Session, prepared: Prepared, urns: Sequence[str], differences: list[Difference], control: PreviewControl
) -> Generator[EngineEvent]:
    """Has the providers read those resources, changes nothing, and adds what is gone or differs to `differences`.

    What can't be read is said and is no difference.
    """
    rest = iter(urns)
    if urns:
        yield Phase("verify", "reading what was replaced")
    while some := tuple(islice(rest, AT_ONCE)):
        try:
            differences += found_by(_refreshed(session, prepared, some, control), frozenset(some))
        except InterruptedRun:
            yield Diagnostic("the reading of what was replaced was stopped", "warning")
            return
        except RewindError as err:
            yield Diagnostic(f"what was replaced could not be read, so nothing says that it is there: {err}", "warning")
            return


def _refreshed(session: Session, prepared: Prepared, urns: Sequence[str], control: PreviewControl) -> list[EngineEvent]:
    live = session.backend.live(session.stack)
    with private_directory() as private:
        own = session.workspace.config_file(session.stack.name)
        run = session.engine.start(
            [
                *("refresh", "--preview-only", "-s", session.stack.fqn),
                *("--config-file", str(config_file(own, live, private, prepared.config))),
                *(part for urn in urns for part in ("--target", urn)),
            ],
            private=private,
            extra_env=session.vault.environment(live),
        )
        events = followed(run, _ignore, control)
        if run.returncode != 0:
            raise run.error("the engine failed")
        return events


def found_by(events: Iterable[EngineEvent], urns: frozenset[str]) -> list[Difference]:
    """What a refresh says of those resources that isn't as the state has it. Pure."""
    found = []
    for event in events:
        if not isinstance(event, ResourceDone) or event.step.urn not in urns:
            continue
        step = event.step
        if step.op == "delete" or (step.op == "refresh" and step.new is None):
            message = (
                "is gone: its provider finds no such object, so deleting the old one has deleted the new one as well. "
                f"`pulumi refresh`, then the rollback once more with `--delete-first {shlex.quote(urn_name(step.urn))}`"
            )
            found.append(Difference(step.urn, "", message))
        elif step.op == "update" and (keys := _other_inputs(step.old, step.new)):
            found.append(Difference(step.urn, "", f"is not as it was made: its provider reads other {', '.join(keys)}"))
    return found


def _other_inputs(old: StepState | None, new: StepState | None) -> list[str]:
    """The inputs that were read otherwise than they were made."""
    before, now = (side.inputs or {} if side is not None else {} for side in (old, new))
    return sorted(key for key in before.keys() & now.keys() if before[key] != now[key] and key != DEFAULTS)


def _ignore(_: EngineEvent) -> None:
    return
