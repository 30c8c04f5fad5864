"""Which replacements delete the old object before the new one is made. Pure.

A program says so with ``deleteBeforeReplace``, which no checkpoint holds (engine behaviour of Pulumi 3.276). Statically
bridged providers answer it for themselves where a name stays; dynamically bridged ones never do. A replacement that
takes the place of its predecessor (the same path, the same unique name) can't be made beside it: either the provider
refuses, or deleting the old object afterwards deletes what has just been made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from pulumi_rewind.engine.events import EngineEvent, ResourceDone, ResourceFailed, ResourcePre
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.plan.model import Step
from pulumi_rewind.risk import DELETE_FIRST, SAME_NAME, Risk
from pulumi_rewind.state.identity import is_constant_id
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.state.naming import Names
from pulumi_rewind.state.values import SIG, Json

ASKED: Final = "as you asked for"
SET: Final = "as rewind.toml says"
BEFORE: Final = "as an earlier update of this stack did"

_NAMES: Final = frozenset(
    {
        "name", "path", "filename", "file", "key", "identifier", "bucket", "label", "domain", "alias", "hostname",
        "fqdn", "address", "slug", "username", "login", "email", "title", "handle", "subdomain", "prefix", "cidr",
        "url", "uri", "host", "publickey",
    }
)  # fmt: skip
_ENDINGS: Final = ("Name", "Path", "Identifier", "Id", "Label", "Domain", "Alias", "Slug", "Address", "CidrBlock")

_FILE: Final = re.compile(r"^(file|path|file_?[nN]ame|file_?[pP]ath)$|(Filename|FileName|FilePath)$")
"""Inputs that say where a file is; what ends in a slash is a folder, or a path of another kind."""

_OPTION: Final = ("--delete-first", "the target")

_PLAIN: Final = re.compile(r"[\w ./:@+-]*", re.ASCII)
_PARTS: Final = re.compile(r"[/:|,]")


def deleting_first(goal: Goal, wanted: Sequence[str] = (), always: Sequence[str] = ()) -> Goal:
    """The goal with the registrations marked whose replacement is to delete the old object first.

    `wanted` (names, URNs or patterns of either or of types) is what the operator asked for, `always` the project's
    setting. What is in the very place that its successor takes is marked by itself, see `same_place`.

    Raises:
        UsageError: something that is wanted means no resource of the goal.
    """
    able = {item.urn: item for item in goal.registrations if item.kind in {"custom", "provider"}}
    names = Names(item.source for item in able.values())
    here = {goal.run_urn(urn): urn for urn in able} if wanted or always else {}
    asked = names.demanded([here.get(word, word) for word in wanted], *_OPTION)
    chosen = {urn: SET for word in always for urn in names.meant(here.get(word, word))}
    return marked(goal, chosen | dict.fromkeys(asked, ASKED))


def check_meant(wanted: Sequence[str], resources: Iterable[Resource]) -> None:
    """Refuses words that mean none of these resources.

    Raises:
        UsageError: there is one.
    """
    if wanted:
        Names(res for res in resources if res.custom and not res.is_default_provider).demanded(wanted, *_OPTION)


def marked(goal: Goal, reasons: Mapping[str, str]) -> Goal:
    """The goal with those registrations (URN → why) marked, and those that take their predecessor's place."""
    return goal.each(
        lambda item: (
            replace(item, delete_first=reason) if (reason := reasons.get(item.urn) or _by_itself(item)) else item
        )
    )


def _by_itself(item: Registration) -> str:
    if item.delete_first:
        return item.delete_first
    found = same_place(item)
    return f"because both have the same {found[0]}, {found[1]!r}" if found else ""


def kept_names(item: Registration) -> dict[str, str]:
    """The inputs that look like a name, were written by the program, and are the same in live and the target."""
    return {
        key: value for key, value in _kept(item).items() if _is_name(key) and not item.property_dependencies.get(key)
    }


def same_place(item: Registration) -> tuple[str, str] | None:
    """The input, and its value, by which a replacement takes the very place of its predecessor; None where none does.

    Nobody refuses the second one there: it overwrites the first, and what is deleted afterwards is the new one. So it
    is where the recorded id, then and now, is an input that stays or is put together from nothing but such inputs,
    and where a file keeps its path.
    """
    live = item.live_source
    if live is None or item.kind != "custom" or live.external:
        return None
    parts = _PARTS.split(live.id)
    own = bool(live.id) and not is_constant_id(live.id)
    by_id = own and live.id == item.source.id and all(_may_hold(live, part) for part in parts)
    if not by_id and not any(_FILE.search(key) for key in item.inputs):
        return None  # without decoding anything: nearly every resource ends here
    kept = _kept(item)
    keys = {value: key for key, value in kept.items()}
    if by_id and live.id in keys:
        return keys[live.id], live.id
    if by_id and len(parts) > 1 and all(part in keys for part in parts) and any(_is_name(keys[part]) for part in parts):
        return " and ".join(keys[part] for part in parts), live.id
    return next(((key, text) for key, text in kept.items() if _FILE.search(key) and not text.endswith("/")), None)


