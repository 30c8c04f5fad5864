"""A provider that never says how a replacement is to be ordered, as dynamically bridged ones; raw gRPC.

``File``: its id is its path, and a second one at that path overwrites the first. ``Hashed``: the same with an id made
of the content. ``Pool``: its ``label`` and its ``code`` are unique. ``Slot``: is at a ``place`` that nothing tells to
be one. ``Note``: every object has the id ``none``. ``Zone``: nothing special. ``engine`` forces a replacement, all else
is an update. A create of something ``broken`` fails.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import grpc
import lean_protos  # noqa: F401 - for its effect
from bridged_provider import read, write
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


class Plain(provider_pb2_grpc.ResourceProviderServicer):
    """The servicer for the objects under one directory."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="1.0.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        old, new = read(request.old_inputs), read(request.news)
        changed = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        kind = provider_pb2.DiffResponse
        return kind(
            changes=kind.DIFF_SOME if changed else kind.DIFF_NONE,
            diffs=changed,
            replaces=[key for key in changed if key == "engine"],
        )

    def Create(self, request: Any, context: Any) -> Any:
        inputs, kind = read(request.properties), _kind(request)
        if request.preview:
            return provider_pb2.CreateResponse(properties=write({**inputs, "arn": UNKNOWN}))
        if inputs.get("broken"):
            context.abort(grpc.StatusCode.UNKNOWN, "it is broken")
        for key in ("label", "code") if kind == "Pool" else ():
            if key in inputs and any(one.get(key) == inputs[key] for one in self._all(kind)):
                context.abort(grpc.StatusCode.ALREADY_EXISTS, f"a pool with the {key} {inputs[key]} already exists")
        content = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        identifier = {"File": inputs.get("path"), "Hashed": content, "Note": "none"}.get(kind) or uuid.uuid4().hex
        self._file(request, inputs, identifier).write_text(json.dumps({**inputs, "id": identifier}))
        return provider_pb2.CreateResponse(id=identifier, properties=write(_outputs(inputs, identifier)))

    def Read(self, request: Any, context: Any) -> Any:
        kind = _kind(request)
        found = next((one for one in self._all(kind) if one["id"] == request.id), None)
        if found is None:
            return provider_pb2.ReadResponse()
        inputs = {key: value for key, value in found.items() if key != "id"}
        properties = write(_outputs(inputs, request.id))
        return provider_pb2.ReadResponse(id=request.id, inputs=write(inputs), properties=properties)

    def Update(self, request: Any, context: Any) -> Any:
        inputs = read(request.news)
        if not request.preview:
            path = self._file(request, inputs, request.id)
            path.write_text(json.dumps({**inputs, "id": request.id}))
        return provider_pb2.UpdateResponse(properties=write(_outputs(inputs, request.id)))

    def Delete(self, request: Any, context: Any) -> Any:
        inputs = read(request.old_inputs) or read(request.properties)
        self._file(request, inputs, request.id).unlink(missing_ok=True)
        return empty_pb2.Empty()

    # -- objects ------------------------------------------------------------------------------------------------

    def _file(self, request: Any, inputs: dict[str, Any], identifier: str) -> Path:
        """Where an object is: what takes another's place is in its file."""
        kind = _kind(request)
        place = request.urn if kind == "Note" else inputs.get("filename") or inputs.get("place") or identifier
        folder = self.root / kind
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{hashlib.sha256(str(place).encode()).hexdigest()[:16]}.json"

    def _all(self, kind: str) -> list[dict[str, Any]]:
        return [json.loads(path.read_text()) for path in sorted((self.root / kind).glob("*.json"))]


def _kind(request: Any) -> str:
    return str(request.urn.split("::", 3)[2].rsplit(":", 1)[-1])


def _outputs(inputs: dict[str, Any], identifier: str) -> dict[str, Any]:
    return {**inputs, "arn": f"arn:plain:{identifier}"}


def add_to_server(provider: Plain, server: grpc.Server) -> None:
    """Lets a server answer for a provider."""
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
