"""Everything recorded about one update."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.facts import config_of, config_text, git_facts
from pulumi_rewind_tui.text.held import held_fact
from pulumi_rewind_tui.text.history import entry_json, standing
from pulumi_rewind_tui.text.spans import changes_line, result_span
from pulumi_rewind_tui.text.verdict import is_verified, verdict_facts, verdict_json
from pulumi_rewind_tui.words.symbols import UNICODE
from pulumi_rewind_tui.words.words import elapsed, local_time, plural

if TYPE_CHECKING:
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.history.timeline import Entry
    from pulumi_rewind.state.model import Checkpoint, Resource
    from pulumi_rewind.window.held import Held


def update_lines(
    entry: Entry, target: Target, page: str = "", held: Sequence[Held] = (), waiting: str = ""
) -> Iterator[Line]:
    """The head: what, when, by whom, from which commit, and what is wrong with it.

    `page` is its web page, `held` what it let go of and is still held, and `waiting` says that it waits for a
    confirmation.
    """
    update = entry.update
    result = result_span(update.result, verified=is_verified(entry.said))
    title: list[Span | str] = [Span(target.label, "title"), "  ", result, f"  {update.kind}"]
    if update.is_rollback:
        title.append(Span("  ↺ rollback", "warn"))
    for mark in standing(entry):
        title += ["  ", mark]
    yield title
    if target.reason and target.reason != f"update #{update.number}":
        yield _field("found as", target.reason)
    if update.start_time:
        took = f" (took {elapsed(update.end_time - update.start_time)})" if update.end_time >= update.start_time else ""
        yield _field("time", f"{local_time(update.start_time)}{took}")
    for name, value in (("waiting", waiting), ("by", update.requested_by), ("page", page)):
        if value:
            yield _field(name, value)
    for name, value in verdict_facts(entry.said, update.number):
        yield _field(name, value)
    yield [*_field("changes", ""), *changes_line(update.changes)]
    for number, line in enumerate(update.message.splitlines()):
        yield _field("message" if number == 0 else "", line)
    if held:
        yield [*_field("held", ""), Span(f"{UNICODE['hold']} {held_fact(held)}", "hold")]
    yield from _git_lines(entry)
    if update.problem:
        yield [*_field("problem", ""), Span(f"✗ {update.problem}", "failed")]
    elif not update.has_checkpoint:
        yield [*_field("problem", ""), Span("✗ its checkpoint is missing: it can't be rolled back to", "failed")]
    for warning in target.warnings:
        yield [*_field("", ""), Span(f"⚠ {warning}", "warn")]


def _field(name: str, value: str) -> list[Span | str]:
    return ["  ", Span(f"{name:<10}", "dim"), " ", value]


def _git_lines(entry: Entry) -> Iterator[Line]:
    roles = {"commit": "commit" if entry.update.commit else "", "tags": "title"}
    if entry.update.dirty:
        roles["dirty tree"] = "warn"
    for name, value in git_facts(entry.update, entry.tags):
        if value:
            yield [*_field(name, ""), Span(value, roles.get(name, ""))]
        if name == "commit" and entry.commit is not None:
            yield _field("", f"{entry.commit.title}, {entry.commit.author}")


def table_rows(values: Mapping[str, Any]) -> list[list[Line]]:
    """Names and values, sorted by name."""
    return [[[Span(name, "bold")], [config_text(value).strip()]] for name, value in sorted(values.items())]


def resource_rows(checkpoint: Checkpoint) -> list[list[Line]]:
    """All resources of a checkpoint but the root and default providers."""
    return [_resource_row(res) for res in checkpoint.resources if not res.is_stack and not res.is_default_provider]


def _resource_row(res: Resource) -> list[Line]:
    marks = (
        ("[P] protected", res.protect),
        ("- pending deletion", res.delete),
        ("external", res.external),
        ("tainted", res.taint),
        ("✗ not ready", bool(res.init_errors)),
    )
    said = Span("  ".join(text for text, on in marks if on), "warn")
    return [[Span(res.name, "bold")], [Span(res.type, "dim")], [res.id], [said]]


def resources_title(checkpoint: Checkpoint) -> Line:
    """How many resources the checkpoint holds."""
    count = sum(1 for res in checkpoint.resources if not res.is_stack)
    title: list[Span | str] = [Span(plural(count, "resource"), "title")]
    if checkpoint.pending_operations:
        pending = plural(len(checkpoint.pending_operations), "pending operation")
        title.append(Span(f"  ⚠ {pending} left by a killed update", "hazard"))
    return title


def update_json(
    entry: Entry, target: Target, checkpoint: Checkpoint | None, page: str = "", held: Sequence[Held] = ()
) -> dict[str, Any]:
    """An update as ``show --json`` prints it: the history record and all of its details."""
    commit = entry.commit
    return {
        **entry_json(entry, held),
        "lastGood": entry.last_good,
        "verdict": verdict_json(entry.said),
        "problem": entry.update.problem,
        "requestedBy": entry.update.requested_by,
        "page": page,
        "commitPage": entry.update.commit_url,
        "commit": None if commit is None else {"sha": commit.sha, "title": commit.title, "author": commit.author},
        "target": {"asked": target.text, "label": target.label, "reason": target.reason, "warnings": target.warnings},
        "config": config_of(entry.update),
        "environment": dict(entry.update.environment),
        "resources": None
        if checkpoint is None
        else [
            {"urn": res.urn, "type": res.type, "name": res.name, "id": res.id, "protect": res.protect}
            for res in checkpoint.resources
        ],
        "pendingOperations": None
        if checkpoint is None
        else [{"urn": item.resource.urn, "type": item.type} for item in checkpoint.pending_operations],
    }
