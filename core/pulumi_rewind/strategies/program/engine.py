"""The pulumi CLI in the worktree of an old program: dependencies, and a preview."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pulumi_rewind.engine.cli import Engine
from pulumi_rewind.engine.events import EngineEvent
from pulumi_rewind.errors import EngineError, InterruptedRun, RewindError
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.guard.checks import lock_refusal
from pulumi_rewind.guard.state_editing import staged
from pulumi_rewind.plan.planned_secrets import note_planned
from pulumi_rewind.project.stack_configuration import without_environments
from pulumi_rewind.session import Session
from pulumi_rewind.state.model import Checkpoint, Resource
from pulumi_rewind.strategies.preview import PreviewControl, followed, past_protection, protected_refusal
from pulumi_rewind.strategies.program.source import INSTEAD
from pulumi_rewind.system.processes import kill_all, undisturbed

TAIL: Final = 6
"""How many lines of a failed installation are shown."""

_BESIDE_IT: Final = ("npm notice", "npm warn")
"""How lines of a failed installation begin that don't say why."""

GONE: Final = f"The old program may need something that no longer exists. {INSTEAD}"


NOT_INSTALLED: Final = (
    "Without an installation (`--no-install`) it runs with what is installed for today's program: leave that flag out, "
    f"or run `pulumi install` in your working tree. {INSTEAD}"
)
"""The same where the program's dependencies were not installed."""


def environment(session: Session, live: Checkpoint) -> Mapping[str, str]:
    """What a run of the program has beyond the operator's own environment.

    Installed dependencies aren't committed: git is told not to count untracked files as uncommitted changes.
    """
    found = dict(session.vault.environment(live))
    if "GIT_CONFIG_COUNT" not in session.workspace.environ:
        found |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "status.showUntrackedFiles",
            "GIT_CONFIG_VALUE_0": "no",
        }
    return found


def preview_program(
    session: Session,
    engine: Engine,
    config: Path,
    live: Checkpoint,
    private: Path,
    observe: Observe,
    control: PreviewControl,
    *,
    refresh: bool = False,
    state: Checkpoint | None = None,
    readers: Iterable[Resource] = (),
    advice: str = GONE,
) -> tuple[list[EngineEvent], bytes]:
    """One preview of the program in its worktree: its events, and the engine's own plan.

    `state` is what the backend will hold before the run, where that is to be edited: see `guard.state_editing.staged`.
    `advice` is what an error says that nothing better is known of.

    Raises:
        EngineError, RefusedError: it failed.
        InterruptedRun: `control` stopped it.
    """
    plan_file = private / "plan.json"
    if state is not None:
        config = without_environments(config, private)
    with staged(session, state, readers) as place:
        run = engine.start(
            [
                *("preview", "-s", place.fqn),
                *("--config-file", str(config)),
                *("--save-plan", str(plan_file)),
                *past_protection(engine),
                *(("--refresh",) if refresh else ()),
            ],
            private=private,
            extra_env={**environment(session, live), **place.environ},
        )
        events = followed(run, observe, control)
    if run.returncode != 0:
        error = run.error("the program failed in its preview")
        if isinstance(error, EngineError) and error.locked:
            raise lock_refusal(session, error)
        raise _failure(protected_refusal(error, engine, (), session.operations()), advice)
    note_planned(session, live, plan_file)
    found = plan_file.read_bytes()
    plan_file.unlink()
    return events, found


def _failure(error: RewindError, advice: str) -> RewindError:
    if isinstance(error, EngineError):
        error.explain(advice)
    return error


def install(engine: Engine, control: PreviewControl, *, instead: str = INSTEAD) -> None:
    """Installs the program's dependencies into its worktree, where `project_file.needs_installation` says so.

    Raises:
        EngineError: they can't be installed.
        InterruptedRun: `control` stopped it.
    """
    process: subprocess.Popen[bytes] | None = None

    def stop() -> None:
        if process is not None:
            kill_all(process.pid)

    with tempfile.TemporaryFile() as output:
        try:
            with undisturbed():
                process = subprocess.Popen(
                    [str(engine.path), "install", "--no-plugins", "--non-interactive", "--color", "never"],
                    cwd=engine.workspace.root,
                    env=engine.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            control.attach(stop)
            process.wait()
        finally:
            if process is not None and process.returncode is None:
                stop()
                process.wait()
        output.seek(0)
        said = engine.redact(output.read().decode(errors="replace").strip())
    if control.stopped:
        raise InterruptedRun("the installation was stopped", unchanged=True)
    if process.returncode != 0:
        raise EngineError(
            f"the dependencies of the program can't be installed: {cause_of_failed_installation(said)}",
            hint=f"A dependency may be gone from its registry, or need a tool that is not installed. {instead}",
            output=said,
        )


def cause_of_failed_installation(said: str) -> str:
    """The last lines of what was said, as far as they tell why. Pure."""
    lines = dict.fromkeys(line for line in said.splitlines() if line and not line.startswith(_BESIDE_IT))
    return "\n".join(list(lines)[-TAIL:])
