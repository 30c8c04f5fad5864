"""What differs between two checkpoints: resource by resource, then, for what is looked at, property by property. Pure.

The cost follows what changed: resources are joined by URN and compared as bytes; values are decoded only where bytes
differ and can't tell by themselves, and listed only when asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from pulumi_rewind.diff.certain import differing, surely_differ
from pulumi_rewind.diff.options import (
    DEPENDENCIES,
    NOTHING,
    VERSION,
    bookkeeping,
    own_options,
    references,
    same_references,
)
from pulumi_rewind.diff.pairs import Join
from pulumi_rewind.diff.properties import Edit, Kind, edits, path_text, shown
from pulumi_rewind.diff.translation import only_own_id
from pulumi_rewind.state.model import Checkpoint, Resource, urn_name
from pulumi_rewind.state.sent_inputs import sent_inputs
from pulumi_rewind.state.values import Json

Op = Literal["create", "update", "delete", "replace", "return", "rename", "same"]
Section = Literal["inputs", "outputs", "options"]


@dataclass(frozen=True, slots=True)
class Change:
    """One property that differs. Values are JSON; assets, references and other special values are told in words."""

    path: str
    """From the section on: ``inputs.tags.Name``, ``inputs.policy{json}.Version``, ``options.protect``; or ``id``."""
    kind: Kind
    old: Json
    new: Json
    """Secrets in both masked unless asked for; None where there is no such side."""
    secret: bool
    """Whether a secret is part of it, also one that began or ceased to be a secret."""
    comparable: bool
    """False: an encrypted secret on a side; whether it changed is not known."""
    section: Section


@dataclass(frozen=True)
class ResourceDiff:
    """One resource that differs between two checkpoints."""

    urn: str
    """On the new side; on the old side where it is gone."""
    old_urn: str | None
    """Its URN on the old side, where it has one."""
    op: Op
    old: Resource | None
    new: Resource | None
    consequential: bool = False
    """Whether everything that differs follows from elsewhere: outputs, dependencies, new ids where old ones stood."""
    uncertain: bool = False
    """Whether everything that may differ are encrypted secrets, which can't be compared without decrypting."""
    new_object: bool = False
    """Whether it is another physical object. Its data is not that of the old one, whatever else is the same."""
    stale: bool = False
    """Whether both sides name the same object of what it uses, which is another one on one side: relinking fixes it."""
    _join: Join | None = field(default=None, repr=False, compare=False)

    @property
    def type(self) -> str:
        """The resource's type."""
        return (self.new or self.old or NOTHING).type

    @property
    def name(self) -> str:
        """The resource's logical name."""
        return urn_name(self.urn)

    @property
    def renamed(self) -> bool:
        """Whether the same object has another URN."""
        return self.old_urn is not None and self.new is not None and self.old_urn != self.urn

    @property
    def only_new_id(self) -> bool:
        """Whether nothing is known to differ but that it is another object."""
        return self.new_object and self.op == "same"

    def changes(self, *, secrets: bool = False, outputs: bool = False, noise: bool = False) -> tuple[Change, ...]:
        """The properties that differ, compared now.

        Args:
            secrets: show what decrypted secrets hold.
            outputs: with ids, and the outputs of custom resources; those of components and the stack always count.
            noise: with bookkeeping: ``__defaults``, property dependencies, source positions, times.
        """
        found: list[Change] = []
        for section, edit in self._edits(outputs=outputs, noise=noise):
            old, new = shown(edit, secrets=secrets)
            path = path_text((section, *edit.path)) if edit.path else "id"
            found.append(Change(path, edit.kind, old, new, edit.secret, edit.comparable, section))
        return tuple(found)

    def _edits(self, *, outputs: bool, noise: bool) -> Iterator[tuple[Section, Edit]]:
        old, new, join = self.old or NOTHING, self.new or NOTHING, self._join
        assert join is not None
        if old.inputs != new.inputs:
            for edit in edits(*differing(old.inputs, new.inputs), noise=noise):
                yield "inputs", edit
        for edit in own_options(old, new, join.urn_now):
            yield "options", edit
        if self.old is not None and self.new is not None:
            for edit in references(old, new, join.urn_now, join.versions):
                yield "options", edit
        if noise:
            for edit in bookkeeping(old, new, join.urn_now):
                yield "options", edit
        if outputs and old.id != new.id and not (new.external or old.external):
            kind: Kind = "changed" if old.id and new.id else "added" if new.id else "removed"
            yield "outputs", Edit((), kind, old.id or None, new.id or None)
        if (outputs or shows_outputs(new if self.new else old)) and old.outputs != new.outputs:
            for edit in edits(*differing(old.outputs, new.outputs), noise=noise):
                yield "outputs", edit


@dataclass(frozen=True)
class Diff:
    """All resources that differ, in the order of the new checkpoint; what is gone comes last."""

    resources: tuple[ResourceDiff, ...]

    @property
    def same_content(self) -> bool:
        """Whether nothing differs but new ids and what follows from elsewhere; as `equality` has it."""
        return all(item.consequential and not item.uncertain for item in self.resources)

    @property
    def new_objects(self) -> tuple[ResourceDiff, ...]:
        """What has a new id and the same content."""
        return tuple(item for item in self.resources if item.only_new_id)

    def counts(self) -> dict[str, int]:
        """Resources by operation, without the stack's own, what is consequential, and what can't be compared."""
        return dict(
            Counter(
                item.op
                for item in self.resources
                if not (item.consequential or item.uncertain or (item.new or item.old or NOTHING).is_stack)
            )
        )


def shows_outputs(res: Resource) -> bool:
    """Whether outputs are what the program says rather than what a provider answered."""
    return not res.custom


