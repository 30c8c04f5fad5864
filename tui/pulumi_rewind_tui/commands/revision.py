"""``pulumi-rewind revision``: the revisions of components, applied and missing, and what a rollback would run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pulumi_rewind.errors import UsageError
from pulumi_rewind_tui.commands.hooks import opened
from pulumi_rewind_tui.terminal.options import Shared, rewind_command, to_json
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.plan import move_json

if TYPE_CHECKING:
    from pulumi_rewind.callbacks.undo.listing import ListedComponent, ListedRevision, RevisionListing
    from pulumi_rewind.history.targets import Target


@rewind_command("[STACK] [TARGET]")
@click.option(
    "--mark",
    metavar="COMPONENT=REVISION",
    help="Mark this revision as applied, `none` for before the first; calls nothing.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def revision(shared: Shared, words: tuple[str, ...], mark: str | None, as_json: bool) -> None:
    """List the revisions of components: applied, missing, and what a rollback to TARGET would run.

    One word is a TARGET; of two words, the first is the STACK. `up` runs the missing revisions.
    """
    from pulumi_rewind.callbacks.undo import listing

    session, target = opened(shared, words, "revision")
    screen = shared.screen()
    if mark is not None:
        if target is not None:
            raise UsageError(
                "--mark applies to the live stack", hint="Leave out the TARGET; name the stack with --stack."
            )
        name, applied = listing.mark(session, mark)
        if not as_json:
            screen.out.line(f"{name}: {', '.join(applied) or 'nothing'} marked as applied")
    found = listing.revision_listing(session, target)
    if as_json:
        screen.out.raw(to_json(_json(found)))
    elif mark is None:
        screen.out.lines(_lines(found, target))


def _lines(found: RevisionListing, target: Target | None) -> Iterator[Line]:
    if found.hooks is not None:
        yield [Span(found.hooks.label, "title")]
    if found.problem:
        yield [Span("⚠", "warn"), f" the applied revisions are unknown: {found.problem}"]
    if not found.components:
        yield ["no component has revisions; a hooks file declares them with `pulumi_rewind.component`"]
    for item in found.components:
        there = [] if item.live else [Span("  does not exist now", "dim")]
        yield [Span(item.name, "bold"), Span(f"  {item.type}", "dim"), *there]
        for one in item.revisions:
            yield _revision(one)
        if target is not None:
            yield from _rollback(item, target)
    for risk in found.left:
        yield [Span("⚠", "warn"), f" {risk.message}"]


def _revision(one: ListedRevision) -> Line:
    mark = Span("  ✓ ", "ok") if one.applied else Span("  · ", "warn")
    state = "applied" if one.applied else "missing"
    declared = one.declared
    if declared is None:
        return [mark, one.id, f"  {state}", Span("  not in the hooks file", "warn")]
    back = f"down {declared.down.function}, {declared.down_when}" if declared.down else "no down"
    if declared.irreversible:
        back = f"irreversible: {declared.irreversible}"
    where = f"  {declared.up.function} (line {declared.up.line}), {declared.when}; {back}"
    return [mark, one.id, f"  {state}", Span(where, "dim")]


def _rollback(item: ListedComponent, target: Target) -> Iterator[Line]:
    if not item.moves:
        yield [Span(f"    to {target.label}: ", "dim"), "nothing to run"]
    for move in item.moves:
        line: list[Span | str] = [
            Span(f"    to {target.label}: ", "dim"),
            f"{move.direction} of {move.revision}",
        ]
        if move.problem:
            line.append(Span(f"  ✗ blocks: {move.problem}", "failed"))
        elif move.callback is not None:
            line.append(f", {move.callback.function}, {move.when} the resources")
        yield [*line, Span(f"  {move.note}" if move.note else "", "dim")]


def _json(found: RevisionListing) -> dict[str, Any]:
    return {
        "file": str(found.hooks.path) if found.hooks else None,
        "sha256": found.hooks.sha256 if found.hooks else None,
        "problem": found.problem,
        "components": [
            {
                "urn": item.urn,
                "type": item.type,
                "name": item.name,
                "live": item.live,
                "revisions": [
                    {
                        "id": one.id,
                        "applied": one.applied,
                        "declared": one.declared is not None,
                        "when": one.declared.when if one.declared else None,
                        "down": bool(one.declared and one.declared.down),
                        "downWhen": one.declared.down_when if one.declared else None,
                        "irreversible": one.declared.irreversible if one.declared else "",
                    }
                    for one in item.revisions
                ],
                "rollback": [move_json(move) for move in item.moves],
            }
            for item in found.components
        ],
    }
