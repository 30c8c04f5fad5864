"""From a backend's URL and the environment to the options of a store; no server is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pulumi_rewind.backends import azure, open_backend, s3
from pulumi_rewind.backends.aws_config import AwsProfile, aws_profile
from pulumi_rewind.backends.store_errors import store_error
from pulumi_rewind.backends.store_url import checked_endpoint, parse_store_url
from pulumi_rewind.errors import BackendError

KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}


AWS = "amazonaws.com"


def s3_where(url: str, environ: Mapping[str, str]) -> s3.Where:
    parsed = parse_store_url(url, s3.OPTIONS, "bucket")
    return s3.where_of(parsed, environ, aws_profile(environ, parsed.options.get("profile", "")))


@pytest.mark.parametrize(
    ("query", "environ", "endpoint"),
    [
        ("", {}, f"https://state.s3.us-east-1.{AWS}"),
        ("region=cn-north-1", {}, f"https://state.s3.cn-north-1.{AWS}.cn"),
        ("use_path_style=true", {"AWS_REGION": "eu-west-1"}, f"https://s3.eu-west-1.{AWS}/"),
        ("s3ForcePathStyle=TRUE", {}, f"https://s3.us-east-1.{AWS}/"),
        ("endpoint=http://127.0.0.1:9&use_path_style=1", {}, "http://127.0.0.1:9/"),
        (
            "endpoint=http://127.0.0.1:9",
            {},
            "http://127.0.0.1:9/",
        ),  # not a host state.127.0.0.1
        ("endpoint=http://box:9", {}, "http://state.box:9"),
        ("endpoint=http://box:9&hostname_immutable=true", {}, "http://box:9/"),
        ("endpoint=box:9&disableSSL=true&s3ForcePathStyle=true", {}, "http://box:9/"),
        ("endpoint=box:9&use_path_style=true", {}, "https://box:9/"),
        ("endpoint=http://one&endpoint=http://two", {}, "http://state.one"),
        ("", {"AWS_ENDPOINT_URL": "http://10.0.0.1:9/"}, "http://10.0.0.1:9/"),
        ("", {"AWS_ENDPOINT_URL": "http://box:9/"}, "http://state.box:9"),
        ("", {"AWS_ENDPOINT_URL": "http://no", "AWS_ENDPOINT_URL_S3": "http://box:9"}, "http://state.box:9"),
        (
            "",
            {"AWS_ENDPOINT_URL": "http://no", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            f"https://state.s3.us-east-1.{AWS}",
        ),
        ("endpoint=http://box", {"AWS_ENDPOINT_URL_S3": "http://no"}, "http://state.box"),
        ("dualstack=true&region=eu-west-1", {}, f"https://state.s3.dualstack.eu-west-1.{AWS}"),
        ("fips=true&region=us-east-2", {}, f"https://state.s3-fips.us-east-2.{AWS}"),
        ("accelerate=true", {}, f"https://state.s3-accelerate.{AWS}"),
    ],
)
def test_where_an_s3_bucket_is(query: str, environ: dict[str, str], endpoint: str) -> None:
    """A slash at the end stands for a path that begins with the bucket."""
    url = f"s3://state/pre/fix?{query}"
    found = s3.config_of(parse_store_url(url, s3.OPTIONS, "bucket"), s3_where(url, KEYS | environ))
    assert found["endpoint"] + "/" * (not found["virtual_hosted_style_request"]) == endpoint
    assert found["aws_endpoint_url_s3"] == found["endpoint"]


def test_a_bucket_whose_name_is_no_name_of_a_host_is_in_the_path() -> None:
    for place, virtual in {"my-state": True, "my.state": False, "My_State": False}.items():
        parsed = parse_store_url(f"s3://{place}", s3.OPTIONS, "bucket")
        where = s3.where_of(parsed, KEYS, AwsProfile())
        assert s3.config_of(parsed, where)["virtual_hosted_style_request"] is virtual


@pytest.mark.parametrize(
    ("query", "environ", "static"),
    [
        ("", {}, True),
        ("profile=p", {}, False),
        ("role=arn:aws:iam::1:role/r", {}, False),
        ("", {"AWS_PROFILE": "p"}, True),
        ("anonymous=true", {}, False),
    ],
)
def test_only_a_profile_in_the_url_is_stronger_than_keys(query: str, environ: dict[str, str], static: bool) -> None:
    assert (s3_where(f"s3://state?{query}", KEYS | environ).keys is not None) is static


@pytest.mark.parametrize(
    "endpoint",
    ["http://", "http://%zz", "http://a b", "http://[::1", "http://1.2.3.999", "ftp://box", "http://box:99999"],
)
def test_an_endpoint_that_is_none_is_told(endpoint: str) -> None:
    """obstore's own code would break at it."""
    for url in (f"s3://state?use_path_style=true&endpoint={endpoint}", f"s3://state?endpoint={endpoint}"):
        with pytest.raises(BackendError, match="not the address of a server"):
            open_backend(url, KEYS)
    for address in ("http://[::1]:9", "http://127.0.0.1:9/path", "https://me:pw@box.x", "http://box_1:65535"):
        assert checked_endpoint(parse_store_url("s3://state", s3.OPTIONS, "bucket"), address) == address


