"""A plan for review: risks on top, then the steps as a tree with forecasts and changed properties."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pulumi_rewind.plan.model import OLD_COPY
from pulumi_rewind.risk import HELD
from pulumi_rewind.state.model import ROOT_STACK_TYPE, parse_urn
from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.diff import change_lines
from pulumi_rewind_tui.text.selection import OTHER_WAYS, leaves_nothing, left_out, why_nothing
from pulumi_rewind_tui.text.spans import changes_line, op_span
from pulumi_rewind_tui.text.steps import counted, if_needed, renewed, tree
from pulumi_rewind_tui.words.symbols import UNICODE
from pulumi_rewind_tui.words.words import plural, resource_name

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Diff, ResourceDiff
    from pulumi_rewind.goal.skipping import LeftAlone
    from pulumi_rewind.plan.called import Move
    from pulumi_rewind.plan.model import Plan, Step
    from pulumi_rewind.risk import Risk

FORECASTS: Mapping[str, str] = {
    "restored": "restored in place",
    "adopted": "adopted",
    "recreated": "re-created, new id",
    "replaced": "new id",
    "deleted": "",
    "held": "the object stays alive and can come back",
    "kept": "the object stays, no stack manages it any more",
    "returned": "the same object, same id",
    "created": "created",
    "renamed": "renamed, unchanged",
    "same": "stays the same",
    "read": "read",
    "cleaned": "",
}
"""What is known before the run about how a resource comes out of it."""


def plan_lines(plan: Plan) -> Iterator[Line]:
    """The whole plan, as an operator reviews it."""
    yield [
        Span("plan", "title"),
        f" {plan.stack}: live → ",
        Span(plan.target.label, "title"),
        Span(f"   {plan.strategy}   {plan.fingerprint[:12]}", "dim"),
    ]
    if plan.target.reason and plan.target.reason != f"update #{plan.target.update.number}":
        yield [Span(f"  {plan.target.reason}", "dim")]
    yield from _recommendation(plan)
    yield from risk_lines(plan.all_risks)
    yield []
    if plan.nothing_to_do:
        yield [Span("= nothing to do", "ok"), f": {why_nothing(plan)}"]
        if leaves_nothing(plan):
            yield [Span(f"  {OTHER_WAYS}", "dim")]
        return
    if plan.steps:
        certain, perhaps = counted(plan)
        changes = changes_line(certain, words=True) if certain or not perhaps else []
        if perhaps:
            changes += [Span(" and " if certain else ""), *changes_line(perhaps, words=True), Span(" if needed", "dim")]
        yield [Span(plural(len(plan.steps), "step"), "title"), "   ", *changes]
        yield from tree_lines(plan.steps, plan.diff, renewed(plan.steps))
    if plan.state_only:
        yield [Span("only in the state", "title"), Span("  (no resource changes)", "dim")]
        for one in plan.state_only:
            where = f"{one.path}: " if one.path else ""
            about: Line = [Span(resource_name(one.urn), "bold"), " "] if one.urn else []
            yield ["  ", Span("~ ", "update"), *about, f"{where}{one.message}"]


def _recommendation(plan: Plan) -> Iterator[Line]:
    """Which strategy suits the target, and why."""
    found = plan.recommendation
    if found is None:
        return
    style = "dim" if found.strategy == plan.strategy else "warn"
    yield [Span(f"  recommended: {found.strategy}", style), Span(f"   {found.reason}", "dim")]


def risk_lines(all_risks: Sequence[Risk]) -> Iterator[Line]:
    """Risks: what blocks first, then what loses data, then the others."""
    risks = sorted(all_risks, key=lambda risk: risk.rank)
    if not risks:
        return
    yield []
    yield [Span(plural(len(risks), "risk"), "title")]
    for risk in risks:
        yield risk_line(risk)


def risk_line(risk: Risk, before: str = "") -> Line:
    """One risk, with words before it."""
    about: Line = [Span(resource_name(risk.urn), "bold"), " "] if risk.urn else []
    return ["  ", *_risk_mark(risk), f" {before}", *about, risk.message, Span(f"  ({risk.code})", "dim")]


def _risk_mark(risk: Risk) -> Line:
    if risk.code == HELD:
        return [Span(UNICODE["hold"], "hold")]
    if risk.blocking:
        return [Span("✗ blocks:", "failed")]
    if risk.loses_data:
        return [Span("⚠ loses data:", "hazard")]
    return [Span("⚠", "warn")]


def tree_lines(steps: Sequence[Step], diff: Diff, anew: Collection[str] | None = None) -> Iterator[Line]:
    """Steps in the engine's order, each below its parent if that has a step too, with what changes in it.

    Where it is known what gets a new id, `anew`, a step that may turn out not to be needed says so.
    """
    urns = {step.urn for step in steps}
    diffs = {resource.urn: resource for resource in diff.resources}
    for step, place in tree(steps):
        indent = "  " + "".join("   " if last else "│  " for last in place)
        perhaps = anew is not None and if_needed(step, diffs.get(step.urn), anew)
        yield [Span(f"{indent[:-3]}{'└─' if place[-1] else '├─'} ", "dim"), *_step(step, urns, perhaps=perhaps)]
        yield from _properties(step, diffs.get(step.urn), indent)


def _step(step: Step, urns: set[str], *, perhaps: bool) -> Line:
    line: list[Span | str] = [op_span(step.op)]
    if perhaps:
        line.append(Span(" if needed", step.op))
    if step.delete_first:
        line.append(Span(", delete first", "hazard"))
    line += ["  ", Span(resource_name(step.urn), "bold")]
    if step.type != ROOT_STACK_TYPE:
        line.append(Span(f"  {step.type}", "dim"))
    parent = parse_urn(step.parent)
    if step.parent and step.parent not in urns and parent.type != ROOT_STACK_TYPE:
        line.append(Span(f"  in {parent.name}", "dim"))
    forecast = FORECASTS.get(step.forecast, step.forecast)
    forecast += ", the old object is held" if step.holds and step.op != "hold" else ""
    line.append(f"  {forecast}" if forecast else "")
    if step.old_copies:
        what = plural(len(step.old_copies), "old copy", "old copies")
        held = step.held_ids.issuperset(step.old_copies)
        also = "" if step.op == OLD_COPY and not held else f"and {'holds' if held else 'deletes'} {what}: "
        line.append(Span(f"  {also}{', '.join(step.old_copies)}", "hold" if held else "delete"))
    if step.replace_keys:
        line.append(Span(f"  because of {', '.join(step.replace_keys)}", "replace"))
    if any(risk.loses_data for risk in step.risks):
        line.append(Span("  ⚠ loses data", "hazard"))
    elif codes := dict.fromkeys(risk.code for risk in step.risks if risk.code != HELD):
        line.append(Span(f"  ⚠ {', '.join(codes)}", "warn"))
    return line


def _properties(step: Step, resource: ResourceDiff | None, indent: str) -> Iterator[Line]:
    if step.op not in {"update", "replace", "return"}:
        return
    changes = resource.changes() if resource is not None else ()
    if changes:
        for first, *rest in change_lines(changes, indent=""):
            yield [Span(f"{indent}  ", "dim"), first, *rest]
    elif step.keys:
        yield [Span(f"{indent}  ", "dim"), Span(f"~ {', '.join(step.keys)}", "update")]


def plan_json(plan: Plan) -> dict[str, Any]:
    """The plan in the shape that ``plan --json`` promises."""
    return {
        "stack": plan.stack,
        "target": {
            "version": plan.target.update.number,
            "label": plan.target.label,
            "reason": plan.target.reason,
            "warnings": list(plan.target.warnings),
        },
        "strategy": plan.strategy,
        "recommended": plan.recommendation.strategy if plan.recommendation else plan.strategy,
        "reason": plan.recommendation.reason if plan.recommendation else "",
        "fingerprint": plan.fingerprint,
        "steps": [step_json(step) for step in plan.steps],
        "keepData": plan.prepared.choices.keep_data,
        "holdDeletes": plan.prepared.choices.hold_deletes,
        "held": [{"urn": urn, "id": identifier} for urn, identifier in sorted(plan.prepared.holding.objects)],
        "leftOut": [left_json(note) for note in left_out(plan).values()],
        "risks": [risk_json(risk) for risk in plan.risks],
        "changes": dict(plan.changes),
        "callbacks": [
            {
                "function": call.callback.function,
                "kind": call.callback.kind,
                "urn": call.urn,
                "file": plan.undo.code(call.callback).name,
                "sha256": call.callback.code,
                "dryRun": plan.undo.dry.get((call.urn, call.callback.function)),
            }
            for call in plan.undo.calls
        ]
        if plan.undo is not None
        else [],
        "revisions": [move_json(move) for move in plan.revisions.moves] if plan.revisions is not None else [],
        "stateOnly": [{"urn": one.urn, "path": one.path, "message": one.message} for one in plan.state_only],
    }


def move_json(move: Move) -> dict[str, Any]:
    """One revision of a component that is run, for machines."""
    return {
        "urn": move.urn or move.live_urn,
        "revision": move.revision,
        "direction": move.direction,
        "when": move.when,
        "function": move.callback.function if move.callback else None,
        "problem": move.problem,
        "note": move.note,
        "losesData": move.loses_data,
    }


def left_json(note: LeftAlone) -> dict[str, Any]:
    """What stays as it is, for machines: for whose sake, empty where it was named, and why."""
    return {"urn": note.urn, "message": note.message, "because": note.because, "keepsData": note.for_data}


def step_json(step: Step) -> dict[str, Any]:
    """One step for machines."""
    return {
        "urn": step.urn,
        "name": step.name,
        "type": step.type,
        "op": step.op,
        "forecast": step.forecast,
        "keys": list(step.keys),
        "risks": [risk_json(risk) for risk in step.risks],
    }


def risk_json(risk: Risk) -> dict[str, Any]:
    """One risk for machines."""
    return {
        "code": risk.code,
        "message": risk.message,
        "blocking": risk.blocking,
        "losesData": risk.loses_data,
        "urn": risk.urn,
    }
