"""What a run has replaced is read once by its provider: is the new object really there, and is it what was sent?

A state says what was asked for. Where deleting an old object has deleted the new one as well, only the provider knows.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from pulumi_rewind.engine.events import Diagnostic, EngineEvent, Phase, ResourceDone, StepState
from pulumi_rewind.errors import InterruptedRun, RewindError
from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.state.values import DEFAULTS, Json
from pulumi_rewind.strategies.preview import PreviewControl, followed, ignore_events
from pulumi_rewind.system.private_directory import private_directory
from pulumi_rewind.system.shell import quoted

if TYPE_CHECKING:
    from pulumi_rewind.session import Session

AT_ONCE: Final = 200
"""How many are read by one run of the engine: their URNs are its arguments."""


def to_read(steps: Iterable[Step]) -> dict[str, str]:
    """URN → what is to be said if the object is gone; of what comes back, and of what a plan makes while it deletes.

    What is made counts where something of the same type is deleted, which may be the same object.
    """
    moving = list(steps)
    gone = {step.type for step in moving if step.op in {"delete", "replace"} and step.forecast != "kept"}
    found = {}
    for step in moving:
        if step.forecast == "returned":
            found[step.urn] = "run `pulumi refresh`, then the rollback again, which re-creates it"
        elif step.op == "replace" or (step.op == "create" and step.type in gone):
            again = f"`{quoted('--delete-first', step.name)}`"
            found[step.urn] = (
                "deleting the old object also deleted the new one. Run `pulumi refresh`, then the rollback again "
                f"with {again}"
            )
    return found


def read_back(
    session: Session,
    config: Mapping[str, Json],
    wanted: Mapping[str, str],
    differences: list[Difference],
    control: PreviewControl,
) -> Generator[EngineEvent]:
    """Has the providers read those resources (see `to_read`), and adds what is gone or differs to `differences`.

    Nothing is changed. What can't be read is said and is no difference. `config` are the settings that the run had
    instead of today's.
    """
    rest = iter(wanted)
    if wanted:
        yield Phase("verify", "reading the replaced and restored resources")
    while some := tuple(islice(rest, AT_ONCE)):
        try:
            differences += found_by(_refreshed(session, config, some, control), wanted)
        except InterruptedRun:
            yield Diagnostic("reading the replaced resources was stopped", "warning")
            return
        except (RewindError, OSError) as err:
            yield Diagnostic(
                f"the replaced resources could not be read, so nothing confirms that they exist: {err}", "warning"
            )
            return


def _refreshed(
    session: Session, config: Mapping[str, Json], urns: Sequence[str], control: PreviewControl
) -> list[EngineEvent]:
    live = session.backend.live(session.stack)
    with private_directory() as private:
        run = session.engine.start(
            [
                *("refresh", "--preview-only", "-s", session.stack.fqn),
                *("--config-file", str(session.config_file(live, private, config))),
                *(part for urn in urns for part in ("--target", urn)),
            ],
            private=private,
            extra_env=session.vault.environment(live),
        )
        events = followed(run, ignore_events, control)
        if run.returncode != 0:
            raise run.error("the engine failed")
        return events


def found_by(events: Iterable[EngineEvent], wanted: Mapping[str, str]) -> list[Difference]:
    """What a refresh says of those resources that isn't as the state has it. Pure."""
    found = []
    for event in events:
        if not isinstance(event, ResourceDone) or event.step.urn not in wanted:
            continue
        step = event.step
        if step.op == "delete" or (step.op == "refresh" and step.new is None):
            message = f"is gone: its provider does not find the object; {wanted[step.urn]}"
            found.append(Difference(step.urn, "", message))
        elif step.op == "update" and (keys := _other_inputs(step.old, step.new)):
            found.append(
                Difference(
                    step.urn, "", f"differs from what was created: its provider reads other values of {', '.join(keys)}"
                )
            )
    return found


def _other_inputs(old: StepState | None, new: StepState | None) -> list[str]:
    """The inputs that were read otherwise than they were made.

    A provider that keeps another form of what was sent (a hash) reads that form back as an input. It answered the same
    when the object was created, so what the outputs still have as it was is no difference.
    """
    before, now = (side.inputs or {} if side is not None else {} for side in (old, new))
    made, read = (side.outputs or {} if side is not None else {} for side in (old, new))
    return sorted(
        key
        for key in before.keys() & now.keys() - {DEFAULTS}
        if before[key] != now[key] and not (key in made and key in read and made[key] == read[key])
    )