def diff_checkpoints(old: Checkpoint, new: Checkpoint) -> Diff:
    """Compares two checkpoints of one stack, best both decrypted; copies that wait for deletion are left out.

    Joined by URN, then by type and id, so that a rename is a rename. Default providers are listed only where their
    configuration or version changed.
    """
    return Diff(tuple(compare(old, new)))


def compare(old: Checkpoint, new: Checkpoint) -> Iterator[ResourceDiff]:
    """The same one by one, for those who need not know all."""
    join = Join(old, new)
    changed, moved = join.changed, bool(join.moved)
    for after in join.new.values():
        if not moved and after.urn not in changed and after.urn in join.old:
            continue
        before = join.before(after)
        if before is None:
            if not after.is_default_provider:
                yield ResourceDiff(after.urn, None, "create", None, after, _join=join)
        elif after.urn in changed or (moved and join.stale(before, after)):
            item = _compare(before, after, join)
            if item is not None:
                yield item
    for res in join.gone():
        if not res.is_default_provider:
            yield ResourceDiff(res.urn, res.urn, "delete", res, None, _join=join)


def _compare(before: Resource, after: Resource, join: Join) -> ResourceDiff | None:
    moved = after.urn in join.moved
    real, follows, unknown = _weigh(before, after, join)
    stale = not real and join.stale(before, after)
    real = real or stale or before.custom != after.custom
    renamed = before.urn != after.urn and not after.is_default_provider
    if not (real or follows or unknown or renamed or moved):
        return None
    op: Op = "rename" if renamed and not (real or unknown) else "update"
    if moved:
        op = ("return" if join.waits(after) else "replace") if real or renamed else "same"
    return ResourceDiff(
        after.urn,
        before.urn,
        op,
        before,
        after,
        consequential=(follows or (moved and not unknown)) and not (real or renamed),
        uncertain=unknown and not (real or renamed),
        new_object=moved,
        stale=stale,
        _join=join,
    )


def _weigh(before: Resource, after: Resource, join: Join) -> tuple[bool, bool, bool]:
    """Whether something changed by itself; whether something followed; whether something can't be compared.

    Stops at the first real change: the rest makes no difference to the list.
    """
    follows = unknown = False
    moved = after.urn in join.moved
    for edit in own_options(before, after, join.urn_now):
        if moved and only_own_id(edit, before, after):
            follows = True
        elif edit.comparable:
            return True, False, False
        else:
            unknown = True
    if not moved and before.inputs != after.inputs and surely_differ(before.inputs, after.inputs, given=after):
        return True, False, False
    table = join.translation(after)
    named = () if same_references(before, after) else references(before, after, join.urn_now, join.versions)
    for edit in named:
        if (
            edit.path[0] == DEPENDENCIES
            or (edit.path[0] == VERSION and join.same_provider(before, after))
            or table.explains(edit)
        ):
            follows = True
        else:
            return True, False, False
    parts = [(before.inputs, after.inputs)]
    if shows_outputs(after):
        parts.append((before.outputs, after.outputs))
    for one, other in parts:
        if one == other:
            continue
        if not table and not moved and surely_differ(one, other):
            return True, False, False
        if moved and one is before.inputs:  # what the provider fills in it fills in again
            old, new = sent_inputs(before), sent_inputs(after)
        else:
            old, new = join.decoded(one, other)
        for edit in edits(old, new):
            if not edit.comparable:
                unknown = True
            elif table.explains(edit):
                follows = True
            elif table and table.equal(old, new):  # lists are aligned by what they hold, so an id is gone and one came
                follows = True
                break
            else:
                return True, False, False
    if not shows_outputs(after) and before.outputs != after.outputs and not after.is_provider:
        if surely_differ(before.outputs, after.outputs):
            return False, True, unknown
        for edit in edits(*join.decoded(before.outputs, after.outputs)):
            follows = follows or edit.comparable
            unknown = unknown or not edit.comparable
    return False, follows, unknown


def diff_to_json(diff: Diff, from_label: str, to_label: str, *, secrets: bool = False) -> dict[str, Any]:
    """The stable form for other tools: ``{from, to, sameContent, newIds, resources: [{urn, type, name, op, …}]}``.

    What has only a new id is listed in ``newIds`` alone; where ``sameContent`` is true and there are such, what follows
    from that is left out as well, so that ``resources`` is empty. A resource has ``oldUrn`` where it was renamed,
    ``consequential`` and ``uncertain`` where they are true; a change has ``comparable`` where it is false.
    """
    fresh = diff.new_objects
    folded = diff.same_content and bool(fresh)
    return {
        "from": from_label,
        "to": to_label,
        "sameContent": diff.same_content,
        "newIds": [_new_id_to_json(item) for item in fresh],
        "resources": []
        if folded
        else [_resource_to_json(item, secrets=secrets) for item in diff.resources if not item.only_new_id],
    }


def _new_id_to_json(item: ResourceDiff) -> dict[str, Any]:
    old, new = item.old or NOTHING, item.new or NOTHING
    return {"urn": item.urn, "type": item.type, "name": item.name, "old": old.id, "new": new.id}


def _resource_to_json(item: ResourceDiff, *, secrets: bool) -> dict[str, Any]:
    marks: dict[str, Any] = {"oldUrn": item.old_urn} if item.renamed else {}
    marks |= {"consequential": True} if item.consequential else {}
    marks |= {"uncertain": True} if item.uncertain else {}
    return {
        "urn": item.urn,
        "type": item.type,
        "name": item.name,
        "op": item.op,
        **marks,
        "changes": [
            {
                "path": change.path,
                "kind": change.kind,
                "old": change.old,
                "new": change.new,
                "secret": change.secret,
                **({} if change.comparable else {"comparable": False}),
            }
            for change in item.changes(secrets=secrets, outputs=item.consequential)
        ],
    }
