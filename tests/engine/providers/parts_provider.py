"""A provider plugin for what a checkpoint can hold beyond plain resources; raw gRPC and a mirror in all else.

It takes any type of any package that it is parameterised to be, and gives inputs back as outputs. Special types:
``Plain`` (every object has the id ``same``), ``Watched`` (asks for a refresh before each update), ``Pair`` (a remote
component with one ``Part`` and a reference to it), ``Flaky`` (fails at the first try). The object that PARTS_GONE names
is not there. PARTS_VERSION is the version it says it has; PARTS_PREFIX, which a
provider may map from another variable, begins every id.
"""

from __future__ import annotations

import os
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import lean_protos  # noqa: F401 - for its effect
from bridged_provider import leave_with_parent
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, resource_pb2, resource_pb2_grpc

SIG = "4dabf18193072939515e22adb298388d"
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"


class Parts(provider_pb2_grpc.ResourceProviderServicer):
    """The servicer; it keeps nothing but how often a flaky object was tried."""

    tries = 0

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, accept_resources=True)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=os.environ.get("PARTS_VERSION", "1.0.0"))

    def Parameterize(self, request: Any, context: Any) -> Any:
        return provider_pb2.ParameterizeResponse(name=request.value.name, version=request.value.version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        self.tries = 0
        return provider_pb2.ConfigureResponse(acceptSecrets=True, acceptResources=True, supportsPreview=True)

    def Invoke(self, request: Any, context: Any) -> Any:
        if not request.tok.endswith(":ping"):
            context.abort(grpc.StatusCode.NOT_FOUND, f"there is no function {request.tok}")
        return provider_pb2.InvokeResponse()

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = dict(request.old_inputs.fields), dict(request.news.fields)
        changed = sorted(key for key in old.keys() | new.keys() if _bytes(old.get(key)) != _bytes(new.get(key)))
        kind = provider_pb2.DiffResponse
        return kind(changes=kind.DIFF_SOME if changed else kind.DIFF_NONE, diffs=changed)

    def Create(self, request: Any, context: Any) -> Any:
        token = request.urn.split("::", 3)[2].rsplit("$", 1)[-1]
        if token.endswith(":Flaky") and not request.preview:
            self.tries += 1
            if self.tries == 1:
                context.abort(grpc.StatusCode.UNAVAILABLE, "not at the first try")
        made = f"{os.environ.get('PARTS_PREFIX', 'part')}-{uuid.uuid4().hex[:12]}"
        return provider_pb2.CreateResponse(
            id="" if request.preview else "same" if token.endswith(":Plain") else made,
            properties=request.properties,
            refresh_before_update=token.endswith(":Watched"),
        )

    def Update(self, request: Any, context: Any) -> Any:
        watched = request.urn.split("::", 3)[2].endswith(":Watched")
        return provider_pb2.UpdateResponse(properties=request.news, refresh_before_update=watched)

    def Delete(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> Any:
        if request.id == os.environ.get("PARTS_GONE"):
            return provider_pb2.ReadResponse()
        watched = request.urn.split("::", 3)[2].endswith(":Watched")
        return provider_pb2.ReadResponse(
            id=request.id, properties=request.properties, inputs=request.inputs, refresh_before_update=watched
        )

    def Construct(self, request: Any, context: Any) -> Any:
        with grpc.insecure_channel(request.monitorEndpoint) as channel:
            monitor = resource_pb2_grpc.ResourceMonitorStub(channel)
            component = monitor.RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type=request.type, name=request.name, parent=request.parent, object=request.inputs
                )
            )
            child = monitor.RegisterResource(
                resource_pb2.RegisterResourceRequest(
                    type="parts:index:Part",
                    name=f"{request.name}-part",
                    parent=component.urn,
                    custom=True,
                    object=request.inputs,
                    version=os.environ.get("PARTS_VERSION", "1.0.0"),
                    acceptSecrets=True,
                    acceptResources=True,
                )
            )
            state = struct_pb2.Struct()
            state.update({"part": {SIG: REFERENCE, "urn": child.urn, "id": child.id, "packageVersion": ""}})
            state.update({"partId": child.id} if child.id else {})
            monitor.RegisterResourceOutputs(
                resource_pb2.RegisterResourceOutputsRequest(urn=component.urn, outputs=state)
            )
        return provider_pb2.ConstructResponse(urn=component.urn, state=state)


def _bytes(value: struct_pb2.Value | None) -> bytes:
    return b"" if value is None else value.SerializeToString(deterministic=True)


def add_to_server(provider: Parts, server: grpc.Server) -> None:
    """Lets a server answer for a provider."""
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)


def main() -> None:
    """Serves until the engine ends."""
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=[("grpc.max_receive_message_length", -1)])
    add_to_server(Parts(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=leave_with_parent, daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
