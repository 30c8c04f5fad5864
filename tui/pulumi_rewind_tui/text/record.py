"""What a record holds, and what became of writing, dropping and checking records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pulumi_rewind_tui.text.cells import Line, Span
from pulumi_rewind_tui.text.facts import record_facts
from pulumi_rewind_tui.words.words import plural

if TYPE_CHECKING:
    from pulumi_rewind.records.content import LeftOut
    from pulumi_rewind.records.provenance import Origin
    from pulumi_rewind.records.store import Record, Written
    from pulumi_rewind.records.verify import Damage


def record_lines(record: Record, origin: Origin) -> Iterator[Line]:
    """What the record of an update holds, for ``show``."""
    meta = record.meta
    said = Span(f"  {origin.text}", "dim") if origin.trusted else Span(f"  {origin.text}; not used", "warn")
    yield [Span("record", "title"), "  ", Span(record.ref, "commit"), f"  {record.commit[:7]}", said]
    for name, text in record_facts(record):
        yield ["  ", Span(f"{name:<12}", "dim"), " ", text]
    yield from warning_lines(meta.warnings)
    yield from left_out_lines(meta.left_out)


def warning_lines(texts: Iterable[str]) -> Iterator[Line]:
    """What is worth knowing of a record."""
    for text in texts:
        yield ["  ", Span(f"⚠ {text}", "warn")]


def left_out_lines(left_out: Iterable[LeftOut]) -> Iterator[Line]:
    """What a record doesn't hold, and why."""
    for item in left_out:
        yield ["  ", Span(f"{'left out':<12}", "warn"), f" {item.path}: {item.reason}"]


def written_lines(written: Written) -> Iterator[Line]:
    """What became of recording one update."""
    if not written.new:
        yield [Span("·", "dim"), f" #{written.number} is already recorded: {written.ref}"]
        yield from warning_lines(written.notes)
        return
    yield [Span("✓", "ok"), f" recorded #{written.number} as ", Span(written.ref, "commit"), f" ({written.commit[:7]})"]
    yield from warning_lines((*written.warnings, *written.notes))
    yield from left_out_lines(written.left_out)


def damage_lines(damages: Sequence[Damage], checked: int) -> Iterator[Line]:
    """What a check of all records came to."""
    for damage in damages:
        yield [Span("⚠", "warn") if damage.foreign else Span("✗", "failed"), f" {damage.ref}: {damage.message}"]
    if not damages:
        yield [Span("✓", "ok"), f" {plural(checked, 'record')} checked, all intact and of this stack"]


def record_json(record: Record, origin: Origin) -> dict[str, Any]:
    """A record for ``show --json``."""
    meta = record.meta
    return {
        "ref": record.ref,
        "commit": record.commit,
        "origin": origin.kind,
        "signer": origin.signer or None,
        "files": dict(meta.files),
        "evidence": list(record.names("evidence/")),
        "leftOut": left_out_json(meta.left_out),
        "warnings": list(meta.warnings),
        "engine": meta.engine,
        "plugins": dict(meta.plugins),
    }


def written_json(written: Written) -> dict[str, Any]:
    """One written record for ``record --json``."""
    return {
        "version": written.number,
        "ref": written.ref,
        "commit": written.commit,
        "new": written.new,
        "leftOut": left_out_json(written.left_out),
        "warnings": [*written.warnings, *written.notes],
    }


def left_out_json(left_out: Iterable[LeftOut]) -> list[dict[str, str]]:
    """What a record doesn't hold."""
    return [{"path": item.path, "reason": item.reason} for item in left_out]
