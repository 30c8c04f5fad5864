"""What the program of an old commit has run beside itself: installation, plugins, submodules."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.errors import UsageError
from pulumi_rewind.project.workspace import Workspace, find_workspace
from pulumi_rewind.risk import Risk
from pulumi_rewind.strategies.program.engine import cause_of_failed_installation
from pulumi_rewind.strategies.program.project_file import (
    installation_risks,
    needs_installation,
    project_file_risks,
    uses_todays_packages,
)
from pulumi_rewind.strategies.program.submodules import fill_submodules
from pulumi_rewind.strategies.program.worktree import make_tree, share_installed
from tests.support.gitrepo import GitRepo

COMMIT = "abcdef0123" * 4


def workspace(place: Path, text: str) -> Workspace:
    place.mkdir(parents=True, exist_ok=True)
    (place / "Pulumi.yaml").write_text(f"name: shop\n{text}")
    return find_workspace(place, backend="file:///", environ={})


def told(risks: list[Risk]) -> dict[str, str]:
    return {risk.code: risk.message for risk in risks}


@pytest.mark.parametrize(
    ("options", "todays"),
    [
        ("", True),
        ("virtualenv: ''", True),
        ("virtualenv: /srv/venv", True),
        ("virtualenv: venv", False),
        ("virtualenv: ../venv", False),
        ("virtualenv: ../../../srv/venv", True),
        ("virtualenv: link", True),
        ("toolchain: uv", False),
    ],
)
def test_a_python_program_installs_into_its_own_worktree_only(tmp_path: Path, options: str, todays: bool) -> None:
    place = tmp_path / "private" / "tree" / "infra"
    then = workspace(place, "runtime:\n  name: python\n  options:\n    " + (options or "typechecker: mypy"))
    (place / "link").symlink_to(tmp_path)
    private = tmp_path / "private"
    assert uses_todays_packages(then, private) is todays
    assert needs_installation(then, private) is not todays
    assert ("ambient-dependencies" in told(list(installation_risks(then, private, COMMIT, skipped=False)))) is todays


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("runtime: nodejs\n", True),
        ("runtime: go\n", False),
        ("runtime: yaml\n", False),
        ("runtime: go\npackages: {a: ./sdk}\n", True),
        ("runtime: other\n", True),
    ],
)
def test_install_scripts_run_only_where_they_are_needed_and_are_told(tmp_path: Path, text: str, needed: bool) -> None:
    then = workspace(tmp_path / "then", text)
    assert needs_installation(then, tmp_path) is needed
    ran = told(list(installation_risks(then, tmp_path, COMMIT, skipped=False)))
    left = told(list(installation_risks(then, tmp_path, COMMIT, skipped=True)))
    assert set(ran) == ({"old-program-installs"} if needed else set())
    assert set(left) == ({"not-installed"} if needed else set())
    if needed:
        assert "abcdef0" in ran["old-program-installs"]
        assert "--no-install" in ran["old-program-installs"]


def test_what_the_project_file_has_the_engine_do_is_told(tmp_path: Path) -> None:
    today = workspace(tmp_path / "today", "runtime: python\ndescription: new\n")
    same = workspace(tmp_path / "same", "description: old\nauthor: me\nruntime: python\n")
    assert list(project_file_risks(today, same, COMMIT)) == []
    then = workspace(
        tmp_path / "then",
        'runtime: {name: nodejs, options: {nodeargs: "--require ./x.js"}}\n'
        "main: old/\nbackend: {url: 's3://else\\e[2J'}\noptions: {refresh: always}\n"
        "plugins: {providers: [{name: cloud, path: ./bin}, {name: far, path: /opt/far}]}\n"
        'packages: {own: ./sdk, other: "cloud@1.0.0", more: {source: "../more\\e[2J"}}\n',
    )
    found = told(list(project_file_risks(today, then, COMMIT)))
    said = found["project-file-differs"]
    for word in ("--require ./x.js", "instead of today's python", "main (old/", "always", "./bin", "s3://else"):
        assert word in said, word
    assert "today's backend is used" in said
    assert "description" not in said
    assert "cloud of providers in ./bin" in found["old-program-plugins"]
    assert "own in ./sdk" in found["old-program-plugins"]
    assert "/opt/far" not in found["old-program-plugins"]
    assert "cloud@1.0.0" not in found["old-program-plugins"]
    assert "\x1b" not in "".join(found.values())


def test_a_yaml_program_is_no_difference_of_the_project_file(tmp_path: Path) -> None:
    program = "runtime: yaml\nresources: {a: {type: 'cloud:Thing'}}\nvariables: {b: 1}\noutputs: {c: '${a.id}'}\n"
    then = workspace(tmp_path / "then", program)
    today = workspace(tmp_path / "today", "runtime: yaml\nconfig: {size: {type: integer, default: 2}}\nmain: new\n")
    said = told(list(project_file_risks(today, then, COMMIT)))["project-file-differs"]
    assert "config (" in said
    assert "main (" in said
    assert not any(word in said for word in ("resources", "variables", "outputs", "cloud:Thing"))


@pytest.mark.parametrize(
    ("runtime", "installed", "linked"),
    [
        ("nodejs", ("node_modules", "infra/node_modules", "elsewhere/node_modules"), 2),
        ("{name: python, options: {virtualenv: venv}}", ("infra/venv", "infra/node_modules"), 1),
        ("{name: python, options: {virtualenv: ../.venv}}", (".venv",), 1),
        ("go", ("node_modules",), 0),
    ],
)
def test_without_an_installation_todays_dependencies_are_there_and_stay(
    repo: GitRepo, runtime: str, installed: tuple[str, ...], linked: int
) -> None:
    workspace(repo.root / "infra", f"runtime: {runtime}\n")
    (repo.root / ".gitignore").write_text("node_modules\nvenv\n.venv\n")
    commit = repo.commit("one")
    for place in installed:
        (repo.root / place).mkdir(parents=True)
        (repo.root / place / "code").write_text(place)
    tree = make_tree(repo.open(), commit, Path("infra"), "shop")
    try:
        share_installed(tree, find_workspace(tree.project, backend="file:///", environ={}))
        assert {place: (tree.top / place / "code").read_text() for place in installed[:linked]} == {
            place: place for place in installed[:linked]
        }
        assert not any((tree.top / place).exists() for place in installed[linked:])
    finally:
        tree.close()
    assert all((repo.root / place / "code").read_text() == place for place in installed)


def test_dependencies_that_a_commit_has_itself_are_used(repo: GitRepo) -> None:
    workspace(repo.root, "runtime: nodejs\n")
    (repo.root / "node_modules").mkdir()
    (repo.root / "node_modules" / "code").write_text("then")
    commit = repo.commit("one")
    (repo.root / "node_modules" / "code").write_text("today")
    tree = make_tree(repo.open(), commit, Path(), "shop")
    try:
        share_installed(tree, find_workspace(tree.project, backend="file:///", environ={}))
        assert (tree.top / "node_modules" / "code").read_text() == "then"
    finally:
        tree.close()


def test_lines_that_do_not_say_why_are_left_out() -> None:
    """As npm 11 ends where it can't reach a package."""
    said = (
        "Installing dependencies...\n\nnpm error code ENOTCACHED\nnpm error request to x failed: no cached response\n"
        "npm notice\nnpm notice New minor version of npm available! 11.19.1 -> 11.21.2\nnpm notice Changelog: y\n"
        "npm notice To update run: npm install -g npm@11.21.2\nnpm notice\nnpm error A complete log is in z\n"
        "error: installing dependencies: npm install failed: exit status 1\nnpm install failed: exit status 1\n"
        "npm install failed: exit status 1\n"
    )
    lines = cause_of_failed_installation(said).splitlines()
    assert "npm error request to x failed: no cached response" in lines
    assert not any("notice" in line for line in lines)
    assert lines[-1] == "npm install failed: exit status 1"


