"""What a project's ``rewind_hooks.py`` imports, and the worker that runs it: the standard library alone."""
