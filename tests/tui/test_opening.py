"""Opening the screens from the command line, which alone knows them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pulumi_rewind_tui.app import RewindApp
from pulumi_rewind_tui.cli import open_screens
from pulumi_rewind_tui.terminal.options import Shared


@pytest.mark.parametrize(("returned", "result", "code"), [(0, None, 0), (0, 4, 4), (1, None, 1)])
def test_screens_open_where_a_command_wants_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, returned: int, result: int | None, code: int
) -> None:
    """As `demo --open` does, with an environment of its own."""
    opened: list[RewindApp] = []

    def run(app: RewindApp) -> int | None:
        opened.append(app)
        app._return_code = returned
        return result

    monkeypatch.setattr(RewindApp, "run", run)
    monkeypatch.setenv("NO_COLOR", "")
    shared = Shared(no_color=True, ascii=True, opener=open_screens)
    assert shared.open_screens(cwd=tmp_path, stack="dev", environ={"A": "b"}) == code
    (app,) = opened
    assert (app.cwd, app.stack_name, app.environ, app.ascii_only) == (tmp_path, "dev", {"A": "b"}, True)
    assert os.environ["NO_COLOR"] == "1"
