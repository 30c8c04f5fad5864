"""Python processes of ours: what the project, or the directory that the operator stands in, can't put itself into.

Python looks for modules in the current directory (``-m``, ``-c``) and in PYTHONPATH before its own library: a
``secrets.py`` there would run in a process that holds passphrases. All such processes are started here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
"""The directory that they run in; what they need of the operator's is passed on with absolute paths."""


def own_python(module: str, function: str, *arguments: str) -> list[str]:
    """The command that calls a function of ours, with texts as its arguments, in a separate process.

    ``-I`` leaves out the current directory and all PYTHON variables; this process's own search path is added to what
    the interpreter has by itself.
    """
    path = [entry for entry in sys.path if Path(entry).is_absolute()]
    code = (
        f"import sys; sys.path += [entry for entry in {path!r} if entry not in sys.path]; "
        f"from {module} import {function}; {function}(*{arguments!r})"
    )
    return [sys.executable, "-I", "-c", code]
