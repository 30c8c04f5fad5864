"""The ways into S3: keys, profiles, processes, roles, web identities and single sign-on, as the CLI takes them."""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_rewind.backends import open_backend
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.toolchain import EngineInfo
from tests.servers import aws
from tests.servers.faulty import FORWARD, Asked, Faulty, Reply, faulty
from tests.support.filestore import FileStore

pytestmark = [pytest.mark.s3, pytest.mark.xdist_group("moto")]

ROLE = "arn:aws:iam::123456789012:role/reader"
KEYS = {"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "envsecret"}


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """With one stack in its bucket."""
    folder = tmp_path_factory.mktemp("moto")
    store = FileStore(folder / "store")
    store.add("one")
    with aws.moto(folder, folder / "store") as url:
        yield url


@pytest.fixture
def front(moto: str) -> Iterator[Faulty]:
    """Passes everything on to moto, and sees who asks."""

    def script(asked: Asked) -> Reply:
        if asked.path.startswith("/federation/credentials"):
            found = {"accessKeyId": "AKSSO", "secretAccessKey": "s", "sessionToken": "t", "expiration": 4102444800000}
            return Reply(body=json.dumps({"roleCredentials": found}).encode())
        return FORWARD

    with faulty(script, moto) as server:
        yield server


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, which this process has as well: botocore looks there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    return tmp_path


def keys_used(front: Faulty) -> list[str]:
    """The access keys that the bucket was asked with."""
    found = (
        re.search(r"Credential=(\w+)/", asked.headers.get("authorization", "")) for asked in asked_of_bucket(front)
    )
    return [match[1] for match in found if match]


def asked_of_bucket(front: Faulty) -> list[Asked]:
    return [asked for asked in front.seen if asked.path.startswith(f"/{aws.BUCKET}")]


CONFIG = """
[default]
region = us-east-1
[profile keys]
endpoint_url = {url}
[profile process]
credential_process = {home}/process
endpoint_url = {url}
[profile chained]
role_arn = {role}
source_profile = keys
endpoint_url = {url}
[profile web]
role_arn = {role}
web_identity_token_file = {home}/token
endpoint_url = {url}
[profile sso]
sso_start_url = https://start.example
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = reader
endpoint_url = {url}
"""
CREDENTIALS = """
[default]
aws_access_key_id = AKDEFAULT
aws_secret_access_key = s
[keys]
aws_access_key_id = AKPROFILE
aws_secret_access_key = s
"""


def write_home(home: Path, url: str) -> None:
    (home / ".aws" / "config").write_text(CONFIG.format(url=url, home=home, role=ROLE))
    (home / ".aws" / "credentials").write_text(CREDENTIALS)
    (home / "token").write_text("header.payload.signature")
    soon = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    answer = {"Version": 1, "SecretAccessKey": "s", "SessionToken": "t", "Expiration": soon}
    process = home / "process"
    text = json.dumps({**answer, "AccessKeyId": "AKPROCESS$n"}).replace('"', '\\"')
    process.write_text(f'#!/bin/sh\necho x >> {home}/calls; n=$(wc -l < {home}/calls)\necho "{text}"\n')
    process.chmod(0o700)
    cache = home / ".aws" / "sso" / "cache" / f"{hashlib.sha1(b'https://start.example').hexdigest()}.json"
    cache.parent.mkdir(parents=True)
    cache.write_text(json.dumps({"accessToken": "ssotoken", "expiresAt": "2100-01-01T00:00:00Z"}))


HERE = "endpoint={url}&s3ForcePathStyle=true&region=us-east-1"
"""As every supported CLI understands it."""

WAYS = {
    "keys in the environment": (HERE, KEYS, "AKENV"),
    "the new name for the bucket in the path": ("endpoint={url}&use_path_style=true&region=us-east-1", KEYS, "AKENV"),
    "a session token": (HERE, KEYS | {"AWS_SESSION_TOKEN": "tok"}, "AKENV"),
    "keys are stronger than AWS_PROFILE": (HERE, KEYS | {"AWS_PROFILE": "keys"}, "AKENV"),
    "profile in the url is stronger than keys": (HERE + "&profile=keys", KEYS, "AKPROFILE"),
    "the default profile": (HERE, {}, "AKDEFAULT"),
    "AWS_PROFILE": (HERE, {"AWS_PROFILE": "keys"}, "AKPROFILE"),
    "endpoint and region of the profile": ("profile=keys&region=us-east-1", {}, "AKPROFILE"),
    "AWS_ENDPOINT_URL": ("", KEYS | {"AWS_ENDPOINT_URL": "{url}"}, "AKENV"),
    "AWS_ENDPOINT_URL_S3": ("", KEYS | {"AWS_ENDPOINT_URL": "http://no", "AWS_ENDPOINT_URL_S3": "{url}"}, "AKENV"),
    "the url's endpoint is stronger": (HERE, KEYS | {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1"}, "AKENV"),
    "legacy": ("endpoint={host}&disableSSL=true&s3ForcePathStyle=true&region=us-east-1", KEYS, "AKENV"),
    "a process": ("profile=process&region=us-east-1", {}, "AKPROCESS"),
    "a role in the url": (HERE + f"&role={ROLE}", KEYS | {"AWS_ENDPOINT_URL_STS": "{url}"}, "ASIA"),
    "a role of the profile": ("profile=chained&region=us-east-1", {}, "ASIA"),
    "a web identity of the profile": ("profile=web&region=us-east-1", {"AWS_ENDPOINT_URL_STS": "{url}"}, "ASIA"),
    "a web identity": (
        HERE,
        {
            "AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/token",
            "AWS_ROLE_ARN": ROLE,
            "AWS_ENDPOINT_URL_STS": "{url}",
        },
        "ASIA",
    ),
    "single sign-on": ("profile=sso&region=us-east-1", {"AWS_ENDPOINT_URL_SSO": "{url}"}, "AKSSO"),
}


ASKED_OF_THE_CLI = {
    "keys are stronger than AWS_PROFILE",
    "profile in the url is stronger than keys",
    "the url's endpoint is stronger",
    "a role in the url",
    "the new name for the bucket in the path",
}
"""Where it is easily taken for something else; it takes the other ways as well, which was tried once (3.276)."""

NEW = pytest.mark.since("3.245.0", "an option of s3:// URLs")
SINCE = {"a role in the url": NEW, "the new name for the bucket in the path": NEW}


@pytest.mark.parametrize("way", [pytest.param(way, marks=SINCE.get(way, ())) for way in WAYS])
def test_a_way_in(way: str, front: Faulty, home: Path, monkeypatch: pytest.MonkeyPatch, engine: EngineInfo) -> None:
    query, environ, key = WAYS[way]
    parts = {"url": front.url, "host": front.url.partition("://")[2], "home": str(home)}
    write_home(home, front.url)
    # botocore reads HOME once, when it is imported, and an earlier test may have had another one.
    monkeypatch.setattr("botocore.credentials.SSOProvider._SSO_TOKEN_CACHE_DIR", str(home / ".aws" / "sso" / "cache"))
    for name, value in environ.items():
        monkeypatch.setenv(name, value.format(**parts))
    url = f"s3://{aws.BUCKET}?{query.format(**parts)}"
    backend = open_backend(url, os.environ)
    assert [str(stack) for stack in backend.stacks()] == ["shop/dev"]
    ours = keys_used(front)
    assert ours
    assert all(used.startswith(key) for used in ours), ours
    token = "AWS_SESSION_TOKEN" in environ or key in {"ASIA", "AKSSO", "AKPROCESS"}
    assert all(bool(asked.headers.get("x-amz-security-token")) is token for asked in asked_of_bucket(front))
    if way in ASKED_OF_THE_CLI:
        front.seen.clear()
        environ = {**os.environ, "PULUMI_BACKEND_URL": url, "PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "1"}
        command = [str(engine.path), "stack", "ls", "--all"]
        done = subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done
        assert {used[:4] for used in keys_used(front)} == {key[:4]}


def test_credentials_are_renewed_before_they_expire(front: Faulty, home: Path) -> None:
    """The process gives some for two minutes, which is too short to go on with."""
    write_home(home, front.url)
    backend = open_backend(f"s3://{aws.BUCKET}?profile=process&region=us-east-1", os.environ)
    first = keys_used(front)[0]
    assert first.startswith("AKPROCESS")
    end = time.monotonic() + 20
    while keys_used(front)[-1] == first and time.monotonic() < end:  # obstore asks at most ten times a second
        backend.stacks()
    assert keys_used(front)[-1] != first


def test_a_profile_that_is_none(home: Path) -> None:
    with pytest.raises(BackendError, match="nowhere") as caught:
        open_backend(f"s3://{aws.BUCKET}?profile=nowhere", os.environ)
    assert "aws configure list-profiles" in caught.value.hint


def test_another_environment_than_the_process_has_is_not_taken_for_it(home: Path) -> None:
    """botocore would look into the process's own."""
    with pytest.raises(BackendError, match="AWS_PROFILE"):
        open_backend(f"s3://{aws.BUCKET}", {**os.environ, "AWS_PROFILE": "keys"})
