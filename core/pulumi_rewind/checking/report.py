"""What a check comes to: its verdicts, which of them fail it, and which are waived. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from pulumi_rewind.checking.verdicts import Verdict, worst
from pulumi_rewind.project.check_settings import CheckSettings, Waiver


@dataclass(frozen=True)
class Judged:
    """A verdict, measured by the project's thresholds."""

    verdict: Verdict
    fails: bool
    """Whether it fails the check."""
    waiver: Waiver | None = None
    """What waives it, where it would fail."""
    expired: Waiver | None = None
    """What would waive it, and has expired."""


@dataclass(frozen=True)
class CheckReport:
    """A whole check."""

    stack: str
    base: str
    """What is gone back to."""
    judged: tuple[Judged, ...]
    settings: CheckSettings
    expired: tuple[Waiver, ...] = ()
    """All waivers that have expired, whether they would have been used or not."""
    problem: str = ""
    """Why the engine could not preview the way back; empty where it did, or had nothing to preview."""

    @property
    def verdict(self) -> str:
        """The worst verdict; `NOTHING` where the update changes nothing."""
        return worst(one.verdict.verdict for one in self.judged)

    @property
    def failing(self) -> tuple[Judged, ...]:
        """What fails it."""
        return tuple(one for one in self.judged if one.fails)

    @property
    def passes(self) -> bool:
        """Whether no threshold is crossed."""
        return not self.failing

    @property
    def counts(self) -> dict[str, int]:
        """How many steps have each verdict."""
        found: dict[str, int] = {}
        for one in self.judged:
            found[one.verdict.verdict] = found.get(one.verdict.verdict, 0) + 1
        return found


def judged(verdicts: Iterable[Verdict], settings: CheckSettings, today: date) -> tuple[Judged, ...]:
    """The verdicts by the thresholds and waivers of a project."""
    return tuple(_judged(one, settings, today) for one in verdicts)


def _judged(verdict: Verdict, settings: CheckSettings, today: date) -> Judged:
    if verdict.verdict not in settings.fail_on:
        return Judged(verdict, fails=False)
    about = [one for one in settings.waivers if one.covers(verdict.urn, verdict.name, verdict.type, verdict.verdict)]
    valid = next((one for one in about if not one.expired(today)), None)
    expired = next((one for one in about if one.expired(today)), None)
    return Judged(verdict, fails=valid is None, waiver=valid, expired=expired if valid is None else None)
