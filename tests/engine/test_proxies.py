"""A proxy of the operator's sees nothing of what the engine, its plugins and we say to each other."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.rewind import said
from tests.support.stack import EngineStack

pytestmark = pytest.mark.engine

PROGRAM = """
import pulumi, bridged_sdk as bridged
bridged.Server("web", {{"image": "{image}", "userData": pulumi.Output.secret("canary-proxy-8Yt2")}})
"""


@contextlib.contextmanager
def listener() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy's address, and what came there."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        seen.append(connection.recv(4096))

        threading.Thread(target=listen, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", seen
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("exceptions", ["", "*"])
def test_nothing_goes_through_a_proxy(stack: EngineStack, exceptions: str) -> None:
    stack.up(PROGRAM.format(image="one"))
    with listener() as (proxy, seen):
        names = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")
        stack.extra_environ = {name: proxy for one in names for name in (one, one.upper())}
        stack.extra_environ["no_proxy"] = exceptions
        stack.write_program(PROGRAM.format(image="two"))
        updated = said(stack, "up", "--yes")
        assert updated.code == 0, updated.err
        back = said(stack, "rollback", "1", "--yes")
        assert back.code == 0, back.err
    assert seen == []
