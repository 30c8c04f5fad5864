"""Plain strings that name files or directories: what a provider would read today isn't what lay there then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_rewind.assets.paths import path_notes
from pulumi_rewind.plan.recommend import recommend
from tests.support.checkpoints import checkpoint, goal, res, urn
from tests.support.gitrepo import GitRepo

CHART = {"Chart.yaml": "name: web\n", "templates/all.yaml": "kind: Pod\n"}


class Project:
    """A project below the top of a repository, in which a chart, a script and a zip are committed."""

    def __init__(self, directory: Path) -> None:
        self.repo = GitRepo(directory / "repository")
        self.root = self.repo.root / "infra"
        self.write("Pulumi.yaml", "name: p\nruntime: python\n")
        for name, text in CHART.items():
            self.write(f"chart/{name}", text)
        self.write("scripts/migrate.sh", "v1")
        self.write("../shared/fn.zip", "v1")
        self.write("core/notes.txt", "v1")
        self.commit = self.repo.commit("v1")

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def notes(
        self, inputs: dict[str, Any], op: str = "update", live_commit: str = "", commit: str | None = None
    ) -> list[str]:
        target = checkpoint(res("web", inputs=inputs, propertyDependencies={key: [] for key in inputs}))
        wanted = goal(target, checkpoint(res("web")))
        at = self.commit if commit is None else commit
        found = path_notes(wanted, self.root, self.repo.open(), at, {urn("web"): op}, live_commit)
        assert {note.urn for note in found} <= {urn("web")}
        return [f"{note.code}: {note.message}" for note in found]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


NAMING: list[dict[str, Any]] = [
    {"chart": "./chart"},
    {"chart": "chart"},
    {"chart": "chart/"},
    {"values": {"deep": ["./chart/templates/all.yaml"]}},
    {"context": "../infra/chart"},
]


@pytest.mark.parametrize("inputs", NAMING)
def test_a_directory_that_changed_is_told(project: Project, inputs: dict[str, Any]) -> None:
    """https://github.com/pulumi/pulumi-kubernetes/issues/2118"""
    assert project.notes(inputs) == []
    project.write("chart/templates/all.yaml", "kind: Job\n")
    (note,) = project.notes(inputs)
    assert note.startswith("path-content: ")
    assert f"has different content today than at commit {project.commit[:7]}" in note
    project.repo.commit("v2")  # committed or not
    assert len(project.notes(inputs)) == 1


def test_what_is_added_removed_or_missing_counts_as_well(project: Project) -> None:
    added = project.write("chart/templates/more.yaml", "kind: Job\n")
    assert len(project.notes({"chart": "./chart"})) == 1
    added.unlink()
    assert project.notes({"chart": "./chart"}) == []
    (project.root / "scripts/migrate.sh").unlink()
    for command in ("bash ./scripts/migrate.sh --all", "set -e\nscripts/migrate.sh\n"):
        (note,) = project.notes({"create": command, "zip": "../shared/fn.zip"})
        assert "scripts/migrate.sh is missing today" in note


def test_an_absolute_path_into_the_repository_is_one(project: Project) -> None:
    project.write("../shared/fn.zip", "v2")
    (note,) = project.notes({"filename": str(project.repo.root / "shared" / "fn.zip")})
    assert note.startswith("path-content: ")


def test_what_no_commit_has_is_told_where_it_is_read(project: Project) -> None:
    project.write("../.gitignore", "build/\n")
    project.commit = project.repo.commit("ignored")
    project.write("build/fn.zip", "today's")
    (note,) = project.notes({"filename": "build/fn.zip"}, "create")
    assert note.startswith("path-untracked: build/fn.zip is not in commit")
    assert project.notes({"filename": "build/fn.zip"}, "same") == []


def test_what_stays_the_same_is_told_only_where_live_has_another_content(project: Project) -> None:
    project.write("chart/Chart.yaml", "name: other\n")
    second = project.repo.commit("v2")
    project.write("unrelated", "x")
    third = project.repo.commit("v3")
    assert len(project.notes({"chart": "./chart"}, "same", second)) == 1
    assert len(project.notes({"chart": "./chart"}, "same", "")) == 1  # nobody knows what is deployed
    project.write("chart/Chart.yaml", "name: web\n")
    assert len(project.notes({"chart": "./chart"}, "same", second)) == 1  # nobody reads it now
    assert project.notes({"chart": "./chart"}, "update", second) == []
    assert project.notes({"chart": "./chart"}, "same", project.commit) == []  # deployed as it was then
    assert project.notes({"chart": "./chart"}, "same", third, commit=second) == []


NOTHING: list[dict[str, Any]] = [
    {"module": "core"},  # a word that is a directory by chance
    {"image": "nginx/chart"},
    {"url": "https://example.com/chart"},
    {"arn": "arn:aws:s3:::chart/x"},
    {"cidr": "10.0.0.0/16"},
    {"chart": "bitnami/nginx", "version": "1.2.3"},
    {"chart": "."},
    {"path": ".."},
    {"path": "/etc/passwd"},
    {"path": "../../../elsewhere"},
    {"path": ""},
    {"chart": {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"./chart"'}},
]


@pytest.mark.parametrize("inputs", NOTHING)
def test_what_names_no_path_of_the_project_is_left_alone(project: Project, inputs: dict[str, Any]) -> None:
    project.write("chart/Chart.yaml", "name: other\n")
    project.write("core/notes.txt", "v2")
    assert project.notes(inputs) == []


def test_without_the_commit_nothing_is_known(project: Project) -> None:
    project.write("chart/Chart.yaml", "name: other\n")
    assert project.notes({"chart": "./chart"}, commit="") == []
    assert project.notes({"chart": "./chart"}, commit="0" * 40) == []


def test_the_program_is_recommended(project: Project) -> None:
    from pulumi_rewind.risk import Risk

    found = recommend([Risk("path-content", "x")])
    assert (found.strategy, found.reason) == ("program", "it has the files of that time")


@given(st.text(max_size=30))
def test_no_text_is_any_trouble(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    project = _shared.get("project") or _shared.setdefault("project", Project(tmp_path_factory.mktemp("odd")))
    assert project.notes({"path": text}) == []


_shared: dict[str, Project] = {}
