"""Filtering on home: which pane is filtered, by which words, and what matches."""

from __future__ import annotations

from textual import on

from pulumi_rewind.state.model import Update
from pulumi_rewind_tui.screens import home_loading as loading
from pulumi_rewind_tui.screens.home_compare import ComparingScreen
from pulumi_rewind_tui.widgets.filter_bar import FilterBar


def update_matches(update: Update, tags: tuple[str, ...], words: str) -> bool:
    """Whether all words occur in what is known of an update."""
    haystack = update_text(update, tags)
    return all(word in haystack for word in words.split())


def update_text(update: Update, tags: tuple[str, ...]) -> str:
    """All that is known of an update, in lower case, to look for words in."""
    env = update.environment
    return " ".join(
        (
            f"#{update.number}", update.kind, update.result, update.message, update.commit, update.branch,
            env.get("git.author", ""), env.get("git.committer", ""), "dirty" if update.dirty else "", *tags,
        )
    ).lower()  # fmt: skip


class FilteringScreen(ComparingScreen):
    """The part of home that filters."""

    filtered_pane = "timeline"

    @property
    def _bar(self) -> FilterBar:
        return self.query_one(FilterBar)

    def action_filter(self) -> None:
        """Opens the filter for the focused pane."""
        pane = "diff" if self.diff.has_focus else "timeline"
        if self._bar.is_open and pane != self.filtered_pane:
            self.drop_filter()
        self.filtered_pane = pane
        self._bar.open()
        self.refilter()
        self.read_rest()

    def read_rest(self) -> None:
        """Reads the updates that are not read yet while the timeline is filtered."""
        if self._bar.is_open and self.filtered_pane == "timeline" and not self.complete:
            self.read_in_thread("history-all", loading.load_all)

    @on(FilterBar.Typed)
    def _typed(self, event: FilterBar.Typed) -> None:
        if self.filtered_pane == "diff":
            self.diff.shown.words = event.words
            self.diff.rebuild()
        self.refilter()

    @on(FilterBar.Kept)
    def _kept(self) -> None:
        (self.diff if self.filtered_pane == "diff" else self.timeline).focus()
        if not self._bar.words.strip():
            self.drop_filter()

    @on(FilterBar.Closed)
    def action_drop_filter(self) -> None:
        """No filter."""
        self.drop_filter()

    def drop_filter(self) -> bool:
        """Takes the filter off; False if there was none."""
        if not self._bar.is_open:
            return False
        had_focus = self.focused is not None and self.focused.parent is self._bar
        self._bar.close()
        before = self.timeline.number
        self.timeline.set_filter(None)
        if self.timeline.number != before:
            self.compare_soon()
        if self.diff.shown.words:
            self.diff.shown.words = ""
            self.diff.rebuild()
        if had_focus:
            (self.diff if self.filtered_pane == "diff" else self.timeline).focus()
        return True

    def refilter(self) -> None:
        """Applies the words to what is loaded now, and counts."""
        bar = self._bar
        if not bar.is_open:
            return
        words = bar.words.strip().lower()
        if self.filtered_pane == "diff":
            done = self.diff.comparison
            total = len(done.resources) if done is not None else 0
            seen = len({row.index for row in self.diff.rows if row.kind == "resource"})
            bar.count(f"{seen} of {total}")
            return
        timeline = self.timeline
        numbers: list[int] | None = None
        if words:
            numbers = [
                number
                for number in sorted(timeline.updates, reverse=True)
                if update_matches(timeline.updates[number], timeline.tags(number), words)
            ]
        if numbers != timeline.filtered:
            before = timeline.number
            timeline.set_filter(numbers)
            if timeline.number != before:  # the diff, and what r plans, are of the row under the cursor
                self.compare_soon()
        found = timeline.total if numbers is None else len(numbers)
        reading = "" if self.complete else "  reading…"
        bar.count(f"{found} of {timeline.total}{reading}")

    def action_match(self, direction: int) -> None:
        """The next or previous row that matches."""
        if self.diff.has_focus:
            self.diff.action_next_change(direction)
        else:
            self.timeline.action_cursor_by(direction)