def test_a_session_token_goes_with_the_keys() -> None:
    assert s3_where("s3://state", KEYS | {"AWS_SESSION_TOKEN": "t"}).keys == ("key", "secret", "t")


CONFIG = """
[default]
region = eu-central-1
[profile far]
region=eu-north-1
endpoint_url = http://no
services = mine
[services mine]
ec2 =
  endpoint_url = http://ec2
s3 =
  addressing_style = path
  endpoint_url = http://far
[profile near]
endpoint_url = http://near%2d
"""


@pytest.mark.parametrize(
    ("environ", "region", "endpoint"),
    [
        ({}, "eu-central-1", ""),
        ({"AWS_PROFILE": "far"}, "eu-north-1", "http://far"),
        ({"AWS_PROFILE": "near"}, "", "http://near%2d"),
        ({"AWS_PROFILE": "missing"}, "", ""),
    ],
)
def test_a_configuration_file_names_region_and_endpoint(
    tmp_path: Path, environ: dict[str, str], region: str, endpoint: str
) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text(CONFIG)
    assert aws_profile({"HOME": str(tmp_path), **environ}) == AwsProfile(region, endpoint)
    (tmp_path / ".aws" / "config").write_text("no section\n")
    assert aws_profile({"HOME": str(tmp_path), **environ}) == AwsProfile()


