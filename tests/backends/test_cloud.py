"""Pulumi Cloud over HTTP, without the engine: what is read, and what is said of a service that misbehaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.backends import cloud_client, open_backend
from pulumi_rewind.backends.cloud import CloudBackend
from pulumi_rewind.backends.cloud_client import proxy_for
from pulumi_rewind.backends.cloud_history import PAGE
from pulumi_rewind.backends.cloud_login import login_to
from pulumi_rewind.errors import BackendError, RewindError, StackNotFound
from pulumi_rewind.project.workspace import find_workspace
from pulumi_rewind.state.model import StackRef
from tests.servers.cloud.faults import Fault
from tests.servers.cloud.service import TOKEN, Service
from tests.servers.cloud.serving import cloud, proxy, served_by_tls
from tests.servers.cloud.stacks import Stack
from tests.servers.running import free_port

pytestmark = pytest.mark.cloud

DEV = StackRef("shop", "dev", "acme")
SECRET = "hunter2-of-the-test"


@pytest.fixture
def served() -> Iterator[tuple[str, Service]]:
    """A service's URL and the service."""
    with cloud() as (server, service):
        yield server.url, service


def add(service: Service, ref: StackRef = DEV, updates: int = 3) -> Stack:
    stack = Stack((ref.organization, ref.project, ref.name))
    stack.seed(updates)
    service.stacks[stack.name] = stack
    return stack


def opened(url: str, **environ: str) -> CloudBackend:
    backend = open_backend(url, {"PULUMI_ACCESS_TOKEN": TOKEN, **environ})
    assert isinstance(backend, CloudBackend)
    return backend


def refused(url: str, **environ: str) -> BackendError:
    with pytest.raises(BackendError) as raised:
        opened(url, **environ).find("acme/shop/dev", "shop")
    assert raised.value.hint
    return raised.value


# -- logins -----------------------------------------------------------------------------------------------------------


