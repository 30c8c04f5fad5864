"""What all screens share: status bar, own footer, help, size classes, typed access to the application."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen, Screen
from textual.widgets import Static

from pulumi_rewind_tui.host import Hosted
from pulumi_rewind_tui.widgets.backdrop import Backdrop
from pulumi_rewind_tui.widgets.footer import FooterKey, KeyFooter
from pulumi_rewind_tui.widgets.header import StatusBar
from pulumi_rewind_tui.words.palette import key_actions
from pulumi_rewind_tui.words.words import SMALLEST

ResultT = TypeVar("ResultT")

WIDE = 110
"""From how many columns on panes stand side by side."""

SHORT = 30
"""Up to how many rows panes are kept small."""

ALWAYS = ("app.help", "app.quit")
"""Ids of the bindings that stand in every footer."""


class _Shared(Screen[ResultT], Hosted):
    HELP: ClassVar[str] = ""
    """What this screen is for, shown above the keys by ``?``."""
    FOOTER: ClassVar[tuple[str, ...]] = ()
    """Ids of the bindings in the footer, the most important first."""

    def footer_ids(self) -> Sequence[str]:
        """Ids of the bindings in the footer now; may depend on the focused pane."""
        return self.FOOTER

    def footer_keys(self) -> list[FooterKey]:
        """The footer's entries, with the keys as they are configured."""
        known = {binding.id: binding for _, binding in key_actions(self)}
        wanted = dict.fromkeys([*self.footer_ids(), *ALWAYS])
        found = [(known[name], name in ALWAYS) for name in wanted if name in known]
        return [
            FooterKey(self.app.get_key_display(one), one.description, one.action, required=always)
            for one, always in found
        ]

    def update_footer(self) -> None:
        """Shows the keys that work now."""
        for footer in self.query(KeyFooter):
            footer.show(self.footer_keys())

    def interrupted(self) -> bool:
        """Ctrl-C: stops the work of this screen; returns whether there was any (else the application quits)."""
        return False

    @on(KeyFooter.Pressed)
    async def _footer_pressed(self, event: KeyFooter.Pressed) -> None:
        event.stop()
        for namespace, binding, _, _ in list(self.active_bindings.values()):
            if binding.action == event.action:
                await self.app.run_action(event.action, default_namespace=namespace)
                return

    def on_mount(self) -> None:
        """The footer follows the focus; a dialog has the classes of its size before its first paint."""
        self.fit(self.app.size)
        self.bindings_updated_signal.subscribe(self, lambda _: self.update_footer(), immediate=True)
        self.call_after_refresh(self.update_footer)

    def on_resize(self, event: events.Resize) -> None:
        """Side by side, stacked or one at a time."""
        self.fit(event.size)

    def fit(self, size: Size, *, update: bool = True) -> None:
        """Sets the classes that depend on the terminal; without `update` before anything is styled."""
        width, height = size
        classes = {
            "-ascii": self.rewind.ascii_only,
            "-wide": width >= WIDE,
            "-narrow": width < WIDE,
            "-short": height <= SHORT,
            "-tiny": width < SMALLEST[0] or height < SMALLEST[1],
        }
        self.add_class(*(name for name, holds in classes.items() if holds), update=update)
        self.remove_class(*(name for name, holds in classes.items() if not holds), update=update)


class RewindScreen(_Shared[ResultT]):
    """A full screen: status bar, body, footer. Override `compose_body`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "back", id="screen.back"),
        Binding("tab", "app.focus_next", "next pane", id="screen.next-pane"),
        Binding("shift+tab", "app.focus_previous", "previous pane", id="screen.previous-pane"),
    ]

    def compose(self) -> ComposeResult:
        """Status bar, body, footer; and the message for a window that is too small."""
        self.fit(self.app.size, update=False)
        yield StatusBar()
        with Backdrop(id="body"):
            yield from self.compose_body()
        yield KeyFooter()
        width, height = SMALLEST
        yield Static(
            f"This window is too small for the screens.\nMake it at least {width}x{height}, or use "
            "`pulumi-rewind history` and `pulumi-rewind diff`.\n\nq quits.",
            id="too-small",
            markup=False,
        )

    def compose_body(self) -> ComposeResult:
        """What stands between status bar and footer."""
        yield from ()

    @property
    def status(self) -> StatusBar:
        """The status bar."""
        return self.query_one(StatusBar)

    def action_back(self) -> None:
        """One level back; never quits."""
        if len(self.app.screen_stack) > 1 and self.app.screen is self:
            self.app.pop_screen()


class RewindModal(ModalScreen[ResultT], _Shared[ResultT]):
    """A dialog; esc closes it without a result."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "back", id="dialog.leave")]

    def action_leave(self) -> None:
        """Closes the dialog without a result."""
        self.dismiss(None)
