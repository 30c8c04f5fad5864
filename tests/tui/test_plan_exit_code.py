"""`plan --exit-code` on the recorded shop."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.plan.model import Plan
from pulumi_rewind_tui import cli
from tests.support.tui.replay import play
from tests.support.tui.shop import Shop


@pytest.mark.parametrize(
    ("options", "idle", "code"),
    [("", False, 0), ("--exit-code", False, 7), ("--exit-code --json", False, 7), ("--exit-code", True, 0)],
)
def test_the_exit_code_says_whether_there_is_something_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: str,
    idle: bool,
    code: int,
) -> None:
    play(monkeypatch)
    if idle:
        monkeypatch.setattr(Plan, "nothing_to_do", True)
    shop = Shop(tmp_path / "shop", protected=False)
    for name, value in shop.environ.items():
        monkeypatch.setenv(name, value)
    assert cli.run(["plan", "--cwd", str(shop.root), "-s", "prod", "5", *options.split()]) == code
    assert "#5" in capsys.readouterr().out
