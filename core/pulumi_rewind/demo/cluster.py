"""The demo on Kubernetes: a namespace on the operator's cluster, or a control plane of its own on this machine."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pulumi_rewind.demo import content
from pulumi_rewind.demo.cluster_look import KINDS, ClusterWorld
from pulumi_rewind.demo.control_plane import (
    BUILDING,
    ControlPlane,
    binaries_folder,
    hosts_folder,
    was_built,
    write_private,
)
from pulumi_rewind.demo.kubectl import run_kubectl
from pulumi_rewind.demo.manifests import RELEASES
from pulumi_rewind.demo.site import COMPLETE, Release
from pulumi_rewind.errors import EngineError, RewindError
from pulumi_rewind.system.toolchain import language_host, newest_plugin

if TYPE_CHECKING:
    from pulumi_rewind.engine.cli import Engine

_RECORDED: Final = ("context", "server", "namespace")

HOST: Final = "pulumi-language-yaml"
PROVIDER: Final = "pulumi-resource-kubernetes"

PATIENCE: Final = "20s"
"""How long a cluster may take for its first answer."""

VOLUMES: Final = 40
"""Volumes that our own control plane has: a claim that is made anew takes another one."""

NAMING: Final = "Name one: `pulumi-rewind demo --kubeconfig FILE --context NAME`."


@dataclass(frozen=True)
class Access:
    """The way to a cluster of the operator's."""

    kubeconfig: str = ""
    """A file; empty: the one that kubectl takes by itself."""
    context: str = ""
    """Empty: the current one of that file."""

    def options(self) -> list[str]:
        """For kubectl."""
        named = {"--kubeconfig": self.kubeconfig, "--context": self.context}
        return [f"{option}={value}" for option, value in named.items() if value]


@dataclass(frozen=True)
class Reached:
    """A cluster of the operator's that answers, and a namespace that the demo may make there."""

    context: str
    server: str
    """Its URL."""
    namespace: str
    config: str = field(default="", repr=False)
    """A kubeconfig for this one context, with everything in it; empty once it is in the demo's folder."""

    def site_in(self, root: Path) -> Cluster:
        """The site of a demo in this folder."""
        return Cluster(root, self)