AZURE = {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_KEY": "azE="}
TEXT = "AZURE_STORAGE_CONNECTION_STRING"
CONNECTION = "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=YWE=;BlobEndpoint=http://127.0.0.1:1/acc/;"


@pytest.mark.parametrize(
    ("query", "environ", "endpoint", "credential"),
    [
        ("", AZURE, "https://acc.blob.core.windows.net", {"access_key": "azE="}),
        ("storage_account=other", AZURE, "https://other.blob.core.windows.net", {"access_key": "azE="}),
        ("storage_account=other", {"AZURE_STORAGE_KEY": "azE="}, "https://other.blob.core.windows.net", None),
        ("domain=127.0.0.1:1&protocol=http", AZURE, "http://127.0.0.1:1/acc", {"access_key": "azE="}),
        ("domain=cdn.example&cdn=true", AZURE, "https://cdn.example", {"access_key": "azE="}),
        (
            "",
            AZURE | {"AZURE_STORAGE_DOMAIN": "d", "AZURE_STORAGE_PROTOCOL": "http", "AZURE_STORAGE_IS_CDN": "1"},
            "http://d",
            {"access_key": "azE="},
        ),
        (
            "",
            AZURE | {"AZURE_STORAGE_DOMAIN": "d", "AZURE_STORAGE_IS_LOCAL_EMULATOR": "true"},
            "https://d/acc",
            {"access_key": "azE="},
        ),
        ("", {TEXT: CONNECTION}, "http://127.0.0.1:1/acc", {"access_key": "YWE="}),
        (
            "storage_account=other&domain=d",
            {"AZURE_STORAGEBLOB_CONNECTIONSTRING": "AccountName=acc;AccountKey=azE=;EndpointSuffix=x"},
            "https://acc.blob.x",
            {"access_key": "azE="},
        ),
        (
            "",
            {TEXT: "BlobEndpoint=https://acc.blob.x/;SharedAccessSignature=?sv=1&sig=y"},
            "https://acc.blob.x",
            {"sas_token": "sv=1&sig=y"},
        ),
        ("", AZURE | {TEXT: CONNECTION}, "http://acc.blob.core.windows.net", {"access_key": "azE="}),
        (
            "",
            {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_SAS_TOKEN": "?sv=1&sig=x"},
            "https://acc.blob.core.windows.net",
            {"sas_token": "sv=1&sig=x"},
        ),
        ("storage_account=acc", {}, "https://acc.blob.core.windows.net", None),
    ],
)
def test_where_an_azure_container_is(
    query: str, environ: dict[str, str], endpoint: str, credential: dict[str, str] | None
) -> None:
    found = azure.where_of(parse_store_url(f"azblob://state?{query}", azure.OPTIONS, "container"), environ)
    assert (found.endpoint, found.credential) == (endpoint, credential)
    assert found.source.startswith("AZURE_STORAGE" if credential else "the Azure")


@pytest.mark.parametrize(
    "url",
    [
        "s3://", "s3:///x", "s3://state?profil=x", "s3://state?use_path_style=yes", "s3://state?role=admin",
        "azblob://state", "azblob://state?storage_account=a&protocol=ftp",
        "azblob://state?storage_account=a&cdn=yes",
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_url_is_said(url: str) -> None:
    def read() -> None:
        if url.startswith("s3"):
            parsed = parse_store_url(url, s3.OPTIONS, "bucket")
            s3.config_of(parsed, s3.where_of(parsed, KEYS, AwsProfile()))
        else:
            azure.where_of(parse_store_url(url, azure.OPTIONS, "container"), {})

    with pytest.raises(BackendError) as caught:
        read()
    assert caught.value.hint


@pytest.mark.parametrize(
    "environ",
    [
        {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_KEY": "hush!"},
        {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_SAS_TOKEN": "hush"},
        {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=acc;AccountKey=hush!"},
        {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=acc;EndpointSuffix=hush"},
        {"AZURE_STORAGEBLOB_CONNECTIONSTRING": "AccountKey=hush"},
    ],
)
def test_what_is_wrong_with_azures_variables_is_said_without_them(environ: dict[str, str]) -> None:
    with pytest.raises(BackendError, match=list(environ)[-1]) as caught:
        azure.where_of(parse_store_url("azblob://state", azure.OPTIONS, "container"), environ)
    assert caught.value.hint
    assert "hush" not in f"{caught.value} {caught.value.hint}"


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
        ("AuthenticationErrorDetail>Signature not valid in the specified time frame", "have expired", "Log in again"),
        ("403: <Code>AuthenticationFailed</Code>", "signature is not accepted", "doctor"),
        ("503: <Code>ServerBusy</Code>, status: 503,", "so many requests", "Try again"),
        ("retry_timeout: 30s, status: 500,", "a fault of its own", "Try again"),
        ("http://box/proxy-AccessDenied/certificate status: 500,", "a fault of its own", "Try again"),
        ("status: 403, http://169.254.169.254/latest", "no credentials were found", "Set those"),
        ("External AWS credential provider: m.E: none there.\nDebug", "there are no credentials: none there", "Log in"),
        ("list request: Server returned non-2xx status code: 404 Not Found: <html>", "no object store", "login page"),
        ("Last-Modified Header missing from response\n", "no object store", "login page"),
        ("GET http://me:hush@box/x?sig=hush in 1 ms", "GET http://box in 1 ms", "Try again"),
        ("something\nnew", "something", "Try again"),
    ],
)
def test_what_a_store_says_is_put_into_a_sentence(said: str, message: str, helps: str) -> None:
    error = store_error(Exception(said), url="s3://state?endpoint=x", place="state", what="meta.yaml")
    assert str(error).startswith("meta.yaml can't be read from s3://state?endpoint=x: ")
    assert message in str(error)
    assert "\n" not in str(error)
    assert helps in error.hint


@pytest.mark.parametrize(
    ("url", "helps"), [("s3://state", "endpoint=http://"), ("gs://state", "TLS;"), ("azblob://state", "protocol=http")]
)
def test_what_helps_where_a_server_speaks_no_tls_is_an_option_of_that_kind_of_url(url: str, helps: str) -> None:
    error = store_error(ValueError("received corrupt message of type InvalidContentType"), url=url, place="b", what="x")
    assert "no secure connection" in str(error)
    assert helps in error.hint
    assert "{" not in error.hint


@pytest.mark.parametrize("url", ["s3://[state", "s3://me:hush/x@state", "s3://", "s3://me:hush@"])
def test_a_url_that_names_no_bucket(url: str) -> None:
    with pytest.raises(BackendError) as caught:
        parse_store_url(url, (), "bucket")
    assert caught.value.hint == "Write s3://BUCKET/PREFIX."
    assert "hush" not in str(caught.value)


def test_what_stands_before_a_bucket_is_no_part_of_its_name() -> None:
    assert parse_store_url("s3://me:hush@State/p", (), "bucket").place == "State"