# -- submodules --------------------------------------------------------------------------------------------------------


def hostile(repo: GitRepo, modules: str, *links: str, files: dict[str, str] | None = None) -> str:
    """A commit with this ``.gitmodules`` and submodules at these paths."""
    (repo.root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (repo.root / ".gitmodules").write_text(modules)
    for name, content in (files or {}).items():
        (repo.root / name).write_text(content)
    repo.commit("one")
    for link in links:
        repo.git("update-index", "--add", "--cacheinfo", f"160000,{COMMIT},{link}")
    repo.git("commit", "--quiet", "--message", "links")
    return repo.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("lib", "ext::sh -c 'touch {canary}; cat'"),
        ("lib", "--upload-pack=touch {canary}"),
        ("-utouch {canary}", "https://example.invalid/x"),
        ("lib", "file://{elsewhere}"),
        ("lib", "{elsewhere}"),
        ("../../../elsewhere/.git", "./x"),
        ("{elsewhere}/.git", "./x"),
    ],
)
def test_nothing_is_fetched_or_run_for_a_submodule(repo: GitRepo, tmp_path: Path, name: str, url: str) -> None:
    elsewhere = GitRepo(tmp_path / "elsewhere")
    elsewhere.commit("elsewhere")
    places = {"canary": tmp_path / "canary", "elsewhere": elsewhere.root}
    name, url = name.format(**places), url.format(**places)
    modules = f'[submodule "{name}"]\n\tpath = lib\n\turl = {url}\n\tupdate = !touch {places["canary"]}\n'
    tree = make_tree(repo.open(), hostile(repo, modules, "lib", "-u"), Path(), "shop")
    try:
        assert [one.split(" ")[0] for one in tree.missing_submodules] == ["-u", "lib"]
        odd = ".." in name or name.startswith("/")
        assert ("leads out of the repository" in tree.missing_submodules[1]) is odd
        assert not list((tree.top / "lib").glob("*"))
        assert not places["canary"].exists()
    finally:
        tree.close()


