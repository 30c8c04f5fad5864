"""``pulumi-rewind hooks``: lists the hooks file's callbacks and what they match, tests them, trusts recorded code."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pulumi_rewind.errors import CallbackError, RewindError, UsageError
from pulumi_rewind_tui.terminal.options import (
    Shared,
    passphrase_option,
    rewind_command,
    stack_and_target,
    stack_of,
    to_json,
)
from pulumi_rewind_tui.terminal.writer import Screen
from pulumi_rewind_tui.text.cells import Line, Span

if TYPE_CHECKING:
    from pulumi_rewind.callbacks.undo.listing import Listed, Listing
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.plan.called import Code
    from pulumi_rewind.session import Session

NAMES = 6
"""Matches that a line names; the others are counted."""


@rewind_command("[test RESOURCE | show|trust|distrust HASH] [STACK] [TARGET]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; for a test, one JSON object a line.")
@passphrase_option
def hooks(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """List undo callbacks and hooks, and what they match in the live stack and in TARGET.

    `test RESOURCE` makes a dry run: it calls the callbacks of one resource that are declared with dry_run_safe=True,
    with the recorded state of the resource. One word after that is a TARGET; of two words, the first is the STACK.

    `show`, `trust` and `distrust` work on a hooks file in a record, named by its sha256 or by an update (`#5`).
    --hooks recorded runs such a file only after you have trusted it.
    """
    if words[:1] and words[0] in {"show", "trust", "distrust"}:
        _about_code(shared, words[0], words[1:], as_json)
        return
    if words[:1] == ("test",):
        if len(words) < 2:
            raise UsageError(
                "no resource is named", hint="For example: `pulumi-rewind hooks test orders-db last-good`."
            )
        _test(shared, words[1], words[2:], as_json)
        return
    from pulumi_rewind.callbacks.undo.listing import listing, required_hooks

    session, target = opened(shared, words, "hooks")
    screen = shared.screen()
    found = listing(session, target)
    kept = _recorded(session, found.hooks)
    if found.hooks is None and not (found.embedded or kept):
        required_hooks(session)
    if as_json:
        screen.out.raw(to_json({**_listing_json(found), "recorded": kept}))
        return
    if found.hooks is not None:
        screen.out.line(Span(found.hooks.label, "title"), Span(f"   run by {found.python}", "dim"))
        if not found.items:
            screen.out.line("it declares nothing")

    def matches(live: Sequence[str], there: Sequence[str]) -> None:
        for what, names in (("live", live), (target.label if target else "", there)):
            if what:
                screen.out.line(Span(f"    {what}: ", "dim"), _named(names))

    for item in found.items:
        screen.out.line(*_declared(item))
        if item.callback.kind.startswith(("undo_", "resource_", "error_")):
            matches(item.live, item.target)
    for one in found.embedded:
        screen.out.line(
            Span(f"{', '.join(one.methods)}", "title"),
            f" of the dynamic provider in the state, sha256 {one.sha256[:12]}",
        )
        matches(one.live, one.target)
    for code in kept:
        numbers = _named([f"#{number}" for number in code["updates"]])
        agreed = "trusted" if code["agreed"] else "not trusted"
        screen.out.line(Span(f"recorded with {numbers}: sha256 {code['sha256'][:12]}, {agreed}", "dim"))


def opened(shared: Shared, words: tuple[str, ...], command: str) -> tuple[Session, Target | None]:
    """The session and the target that the words of a command name; both may be left out."""
    from pulumi_rewind.history.targets import resolve_target

    stack, text = stack_and_target(words, command) if words else (None, "")
    session = shared.session(stack)
    return session, resolve_target(session.timeline, text) if text else None


def _test(shared: Shared, name: str, rest: tuple[str, ...], as_json: bool) -> None:
    from pulumi_rewind.callbacks.undo.listing import dry_test
    from pulumi_rewind.engine.events import HookEnded
    from pulumi_rewind.history.blame import find_resource
    from pulumi_rewind_tui.text.hooks import hook_json, hook_line

    session, target = opened(shared, rest, "hooks test")
    screen = shared.screen()
    side = session.timeline.checkpoint(target.update.number) if target else session.timeline.live()
    res = find_resource(side, name)
    ended: list[HookEnded] = []
    for event in dry_test(session, res, target):
        if isinstance(event, HookEnded):
            ended.append(event)
        if as_json:
            screen.out.raw(to_json(hook_json(event)))
        elif line := hook_line(event):
            screen.out.line(*line)
    _conclude(screen, session, res.name, ended, as_json=as_json)


def _conclude(screen: Screen, session: Session, name: str, ended: Sequence[Any], *, as_json: bool) -> None:
    if not ended and not as_json:
        screen.out.line(f"no callback of {session.settings.hooks_file} is for {name}")
    failed = [event.function for event in ended if event.outcome == "failed"]
    if failed:
        raise CallbackError(
            f"failed: {', '.join(failed)}", hint="pulumi-rewind changed nothing. Fix the callback and try again."
        )


def _declared(item: Listed) -> Line:
    callback = item.callback
    chosen = str(callback.selector) or (f"name={callback.hook}" if callback.hook else "")
    options = [f"timeout {callback.timeout:g} s"]
    if callback.retries:
        options.append(f"retries {callback.retries}")
    if callback.dry_run_safe:
        options.append("dry run safe")
    return [
        Span(f"{callback.kind:16}", "title"),
        Span(callback.function, "bold"),
        Span(f" (line {callback.line})", "dim"),
        f"  {chosen}" if chosen else "",
        Span(f"  {', '.join(options)}", "dim"),
    ]


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return (", ".join(names[:NAMES]) + more) or "nothing"


def _listing_json(found: Listing) -> dict[str, Any]:
    return {
        "file": str(found.hooks.path) if found.hooks else "",
        "sha256": found.hooks.sha256 if found.hooks else "",
        "python": found.python,
        "dynamic": [
            {"sha256": one.sha256, "methods": one.methods, "live": one.live, "target": one.target}
            for one in found.embedded
        ],
        "callbacks": [
            {
                "kind": item.callback.kind,
                "function": item.callback.function,
                "line": item.callback.line,
                "selector": dataclasses.asdict(item.callback.selector),
                "hook": item.callback.hook,
                "timeout": item.callback.timeout,
                "retries": item.callback.retries,
                "dryRunSafe": item.callback.dry_run_safe,
                "live": list(item.live),
                "target": list(item.target),
            }
            for item in found.items
        ],
    }


# -- code of records ------------------------------------------------------------------------------------------------


def _about_code(shared: Shared, verb: str, rest: tuple[str, ...], as_json: bool) -> None:
    """Shows, trusts or distrusts code of a record; `rest` is its hash (or ``#5``), then an optional stack.

    Raises:
        UsageError: no code of a record is named.
    """
    from pulumi_rewind.callbacks.code import named_code

    if not rest:
        raise UsageError(
            "no code is named", hint=f"For example: `pulumi-rewind hooks {verb} 1a2b3c4d5e6f`, or by an update, `#5`."
        )
    session = shared.session(stack_of(rest[1:]))
    code = named_code(session, rest[0])
    screen, trust = shared.screen(), session.trust
    match verb:
        case "show":
            agreed = trust.has(code.sha256)
            said = {"sha256": code.sha256, "update": code.number, "agreed": agreed, "source": code.source}
            lines = code.source.splitlines()
            if not as_json:
                screen.err.line(Span(code.label, "title"))
        case "trust":
            trust.agree(code.sha256)
            said = {"sha256": code.sha256, "agreed": True}
            lines = [f"trusted: `--hooks recorded` can run {code.name}, sha256 {code.sha256}"]
        case _:
            what = "no longer trusted" if trust.revoke(code.sha256) else "it was not trusted"
            said = {"sha256": code.sha256, "agreed": False}
            lines = [f"{what}: {code.name}, sha256 {code.sha256}"]
    if as_json:
        screen.out.raw(to_json(said))
        return
    for line in lines:
        screen.out.line(line)


def _recorded(session: Session, today: Code | None) -> list[dict[str, Any]]:
    """The hooks files of the records, other than today's: one entry a hash, the newest first."""
    from pulumi_rewind.callbacks.code import recorded_codes

    found: dict[str, list[int]] = {}
    try:
        for code in recorded_codes(session):
            found.setdefault(code.sha256, []).append(code.number)
    except RewindError:
        pass  # `record` reports damaged ones
    trust = session.trust
    return [
        {"sha256": sha256, "updates": sorted(numbers), "agreed": trust.has(sha256)}
        for sha256, numbers in found.items()
        if today is None or sha256 != today.sha256
    ]
