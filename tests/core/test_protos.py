"""The protocol messages alone are loaded, and the SDK can still be had whole."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from pulumi_rewind.replay.protos import load_protos
load_protos()
from pulumi.runtime.proto import language_pb2_grpc, resource_pb2
assert "pulumi" not in sys.modules and "pulumi.runtime" not in sys.modules, "the SDK was loaded"
load_protos()
import pulumi
from pulumi.runtime.proto import resource_pb2 as again
assert again is resource_pb2
assert pulumi.Output.from_input(1) is not None
load_protos()
"""


def test_the_messages_come_without_the_sdk_and_the_sdk_comes_whole_later() -> None:
    subprocess.run([sys.executable, "-c", CODE], check=True)
