"""What a check of the operator's said of an update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from pulumi_rewind_tui.words.words import iso_time, local_time

if TYPE_CHECKING:
    from pulumi_rewind.history.verdict import Said, Verdict


def is_verified(said: Said | None) -> bool | None:
    """Whether an update is good; None if nobody judged it."""
    return None if said is None else said.verdict.good


def verdict_facts(said: Said | None, number: int) -> Iterator[tuple[str, str]]:
    """Lines by name about the verdict on an update, none if nobody judged it: who, when, and the end of the output."""
    if said is None:
        return
    verdict = said.verdict
    command = f"`{verdict.command}`"
    if verdict.source == "confirm":  # nobody's command: the text says who judged
        what = f"✓ {verdict.command}" if verdict.good else f"✗ not good: {verdict.command}"
    else:
        what = f"✓ verified by {command}" if verdict.good else f"✗ not good: {command} {_ended(verdict)}"
    through = f", of #{said.number}, which this went back to" if said.number != number else ""
    yield "verdict", f"{what}, {local_time(verdict.at)}{through}"
    for index, line in enumerate(verdict.output.splitlines()):
        yield ("" if index else "it said"), line


def verdict_json(said: Said | None) -> dict[str, Any] | None:
    """The same for machines, null if there is none; ``of`` is the update that was judged."""
    if said is None:
        return None
    verdict = said.verdict
    return {
        "good": verdict.good,
        "source": verdict.source,
        "command": verdict.command,
        "code": verdict.code,
        "time": iso_time(verdict.at),
        "output": verdict.output,
        "of": said.number,
    }


def _ended(verdict: Verdict) -> str:
    if verdict.code is None:
        return "did not end in time"
    return f"was ended by signal {-verdict.code}" if verdict.code < 0 else f"failed with exit code {verdict.code}"
