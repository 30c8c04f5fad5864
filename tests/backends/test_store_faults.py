"""What is said where a bucket can't be read: the URL without secrets, the cause, and what helps."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pulumi_rewind.backends import objects, open_backend
from pulumi_rewind.errors import BackendError
from tests.servers import stores
from tests.servers.faulty import FORWARD, HANG, Asked, Reply, Script, faulty
from tests.servers.running import Server
from tests.support.filestore import FileStore
from tests.support.rewind import ROOT

pytestmark = [pytest.mark.s3, pytest.mark.xdist_group("s3")]

QUERY = "endpoint={}&use_path_style=true&region=us-east-1"
HUSH = "hush-hush-1"
KEYS = {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "testsecret"}


@pytest.fixture(scope="session")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """rclone with one stack below ``p``."""
    with stores.s3(tmp_path_factory.mktemp("faults")) as server:
        FileStore(server.directory / "p").add("one")
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trouble that lasts is not waited for."""
    monkeypatch.setitem(objects.RETRY, "max_retries", 2)


@pytest.fixture
def very_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a server that hangs: others answer in half a second, also on a busy machine, or when they are asked again."""
    monkeypatch.setattr(objects, "PATIENCE", 0.5)


def endpoint(server: Server) -> str:
    return server.url.partition("endpoint=")[2].partition("&")[0]


def read(url: str, environ: dict[str, str]) -> None:
    """Everything of a stack once."""
    backend = open_backend(url, environ)
    (stack,) = backend.stacks()
    backend.live(stack)
    assert len(list(backend.history(stack).newest(5))) == 1


def refused(url: str, environ: dict[str, str]) -> str:
    """Message and hint, which name the URL and no secret."""
    with pytest.raises(BackendError) as caught:
        read(url, environ)
    said = f"{caught.value}\n{caught.value.hint}"
    assert caught.value.exit_code == 1
    assert url.partition("?")[0] in said
    assert caught.value.hint
    assert "\n" not in str(caught.value)
    for secret in (HUSH, "testsecret"):
        assert secret not in said
    return said


def coded(status: int, code: str) -> Reply:
    """As S3 says it."""
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>It is so.</Message></Error>'
    return Reply(status, body.encode(), {"content-type": "application/xml"})


ANSWERS = {
    "expired": (coded(400, "ExpiredToken"), "the credentials have expired", "Log in again"),
    "no right to list": (coded(403, "AccessDenied"), "no right to read state", "rights to list"),
    "moved": (coded(301, "PermanentRedirect"), "another region", "region=REGION"),
    "region": (coded(400, "AuthorizationHeaderMalformed"), "another region", "region=REGION"),
    "clock": (coded(403, "RequestTimeTooSkewed"), "the clock", "Set it"),
    "throttled for ever": (coded(429, "TooManyRequests"), "so many requests", "Try again"),
    "slow down for ever": (coded(503, "SlowDown"), "so many requests", "Try again"),
    "broken for ever": (coded(500, "InternalError"), "a fault of its own", "Try again"),
    "a web page": (Reply(200, b"<html>Log in</html>", {"content-type": "text/html"}), "is a web page", "login page"),
    "another server": (Reply(404, b"<html>nothing here</html>"), "no object store", "login page"),
    "hangs": (HANG, "does not answer in time", "Try again"),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.usefixtures("very_impatient")
def test_an_answer_that_is_none(name: str) -> None:
    reply, message, helps = ANSWERS[name]
    with faulty(lambda _: reply) as server:
        said = refused(f"s3://state/p?{QUERY.format(server.url)}", KEYS)
    assert message in said
    assert helps in said


def first(reply: Reply) -> Script:
    """Answers each question so once, and then as the server behind does; of answers only files are cut off."""
    known: set[str] = set()

    def script(asked: Asked) -> Reply:
        if asked.path in known or (reply.cut and not asked.path.endswith((".history.json", "/dev.json"))):
            return FORWARD
        known.add(asked.path)
        return reply

    return script


def only(reply: Reply, which: Callable[[str], bool]) -> Script:
    return lambda asked: reply if which(asked.path) else FORWARD


@pytest.mark.parametrize("reply", [coded(429, "SlowDown"), coded(500, "InternalError"), HANG, Reply(-1, cut=9)])
@pytest.mark.usefixtures("very_impatient")
def test_it_goes_on_where_a_trouble_ends(reply: Reply, bucket: Server) -> None:
    with faulty(first(reply), endpoint(bucket)) as server:
        read(f"s3://state/p?{QUERY.format(server.url)}", KEYS)
        assert len({asked.path for asked in server.seen}) < len(server.seen)


def test_a_file_that_is_always_cut_off(bucket: Server) -> None:
    """What is there of it is not taken for the whole."""
    with faulty(only(Reply(-1, cut=20), lambda path: path.endswith("/dev.json")), endpoint(bucket)) as server:
        assert "stacks/shop/dev.json can't be read" in (
            said := refused(f"s3://state/p?{QUERY.format(server.url)}", KEYS)
        )
    assert "the answer was cut off" in said


def test_a_right_to_list_alone(bucket: Server) -> None:
    with faulty(only(coded(403, "AccessDenied"), lambda path: "list-type" not in path), endpoint(bucket)) as server:
        assert "no right to read state" in refused(f"s3://state/p?{QUERY.format(server.url)}", KEYS)


WRONG = {
    "key": ("", {"AWS_ACCESS_KEY_ID": "nobody"}, "the access key is not known", "doctor"),
    "secret": ("", {"AWS_SECRET_ACCESS_KEY": HUSH}, "does not fit the access key", "aws sts"),
    "nothing answers": ("http://127.0.0.1:1", {}, "nothing answers there", "endpoint"),
    "name": ("http://nowhere.invalid", {}, "can't be resolved", "endpoint"),
    "password in the endpoint": (f"http://me:{HUSH}@127.0.0.1:1", {}, "nothing answers there", "endpoint"),
    "escaped": (f"http%3A%2F%2Fme%3A{HUSH}%40127.0.0.1:1", {}, "nothing answers there", "endpoint"),
    "proxy": ("http://box.invalid", {"HTTP_PROXY": f"http://me:{HUSH}@127.0.0.1:1"}, "nothing answers", "HTTP_PROXY"),
    "no credentials": ("", {"AWS_ACCESS_KEY_ID": ""}, "there are no credentials", "Log in, or set"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong(what: str, bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at, environ, message, helps = WRONG[what]
    for name, value in {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(name, value)
    for name, value in {**KEYS, **environ}.items():
        monkeypatch.setenv(name, value)
    said = refused(f"s3://state/p?{QUERY.format(at or endpoint(bucket))}", dict(os.environ))
    assert message in said
    assert helps in said


def test_other_places_on_the_server(bucket: Server) -> None:
    query = QUERY.format(endpoint(bucket))
    assert "there is no elsewhere" in refused(f"s3://elsewhere/p?{query}", KEYS)
    assert "holds no Pulumi state" in refused(f"s3://state/elsewhere?{query}", KEYS)
    assert "no secure connection" in refused(f"s3://state/p?{query.replace('http:', 'https:')}", KEYS)


@pytest.mark.parametrize(("scheme", "reply"), [("http", Reply(407)), ("https", Reply(407)), ("https", Reply(403))])
def test_a_proxy_that_refuses(scheme: str, reply: Reply) -> None:
    with faulty(lambda _: reply) as proxy:
        environ = KEYS | {f"{scheme}_proxy": proxy.url.replace("//", f"//me:{HUSH}@")}
        said = refused(f"s3://state/p?{QUERY.format(f'{scheme}://box.invalid')}", environ)
        assert proxy.seen
    assert "the proxy does not let the request through" in said


def test_a_proxy_is_not_asked_for_what_is_on_this_machine(bucket: Server) -> None:
    """As with the CLI."""
    read(f"s3://state/p?{QUERY.format(endpoint(bucket))}", KEYS | {"HTTP_PROXY": "http://127.0.0.1:1"})


@pytest.mark.usefixtures("very_impatient")
def test_a_service_of_credentials_that_hangs(bucket: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """botocore alone would wait for minutes."""
    with faulty(lambda _: HANG) as server:
        for name, value in {**KEYS, "HOME": str(tmp_path), "AWS_ENDPOINT_URL_STS": server.url}.items():
            monkeypatch.setenv(name, value)
        url = f"s3://state/p?{QUERY.format(endpoint(bucket))}&role=arn:aws:iam::1:role/r"
        assert "Read timeout" in refused(url, dict(os.environ))


# -- through the command line -----------------------------------------------------------------------------------------


def command(project: Path, url: str, **environ: str) -> subprocess.Popen[str]:
    """``pulumi-rewind history`` in a small project, with nothing of this process's environment."""
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    paths = os.pathsep.join([str(ROOT / "core"), str(ROOT / "tui")])
    given = {"PATH": os.environ["PATH"], "HOME": str(project), "PYTHONPATH": paths, "PULUMI_BACKEND_URL": url}
    return subprocess.Popen(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", "history", "-s", "dev"],
        cwd=project, env={**given, **KEYS, **environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_command_says_it_and_changes_nothing(bucket: Server, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in bucket.directory.rglob("*")}
    wrong = f"s3://state/p?{QUERY.format(f'http://me:{HUSH}@127.0.0.1:1')}&profil=x"
    started = command(tmp_path, wrong)
    out, err = started.communicate(timeout=60)
    assert started.returncode == 1
    assert out == ""
    assert "an option that s3:// backends don't know: profil" in err
    assert "They know accelerate, anonymous," in err
    assert HUSH not in err
    started = command(tmp_path, f"s3://state/p?{QUERY.format(endpoint(bucket))}", AWS_SECRET_ACCESS_KEY=HUSH)
    out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (1, "")
    assert "error: " in err
    assert "hint: " in err
    assert HUSH not in err
    assert {path: path.stat().st_mtime_ns for path in bucket.directory.rglob("*")} == before


@pytest.mark.parametrize("hangs", ["list-type", "/dev.json", "/dev-"])
def test_an_interrupt_ends_a_wait_at_once(hangs: str, bucket: Server, tmp_path: Path) -> None:
    """In a listing, a file, and many files at once; the server would be waited for 15 s."""
    with faulty(only(HANG, lambda path: hangs in path), endpoint(bucket)) as server:
        started = command(tmp_path, f"s3://state/p?{QUERY.format(server.url)}")
        assert server.stalled.wait(30)
        started.send_signal(signal.SIGINT)
        _, err = started.communicate(timeout=12)
    assert started.returncode == 130, err
    assert "interrupted" in err
    assert "Traceback" not in err
