"""``pulumi-rewind hooks show|trust|distrust HASH``: code of records, read and agreed to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pulumi_rewind.errors import RewindError, UsageError
from pulumi_rewind_tui.options import Shared, stack_of, to_json
from pulumi_rewind_tui.render.writer import Screen, Span

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.undo.code import Code


def about_code(shared: Shared, verb: str, rest: Sequence[str], *, as_json: bool) -> None:
    """One of the three; `rest` is the code's hash (or an update as ``#5``) and perhaps a stack.

    Raises:
        UsageError: no code of a record is meant.
    """
    from pulumi_rewind.undo.code import named_code

    if not rest:
        raise UsageError(
            "no code is named", hint=f"For example: `pulumi-rewind hooks {verb} 1a2b3c4d5e6f`, or by an update, `#5`."
        )
    session = shared.session(stack_of(tuple(rest[1:])))
    code = named_code(session, rest[0])
    VERBS[verb](shared.screen(), session, code, as_json)


def recorded(session: Session, today: Code | None) -> list[dict[str, Any]]:
    """The hooks files of the records, other than today's: one entry a hash, the newest first."""
    from pulumi_rewind.undo.code import recorded_codes

    found: dict[str, list[int]] = {}
    try:
        for code in recorded_codes(session):
            found.setdefault(code.sha256, []).append(code.number)
    except RewindError:
        pass  # `record` tells of damaged ones
    trust = session.trust
    return [
        {"sha256": sha256, "updates": sorted(numbers), "agreed": trust.has(sha256)}
        for sha256, numbers in found.items()
        if today is None or sha256 != today.sha256
    ]


def _show(screen: Screen, session: Session, code: Code, as_json: bool) -> None:
    if as_json:
        agreed = _trust(session).has(code.sha256)
        screen.out.raw(to_json({"sha256": code.sha256, "update": code.number, "agreed": agreed, "source": code.source}))
        return
    screen.err.line(Span(code.label, "title"))
    for line in code.source.splitlines():
        screen.out.line(line)


def _agree(screen: Screen, session: Session, code: Code, as_json: bool) -> None:
    trust = _trust(session)
    trust.agree(code.sha256)
    if as_json:
        screen.out.raw(to_json({"sha256": code.sha256, "agreed": True}))
        return
    screen.out.line(f"agreed: `--hooks recorded` may run {code.name}, sha256 {code.sha256}")


def _take_back(screen: Screen, session: Session, code: Code, as_json: bool) -> None:
    was = _trust(session).revoke(code.sha256)
    if as_json:
        screen.out.raw(to_json({"sha256": code.sha256, "agreed": False}))
        return
    screen.out.line("taken back" if was else "it had not been agreed to", f": {code.name}, sha256 {code.sha256}")


def _trust(session: Session) -> Any:

    return session.trust


VERBS: Mapping[str, Callable[..., None]] = {"show": _show, "trust": _agree, "distrust": _take_back}
