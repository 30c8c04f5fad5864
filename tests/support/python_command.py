"""The interpreter that Pulumi's Python language host runs in tests.

Before every update the host asks it for its version, and for a list of all installed packages (``-m pip list -v
--format json``), which costs more than the small programs of the tests. The answers are always the same: they are kept.
Programs and dynamic providers run in copies of a process that has the SDK loaded (`forking`), unless a test sets
another PYTHONPATH; so do the processes of the `bridged` provider.
"""

from __future__ import annotations

import atexit
import functools
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support import forking
from tests.support.served import PROVIDERS


@functools.cache
def python_command() -> Path:
    """A script that answers those questions, and hands all else to this interpreter or a copy of it."""
    directory = Path(tempfile.mkdtemp(prefix="rewind-tests-python-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    question = [sys.executable, "-m", "pip", "list", "-v", "--format", "json"]
    answer = directory / "packages.json"
    answer.write_bytes(subprocess.run(question, capture_output=True, check=True).stdout)
    path, forks = directory / "forks", [sys.executable, str(Path(forking.__file__))]
    server = subprocess.Popen(
        [*forks, "serve", str(path)],
        env=dict(os.environ) | {"PYTHONPATH": str(PROVIDERS), "PYTHONWARNINGS": "ignore"},
    )
    atexit.register(server.kill)
    script = directory / "python"
    script.write_text(
        "#!/bin/sh\n"
        f'[ "$*" = {shlex.quote(" ".join(question[1:]))} ] && exec cat {shlex.quote(str(answer))}\n'
        f'[ "$*" = --version ] && echo "Python {platform.python_version()}" && exit\n'
        f'fork="{shlex.join([forks[0], "-I", "-S", forks[1]])} run {path}"\n'
        f'[ -S {shlex.quote(str(path))} ] && [ "$PYTHONPATH" = {shlex.quote(str(PROVIDERS))} ] && case "$*" in\n'
        '*/pulumi-language-python-exec*) exec $fork "$@" ;;\n'
        f'"-u -m pulumi.dynamic"* | "-u {PROVIDERS}/bridged_provider.py"*) shift && exec $fork "$@" ;;\n'
        "esac\n"
        f'exec {shlex.quote(sys.executable)} "$@"\n'
    )
    script.chmod(0o755)
    return script
