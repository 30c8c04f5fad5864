"""A provider plugin that behaves as bridged providers do; raw gRPC, so that nothing is smoothed over.

Configuration: ``root`` (or BRIDGED_ROOT) is where objects lie, ``account`` is part of every arn, and changing it
replaces everything; ``token`` may change freely. BRIDGED_VERSION is the version it says it has.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import grpc
import lean_protos  # noqa: F401 - for its effect
from bridged_schema import (
    DEFAULTS,
    Kind,
    Properties,
    check,
    differences,
    forecast,
    has_secret,
    has_unknown,
    kinds,
    missing,
    outputs,
    plain,
    secret,
    top_level,
    without_defaults,
)
from bridged_store import Partial, Store, Trouble
from google.protobuf import any_pb2, empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import errors_pb2 as _errors  # noqa: F401 - registers the message for details
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2


class Bridged(provider_pb2_grpc.ResourceProviderServicer):
    """The servicer, for one provider configuration."""

    def __init__(self, version: str, root: Path) -> None:
        self.version = version
        self.kinds = kinds(version)
        self.store = Store(root)
        self.account = "main"
        self.naming = threading.Lock()

    # -- protocol -----------------------------------------------------------------------------------------------

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self.version)

    def Cancel(self, request: Any, context: Any) -> Any:
        self.store.cancelled.set()
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        old = read(request.old_inputs) or read(request.olds)
        paths = {key: how for key, how in differences(old, read(request.news)).items() if key != "version"}
        return diff_response(paths, frozenset({"account"}), delete_first=False)

    def Configure(self, request: Any, context: Any) -> Any:
        config = plain(read(request.args))
        if isinstance(config.get("root"), str):
            self.store.root = Path(config["root"])
        self.account = str(config.get("account", self.account))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    # -- resources ----------------------------------------------------------------------------------------------

    def Check(self, request: Any, context: Any) -> Any:
        kind, name = self._kind(request, context)
        self._obey("check", name, context)
        news = read(request.news)
        failures = [
            provider_pb2.CheckFailure(property=key, reason=f"Missing required property '{key}'")
            for key in missing(kind, news)
        ]
        if failures:
            return provider_pb2.CheckResponse(failures=failures)

        def auto_name() -> str:
            seed = request.randomSeed or uuid.uuid4().bytes
            return f"{name}-{hashlib.sha256(seed).hexdigest()[:7]}"

        return provider_pb2.CheckResponse(inputs=write(check(kind, news, read(request.olds), auto_name)))

    def Diff(self, request: Any, context: Any) -> Any:
        kind, name = self._kind(request, context)
        self._obey("diff", name, context)
        news = read(request.news)
        old = read(request.old_inputs) or read(request.olds)
        paths = differences(old, news)
        replaced = {top_level(path) for path in paths} & kind.replaces
        # A fixed name can't be had twice: the bridge then deletes first.
        name_stays = "name" not in replaced and "name" not in (news.get(DEFAULTS) or [])
        return diff_response(paths, kind.replaces, delete_first=kind.delete_before_replace or name_stays)

    def Create(self, request: Any, context: Any) -> Any:
        kind, name = self._kind(request, context)
        inputs = read(request.properties)
        if request.preview:
            if not has_unknown(inputs):
                self._obey("trial", name, context)
            return provider_pb2.CreateResponse(properties=write(forecast(kind, "", inputs, self.account, None)))
        partial = self._obey("create", name, context)
        stored = plain(without_defaults(inputs))
        with self.naming:
            if taken := self.store.named(kind.prefix, stored["name"]):
                context.abort(grpc.StatusCode.ALREADY_EXISTS, f"{stored['name']} exists already ({taken})")
            identifier = stored["name"] if kind.id_is_name else f"{kind.prefix}-{uuid.uuid4().hex[:12]}"
            self._save(kind, identifier, stored)
        self.store.log(operation="create", name=name, id=identifier)
        result = outputs(kind, identifier, inputs, self.account)
        if partial:
            self._abort_partial(context, identifier, result, inputs)
        return provider_pb2.CreateResponse(id=identifier, properties=write(result))

    def Update(self, request: Any, context: Any) -> Any:
        kind, name = self._kind(request, context)
        inputs = read(request.news)
        if request.preview:
            self._obey("preview", name, context)
            expected = forecast(kind, request.id, inputs, self.account, read(request.olds))
            return provider_pb2.UpdateResponse(properties=write(expected))
        partial = self._obey("update", name, context)
        if self.store.load(kind.prefix, request.id) is None:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{request.id} does not exist")
        self._save(kind, request.id, plain(without_defaults(inputs)))
        self.store.log(operation="update", name=name, id=request.id)
        result = outputs(kind, request.id, inputs, self.account)
        if partial:
            self._abort_partial(context, request.id, result, inputs)
        return provider_pb2.UpdateResponse(properties=write(result))

    def Delete(self, request: Any, context: Any) -> Any:
        kind, name = self._kind(request, context)
        self._obey("delete", name, context)
        self.store.remove(kind.prefix, request.id)
        self.store.log(operation="delete", name=name, id=request.id)
        return empty_pb2.Empty()

    def Read(self, request: Any, context: Any) -> Any:
        kind, name = self._kind(request, context)
        self._obey("read", name, context)
        self.store.log(operation="read", name=name, id=request.id)
        record = self.store.load(kind.prefix, request.id)
        if record is None:
            return provider_pb2.ReadResponse()
        known = read(request.inputs)
        stored: Properties = record["inputs"]
        # A refresh rewrites the inputs that are known; an import or a get takes all of them, none a default.
        inputs = {key: like(known[key], stored[key]) for key in stored if key in known} if known else dict(stored)
        inputs[DEFAULTS] = known.get(DEFAULTS, [])
        everything = {key: like(known.get(key), value) for key, value in stored.items()}
        result = outputs(kind, request.id, everything, self.account)
        return provider_pb2.ReadResponse(id=request.id, properties=write(result), inputs=write(inputs))

    # -- helpers ------------------------------------------------------------------------------------------------

    def _kind(self, request: Any, context: Any) -> tuple[Kind, str]:
        rest = request.urn.split("::", 3)
        token = rest[2].rsplit("$", 1)[-1]
        if token not in self.kinds:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unknown resource type {token}")
        return self.kinds[token], rest[3]

    def _obey(self, operation: str, name: str, context: Any) -> bool:
        try:
            return self.store.obey(operation, name, self._asked(context))
        except Trouble as err:
            context.abort(grpc.StatusCode.UNKNOWN, str(err))
            raise

    def _asked(self, context: Any) -> Callable[[], bool]:
        """Whether somebody still waits; what was begun goes on without the engine, as in a cloud."""
        return lambda: True

    def _save(self, kind: Kind, identifier: str, stored: Properties) -> None:
        self.store.save(kind.prefix, identifier, {"id": identifier, "type": kind.token, "inputs": stored})

    def _abort_partial(self, context: Any, identifier: str, result: Properties, inputs: Properties) -> NoReturn:
        detail = any_pb2.Any()
        reasons = [f"{identifier} did not become healthy"]
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=identifier, properties=write(result), inputs=write(inputs), reasons=reasons
            )
        )
        status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=reasons[0], details=[detail])
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.UNKNOWN, reasons[0])
        raise Partial(reasons[0])


def like(old: Any, value: Any) -> Any:
    """A value read from the world, as secret and with the nested ``__defaults`` of what it replaces."""
    if has_secret(old) and plain(without_defaults(old)) == value:
        return old
    if isinstance(old, dict) and DEFAULTS in old and isinstance(value, dict):
        return value | {DEFAULTS: old[DEFAULTS]}
    if isinstance(old, list) and isinstance(value, list) and len(old) == len(value):
        return [like(before, item) for before, item in zip(old, value, strict=True)]
    return secret(value) if has_secret(old) else value


def diff_response(paths: dict[str, str], replaces: frozenset[str], *, delete_first: bool) -> Any:
    """The answer to a Diff, with a kind for each path."""
    codes = provider_pb2.PropertyDiff.Kind
    detailed = {}
    replaced = []
    for path, how in paths.items():
        key = top_level(path)
        replacing = key in replaces
        if replacing and key not in replaced:
            replaced.append(key)
        name = f"{how.upper()}_REPLACE" if replacing else how.upper()
        detailed[path] = provider_pb2.PropertyDiff(kind=codes.Value(name), inputDiff=True)
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if paths else provider_pb2.DiffResponse.DIFF_NONE,
        replaces=replaced,
        diffs=sorted({top_level(path) for path in paths}),
        detailedDiff=detailed,
        hasDetailedDiff=True,
        deleteBeforeReplace=bool(replaced) and delete_first,
    )


def read(message: struct_pb2.Struct) -> Properties:
    """A protobuf Struct as JSON, whole numbers as ints."""
    return _whole(json_format.MessageToDict(message))


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def write(properties: Properties) -> struct_pb2.Struct:
    """JSON as a protobuf Struct."""
    return json_format.Parse(json.dumps(properties), struct_pb2.Struct())


def add_to_server(provider: Bridged, server: grpc.Server) -> None:
    """Lets a server answer for a provider."""
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)


def leave_with_parent() -> None:
    """Ends this process when the engine is gone, also when it was killed."""
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


def main() -> None:
    """Serves until the engine ends."""
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=[("grpc.max_receive_message_length", 1 << 28)])
    version, root = os.environ.get("BRIDGED_VERSION", "1.0.0"), os.environ.get("BRIDGED_ROOT", ".bridged")
    add_to_server(Bridged(version, Path(root)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    threading.Thread(target=leave_with_parent, daemon=True).start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()


if __name__ == "__main__":
    main()
