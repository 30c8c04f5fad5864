"""The part of the application that screens and widgets may use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from pulumi_rewind_tui.words.symbols import symbols

if TYPE_CHECKING:
    from textual.message import Message
    from textual.message_pump import MessagePump

    from pulumi_rewind.choices import Choices
    from pulumi_rewind.plan.model import Plan
    from pulumi_rewind.session import Session


class RunControl(Protocol):
    """A run in progress, which decides what quitting means."""

    def ask_interrupt(self) -> None:
        """Asks the operator whether to keep going, stop or kill."""


class Host(Protocol):
    """The application, as its screens see it. To open another screen they post a message to it (`messages`)."""

    cwd: Path
    stack_name: str | None
    backend_url: str | None
    environ: Mapping[str, str]
    clock: Callable[[], float]
    ascii_only: bool
    session: Session | None
    run_in_progress: RunControl | None

    def post_message(self, message: Message) -> bool:
        """Tells the application something."""

    def go_home(self) -> None:
        """Leaves all screens but the one at the bottom."""

    def choose_theme(self, name: str) -> None:
        """Changes the colours, and remembers them."""

    def open_stack(self, name: str | None) -> None:
        """Opens a stack (None: the current one) in the background."""

    def keep_choices(self, session: Session, target: str, choices: Choices) -> None:
        """Remembers what was chosen in a review that was left."""

    def start_run(self, session: Session, target: str, plan: Plan, start: int, *, allow_data_loss: bool) -> None:
        """Runs a confirmed plan; its screen replaces the review."""

    def fail(self, error: BaseException, *, meaning: str, retry: Callable[[], None] | None = None) -> None:
        """Shows an error that stays."""

    def ask_passphrase(self, reason: str, retry: Callable[[], None]) -> None:
        """Asks for a passphrase and tries again."""

    def copy(self, text: str) -> None:
        """Copies text, secrets masked."""

    def redact(self, text: str) -> str:
        """A text without the secrets that the session knows by now."""


class Hosted:
    """A screen or a widget; stands last among its bases."""

    @property
    def rewind(self) -> Host:
        """The application, as far as screens and widgets know it."""
        return cast("Host", cast("MessagePump", self).app)

    @property
    def table(self) -> Mapping[str, str]:
        """The symbols of this terminal, by what they stand for."""
        return symbols(self.rewind.ascii_only)
