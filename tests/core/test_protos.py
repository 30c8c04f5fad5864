"""The protocol messages alone are loaded, and the SDK can still be had whole."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.support.rewind import ROOT

CODE = """
import sys
from pulumi_rewind.replay.protos import load_protos
load_protos()
from pulumi.runtime.proto import {names}
assert "pulumi" not in sys.modules and "pulumi.runtime" not in sys.modules, "the SDK was loaded"
load_protos()
import pulumi
from pulumi.runtime.proto import resource_pb2 as again
assert again is resource_pb2
assert pulumi.Output.from_input(1) is not None
load_protos()
"""


def test_the_messages_come_without_the_sdk_and_the_sdk_comes_whole_later() -> None:
    """All that the core uses of them: one that is found late brings the SDK with it."""
    sources = [path.read_text() for path in (ROOT / "core").rglob("*.py")]
    asked = [line for text in sources for line in re.findall(r"from pulumi\.runtime\.proto import (.+)", text)]
    names = {name.strip() for line in asked for name in line.split(",")}
    assert {"resource_pb2", "callback_pb2_grpc"} <= names
    subprocess.run([sys.executable, "-c", CODE.format(names=", ".join(sorted(names)))], check=True)
