"""A real Kubernetes control plane on this machine, without containers: what `kubectl` and providers talk to is the
real thing; kwok plays the nodes, so pods become ready but nothing runs in them.

Its binaries come from `make kubernetes` in a clone: ``kubebox`` (etcd, kube-apiserver, kube-controller-manager,
kube-scheduler and kubectl, by its first argument), ``kwok``, and ``kwok-stages.yaml``, kwok's own stages.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

import msgspec

from pulumi_rewind.demo.certificate import self_signed
from pulumi_rewind.demo.kubectl import run_kubectl
from pulumi_rewind.demo.ports import HOST, free_ports, is_free
from pulumi_rewind.errors import RewindError
from pulumi_rewind.system.processes import Process, process_of, undisturbed
from pulumi_rewind.system.toolchain import user_cache

NODE: Final = "node-0"
PARTS: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")

FILES: Final = ("kubebox", "kwok", "kwok-stages.yaml")
"""What has to be in the directory of the binaries."""

PATIENCE: Final = 120.0
"""Seconds that a step of the start may take; an idle machine needs one or two for each."""

STOPPING: Final = 15.0
"""Seconds that a process may take to end before it is killed."""

BUILDING: Final = "`make kubernetes` in a clone of pulumi-rewind builds it; that needs Go and about 10 minutes."


def binaries_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where `make kubernetes` puts what it builds, but for language hosts."""
    return user_cache(environ) / "real" / "bin"