def write_login(folder: Path, document: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "credentials.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


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


# -- stacks and organizations -----------------------------------------------------------------------------------------


def test_a_stack_is_found_by_each_of_its_names(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    add(service, StackRef("shop", "dev", "tester"))
    add(service, StackRef("other", "dev", "acme"))
    backend = opened(url)
    assert backend.find("dev", "shop") == DEV  # of the default organization
    assert backend.find("tester/dev", "shop") == StackRef("shop", "dev", "tester")
    assert backend.find("acme/other/dev", "shop").fqn == "acme/other/dev"
    assert [str(one) for one in backend.stacks()] == ["acme/other/dev", "acme/shop/dev", "tester/shop/dev"]
    with pytest.raises(StackNotFound) as raised:
        backend.find("prod", "shop")
    assert "tester/shop/dev" in raised.value.hint


def test_an_organization_that_is_not_ours(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    with pytest.raises(BackendError, match="strangers is no organization of yours") as raised:
        opened(url).find("strangers/shop/dev", "shop")
    assert url in str(raised.value)
    assert "acme" in raised.value.hint
    assert raised.value.exit_code == 1


def test_what_the_service_keeps_of_a_stack(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service)
    stack.tags = {"pulumi:runtime": "python", "cost": "42"}
    stack.config = {"environment": "shop/dev", "encryptionSalt": ""}
    about = opened(url).about(DEV)
    assert dict(about.tags) == {"cost": "42", "pulumi:runtime": "python"}
    assert dict(about.config) == {"environment": "shop/dev"}


@pytest.mark.parametrize(
    ("url", "console", "page"),
    [
        ("https://api.pulumi.com", "", "https://app.pulumi.com/acme/shop/dev"),
        ("https://api.corp.example:8443/", "", "https://app.corp.example:8443/acme/shop/dev"),
        ("http://localhost:8080", "localhost:3000", "http://localhost:3000/acme/shop/dev"),
        ("https://api.pulumi.com", "pages.example", "https://pages.example/acme/shop/dev"),
        ("https://pulumi.corp.example", "", ""),
    ],
)
def test_the_page_of_a_stack_and_of_an_update(url: str, console: str, page: str) -> None:
    backend = opened(url, PULUMI_CONSOLE_DOMAIN=console)
    assert backend.link(DEV) == page
    assert backend.link(DEV, 7) == (f"{page}/updates/7" if page else "")


# -- history ----------------------------------------------------------------------------------------------------------


def pages(service: Service) -> list[str]:
    return [request for request in service.requests if request.endswith("/updates")]


def test_the_newest_page_is_one_question(served: tuple[str, Service]) -> None:
    url, service = served
    add(service, updates=3 * PAGE)
    history = opened(url).history(DEV)
    assert len(history) == 3 * PAGE
    assert [update.number for update in history.newest(PAGE)] == list(range(3 * PAGE, 2 * PAGE, -1))
    assert len(pages(service)) == 1
    assert history.update(1).message == "update 1"
    assert len(pages(service)) == 2


def test_a_long_way_is_read_some_pages_at_a_time(served: tuple[str, Service]) -> None:
    url, service = served
    add(service, updates=20 * PAGE + 7)
    history = opened(url).history(DEV)
    assert [update.number for update in history.newest(10_000)] == list(range(20 * PAGE + 7, 0, -1))
    assert len(pages(service)) == 21  # each once
    again = opened(url).history(DEV)
    assert [update.number for update in again.newest(70, before=500)] == list(range(499, 429, -1))


def test_pages_that_move_while_they_are_read(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service, updates=4 * PAGE)
    history = opened(url).history(DEV)
    stack.seed(PAGE + 5)
    assert len(history) == 4 * PAGE
    read = list(history.newest(10_000))
    assert [update.number for update in read] == list(range(4 * PAGE, 0, -1))
    assert [update.message for update in read] == [f"update {number}" for number in range(4 * PAGE, 0, -1)]


def test_what_runs_is_no_part_of_the_history(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service, updates=PAGE)
    stack.begin()
    history = opened(url).history(DEV)
    assert len(history) == PAGE
    assert history.update(1).message == "update 1"
    assert all(update.result == "succeeded" for update in history.newest(PAGE))


def test_versions_that_the_service_has_forgotten_are_said_to_be(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service, updates=2 * PAGE)
    del stack.history[10:90]
    history = opened(url).history(DEV)
    assert history.update(50).result == "unreadable"
    assert "no record of version 50" in history.update(50).problem
    assert history.update(5).message == "update 5"


def test_who_asked_for_an_update_and_its_commit(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service)
    stack.users[2] = "Ada"
    stack.commits[2] = "https://github.com/acme/shop/commit/1"
    two, three = (opened(url).history(DEV).update(number) for number in (2, 3))
    assert (two.requested_by, two.commit_url) == ("Ada", "https://github.com/acme/shop/commit/1")
    assert (three.requested_by, three.commit_url) == ("Tester", "")


def test_a_version_without_a_state(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    history = opened(url).history(DEV)
    assert history.checkpoint(2).resources == ()
    service.faults.append(Fault("status", "/export/2", status=404))
    with pytest.raises(BackendError, match="the checkpoint of #2 does not exist"):
        history.checkpoint(2)


# -- locks ------------------------------------------------------------------------------------------------------------


def test_the_operation_that_runs_is_the_lock(served: tuple[str, Service]) -> None:
    url, service = served
    stack = add(service)
    backend = opened(url)
    before = backend.glance(DEV)
    assert not before.locks
    stack.begin("destroy").started = 1_800_000_000.0
    [lock] = backend.locks(DEV)
    assert str(lock) == "tester (destroy) since 2027-01-15T08:00:00+00:00"
    assert "pulumi cancel" in lock.advice
    assert backend.glance(DEV).locks == (lock,)


def test_a_service_that_names_the_active_update_alone(served: tuple[str, Service]) -> None:
    url, service = served
    service.tells_operation = False
    stack = add(service)
    update = stack.begin("refresh")
    service.updates[update.number] = update
    backend = opened(url)
    [lock] = backend.locks(DEV)
    assert str(lock) == "someone (refresh)"
    update.status = "succeeded"  # the service goes on naming it
    assert not backend.locks(DEV)
    service.requests.clear()
    assert not backend.locks(DEV)
    assert len(service.requests) == 1  # what has ended isn't asked for again


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, times=3),
        Fault("status", status=503, times=2),
        Fault("cut", times=1),
        Fault("close", times=1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_what_lasts_a_while_is_asked_again(
    served: tuple[str, Service], fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, service = served
    add(service)
    monkeypatch.setattr(cloud_client, "LONGEST_PAUSE", 0.01)
    service.faults.append(fault)
    assert len(opened(url).history(DEV)) == 3
    assert fault.met == fault.times


def test_a_pause_that_the_service_asks_for_is_made(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    service.faults.append(Fault("status", status=429, times=1, retry_after="1"))
    start = time.monotonic()
    opened(url).history(DEV)
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize(
    ("fault", "said", "helps"),
    [
        (Fault("status", status=429), "answers 429", "wait a minute"),
        (Fault("status", status=500), "answers 500", "Try again"),
        (Fault("status", status=502), "answers 502", "Try again"),
        (Fault("status", status=403), "answers 403: of the test", "Ask for access"),
        (Fault("status", status=401), "answers 401", "PULUMI_ACCESS_TOKEN"),
        (Fault("cut"), "cut off", "Try again"),
        (Fault("close"), "without an answer", "Try again"),
        (Fault("page"), "answers with a web page", "Check the backend's URL"),
        (Fault("elsewhere", body=b"/login"), "sends us elsewhere", "Check the backend's URL"),
    ],
    ids=lambda one: f"{one.kind}-{one.status}" if isinstance(one, Fault) else "",
)
def test_what_lasts_is_told(
    served: tuple[str, Service], fault: Fault, said: str, helps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, service = served
    add(service)
    monkeypatch.setattr(cloud_client, "LONGEST_PAUSE", 0.01)
    service.faults.append(fault)
    error = refused(url.replace("http://", f"http://user:{SECRET}@"))
    assert said in str(error)
    assert url.removeprefix("http://") in str(error)
    assert helps in error.hint
    assert SECRET not in f"{error} {error.hint}"
    assert TOKEN not in f"{error} {error.hint}"
    assert error.exit_code == 1


def test_what_changes_something_is_sent_once(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    fault = Fault("status", status=503)
    service.faults.append(fault)
    with pytest.raises(BackendError, match="503"):
        opened(url).client.post("stacks", "acme", "shop", "dev", "batch-decrypt", body={"ciphertexts": []})
    assert fault.met == 1


def test_a_token_goes_to_no_other_host(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    with cloud() as (other, there):
        add(there)
        service.faults.append(
            Fault("elsewhere", body=f"{other.url.replace('127.0.0.1', 'localhost')}/api/user".encode())
        )
        error = refused(url)
        assert there.requests  # it was asked,
    assert "401" in str(error)  # without the token


def test_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_client, "LONGEST_PAUSE", 0.01)
    error = refused(f"http://127.0.0.1:{free_port()}")
    assert "nothing answers there" in str(error)


def test_a_name_that_is_none() -> None:
    error = refused("https://pulumi.invalid")
    assert "https://pulumi.invalid can't be reached: its name can't be resolved" in str(error)


def test_a_service_that_never_answers(served: tuple[str, Service], monkeypatch: pytest.MonkeyPatch) -> None:
    url, service = served
    monkeypatch.setattr(cloud_client, "TIMEOUTS", (1.0, 0.2))
    fault = Fault("hang")
    service.faults.append(fault)
    error = refused(url)
    fault.over.set()
    assert "does not answer in time" in str(error)
    assert fault.met == 1


def test_ctrl_c_ends_the_waiting_at_once(served: tuple[str, Service]) -> None:
    url, service = served
    add(service, updates=4 * PAGE)
    fault = Fault("hang", "/updates")
    code = (
        "import sys\n"
        "from pulumi_rewind.backends import open_backend\n"
        "from pulumi_rewind.state.model import StackRef\n"
        f"history = open_backend({url!r}).history(StackRef('shop', 'dev', 'acme'))\n"
        "print('opened', flush=True)\n"
        "sys.stdin.readline()\n"
        "history._ahead = 3\n"
        "list(history.newest(10_000))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PULUMI_ACCESS_TOKEN": TOKEN},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "opened\n"
    service.faults.append(fault)
    process.stdin.write("\n")
    process.stdin.flush()
    while fault.met < 3 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, errors = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in errors
    assert time.monotonic() - start < 5
    fault.over.set()


def test_certificates(served: tuple[str, Service], tmp_path: Path) -> None:
    url, _ = served
    error = refused(url.replace("http://", "https://"))
    assert "no secure connection can be made" in str(error)
    with served_by_tls(tmp_path) as (secure, service):
        add(service)
        error = refused(secure)
        assert "certificate is not trusted" in str(error)
        assert "SSL_CERT_FILE" in error.hint
        write_login(tmp_path, {"accounts": {secure: {"accessToken": TOKEN, "insecure": True}}})
        assert len(opened(secure, PULUMI_ACCESS_TOKEN="", PULUMI_HOME=str(tmp_path)).history(DEV)) == 3


def test_a_proxy(served: tuple[str, Service]) -> None:
    url, service = served
    add(service)
    outside = url.replace("127.0.0.1", "pulumi.invalid")
    with proxy(url) as through:
        assert opened(outside, http_proxy=through.replace("http://", "")).find("dev", "shop") == DEV
        assert "its name can't be resolved" in str(refused(outside, http_proxy=through, NO_PROXY=".invalid"))
    error = refused(outside, HTTP_PROXY=through.replace("http://", f"http://me:{SECRET}@"))
    assert "the proxy http://me:[secret]@127.0.0.1" in str(error)
    assert "HTTPS_PROXY" in error.hint
    assert SECRET not in f"{error} {error.hint}"
    assert proxy_for("http://127.0.0.1:80", {"http_proxy": through}) == ""


def test_a_history_that_is_none(served: tuple[str, Service], monkeypatch: pytest.MonkeyPatch) -> None:
    url, service = served
    stack = add(service)
    monkeypatch.setitem(stack.history[1], "environment", ["no", "object"])
    with pytest.raises(RewindError, match="in a way that can't be read"):
        opened(url).history(DEV)
