"""The words of operations, times and counts, the same everywhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

from pulumi_rewind.state.model import ROOT_STACK_TYPE, Update, parse_urn

_WORDS: Final[Mapping[str, tuple[str, str, str]]] = {
    # op: what is to be done, while it is done, and afterwards
    "create": ("create", "creating", "created"),
    "update": ("update", "updating", "updated"),
    "delete": ("delete", "deleting", "deleted"),
    "replace": ("replace", "replacing", "replaced"),
    "same": ("same", "leaving", "unchanged"),
    "rename": ("rename", "renaming", "renamed"),
    "return": ("return", "returning", "returned"),
    "read": ("read", "reading", "read"),
    "refresh": ("refresh", "refreshing", "refreshed"),
    "import": ("adopt", "adopting", "adopted"),
    "hold": ("hold", "letting go", "held, the object stays alive"),
    "discard": ("forget", "forgetting", "forgotten, the object stays"),
    "create-replacement": ("create the replacement", "creating the replacement", "created the replacement"),
    "delete-replaced": ("delete the old object", "deleting the old object", "deleted the old object"),
    "delete-old": ("delete the old copy", "deleting the old copy", "deleted the old copy"),
    "import-replacement": ("adopt the replacement", "adopting the replacement", "adopted the replacement"),
    "read-replacement": ("read the replacement", "reading the replacement", "read the replacement"),
    "read-discard": ("forget what was read", "forgetting what was read", "forgot what was read"),
    "discard-replaced": ("forget the old object", "forgetting the old object", "forgot the old object"),
    "remove-pending-replace": ("forget the old object", "forgetting the old object", "forgot the old object"),
}
"""The engine's names of operations are for machines and for the raw log; people read these words everywhere."""

PATIENCE: Final = 0.5
"""Seconds after which what takes long says how far it is."""

SMALLEST: Final = (60, 15)
"""Columns and rows below which the screens can show nothing useful."""

NO_CHANGE: Final = "no change needed"
"""Of a step that was planned and that the update turned out not to need."""


def op_to_do(op: str) -> str:
    """The word for an operation that is planned."""
    return _words(op)[0]


def op_doing(op: str) -> str:
    """The word for an operation that is under way."""
    return _words(op)[1]


def op_done(op: str) -> str:
    """The word for an operation that has happened."""
    return _words(op)[2]


def op_failed(op: str) -> str:
    """The words for an operation that has failed."""
    return f"{op_doing(op)} failed"


def _words(op: str) -> tuple[str, str, str]:
    return _WORDS.get(op) or (op.replace("-", " "),) * 3


def local_time(seconds: float, form: str = "%Y-%m-%d %H:%M:%S") -> str:
    """A moment in the operator's time zone, empty if unknown."""
    try:
        return time.strftime(form, time.localtime(seconds)) if seconds > 0 else ""
    except (OverflowError, ValueError, OSError):
        return ""


def iso_time(seconds: int) -> str | None:
    """A moment as ISO 8601 in UTC for machines, None if unknown."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds > 0 else None
    except (OverflowError, ValueError, OSError):
        return None


def elapsed(seconds: float) -> str:
    """``00:14``, or ``1:02:03`` beyond an hour."""
    minutes, secs = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes:02}:{secs:02}"


def first_line(text: str) -> str:
    """The first line of a message, with a mark if there is more."""
    head, _, rest = text.strip().partition("\n")
    return f"{head.rstrip()} …" if rest.strip() else head


def short_commit(update: Update) -> str:
    """The beginning of the commit, with ``*`` where uncommitted changes went in; empty without one."""
    return update.commit[:7] + ("*" if update.dirty else "") if update.commit else ""


def plural(count: int, one: str, many: str = "") -> str:
    """``1 step``, ``2 steps``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def new_ids(fresh: int, follow: int, *, same_content: bool) -> str:
    """How many are the same but another object; where nothing else differs, also how many follow from that."""
    count = plural(fresh, "object has", "objects have")
    if not same_content:
        return f"{count} a new id and the same content"
    also = f", {plural(follow, 'other follows', 'others follow')}" if follow else ""
    return f"same content; {count} a new id{also}"


def checked(done: int, total: int) -> str:
    """``checked 120 of 1,200 updates``."""
    return f"checked {done:,} of {plural(total, 'update')}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """``a, b, c and 4 more``."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def resource_name(urn: str) -> str:
    """What a resource is called for people; the root resource is the stack itself."""
    parsed = parse_urn(urn)
    return "stack outputs" if parsed.type == ROOT_STACK_TYPE else parsed.name


def ago(seconds: float) -> str:
    """``3 s ago``, ``2 min ago``, ``5 h ago`` or ``4 days ago``; ``just now`` where another clock is ahead of ours."""
    if seconds < 1:
        return "just now"
    if seconds < 60:
        return f"{int(seconds)} s ago"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    return f"{int(seconds // 3600)} h ago" if seconds < 48 * 3600 else f"{int(seconds // 86400)} days ago"