@dataclass(frozen=True)
class Cluster:
    """A site on Kubernetes."""

    root: Path
    """The demo's folder, absolute."""
    operators: Reached | None
    """None for a control plane of our own in the demo's folder."""

    kind: ClassVar[str] = "kubernetes"
    releases: ClassVar[Sequence[Release]] = RELEASES
    language: ClassVar[str] = "yaml"
    program: ClassVar[str] = "Main.yaml"

    @classmethod
    def recorded(cls, root: Path, record: Mapping[str, Any]) -> Self:
        """The one that a marker names; ValueError, TypeError, KeyError or AttributeError where it has none."""
        there = record["cluster"]
        return cls(root, Reached(**{name: str(there[name]) for name in _RECORDED}) if there is not None else None)

    def record(self) -> Mapping[str, Any]:
        """Where what has to be removed is."""
        there = self.operators
        return {"cluster": {name: getattr(there, name) for name in _RECORDED} if there else None}

    @property
    def namespace(self) -> str:
        """Made by the first release."""
        return self.operators.namespace if self.operators else content.PROJECT

    @property
    def plane(self) -> Path:
        """The folder of our own control plane."""
        return self.root / "control-plane"

    @property
    def kubeconfig(self) -> Path:
        """Everything that the demo does goes by this file, whatever the operator's current context becomes."""
        return self.root / "kubeconfig" if self.operators else self.plane / "kubeconfig"

    @property
    def binaries(self) -> Path:
        """Links to what the demo runs and PATH may not have."""
        return self.root / "bin"

    @property
    def question(self) -> tuple[str, str]:
        """kubectl."""
        return f"kubectl get all -n {self.namespace}", "ask the cluster"

    # -- before and after ---------------------------------------------------------------------------------------

    def check(self, engine: Path, environ: Mapping[str, str]) -> None:
        """Looks for a control plane, a language host, and the provider. Raises: RewindError."""
        built = binaries_folder(environ)
        if self.operators is None and not was_built(built):
            raise RewindError(
                f"there is no Kubernetes control plane in {built}, and no cluster of yours is named",
                hint=f"{NAMING} Or have a control plane of the demo's own: {BUILDING}",
            )
        for name, found in self._needed(engine, environ).items():
            if found is None:
                raise EngineError(
                    f"{engine} has no {name} beside it, on PATH or among its plugins",
                    hint=f"{_SOURCES[name]} Or: {BUILDING}",
                )

    def _needed(self, engine: Path, environ: Mapping[str, str]) -> dict[str, Path | None]:
        """Every program that the demo runs besides the engine, and where it is."""
        built = binaries_folder(environ)
        home = Path(environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
        return {
            HOST: language_host(engine, self.language, environ) or _there(hosts_folder(environ) / HOST),
            PROVIDER: newest_plugin(engine, home, "kubernetes", environ) or _there(built / PROVIDER),
            "kubectl": find_kubectl(environ),
        }

    def begin(self, environ: Mapping[str, str]) -> tuple[str, str]:
        """Links the programs, and starts the control plane, or keeps the way to the operator's cluster."""
        from pulumi_rewind.system.toolchain import find_engine

        self.binaries.mkdir()
        for name, found in self._needed(find_engine(environ).path, environ).items():
            if found is not None:
                (self.binaries / name).symlink_to(found.resolve())
        if self.operators is not None:
            write_private(self.kubeconfig, self.operators.config.encode())
            return "found the cluster", f"{self.operators.context}, namespace {self.namespace}"
        plane = ControlPlane(self.plane, binaries_folder(environ))
        plane.start()
        plane.kubectl("apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": DISKS}))
        version = json.loads(plane.kubectl("version", "--output=json"))["serverVersion"]["gitVersion"]
        return "started a control plane", f"Kubernetes {version.removeprefix('v')}"

    def equip(self, engine: Engine) -> None:
        """Makes the provider one of the engine's plugins: of one that is merely on PATH it warns at each run."""
        found = self.binaries / PROVIDER
        schema = json.loads(engine.call(["package", "get-schema", str(found)]))
        place = engine.workspace.home / "plugins" / f"resource-kubernetes-v{schema['version']}"
        place.mkdir(parents=True)
        found.rename(place / PROVIDER)

    def clean(self) -> str:
        """Deletes the namespace, or stops the control plane. Raises: RewindError."""
        if self.operators is None:
            stopped = ControlPlane(self.plane, self.binaries).stop()
            return f"the control plane stopped ({stopped} processes)"
        if self.kubeconfig.is_file():
            try:
                self.kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=5m")
            except RewindError as err:
                err.advise(f"Once namespace {self.namespace} is gone, remove {self.root} by hand.")
                raise
        return f"namespace {self.namespace} deleted from {self.operators.context}"

    # -- the project --------------------------------------------------------------------------------------------

    def files(self, backend_url: str) -> Mapping[str, str]:
        """The project; the programs are those of the releases."""
        where = f"in namespace {self.namespace}" if self.operators else "inside this directory"
        config = {
            # Not the current context: that of the operator may be another cluster tomorrow.
            "kubernetes:kubeconfig": str(self.kubeconfig),
            f"{content.PROJECT}:namespace": self.namespace,
        }
        return {
            "Pulumi.yaml": content.project_file(" yaml", where, backend_url),
            f"Pulumi.{content.STACK}.yaml": content.stack_config(config),
        }

    def ignored(self) -> Sequence[str]:
        """The way to the cluster, and our own one."""
        return ("/bin/", "/control-plane/", "/kubeconfig")

    def variables(self) -> Mapping[str, str]:
        """For kubectl by hand."""
        return {"KUBECONFIG": str(self.kubeconfig)}

    def programs(self) -> Sequence[str]:
        """The links, and `pulumi-rewind`."""
        return (str(self.binaries), *content.own_programs())

    def look(self) -> ClusterWorld:
        """The objects of the namespace."""
        found = self.kubectl("get", KINDS, f"--namespace={self.namespace}", "--output=json")
        return ClusterWorld(json.loads(found)["items"])

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints. Raises: RewindError."""
        return run_kubectl(self.binaries / "kubectl", [f"--kubeconfig={self.kubeconfig}", *arguments], os.environ)


def own_plane(root: Path) -> Cluster:
    """A demo on a control plane of its own."""
    return Cluster(root, None)


def reach(access: Access, environ: Mapping[str, str]) -> Reached:
    """A cluster of the operator's; nothing is made on it yet.

    Raises:
        RewindError: there is no kubectl, the kubeconfig can't be read or has no such context, the cluster doesn't
            answer, or doesn't let the operator make namespaces.
    """
    kubectl = find_kubectl(environ)
    if kubectl is None:
        raise RewindError("there is no kubectl on PATH", hint="Install kubectl: the demo asks your cluster with it.")
    if access.kubeconfig:
        try:
            Path(access.kubeconfig).read_bytes()
        except OSError as err:
            raise RewindError(f"{access.kubeconfig} can't be read: {err.strerror}", hint=NAMING) from None
    try:
        config = run_kubectl(
            kubectl,
            [*access.options(), "config", "view", "--minify", "--flatten", "--raw", "--output=json"],
            environ,
        )
        parts = json.loads(config)
        server, context = parts["clusters"][0]["cluster"]["server"], parts["current-context"]
        run_kubectl(kubectl, [*access.options(), f"--request-timeout={PATIENCE}", "get", "--raw=/version"], environ)
    except (ValueError, LookupError, TypeError):
        raise RewindError("the kubeconfig names no cluster", hint=NAMING) from None
    except RewindError as err:
        err.advise(NAMING)
        raise
    allowed = run_kubectl(kubectl, [*access.options(), "auth", "can-i", "create", "namespaces"], environ, fails=True)
    if allowed.strip() != "yes":
        raise RewindError(
            f"you may not create namespaces in {context}", hint="The demo makes one, and deletes it again."
        )
    return Reached(context, server, f"rewind-demo-{secrets.token_hex(3)}", config)


def find_kubectl(environ: Mapping[str, str]) -> Path | None:
    """The operator's, else the one that was built with the control plane."""
    found = shutil.which("kubectl", path=environ.get("PATH", os.defpath))
    return Path(found) if found else _there(binaries_folder(environ) / "kubebox")


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None


_SOURCES: Final = {
    HOST: f"{COMPLETE}.",
    PROVIDER: "Get the provider: `pulumi plugin install resource kubernetes`.",
    "kubectl": "Install kubectl.",
}

DISKS: Final = [
    {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"disk-{number:02}"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": f"/disks/{number:02}"},
        },
    }
    for number in range(VOLUMES)
]
