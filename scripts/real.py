"""Gets what ``make test-real`` and ``demo --kubernetes`` run on: a Kubernetes control plane, providers, language hosts.

    python -m scripts.real [kubernetes] [bridged] [aws] [languages]

Everything is built from pinned modules under ``tests/real/builds`` into the user's cache directory, ``real/``: ``bin``,
``hosts`` (of languages, for PATH), ``terraform`` (its providers), ``python`` (SDKs, for PYTHONPATH) and ``node``. What
is there already, built from the same sources, stays; the first time takes 12 to 14 minutes on two idle cores, and some
GB of Go's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from pulumi_rewind.system.toolchain import find_engine, user_cache
from scripts import golang
from scripts.orphaned_providers import reap

REAL = Path(__file__).resolve().parent.parent / "tests" / "real"
BUILDS = REAL / "builds"
KUBERNETES = "4.25.0"
"""The version that pulumi-resource-kubernetes is given; its module has a commit's alone."""
BRIDGE = "1.1.3"
"""The version of the plugin that serves any Terraform provider."""
GROUPS = ("kubernetes", "bridged", "aws", "languages")

_SDK = "github.com/pulumi/pulumi/sdk/v3"
_PROVIDER = "github.com/pulumi/pulumi-kubernetes/provider/v4"
_BRIDGED = "github.com/pulumi/pulumi-terraform-bridge/v3/dynamic"
_COMPONENT, _CLIENT = "k8s.io/component-base/version", "k8s.io/client-go/pkg/version"
_RELEASE = {"gitVersion": "v1.36.3", "gitMajor": "1", "gitMinor": "36"}


def cache() -> Path:
    """Where all of it is put."""
    return user_cache() / "real"


@dataclass(frozen=True)
class Part:
    """Something that is built once."""

    path: str
    """Where it goes, below `cache`."""
    groups: str
    """Who needs it, as words."""
    module: str
    """Its directory of `BUILDS`."""
    package: str = "."
    flags: str = ""
    prepare: Callable[[Path], None] | None = None
    """Puts what the module lacks into a copy of its directory."""
    make: Callable[[Part, Path], None] | None = None
    """Makes it in another way than by the go command, at the path that is given."""
    before: tuple[str, ...] = field(default=())
    """Parts that it is made with."""

    @property
    def sources(self) -> Path:
        """What it is made from."""
        return BUILDS / self.module

    def digest(self) -> str:
        """Changes whenever it has to be made again."""
        files = [path for path in sorted(self.sources.rglob("*")) if path.is_file()]
        made = hashlib.sha256(f"{self.package} {self.flags} {KUBERNETES} {BRIDGE}".encode())
        for path in files:
            made.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
        for name in self.before:
            made.update(PARTS[name].digest().encode())
        return made.hexdigest()


def _go(path: str, groups: str, module: str, package: str = ".", flags: str = "") -> Part:
    return Part(path, groups, module, package, flags)


def _terraform(name: str, module: str, groups: str = "bridged") -> Part:
    owner = "hashicorp" if name == "time" else "terraform-providers"
    return _go(f"terraform/terraform-provider-{name}", groups, module, f"github.com/{owner}/terraform-provider-{name}")


def _embed_schema(module: Path) -> None:
    """The published main package of the provider embeds two files that are not in its module: they are made here."""
    published = golang.source(module, _PROVIDER) / "cmd" / "pulumi-resource-kubernetes"
    schema = json.loads((published / "schema.json").read_bytes())
    schema["version"] = KUBERNETES
    (module / "schema-embed.json").write_text(json.dumps(schema))
    shutil.copyfile(published / "terraform-mapping.json", module / "terraform-mapping-embed.json")


def _stages(part: Part, path: Path) -> None:
    """How kwok plays a node and its pods: the stages that its module publishes."""
    published = golang.source(part.sources, "sigs.k8s.io/kwok") / "kustomize" / "stage"
    found = [
        text
        for folder in ("node/fast", "node/heartbeat-with-lease", "pod/fast")
        for one in sorted((published / folder).glob("*.yaml"))
        if "kind: Stage" in (text := one.read_text())
    ]
    path.write_text("\n---\n".join(found))


def _python_sdk(part: Part, path: Path) -> None:
    """The SDK of a Terraform provider for Python, as the bridge describes it."""
    name = path.name.removeprefix("pulumi_")
    with tempfile.TemporaryDirectory(prefix="rewind-sdk-") as folder:
        schema, home = Path(folder) / "schema.json", Path(folder) / "home"
        install_plugin(home, "terraform-provider", BRIDGE, cache())
        engine = str(find_engine().path)
        asked = [engine, "package", "get-schema", f"terraform-provider@{BRIDGE}", str(cache() / part.package)]
        schema.write_bytes(subprocess.run(asked, env=quiet(home), check=True, stdout=subprocess.PIPE).stdout)
        reap(cache(), home)
        subprocess.run([cache() / "bin" / "pygen", schema, folder], check=True)
        shutil.rmtree(path, ignore_errors=True)
        shutil.copytree(Path(folder) / path.name, path)
    version = json.loads((path / "pulumi-plugin.json").read_text())["version"]
    about = path.with_name(f"pulumi_{name}-{version}.dist-info")
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: pulumi_{name}\nVersion: {version}\n")


def _sdk(name: str, groups: str = "bridged") -> Part:
    before = (f"terraform/terraform-provider-{name}", "bin/pulumi-resource-terraform-provider", "bin/pygen")
    return Part(f"python/pulumi_{name}", groups, "pygen", before[0], make=_python_sdk, before=before)


