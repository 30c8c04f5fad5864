"""The other half of a ready-made callback: in the program, so that plain ``pulumi up`` keeps what it deletes."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from pulumi_rewind.hooks.context import UndoContext, UndoResource, UndoUpdate
from pulumi_rewind.hooks.declare import Delete
from pulumi_rewind.hooks.library.programs import package


class Keeps(Protocol):
    """A ready-made callback that keeps what goes."""

    def undo_create(self, ctx: UndoContext) -> Delete:
        """Keeps what the object `ctx.new` holds."""


def before_delete(callback: Keeps) -> Callable[[Any], Awaitable[None]]:
    """What a program gives to `pulumi.ResourceHook` to keep what an update deletes or replaces::

        keep = pulumi.ResourceHook("keep-orders", before_delete(SqliteCopy(file=…)))
        db = Database("orders", opts=pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_delete=[keep])))

    If it fails, the engine does not delete the object. The program that no longer has the resource must still have the
    hook. It needs pulumi-rewind in the environment of the program.
    """

    async def keep(args: Any) -> None:
        pulumi = package("pulumi")

        async def resolved(given: Mapping[str, Any] | None) -> Mapping[str, Any]:
            """Secrets come as outputs, from wherever they are in the properties."""
            return await pulumi.Output.from_input(dict(given or {})).future() or {}

        inputs, outputs = await resolved(args.old_inputs), await resolved(args.old_outputs)
        ctx = UndoContext(
            stack=f"{pulumi.get_project()}/{pulumi.get_stack()}",
            target="",
            old=None,
            new=UndoResource(args.urn, args.type, args.name, args.id, inputs, outputs),
            update=UndoUpdate(),
            dry_run=False,
            again=False,
            idempotency_key=uuid.uuid4().hex,
            replaces=False,
            _send=_print,
        )
        # Beside the program's own work, which goes on meanwhile.
        await asyncio.get_running_loop().run_in_executor(None, callback.undo_create, ctx)

    return keep


def _print(message: Mapping[str, Any]) -> None:
    if "log" in message:
        print(message["log"], flush=True)  # noqa: T201 - the engine shows what a program prints