def hosts_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where it puts language hosts."""
    return user_cache(environ) / "real" / "hosts"


def was_built(binaries: Path) -> bool:
    """Whether everything that a control plane consists of is there."""
    return all((binaries / name).is_file() for name in FILES)


class _State(msgspec.Struct, frozen=True):
    """What has to be known of a control plane after the process that started it is gone."""

    ports: tuple[int, int, int]
    """Of the API server; of etcd, for clients and for its peers."""
    processes: dict[str, Process]


@dataclass(frozen=True)
class ControlPlane:
    """One control plane in a folder of its own, with its data, logs and keys; only this user can enter the folder.

    Its processes go on when the process that started them ends.
    """

    folder: Path
    """Absolute; made by `start`."""
    binaries: Path
    """The directory with `FILES`."""

    @property
    def kubeconfig(self) -> Path:
        """For an administrator of the cluster; there after `start`."""
        return self.folder / "kubeconfig"

    @property
    def running(self) -> bool:
        """Whether all of its processes are there."""
        return len(self.processes) == len(PARTS)

    @property
    def processes(self) -> list[Process]:
        """Those of its processes that are there."""
        state = self._state()
        return [process for process in state.processes.values() if _alive(process)] if state else []

    @property
    def ports(self) -> tuple[int, int, int]:
        """Of the API server; of etcd, for clients and for its peers. There after `start`."""
        state = self._state()
        assert state is not None
        return state.ports

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """What kubectl prints for these arguments. Raises: RewindError."""
        options = [f"--kubeconfig={self.kubeconfig}", *arguments]
        return run_kubectl(self.binaries / "kubebox", options, self._environ, stdin=stdin)

    # -- start and stop -----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts what isn't running, with the data that the folder has, and waits until pods can be made.

        Raises:
            RewindError: the binaries are missing, or it doesn't come up; the message has the end of the log.
        """
        if self.running:
            return
        if missing := [name for name in FILES if not (self.binaries / name).is_file()]:
            raise RewindError(f"{self.binaries} has no {' and no '.join(missing)}", hint=BUILDING)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.stop()  # what is left of one that was killed
            self._save(state := _State(self._ports(), {}))
            self._write_files(state.ports[0])
        except OSError as err:
            raise RewindError(f"{self.folder} can't be written: {err}", hint="Name another folder.") from None
        try:
            state = self._launch(state, *PARTS[:2])
            self._await(state, "kube-apiserver", lambda: self._answers("/readyz"))
            # Each kwok has a name of its own, and would wait for the end of an earlier one's lease.
            self.kubectl("delete", "lease", NODE, "--namespace=kube-node-lease", "--ignore-not-found")
            state = self._launch(state, *PARTS[2:])
            self.kubectl("apply", "-f", "-", stdin=json.dumps(_NODE))
            account = "/api/v1/namespaces/default/serviceaccounts/default"
            self._await(state, "kube-controller-manager", lambda: self._answers(account))
            self._await(state, "kwok", self._node_is_ready)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> int:
        """Ends its processes, waits until they are gone, and keeps its data; returns how many were running.

        Of a number that belongs to another process now it keeps its hands off.
        """
        if (state := self._state()) is None:
            return 0
        # etcd last: without it the API server waits for its answers before it ends.
        store = [process for name, process in state.processes.items() if name == "etcd"]
        rest = [process for name, process in state.processes.items() if name != "etcd"]
        ended = _end(rest) + _end(store)
        self._save(_State(state.ports, {}))
        return ended

    def _launch(self, state: _State, *names: str) -> _State:
        """Starts some of the processes, each in the background with a log of its own, and notes their numbers."""
        for name in names:
            # The shell leaves them to the system, so that they are nobody's children whose end we would have to await.
            command = ["/bin/sh", "-c", 'umask 077; "$@" </dev/null >>"$0" 2>&1 & echo $!', str(self._log(name))]
            with undisturbed():
                done = subprocess.run(
                    [*command, *self._commands(state)[name]],
                    env=self._environ,
                    cwd=self.folder,
                    start_new_session=True,
                    capture_output=True,
                    check=True,
                )
                state = _State(state.ports, state.processes | {name: process_of(int(done.stdout))})
                self._save(state)
        return state

    def _await(self, state: _State, name: str, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not ready():
            dead = next((one for one, process in state.processes.items() if not _alive(process)), None)
            if dead is not None or time.monotonic() > end:
                late = f"{name} was not ready after {PATIENCE:.0f} s"
                raise RewindError(
                    f"the control plane did not start: {f'{dead} ended' if dead else late}\n{self._tail(dead or name)}",
                    hint=f"The logs are in {self.folder}.",
                )
            time.sleep(0.1)

    def _tail(self, name: str) -> str:
        try:
            lines = self._log(name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line[:300]}" for line in lines[-5:])

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    # -- questions ----------------------------------------------------------------------------------------------

    def _answers(self, path: str) -> bool:
        return self._get(path) is not None

    def _node_is_ready(self) -> bool:
        node: dict[str, Any] = json.loads(self._get(f"/api/v1/nodes/{NODE}") or b"{}")
        conditions = node.get("status", {}).get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def _get(self, path: str) -> bytes | None:
        """What the API server answers, None while it doesn't serve that."""
        secure = HTTPSHandler(context=ssl.create_default_context(cafile=str(self._certificate)))
        token = self._tokens.read_text(encoding="utf-8").partition(",")[0]
        request = Request(f"https://{HOST}:{self.ports[0]}{path}", headers={"Authorization": f"Bearer {token}"})
        try:
            with build_opener(ProxyHandler({}), secure).open(request, timeout=PATIENCE) as answer:
                return bytes(answer.read())
        except OSError:  # URLError and HTTPError are such
            return None

    # -- files --------------------------------------------------------------------------------------------------

    @property
    def _key(self) -> Path:
        return self.folder / "key.pem"

    @property
    def _certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def _tokens(self) -> Path:
        return self.folder / "tokens.csv"

    @property
    def _state_file(self) -> Path:
        return self.folder / "control-plane.json"

    @property
    def _environ(self) -> dict[str, str]:
        """Nothing of the operator's: etcd reads ETCD_…, kwok and kubectl keep files in the home directory."""
        return {"PATH": os.defpath, "HOME": str(self.folder)}

    def _state(self) -> _State | None:
        try:
            return msgspec.json.decode(self._state_file.read_bytes(), type=_State)
        except (OSError, msgspec.DecodeError):
            return None

    def _save(self, state: _State) -> None:
        write_private(self._state_file, msgspec.json.encode(state))

    def _ports(self) -> tuple[int, int, int]:
        """Those that it had before, as long as they are free: whoever has its kubeconfig knows the first one."""
        if (state := self._state()) is not None and all(map(is_free, state.ports)):
            return state.ports
        first, second, third = free_ports(3, self.folder)
        return first, second, third

    def _write_files(self, port: int) -> None:
        if not self._certificate.is_file():
            key, certificate = self_signed()
            write_private(self._key, key)
            write_private(self._certificate, certificate)
        if not self._tokens.is_file():
            write_private(self._tokens, f'{secrets.token_urlsafe(32)},admin,admin,"system:masters"\n'.encode())
        token = self._tokens.read_text(encoding="utf-8").partition(",")[0]
        cluster = {"server": f"https://{HOST}:{port}", "certificate-authority": str(self._certificate)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "demo", "cluster": cluster}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "demo", "context": {"cluster": "demo", "user": "admin"}}],
            "current-context": "demo",
        }
        write_private(self.kubeconfig, json.dumps(config, indent=2).encode() + b"\n")

    def _commands(self, state: _State) -> dict[str, list[str]]:
        """The command line of each process, in the order in which they start. Pure."""
        api, clients, peers = (f"https://{HOST}:{port}" for port in state.ports)
        key, certificate, config = str(self._key), str(self._certificate), f"--kubeconfig={self.kubeconfig}"
        options = {
            "etcd": [
                f"--data-dir={self.folder / 'etcd'}",
                *(f"--{kind}-client-urls={clients}" for kind in ("listen", "advertise")),
                *(f"--{kind}-peer-urls={peers}" for kind in ("listen", "initial-advertise")),
                f"--initial-cluster=default={peers}",
                *(f"--{side}cert-file={certificate}" for side in ("", "peer-")),
                *(f"--{side}key-file={key}" for side in ("", "peer-")),
                *(f"--{side}trusted-ca-file={certificate}" for side in ("", "peer-")),
                *(f"--{side}client-cert-auth" for side in ("", "peer-")),
                "--unsafe-no-fsync",
            ],
            "kube-apiserver": [
                f"--etcd-servers={clients}",
                f"--etcd-cafile={certificate}",
                f"--etcd-certfile={certificate}",
                f"--etcd-keyfile={key}",
                f"--secure-port={api.rpartition(':')[2]}",
                f"--bind-address={HOST}",
                f"--tls-cert-file={certificate}",
                f"--tls-private-key-file={key}",
                "--service-account-issuer=https://kubernetes.default.svc",
                f"--service-account-key-file={certificate}",
                f"--service-account-signing-key-file={key}",
                f"--token-auth-file={self._tokens}",
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--allow-privileged=true",
                "--enable-priority-and-fairness=false",
            ],
            "kube-controller-manager": [
                config,
                f"--service-account-private-key-file={key}",
                f"--root-ca-file={certificate}",
                "--use-service-account-credentials=false",
                "--leader-elect=false",
                "--secure-port=0",
            ],
            "kube-scheduler": [config, "--leader-elect=false", "--secure-port=0"],
            "kwok": [
                config,
                f"--config={self.binaries / 'kwok-stages.yaml'}",
                "--manage-all-nodes=true",
                f"--node-ip={HOST}",
                "--node-lease-duration-seconds=40",
            ],
        }
        box = str(self.binaries / "kubebox")
        return {
            name: [*([str(self.binaries / name)] if name == "kwok" else [box, name]), *given]
            for name, given in options.items()
        }


_SIZE: Final = {"cpu": "32", "memory": "256Gi", "pods": "200"}
_NODE: Final = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {
        "name": NODE,
        "annotations": {"kwok.x-k8s.io/node": "fake"},
        "labels": {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "type": "kwok"},
    },
    "status": {"allocatable": _SIZE, "capacity": _SIZE, "phase": "Running"},
}


def _alive(process: Process) -> bool:
    return process.alive is True


def _end(processes: Iterable[Process]) -> int:
    """Ends processes and waits until they are gone; how many were there."""
    left = found = [process for process in processes if _alive(process)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
        end = time.monotonic() + STOPPING
        while (left := [process for process in left if _alive(process)]) and time.monotonic() < end:
            time.sleep(0.02)
    return len(found)


def write_private(path: Path, content: bytes) -> None:
    """A file that only we can read, at no moment half of it."""
    part = path.with_name(f".{path.name}.part")
    part.touch(mode=0o600)
    part.write_bytes(content)
    part.replace(path)
