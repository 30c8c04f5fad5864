"""The interpreter that Pulumi's Python language host runs in tests.

Before every update the host asks it for a list of all installed packages (``-m pip list -v --format json``), which
costs more than the small programs of the tests. The answer is the same every time: pip is asked once.
"""

from __future__ import annotations

import atexit
import functools
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


@functools.cache
def python_command() -> Path:
    """A script that hands everything but that one question to this interpreter."""
    directory = Path(tempfile.mkdtemp(prefix="rewind-tests-python-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    question = [sys.executable, "-m", "pip", "list", "-v", "--format", "json"]
    answer = directory / "packages.json"
    answer.write_bytes(subprocess.run(question, capture_output=True, check=True).stdout)
    script = directory / "python"
    script.write_text(
        "#!/bin/sh\n"
        f'[ "$*" = {shlex.quote(" ".join(question[1:]))} ] && exec cat {shlex.quote(str(answer))}\n'
        f'exec {shlex.quote(sys.executable)} "$@"\n'
    )
    script.chmod(0o755)
    return script
