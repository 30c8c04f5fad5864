"""What helps where the engine failed on the way to a target: the resource, the cause, and the command. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable
from typing import Final

from pulumi_rewind.engine.messages import missing_module
from pulumi_rewind.errors import EngineError
from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.state.identity import rehomed
from pulumi_rewind.state.model import PROVIDER_PREFIX, urn_name
from pulumi_rewind.state.naming import listed

_DYNAMIC: Final = ("pulumi-python:dynamic", "pulumi-nodejs:dynamic")

_SDK: Final = r"pulumi(\..*)?|@pulumi/pulumi(/.*)?"
"""The modules that run dynamic providers, in Python and in Node.js."""


def advise(error: EngineError, goal: Goal, commit: str) -> str:
    """What helps after a preview of `goal` that failed, empty where nothing is known; `commit` is the target's."""
    text = f"{error}\n{error.output}"
    return _lost_module(text, goal, error, commit) or _lost_reads(text, goal)


def leaving_out(names: Iterable[str]) -> str:
    """The flags that leave some resources as they are."""
    return " ".join(f"--only {shlex.quote(f'!{name}')}" for name in names)


def lost_module(text: str, types: Collection[str], names: Iterable[str], commit: str, *, deleted: bool = False) -> str:
    """What helps where the code of a dynamic provider, which the state holds, imports what isn't there any more.

    `types` are those of the resources concerned, `names` the resources that failed, as far as they are known; the code
    is in `commit`, the target's, or where they were to be `deleted`, that of the update before.
    """
    what = missing_module(text)
    language = next((word for word in _DYNAMIC if any(type_.startswith(word) for type_ in types)), "")
    if not what or not language:
        return ""
    if re.fullmatch(_SDK, what):
        return (
            "The program's packages are not installed here, and its dynamic providers need them: run `pulumi install` "
            "in the project, then the same command again."
        )
    about = listed(tuple(names))
    whose = f"of {about} " if about else ""
    where = f"git worktree add ../old {commit[:10] or 'COMMIT'}"
    which = "the target's commit" if commit and not deleted else "the commit that was deployed with it"
    program = "" if deleted else "; or try `--strategy program`, which runs the old program itself"
    how = (
        f"Add it to the path: `{where}`, then run the same command after `export PYTHONPATH=$PWD/../old:$PYTHONPATH`"
        if language == _DYNAMIC[0]
        else f"Run the same command there: `{where}`, `npm ci` in that directory, then add `--cwd ../old`"
    )
    missing = f"The dynamic provider {whose}needs {what!r}, which is no longer in the program; {which} has it"
    return f"{missing}. {how}{program}."


def _lost_module(text: str, goal: Goal, error: EngineError, commit: str) -> str:
    return lost_module(text, {item.source.type for item in goal.registrations}, _names(goal, error), commit)


def _lost_reads(text: str, goal: Goal) -> str:
    """The target reads objects that it doesn't own: one of them is gone, or the other stack is."""
    gone = [item for item in goal.registrations if item.kind == "read" and item.source.id and item.source.id in text]
    if not gone:
        return ""
    shown = listed(tuple(_with_id(item) for item in gone))
    return (
        f"The target reads {shown}, which can no longer be read. `{leaving_out(item.name for item in gone)}` leaves "
        "it out, with everything that needs it; or create it again."
    )


def _with_id(item: Registration) -> str:
    return item.name if item.source.id == item.name else f"{item.name} ({item.source.id})"


def _names(goal: Goal, error: EngineError) -> tuple[str, ...]:
    """The resources of the goal that the engine complained of."""
    known = {rehomed(item.urn, goal.stack, goal.project) for item in goal.registrations if item.kind != "stack"}
    found = (urn for urn in sorted(error.urns) if urn in known and PROVIDER_PREFIX not in urn)
    return tuple(dict.fromkeys(map(urn_name, found)))
