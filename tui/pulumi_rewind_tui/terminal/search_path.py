"""Removes the current directory from the module search path, so that a project can't replace our modules.

This module imports only what Python has loaded already: until `secure_search_path` has run, any name may be the
project's.
"""

# ruff: noqa: PTH100, PTH109, PTH117, PTH119, PTH120
# (pathlib is one of the modules that could be the project's.)

import os
import sys


def is_own_process(main: str) -> bool:
    """Whether the process is there for our command line alone; `main` is the name that Python gave to `cli`."""
    return main == "__main__" or os.path.basename(sys.argv[0]) in {"pulumi-rewind", "pulumi-tool-rewind"}


def secure_search_path() -> None:
    """Removes the current directory (``python -m``) and relative entries of PYTHONPATH from the search path.

    An empty entry is a relative one. The others of PYTHONPATH are the operator's: they are looked into last. What
    Python itself loads before a program begins (``sitecustomize``; with ``-m`` a few modules of its library) is out of
    reach; the installed command has no ``-m``.
    """
    variable = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    given = variable.split(os.pathsep) if variable else []
    ours = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    try:
        here = os.getcwd()
        relative = {os.path.abspath(entry) for entry in given if not os.path.isabs(entry)}
    except OSError:  # the directory is gone
        here, relative = "", set()
    if sys.path and sys.path[0] == here and not sys.flags.safe_path:
        relative.add(sys.path.pop(0))
        sys.path += [here] if here == ours else []
    last = [entry for entry in sys.path if entry in given or entry in relative]
    sys.path[:] = [entry for entry in sys.path if os.path.isabs(entry) and entry not in last]
    sys.path += [entry for entry in last if entry not in relative or entry == ours]
