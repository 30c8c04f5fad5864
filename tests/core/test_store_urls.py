"""From a backend's URL and the environment to the options of a store; no server is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_rewind.backends import azure, s3
from pulumi_rewind.backends.postgres_url import parse_postgres_url, table_name
from pulumi_rewind.backends.store_errors import store_error
from pulumi_rewind.backends.store_url import parse_store_url
from pulumi_rewind.errors import BackendError

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


def s3_options(url: str, environ: Mapping[str, str]) -> dict[str, Any]:
    parsed = parse_store_url(url, s3.OPTIONS, "bucket")
    found: dict[str, Any] = s3.config_of(parsed, s3.where_of(parsed, environ))
    return found


@pytest.mark.parametrize(
    ("query", "environ", "endpoint", "virtual"),
    [
        ("", {}, None, True),
        ("use_path_style=true", {}, None, False),
        ("s3ForcePathStyle=TRUE", {}, None, False),
        ("endpoint=http://127.0.0.1:9&use_path_style=1", {}, "http://127.0.0.1:9", False),
        ("endpoint=http://127.0.0.1:9", {}, "http://state.127.0.0.1:9", True),
        ("endpoint=box:9&disableSSL=true&s3ForcePathStyle=true", {}, "http://box:9", False),
        ("endpoint=box:9&use_path_style=true", {}, "https://box:9", False),
        ("", {"AWS_ENDPOINT_URL": "http://box:9/"}, "http://box:9", False),
        ("", {"AWS_ENDPOINT_URL": "http://no", "AWS_ENDPOINT_URL_S3": "http://box:9"}, "http://box:9", False),
        ("dualstack=true&region=eu-west-1", {}, "https://state.s3.dualstack.eu-west-1.amazonaws.com", True),
        ("fips=true&region=us-east-2", {}, "https://state.s3-fips.us-east-2.amazonaws.com", True),
        ("accelerate=true", {}, "https://state.s3-accelerate.amazonaws.com", True),
    ],
)
def test_where_an_s3_bucket_is(query: str, environ: dict[str, str], endpoint: str | None, virtual: bool) -> None:
    found = s3_options(f"s3://state/pre/fix?{query}", KEYS | environ)
    assert found.get("endpoint") == endpoint
    assert found["virtual_hosted_style_request"] is virtual
    assert found["access_key_id"] == "key"


@pytest.mark.parametrize(
    ("query", "environ", "static"),
    [
        ("", {}, True),
        ("profile=p", {}, False),
        ("role=arn:aws:iam::1:role/r", {}, False),
        ("", {"AWS_PROFILE": "p"}, False),  # the profile may name an endpoint
        ("endpoint=http://box", {"AWS_PROFILE": "p"}, True),
        ("anonymous=true", {}, False),
    ],
)
def test_static_keys_are_used_where_no_profile_can_say_otherwise(
    query: str, environ: dict[str, str], static: bool
) -> None:
    parsed = parse_store_url(f"s3://state?{query}", s3.OPTIONS, "bucket")
    assert (s3.where_of(parsed, KEYS | environ).keys is not None) is static


def test_a_session_token_goes_with_the_keys() -> None:
    assert s3_options("s3://state", KEYS | {"AWS_SESSION_TOKEN": "t"})["session_token"] == "t"


AZURE = {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_KEY": "k"}
TEXT = "AZURE_STORAGE_CONNECTION_STRING"
CONNECTION = "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=a=b==;BlobEndpoint=http://127.0.0.1:1/acc/;"


@pytest.mark.parametrize(
    ("query", "environ", "expected"),
    [
        ("", AZURE, {"endpoint": "https://acc.blob.core.windows.net", "account_key": "k"}),
        ("storage_account=other", AZURE, {"endpoint": "https://other.blob.core.windows.net", "account_name": "other"}),
        ("domain=127.0.0.1:1&protocol=http", AZURE, {"endpoint": "http://127.0.0.1:1/acc"}),
        ("domain=cdn.example&cdn=true", AZURE, {"endpoint": "https://cdn.example"}),
        (
            "",
            {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION},
            {"endpoint": "http://127.0.0.1:1/acc", "account_key": "a=b=="},
        ),
        ("", {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=x"}, {"sas_key": "sv=1&sig=x"}),
    ],
)
def test_where_an_azure_container_is(query: str, environ: dict[str, str], expected: dict[str, str]) -> None:
    found, source = azure.config_of(parse_store_url(f"azblob://state?{query}", azure.OPTIONS, "container"), environ)
    assert {key: found[key] for key in expected} == expected
    assert source.startswith("AZURE_STORAGE_")


def test_an_azure_login_is_asked_where_there_is_no_key() -> None:
    url = parse_store_url("azblob://state?storage_account=acc", azure.OPTIONS, "container")
    assert azure.config_of(url, {})[1] == ""


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "s3://state?profil=x", "azblob://state"])
def test_what_is_wrong_with_a_url_is_said(url: str) -> None:
    def read() -> None:
        if url.startswith("s3"):
            parse_store_url(url, s3.OPTIONS, "bucket")
        else:
            azure.config_of(parse_store_url(url, azure.OPTIONS, "container"), {})

    with pytest.raises(BackendError) as caught:
        read()
    assert caught.value.hint


def test_a_postgres_url_is_read_as_the_clis_driver_reads_it() -> None:
    found = parse_postgres_url(
        "postgres://me:p%40ss@box:5433/state?table=a.B&search_path=infra%20x&binary_parameters=yes&sslmode=prefer", {}
    )
    said = {name: found.arguments[name] for name in ("host", "port", "user", "password", "dbname", "sslmode")}
    assert said == {
        "host": "box", "port": "5433", "user": "me", "password": "p@ss", "dbname": "state", "sslmode": "prefer"
    }  # fmt: skip
    assert (found.table, found.database, found.settings) == (("a", "b"), "state", {"search_path": "infra x"})
    assert "p@ss" not in repr(found)
    assert found.credentials == "user me from the URL, password from the URL"


def test_what_a_postgres_url_does_not_say_is_in_the_environment_or_a_default_of_the_clis_driver(tmp_path: Path) -> None:
    bare = parse_postgres_url("postgres://", {"HOME": str(tmp_path)})
    assert dict(bare.arguments) == {
        "connect_timeout": 10, "host": "localhost", "sslmode": "require", "passfile": str(tmp_path / ".pgpass")
    }  # fmt: skip
    assert bare.database == ""
    assert bare.credentials == "the user of this machine, no password"
    environ = {"PGHOST": "box", "PGUSER": "me", "PGPASSWORD": "hush", "PGSSLMODE": "disable", "PGDATABASE": "other"}
    found = parse_postgres_url("postgres://:1/state?user=you", environ)
    said = {name: found.arguments[name] for name in ("host", "port", "user", "password", "dbname", "sslmode")}
    assert said == {
        "host": "box", "port": "1", "user": "you", "password": "hush", "dbname": "state", "sslmode": "disable"
    }  # fmt: skip
    assert found.credentials == "user you from the URL, password from PGPASSWORD"
    assert "host" not in parse_postgres_url("postgres:///state", {"PGSERVICE": "infra"}).arguments


def test_the_certificates_of_the_system_are_trusted_where_the_clis_driver_trusts_them(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.touch()
    environ = {"HOME": str(tmp_path), "SSL_CERT_FILE": str(roots)}
    url = "postgres://box/state?sslmode=verify-full"
    assert parse_postgres_url(url, environ).arguments["sslrootcert"] == str(roots)
    assert parse_postgres_url(f"{url}&sslrootcert=own", environ).arguments["sslrootcert"] == "own"
    assert "sslrootcert" not in parse_postgres_url("postgres://box/state", environ).arguments


@pytest.mark.parametrize(
    ("text", "name"),
    [("State", ("state",)), ("infra.state_2", ("infra", "state_2")), ('"My-""Table".t', ('My-"Table', "t"))],
)
def test_a_tables_name_is_read_as_sql_reads_it(text: str, name: tuple[str, ...]) -> None:
    assert table_name(text, "") == name


@pytest.mark.parametrize(
    "query", ["table=my-table", "table=a%3B%20DROP%20TABLE%20b", "table=.a", "table=2a", "sslinline=true"]
)
def test_what_a_postgres_url_can_not_ask_for_is_said_without_the_password(query: str) -> None:
    with pytest.raises(BackendError) as caught:
        parse_postgres_url(f"postgres://me:hush@box/state?{query}", {})
    assert "postgres://me:[secret]@box/state" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert caught.value.hint


def test_a_port_that_is_none_is_said_without_the_password() -> None:
    with pytest.raises(BackendError, match=r"can't be understood") as caught:
        parse_postgres_url("postgres://me:hush@box:5432,5433/state", {})
    assert "hush" not in str(caught.value)
    assert "?port=5432,5433" in caught.value.hint


@pytest.mark.parametrize(
    ("said", "message", "helps"),
    [
        ("404 Not Found: <Code>NoSuchBucket</Code>", "there is no state", "Check the name"),
        ("403: <Code>InvalidAccessKeyId</Code>", "the access key is not known", "aws sts"),
        ("403: <Code>SignatureDoesNotMatch</Code>", "the secret key does not fit", "doctor"),
        ("400: <Code>ExpiredToken</Code>", "have expired", "Log in again"),
        ("inner: BareRedirect", "another region", "region=REGION"),
        ("403 Forbidden: <Code>AccessDenied</Code>", "no right to read", "rights to list"),
        ('ConnectError("dns error"', "can't be resolved", "endpoint"),
        ('ConnectError("tcp connect error"', "nothing answers", "endpoint"),
        ("kind: Timeout", "in time", "Try again"),
        ("status: 429,", "so many requests", "Try again"),
        ("error: IncompleteBody", "cut off", "Try again"),
        ("status: 503,", "a fault of its own", "Try again"),
        ("something\nnew", "something", "Try again"),
    ],
)
def test_what_a_store_says_is_put_into_a_sentence(said: str, message: str, helps: str) -> None:
    error = store_error(Exception(said), url="s3://state?endpoint=x", place="state", what="meta.yaml")
    assert str(error).startswith("meta.yaml can't be read from s3://state?endpoint=x: ")
    assert message in str(error)
    assert "\n" not in str(error)
    assert helps in error.hint
