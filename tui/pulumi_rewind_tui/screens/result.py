"""How a run ended, and the next steps."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from pulumi_rewind.choices import Choices
from pulumi_rewind.strategies.choosing import STRATEGIES, holding_as_set
from pulumi_rewind_tui import messages as msg
from pulumi_rewind_tui.screens.saving import SavingScreen
from pulumi_rewind_tui.screens.text_modal import TextModal
from pulumi_rewind_tui.text.cells import Line
from pulumi_rewind_tui.text.result_page import Outcome, result_lines
from pulumi_rewind_tui.widgets.note_line import NoteLine
from pulumi_rewind_tui.widgets.text_page import TextView
from pulumi_rewind_tui.workers.background import CancelCheck, in_thread

if TYPE_CHECKING:
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.session import Session


@dataclass
class Noted(Message):
    """The incident note was written, or could not be."""

    text: str
    error: Exception | None = None


@dataclass
class Held(Message):
    """The stack is held, or could not be."""

    result: RollbackResult | None
    error: Exception | None = None


class ResultScreen(SavingScreen):
    """One page; its keys depend on how it ended."""

    CSS_PATH = "result.tcss"
    HELP = (
        "How the rollback ended, compared again with the target. Every next step is a plan that you review before "
        "anything is changed."
    )
    FOOTER = (
        "result.continue", "result.undo", "result.hold", "result.refresh", "result.copy", "result.save", "result.log",
        "screen.back",
    )  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "continue", "continue", id="result.continue", tooltip="Review the remaining steps to the target"),
        Binding("u", "undo", "undo…", id="result.undo", tooltip="Review the rollback to the update before"),
        Binding("h", "hold", "hold", id="result.hold",
                tooltip="Hold the stack, so that no pipeline applies the bad commit again"),
        Binding("f", "refresh", "refresh", id="result.refresh",
                tooltip="Compare with the real resources first, then review the remaining steps"),
        Binding("s", "save", "save", id="result.save", tooltip="Save the incident note (Markdown), masked"),
        Binding("l", "log", "log", id="result.log", tooltip="Show the log of the engine"),
        Binding("y", "copy", "copy note", id="result.copy", tooltip="Copy the incident note (Markdown) by OSC 52"),
    ]  # fmt: skip

    def __init__(self, session: Session, outcome: Outcome) -> None:
        super().__init__()
        self.session = session
        self.outcome = outcome
        self._holding = False
        """Whether the stack is held from here, or is about to be."""

    def compose_body(self) -> ComposeResult:
        """The page and a line for notes."""
        yield TextView(self._lines, id="result", classes="pane")
        yield NoteLine(id="note")

    def on_mount(self) -> None:
        """Shows how it ended, in the status bar too."""
        outcome = self.outcome
        page = self.query_one("#result", TextView)
        page.border_title = Content("Result")
        page.set_class(outcome.kind == "done", "-good")
        page.set_class(outcome.kind != "done", "-bad")
        page.focus()
        word = {"done": "ROLLED BACK", "unchanged": "NOT ROLLED BACK", "stopped": "STOPPED", "failed": "FAILED"}
        if self._final:
            word |= {"done": "DELETED", "unchanged": "NOT DELETED"}
        role = {"done": "ok", "unchanged": "hazard", "stopped": "hazard", "failed": "failed"}[outcome.kind]
        table = self.table
        title: Line = (
            (f"{word[outcome.kind]} ", role),
            (outcome.plan.stack, "bold"),
            (f" {table['arrow']} ", "dim"),
            (outcome.plan.target.label, "bold"),
        )
        self.status.show([title], ((time.strftime("%H:%M:%S", time.localtime(outcome.state.ended)), "dim"),))
        self.query_one(NoteLine).show(self._next())

    def _next(self) -> Line:
        outcome = self.outcome
        if self._imported or self._final:
            return ((" esc ", "key"), ("timeline", ""))
        if outcome.kind == "done" and outcome.undo and outcome.result and outcome.result.result == "succeeded":
            return (
                (" u ", "key"),
                (f"undo this rollback (back to #{outcome.undo})", ""),
                *(() if self._holding else (("   h ", "key"), ("hold the stack", ""))),
                ("   esc ", "key"),
                ("timeline", ""),
            )
        if outcome.kind == "unchanged":
            return ((" c ", "key"), ("plan again", ""), ("   esc ", "key"), ("timeline", ""))
        return ()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Continuing needs something unfinished, undoing something that was done."""
        kind = self.outcome.kind
        if action in ("continue", "refresh"):
            return kind != "done"
        if action == "hold":
            return kind == "done" and not self._holding
        if action == "undo":
            able = bool(self.outcome.undo) and not (self._imported or self._nothing or self._final)
            return able and kind != "unchanged"
        return True

    @property
    def _imported(self) -> bool:
        """Whether the run was no update: then only a command undoes it, which the page shows."""
        return self.outcome.result is not None and bool(self.outcome.result.undo)

    @property
    def _final(self) -> bool:
        """Whether it deleted for good what was held."""
        return bool(self.outcome.plan.prepared.choices.drop_held)

    @property
    def _nothing(self) -> bool:
        result = self.outcome.result
        return result is not None and result.result == "nothing-to-do"

    def _lines(self, cells: int) -> list[Line]:
        lines = result_lines(self.outcome, cells - 2, self.table, self.rewind.ascii_only)
        return [((" ", ""), *line) for line in lines]

    # Next steps

    def _review(self, target: str, choices: Choices) -> None:
        self.rewind.post_message(msg.RollbackRequested(target, choices))

    def action_continue(self) -> None:
        """Reviews the remaining steps."""
        plan = self.outcome.plan
        self._review(plan.target.again, plan.prepared.choices)

    def action_refresh(self) -> None:
        """Compares with the real resources first, then reviews the remaining steps."""
        plan = self.outcome.plan
        self._review(plan.target.again, plan.prepared.choices.but(refresh="refresh" in STRATEGIES[plan.strategy].knows))

    def action_undo(self) -> None:
        """Reviews the rollback to the update before the run."""
        plan = self.outcome.plan
        choices = plan.prepared.choices.undoing(forgot=plan.forgets)
        self._review(f"#{self.outcome.undo}", holding_as_set(choices, self.session.settings))

    def action_hold(self) -> None:
        """Holds the stack."""
        from pulumi_rewind.rollback.hold import with_hold

        outcome = self.outcome
        assert outcome.result is not None
        result, self._holding = outcome.result, True

        def work(_: CancelCheck) -> None:
            self.post_message(Held(with_hold(self.session, outcome.plan.target, result)))

        in_thread(self, "hold", work, lambda err: Held(None, err))
        self.refresh_bindings()

    @on(Held)
    def _held(self, event: Held) -> None:
        if event.result is None:
            self._holding = False
            self.refresh_bindings()
            if event.error is not None:
                self.rewind.fail(event.error, meaning="The stack is not held. The rollback itself is not affected.")
            return
        self.outcome = replace(self.outcome, result=event.result)
        self.query_one("#result", TextView).show(self._lines)
        self.query_one(NoteLine).show(self._next())

    # Keeping it

    def _note(self) -> str:
        """The incident note, secrets masked; reads history and git, so never on the UI's thread."""
        from pulumi_rewind_tui.workers.noting import note_of_run

        return note_of_run(self.session, self.outcome, self.rewind.clock())

    def action_save(self) -> None:
        """Saves the incident note in the state directory."""
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(self.outcome.state.started))
        self.save("The incident note", f"incident-{self.session.stack.name}-{moment}.md", self._note)

    def action_copy(self) -> None:
        """Copies the incident note."""

        def work(_: CancelCheck) -> None:
            self.post_message(Noted(self._note()))

        in_thread(self, "note", work, lambda err: Noted("", err))

    @on(Noted)
    def _noted(self, event: Noted) -> None:
        if event.error is not None:
            self.rewind.fail(event.error, meaning="The incident note could not be copied. Nothing else was affected.")
        else:
            self.rewind.copy(event.text)

    def action_log(self) -> None:
        """Shows the log of the run."""
        state = self.outcome.state

        def lines(_: int) -> list[Line]:
            return [
                ((time.strftime("%H:%M:%S ", time.localtime(line.time)), "dim"), (line.text, line.role))
                for line in state.log
            ]

        self.app.push_screen(TextModal("Log", lines))
