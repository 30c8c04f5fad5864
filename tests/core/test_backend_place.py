"""A backend whose directory goes away in mid-run: the CLI makes a new one and calls it a success."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.backends.directory import DirectoryWatch
from pulumi_rewind.engine.events import EngineEvent, ResourceDone, StepMetadata, StepState
from pulumi_rewind.errors import EngineError, IncompleteError, InterruptedRun
from pulumi_rewind.guard.kept_states import import_state
from pulumi_rewind.rollback.driving import EngineDriver
from pulumi_rewind.session import Session, open_session
from tests.support.filestack import FileStack

AWAY = "mv '{0}' '{0}.away'\n"
ANEW = AWAY + "mkdir '{0}'\n"


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    (made.state / ".pulumi" / "stacks" / "shop").mkdir(parents=True)
    made.live_file.write_text('{"version":3,"checkpoint":{"latest":null}}')
    return made


def opened(stack: FileStack, does: str) -> Session:
    """A session whose CLI does something to the backend."""
    path = stack.root / "bin" / "pulumi"
    path.write_text(f'#!/bin/sh\n[ "$1" = version ] && echo v3.276.0 && exit\n:\n{does.format(stack.state)}')
    path.chmod(0o755)
    return open_session(stack.work, "dev", environ=stack.env)


class Driver(EngineDriver):
    """A run without anything of ours around it."""

    def _not_begun(self) -> Exception:
        return InterruptedRun("not begun")

    def go(self, session: Session, private: Path) -> Iterator[EngineEvent]:
        return self.stream(session.engine, ["up"], private, {})


def test_the_same_directory_is_the_same(stack: FileStack, tmp_path: Path) -> None:
    place = DirectoryWatch(stack.state)
    (stack.state / "more").mkdir()
    assert place.problem() == ""
    session = opened(stack, "")
    assert list(Driver(session.backend).go(session, tmp_path)) == []
    import_state(opened(stack, ""), b"{}", {}, instead_of=None)


@pytest.mark.parametrize(("does", "what"), [(AWAY, "is gone"), (ANEW, "is not the one that the run started with")])
def test_a_run_that_lost_its_backend_is_incomplete(stack: FileStack, tmp_path: Path, does: str, what: str) -> None:
    session = opened(stack, does)
    driver = Driver(session.backend)
    urn = "urn:pulumi:dev::shop::x:y:Server::web"
    driver.progress.see(ResourceDone(StepMetadata("create", urn, new=StepState(id="srv-1"))))
    with pytest.raises(IncompleteError, match=what) as caught:
        list(driver.go(session, tmp_path))
    assert "web (srv-1)" in str(caught.value)
    assert "pulumi cancel" in caught.value.hint


def test_a_directory_that_comes_back_was_away_all_the_same(stack: FileStack) -> None:
    watch = DirectoryWatch(stack.state)
    watch.check()
    assert watch.problem() == ""
    stack.state.rename(stack.root / "elsewhere")
    watch.check()
    (stack.root / "elsewhere").rename(stack.state)
    assert "was unavailable for a while" in watch.problem()


def test_so_is_a_state_that_was_put_elsewhere(stack: FileStack) -> None:
    with pytest.raises(EngineError, match="is not the one that the run started with"):
        import_state(opened(stack, ANEW), b"{}", {}, instead_of=None)
