"""Values that a rollback brings back as recorded although they may come from something that is another now. Pure.

The plan names them as risks, on every resource, also where the engine has no step; the result counts and names those
that are left when it has run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.risk import OPAQUE, Risk
from pulumi_rewind.state.identity import rehomed
from pulumi_rewind.state.model import urn_name


@dataclass(frozen=True)
class StaleValue:
    """A value of a resource that may not be what its program would compute now."""

    urn: str
    path: str
    """The property; empty where the checkpoint doesn't say which one."""
    message: str

    @property
    def name(self) -> str:
        """``resource.property``."""
        return f"{urn_name(self.urn)}.{self.path}" if self.path else urn_name(self.urn)


def stale_values(goal: Goal, report: ReplayReport) -> tuple[StaleValue, ...]:
    """What may be stale in the state that a replay makes, in the order of its registrations."""
    found: list[StaleValue] = []
    for item in goal.registrations:
        urn = _here(goal, report, item.urn)
        lost, unsure = report.opaque.get(item.urn, {}), report.unsure.get(item.urn, set())
        for key, urns in sorted(lost.items()):
            message = f"was computed from {_names(urns)}, but no part of it could be relinked to the new values"
            found += [StaleValue(urn, path, message) for path in sorted(_under(key, unsure)) or [key]]
        known = {path for key in lost for path in _under(key, unsure)}
        found += [
            StaleValue(urn, path, "either comes from an object that has been replaced, or is a literal that equals it")
            for path in sorted(unsure - known)
        ]
    return tuple(found)


def stale_risks(goal: Goal, report: ReplayReport) -> Mapping[str, tuple[Risk, ...]]:
    """The same as risks, by the URN in this run."""
    found: dict[str, tuple[Risk, ...]] = {}
    for item in goal.registrations:
        lost, unsure = report.opaque.get(item.urn, {}), report.unsure.get(item.urn, set())
        urn = _here(goal, report, item.urn)
        risks: list[Risk] = []
        if lost:
            needed = {one for urns in lost.values() for one in urns}
            which = "which gets a new id" if len(needed) == 1 else "which get new ids"
            keys = ", ".join(path for key in sorted(lost) if key for path in sorted(_under(key, unsure)) or [key])
            where = f" in {keys}" if keys else ""
            message = (
                f"depends on {_names(needed)}, {which}, but the old id was not found{where}: a value derived from "
                "it may be stale"
            )
            risks.append(Risk(OPAQUE, message, urn))
        if rest := sorted(unsure - {path for key in lost for path in _under(key, unsure)}):
            message = (
                f"keeps recorded values that may come from an object that changes, or be literals: {', '.join(rest)}"
            )
            risks.append(Risk("unsure-value", message, urn))
        if risks:
            found[urn] = tuple(risks)
    return found


def _under(key: str, paths: Iterable[str]) -> set[str]:
    """Those of some paths that lie in a property."""
    return {path for path in paths if path == key or path.startswith((f"{key}.", f"{key}["))} if key else set()


def _here(goal: Goal, report: ReplayReport, urn: str) -> str:
    return report.urns.get(urn) or rehomed(urn, goal.stack, goal.project)


def _names(urns: Iterable[str]) -> str:
    return ", ".join(sorted(urn_name(urn) for urn in urns))
