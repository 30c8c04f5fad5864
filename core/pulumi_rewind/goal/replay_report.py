"""The report of a replay: what it sent, what the engine answered, and what stayed uncertain. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.state.property_path import PropertyPath
from pulumi_rewind.state.values import Json

Observe = Callable[[EngineEvent], None]
"""Receives the engine's events, one after the other."""


@dataclass
class ReplayReport:
    """What a replay did beyond registering; read it when the run has ended."""

    relinked: dict[str, set[str]] = field(default_factory=dict)
    """URN of the goal → property keys in which something was relinked."""
    opaque: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    """URN of the goal → property → dependencies that get a new id although nothing of theirs was found in it; the
    property is empty where the checkpoint doesn't say which one depends on what."""
    unsure: dict[str, set[str]] = field(default_factory=dict)
    """URN of the goal → paths of values that were left alone: they may come from something that changes, or not."""
    urns: dict[str, str] = field(default_factory=dict)
    """URN of the goal → URN in this run."""
    ids: dict[str, str] = field(default_factory=dict)
    """URN of the goal → physical id in this run; empty if a preview doesn't know."""
    sent: dict[str, dict[str, Json]] = field(default_factory=dict)
    """URN in this run → inputs as sent (secrets in plaintext, in memory only)."""
    partly: dict[str, dict[str, Json]] = field(default_factory=dict)
    """URN of the goal → inputs that a preview knows in part, with `UNKNOWN` inside text for the rest: for showing."""
    kept: frozenset[str] = frozenset()
    """URNs of the goal that were not registered: the engine keeps what live has of them, see `plan.asking`."""
    left_open: dict[str, PropertyPath] = field(default_factory=dict)
    """URN in this run → what a preview has sent as unknown although it is known, see `replay.left_open`."""
    outputs: dict[str, dict[str, Json]] = field(default_factory=dict)
    """URN in this run → outputs as registered, for components and the stack."""
    skipped_hooks: list[str] = field(default_factory=list)
    """Names of hooks whose code is not available and which the engine wanted to run."""
    failed: list[str] = field(default_factory=list)
    """URNs of the goal whose registration the engine reported as failed or skipped."""
    complete: bool = False
    """Whether everything was registered and answered, outputs included."""


Previewed: TypeAlias = tuple[list[EngineEvent], bytes, ReplayReport]
"""What a preview gave: its events, the engine's plan, constrained to the goal, and the host's report."""
