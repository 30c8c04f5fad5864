"""What is installed, pinned and released: the audit of the lock file, and the list of what a release contains."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator

import pytest

from scripts.audit import ROOT, declared, installed, problems
from scripts.lockfile import LockError, needed, pins
from scripts.sbom import check, make, runtime

LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
HASH = f"--hash=sha256:{'0' * 64}"


def found(lock: str = LOCK, *more: str, there: dict[str, str] | None = None) -> list[str]:
    return list(problems(lock, [*declared(PROJECT), *more], installed() if there is None else there))


def test_this_environment_is_what_the_lock_says() -> None:
    assert found() == []


def doctored() -> Iterator[tuple[str, str]]:
    click = pins(LOCK)["click"]
    yield LOCK.replace(f"click=={click.version}", "click==8.1.7"), f"click {click.version} is installed; requirements"
    yield LOCK + f"left-pad==1.0 \\\n    {HASH}\n", "left-pad 1.0 is in requirements.lock and not installed"
    yield (
        LOCK + f"left-pad==1.0 \\\n    {HASH}\n",
        "left-pad is in requirements.lock, and nothing in pyproject.toml needs",
    )
    yield LOCK.replace(click.hashes[0], click.hashes[0][:-1]).replace(click.hashes[1], "0"), "click has no hash"
    yield LOCK.replace(f"click=={click.version}", f"clique=={click.version}"), "click {0} is installed and not in"
    yield LOCK.replace(f"click=={click.version}", f"clique=={click.version}"), "pyproject.toml asks for click"
    yield (
        LOCK.replace(f"click=={click.version}", "click==7.0"),
        "pyproject.toml asks for click<9,>=8.1.7; requirements.lock has 7.0",
    )
    yield (
        "--extra-index-url https://example.test/simple\n" + LOCK,
        "requirements.lock: not a pinned distribution: --extra",
    )
    yield LOCK + "shop @ https://example.test/shop.whl\n", "requirements.lock: not a pinned distribution: shop @"
    yield LOCK + "rich>=14\n", "requirements.lock: not a pinned distribution: rich>=14"
    yield LOCK + f"Click==8.1.7 {HASH}\n", "requirements.lock: click comes twice"


@pytest.mark.parametrize(("lock", "problem"), [pytest.param(*both, id=both[1]) for both in doctored()])
def test_a_doctored_lock_is_told(lock: str, problem: str) -> None:
    version = installed()["click"]
    assert any(one.startswith(problem.format(version)) for one in found(lock)), found(lock)


def test_what_is_installed_besides_is_told() -> None:
    more = installed() | {"left-pad": "1.0", "pip": "99", "setuptools": "99"}
    assert found(there=more) == ["left-pad 1.0 is installed and not in requirements.lock"]


def test_what_is_needed_follows_extras_and_markers() -> None:
    metadata = {"a": ['b>=1; extra == "more"', "c", 'd; sys_platform == "win32"'], "b": ["e"], "c": ["a[more]"]}
    assert needed(["a"], lambda name: metadata.get(name, []), {"sys_platform": "linux"}) == {
        "a": {"b", "c"}, "b": {"e"}, "c": {"a"}, "e": set(),
    }  # fmt: skip
    assert needed(["b"], lambda name: metadata.get(name, [])) == {"b": {"e"}, "e": set()}
    with pytest.raises(LockError):
        pins("-r other.txt\n")


def test_a_release_says_what_it_contains() -> None:
    document = make()  # valid, and exactly what is needed at run time: else it raises
    names = {component["name"] for component in document["components"]}
    assert names == set(runtime(PROJECT))
    assert {"click", "pulumi", "textual"} <= names
    assert not names & {"pytest", "mypy", "cyclonedx-bom", "pulumi-rewind"}
    locked = pins(LOCK)
    for component in document["components"]:
        (files,) = component["externalReferences"]
        assert component["version"] == locked[component["name"]].version
        assert [one["content"] for one in files["hashes"]] == list(locked[component["name"]].hashes)
    graph = {one["ref"]: one["dependsOn"] for one in document["dependencies"]}
    root = document["metadata"]["component"]["bom-ref"]
    assert f"pkg:pypi/click@{locked['click'].version}" in graph[root]
    assert root == f"pkg:pypi/pulumi-rewind@{installed()['pulumi-rewind']}"
    assert str(ROOT) not in json.dumps(document)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"components": []}, "missing: "),
        ({"specVersion": 7}, "not a CycloneDX document"),
        ({"bomFormat": "SPDX"}, "not a CycloneDX document"),
        ({"serialNumber": "https://example.test"}, "not a CycloneDX document"),
    ],
)
def test_a_wrong_document_is_not_released(change: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        check(make() | change, runtime(PROJECT))
