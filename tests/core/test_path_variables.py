"""Relative paths in variables mean one place: for the engine, for us, from sub-directories and in worktrees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.secrets.passphrase import own_passphrase
from pulumi_rewind.system.path_variables import LISTS, OF_THE_CLI, SHARED, rooted, standing
from pulumi_rewind.up.flags import rooted_flags


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    (root / "ops").mkdir(parents=True)
    (root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    for name in ("at-root", "at-both"):
        (root / name).write_text(name)
    for name in ("at-ops", "at-both"):
        (root / "ops" / name).write_text(name)
    return root


def test_what_the_cli_reads_starts_where_the_operator_is(project: Path) -> None:
    """As `pulumi` in a sub-directory, and with ``--cwd``, takes it."""
    ops = project / "ops"
    (ops / ".passphrase").write_text("correct horse\n")
    environ = {"PULUMI_CONFIG_PASSPHRASE_FILE": ".passphrase", "PULUMI_HOME": "../home", "HOME": str(project)}
    space = find_workspace(ops, environ=environ)
    assert space.root == project
    assert space.home == project / "home"
    assert space.environ["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(ops / ".passphrase")
    found = own_passphrase(space.environ, space.cwd)
    assert found is not None
    assert found.text == "correct horse"
    elsewhere = find_workspace(project, environ=space.environ)  # as for the worktree of an old program
    assert own_passphrase(elsewhere.environ, elsewhere.cwd) == found


@pytest.mark.parametrize("name", SHARED)
def test_what_providers_read_is_found_where_it_is(name: str, project: Path) -> None:
    """Providers run in the project's directory, the CLI where the operator is: whichever has the file."""
    ops = project / "ops"
    for value, place in (("at-root", project), ("at-ops", ops), ("at-both", project)):
        assert rooted({name: value}, ops, project)[name] == str(place / value)
    for value in ("", "/etc/hosts", '{"type": "service_account"}', "nowhere", "x" * 5000):
        assert rooted({name: value}, ops, project)[name] == value
    if name in LISTS:
        both = os.pathsep.join(["at-root", "/etc/hosts", "at-ops"])
        assert rooted({name: both}, ops, project)[name].split(os.pathsep) == [
            str(project / "at-root"), "/etc/hosts", str(ops / "at-ops")
        ]  # fmt: skip


@given(st.dictionaries(st.sampled_from([*OF_THE_CLI, *SHARED, "PATH", "OTHER"]), st.text(max_size=30)))
def test_twice_is_the_same_as_once(environ: dict[str, str]) -> None:
    """Absolute paths stay, other variables too, whatever they hold."""
    once = rooted(environ, Path("/no/ops"), Path("/no"))
    assert rooted(once, Path("/other"), Path("/other/place")) == once
    assert {name for name in environ if once[name] != environ[name]} <= {*OF_THE_CLI}


def test_files_of_flags_start_where_the_operator_is() -> None:
    given_flags = ["--config-file", "dev.yaml", "--policy-pack=../pack", "-c", "a=b", "--plan", "/abs/plan.json"]
    assert rooted_flags(given_flags, Path("/shop/ops")) == (
        "--config-file", "/shop/ops/dev.yaml", "--policy-pack=/shop/ops/../pack", "-c", "a=b", "--plan",
        "/abs/plan.json",
    )  # fmt: skip


def test_a_process_in_another_directory_finds_what_was_relative(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = standing({"PATH": "bin:/usr/bin", "PULUMI_REWIND_ENGINE": "./pulumi", "OTHER": "x"})
    assert found == {
        "PATH": f"{tmp_path}/bin:/usr/bin",
        "PULUMI_REWIND_ENGINE": f"{tmp_path}/pulumi",
        "OTHER": "x",
    }
    assert standing({"PULUMI_REWIND_ENGINE": "~/pulumi"}) == {"PULUMI_REWIND_ENGINE": "~/pulumi"}
