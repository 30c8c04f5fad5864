"""The proof of a revert: what the next `pulumi up` of a commit would do to the stack, by the engine's own preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pulumi_rewind.engine.events import Phase
from pulumi_rewind.engine.system_errors import refused_by_system
from pulumi_rewind.goal.replay_report import Observe
from pulumi_rewind.guard.checks import check_readable
from pulumi_rewind.plan.model import STILL, Step, counts
from pulumi_rewind.plan.verify import Difference
from pulumi_rewind.project.stack_configuration import config_file
from pulumi_rewind.state.integrity import check_sound
from pulumi_rewind.strategies.preview import PreviewControl
from pulumi_rewind.strategies.program.config import todays_engine
from pulumi_rewind.strategies.program.engine import install, preview_program
from pulumi_rewind.strategies.program.plan import outputs_alone
from pulumi_rewind.strategies.program.project_file import needs_installation
from pulumi_rewind.strategies.program.result import declared, program_state, program_steps
from pulumi_rewind.up.review import sides

if TYPE_CHECKING:
    from pulumi_rewind.diff.checkpoints import Diff
    from pulumi_rewind.session import Session
    from pulumi_rewind.strategies.program.worktree import ProgramTree

INSTEAD: Final = "`--no-preview` makes the branch without this proof."


@dataclass(frozen=True)
class Preview:
    """What a program would change in the stack."""

    steps: tuple[Step, ...]
    """Those that change something."""
    changes: dict[str, int]
    """All steps by operation."""
    outputs: tuple[Difference, ...]
    """Outputs of the stack and of components that change although no step touches them."""
    diff: Diff
    """Inputs before and after, secrets masked."""

    @property
    def empty(self) -> bool:
        """Whether the program matches the stack."""
        return not (self.steps or self.outputs)


@refused_by_system()
def preview_tree(
    session: Session, tree: ProgramTree, observe: Observe, control: PreviewControl | None = None
) -> Preview:
    """Previews the program of a worktree against the stack; changes nothing.

    It runs with the configuration file of its commit, or with today's where the commit has none.

    Raises:
        EngineError, SecretsError: its dependencies can't be installed, or the preview failed.
        RefusedError: the stack is locked, or its state is damaged.
        InterruptedRun: `control` stopped it.
    """
    from pulumi_rewind.diff.checkpoints import diff_checkpoints

    check_readable(session)
    control = control or PreviewControl()
    live = session.live()
    check_sound(live)
    plain = session.vault.decrypt(live, session.stack)
    engine = todays_engine(session.engine, tree.project)
    committed, own = (one.config_file(session.stack.name) for one in (engine.workspace, session.workspace))
    path = committed if committed.exists() else own
    config = config_file(path, live, tree.private, {}, session.vault.resealer, session.kept_config)
    if needs_installation(engine.workspace, tree.private):
        observe(Phase("install", "installing the program's dependencies, whose install scripts run"))
        install(engine, control, instead=INSTEAD)
    observe(Phase("preview", "previewing the program with the engine"))
    advice = f"The program of the branch does not run as it is. {INSTEAD}"
    events, plan = preview_program(session, engine, config, live, tree.private, observe, control, advice=advice)
    all_steps = program_steps(events, plain, session.stack.name, session.workspace.project)
    steps = tuple(step for step in all_steps if step.op not in STILL)
    after = program_state(events, all_steps, declared(plan), plain)
    return Preview(
        steps=steps,
        changes=counts(all_steps),
        outputs=outputs_alone(plain, after, {step.urn for step in steps}),
        diff=diff_checkpoints(*sides(events)),
    )
