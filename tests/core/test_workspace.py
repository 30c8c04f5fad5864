"""Finding the project, its backend and the selected stack as the pulumi CLI does."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
import subprocess
import tempfile
from pathlib import Path

import pytest

from pulumi_rewind.errors import ProjectNotFound, UsageError
from pulumi_rewind.project.workspace import ONE_NOTE, find_workspace
from pulumi_rewind.system.toolchain import EngineInfo, parse_version
from tests.support.filestore import denied


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "Pulumi.yaml").write_text("name: shop\nruntime:\n  name: python\n  options:\n    virtualenv: venv\n")
    return root


def home_with(tmp_path: Path, **credentials: object) -> dict[str, str]:
    home = tmp_path / "pulumi-home"
    home.mkdir(exist_ok=True)
    (home / "credentials.json").write_text(json.dumps(credentials))
    return {"PULUMI_HOME": str(home)}


# -- the project ------------------------------------------------------------------------------------------------------


def test_the_project_is_found_from_below(project: Path) -> None:
    (project / "src" / "deep").mkdir(parents=True)
    space = find_workspace(project / "src" / "deep", environ={})
    assert (space.root, space.project, space.runtime) == (project, "shop", "python")
    assert space.runtime_options == {"virtualenv": "venv"}
    assert space.config_file("dev") == space.config_file("organization/shop/dev") == project / "Pulumi.dev.yaml"


def test_the_nearest_project_wins_and_json_before_yaml_before_yml(project: Path) -> None:
    inner = project / "inner"
    inner.mkdir()
    for name, content in (
        ("Pulumi.yml", "name: yml\nruntime: go\n"),
        ("Pulumi.yaml", "name: yaml\nruntime: go\n"),
        ("Pulumi.json", '{"name": "json", "runtime": "go"}'),
    ):
        (inner / name).write_text(content)
        space = find_workspace(inner, environ={})
        assert space.project == name.split(".")[1]
        assert space.config_file("dev") == inner / name.replace("Pulumi", "Pulumi.dev")
        assert space.runtime == "go"


@pytest.mark.parametrize("line", ["config: deploy", "stackConfigDir: deploy", "stackConfigDir: ./deploy"])
def test_configuration_may_be_in_another_directory(project: Path, line: str) -> None:
    (project / "Pulumi.yaml").write_text(f"name: shop\nruntime: python\n{line}\n")
    assert find_workspace(project, environ={}).config_file("dev") == project / "deploy" / "Pulumi.dev.yaml"


def test_declared_configuration_is_not_a_directory(project: Path) -> None:
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\nconfig:\n  shop:size: 3\n")
    assert find_workspace(project, environ={}).config_dir == project


def test_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectNotFound, match=r"no Pulumi.yaml") as caught:
        find_workspace(tmp_path, environ={})
    assert caught.value.exit_code == 2
    assert "--cwd" in caught.value.hint
    with pytest.raises(ProjectNotFound, match="there is no directory"):
        find_workspace(tmp_path / "missing", environ={})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name: [", "is not valid"),
        (b"name: a\nname: {{x}}: 1\n", "is not valid"),
        (b"name: x\ndescription: 2026-13-45\n", "is not valid"),
        (b"runtime: python\n", "has no `name`"),
        (b"name: 12\n", "has no `name`"),
        (b"- a\n", "has no `name`"),
        (b"", "has no `name`"),
        (b"name: \xff\xfe\n", "can't be read"),
        (b"name: x\nconfig: a\nstackConfigDir: b\n", "both `config` and `stackConfigDir`"),
    ],
)
def test_a_broken_project_file_is_named(project: Path, content: bytes, said: str) -> None:
    (project / "Pulumi.yaml").write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        find_workspace(project, environ={})
    assert str(project / "Pulumi.yaml") in str(caught.value)
    assert caught.value.hint


def test_a_broken_json_project_file_is_named(project: Path) -> None:
    (project / "Pulumi.json").write_text("{")
    with pytest.raises(UsageError, match=r"Pulumi\.json is not valid"):
        find_workspace(project, environ={})


def test_a_project_file_that_may_not_be_read(project: Path) -> None:
    project.chmod(0o755)
    for folder in project.parents:
        if folder == Path(tempfile.gettempdir()):
            break
        folder.chmod(0o755)  # so that only the project file is in the way
    with denied(project / "Pulumi.yaml"), pytest.raises(UsageError, match="Permission denied"):
        find_workspace(project, environ={})


# -- the backend ------------------------------------------------------------------------------------------------------


def test_the_backend_comes_from_the_first_that_names_one(project: Path, tmp_path: Path) -> None:
    environ = home_with(tmp_path, current="file:///login")
    assert backend(project, environ) == ("file:///login", "pulumi login")
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\nbackend:\n  url: file:///declared\n")
    assert backend(project, environ) == ("file:///declared", "Pulumi.yaml")
    assert backend(project, environ | {"PULUMI_BACKEND_URL": ""}) == ("file:///declared", "Pulumi.yaml")
    environ["PULUMI_BACKEND_URL"] = "file:///variable"
    assert backend(project, environ) == ("file:///variable", "PULUMI_BACKEND_URL")
    assert backend(project, environ, "file:///argument") == ("file:///argument", "--backend")


def backend(project: Path, environ: dict[str, str], argument: str | None = None) -> tuple[str, str]:
    space = find_workspace(project, backend=argument, environ=environ)
    return space.backend_url, space.backend_source


def test_credentials_may_be_elsewhere_or_damaged(project: Path, tmp_path: Path) -> None:
    environ = home_with(tmp_path, current="file:///home")
    other = tmp_path / "other"
    other.mkdir()
    (other / "credentials.json").write_text('{"current": "file:///other"}')
    assert backend(project, environ | {"PULUMI_CREDENTIALS_PATH": str(other)})[0] == "file:///other"
    for content in ("", "[]", "{}", '{"current": 3}', "null"):
        (other / "credentials.json").write_text(content)
        url, source = backend(project, environ | {"PULUMI_CREDENTIALS_PATH": str(other)})
        assert (url, source) == ("https://api.pulumi.com", "the default")


def test_relative_and_home_urls_become_absolute(project: Path) -> None:
    (project / "sub").mkdir()
    home = pwd.getpwuid(os.getuid()).pw_dir
    for given, absolute in (
        ("file://./state", f"file://{project}/sub/state"),
        ("file://state/", f"file://{project}/sub/state"),
        ("file://../state?no_tmp_dir=true", f"file://{project}/state?no_tmp_dir=true"),
        ("file://~", f"file://{home}"),
        ("file://~/state", f"file://{home}/state"),
        ("file:///a/../b/", "file:///b"),
        ("s3://bucket/../x", "s3://bucket/../x"),
    ):
        environ = {"PULUMI_BACKEND_URL": given, "HOME": "/not/this"}
        assert find_workspace(project / "sub", environ=environ).backend_url == absolute


def test_the_home_is_that_of_the_user_database(project: Path) -> None:
    space = find_workspace(project, environ={"HOME": "/not/this"})
    assert space.home == Path(pwd.getpwuid(os.getuid()).pw_dir) / ".pulumi"


# -- the selected stack -----------------------------------------------------------------------------------------------


def test_pulumi_stack_is_what_is_selected(project: Path) -> None:
    assert find_workspace(project, environ={"PULUMI_STACK": "prod"}).current_stack() == "prod"


def test_no_note_or_a_damaged_one_selects_nothing(project: Path, tmp_path: Path) -> None:
    environ = {"PULUMI_HOME": str(tmp_path / "home"), "PULUMI_BACKEND_URL": "file:///x"}
    space = find_workspace(project, environ=environ)
    assert space.current_stack() is None
    (note,) = space._notes()
    note.parent.mkdir(parents=True)
    for content in ("", "{", "[]", '{"stacks": 1}', '{"stacks": {"file:///x": 7}}', '{"stacks": {"s3://b": "dev"}}'):
        note.write_text(content)
        assert space.current_stack() is None
    note.write_text('{"stacks": {"file:///./x": "spelled", "file:///x": "plain"}}')
    assert space.current_stack() == "plain"
    assert find_workspace(project, backend="file:///./x", environ=environ).current_stack() == "spelled"
    assert find_workspace(project, backend="file:///y/../x", environ=environ).current_stack() == "plain"
    note.write_text('{"stack": "old"}')
    assert space.current_stack() == "old"


class Cli:
    """The real CLI with a project that is reached directly and through a symbolic link."""

    def __init__(self, directory: Path, engine: Path) -> None:
        self.project = directory / "real"
        (self.project / "sub" / "state").mkdir(parents=True)
        (self.project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
        (directory / "state").mkdir()
        self.link = directory / "link"
        self.link.symlink_to(self.project)
        self.environ = {
            "PATH": f"{engine}:{os.environ['PATH']}",
            "PULUMI_HOME": str(directory / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "x",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
        }

    def init(self, stack: str, cwd: Path, url: str) -> dict[str, str]:
        """Makes and selects a stack from a directory; returns the environment of that shell."""
        environ = self.environ | {"PULUMI_BACKEND_URL": url, "PWD": str(cwd)}
        command = ["pulumi", "stack", "init", stack, "--non-interactive"]
        subprocess.run(command, cwd=cwd, env=environ, check=True, capture_output=True, timeout=60)
        return environ

    def selected(self, cwd: Path, environ: dict[str, str]) -> str:
        """The stack that the CLI itself takes for the selected one there."""
        command = ["pulumi", "stack", "ls", "--json"]
        done = subprocess.run(
            command, cwd=cwd, env=environ | {"PWD": str(cwd)}, check=True, capture_output=True, timeout=60
        )
        (name,) = (one["name"] for one in json.loads(done.stdout) if one["current"])
        return f"organization/shop/{str(name).rsplit('/', 1)[-1]}"

    def note(self, root: Path) -> Path:
        """Where a CLI that doesn't follow links remembers the stack of a project."""
        digest = hashlib.sha1(str(root / "Pulumi.yaml").encode()).hexdigest()
        return Path(self.environ["PULUMI_HOME"]) / "workspaces" / f"shop-{digest}-workspace.json"


