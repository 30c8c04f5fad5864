"""A check of an update as SARIF 2.1.0, for the code scanning of forges. Pure.

Source of the shape: the OASIS standard "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

from __future__ import annotations

import hashlib
import posixpath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from pulumi_rewind import __version__
from pulumi_rewind.project.check_settings import IN_PLACE, NOTHING, VERDICTS
from pulumi_rewind.replay.options import parse_position

if TYPE_CHECKING:
    from pulumi_rewind.checking.report import CheckReport, Judged

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

_FINE: Final = frozenset({NOTHING, IN_PLACE})
"""Verdicts that are no results: a forge shows each result as something to look at."""


def sarif(report: CheckReport, directory: str, project_file: str) -> dict[str, Any]:
    """One run of the tool.

    `directory` is that of the project, relative to the repository (empty: its top), `project_file` the name of its
    Pulumi.yaml, to which results point where nothing better is known.
    """
    shown = [one for one in report.judged if one.fails or one.verdict.verdict not in _FINE]
    rules = list(VERDICTS)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "pulumi-rewind",
                        "version": __version__,
                        "rules": [
                            {"id": rule, "shortDescription": {"text": meaning}} for rule, meaning in VERDICTS.items()
                        ],
                    }
                },
                "automationDetails": {"id": f"pulumi-rewind/check/{report.stack}/"},
                "invocations": [{"executionSuccessful": True, **_notifications(report)}],
                "results": [_result(one, rules, directory, project_file) for one in shown],
            }
        ],
    }


def _notifications(report: CheckReport) -> dict[str, Any]:
    told = [f"the way back could not be previewed: {report.problem}"] if report.problem else []
    told += [f"the waiver of {one.verdict} for {one.resource} expired on {one.until}" for one in report.expired]
    notes = [{"level": "warning", "message": {"text": text}} for text in told]
    return {"toolExecutionNotifications": notes} if notes else {}


def _result(one: Judged, rules: list[str], directory: str, project_file: str) -> dict[str, Any]:
    verdict = one.verdict
    found: dict[str, Any] = {
        "ruleId": verdict.verdict,
        "ruleIndex": rules.index(verdict.verdict),
        "level": "error" if one.fails or one.waiver is not None else "note",
        "message": {"text": f"{verdict.name} ({verdict.type}): {verdict.verdict}, {verdict.reason}"},
        "locations": [
            {
                "physicalLocation": _place(verdict.source_position, directory, project_file),
                "logicalLocations": [{"name": verdict.name, "fullyQualifiedName": verdict.urn, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {
            "pulumiRewindCheck/v1": hashlib.sha256(f"{verdict.urn}\n{verdict.verdict}".encode()).hexdigest()
        },
    }
    if one.waiver is not None:
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": one.waiver.reason}]
    return found


def _place(position: str, directory: str, project_file: str) -> dict[str, Any]:
    parsed = parse_position(position, "")
    path, line, column = parsed if parsed is not None else ("", 0, 0)
    path = posixpath.normpath(unquote(path.removeprefix("file:///"))) if path else ""
    if not path or path.startswith(("..", "/")) or path == ".":
        path, line, column = project_file, 1, 0
    place: dict[str, Any] = {
        "artifactLocation": {"uri": quote(posixpath.join(directory, path)), "uriBaseId": "%SRCROOT%"}
    }
    if line > 0:
        place["region"] = {"startLine": line} | ({"startColumn": column} if column > 0 else {})
    return place
