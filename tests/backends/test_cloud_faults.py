"""What is said of a service that misbehaves, and of a network that does."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pulumi_rewind.backends import cloud_client
from pulumi_rewind.backends.cloud_client import proxy_for
from pulumi_rewind.backends.cloud_history import PAGE
from pulumi_rewind.errors import BackendError, RewindError
from tests.backends.seeded_service import DEV, add, opened, refused, write_login
from tests.servers.cloud.faults import Fault
from tests.servers.cloud.service import TOKEN, Service
from tests.servers.cloud.serving import cloud, proxy, served_by_tls
from tests.servers.faulty import Asked, Reply, faulty
from tests.servers.running import free_port

pytestmark = pytest.mark.cloud

SECRET = "hunter2-of-the-test"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, times=3),
        Fault("status", status=503, times=2),
        Fault("cut", times=1),
        Fault("close", times=1),
        # A kept connection may have been closed since: that is no answer, and costs no try.
        Fault("close", times=cloud_client.TRIES),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.times}",
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
    fault = Fault("hang", "/updates", after=1)  # the second page is read, and then two at the same time
    code = (
        "import sys\n"
        "from pulumi_rewind.backends import open_backend\n"
        "from pulumi_rewind.state.model import StackRef\n"
        f"history = open_backend({url!r}).history(StackRef('shop', 'dev', 'acme'))\n"
        "print('opened', flush=True)\n"
        "sys.stdin.readline()\n"
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
    end = time.monotonic() + 10
    while fault.met < 2 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, errors = process.communicate(timeout=10)
    assert "KeyboardInterrupt" in errors
    assert time.monotonic() - start < 5
    assert fault.met == 2
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


def test_a_proxy_that_wants_a_password() -> None:
    right = f"Basic {base64.b64encode(b'me:pass word').decode()}"

    def script(asked: Asked) -> Reply:
        return Reply(body=b"{}") if asked.headers.get("proxy-authorization") == right else Reply(407)

    with faulty(script) as through:
        proxied = through.url.replace("//", "//me:{}@")
        opened("http://pulumi.invalid", HTTP_PROXY=proxied.format("pass%20word")).ping()
        with pytest.raises(BackendError, match="the proxy asks for a password"):
            opened("http://pulumi.invalid", HTTP_PROXY=proxied.format("another")).ping()


@pytest.mark.parametrize(
    ("url", "proxied", "said"),
    [
        (f"https://me:{SECRET}@pulumi.invalid:99999", "", "not the address of a server"),
        ("https://[pulumi", "", "can't be understood"),
        ("https://pulumi.invalid", f"socks5://me:{SECRET}@127.0.0.1:1", "no proxy that can be used"),
        ("https://pulumi.invalid", f"http://me:{SECRET}@127.0.0.1:99999", "no proxy that can be used"),
    ],
)
def test_addresses_that_are_none(url: str, proxied: str, said: str) -> None:
    error = refused(url, HTTPS_PROXY=proxied)
    assert said in str(error)
    assert SECRET not in f"{error} {error.hint}"


def test_an_answer_that_is_no_object(served: tuple[str, Service]) -> None:
    url, service = served
    service.answer = lambda *_: ["no", "object"]  # type: ignore[method-assign]
    assert "no JSON object" in str(refused(url))


def test_a_list_of_stacks_that_is_none(served: tuple[str, Service]) -> None:
    url, service = served
    service.answer = lambda *_: {"stacks": [{"stackName": "dev"}]}  # type: ignore[method-assign]
    with pytest.raises(BackendError, match="in a way that can't be read"):
        opened(url).stacks()


def test_a_history_that_is_none(served: tuple[str, Service], monkeypatch: pytest.MonkeyPatch) -> None:
    url, service = served
    stack = add(service)
    monkeypatch.setitem(stack.history[1], "environment", ["no", "object"])
    with pytest.raises(RewindError, match="in a way that can't be read"):
        opened(url).history(DEV)
