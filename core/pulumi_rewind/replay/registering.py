"""One replay of a goal against a resource monitor: registers everything, relinking as responses come.

Registrations run concurrently; each waits for the responses of what it refers to. Used by `host` for the preview
and again, with a fresh instance, for the update.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pulumi_rewind.goal.model import Goal, Registration
from pulumi_rewind.goal.reach import needed
from pulumi_rewind.goal.replay_report import ReplayReport
from pulumi_rewind.goal.stashes import STASH, stash_outputs
from pulumi_rewind.goal.undeclared_dependencies import Mentions
from pulumi_rewind.relinking.links import Link, make_link
from pulumi_rewind.replay import wire
from pulumi_rewind.replay.left_open import left_open
from pulumi_rewind.replay.linking import Linking, Response
from pulumi_rewind.replay.options import fill_options
from pulumi_rewind.state.packages import Package
from pulumi_rewind.state.values import RESOURCE_REF, UNKNOWN, Json, contains_unknown

if TYPE_CHECKING:
    from pulumi.runtime.proto.resource_pb2_grpc import ResourceMonitorStub


Afterwards = Callable[[dict[str, Any]], str]
"""Gets a resource that has been restored (urn, type, name, id, inputs, outputs); returns what went wrong."""


class Replay:
    """Registers one goal once."""

    def __init__(
        self,
        goal: Goal,
        monitor: ResourceMonitorStub,
        *,
        preview: bool,
        callbacks: str,
        root: str,
        asked: Collection[str] = (),
    ) -> None:
        """`asked` are the engine's targets, if it has any: without these, and what they need, all else stays unsaid."""
        self.goal = goal
        self.monitor = monitor
        self.preview = preview
        self.callbacks = callbacks
        self.root = root
        self.afterwards: Mapping[str, Afterwards] = {}
        """By URN of the goal: what is called in an update before anything that waits for the resource continues."""
        self.note: Callable[[object], None] = lambda _: None
        """Receives inputs that this run has made, before a provider gets them and may quote them."""
        self.report = ReplayReport()
        self._settled: frozenset[str] = frozenset()
        """URNs of the goal that are not asked about."""
        if asked:
            self._settled = frozenset(item.urn for item in goal.registrations if goal.run_urn(item.urn) not in asked)
            self.report.kept = self._settled - needed(goal, asked)
        self._futures: dict[str, asyncio.Future[Response]] = {}
        self._responses: dict[str, Response] = {}
        self._items = goal.by_urn()
        self._order = {item.urn: index for index, item in enumerate(goal.registrations)}
        self._descendants = _descendants(goal)
        self._linking = Linking(goal, self.report, self._responses, preview=preview)
        self._mentions = Mentions(goal)
        self._packages: dict[tuple[str, str], asyncio.Task[str]] = {}

    async def run(self) -> None:
        """Registers hooks first, then everything else; the first failure ends the run."""
        from google.protobuf.empty_pb2 import Empty

        await self._register_hooks()
        await self._ask_for_default_providers()
        loop = asyncio.get_running_loop()
        self._futures = {item.urn: loop.create_future() for item in self.goal.registrations}
        waiting = [item for item in self.goal.registrations if not self._apart(item)]
        tasks = [loop.create_task(self._register(item)) for item in waiting]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for future in self._futures.values():
                future.cancel()
        for item in self.goal.registrations:
            if item.kind == "stack":
                told = (urn for urn in self._order if urn not in self.report.kept)
                await self._register_outputs(item, [self._linking.link(urn, item.from_live) for urn in told])
        self.report.complete = True
        await self.monitor.SignalAndWaitForShutdown(Empty())

    async def _ask_for_default_providers(self) -> None:
        """Makes the engine make the default providers that no registration needs.

        Programs get them by invokes, calls and remote components. An invoke of a function that doesn't exist has no
        other effect; its failure is the answer that is expected.
        """
        import grpc
        from pulumi.runtime.proto import resource_pb2

        for _, package in () if self.report.kept else self.goal.default_providers:
            request = resource_pb2.ResourceInvokeRequest(tok=f"{package.name}:index:noSuchFunction")
            await self._fill_package(request, package)
            try:
                await self.monitor.Invoke(request)
            except grpc.aio.AioRpcError as err:
                if err.code().name in {"UNAVAILABLE", "CANCELLED"}:
                    raise

    async def _register_hooks(self) -> None:
        from pulumi.runtime.proto import callback_pb2, resource_pb2

        for name, on_error in self.goal.hooks:
            callback = callback_pb2.Callback(target=self.callbacks, token=f"{'error' if on_error else 'hook'}:{name}")
            if on_error:
                await self.monitor.RegisterErrorHook(
                    resource_pb2.RegisterErrorHookRequest(name=name, callback=callback)
                )
            else:
                await self.monitor.RegisterResourceHook(
                    resource_pb2.RegisterResourceHookRequest(name=name, callback=callback, on_dry_run=False)
                )

    def _apart(self, item: Registration) -> bool:
        """Whether it is kept and refers to nothing that may change; it is then done with."""
        if (
            item.urn not in self.report.kept
            or item.has_outputs
            or RESOURCE_REF.encode() in bytes(item.source.inputs)
            or any(self._may_change(urn) for urn in item.prerequisites())
        ):
            return False
        self._done(item, self._as_live(item, dict(item.inputs)))
        return True

    def _may_change(self, urn: str) -> bool:
        return any(one not in self._settled for one in (urn, *self._descendants.get(urn, ())))

    async def _register(self, item: Registration) -> None:
        for urn in dict.fromkeys((*item.prerequisites(), *self._mentions.before(item))):
            await asyncio.shield(self._futures[urn])
        links = await self._links_for(item)
        response = await (self._read(item) if item.kind == "read" else self._resource(item, links))
        if item.urn in self.afterwards and item.urn not in self.report.failed and not self.preview:
            await self._go_on(item, response)
        self._done(item, response)
        if item.kind == "component":
            # Nothing waits for outputs, so that they can wait for whatever they were made of.
            inner = [*self._descendants[item.urn], *self._mentions.outputs(item)]
            for urn in inner:
                await asyncio.shield(self._futures[urn])
            await self._register_outputs(item, self._output_links(item, inner))

    def _done(self, item: Registration, response: Response) -> None:
        self.report.urns[item.urn] = response.urn
        self.report.ids[item.urn] = response.id
        self._responses[item.urn] = response
        self._linking.references[item.urn] = (response.urn, response.id)
        self._futures[item.urn].set_result(response)

    async def _go_on(self, item: Registration, response: Response) -> None:
        resource = {
            "urn": response.urn,
            "type": item.source.type,
            "name": item.name,
            "id": response.id,
            "inputs": self.report.sent.get(response.urn, {}),
            "outputs": dict(response.outputs),
        }
        if error := await asyncio.to_thread(self.afterwards[item.urn], resource):
            raise ReplayError(error)

    async def _links_for(self, item: Registration) -> dict[str, Link]:
        """The links of everything that the properties of `item` were computed from.

        A component's outputs come from what is inside it. Only what precedes `item` is waited for, so that no two
        registrations can wait for each other.
        """
        links: dict[str, Link] = {}
        for urn in dict.fromkeys(urn for urns in item.property_dependencies.values() for urn in urns):
            if urn not in self._descendants:
                links[urn] = self._linking.link(urn, item.from_live)
                continue
            inner = [child for child in self._descendants[urn] if self._order[child] < self._order[item.urn]]
            for child in inner:
                await asyncio.shield(self._futures[child])
            component = self._items[urn]
            inside = self._output_links(component, inner)
            outputs, _ = self._linking.outputs(component, inside)
            recorded = component.recorded(from_live=item.from_live)
            old = recorded.decoded_outputs() if recorded is not None else {}
            follows = any(link.renewed for link in inside)
            links[urn] = make_link(urn, "", old, "", outputs, preview=self.preview, follows=follows)
        return links

    def _output_links(self, item: Registration, inner: Iterable[str]) -> list[Link]:
        """The links that a component's outputs can hold values of: what is in it, and what those refer to."""
        urns = {*inner, *item.prerequisites()}
        for urn in tuple(urns):
            urns.update(self._items[urn].prerequisites())
        known = sorted((urns & self._responses.keys()) - self.report.kept, key=self._order.__getitem__)
        return [self._linking.link(urn, item.from_live) for urn in known]

    # -- one resource ---------------------------------------------------------------------------------------------

    async def _resource(self, item: Registration, links: Mapping[str, Link]) -> Response:
        from pulumi.runtime.proto import resource_pb2

        source = item.source
        inputs = self._linking.inputs(item, links)
        if item.urn in self.report.kept:
            return self._as_live(item, inputs)
        if links:  # all others are those of a state
            self.note(inputs)
        if item.left_open and self.preview and item.live_source is not None:
            self.report.partly.setdefault(item.urn, {}).update(inputs)
            inputs, self.report.left_open[self.goal.run_urn(item.urn)] = left_open(
                inputs, item.live_source.decoded_inputs()
            )
        sent = {key: wire.to_wire(value) for key, value in inputs.items()}
        if not self.preview and contains_unknown(sent):
            raise ReplayError(
                f"{item.name}: an input is still unknown in the update, and the engine would drop it silently"
            )
        request = resource_pb2.RegisterResourceRequest(
            custom=source.custom,
            protect=source.protect,
            retainOnDelete=source.retain_on_delete,
            deletedWith=self._urn(item.deleted_with),
            replace_with=[self._urn(urn) for urn in item.replace_with],
            ignoreChanges=source.ignore_changes or (),
            replaceOnChanges=source.replace_on_changes or (),
            hideDiffs=source.hide_diff or (),
            aliasURNs=item.aliases,
            importId=item.import_id,
            supportsPartialValues=True,
            supportsResultReporting=True,
            **self._common(item),
        )
        wire.fill(request.object, sent)
        for key, urns in item.property_dependencies.items():
            request.propertyDependencies[key].urns.extend(self._urn(urn) for urn in urns)
        fill_options(request, item, self.root)
        await self._fill_package(request, item.package)
        if item.kind == "provider":
            request.envVarMappings.update(item.package.env_var_mappings)
        answer = await self.monitor.RegisterResource(request)
        if answer.result != 0:
            self.report.failed.append(item.urn)
        self.report.sent[answer.urn] = inputs
        if item.has_outputs:
            return Response(answer.urn, answer.id, {})
        outputs = stash_outputs(source, inputs) if source.type == STASH else wire.read(answer.object)
        return Response(answer.urn, answer.id, outputs)

    def _as_live(self, item: Registration, inputs: dict[str, Json]) -> Response:
        """What the engine keeps without being told of it."""
        live, urn = item.live_source, self.goal.run_urn(item.urn)
        assert live is not None
        self.report.sent[urn] = inputs
        return Response(urn, live.id, {} if item.has_outputs else live.decoded_outputs())

    def _common(self, item: Registration) -> dict[str, Any]:
        """What the requests of what is made and of what is read have."""
        return {
            "type": item.source.type,
            "name": item.name,
            "parent": self._urn(item.parent),
            "dependencies": [self._urn(urn) for urn in item.dependencies],
            "provider": self._provider(item),
            "additionalSecretOutputs": item.source.additional_secret_outputs or (),
            "acceptSecrets": True,
            "acceptResources": True,
            "accepts_byte_string": True,
        }

    async def _read(self, item: Registration) -> Response:
        from pulumi.runtime.proto import resource_pb2

        source = item.source
        if item.urn in self.report.kept:
            return self._as_live(item, source.decoded_inputs())
        request = resource_pb2.ReadResourceRequest(
            id=source.id,
            **self._common(item),
        )
        properties = {key: wire.to_wire(value) for key, value in source.decoded_inputs().items()}
        wire.fill(request.properties, properties)
        await self._fill_package(request, item.package)
        answer = await self.monitor.ReadResource(request)
        return Response(answer.urn, source.id, wire.read(answer.properties))

    def _urn(self, urn: str) -> str:
        return self._responses[urn].urn if urn else ""

    def _provider(self, item: Registration) -> str:
        if not item.provider:
            return item.provider_literal
        response = self._responses[item.provider]
        # In a preview a provider that is going to be created has no id yet.
        return f"{response.urn}::{response.id or UNKNOWN}"

    async def _register_outputs(self, item: Registration, links: Iterable[Link]) -> None:
        from pulumi.runtime.proto import resource_pb2

        outputs, unsure = self._linking.outputs(item, links)
        if unsure:
            self.report.unsure.setdefault(item.urn, set()).update(unsure)
        response = self._responses[item.urn]
        self.report.outputs[response.urn] = outputs
        if item.urn in self.report.kept:
            return
        request = resource_pb2.RegisterResourceOutputsRequest(urn=response.urn)
        wire.fill(request.outputs, {key: wire.to_wire(value) for key, value in outputs.items()})
        await self.monitor.RegisterResourceOutputs(request)

    # -- packages ----------------------------------------------------------------------------------

    async def _fill_package(self, request: Any, package: Package) -> None:
        if package.parameter is None and package.extension is None:
            request.version = package.version
            request.pluginDownloadURL = package.download_url
            for platform, checksum in package.checksums:
                request.pluginChecksums[platform] = checksum
            return
        request.packageRef = await self._package_ref(package)

    async def _package_ref(self, package: Package) -> str:
        key = (package.extension_ref, f"{package.name}@{package.version}")
        if key not in self._packages:
            self._packages[key] = asyncio.ensure_future(self._register_package(package))
        return await self._packages[key]

    async def _register_package(self, package: Package) -> str:
        from pulumi.runtime.proto import resource_pb2

        request = resource_pb2.RegisterPackageRequest(
            name=package.base_name or package.name,
            version=package.base_version or package.version,
            download_url=package.download_url,
        )
        for parameter, slot in ((package.parameter, request.parameterization), (package.extension, request.extension)):
            if parameter is not None:
                slot.name, slot.version, slot.value = parameter.name, parameter.version, parameter.value
        answer = await self.monitor.RegisterPackage(request)
        return str(answer.ref)


class ReplayError(Exception):
    """A replay must stop: continuing would damage the stack. The message goes to the engine's log."""


def _descendants(goal: Goal) -> dict[str, list[str]]:
    """Every component's resources at any depth, in order."""
    found: dict[str, list[str]] = {item.urn: [] for item in goal.registrations if item.kind == "component"}
    parents = {item.urn: item.parent for item in goal.registrations}
    for item in goal.registrations:
        above = item.parent
        while above:
            if above in found:
                found[above].append(item.urn)
            above = parents.get(above, "")
    return found
