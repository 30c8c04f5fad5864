"""The pulumi CLI that is replaced, or goes away, between a review and its run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.errors import EngineError, IncompleteError, InterruptedRun, RefusedError
from pulumi_rewind.guard.checks import check_engine
from pulumi_rewind.rollback.driving import EngineDriver
from pulumi_rewind.session import Session, open_session
from tests.support.filestack import FileStack
from tests.support.pretended import program


@pytest.fixture
def session(tmp_path: Path) -> Session:
    stack = FileStack(tmp_path)
    program(tmp_path / "bin", "v3.276.0")
    (stack.state / ".pulumi" / "stacks" / "shop").mkdir(parents=True)
    stack.live_file.write_text('{"version":3,"checkpoint":{"latest":null}}')
    opened = open_session(stack.work, "dev", environ=stack.env)
    assert opened.engine.version == "3.276.0"
    return opened


def test_another_version_since_the_review_is_refused_once(session: Session, tmp_path: Path) -> None:
    check_engine(session)
    os.utime(program(tmp_path / "bin", "v3.276.0"), ns=(1, 1))  # built again, the same version
    check_engine(session)
    os.utime(program(tmp_path / "bin", "v3.277.0"), ns=(2, 2))
    with pytest.raises(RefusedError, match=r"is pulumi 3\.277\.0 now; the plan was made with 3\.276\.0") as caught:
        check_engine(session)
    assert "Nothing was changed" in caught.value.hint
    assert session.engine.version == "3.277.0"  # the next plan is made by it
    check_engine(session)


def test_a_cli_that_is_gone_is_an_error_of_ours(session: Session, tmp_path: Path) -> None:
    engine = session.engine
    engine.path.unlink()
    for start in (
        lambda: check_engine(session),
        lambda: engine.call(["stack", "ls"]),
        lambda: engine.start(["preview"], private=tmp_path),
    ):
        with pytest.raises(EngineError, match="pulumi") as caught:
            start()
        assert caught.value.hint


class Driver(EngineDriver):
    """A run that does nothing but to be started."""

    def _not_begun(self) -> Exception:
        self.tidied = True
        return InterruptedRun("stopped")

    def go(self, session: Session, private: Path) -> Iterator[EngineEvent]:
        return self.stream(session.engine, ["up"], private, {})


@pytest.mark.parametrize("changed", [False, True])
def test_a_run_whose_cli_is_gone_tells_whether_anything_was_changed(
    session: Session, tmp_path: Path, *, changed: bool
) -> None:
    session.engine.path.unlink()
    driver = Driver(session.backend)
    driver._changed = changed
    with pytest.raises(IncompleteError if changed else EngineError, match="can't be started") as caught:
        list(driver.go(session, tmp_path))
    assert driver.tidied
    assert ("resume" if changed else "Nothing in the stack was changed") in caught.value.hint
