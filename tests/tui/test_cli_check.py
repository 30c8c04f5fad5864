"""`check` on the command line: formats, exit codes and bad input, as far as they need no engine."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.checking import check as checking
from pulumi_rewind.checking.report import CheckReport, judged
from pulumi_rewind.checking.verdicts import Verdict
from pulumi_rewind.project.check_settings import VERDICTS, CheckSettings, Waiver
from pulumi_rewind_tui import cli
from pulumi_rewind_tui.text.cells import join
from pulumi_rewind_tui.text.check import check_json, check_lines
from pulumi_rewind_tui.text.check_markdown import MARK, check_markdown
from pulumi_rewind_tui.text.check_sarif import sarif
from tests.support.filestack import FileStack
from tests.support.tui.shop import Shop

ROOT = Path(__file__).resolve().parents[2]
CACHE = Waiver("cache", "data-loss", "filled | again", date(2030, 1, 1))
OLD = Waiver("*", "unknown", "long ago", date(2020, 1, 1))
SETTINGS = CheckSettings(waivers=(CACHE, OLD))


def verdict(name: str, what: str, op: str = "replace", **fields: Any) -> Verdict:
    return Verdict(f"urn:pulumi:dev::p::t:m:R::{name}", "t:m:R", op, what, f"because of {name}", **fields)


def report(*verdicts: Verdict, problem: str = "") -> CheckReport:
    found = judged(verdicts, SETTINGS, date(2027, 1, 1))
    return CheckReport("p/dev", "live", found, SETTINGS, expired=(OLD,), problem=problem)


MIXED = report(
    verdict("web", "in-place", "update", source_position="project:///infra/app.py#8,3"),
    verdict("db", "data-loss", source_position="project:///infra/da%20ta.py#12,1"),
    verdict("cache", "data-loss", "delete"),
    verdict("a|b`c\n<x>", "new-id"),
    verdict("odd", "unknown", "update", source_position="project:///../../etc/passwd#1,1"),
)


def test_the_text_has_what_fails_first_and_says_why() -> None:
    lines = join(check_lines(MIXED)).splitlines()
    assert lines[0] == "check p/dev: the program → live"
    assert "! waiver expired on 2020-01-01: unknown of * (long ago)" in lines
    assert "5 steps   2 data-loss, 1 unknown, 1 new-id, 1 in-place" in lines
    marks = [line.split()[:3] for line in lines if re.match("  [✗⚠✓]", line)]
    assert marks == [
        ["✗", "data-loss", "db"],
        ["✗", "unknown", "odd"],
        ["⚠", "data-loss", "cache"],
        ["⚠", "new-id", "a|b`c"],
        ["✓", "in-place", "web"],
    ]
    assert "      because of db" in lines
    assert "      waived until 2030-01-01: filled | again" in lines
    assert "      its waiver expired on 2020-01-01" in lines
    assert lines[-1] == "✗ 2 steps can't be undone as required: data-loss, unknown"


def test_a_good_one_and_an_empty_one_say_so() -> None:
    good = join(check_lines(report(verdict("web", "in-place", "update"))))
    assert good.endswith(
        "✓ passed: the worst verdict is in-place, going back changes the same object again, or nothing but the state"
    )
    assert "= no changes: there is nothing to undo" in join(check_lines(report()))
    assert "could not be previewed: no way" in join(check_lines(report(problem="no way")))


def test_the_json_is_what_its_page_promises() -> None:
    found = check_json(MIXED)
    promised = re.search(r"`\{stack, base, (.*)\}`; the verdicts", (ROOT / "docs" / "json.md").read_text())
    assert promised is not None
    names = re.sub(r": \[\{.*?\}\]", "", promised[1]).split(", ")
    assert set(found) == {"stack", "base", *names}
    steps = re.search(r"steps: \[\{(.*?)\}\]", promised[1])
    assert steps is not None
    assert set(found["steps"][0]) == set(steps[1].split(", "))
    assert (found["passes"], found["verdict"], found["counts"]["data-loss"]) == (False, "data-loss", 2)
    assert [step["name"] for step in found["steps"]] == ["web", "db", "cache", "a|b`c\n<x>", "odd"], (
        "the update's order"
    )
    assert found["steps"][2]["waiver"]["until"] == "2030-01-01"
    assert json.loads(json.dumps(found)) == found


def test_markdown_shows_names_and_reasons_as_they_are() -> None:
    lines = join(check_markdown(MIXED)).splitlines()
    assert lines[:2] == [MARK, "### ✗ `p/dev`: can this update be undone? The check failed"]
    points = [line for line in lines if line.startswith("- ")]
    assert points[0] == "- ✗ **data-loss** `db` (`t:m:R`), replace: `because of db`"
    assert "Waived until 2030-01-01: `filled | again`" in points[2]
    assert "``a|b`c ⏎ <x>``" in points[3], "a line of Markdown, in which nothing is active"
    assert f"- **data-loss**: {VERDICTS['data-loss']}" in lines
    many = join(check_markdown(report(*(verdict(f"r{number}", "new-id") for number in range(105)))))
    assert "- … and 5 more" in many
    assert "No changes" in join(check_markdown(report()))


def test_sarif_has_what_the_standard_requires() -> None:
    found = sarif(MIXED, "deploy", "Pulumi.yaml")
    assert (found["version"], "sarif-2.1.0" in found["$schema"]) == ("2.1.0", True)
    (run,) = found["runs"]
    driver = run["tool"]["driver"]
    rules = [rule["id"] for rule in driver["rules"]]
    assert (driver["name"], rules) == ("pulumi-rewind", list(VERDICTS))
    assert all(rule["shortDescription"]["text"] for rule in driver["rules"])
    results = {one["locations"][0]["logicalLocations"][0]["name"]: one for one in run["results"]}
    assert set(results) == {"db", "cache", "a|b`c\n<x>", "odd"}, "what is fine is no result"
    for one in results.values():
        assert rules[one["ruleIndex"]] == one["ruleId"]
        assert one["level"] in {"error", "note"}
        assert one["message"]["text"]
    assert (results["db"]["level"], results["a|b`c\n<x>"]["level"]) == ("error", "note")
    assert results["cache"]["suppressions"][0]["justification"] == "filled | again"
    assert "suppressions" not in results["db"]
    places = {name: one["locations"][0]["physicalLocation"] for name, one in results.items()}
    assert places["db"]["artifactLocation"] == {"uri": "deploy/infra/da%20ta.py", "uriBaseId": "%SRCROOT%"}
    assert places["db"]["region"] == {"startLine": 12, "startColumn": 1}
    for name in ("cache", "odd"):
        assert places[name]["artifactLocation"]["uri"] == "deploy/Pulumi.yaml", "never outside the project"
        assert places[name]["region"] == {"startLine": 1}
    prints = [one["partialFingerprints"]["pulumiRewindCheck/v1"] for one in run["results"]]
    assert len(set(prints)) == len(prints)
    (told,) = run["invocations"][0]["toolExecutionNotifications"]
    assert "expired on 2020-01-01" in told["message"]["text"]
    assert sarif(report(), "", "Pulumi.yaml")["runs"][0]["results"] == []


@pytest.mark.parametrize(("what", "code"), [("data-loss", 3), ("in-place", 0)])
@pytest.mark.parametrize("form", ["text", "json", "md", "sarif"])
def test_the_exit_code_is_the_same_in_every_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str, what: str, code: int
) -> None:
    flags: list[tuple[str, ...]] = []

    def check(_session: object, given: tuple[str, ...], **_: object) -> CheckReport:
        flags.append(given)
        return report(verdict("db", what))

    monkeypatch.setattr(checking, "check_update", check)
    shop = Shop(tmp_path / "shop", protected=False)
    for name, value in shop.environ.items():
        monkeypatch.setenv(name, value)
    words = ["check", "prod", "--cwd", str(shop.root), "--format", form, "--", "--parallel", "4"]
    assert cli.run(words) == code
    said = capsys.readouterr()
    assert flags == [("--parallel", "4")]
    if form in {"json", "sarif"}:
        assert isinstance(json.loads(said.out), dict)
    else:
        assert what in said.out
    assert said.err == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--", "--skip-preview"), "--skip-preview can't be passed on"),
        (("--", "somewhere"), "'somewhere' is not a flag"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--base", "last-good"), "'last-good' is not"),
        (("dev", "prod"), "too many arguments: prod"),
    ],
)
def test_bad_input_is_said_before_anything_is_asked(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    stack = FileStack(tmp_path)
    stack.update(stack.resource("api", {"size": "s"}))
    ran = stack.run("check", *words)
    assert ran.code == 2, ran
    assert message in ran.err


def test_wrong_settings_are_said_before_anything_is_asked(tmp_path: Path) -> None:
    stack = FileStack(tmp_path)
    stack.update(stack.resource("api", {"size": "s"}))
    (stack.work / "rewind.toml").write_text('[check]\nwaivers = [{resource = "api", verdict = "unknown"}]\n')
    ran = stack.run("check")
    assert ran.code == 2, ran
    assert "rewind.toml, line 1: waiver 1 of [check] has no reason" in ran.err


def test_the_page_has_every_verdict_and_the_settings_that_hold_by_default() -> None:
    page = (ROOT / "docs" / "check.md").read_text()
    table = page.split("| verdict | what it means |")[1].split("\n\n")[0]
    assert re.findall(r"^\| `([a-z-]+)` ", table, re.M) == list(VERDICTS)
    named = re.search(r"fail_on = \[(.*)\]", page)
    assert named is not None
    assert tuple(re.findall('"(.*?)"', named[1])) == CheckSettings().fail_on


def test_the_job_of_the_page_finds_its_own_comment() -> None:
    assert f'startswith("{MARK}")' in (ROOT / "docs" / "ci.md").read_text()
