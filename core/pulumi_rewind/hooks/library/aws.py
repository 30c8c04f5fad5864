"""What the ready-made callbacks for AWS have in common: clients of boto3, waiting, and marks on what they make."""

from __future__ import annotations

import time
from abc import ABC
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource
from pulumi_rewind.hooks.library.programs import package, plain
from pulumi_rewind.hooks.library.ready_made import ReadyMade

MARK: Final = "pulumi-rewind"
"""The tag of what a callback makes; its value is the idempotency key of the call."""

EVERY: Final = 5.0
"""Seconds between two looks at what AWS is doing."""


@dataclass(frozen=True, kw_only=True)
class AwsService(ReadyMade, ABC):
    """One service of AWS; credentials come from the environment and the usual files, as for the AWS CLI."""

    region: str = ""
    """By default that of the resource's ARN, otherwise the environment's."""
    profile: str = ""

    service: ClassVar[str]

    def client(self, res: UndoResource) -> Any:
        """A client of the service where a resource is.

        Raises:
            CopyError: boto3 is missing.
        """
        arn = str(plain(res.outputs.get("arn")) or "").split(":")
        region = self.region or (arn[3] if len(arn) > 3 else "")
        session = package("boto3").Session(profile_name=self.profile or None, region_name=region or None)
        return session.client(self.service)


def waited(
    ctx: UndoContext, what: str, look: Callable[[], tuple[str, float]], done: Iterable[str], failed: Iterable[str]
) -> None:
    """Waits until something has one of some states; `look` returns its state and how many percent are done.

    The time limit of the callback ends a wait that takes too long.

    Raises:
        CopyError: it has a state in which nothing more happens.
    """
    while True:
        state, percent = look()
        if state in done:
            return
        if state in failed:
            raise CopyError(f"{what} is {state!r}", hint="See in the AWS console why; nothing goes on without it.")
        ctx.progress(percent, 100, what)
        time.sleep(EVERY)


def tags_of(found: Mapping[str, Any], member: str) -> dict[str, str]:
    """Tags as AWS lists them, as a dictionary."""
    return {tag["Key"]: tag["Value"] for tag in found.get(member) or ()}


def marks(ctx: UndoContext, res: UndoResource) -> list[dict[str, str]]:
    """The tags of what a callback makes: the call, and the resource that it is for."""
    becomes = ctx.old.id if ctx.old is not None else res.id
    return [
        {"Key": MARK, "Value": ctx.idempotency_key},
        {"Key": f"{MARK}-urn", "Value": _allowed(res.urn)},
        {"Key": f"{MARK}-for", "Value": _allowed(becomes)},
    ]


def _allowed(text: str) -> str:
    """Characters that a tag may have (AWS, "Tag naming limits": letters, digits, spaces and ``_.:/=+-@``)."""
    return "".join(char if char.isalnum() or char in " _.:/=+-@" else "_" for char in text)[:256]
