"""The interpreter that Pulumi's Python language host runs in tests.

Before every update the host asks it for its version, and for a list of all installed packages (``-m pip list -v
--format json``), which costs more than the small programs of the tests. The answers are always the same: they are kept.
"""

from __future__ import annotations

import atexit
import functools
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


@functools.cache
def python_command() -> Path:
    """A script that hands everything but those questions to this interpreter."""
    directory = Path(tempfile.mkdtemp(prefix="rewind-tests-python-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    question = [sys.executable, "-m", "pip", "list", "-v", "--format", "json"]
    answer = directory / "packages.json"
    answer.write_bytes(subprocess.run(question, capture_output=True, check=True).stdout)
    script = directory / "python"
    script.write_text(
        "#!/bin/sh\n"
        f'[ "$*" = {shlex.quote(" ".join(question[1:]))} ] && exec cat {shlex.quote(str(answer))}\n'
        f'[ "$*" = --version ] && echo "Python {platform.python_version()}" && exit\n'
        f'exec {shlex.quote(sys.executable)} "$@"\n'
    )
    script.chmod(0o755)
    return script