def _may_hold(live: Resource, text: str) -> bool:
    """Whether a text can stand in the inputs; what JSON may write in several ways is not looked for."""
    return not _PLAIN.fullmatch(text) or text.encode() in bytes(live.inputs)


def _kept(item: Registration) -> dict[str, str]:
    """Text inputs, on top and one level below (``metadata.name``), that are sent as live has them."""
    live = item.live_source
    if item.kind != "custom" or live is None or live.external or not live.id:
        return {}
    today = dict(_texts(live.decoded_inputs()))
    return {path: text for path, text in _texts(item.inputs) if today.get(path) == text}


def _texts(inputs: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for key, value in inputs.items():
        inner = value if isinstance(value, dict) and SIG not in value else {}
        for path, text in ((key, value), *((f"{key}.{name}", one) for name, one in inner.items())):
            if isinstance(text, str) and text:
                yield path, text


def _is_name(path: str) -> bool:
    key = path.removeprefix("metadata.")
    return key.lower() in _NAMES or ("." not in key and key.endswith(_ENDINGS))


def order_risks(step: Step, item: Registration | None, *, held: bool = False, told: bool = False) -> tuple[Risk, ...]:
    """What the operator must know about the order in which a replacement is made.

    An old object that is `held` is not deleted for a name. Where that it is deleted first is `told` already, only a
    reason is worth a second note.
    """
    if step.op != "replace":
        return ()
    if step.delete_first:
        reason = f", {item.delete_first}" if item is not None and item.delete_first else ""
        if told and not reason:
            return ()
        return (Risk(DELETE_FIRST, f"is deleted before its replacement is created{reason}", step.urn),)
    names = (
        {} if item is None else {key: text for key, text in kept_names(item).items() if key not in step.replace_keys}
    )
    if not names:
        return ()
    said = ", ".join(f"{key} {text!r}" for key, text in sorted(names.items()))
    message = f"its replacement keeps {said} and is created "
    if held:
        message += (
            "while the old one, which is held, exists: if the provider says that it is taken, the run stops there "
            f"(`--delete-first {step.name}` deletes the old one with its data)"
        )
    else:
        message += (
            "before the old one is deleted: if the provider says that it is taken, the run deletes the old one first "
            f"(`--delete-first {step.name}` does so from the start)"
        )
    return (Risk(SAME_NAME, message, step.urn),)


# -- what earlier updates did ------------------------------------------------------------------------------------


def deleted_before(events: Iterable[EngineEvent]) -> frozenset[str]:
    """The URNs of which an update deleted the old object before it made the new one."""
    first: dict[str, str] = {}
    for event in events:
        if isinstance(event, ResourcePre | ResourceDone | ResourceFailed) and event.step.op in _REPLACING:
            first.setdefault(event.step.urn, event.step.op)
    return frozenset(urn for urn, op in first.items() if op == "delete-replaced")


_REPLACING: Final = frozenset({"create-replacement", "delete-replaced", "import-replacement"})


def left_deleted(side: Checkpoint) -> frozenset[str]:
    """The URNs whose old object was deleted first and that a failed update left without a new one."""
    return frozenset(res.urn for res in side.resources if res.pending_replacement and not res.delete)


# -- a name that was taken -----------------------------------------------------------------------------------------

_LESS: Final[Mapping[str, frozenset[str]]] = {
    "replace": frozenset({"create", "update", "rename", "delete"}),  # only its old copy may be left to delete
    "create": frozenset({"import", "update", "rename"}),
    "import": frozenset({"update", "rename"}),
    "update": frozenset({"rename"}),
}
"""What a reviewed step may have become after half of the run."""


def more_than_reviewed(steps: Iterable[Step], reviewed: Iterable[Step]) -> list[str]:
    """What steps do beyond those that were reviewed, as text; what is done already is not missed."""
    before = {step.urn: step.op for step in reviewed}
    return [
        f"{step.name}: {step.op} instead of {before.get(step.urn, 'nothing')}"
        for step in steps
        if step.op != (was := before.get(step.urn, "")) and step.op not in _LESS.get(was, frozenset())
    ]
