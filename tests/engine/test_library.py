"""The library as docs/library.md shows it: the very example, run on a real stack."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pulumi_rewind as rewind
from tests.support.stack import EngineStack

DOCUMENT = Path(__file__).parents[2] / "docs" / "library.md"
PROGRAM = 'import pulumi, bridged_sdk as bridged\nbridged.Server("web", {{"image": "{image}"}})\n'


@pytest.fixture
def example() -> str:
    found = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_goes_the_whole_way(
    stack: EngineStack, example: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for image in ("nginx:1", "nginx:2"):
        stack.up(PROGRAM.format(image=image))
    for name, value in stack.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(stack.root.parent)
    exec(example.replace('"infra"', repr(str(stack.root))).replace('"prod"', repr(stack.name)), {})
    said = capsys.readouterr().out
    assert "\nupdate web restored []\n" in said
    assert "ResourceDone" in said, "events are printed"
    assert said.splitlines()[-1] == "3 []"
    assert stack.resources()["web"]["inputs"]["image"] == "nginx:1"


def test_every_name_that_is_offered_can_be_had_and_is_documented() -> None:
    documents = DOCUMENT.read_text() + (DOCUMENT.parent / "hooks.md").read_text()
    for name in rewind.__all__:
        assert getattr(rewind, name, None) is not None
        assert name == "__version__" or re.search(rf"[`.@]{name}\b", documents), f"{name} stands in no document"
