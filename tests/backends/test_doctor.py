"""What the doctor says of backends that are served: no engine, stacks are put onto the servers as files."""

from __future__ import annotations

import json
import shutil
import urllib.request
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.backends.seeded_service import add
from tests.servers.cloud.service import TOKEN, Service
from tests.servers.faulty import FORWARD, Asked, Reply, faulty
from tests.servers.running import Server, free_port
from tests.servers.stores import ACCOUNT, BUCKET, KEY
from tests.support.filestack import FileStack
from tests.support.rows import put_rows

NUMBERS = count()

KINDS = {
    "s3": "AWS_ACCESS_KEY_ID",
    "gs": "STORAGE_EMULATOR_HOST",
    "azblob": "AZURE_STORAGE_KEY",
    "postgres": "user pulumi from the URL, no password",
}
"""Each kind, and what is said of its credentials."""


def each(*kinds: str) -> pytest.MarkDecorator:
    marked = [
        pytest.param(kind, marks=(getattr(pytest.mark, kind), pytest.mark.xdist_group(kind)), id=kind)
        for kind in kinds or KINDS
    ]
    return pytest.mark.parametrize("server", marked, indirect=True)


@pytest.fixture
def stack(tmp_path: Path) -> FileStack:
    made = FileStack(tmp_path)
    for size in "sml":
        made.update(made.resource("api", {"size": size}))
    return made


def put(stack: FileStack, server: Server) -> str:
    """Puts the stack's files onto a server; returns the URL that has become the stack's."""
    prefix = f"doctor_{next(NUMBERS)}"
    url = server.backend(prefix)
    files = {path.relative_to(stack.state).as_posix(): path for path in stack.state.rglob("*") if path.is_file()}
    if url.startswith("s3:"):
        shutil.copytree(stack.state, server.directory / prefix)
    elif url.startswith("gs:"):
        base = f"http://{server.environ['STORAGE_EMULATOR_HOST']}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name="
        for key, path in files.items():
            request = urllib.request.Request(base + quote(f"{prefix}/{key}", safe=""), path.read_bytes(), method="POST")
            urllib.request.urlopen(request, timeout=10).close()
    elif url.startswith("azblob:"):
        import obstore
        from obstore.store import AzureStore

        endpoint = f"http://{url.partition('domain=')[2].partition('&')[0]}/{ACCOUNT}"
        store = AzureStore(
            BUCKET, account_name=ACCOUNT, account_key=KEY, endpoint=endpoint, client_options={"allow_http": True}
        )
        for key, path in files.items():
            obstore.put(store, f"{prefix}/{key}", path)
    else:
        import psycopg

        with psycopg.connect(url.partition("&")[0], autocommit=True) as connection:
            put_rows(connection, stack.state, "state/", prefix)
    shutil.rmtree(stack.state)
    stack.env |= {**server.environ, "PULUMI_BACKEND_URL": url}
    return url


def findings(stack: FileStack, code: int) -> dict[str, Any]:
    """By their check; of several of one check the first."""
    ran = stack.run("doctor", "--json")
    assert ran.err == ""
    assert ran.code == code, ran.out
    found: dict[str, Any] = {}
    for one in ran.json()["findings"]:
        assert one["hint"] or one["status"] == "ok"
        found.setdefault(one["check"], one)
    return found


def engine(stack: FileStack) -> None:
    path = stack.root / "bin" / "pulumi"
    path.write_text("#!/bin/sh\necho v3.276.0\n")
    path.chmod(0o755)


@each()
def test_a_served_backend_is_described(stack: FileStack, server: Server) -> None:
    engine(stack)
    url = put(stack, server)
    found = findings(stack, 0)
    assert {found[check]["status"] for check in ("backend", "credentials", "layout", "rights", "versions")} == {"ok"}
    assert found["backend"]["message"].endswith("stacks: dev")
    assert KINDS[url.partition(":")[0]] in found["credentials"]["message"]
    assert "ms for a small question" in found["latency"]["message"]
    assert found["layout"]["message"] == "stacks by project"
    assert found["versions"]["message"] == "3 on the backend, the oldest #1 of 2026-11-25"
    assert "can be listed and read" in found["rights"]["message"]
    assert "that can't be seen from here" in found["writers"]["message"]
    assert [secret for secret in (KEY, "testsecret") if secret in json.dumps(found)] == []


