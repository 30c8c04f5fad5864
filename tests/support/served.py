"""The tests' providers, served by the tests' own process: the engine attaches to them instead of starting them.

A provider process costs half a second of CPU in every preview and every update. Attached, one server answers all runs
of a stack; it can't hold two configurations or say two versions, knows nothing of the stack's environment, and outlives
the engine. Tests of such things call `EngineStack.use_plugin_processes`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PROVIDERS = Path(__file__).resolve().parents[1] / "engine" / "providers"


class ServedProvider:
    """One gRPC server for one provider."""

    def __init__(self, add: Callable[[Any], None]) -> None:
        import grpc

        self._pool = ThreadPoolExecutor(16)
        self._server = grpc.server(self._pool, options=[("grpc.max_receive_message_length", -1)])
        add(self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    def close(self) -> None:
        """Ends the server; what still hangs is cut off."""
        self._server.stop(None).wait(5)
        self._pool.shutdown(wait=False, cancel_futures=True)


def serve_bridged(objects: Path) -> ServedProvider:
    """The `bridged` provider 1.0.0 for the objects under a directory."""
    _importable()
    import grpc
    from bridged_provider import Bridged, add_to_server

    class Attached(Bridged):
        def Configure(self, request: Any, context: Any) -> Any:
            name = request.urn.rsplit("::", 1)[-1]
            if not name.startswith("default"):
                reason = f"{name} is an explicit provider: call stack.use_plugin_processes()"
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, reason)
            self.store.cancelled.clear()  # an earlier run's …
            self.account = "main"  # … which may have been configured otherwise
            return super().Configure(request, context)

        def _asked(self, context: Any) -> Callable[[], bool]:
            alive: Callable[[], bool] = context.is_active
            return alive

    return ServedProvider(lambda server: add_to_server(Attached("1.0.0", objects), server))


def serve_parts() -> ServedProvider:
    """The `parts` provider 1.0.0."""
    _importable()
    from parts_provider import Parts, add_to_server

    return ServedProvider(lambda server: add_to_server(Parts(), server))


def serve_plain(objects: Path) -> ServedProvider:
    """The `plain` provider for the objects under a directory."""
    _importable()
    from plain_provider import Plain, add_to_server

    return ServedProvider(lambda server: add_to_server(Plain(objects), server))


def bridged_schema() -> Any:
    """What the `bridged` provider does with inputs, to be called without an engine."""
    _importable()
    import bridged_schema as schema

    return schema


def _importable() -> None:
    if str(PROVIDERS) not in sys.path:
        sys.path.append(str(PROVIDERS))
