"""The words of home: status bar, titles, notes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from pulumi_rewind.backends.urls import shown_url
from pulumi_rewind.errors import NOTHING_CHANGED, BackendError, CheckpointError, RewindError
from pulumi_rewind.state.model import ROOT_STACK_TYPE
from pulumi_rewind_tui.text.cells import Line, paragraph, plain
from pulumi_rewind_tui.text.comparison import LIVE, Comparison, Key
from pulumi_rewind_tui.text.stack_news import lock_text
from pulumi_rewind_tui.text.timeline_rows import Marks
from pulumi_rewind_tui.text.views import Look, side_name, sides
from pulumi_rewind_tui.words.symbols import counts_text, symbols
from pulumi_rewind_tui.words.words import plural

if TYPE_CHECKING:
    from pulumi_rewind.history.failed_update import HalfWay
    from pulumi_rewind.session import Session
    from pulumi_rewind.state.locks import Lock


class StatusText(msgspec.Struct):
    """What the status bar of home says."""

    session: Session | None = None
    total: int | None = None
    locks: tuple[Lock, ...] = ()
    secrets: str = ""
    has_secrets: bool = False
    head: str = ""
    news: Line = ()
    """What has happened, or why nobody knows."""

    def pieces(self) -> tuple[list[Line], Line]:
        """The pieces from the left, the most important first, and the one at the right."""
        if self.session is None:
            return [(("opening…", "dim"),)], ()
        name: Line = ((str(self.session.stack), "title"),)
        if self.session.production:
            name = (*name, (" ", ""), ("[PROD]", "hazard"))
        if self.locks:
            name = (
                *name,
                ("   ", ""),
                (lock_text(self.locks[0]), "failed" if self.locks[0].hold else "hazard"),
            )  # never left out
        if self.news:
            name = (*name, ("   ", ""), *self.news)  # nor this, though its end may be cut off
        pieces: list[Line] = [name]
        pieces.append(((shorten_url(shown_url(self.session.backend.url)), "dim"),))
        if self.total is not None:
            pieces.append(((plural(self.total, "update"), ""),))
        if not self.locks:
            pieces.append((("lock: none", "dim"),))
        pieces.append(((self._secrets(), "hazard" if self.secrets == "locked" else "dim"),))
        return pieces, ((self.head, "commit"),) if self.head else ()

    def _secrets(self) -> str:
        if self.secrets == "locked":
            return "secrets: locked (p)"
        if self.has_secrets or self.secrets in ("pending", "compared"):
            return "secrets: hidden"
        return "secrets: none"


def shorten_url(url: str, cells: int = 28) -> str:
    """``file://…/state``, ``s3://bucket/…/prod``: without user and query; of a long one its two ends."""
    scheme, _, rest = url.partition("?")[0].rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    host, last = host.rpartition("@")[2], slash + path.rsplit("/", 1)[-1]
    start = f"{scheme}://{host}"
    for text in (start + slash + path, f"{start}/…{last}" if host and path else ""):
        if 0 < len(text) <= cells:
            return text
    room = cells - len(last) - 1
    if host and room > len(scheme) + 8:
        return f"{start[:room]}…{last}"
    left = start[: cells // 2]
    return f"{left}…{last[:1]}{last[1:][len(left) + 2 - cells :]}"


def offer(found: HalfWay, ascii_only: bool) -> Line:
    """The offer to roll back an update that failed half-way."""
    return (
        (f" {symbols(ascii_only)['failed']} ", "failed"),
        (f"The last update, #{found.failed.number}, failed half-way.", "bold"),
        ("  R ", "key"),
        (f"reviews the rollback to #{found.good.number}", ""),
    )


def begun_title(look: Look, key: Key, ascii_only: bool) -> str:
    """``Rollback to #7: LIVE → #7``."""
    return f"{look.name}: {sides(key, symbols(ascii_only)['arrow'])}"


def diff_title(look: Look, done: Comparison, ascii_only: bool) -> str:
    """``Rollback to #7: LIVE → #7   ±1 +1 ~2 -1   (3 consequential)``."""
    counted: dict[str, int] = {}
    folded = 0
    uncertain = 0
    for res in done.resources:
        if res.consequential:
            folded += 1
        elif res.uncertain:
            uncertain += 1
        elif res.type != ROOT_STACK_TYPE:
            counted[res.op] = counted.get(res.op, 0) + 1
    nothing = "outputs only" if done.resources else "no changes"
    if done.new_objects and done.same_content:
        nothing, folded = "same content, new ids", 0
    parts = [begun_title(look, done.key, ascii_only), counts_text(counted, ascii_only) or nothing]
    if uncertain:
        parts.append(f"?{uncertain}")
    if folded:
        parts.append(f"({folded} consequential)")
    return "   ".join(parts)


def diff_subtitle(look: Look, done: Comparison) -> str:
    """What - and + mean, and whether secrets can't be compared."""
    old, new = look.signs
    locked = "secrets not comparable (p)   " if done.secrets == "locked" else ""
    return f"{locked}- {old}   + {new}"


def nothing_differs(look: Look, done: Comparison) -> tuple[Line, ...]:
    """For two sides with the same resources."""
    old, new = (side_name(side) for side in done.key)
    if look.base is None and look.number == LIVE and look.view == "since":
        return (
            ((f"The state is as #{look.newest} left it: nothing was changed outside updates.", "ok"),),
            ((f"Changes to the real resources show only after a refresh. d shows what #{look.newest} did.", "dim"),),
        )
    if look.base is None and look.view == "did":
        return (
            ((f"#{look.number or look.newest} changed no resource.", "ok"),),
            ((f"{new} holds the same resources with the same properties as {old}.", "dim"),),
        )
    same = f"{old} and {new} hold the same resources with the same properties."
    if look.base is not None:
        return (((same, "ok"),),)
    if look.view == "since":
        return (((f"The state has not changed since #{look.number}.", "ok"),), ((same, "dim"),))
    return (((f"The stack is at #{look.number} already: nothing to roll back.", "ok"),), ((same, "dim"),))


def same_side(number: int, marks: Marks) -> tuple[Line, ...]:
    """For a row that would be compared with itself."""
    if number == LIVE and marks.base is None:
        return ((("There is nothing to compare live with yet.", "dim"),),)
    return (
        ((f"{side_name(number)} is the base (◆).", "bold"),),
        (("Move to another row to compare it with the base; m removes the mark.", "dim"),),
    )


def no_updates(session: Session | None) -> tuple[Line, ...]:
    """For a stack without history."""
    return (
        ((f"{session.stack if session else 'This stack'} has no updates yet.", "bold"),),
        (("", ""),),
        (("Deploy it once with `pulumi up`; the update appears here.", "dim"),),
        (("s opens another stack.", "dim"),),
    )


def meaning(error: BaseException, look: Look, number: int) -> str:
    """What a failed comparison means for the stack; `number` is the update whose checkpoint is at fault."""
    if isinstance(error, CheckpointError) and look.view == "did" and number and number != look.number:
        return (
            f"What #{look.number or look.newest} did can't be shown without the checkpoint of #{number} before it. "
            "The stack itself is not affected; d shows the other views."
        )
    if isinstance(error, CheckpointError):
        return "The stack itself is not affected; this update can't be shown or rolled back to."
    if isinstance(error, BackendError):
        return f"{NOTHING_CHANGED} What is on screen was read before and may be out of date; ctrl+r reads again."
    return NOTHING_CHANGED


def next_step(error: RewindError, what_it_means: str) -> str:
    """The error's hint, which doesn't say once more that nothing was changed."""
    return error.next_step if what_it_means.startswith(NOTHING_CHANGED) else error.hint


def error_lines(error: BaseException, what_it_means: str) -> tuple[Line, ...]:
    """What happened, what it means for the stack, what to do next."""
    cells = 66
    message = str(error) if isinstance(error, RewindError) else f"unexpected {type(error).__name__}: {error}"
    first, *rest = paragraph(message, cells, "failed", indent=2)
    lines: list[Line] = [[("✗ " + plain(first)[2:], "failed")], *rest, [""], *paragraph(what_it_means, cells, indent=2)]
    hint = next_step(error, what_it_means) if isinstance(error, RewindError) else ""
    if hint:
        lines += [[""], *paragraph(hint, cells, "dim", indent=2)]
    return tuple(lines)
