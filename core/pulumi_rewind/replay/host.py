"""The language host that replays a goal: what ``pulumi preview|up --client unix:///…`` talks to.

It lies on a unix socket in a directory only we can enter, because a goal holds secrets in plaintext, and it serves
one project and stack alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pulumi_rewind.errors import RewindError
from pulumi_rewind.goal.model import Goal
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.replay.protos import load_protos
from pulumi_rewind.replay.registering import Afterwards, Replay, ReplayError
from pulumi_rewind.replay.sockets import SocketPlace, WaitingSocket, no_socket

if TYPE_CHECKING:
    import grpc

WIND_UP_SECONDS = 2.0

UNLIMITED = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))

DIRECT = (*UNLIMITED, ("grpc.enable_http_proxy", 0))
"""For channels: a goal is in plaintext, and goes to the engine on this machine alone, whatever proxy there is."""

HookCode = Callable[[dict[str, Any]], str]
"""Gets the properties of a `ResourceHookRequest`; returns what went wrong, empty for success."""

ErrorCode = Callable[[dict[str, Any]], bool]
"""Gets the properties of an `ErrorHookRequest`; returns whether what failed is tried again."""

RETRIES = 3
"""How often what failed is tried again where the target names an error hook whose code isn't there."""


class ReplayHost:
    """Serves one goal to the engine, in a separate thread with its own event loop.

    Use as a context manager; `address` is valid inside. `reports` grows by one for every run the engine asked for.
    """

    def __init__(
        self,
        goal: Goal,
        directory: Path,
        root: Path,
        guard: Callable[[], None] | None = None,
        *,
        refresh: bool = False,
        waiting: WaitingSocket | None = None,
        asked: Collection[str] = (),
    ) -> None:
        """`guard` is called once the engine of an update holds the stack's lock, before it has changed anything.

        With `refresh` that is when it asks for the packages: before it runs the program it refreshes the state.
        `waiting` is where an engine calls that was started before. `asked` holds its targets, if it has any.
        """
        self.goal = goal
        self.root = root
        self._guard = guard
        self._refresh = refresh
        self._place = SocketPlace(directory, "host.sock")
        self._waiting = waiting
        self._asked = frozenset(asked)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self.reports: list[ReplayReport] = []
        self.hook_code: Mapping[str, HookCode] = {}
        """Code of resource hooks by their names, where the project has it."""
        self.error_code: Mapping[str, ErrorCode] = {}
        """The same of error hooks."""
        self.afterwards: Mapping[str, Afterwards] = {}
        """By URN of the goal: what is called when an update has brought it back."""
        self.note: Callable[[object], None] = lambda _: None
        """Receives inputs with secrets that only this run knows, see `Replay.note`."""
        self.refusal: str = ""
        """Why a run was refused or broken off by us, empty if it wasn't."""

    @property
    def address(self) -> str:
        """What ``--client`` takes."""
        return self._place.address

    @property
    def report(self) -> ReplayReport:
        """The report of the newest run."""
        return self.reports[-1] if self.reports else ReplayReport()

    def __enter__(self) -> Self:
        load_protos()
        self._thread = threading.Thread(target=self._main, name="replay-host", daemon=True)
        self._thread.start()
        try:
            self._ready.wait()
        except BaseException:  # Ctrl-C: nobody else would end the thread
            self.__exit__()
            raise
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._place.remove()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as err:  # noqa: BLE001 - handed to the thread that waits
            self._error = err
            self._ready.set()

    async def _serve(self) -> None:
        import grpc
        from pulumi.runtime.proto import callback_pb2_grpc, language_pb2_grpc

        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = grpc.aio.server(options=UNLIMITED)
        language_pb2_grpc.add_LanguageRuntimeServicer_to_server(_language_servicer(self), server)
        callback_pb2_grpc.add_CallbacksServicer_to_server(_callbacks_servicer(self), server)
        self._listen(server)
        await server.start()
        self._place.path.chmod(0o600)
        passing = await self._waiting.serve(self._place.path) if self._waiting is not None else None
        self._ready.set()
        await self._stop.wait()
        if passing is not None:
            passing.close()
        await server.stop(grace=0.2)
        # What gRPC still has to wind up prints a traceback when the loop's end cuts it off.
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        if rest:
            await asyncio.wait(rest, timeout=WIND_UP_SECONDS)

    def _listen(self, server: grpc.aio.Server) -> None:
        """Raises OSError as the system does, EngineError where it says nothing."""
        try:
            server.add_insecure_port(self.address)
        except RuntimeError:  # gRPC doesn't say why
            probe = self._place.path.with_suffix(".probe")
            probe.touch()
            probe.unlink()
            raise no_socket(self._place.path) from None

    def unmoved(self) -> bool:
        """Whether the guard lets the engine continue; else `refusal` says why not."""
        try:
            if self._guard is not None:
                self._guard()
        except RewindError as err:
            self.refusal = str(err)
        return not self.refusal

    async def run(self, request: Any) -> str:
        """One Run call of the engine; returns an error text, empty for success."""
        import grpc
        from pulumi.runtime.proto import resource_pb2_grpc

        if (request.project, request.stack) != (self.goal.project, self.goal.stack):
            self.refusal = f"this goal is for {self.goal.project}/{self.goal.stack}, not for another stack"
            return self.refusal
        if not (request.dryRun or self._refresh) and not self.unmoved():
            return self.refusal
        async with grpc.aio.insecure_channel(request.monitor_address, options=DIRECT) as channel:
            replay = Replay(
                self.goal,
                resource_pb2_grpc.ResourceMonitorStub(channel),
                preview=request.dryRun,
                callbacks=self.address,
                root=str(self.root),
                asked=self._asked,
            )
            replay.afterwards, replay.note = self.afterwards, self.note
            self.reports.append(replay.report)
            try:
                await replay.run()
            except grpc.aio.AioRpcError as err:
                return _rpc_failure(err)
            except asyncio.CancelledError:
                return "stopped"  # the server is going down: the engine was killed, or nobody waits any more
            except (ReplayError, RewindError) as err:
                self.refusal = str(err)
                return str(err)
        return ""


