"""Journals that somebody left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from pulumi_rewind.project.journal import Journal

_BEGIN = """
import os, sys
from pulumi_rewind.project.journal import Journal
from pulumi_rewind.state.model import StackRef
journal = Journal(sys.argv[1], StackRef(sys.argv[2], sys.argv[3]), os.environ)
journal.begin(target=7, label="#7", digest="d", start=2)
print(os.getpid(), flush=True)
sys.stdin.read()
"""


def process_ended(journal: Journal, **fields: object) -> None:
    """Makes the entry that we have begun look as if its process had ended; `fields` are written into it as well."""
    journal.release()
    raw = json.loads(journal.path.read_bytes())
    gone = {"pid": 999_999_999, "process": {**raw["process"], "pid": 999_999_999}}
    journal.path.write_text(json.dumps(raw | gone | fields))


def begun_elsewhere(backend: str, project: str, stack: str, state: str) -> subprocess.Popen[str]:
    """A process that has begun a rollback to #7 and stays until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _BEGIN, backend, project, stack],
        env={**os.environ, "XDG_STATE_HOME": state, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == str(process.pid)
    return process
