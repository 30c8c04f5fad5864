"""What opens backends and clouds is masked in everything that is said, and stands in no record."""

from __future__ import annotations

import json
import os
from pathlib import Path

from pulumi_rewind.project.settings import Settings
from pulumi_rewind.records.credentials import credentials_of
from pulumi_rewind.session import open_session
from tests.support.filestore import FileStore

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
SECRETS = {
    "PULUMI_ACCESS_TOKEN": "pul-0123456789",
    "AWS_SECRET_ACCESS_KEY": "aws/secret+one",
    "AWS_SESSION_TOKEN": "aws-session-two",
    "AZURE_STORAGE_KEY": "YXp1cmUta2V5LXRocmVl",
    "AZURE_STORAGE_SAS_TOKEN": "?sv=2021-06-08&sp=rl&sig=azure%2Fsig%3Dfour",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=acc;AccountKey=Y29ubmVjdGlvbi1maXZl;EndpointSuffix=core",
    "AZURE_STORAGEBLOB_CONNECTIONSTRING": "BlobEndpoint=https://acc;SharedAccessSignature=sv=1&sig=sixth-signature",
    "GOOGLE_CREDENTIALS": json.dumps({"type": "service_account", "private_key": PEM, "client_email": "a@b"}),
    "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.google-seven",
    "PGPASSWORD": "pg-eight",
    "AZURE_PASSWORD": "azure-nine",
    "IDENTITY_HEADER": "identity-eleven",
}
QUOTED = [
    *SECRETS.values(),
    "azure/sig=four",
    "Y29ubmVjdGlvbi1maXZl",
    "sixth-signature",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
    json.dumps(PEM),
    "http://me:proxy-nine@box:3128",
    "me:proxy-ten@box",
]
"""What a message may quote: whole, in part, decoded, escaped."""


def test_they_are_masked_and_withheld(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    key = tmp_path / "key.json"
    key.write_text("{}")
    given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PULUMI_HOME": str(tmp_path / "home")}
    given |= {"HTTPS_PROXY": "http://me:proxy-nine@box:3128", "http_proxy": "me:proxy-ten@box"}
    environ = {**given, **SECRETS, "PULUMI_BACKEND_URL": store.url, "GOOGLE_APPLICATION_CREDENTIALS": str(key)}
    session = open_session(tmp_path, "dev", environ=environ)
    for text in QUOTED:
        said = session.redactor(f"GET <{text}> failed")
        assert "[secret]" in said, text
        assert not any(
            part in said for part in ("one", "two", "three", "four", "MIIE", "eight", "seven", "nine", "-ten")
        ), said
    assert session.redactor("the account acc of core, rl, 2021-06-08, service_account") == (
        "the account acc of core, rl, 2021-06-08, service_account"
    )
    (tmp_path / "home").mkdir()
    logins = {"https://one": {"accessToken": "login-one", "refreshToken": "login-two"}}
    login = {"accounts": logins, "accessTokens": {"https://two": "login-three"}}
    (tmp_path / "home" / "credentials.json").write_text(json.dumps(login))
    withheld = credentials_of(session.workspace, Settings(), ())
    assert {value.encode() for value in SECRETS.values()} - set(withheld.values) == {
        SECRETS["AZURE_STORAGE_SAS_TOKEN"].encode()  # without its question mark
    }
    assert {b"login-one", b"login-two", b"login-three"} <= set(withheld.values)
    assert withheld.reason(key)
