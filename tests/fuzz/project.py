"""What a project and its assets have."""

from __future__ import annotations

import contextlib
import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import yaml

from pulumi_rewind.assets.hash import hash_value
from pulumi_rewind.project.settings import load_settings
from pulumi_rewind.project.stack_configuration import ciphertexts, config_changes, config_file, todays_config
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.secrets.passphrase import read_passphrase
from pulumi_rewind.state.model import Checkpoint
from pulumi_rewind.state.values import ARCHIVE, SIG
from pulumi_rewind.strategies.program.submodules import _names
from tests.fuzz.seeds import (
    Target,
    ours,
)


def project_targets(folder: Path, live: Checkpoint) -> dict[str, Target]:
    """By name; `folder` is for their files, `live` the state that configuration is made for."""
    project = folder / "project"
    (project / "private").mkdir(parents=True)
    (project / "home").mkdir()
    environ = {"HOME": str(folder), "PULUMI_HOME": str(project / "home"), "PULUMI_BACKEND_URL": "file:///nowhere"}
    modules = folder / "gitmodules"

    def config(raw: bytes, suffix: str) -> None:
        path = project / f"Pulumi.dev.{suffix}"
        path.write_bytes(raw)
        with ours():
            config_changes(live, live, {"aws:region": "x"}, todays_config(path))
        list(ciphertexts(todays_config(path)))
        with contextlib.suppress(yaml.YAMLError):
            config_file(path, live, project / "private", {"aws:region": "north", "aws:gone": None})

    def yaml_config(raw: bytes) -> None:
        config(raw, "yaml")

    def json_config(raw: bytes) -> None:
        config(raw, "json")

    def project_file(raw: bytes, name: str) -> None:
        path = project / name
        path.write_bytes(raw)
        try:
            find_workspace(project, environ=environ)
        finally:
            path.unlink()

    def project_yaml(raw: bytes) -> None:
        project_file(raw, "Pulumi.yaml")

    def project_json(raw: bytes) -> None:
        project_file(raw, "Pulumi.json")

    def settings(raw: bytes) -> None:
        (project / "rewind.toml").write_bytes(raw)
        load_settings(project).is_production("dev")

    def notes(raw: bytes) -> None:
        place = folder / "noted"
        place.mkdir(exist_ok=True)
        (place / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (place / "credentials.json").write_bytes(raw)
        workspace = find_workspace(place, environ={"HOME": str(folder), "PULUMI_HOME": str(place)})
        note = workspace._notes()[0]
        note.parent.mkdir(exist_ok=True)
        note.write_bytes(raw)
        workspace.current_stack()

    def submodules(raw: bytes) -> None:
        modules.write_bytes(raw)
        _names(modules)

    def passphrase(raw: bytes) -> None:
        path = folder / "passphrase"
        path.write_bytes(raw)
        read_passphrase(path)

    def archive(raw: bytes, name: str) -> None:
        path = folder / name
        path.write_bytes(raw)
        inner = {SIG: ARCHIVE, "path": str(path)}
        hash_value({SIG: ARCHIVE, "assets": {"inner": inner}}, folder)

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("a/b.txt", b"content" * 20)
        zipped.writestr("c", b"")
    tape = io.BytesIO()
    with tarfile.open(fileobj=tape, mode="w") as tar:
        for name in ("a", "b" * 120):
            info = tarfile.TarInfo(name)
            info.size = 4
            tar.addfile(info, io.BytesIO(b"text"))
    setting = (
        b'production = ["prod*"]\nrecords = true\nkeep = 20\n[keys]\nquit = "q"\n',
        b"a.b.c = [1, {x = 2}]\nd = 2026-11-23T14:00:00\ne = '''\nx'''\n",
    )
    settings_yaml = (
        b"encryptionsalt: v1:AAAA:v1:BB\nconfig:\n  aws:region: eu\n  s:port: 010\n  s:pw:\n    secure: v1:A:B\n",
        b"config:\n  a: &x [1, 1:30, 1.5e3, ~, yes, 2026-11-23]\n  b: *x\n  c: {<<: {d: 1}, e: |\n  text\n}\n",
    )
    projects = (
        b"name: shop\nruntime:\n  name: python\n  options: {virtualenv: venv}\nbackend:\n  url: file://~\n",
        b"name: shop\nruntime: nodejs\nmain: src\nstackConfigDir: conf\noptions: {refresh: always}\n",
    )
    return {
        "Pulumi.<stack>.yaml": Target(settings_yaml, yaml_config),
        "Pulumi.<stack>.json": Target((b'{"config": {"aws:region": "eu", "a": {"secure": "v1:A:B"}}}',), json_config),
        "Pulumi.yaml": Target(projects, project_yaml),
        "Pulumi.json": Target(
            (b'{"name": "shop", "runtime": {"name": "python"}, "backend": {"url": "x"}}',), project_json
        ),
        "rewind.toml": Target(setting, settings),
        "notes of the CLI": Target((b'{"current": "file://~", "stack": "dev", "stacks": {"file://~": "dev"}}',), notes),
        ".gitmodules": Target((b'[submodule "a"]\n\tpath = a\n\turl = ../a\n',), submodules),
        "passphrase file": Target((b"correct horse\n",), passphrase),
        "zip asset": Target((packed.getvalue(),), lambda raw: archive(raw, "a.zip")),
        "tar asset": Target((tape.getvalue(),), lambda raw: archive(raw, "a.tar")),
        "tar.gz asset": Target((gzip.compress(tape.getvalue(), mtime=0),), lambda raw: archive(raw, "a.tar.gz")),
    }