def _rpc_failure(err: grpc.aio.AioRpcError) -> str:
    details = err.details() or ""
    # The engine hangs up when a step has failed; the step's own message has been reported by it already.
    return "stopped" if err.code().name in {"UNAVAILABLE", "CANCELLED"} else details


def _language_servicer(host: ReplayHost) -> Any:
    import grpc
    from google.protobuf.empty_pb2 import Empty
    from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

    class Language(language_pb2_grpc.LanguageRuntimeServicer):
        """The few calls that the engine makes."""

        async def About(self, request: Any, context: Any) -> Any:
            return language_pb2.AboutResponse()

        async def GetPluginInfo(self, request: Any, context: Any) -> Any:
            return plugin_pb2.PluginInfo(version="0.1.0")

        async def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
            # Names without versions: nothing is defaulted, so the replay keeps every provider's name.
            return language_pb2.GetRequiredPluginsResponse(
                plugins=[plugin_pb2.PluginDependency(name=name, kind="resource") for name in host.goal.packages]
            )

        async def GetRequiredPackages(self, request: Any, context: Any) -> Any:
            if host._refresh and not host.unmoved():
                await context.abort(grpc.StatusCode.FAILED_PRECONDITION, host.refusal)
            response = language_pb2.GetRequiredPackagesResponse()
            for name in host.goal.packages:
                response.packages.add(name=name, kind="resource")
            return response

        async def Run(self, request: Any, context: Any) -> Any:
            return language_pb2.RunResponse(error=await host.run(request))

        async def Cancel(self, request: Any, context: Any) -> Any:
            return Empty()

    return Language()


def _callbacks_servicer(host: ReplayHost) -> Any:
    from pulumi.runtime.proto import callback_pb2, callback_pb2_grpc

    class Callbacks(callback_pb2_grpc.CallbacksServicer):
        """Hooks run the project's code for them; those without do nothing and say so.

        A hook for errors has one use, to decide about another try; without its code we allow a few.
        """

        async def Invoke(self, request: Any, context: Any) -> Any:
            kind, _, name = request.token.partition(":")
            answer = await (_error_hook if kind == "error" else _hook)(host, name, request.request)
            return callback_pb2.CallbackInvokeResponse(response=answer.SerializeToString())

    return Callbacks()


async def _hook(host: ReplayHost, name: str, request: bytes) -> Any:
    from pulumi.runtime.proto import resource_pb2

    if (code := host.hook_code.get(name)) is None:
        _skipped(host, name)
        return resource_pb2.ResourceHookResponse()
    return resource_pb2.ResourceHookResponse(error=await asyncio.to_thread(code, _hook_properties(request)))


async def _error_hook(host: ReplayHost, name: str, request: bytes) -> Any:
    from pulumi.runtime.proto import resource_pb2

    met = resource_pb2.ErrorHookRequest.FromString(request)
    if (code := host.error_code.get(name)) is not None:
        return resource_pb2.ErrorHookResponse(retry=await asyncio.to_thread(code, _error_properties(met)))
    _skipped(host, name)
    return resource_pb2.ErrorHookResponse(retry=len(met.errors) <= RETRIES)


def _skipped(host: ReplayHost, name: str) -> None:
    if name not in host.report.skipped_hooks:
        host.report.skipped_hooks.append(name)


def _hook_properties(request: bytes) -> dict[str, Any]:
    from pulumi.runtime.proto import resource_pb2

    from pulumi_rewind.replay import wire

    met = resource_pb2.ResourceHookRequest.FromString(request)
    return {**_met_properties(met), "new_outputs": wire.read(met.new_outputs)}


def _error_properties(met: Any) -> dict[str, Any]:
    return {**_met_properties(met), "failed_operation": met.failed_operation, "errors": list(met.errors)}


def _met_properties(met: Any) -> dict[str, Any]:
    """What the requests of both kinds of hooks have."""
    from pulumi_rewind.replay import wire

    return {
        "urn": met.urn,
        "id": met.id,
        "resource_name": met.name,
        "resource_type": met.type,
        "new_inputs": wire.read(met.new_inputs),
        "old_inputs": wire.read(met.old_inputs),
        "old_outputs": wire.read(met.old_outputs),
    }
