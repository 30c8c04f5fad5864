"""pulumi-rewind: the core engine as a library, and what a project's ``rewind_hooks.py`` imports.

The library opens a stack, compares its states, plans a rollback and runs it; docs/library.md shows it at work. The
decorators and results of `hooks` say how a resource or a component is undone; docs/hooks.md has them. Nothing here
imports a user interface, and every name is loaded when it is first used: the engine, gRPC and git are heavy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from pulumi_rewind.version import __version__

if TYPE_CHECKING:
    from pulumi_rewind.choices import Choices
    from pulumi_rewind.engine.events import EngineEvent
    from pulumi_rewind.errors import RewindError
    from pulumi_rewind.history.targets import Target
    from pulumi_rewind.hooks.context import (
        ErrorContext,
        HookContext,
        RollbackContext,
        Secret,
        UndoContext,
        UndoResource,
        UndoUpdate,
    )
    from pulumi_rewind.hooks.declare import (
        Delete,
        Keep,
        Recreate,
        Restored,
        Skip,
        after_rollback,
        before_rollback,
        error_hook,
        on_failure,
        resource_hook,
        undo,
        undo_create,
        undo_delete,
        undo_update,
    )
    from pulumi_rewind.hooks.revisions import Component, Revision, RevisionContext, component
    from pulumi_rewind.library import compare, run
    from pulumi_rewind.plan.model import Plan, Step
    from pulumi_rewind.plan.verify import Difference
    from pulumi_rewind.risk import Risk
    from pulumi_rewind.rollback.planning import build_plan
    from pulumi_rewind.rollback.result import RollbackResult
    from pulumi_rewind.rollback.resuming import find_target
    from pulumi_rewind.rollback.run import RollbackRun
    from pulumi_rewind.session import Session, open_session

__all__ = [
    "Choices",
    "Component",
    "Delete",
    "Difference",
    "EngineEvent",
    "ErrorContext",
    "HookContext",
    "Keep",
    "Plan",
    "Recreate",
    "Restored",
    "Revision",
    "RevisionContext",
    "RewindError",
    "Risk",
    "RollbackContext",
    "RollbackResult",
    "RollbackRun",
    "Secret",
    "Session",
    "Skip",
    "Step",
    "Target",
    "UndoContext",
    "UndoResource",
    "UndoUpdate",
    "__version__",
    "after_rollback",
    "before_rollback",
    "build_plan",
    "compare",
    "component",
    "error_hook",
    "find_target",
    "on_failure",
    "open_session",
    "resource_hook",
    "run",
    "undo",
    "undo_create",
    "undo_delete",
    "undo_update",
]

_LIBRARY: Final = {
    "Choices": "choices",
    "Difference": "plan.verify",
    "EngineEvent": "engine.events",
    "Plan": "plan.model",
    "RewindError": "errors",
    "Risk": "risk",
    "RollbackResult": "rollback.result",
    "RollbackRun": "rollback.run",
    "Session": "session",
    "Step": "plan.model",
    "Target": "history.targets",
    "build_plan": "rollback.planning",
    "compare": "library",
    "find_target": "rollback.resuming",
    "open_session": "session",
    "run": "library",
}
"""Where the names of the library are; those of hooks are in `hooks`."""


def __getattr__(name: str) -> Any:
    """A name of the library or of the hooks' API, loaded when it is first used."""
    if name in _LIBRARY:
        return getattr(import_module(f"{__name__}.{_LIBRARY[name]}"), name)
    if name in __all__:
        from pulumi_rewind.hooks import context, declare, revisions

        return next(getattr(module, name) for module in (declare, context, revisions) if hasattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