@pytest.fixture
def cli(tmp_path: Path, engine_bin: Path) -> Cli:
    return Cli(tmp_path, engine_bin)


@pytest.mark.engine
def test_the_real_cli_selects(cli: Cli, engine: EngineInfo, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/state"
    below = cli.init("below", cli.project / "sub", url)
    assert find_workspace(cli.project, environ=below).current_stack() == "organization/shop/below"
    linked = cli.init("linked", cli.link, url)
    # Since 3.268 all paths to the project share a selection, before each had its own.
    shared = (parse_version(engine.version) or ONE_NOTE) >= ONE_NOTE
    direct = "organization/shop/linked" if shared else "organization/shop/below"
    through = "organization/shop/linked"
    assert find_workspace(cli.project, environ=below).current_stack() == direct == cli.selected(cli.project, below)
    assert find_workspace(cli.link, environ=linked).current_stack() == through == cli.selected(cli.link, linked)
    assert cli.note(cli.link).exists() != shared
    if shared:  # what an older CLI has noted for the link doesn't count any more
        cli.note(cli.link).write_text(json.dumps({"stacks": {url: "organization/shop/below"}}))
        assert find_workspace(cli.link, environ=linked).current_stack() == through == cli.selected(cli.link, linked)
    # Python's current directory has no symbolic links; PWD says how the shell got there.
    assert find_workspace(cli.project, environ=linked).current_stack() == "organization/shop/linked"


@pytest.mark.engine
@pytest.mark.since("3.256.0", "a selected stack for each backend")
def test_the_real_cli_selects_for_each_backend(cli: Cli, tmp_path: Path) -> None:
    url = f"file://{tmp_path}/state"
    below = cli.init("below", cli.project / "sub", url)
    # Other spellings of the same backend, there and here; of several, the one that is used now.
    odd = cli.init("odd", cli.project, f"file://{tmp_path}/./state/")
    other = below | {"PULUMI_BACKEND_URL": f"file://{tmp_path}/real/../state"}
    assert find_workspace(cli.project, environ=odd).current_stack() == "organization/shop/odd"
    assert find_workspace(cli.project, environ=below).current_stack() == "organization/shop/below"
    (note,) = find_workspace(cli.project, environ=below)._notes()
    note.write_text(json.dumps({"stacks": {odd["PULUMI_BACKEND_URL"]: "odd"}}))
    assert find_workspace(cli.project, environ=other).current_stack() == "odd"
    note.write_text(json.dumps({"stacks": {url: "below"}}))
    assert find_workspace(cli.project, backend=url + "/", environ=below).current_stack() == "below"
    assert find_workspace(cli.project, backend="file:///other", environ=below).current_stack() is None


@pytest.mark.engine
def test_the_real_cli_and_a_relative_backend(cli: Cli) -> None:
    environ = cli.init("relative", cli.project / "sub", "file://./state")
    space = find_workspace(cli.project / "sub", environ=environ)
    assert space.current_stack() == "organization/shop/relative"
    assert space.backend_url == f"file://{cli.project}/sub/state"
    assert (cli.project / "sub/state/.pulumi/stacks/shop/relative.json").is_file()


@pytest.mark.engine
@pytest.mark.parametrize("name", ["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"])
def test_the_real_cli_reads_the_same_files(cli: Cli, tmp_path: Path, name: str) -> None:
    (cli.project / "Pulumi.yaml").unlink()
    (cli.project / name).write_text('{"name": "shop", "runtime": "python", "stackConfigDir": "deploy"}')
    environ = cli.init("dev", cli.project, f"file://{tmp_path}/state")
    command = ["pulumi", "config", "set", "size", "3"]
    subprocess.run(command, cwd=cli.project, env=environ, check=True, capture_output=True, timeout=60)
    space = find_workspace(cli.project, environ=environ)
    assert space.current_stack() == "organization/shop/dev"
    assert "size" in space.config_file("organization/shop/dev").read_text()
