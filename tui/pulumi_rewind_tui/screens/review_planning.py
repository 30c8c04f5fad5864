"""The plan of a review: made, made again, and dropped when live changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from textual import on

from pulumi_rewind.choices import USUAL, Choices
from pulumi_rewind.errors import NOTHING_CHANGED
from pulumi_rewind.strategies.choosing import holding_as_set
from pulumi_rewind_tui.screens.confirm import ConfirmScreen
from pulumi_rewind_tui.screens.saving import SavingScreen
from pulumi_rewind_tui.screens.trust import TrustScreen
from pulumi_rewind_tui.text import review_page as text
from pulumi_rewind_tui.workers import planner as work
from pulumi_rewind_tui.workers.background import in_thread
from pulumi_rewind_tui.workers.watch import Follow, Watch

if TYPE_CHECKING:
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.session import Session
    from pulumi_rewind.strategies.preview import PreviewControl
    from pulumi_rewind.trust.targets import Finding, UntrustedTarget


class PlanningScreen(SavingScreen):
    """Owns the plan; subclasses show it."""

    def __init__(self, session: Session, target_text: str, choices: Choices | None = None) -> None:
        super().__init__()
        self.session = session
        self.request = work.Request(target_text, choices or self.as_set(USUAL))
        self.kept = False
        """Whether the choices are those of an earlier review that was left."""
        self.failure: BaseException | None = None
        """Why there is no plan, once that is known."""
        self.plan: Plan | None = None
        self.around = text.Surroundings()
        self.moved = False
        """Whether live has changed since the plan was made."""
        self._generation = 0
        self._control: PreviewControl | None = None
        self._watching = Watch(self, self._following)

    def as_set(self, choices: Choices) -> Choices:
        """The choices with what is held as the settings say."""
        return holding_as_set(choices, self.session.settings)

    def begin(self) -> None:
        """Plans, and starts watching live."""
        self._watching.begin()
        self.rebuild()

    def on_unmount(self) -> None:
        """Stops the preview and releases the plan, unless a run uses it."""
        if self._control is not None:
            self._control.stop()
        if self.plan is not None:
            self.plan.close()

    # What subclasses show

    def show_progress(self, what: str) -> None:
        """A plan is being made."""

    def show_plan(self) -> None:
        """The plan in hand, as things stand around it."""

    def show_failure(self, error: BaseException) -> None:
        """There is no plan."""

    @property
    def runnable(self) -> bool:
        """Whether the plan can be confirmed."""
        plan = self.plan
        return plan is not None and not (self.moved or plan.nothing_to_do or plan.blocking or self.around.locks)

    @property
    def stale(self) -> bool:
        """Whether a new plan is needed: live has changed, or a lock is gone."""
        return self.moved or (self.plan is not None and text.unlocked_since(self.plan, self.around))

    # Planning

    def rebuild(self, choices: Choices | None = None, agreed: Sequence[Finding] = ()) -> None:
        """Plans again, with other choices if given; stops a preview that is still running.

        The operator has just trusted what is in `agreed`.
        """
        from pulumi_rewind.strategies.preview import PreviewControl

        if self._control is not None:
            self._control.stop()
        self.drop_plan()
        self._generation += 1
        self._control = control = PreviewControl()
        if choices is not None:
            self.request = replace(self.request, choices=choices)
        request, self.failure = self.request, None
        generation, session = self._generation, self.session
        self.moved = False
        self.show_progress("reading live and the target…")
        in_thread(
            self,
            "plan",
            lambda cancelled: work.make_plan(
                session, request, generation, control, self.post_message, cancelled, agreed
            ),
            lambda err: work.PlanFailed(generation, err),
        )

    def drop_plan(self) -> None:
        """Releases the current plan."""
        if self.plan is not None:
            self.plan.close()
            self.plan = None

    @on(work.PlanProgress)
    def _progress(self, event: work.PlanProgress) -> None:
        if event.generation == self._generation and self.plan is None:
            self.show_progress(event.text)

    @on(work.PlanReady)
    def _ready(self, event: work.PlanReady) -> None:
        if event.generation != self._generation:
            event.plan.close()
            return
        self.plan, self.around = event.plan, event.around
        self._watching.seen = None  # the next look sees what happened while the plan was made
        self.show_plan()

    @on(work.PlanFailed)
    def _failed(self, event: work.PlanFailed) -> None:
        from pulumi_rewind.trust.targets import UntrustedTarget

        if event.generation != self._generation:
            return
        self.failure = event.error
        self.show_failure(event.error)
        if isinstance(event.error, UntrustedTarget):
            self._ask_for_trust(event.error)
            return
        self.rewind.fail(event.error, meaning=NOTHING_CHANGED, retry=self.rebuild)

    def _ask_for_trust(self, error: UntrustedTarget) -> None:
        """Asks before anything of the target starts; without trust, leaves the review."""

        def answered(yes: bool | None) -> None:
            if yes:
                self.rebuild(agreed=error.findings)
            else:
                self.action_back()

        self.app.push_screen(TrustScreen(error), answered)

    # Watching live

    def _following(self) -> tuple[Session, Follow] | None:
        """Watches live for the current plan; if it can't be read, the run checks it once more."""
        if self.plan is None or self.moved:
            return None
        return self.session, partial(work.look_at_live, self.session, self.around, self._generation, self.post_message)

    @on(work.LiveChecked)
    def _looked(self, event: work.LiveChecked) -> None:
        plan = self.plan
        if plan is None or self.moved or event.generation != self._generation:
            return
        self._watching.seen = event.now
        self.moved = event.digest != plan.prepared.live.digest
        changed = event.around != self.around
        self.around = event.around
        if self.moved and isinstance(self.app.screen, ConfirmScreen):
            self.app.screen.dismiss(None)
        if self.moved or changed:
            self.show_plan()
