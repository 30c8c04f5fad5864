"""The ways into Azure Blob Storage, as the CLI takes them: keys, signatures, connection strings, a login."""

from __future__ import annotations

import base64
import hmac
import json
import os
import subprocess
from collections.abc import Mapping
from urllib.parse import urlencode

import obstore
import pytest
from obstore.store import AzureStore

from pulumi_rewind.backends import open_backend
from pulumi_rewind.errors import BackendError
from pulumi_rewind.system.toolchain import EngineInfo
from tests.servers.faulty import Asked, Reply, faulty
from tests.servers.running import Server
from tests.servers.stores import ACCOUNT, BUCKET, KEY
from tests.support.filestore import FileStore

pytestmark = [
    pytest.mark.azblob,
    pytest.mark.xdist_group("azblob"),
    pytest.mark.parametrize("server", ["azblob"], indirect=True),
]

WRONG = base64.b64encode(b"hush-hush").decode()


@pytest.fixture
def address(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Host and port of azurite, with one stack below ``ways``."""
    host = server.url.partition("domain=")[2].partition("&")[0]
    store = AzureStore(
        BUCKET,
        config={"account_name": ACCOUNT, "account_key": KEY, "endpoint": f"http://{host}/{ACCOUNT}"},
        client_options={"allow_http": True},
    )
    folder = tmp_path_factory.mktemp("ways")
    FileStore(folder).add("one")
    for path in (path for path in folder.rglob("*") if path.is_file()):
        obstore.put(store, f"ways/{path.relative_to(folder)}", path.read_bytes())
    return host


def signature(until: str = "2100-01-01T00:00:00Z") -> str:
    """Of an account, for reading and listing blobs."""
    fields = {"sv": "2021-06-08", "ss": "b", "srt": "sco", "sp": "rl", "se": until, "spr": "https,http"}
    text = "\n".join((ACCOUNT, "rl", "b", "sco", "", until, "", "https,http", fields["sv"], "", ""))
    signed = hmac.new(base64.b64decode(KEY), text.encode(), "sha256").digest()
    return urlencode({**fields, "sig": base64.b64encode(signed).decode()})


def connection(host: str, rest: str) -> str:
    return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};BlobEndpoint=http://{host}/{ACCOUNT};{rest}"


def ways(host: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Query and environment of each."""
    key = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}
    sas = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_SAS_TOKEN": signature()}
    at = f"domain={host}&protocol=http"
    return {
        "key": (at, key),
        "key and place from the environment": (
            "",
            key
            | {"AZURE_STORAGE_DOMAIN": host, "AZURE_STORAGE_PROTOCOL": "http", "AZURE_STORAGE_IS_LOCAL_EMULATOR": "1"},
        ),
        "signature": (at, sas),
        "key before signature": (at, key | {"AZURE_STORAGE_SAS_TOKEN": "sig=no"}),
        "signature before connection string": (
            at,
            sas | {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=no;AccountKey=bm8="},
        ),
        "connection string": ("", {"AZURE_STORAGE_CONNECTION_STRING": connection(host, f"AccountKey={KEY}")}),
        "connection string with a signature": (
            "",
            {"AZURE_STORAGEBLOB_CONNECTIONSTRING": connection(host, f"SharedAccessSignature={signature()}")},
        ),
    }


ASKED_OF_THE_CLI = {"key before signature", "signature before connection string", "connection string"}
SINCE = {"connection string": pytest.mark.since("3.245.0", "a connection string without the account's name")}


@pytest.mark.parametrize("way", [pytest.param(way, marks=SINCE.get(way, ())) for way in ways("")])
def test_a_way_in(way: str, address: str, engine: EngineInfo, tmp_path_factory: pytest.TempPathFactory) -> None:
    query, environ = ways(address)[way]
    url = f"azblob://{BUCKET}/ways?{query}"
    backend = open_backend(url, environ)
    assert [str(stack) for stack in backend.stacks()] == ["shop/dev"]
    if way in ASKED_OF_THE_CLI:
        home = str(tmp_path_factory.mktemp("cli"))
        given = {"HOME": home, "PATH": os.defpath, "PULUMI_HOME": home, "PULUMI_SKIP_UPDATE_CHECK": "1"}
        done = subprocess.run(
            [str(engine.path), "stack", "ls", "--all"],
            cwd=home, env={**given, **environ, "PULUMI_BACKEND_URL": url},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done
        assert "dev" in done.stdout


def test_a_login_is_azure_identitys(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A managed identity, asked of a server of ours; azurite takes no tokens without TLS."""

    def script(asked: Asked) -> Reply:
        if asked.path.startswith("/identity"):
            body = {"access_token": "granted", "expires_on": "4102444800", "resource": "r", "token_type": "Bearer"}
            return Reply(body=json.dumps(body).encode(), headers={"content-type": "application/json"})
        return Reply(403, b"<Error><Code>AuthorizationPermissionMismatch</Code></Error>")

    with faulty(script) as front:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{front.url}/identity")
        monkeypatch.setenv("IDENTITY_HEADER", "hush-header")
        host = front.url.partition("://")[2]
        said = refused(f"azblob://{BUCKET}?domain={host}&protocol=http&storage_account=acc", os.environ)
        asked = [asked for asked in front.seen if asked.path.startswith("/acc/")]
    assert asked[0].headers["authorization"] == "Bearer granted"
    assert "no right to read" in said


def test_what_is_wrong(address: str) -> None:
    at = f"azblob://{BUCKET}/ways?domain={address}&protocol=http"
    key = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}
    assert "no right" in refused(at, key | {"AZURE_STORAGE_KEY": WRONG})
    expired = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_SAS_TOKEN": signature("2020-01-01T00:00:00Z")}
    assert "no right" in refused(at, expired)
    assert "there is no elsewhere" in refused(at.replace(BUCKET, "elsewhere", 1), key)
    assert "holds no Pulumi state" in refused(at.replace("/ways", "/other"), key)
    assert "They know cdn, domain" in refused(f"{at}&sas=hush", key)


def refused(url: str, environ: Mapping[str, str]) -> str:
    with pytest.raises(BackendError) as caught:
        open_backend(url, environ)
    said = f"{caught.value}\n{caught.value.hint}"
    assert url.partition("?")[0] in said
    assert caught.value.hint
    for secret in ("hush", WRONG, KEY, "sig=", "granted"):
        assert secret not in said
    return said
