"""``pulumi-rewind hooks``: what the project's hooks file declares, what it matches, and a dry try."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pulumi_rewind.errors import CallbackError, UsageError
from pulumi_rewind_tui.options import Shared, passphrase_option, rewind_command, stack_and_target, to_json
from pulumi_rewind_tui.render.writer import Line, Screen, Span

if TYPE_CHECKING:
    from pulumi_rewind.session import Session
    from pulumi_rewind.undo.listing import Listed, Listing

NAMES = 6
"""Matches that a line names; the others are counted."""


@rewind_command("[test RESOURCE | show|trust|distrust HASH] [STACK] [TARGET]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; of a test one a line.")
@passphrase_option
def hooks(shared: Shared, words: tuple[str, ...], as_json: bool) -> None:
    """List undo callbacks and hooks, and what they match in the live stack and in TARGET.

    With `test RESOURCE`, calls the callbacks of one resource in dry mode against what is recorded of it, those that
    are declared with dry_run_safe=True. One word after that is a TARGET; the stack is --stack, or the first of two.

    `show`, `trust` and `distrust` are about a hooks file that a record keeps, named by its sha256 or by an update
    (`#5`): --hooks recorded runs it only after it was agreed to once.
    """
    from pulumi_rewind_tui.commands.hook_code import VERBS, about_code, recorded

    if words[:1] and words[0] in VERBS:
        about_code(shared, words[0], words[1:], as_json=as_json)
        return
    if words[:1] == ("test",):
        if len(words) < 2:
            raise UsageError(
                "no resource is named", hint="For example: `pulumi-rewind hooks test orders-db last-good`."
            )
        _test(shared, words[1], words[2:], as_json)
        return
    from pulumi_rewind.targets import resolve_target
    from pulumi_rewind.undo.listing import listing, required_hooks

    stack, text = stack_and_target(words, "hooks") if words else (None, "")
    session = shared.session(stack)
    screen = shared.screen()
    target = resolve_target(session.timeline, text) if text else None
    found = listing(session, target)
    kept = recorded(session, found.hooks)
    if found.hooks is None and not (found.riding or kept):
        required_hooks(session)
    if as_json:
        screen.out.raw(to_json({**_listing_json(found), "recorded": kept}))
        return
    if found.hooks is not None:
        screen.out.line(Span(found.hooks.label, "title"), Span(f"   run by {found.python}", "muted"))
        if not found.items:
            screen.out.line("nothing is declared in it")

    def matches(live: Sequence[str], there: Sequence[str]) -> None:
        for what, names in (("live", live), (target.label if target else "", there)):
            if what:
                screen.out.line(Span(f"    {what}: ", "muted"), _named(names))

    for item in found.items:
        screen.out.line(*_declared(item))
        if item.callback.kind.startswith(("undo_", "resource_", "error_")):
            matches(item.live, item.target)
    for one in found.riding:
        screen.out.line(
            Span(f"{', '.join(one.methods)}", "title"),
            f" of the dynamic provider in the state, sha256 {one.sha256[:12]}",
        )
        matches(one.live, one.target)
    for code in kept:
        numbers = _named([f"#{number}" for number in code["updates"]])
        agreed = "agreed to" if code["agreed"] else "not agreed to"
        screen.out.line(Span(f"recorded with {numbers}: sha256 {code['sha256'][:12]}, {agreed}", "muted"))


def _test(shared: Shared, name: str, rest: Sequence[str], as_json: bool) -> None:
    from pulumi_rewind.blame import find_resource
    from pulumi_rewind.events import HookEnded
    from pulumi_rewind.targets import resolve_target
    from pulumi_rewind.undo.listing import dry_test
    from pulumi_rewind_tui.render.hooks import hook_json, hook_line

    stack, text = stack_and_target(tuple(rest), "hooks test") if rest else (None, "")
    session = shared.session(stack)
    screen = shared.screen()
    target = resolve_target(session.timeline, text) if text else None
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
        raise CallbackError(f"failed: {', '.join(failed)}", hint="Nothing was changed by us; mend it and try again.")


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
        Span(callback.function, "name"),
        Span(f" (line {callback.line})", "muted"),
        f"  {chosen}" if chosen else "",
        Span(f"  {', '.join(options)}", "muted"),
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
            for one in found.riding
        ],
        "callbacks": [
            {
                "kind": item.callback.kind,
                "function": item.callback.function,
                "line": item.callback.line,
                "selector": {
                    "type": list(item.callback.selector.type),
                    "urn": list(item.callback.selector.urn),
                    "name": list(item.callback.selector.name),
                    "component": list(item.callback.selector.component),
                },
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