@pytest.mark.parametrize("path", ["link", "link/lib"])
def test_a_link_in_a_submodules_place_leads_nowhere(repo: GitRepo, tmp_path: Path, path: str) -> None:
    """As of a tree that git itself never writes, which has a link and a submodule of one name."""
    elsewhere, tree = tmp_path / "hooks", tmp_path / "tree"
    elsewhere.mkdir()
    tree.mkdir()
    (tree / "link").symlink_to(elsewhere)
    source = GitRepo(tmp_path / "sources" / path)
    inner = source.commit("inner")

    def git(*arguments: str, cwd: Path | None = None) -> str:
        if arguments[0] == "ls-tree":
            return f"160000 commit {inner}\t{path}\0" if cwd == tree else ""
        return repo.open().command.at(cwd or repo.root).write(*arguments).decode()

    assert fill_submodules(git, tree, tmp_path / "none", tmp_path / "sources") == [
        f"{path} (a link stands in its place)"
    ]
    assert not list(elsewhere.iterdir())
    (tree / "link").unlink()
    assert fill_submodules(git, tree, tmp_path / "none", tmp_path / "sources") == []
    assert (tree / path / "file-1").read_text() == "inner"


@pytest.mark.parametrize("name", ["--upload-pack=x", "-x", ":(exclude)x", "HEAD\n", "main", "v1^{tree}", "a" * 39])
def test_only_a_commit_id_is_checked_out(repo: GitRepo, name: str) -> None:
    (repo.root / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    repo.commit("one", "v1")
    with pytest.raises(UsageError, match="is no commit id"):
        make_tree(repo.open(), name, Path(), "shop")


@pytest.mark.parametrize("name", ["-x", "--upload-pack=touch", "--all", ":/one", "--output=x"])
def test_a_name_is_never_an_option(repo: GitRepo, name: str) -> None:
    """Tags and branches that begin with a dash, which plumbing can make."""
    sha = repo.commit("one")
    if not name.startswith(":"):
        for folder in ("tags", "heads"):
            place = repo.root / ".git" / "refs" / folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"{sha}\n")
    found = repo.open()
    assert found.resolve(name) in {None, sha}
    assert found.log("", name) in ([], found.log("", sha))
    found.moved(name)
    found.descendants(sha, (name,))
    assert found.tags().get(sha, ()) == (() if name.startswith(":") else (name,))
    assert not (repo.root / "x").exists()
