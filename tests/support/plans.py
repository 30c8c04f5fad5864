"""Plans written by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from pulumi_rewind.plan.model import Plan


def plan_of(**fields: Any) -> Plan:
    """A plan of nothing but these fields."""
    names = {item.name for item in dataclasses.fields(Plan)}
    empty: dict[str, Any] = dict.fromkeys(names, ())
    return Plan(**{**empty, **fields})
