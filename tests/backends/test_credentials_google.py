"""The ways into Google Cloud Storage: a proxy of ours plays Google's hosts, which no other server here does."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from pulumi_rewind.backends import objects, open_backend
from pulumi_rewind.errors import BackendError
from tests.servers.certificates import certified
from tests.servers.faulty import HANG, TUNNEL, Asked, Faulty, Reply, faulty

pytestmark = [pytest.mark.gs, pytest.mark.xdist_group("gs")]

HOSTS = ("storage.googleapis.com", "oauth2.googleapis.com", "accounts.google.com", "sts.googleapis.com")
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
SERVICE = {
    "type": "service_account",
    "project_id": "p",
    "private_key_id": "key-1",
    "private_key": PEM,
    "client_email": "reader@p.iam.gserviceaccount.com",
    "client_id": "1",
    "token_uri": "https://oauth2.googleapis.com/token",
}
USER = {"type": "authorized_user", "client_id": "us", "client_secret": "hush-1", "refresh_token": "hush-2"}


def external(token: Path) -> dict[str, object]:
    """Workload identity: a token of another's is exchanged at Google's."""
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(token)},
    }


LISTED = (
    "<ListBucketResult><Contents><Key>.pulumi/meta.yaml</Key><LastModified>2025-11-24T16:00:00Z</LastModified>"
    "<Size>11</Size><ETag>x</ETag></Contents></ListBucketResult>"
)


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    """Everything that this process asks of Google; nothing of the operator's is in its environment."""
    trusted, tunnel = certified(tmp_path, *HOSTS)

    def script(asked: Asked) -> Reply:
        if asked.method == "CONNECT":
            return TUNNEL
        if "token" in asked.path:
            form = parse_qs(asked.body.decode())
            if "stalls" in asked.body.decode():
                return HANG
            if "expired" in asked.body.decode():
                return Reply(400, b'{"error": "invalid_grant", "error_description": "Token has been revoked."}')
            token = "from-" + (form.get("refresh_token") or form.get("subject_token") or ["none"])[0]
            answer = {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}
            return Reply(body=json.dumps(answer).encode(), headers={"content-type": "application/json"})
        if asked.path.startswith("/state?"):
            return Reply(body=LISTED.encode())
        last = "Mon, 24 Nov 2025 16:00:00 GMT"
        return Reply(body=b"version: 1\n", headers={"last-modified": last, "etag": '"x"'})

    with faulty(script, tunnel=tunnel) as proxy:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
        monkeypatch.setenv("HOME", str(tmp_path))
        yield proxy


def bearers(google: Faulty) -> set[str]:
    """The tokens that the bucket was asked with."""
    return {asked.headers["authorization"] for asked in google.seen if asked.path.startswith("/state")}


def test_a_token_is_stronger_than_files(google: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "tok")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    open_backend("gs://state", os.environ)
    assert bearers(google) == {"Bearer tok"}


@pytest.mark.parametrize("way", ["GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS", "gcloud"])
def test_a_service_account(way: str, google: Faulty, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It signs its own tokens; `GOOGLE_CREDENTIALS` is stronger than a token and than files."""
    give(way, SERVICE, monkeypatch, tmp_path)
    if way == "GOOGLE_CREDENTIALS":
        monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "weaker")
    open_backend("gs://state", os.environ)
    (bearer,) = bearers(google)
    signed, _, signature = bearer.removeprefix("Bearer ").rpartition(".")
    KEY.public_key().verify(decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert json.loads(decoded(signed.partition(".")[2]))["iss"] == SERVICE["client_email"]


@pytest.mark.parametrize("way", ["GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS", "gcloud"])
def test_a_users_login(way: str, google: Faulty, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    give(way, USER, monkeypatch, tmp_path)
    open_backend("gs://state", os.environ)
    assert bearers(google) == {"Bearer from-hush-2"}


@pytest.mark.parametrize("way", ["GOOGLE_CREDENTIALS", "GOOGLE_APPLICATION_CREDENTIALS"])
def test_a_workload_identity(way: str, google: Faulty, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("foreign")
    give(way, external(tmp_path / "token"), monkeypatch, tmp_path)
    open_backend("gs://state", os.environ)
    assert bearers(google) == {"Bearer from-foreign"}


def test_anonymous(google: Faulty) -> None:
    open_backend("gs://state?anonymous=true", os.environ)
    assert all("authorization" not in asked.headers for asked in google.seen)


def test_an_authority_that_is_not_trusted(google: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "hush-3")
    said = refused("gs://state")
    assert "no secure connection" in said
    assert "SSL_CERT_FILE" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{hush", "holds no Google credentials"),
        ('{"private_key": "hush"}', "holds no Google credentials"),
        ('{"type": "service_account", "private_key": "hush"}', "no usable key"),
        ('{"type": "external_account", "audience": "hush"}', "can't be used"),
    ],
)
def test_malformed_credentials(text: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_CREDENTIALS", text)
    assert message in refused("gs://state")


def test_a_file_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere.json")
    assert "/nowhere.json: No such file" in refused("gs://state")


def test_a_login_that_has_expired(google: Faulty, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    give("GOOGLE_CREDENTIALS", {**USER, "refresh_token": "expired"}, monkeypatch, tmp_path)
    said = refused("gs://state")
    assert "invalid_grant" in said
    assert "gcloud auth application-default login" in said


def test_a_service_of_credentials_that_hangs(google: Faulty, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """google-auth alone would wait for minutes."""
    monkeypatch.setattr(objects, "PATIENCE", 0.3)
    give("GOOGLE_CREDENTIALS", {**USER, "refresh_token": "stalls"}, monkeypatch, tmp_path)
    assert "timed out" in refused("gs://state")


def refused(url: str) -> str:
    with pytest.raises(BackendError) as caught:
        open_backend(url, os.environ)
    said = f"{caught.value}\n{caught.value.hint}"
    assert url in said
    assert caught.value.hint
    assert "hush" not in said
    return said


def give(way: str, document: object, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """The credentials, as the environment or gcloud has them."""
    if way == "GOOGLE_CREDENTIALS":
        monkeypatch.setenv(way, json.dumps(document))
        return
    path = home / ".config" / "gcloud" / "application_default_credentials.json"
    if way != "gcloud":
        path = home / "given.json"
        monkeypatch.setenv(way, str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
