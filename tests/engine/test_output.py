"""A rollback whose output can't be written is done all the same, and says so where it can."""

from __future__ import annotations

import subprocess
import sys

from tests.support.stack import EngineStack

PROGRAM = 'import bridged_sdk as bridged\nbridged.Server("web", {{"image": "{image}"}})\n'


def test_a_rollback_that_can_not_be_told_is_done(stack: EngineStack) -> None:
    for image in ("one", "two"):
        stack.up(PROGRAM.format(image=image))
    command = f"{sys.executable} -m pulumi_rewind_tui.cli rollback 1 --yes >/dev/full"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=stack.root, env=stack.environ, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith(b"error: standard output is not writable: No space left on device\nhint: ")
    assert b"has finished its work" in done.stderr
    web = next(res for res in stack.export()["deployment"]["resources"] if res["urn"].endswith("::web"))
    assert web["inputs"]["image"] == "one"