def _pip(part: Part, path: Path) -> None:
    """The SDKs that the index of Python packages has; those that come with our own environment are left out."""
    lock = part.sources / "requirements.lock"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--upgrade"]
    subprocess.run([*pip, "--require-hashes", "--target", path.parent, "-r", lock], check=True)


def _npm(part: Part, path: Path) -> None:
    """The SDKs of Node.js programs."""
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(part.sources / name, path.with_name(name))
    quietly = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(["npm", "ci", *quietly, "--prefix", path.parent], check=True)


def _node_plugin(part: Part, path: Path) -> None:
    """What serves the dynamic providers of Node.js programs: a script that the SDK's module publishes."""
    golang.put(path, (golang.source(part.sources, _SDK) / "nodejs" / "dist" / path.name).read_bytes())


_versions = " ".join(
    f"-X {package}.{name}={value}" for package in (_COMPONENT, _CLIENT) for name, value in _RELEASE.items()
)
PARTS: dict[str, Part] = {
    part.path: part
    for part in (
        _terraform("time", "tftime"),
        _terraform("random", "tfold", "bridged languages"),
        _terraform("tls", "tfold"),
        _terraform("null", "tfold"),
        _terraform("local", "tflocal"),
        _terraform("aws", "tfaws", "aws"),
        _go(
            "bin/pulumi-resource-terraform-provider",
            "bridged aws languages",
            "tfdyn",
            _BRIDGED,
            f"-X {_BRIDGED}/version.version=v{BRIDGE}",
        ),
        _go("bin/pygen", "bridged aws", "pygen"),
        _go("bin/kwok", "kubernetes languages", "kwok", "sigs.k8s.io/kwok/cmd/kwok"),
        Part("bin/kwok-stages.yaml", "kubernetes languages", "kwok", make=_stages),
        _go("bin/kubebox", "kubernetes languages", "kube", ".", _versions),
        Part(
            "bin/pulumi-resource-kubernetes",
            "kubernetes languages",
            "k8sprov",
            ".",
            f"-X {_PROVIDER}/pkg/version.Version={KUBERNETES}",
            prepare=_embed_schema,
        ),
        _go(
            "hosts/pulumi-language-yaml",
            "kubernetes languages",
            "yamlhost",
            "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
            "-X github.com/pulumi/pulumi-yaml/pkg/version.Version=v1.25.0",
        ),
        *(
            _go(
                f"hosts/pulumi-language-{name}",
                "languages",
                "hosts",
                f"{_SDK}/{package}",
                f"-X {_SDK}/go/common/version.Version=v3.60.0",
            )
            for name, package in {
                "nodejs": "nodejs/cmd/pulumi-language-nodejs",
                "go": "go/pulumi-language-go",
            }.items()
        ),
        Part("hosts/pulumi-resource-pulumi-nodejs", "languages", "hosts", make=_node_plugin),
        Part("node/node_modules", "languages", "node", make=_npm),
        Part("python/pulumi_kubernetes", "kubernetes", "python", make=_pip),
        *(_sdk(name) for name in ("time", "random", "tls", "null", "local")),
        _sdk("aws", "aws"),
    )
}


def main(arguments: list[str]) -> int:
    """Builds what the named groups need, all of them where none is named; 0 when all is there."""
    wanted = [group for text in arguments for group in text.split()] or list(GROUPS)
    if unknown := sorted(set(wanted) - set(GROUPS)):
        _say(f"there is no group {', '.join(unknown)}; choose from: {' '.join(GROUPS)}")
        return 2
    try:
        provide(wanted)
    except (OSError, subprocess.CalledProcessError) as err:
        _say(f"failed: {err}")
        return 1
    return 0


def provide(groups: Iterable[str]) -> None:
    """Makes every part of some groups that is missing or was made from other sources.

    Raises:
        OSError, CalledProcessError: a tool is missing or failed.
    """
    named = set(groups)
    for part in PARTS.values():
        if named & set(part.groups.split()):
            _provide(part)


def _provide(part: Part) -> None:
    for name in part.before:
        _provide(PARTS[name])
    path = cache() / part.path
    stamp, digest = path.with_name(f".{path.name}.from"), part.digest()
    if path.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    began = time.monotonic()
    path.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    if part.make is not None:
        part.make(part, path)
    else:
        _build(part, path)
    stamp.write_text(digest)
    _say(f"{part.path}: made in {time.monotonic() - began:.0f} s")


def _build(part: Part, path: Path) -> None:
    if part.prepare is None:
        return golang.build(part.sources, part.package, path, part.flags)
    with tempfile.TemporaryDirectory(prefix="rewind-build-") as folder:
        module = Path(folder) / part.module
        shutil.copytree(part.sources, module)
        part.prepare(module)
        return golang.build(module, part.package, path, part.flags)


def install_plugin(home: Path, name: str, version: str, built: Path) -> None:
    """Puts a provider's plugin into a PULUMI_HOME, as the CLI's own installer does; what was built is linked."""
    folder = home / "plugins" / f"resource-{name}-v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / f"pulumi-resource-{name}"
    link.unlink(missing_ok=True)
    link.symlink_to(built / "bin" / link.name)


def quiet(home: Path) -> dict[str, str]:
    """The environment of an engine that asks nobody for anything."""
    return {
        **os.environ,
        "PULUMI_HOME": str(home),
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }


def _say(text: str) -> None:
    print(f"real: {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
