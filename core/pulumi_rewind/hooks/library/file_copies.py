"""The undo callbacks of whatever is copied to a file and loaded into a new object: when which of both is done."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from pulumi_rewind.errors import CopyError
from pulumi_rewind.hooks.context import UndoContext, UndoResource
from pulumi_rewind.hooks.declare import Delete, Recreate
from pulumi_rewind.hooks.library.copies import Copies, Copy
from pulumi_rewind.hooks.library.programs import counted
from pulumi_rewind.hooks.library.ready_made import ReadyMade

CHANGED = "Something else writes to it, or the copy doesn't fit. Find out which; `pulumi-rewind resume` loads it again."


@dataclass(frozen=True, kw_only=True)
class FileCopies(ReadyMade, ABC):
    """Copies what an object holds before it is deleted or replaced, and loads it into the object that comes instead.

    A failure raises CopyError: before the engine's run nothing was changed, and after it `resume` loads again.
    """

    folder: str | os.PathLike[str] | None = None
    """Where copies are kept, in ``pulumi-rewind/copies`` below it; by default in the user's state directory."""
    replaced_by: Literal["live", "target"] = "live"
    """What a resource gets that is replaced: what the live object holds, or the newest copy of the target's object.

    The live object is copied either way.
    """

    suffix: ClassVar[str]
    unit: ClassVar[str]

    @abstractmethod
    def look(self, res: UndoResource) -> str:
        """Checks that an object can be copied, changing nothing; returns what there is of it, in a few words."""

    @abstractmethod
    def save(self, ctx: UndoContext, res: UndoResource, file: Path) -> Mapping[str, int]:
        """Copies what an object holds to a file, and counts by reading that file what is in it."""

    @abstractmethod
    def load(self, ctx: UndoContext, file: Path, res: UndoResource) -> Mapping[str, int]:
        """Brings what is in a file into an object, also for a second time; counts by reading the object."""

    def undo_create(self, ctx: UndoContext) -> Delete:
        """The object is going to be deleted: it is copied."""
        assert ctx.new is not None
        if ctx.dry_run:
            return Delete(f"copies it first: {self.look(ctx.new)}")
        return Delete(f"kept {self._copied(ctx, ctx.new)}")

    def undo_delete(self, ctx: UndoContext) -> Generator[Recreate, UndoResource, Recreate | None]:
        """The object is going to be created again: the newest copy of it is loaded."""
        assert ctx.old is not None
        copies = Copies(ctx.stack, self.folder)
        copy = copies.newest(ctx.old)
        if copy is None:
            return self._nothing(ctx.old)
        copies.path(copy, ctx.old)
        made = yield Recreate(note=f"then loads {copy}")
        self._loaded(ctx, copies, copy, ctx.old, made)
        return None

    def undo_update(self, ctx: UndoContext) -> Generator[Recreate, UndoResource, Recreate | None]:
        """The object is going to be replaced: it is copied, and the copy is loaded; one that stays is left alone."""
        assert ctx.old is not None
        assert ctx.new is not None
        copies = Copies(ctx.stack, self.folder)
        if ctx.replaces and not ctx.dry_run:
            copy: Copy | None = self._copied(ctx, ctx.new)
        else:  # what has been replaced already holds nothing that is worth a copy
            copy = copies.of_call(ctx.new, ctx.idempotency_key) if ctx.again else None
            if copy is None and not ctx.replaces:
                return None
        if self.replaced_by == "target":
            copy = copies.newest(ctx.old, other_than=ctx.idempotency_key)
            if copy is None:
                return self._nothing(ctx.old)
        made = yield Recreate(note=f"then loads {copy or f'a copy of what is in {ctx.new.id}: {self.look(ctx.new)}'}")
        assert copy is not None
        self._loaded(ctx, copies, copy, ctx.new, made)
        return None

    def _nothing(self, res: UndoResource) -> Recreate:
        return self.no_copy(
            f"there is no copy of {res.id}, which was {res.name}",
            "Restore the data by the means of its service and adopt the object with `--adopt`.",
        )

    def _copied(self, ctx: UndoContext, res: UndoResource) -> Copy:
        copies = Copies(ctx.stack, self.folder)
        becomes = ctx.old.id if ctx.old is not None else ""
        copy = copies.make(
            res,
            lambda file: self.save(ctx, res, file),
            key=ctx.idempotency_key,
            becomes=becomes,
            suffix=self.suffix,
            unit=self.unit,
        )
        ctx.log(f"{res.name}: {copy}, to {copies.path(copy, res)}")
        return copy

    def _loaded(self, ctx: UndoContext, copies: Copies, copy: Copy, res: UndoResource, made: UndoResource) -> None:
        counts = self.load(ctx, copies.whole(copy, res), made)
        if dict(counts) != dict(copy.counts):
            differing = sorted(key for key in {*counts, *copy.counts} if counts.get(key) != copy.counts.get(key))
            first = differing[0]
            raise CopyError(
                f"{made.name} has {counted(counts.get(first, 0), copy.unit)} in {first} after it was loaded, "
                f"and the copy has {copy.counts.get(first, 0)}",
                hint=CHANGED,
            )
        ctx.log(f"{made.name}: {counted(sum(counts.values()), copy.unit)} back in {made.id}")
