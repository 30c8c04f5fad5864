"""Two sides of a timeline compared for the diff pane; whatever is kept for showing has its secrets masked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import msgspec

from pulumi_rewind.state.model import urn_name

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Change

LIVE = 0
NOTHING = -1
"""What was there before the oldest update."""

Side: TypeAlias = int
"""An update's number, `LIVE` or `NOTHING`."""

Key: TypeAlias = tuple[Side, Side]
"""Old side, new side."""

ResourceKey: TypeAlias = tuple[str, bool]
"""A resource's URN, and whether it is one that goes."""

SecretsState: TypeAlias = Literal["none", "pending", "compared", "locked"]
CancelCheck: TypeAlias = Callable[[], bool]

EAGER = 150
"""For so many changed resources properties are compared ahead; others when they are opened."""


class Cancelled(Exception):
    """The comparison was cancelled; not an error."""


class Heading(msgspec.Struct, frozen=True, gc=False):
    """One changed resource, as far as its line in the diff says.

    There may be 50,000: as a struct it comes out of a pipe in a tenth of a dataclass's time, during which no key is
    answered.
    """

    urn: str
    old_urn: str | None
    op: str
    type: str
    custom: bool = True
    protect: bool = False
    consequential: bool = False
    uncertain: bool = False
    """Whether all that may differ are secrets that could not be compared."""
    stale: bool = False
    """Whether it still refers to a replaced object."""
    only_new_id: bool = False
    """Whether it has the same content and is another object."""

    @property
    def key(self) -> ResourceKey:
        """What it is called in any comparison: an old copy that goes may share its URN with the new one."""
        return self.urn, self.op == "delete"

    @property
    def name(self) -> str:
        """The logical name."""
        return urn_name(self.urn)


class Details(msgspec.Struct, frozen=True):
    """The properties of one changed resource, secrets masked."""

    changes: tuple[Change, ...]
    same_secrets: tuple[str, ...] = ()
    """Inputs that hold secrets and are the same on both sides."""


@dataclass
class Comparison:
    """Two sides compared, with the details that were looked at so far."""

    key: Key
    resources: tuple[Heading, ...]
    secrets: SecretsState
    reason: str = ""
    """Why secrets could not be compared."""
    parents: dict[str, str] = field(default_factory=dict)
    """Parent URN by URN, for changed resources and what they lie in."""
    seen: dict[tuple[int, bool], Details] = field(default_factory=dict)
    ahead: int = 0
    """Before this position the properties of all that change were compared ahead."""
    source: Source | None = field(default=None, repr=False, compare=False)
    columns: dict[int, int] = field(default_factory=dict, repr=False, compare=False)
    """Widths of columns that were measured: of paths by resource, of names (-1), of all paths (-2) of so many (-3)."""
    drawn: object = field(default=None, repr=False, compare=False)
    """Its rows as they were shown last, see `diff_rows.rows_of`."""
    same: tuple[tuple[str, str], ...] | None = None
    """URN and type of what is unchanged; None until asked for."""

    @property
    def new_objects(self) -> tuple[Heading, ...]:
        """Resources with the same content and another object."""
        return tuple(res for res in self.resources if res.only_new_id)

    @property
    def same_content(self) -> bool:
        """Whether nothing differs but new ids and changes that follow from others."""
        return all(res.consequential and not res.uncertain for res in self.resources)

    def details(self, index: int, *, outputs: bool = False) -> Details:
        """The properties of a resource; slow the first time for those that weren't compared ahead."""
        at = (index, outputs)
        if at not in self.seen:
            assert self.source is not None
            self.seen[at] = self.source.details(self.key, self.decrypted, index, outputs)
        return self.seen[at]

    def changes(self, index: int, *, outputs: bool = False) -> tuple[Change, ...]:
        """The property changes of a resource."""
        return self.details(index, outputs=outputs).changes

    def prepare(self, cancelled: CancelCheck) -> None:
        """Has all at hand for details that will be wanted soon; what large states need for them is not kept."""
        if self.source is not None and self.secrets != "pending" and len(self.seen) < len(self.resources):
            self.source.prepare(self.key, self.decrypted, cancelled)

    def known(self, index: int, *, outputs: bool = False) -> bool:
        """Whether the details of a resource are at hand."""
        return (index, outputs) in self.seen

    def unchanged(self) -> tuple[tuple[str, str], ...]:
        """URN and type of every resource that is the same; slow the first time."""
        if self.same is None:
            assert self.source is not None
            self.same = self.source.unchanged(self.key, self.decrypted)
        return self.same

    def revealed(self, index: int, path: str) -> Change | None:
        """One change with its secrets in plaintext; never remembered."""
        assert self.source is not None
        return self.source.revealed(self.key, index, path)

    @property
    def decrypted(self) -> bool:
        """Whether it was made with secrets decrypted."""
        return self.secrets == "compared"


class Source(Protocol):
    """Where a comparison was made and more of it can be asked for: in this process or in another."""

    def prepare(self, key: Key, decrypted: bool, cancelled: CancelCheck) -> None:
        """Makes the following questions about a comparison quick; raises Cancelled if `cancelled` says so."""

    def details(self, key: Key, decrypted: bool, index: int, outputs: bool) -> Details:
        """The properties of one resource."""

    def unchanged(self, key: Key, decrypted: bool) -> tuple[tuple[str, str], ...]:
        """URN and type of what is the same."""

    def revealed(self, key: Key, index: int, path: str) -> Change | None:
        """One change with its secrets in plaintext."""
