"""Whether held objects that are to come back still exist: their providers read them before a plan says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pulumi_rewind.engine.events import ResourceDone
from pulumi_rewind.errors import EngineError
from pulumi_rewind.guard.state_editing import staged
from pulumi_rewind.plan.arrangement import Returned
from pulumi_rewind.project.stack_configuration import without_environments
from pulumi_rewind.risk import NOT_FOUND, Risk
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.strategies.preview import PreviewControl, followed, ignore_events
from pulumi_rewind.system.private_directory import private_directory


class StillThere:
    """What is known of held objects while one plan is made; each is read once."""

    def __init__(self, session: Session, control: PreviewControl) -> None:
        self._session = session
        self._control = control
        self._read: set[tuple[str, str]] = set()
        self.gone: set[tuple[str, str]] = set()
        """By URN and id."""
        self.unread: dict[tuple[str, str], str] = {}
        """Those that could not be read, and why."""

    def asks(self, state: Checkpoint, returned: Sequence[Returned]) -> bool:
        """Has the providers read what comes back in a `state` (as stored), unless they have; whether more is gone.

        Raises:
            InterruptedRun: it was stopped.
        """
        new = {(one.urn, one.id): one for one in returned if not one.carrier and (one.urn, one.id) not in self._read}
        if not new:
            return False
        self._read |= new.keys()
        try:
            lost = self._lost(state, [one.urn for one in new.values()])
        except EngineError as err:
            self.unread |= dict.fromkeys(new, str(err).splitlines()[0])
            return False
        gone = {name for name in new if name[0] in lost}
        self.gone |= gone
        return bool(gone)

    def _lost(self, state: Checkpoint, urns: Iterable[str]) -> set[str]:
        session = self._session
        with private_directory() as private, staged(session, state) as place:
            config = without_environments(session.config_file(state, private, {}), private)
            run = session.engine.start(
                [
                    *("refresh", "--preview-only", "-s", place.fqn),
                    *("--config-file", str(config)),
                    *(part for urn in urns for part in ("--target", urn)),
                ],
                private=private,
                extra_env={**session.vault.environment(state), **place.environ},
            )
            events = followed(run, ignore_events, self._control)
            if run.returncode != 0:
                raise run.error("the engine failed")
        done = (event.step for event in events if isinstance(event, ResourceDone))
        return {step.urn for step in done if step.op == "delete" or (step.op == "refresh" and step.new is None)}

    def risks(self) -> Iterator[Risk]:
        """What the plan says of them."""
        for urn, identifier in sorted(self.gone):
            message = (
                f"{identifier} was held, and is gone: its provider does not find it, so that it can't come back. "
                "`pulumi-rewind confirm` forgets it"
            )
            yield Risk(NOT_FOUND, message, urn, object_id=identifier)
        for (urn, identifier), why in sorted(self.unread.items()):
            message = f"{identifier} is held and comes back, but nothing confirms that it still exists: {why}"
            yield Risk(NOT_FOUND, message, urn, object_id=identifier)
