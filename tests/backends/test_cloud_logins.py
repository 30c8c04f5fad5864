"""Logging in where the pulumi CLI does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.cloud_login import login_to
from pulumi_rewind.errors import BackendError, UsageError
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.session import open_session
from pulumi_rewind.state.model import StackRef
from tests.backends.seeded_service import add, refused, write_login
from tests.servers.cloud.service import TOKEN, Service

pytestmark = pytest.mark.cloud

SECRET = "hunter2-of-the-test"


def test_the_token_of_the_environment_is_taken_before_the_login_and_that_from_where_the_cli_keeps_it(
    tmp_path: Path,
) -> None:
    url = "https://pulumi.example"
    path = write_login(tmp_path / "home", {"accounts": {url: {"accessToken": "of-home", "insecure": True}}})
    own = write_login(tmp_path / "own", {"accessTokens": {url: "of-old-cli"}})
    home = {"PULUMI_HOME": str(path.parent)}
    found = login_to(f"{url}/", {**home, "PULUMI_ACCESS_TOKEN": "of-environment"})
    assert (found.token, found.source, found.insecure) == ("of-environment", "PULUMI_ACCESS_TOKEN", True)
    found = login_to(url, home)
    assert (found.token, found.source, found.insecure) == ("of-home", str(path), True)
    found = login_to(url, {**home, "PULUMI_CREDENTIALS_PATH": str(own.parent)})
    assert (found.token, found.source, found.insecure) == ("of-old-cli", str(own), False)
    # Another service gets the login that is made for it, never the token of the environment.
    assert login_to(url, {**home, "PULUMI_ACCESS_TOKEN": "of-environment"}, own=False).token == "of-home"
    assert "of-old" not in repr(found)


@pytest.mark.parametrize(("document", "said"), [(None, "at https"), ("{", "is damaged"), ("[]", "is damaged")])
def test_nobody_is_logged_in(tmp_path: Path, document: str | None, said: str) -> None:
    if document is not None:
        write_login(tmp_path, document)
    with pytest.raises(BackendError, match="nobody is logged in") as raised:
        open_backend("https://pulumi.example", {"PULUMI_HOME": str(tmp_path)})
    assert said in str(raised.value)
    assert "pulumi login https://pulumi.example" in raised.value.hint


def test_the_url_comes_from_the_first_place_that_names_one(tmp_path: Path) -> None:
    project = tmp_path / "Pulumi.yaml"
    home = tmp_path / "home"
    project.write_text("name: shop\nruntime: yaml\n")
    environ = {"PULUMI_HOME": str(home), "PULUMI_API": "https://api.example"}

    def url(**more: str) -> str:
        return find_workspace(tmp_path, environ={**environ, **more}).backend_url

    assert url() == "https://api.example"
    assert url(PULUMI_API="") == "https://api.pulumi.com"
    write_login(home, {"current": "https://login.example"})
    assert url() == "https://login.example"
    project.write_text("name: shop\nruntime: yaml\nbackend: {url: 'https://project.example'}\n")
    assert url() == "https://project.example"
    assert url(PULUMI_BACKEND_URL="https://variable.example") == "https://variable.example"


def test_a_token_that_has_expired(served: tuple[str, Service], tmp_path: Path) -> None:
    url, _ = served
    error = refused(url, PULUMI_ACCESS_TOKEN=f"pul-{SECRET}")
    assert "401" in str(error)
    assert "PULUMI_ACCESS_TOKEN" in str(error)
    assert SECRET not in f"{error} {error.hint}"
    account = {"accessToken": f"pul-{SECRET}", "refreshToken": SECRET}
    path = write_login(tmp_path, {"accounts": {url: account}})
    error = refused(url, PULUMI_ACCESS_TOKEN="", PULUMI_HOME=str(tmp_path))
    assert str(path) in str(error)
    assert "pulumi whoami" in error.hint
    assert SECRET not in f"{error} {error.hint}"


def test_a_login_that_the_cli_renews_meanwhile_is_taken(served: tuple[str, Service], tmp_path: Path) -> None:
    url, service = served
    add(service)
    write_login(tmp_path, {"accounts": {url: {"accessToken": "of-yesterday", "refreshToken": SECRET}}})
    backend = open_backend(url, {"PULUMI_HOME": str(tmp_path)})
    with pytest.raises(BackendError, match="401"):
        backend.ping()
    write_login(tmp_path, {"accounts": {url: {"accessToken": TOKEN, "refreshToken": SECRET}}})
    assert backend.find("acme/shop/dev", "shop").name == "dev"
    asked = len(service.requests)
    write_login(tmp_path, {"accounts": {url: {"accessToken": "of-tomorrow"}}})
    backend.ping()
    assert len(service.requests) == asked + 1  # the file counts only once the service refuses


@pytest.mark.parametrize("token", [f"{SECRET}…", f"{SECRET}\nmore"])
def test_a_token_that_can_not_be_sent(token: str) -> None:
    error = refused("https://pulumi.example", PULUMI_ACCESS_TOKEN=token)
    assert "the token of PULUMI_ACCESS_TOKEN has characters that no token has" in str(error)
    assert SECRET not in f"{error} {error.hint}"


def test_the_only_stack_of_a_project_is_opened_in_its_own_organization(
    served: tuple[str, Service], tmp_path: Path
) -> None:
    url, service = served
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: yaml\n")
    environ = {"PULUMI_ACCESS_TOKEN": TOKEN, "PULUMI_BACKEND_URL": url, "PULUMI_HOME": str(tmp_path / "home")}
    add(service, StackRef("shop", "dev", "tester"))  # which is not the default one
    session = open_session(tmp_path, environ=environ)
    assert session.stack.fqn == "tester/shop/dev"
    add(service)
    assert session.place == f"{url}/tester"
    with pytest.raises(UsageError, match="acme/shop/dev, tester/shop/dev"):
        open_session(tmp_path, environ=environ)
