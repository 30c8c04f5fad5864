"""Thresholds and waivers of `check`: what `[check]` may say, what fails, what is waived, what has expired."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.checking.report import CheckReport, judged
from pulumi_rewind.checking.verdicts import Verdict
from pulumi_rewind.errors import UsageError
from pulumi_rewind.project.check_settings import FAIL_ON, CheckSettings, Waiver, check_settings
from pulumi_rewind.project.settings import load_settings

TODAY = date(2027, 3, 31)
WAIVER = 'resource = "ca*", verdict = "data-loss", reason = "filled again"'


def verdict(name: str, what: str) -> Verdict:
    return Verdict(f"urn:pulumi:dev::p::t:m:R::{name}", "t:m:R", "replace", what, "because")


def report(verdicts: list[Verdict], settings: CheckSettings, today: date = TODAY) -> CheckReport:
    return CheckReport("p/dev", "live", judged(verdicts, settings, today), settings)


def settings(tmp_path: Path, text: str) -> CheckSettings:
    (tmp_path / "rewind.toml").write_text(text)
    return check_settings(load_settings(tmp_path, {"HOME": str(tmp_path / "home")}).check)


def test_what_fails_by_default() -> None:
    assert FAIL_ON == ("data-loss", "no-down", "asset-lost", "provider-gone", "unknown")
    assert check_settings({}) == CheckSettings(FAIL_ON, ())
    for what in FAIL_ON:
        assert not report([verdict("a", "in-place"), verdict("b", what)], CheckSettings()).passes, what
    fine = report(
        [verdict("a", what) for what in ("nothing", "in-place", "new-id", "callback", "holdable")], CheckSettings()
    )
    assert fine.passes
    assert fine.verdict == "holdable"
    assert report([], CheckSettings()).passes


def test_a_project_says_what_fails(tmp_path: Path) -> None:
    chosen = settings(tmp_path, '[check]\nfail_on = ["new-id", "new-id"]\n')
    assert chosen.fail_on == ("new-id",)
    found = report([verdict("a", "data-loss"), verdict("b", "new-id")], chosen)
    assert [one.verdict.name for one in found.failing] == ["b"]
    assert settings(tmp_path, "[check]\nfail_on = []\n").fail_on == ()


@pytest.mark.parametrize("until", ["2027-03-31", '"2027-03-31"', "2027-03-31T12:00:00"])
def test_a_waiver_counts_to_its_last_day(tmp_path: Path, until: str) -> None:
    chosen = settings(tmp_path, f"[check]\nwaivers = [{{{WAIVER}, until = {until}}}]\n")
    cache, other = verdict("cache", "data-loss"), verdict("other", "data-loss")
    found = report([cache, other], chosen)
    assert [(one.fails, one.waiver is not None) for one in found.judged] == [(False, True), (True, False)]
    later = report([cache], chosen, date(2027, 4, 1))
    assert not later.passes
    assert later.judged[0].waiver is None
    assert later.judged[0].expired == chosen.waivers[0]
    assert not report([verdict("cache", "unknown")], chosen).passes, "it waives one verdict alone"


def test_a_waiver_may_name_a_urn_or_a_type_and_a_valid_one_stands_in_for_an_expired_one() -> None:
    old, new = (Waiver("t:m:*", "unknown", "because", until) for until in (date(2020, 1, 1), date(2030, 1, 1)))
    (found,) = judged([verdict("a", "unknown")], CheckSettings(waivers=(old, new)), TODAY)
    assert (found.fails, found.waiver, found.expired) == (False, new, None)
    by_urn = Waiver(verdict("a", "unknown").urn, "unknown", "because", TODAY)
    assert not judged([verdict("a", "unknown")], CheckSettings(waivers=(by_urn,)), TODAY)[0].fails


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("check = 3", "check must be a table"),
        ("[check]\nfail = []", "unknown key 'fail'"),
        ('[check]\nfail_on = "data-loss"', "fail_on of [check] must be a list"),
        ('[check]\nfail_on = ["dataloss"]', "there is no verdict 'dataloss'"),
        ("[check]\nfail_on = [[]]", "there is no verdict []"),
        ("[check]\nwaivers = 3", "waivers of [check] must be a list"),
        ("[check]\nwaivers = [3]", "waiver 1 of [check] must be a table"),
        ('[check]\nwaivers = [{resource = "x", verdict = "unknown", until = 2027-01-01}]', "has no reason"),
        (f"[check]\nwaivers = [{{{WAIVER.replace('filled again', '  ')}, until = 2027-01-01}}]", "has no reason"),
        (f"[check]\nwaivers = [{{{WAIVER}}}]", "has no until"),
        (f'[check]\nwaivers = [{{{WAIVER}, until = "soon"}}]', "an until that is no date: 'soon'"),
        (f"[check]\nwaivers = [{{{WAIVER}, until = 2027-01-01, who = 1}}]", "unknown key 'who'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings(tmp_path, text)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'rewind.toml'}, line 1: ")
    assert caught.value.hint


def test_a_project_overrides_its_user_key_by_key(tmp_path: Path) -> None:
    own: Any = tmp_path / "home" / ".config" / "pulumi-rewind"
    own.mkdir(parents=True)
    (own / "rewind.toml").write_text(f'[check]\nfail_on = ["new-id"]\nwaivers = [{{{WAIVER}, until = 2027-01-01}}]\n')
    chosen = settings(tmp_path, '[check]\nfail_on = ["unknown"]\n')
    assert (chosen.fail_on, len(chosen.waivers)) == (("unknown",), 1)
