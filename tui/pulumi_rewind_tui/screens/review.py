"""The review: what going back would do, step by step, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button

from pulumi_rewind.choices import Choices
from pulumi_rewind.errors import NOTHING_CHANGED
from pulumi_rewind.state.naming import NOT, listed
from pulumi_rewind.strategies.choosing import STRATEGIES
from pulumi_rewind_tui.screens.confirm import Confirmation, ConfirmScreen
from pulumi_rewind_tui.screens.plan_options import PlanOptionsScreen, available, options_of, with_options
from pulumi_rewind_tui.screens.review_planning import PlanningScreen
from pulumi_rewind_tui.screens.strategy import StrategyScreen
from pulumi_rewind_tui.text import review_page as text
from pulumi_rewind_tui.text.home_page import error_lines
from pulumi_rewind_tui.text.selection import (
    decides_to_hold,
    everything,
    holdable,
    holding,
    keeping,
    left_out,
    no_selection,
    selects,
    toggled,
)
from pulumi_rewind_tui.text.step_about import about_lines
from pulumi_rewind_tui.widgets.checks_view import ChecksView
from pulumi_rewind_tui.widgets.lines import LinesView
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.widgets.steps_view import StepsView
from pulumi_rewind_tui.widgets.text_block import TextBlock
from pulumi_rewind_tui.words.words import plural, resource_name
from pulumi_rewind_tui.workers import planner as work


class ReviewScreen(PlanningScreen):
    """Steps left or above, risks and checks right or below, the question at the bottom."""

    CSS_PATH = "review.tcss"
    HELP = (
        "What the engine would do, in its order, and what you should know before you confirm. Enter unfolds the "
        "changes of a resource; on a risk it jumps to the resource. [x] goes back, [ ] stays as it is: space "
        "changes that, and the resources that it needs stay with it. K keeps your data: every resource that would "
        "lose data stays as it is; K again selects it. H decides whether objects that hold data are held: they leave "
        "the state alive, a rollback returns them, and only `confirm` deletes them. Esc keeps your selection for the "
        "next review of this target. Nothing changes before you confirm in the next dialog (r)."
    )
    FOOTER = (
        "review.run", "review.toggle", "review.keep-data", "review.hold", "review.strategy", "review.options",
        "review.refresh", "list.open", "review.write", "review.copy", "screen.back",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "roll back…", id="review.run", tooltip="Confirm and roll back; after a change, plan again"),
        Binding("space", "in_out", "in/out", id="review.toggle", tooltip="Leave the resource out, or select it again"),
        Binding("a", "all_in", "select all", id="review.all", tooltip="Select all resources again"),
        Binding("x", "pass_by", "leave out", id="review.pass-by",
                tooltip="Plan again without the resources that failed in the preview"),
        Binding("K", "keep_data", "keep data", id="review.keep-data",
                tooltip="Keep resources that would lose data as they are, or select them again"),
        Binding("H", "hold", "hold", id="review.hold",
                tooltip="Hold objects with data instead of deleting them, or delete them after all"),
        Binding("t", "strategy", "strategy", id="review.strategy", tooltip="How to go back"),
        Binding("o", "options", "more", id="review.options",
                tooltip="Drift, adoption, credentials and configuration of the plan"),
        Binding("f", "refresh", "drift", id="review.refresh",
                tooltip="Compare the state with the real resources first (drift)"),
        Binding("y", "copy", "copy", id="review.copy", tooltip="Copy the plan by OSC 52, secrets masked"),
        Binding("w", "write", "save", id="review.write",
                tooltip="Save the plan as JSON in the state directory, secrets masked"),
        Binding("left,right", "other_pane", "other pane", id="review.pane"),
    ]  # fmt: skip

    def compose_body(self) -> ComposeResult:
        """Two panes, the verdict and the buttons."""
        with Container(id="panes"):
            with Vertical(id="plan"):
                yield StepsView(id="steps", classes="pane")
                about = TextBlock(lambda _: (), id="about")
                about.add_class("pane")
                yield about
            yield ChecksView(id="checks", classes="pane")
        with Horizontal(id="verdict"):
            yield NoteLine(id="note")
            yield Button("Cancel", id="cancel", action="screen.back")
            yield Button("Roll back…", id="run", action="screen.run")

    def on_mount(self) -> None:
        """Plans at once."""
        self.steps.border_title = "Steps in order"
        self.checks.border_title = "Risks and checks"
        self.steps.focus()
        self.begin()

    @property
    def steps(self) -> StepsView:
        """The steps."""
        return self.query_one(StepsView)

    @property
    def checks(self) -> ChecksView:
        """Risks and checks."""
        return self.query_one(ChecksView)

    # What is shown

    def show_progress(self, what: str) -> None:
        """A plan is being made."""
        self._show_title()
        mark = self.table["running"]
        self.query_one(NoteLine).show(((f"{mark} ", "running"), (what, "")))
        if not self.steps.rows:
            self.steps.show_note((("previewing…", "dim"),))
        self._buttons()

    def show_failure(self, error: BaseException) -> None:
        """There is no plan."""
        passed_by = getattr(error, "passed_by", ())
        ways = "r tries again, " + (f"x leaves {listed(passed_by)} out, " if passed_by else "")
        ways += "a selects all, " if self.request.choices.only else ""
        ways += "K no longer keeps the data, " if self.request.choices.keep_data else ""
        ways += "esc goes back."
        self.steps.show_note(*error_lines(error, f"{NOTHING_CHANGED} {ways}"))
        self.query_one(NoteLine).show((("There is no plan.", "failed"), (f" {ways}", "dim")))
        self._buttons()
        self.refresh_bindings()
        self.update_footer()

    def show_plan(self) -> None:
        """Shows the current plan and the checks."""
        plan, table = self.plan, self.table
        assert plan is not None
        self._show_title()
        verdict = text.verdict(plan, self.around, table, moved=self.moved)
        self.steps.show_plan(plan, () if plan.steps else (verdict,))
        count = plural(len(plan.steps), "step") if plan.steps or not plan.state_only else "only the state"
        left = len(left_out(plan))
        if left:
            count += f", {left} left as {'it is' if left == 1 else 'they are'}"
        self.steps.border_title = Content(f"Steps in order: {count}")
        kept = self.kept and self.request.choices.only
        keeps = "data is kept; K selects it again" if self.request.choices.keep_data else ""
        self.steps.border_subtitle = Content("selection kept from the last review; a selects all" if kept else keeps)
        around, moved = self.around, self.moved
        risks = len(text.risk_entries(plan))
        self.checks.border_title = Content("Risks and checks" + (f": {plural(risks, 'risk')}" if risks else ""))
        self.checks.show(lambda cells: text.check_rows(plan, around, cells, table, moved=moved))
        self.query_one(NoteLine).show(verdict)
        self._buttons()
        self._tell()
        self.update_footer()

    def _show_title(self) -> None:
        table = self.table
        stack, target, how = str(self.session.stack), self.request.target, self.request.choices.strategy
        pieces, right = text.title_pieces(self.plan, stack, target, self.around, how, moved=self.moved, table=table)
        self.status.show(pieces, right)

    def _buttons(self) -> None:
        button = self.query_one("#run", Button)
        button.disabled = not (self.runnable or self.stale)
        button.label = Content("Rebuild") if self.stale else Content("Roll back…")

    # What changes in the step under the cursor

    @on(LinesView.Moved, "#steps")
    def _tell(self) -> None:
        row, block = self.steps.current, self.query_one("#about", TextBlock)
        block.border_title = Content(f"About {resource_name(row.urn)}" if row is not None and row.urn else "")
        block.show(lambda cells: about_lines(row, cells - 2, block.size.height, self.table) if row is not None else ())

    def on_resize(self, event: events.Resize) -> None:
        """The steps follow the panes."""
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        """Where the type stands below the steps, these don't say it."""
        self.steps.typed = not self.query_one("#about").display
        self.steps.changed()
        self._tell()

    # Keys

    @on(LinesView.Opened, "#checks")
    def _jump(self) -> None:
        urn = self.checks.current_urn
        if urn and self.steps.go_to(urn):
            self.steps.unfold(urn, always=True)
            self.steps.focus()

    @on(LinesView.Moved, "#checks")
    def _point(self) -> None:
        self.steps.go_to(self.checks.current_urn)
        self._tell()

    def action_other_pane(self) -> None:
        """To the risks, and back."""
        (self.steps if self.checks.has_focus else self.checks).focus()

    def action_in_out(self) -> None:
        """Leaves out or selects the resource under the cursor and plans again; else says why it can't."""
        if self.plan is not None:
            self._choose(toggled(self.plan, self.steps.current_urn))
        elif not selects(self.request.choices.strategy):
            self._choose(no_selection(self.request.choices.strategy))

    def action_all_in(self) -> None:
        """Selects all resources and plans again."""
        if self.plan is not None:
            self._choose(everything(self.plan))
        elif self.request.choices.only:
            self.rebuild(self.request.choices.but(only=()))

    def action_keep_data(self) -> None:
        """Plans without the steps that would lose data, or with them again."""
        found = keeping(self.request.choices, self.plan)
        self._choose(found if isinstance(found, str) else self.as_set(found))

    def action_hold(self) -> None:
        """Plans with the objects held that hold data, or with them deleted."""
        self._choose(holding(self.request.choices, self.plan, self.session.settings.hold_deletes))

    def _choose(self, found: Choices | str) -> None:
        if isinstance(found, str):
            self.app.bell()
            self.query_one(NoteLine).show(((found, "hazard"),))
        else:
            self.rebuild(found)

    def action_pass_by(self) -> None:
        """Plans again without the resources that failed in the preview."""
        choices = self.request.choices
        texts = (NOT + text for text in getattr(self.failure, "passed_by", ()))
        self.rebuild(choices.but(only=(*choices.only, *texts)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leaving out failed resources requires a failed preview."""
        return bool(getattr(self.failure, "passed_by", ())) if action == "pass_by" else True

    def footer_ids(self) -> Sequence[str]:
        """Without the keys of a selection where the strategy has none."""
        if self.failure is not None:
            return ("review.pass-by", *self.FOOTER)
        choices = self.request.choices
        away = set[str]() if selects(choices.strategy) else {"review.toggle"}
        if not _refreshes(choices):
            away.add("review.refresh")
        lossy = self.plan is not None and self.plan.loses_data and not choices.drop_held
        if not choices.keep_data and (away or not lossy):
            away.add("review.keep-data")
        if not holdable(choices) or choices.keep_data or self.plan is None or not decides_to_hold(self.plan):
            away.add("review.hold")
        return tuple(name for name in self.FOOTER if name not in away)

    def action_strategy(self) -> None:
        """Shows the strategies; one that is not available says why."""

        def chosen(name: str | None) -> None:
            choices = self.request.choices
            if not name or name == choices.strategy:
                return
            if (choices.only or choices.keep_data) and not selects(name):
                keys = listed([key for key, on_ in (("a", choices.only), ("K", choices.keep_data)) if on_])
                self._choose(f"{no_selection(name)} Select all ({keys}), then choose the strategy again.")
            else:
                self.rebuild(self.as_set(choices.but(strategy=name)))

        plan, current = self.plan, self.request.choices.strategy
        best = plan.recommendation if plan is not None else None
        self.app.push_screen(StrategyScreen(work.strategies(plan), current, best), chosen)

    def action_options(self) -> None:
        """Shows what else a plan can be asked for; plans again if something changed."""

        def chosen(options: frozenset[str] | None) -> None:
            choices = self.request.choices
            if options is not None and options != options_of(choices):
                self.rebuild(with_options(choices, options))

        choices = self.request.choices
        self.app.push_screen(PlanOptionsScreen(options_of(choices), available(choices.strategy)), chosen)

    def action_refresh(self) -> None:
        """Plans with the state compared with the real resources first, or without."""
        choices = self.request.choices
        if _refreshes(choices):
            self.rebuild(choices.but(refresh=not choices.refresh))
        else:
            self._choose(f"The strategy {choices.strategy} calls no provider, so it can't compare.")

    def action_back(self) -> None:
        """Back; what was chosen is kept for the next review of this target."""
        self.rewind.keep_choices(self.session, self.request.target, self.request.choices)
        super().action_back()

    def action_copy(self) -> None:
        """Copies the plan, secrets masked."""
        if self.plan is not None:
            self.rewind.copy(work.plan_text(self.plan))

    def action_write(self) -> None:
        """Saves the plan in the state directory."""
        plan = self.plan
        if plan is not None:
            name = f"rewind-plan-{self.session.stack.name}-{plan.target.update.number}.json"
            self.save("The plan", name, lambda: work.plan_document(plan))

    def action_run(self) -> None:
        """Asks for the confirmation, or plans again if the plan can't be confirmed."""
        plan = self.plan
        if plan is None or self.stale:
            self.rebuild()
        elif self.runnable:
            self.app.push_screen(ConfirmScreen(plan, production=self.session.production), self._agreed)
        else:
            self.app.bell()
            blocking = next((risk.urn for risk in plan.blocking if risk.urn), "")
            self.steps.go_to(blocking)

    def _agreed(self, agreement: Confirmation | None) -> None:
        plan = self.plan
        if agreement is None or plan is None or not self.runnable:
            return
        self.plan = None  # the run owns the plan now
        start, target = self.around.newest, self.request.target
        self.rewind.start_run(self.session, target, plan, start, allow_data_loss=agreement.allow_data_loss)


def _refreshes(choices: Choices) -> bool:
    return "refresh" in STRATEGIES[choices.strategy].knows