@pytest.mark.cloud
def test_a_service_is_described(stack: FileStack, served: tuple[str, Service]) -> None:
    engine(stack)
    url, service = served
    there = add(service)
    stack.env |= {"PULUMI_BACKEND_URL": url, "PULUMI_ACCESS_TOKEN": TOKEN, "PULUMI_STACK": "acme/shop/dev"}
    found = findings(stack, 0)
    assert found["backend"]["status"] == "ok"
    assert found["credentials"]["message"] == "the token from PULUMI_ACCESS_TOKEN"
    assert found["layout"]["message"].startswith("a service, asked as ")
    assert "ms for a small question" in found["latency"]["message"]
    assert found["versions"]["message"].startswith("3 on the backend, the oldest #1 of ")
    assert "can be listed and read" in found["rights"]["message"]
    assert TOKEN not in json.dumps(found)
    there.history[0]["startTime"] = 10**20  # damaged
    assert findings(stack, 0)["versions"]["message"] == "3 on the backend, the oldest #1"
    stack.env["PULUMI_ACCESS_TOKEN"] = "pul-wrong"
    found = findings(stack, 1)
    assert [check for check, one in found.items() if one["status"] == "fail"] == ["backend"]
    assert {"project", "settings", "engine", "language", "git"} <= set(found)
    assert found["credentials"]["message"] == "the token from PULUMI_ACCESS_TOKEN"
    assert "pul-wrong" not in json.dumps(found)
    assert "stack" not in found


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        pytest.param(
            "s3://state/p?endpoint=http://127.0.0.1:{}&use_path_style=true&region=x", "AWS_ACCESS", marks=pytest.mark.s3
        ),
        pytest.param("postgres://me:hush@127.0.0.1:{}/state", "user me from the URL, password from the URL",
                     marks=pytest.mark.postgres),
    ],
)  # fmt: skip
def test_a_backend_that_can_not_be_reached_is_one_failed_check_of_a_whole_report(
    stack: FileStack, url: str, credentials: str
) -> None:
    engine(stack)
    stack.env |= {"AWS_ACCESS_KEY_ID": "testkey", "AWS_SECRET_ACCESS_KEY": "hush", "PULUMI_ACCESS_TOKEN": "hush"}
    stack.env["PULUMI_BACKEND_URL"] = url.format(free_port())
    found = findings(stack, 1)
    assert [check for check, one in found.items() if one["status"] == "fail"] == ["backend"]
    assert credentials in found["credentials"]["message"]
    assert {"project", "settings", "engine", "language", "git"} <= set(found)
    assert "hush" not in json.dumps(found)


@each("s3")
def test_credentials_that_list_but_do_not_read_are_told_apart(stack: FileStack, server: Server) -> None:
    engine(stack)
    url = put(stack, server)
    refusal = Reply(403, b"<Error><Code>AccessDenied</Code></Error>", {"Content-Type": "application/xml"})
    forbidden = ".pulumi/meta.yaml"

    def script(asked: Asked) -> Reply:
        return refusal if forbidden in asked.path else FORWARD

    behind = url.partition("endpoint=")[2].partition("&")[0]
    with faulty(script, behind=behind) as between:
        stack.env["PULUMI_BACKEND_URL"] = url.replace(behind, f"http://127.0.0.1:{between.port}")
        found = findings(stack, 1)
        assert "no right to read" in found["backend"]["message"]
        assert found["layout"]["message"].startswith("not known: files can be listed, but ")
        forbidden = ".checkpoint.json"
        found = findings(stack, 1)
        assert found["backend"]["status"] == "ok"
        assert found["rights"]["status"] == "fail"
        assert "3 updates are listed, but the newest can't be read" in found["rights"]["message"]
        assert "no right to read" in found["rights"]["message"]


def test_a_directory_is_described_without_what_goes_without_saying(stack: FileStack) -> None:
    engine(stack)
    found = findings(stack, 0)
    assert found["layout"]["message"] == "stacks by project"
    assert "credentials" not in found
    assert "latency" not in found
    stack.live_file.rename(stack.live_file.with_name("dev.json.gz"))
    assert findings(stack, 0)["layout"]["message"] == "stacks by project, 1 of 1 states by gzip"
