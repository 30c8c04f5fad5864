"""pulumi-rewind: the core engine, as a library; for ``rewind_hooks.py`` the decorators and results of `hooks.declare`.

Nothing here imports a user interface; heavy parts (the engine, gRPC, git) load when first needed.
"""

from typing import TYPE_CHECKING, Any

from pulumi_rewind.version import __version__

if TYPE_CHECKING:
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
        undo_create,
        undo_delete,
        undo_update,
    )
    from pulumi_rewind.hooks.revisions import Component, Revision, RevisionContext, component


__all__ = [
    "Component",
    "Delete",
    "ErrorContext",
    "HookContext",
    "Keep",
    "Recreate",
    "Restored",
    "Revision",
    "RevisionContext",
    "RollbackContext",
    "Secret",
    "Skip",
    "UndoContext",
    "UndoResource",
    "UndoUpdate",
    "__version__",
    "after_rollback",
    "before_rollback",
    "component",
    "error_hook",
    "on_failure",
    "resource_hook",
    "undo_create",
    "undo_delete",
    "undo_update",
]


def __getattr__(name: str) -> Any:
    """The undo API, loaded when it is first used."""
    if name in __all__:
        from pulumi_rewind.hooks import context, declare, revisions

        return next(getattr(module, name) for module in (declare, context, revisions) if hasattr(module, name))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
