"""The page of a stack or an update on Pulumi Cloud, opened in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.screen import Screen

    from pulumi_rewind.session import Session
    from pulumi_rewind.state.model import Update


def open_page(screen: Screen[None], session: Session, update: Update | None = None) -> None:
    """Opens the page, and says its address for who has no browser here; says so where there is none."""
    page = session.page(update)
    if page:
        screen.app.open_url(page)
        screen.notify(page, title="opened in the browser", markup=False)
    else:
        screen.notify("This backend has no web page of the stack.", severity="warning")
