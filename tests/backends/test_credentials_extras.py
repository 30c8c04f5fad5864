"""What is loaded for credentials, and what is said where it is not installed; in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.rewind import ROOT

HEAVY = ("asyncio", "azure", "boto3", "botocore", "google.auth", "msal", "psycopg", "requests", "urllib3")

OPEN = """
import json, sys
blocked = json.loads(sys.argv[2])
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked or name in blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocker())
from pulumi_rewind.backends import open_backend
from pulumi_rewind.errors import BackendError
try:
    open_backend(sys.argv[1])
except BackendError as err:
    said = [str(err), err.hint]
print(json.dumps([said, sorted(sys.modules)]))
"""


def opened(url: str, home: Path, *blocked: str, **environ: str) -> tuple[str, set[str]]:
    """Message and hint of a fresh process, in which some packages can't be imported, and what it has loaded."""
    given = {"PATH": os.defpath, "HOME": str(home), "PYTHONPATH": str(ROOT / "core"), **environ}
    command = [sys.executable, "-c", OPEN, url, json.dumps(blocked)]
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    said, modules = json.loads(done.stdout)
    return "\n".join(said), set(modules)


KEYS = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
FAST = {
    "s3": ("s3://state?endpoint=http://127.0.0.1:1&use_path_style=true", KEYS),
    "gs": ("gs://state", {"STORAGE_EMULATOR_HOST": "127.0.0.1:1"}),
    "azblob": (
        "azblob://state?domain=127.0.0.1:1&protocol=http",
        {"AZURE_STORAGE_ACCOUNT": "a", "AZURE_STORAGE_KEY": "azE="},
    ),
}


@pytest.mark.parametrize("kind", FAST)
def test_static_keys_load_no_libraries_of_clouds(kind: str, tmp_path: Path) -> None:
    url, environ = FAST[kind]
    said, modules = opened(url, tmp_path, *HEAVY, **environ)
    assert "nothing answers there" in said
    assert not modules & set(HEAVY)


MISSING = {
    "s3": ("s3://state?profile=x", "botocore", {}, "pulumi-rewind[aws]", "AWS_ACCESS_KEY_ID"),
    "gs": (
        "gs://state",
        "google",
        {"GOOGLE_CREDENTIALS": '{"type": "external_account"}'},
        "pulumi-rewind[gcp]",
        "GOOGLE_OAUTH_ACCESS_TOKEN",
    ),
    "azblob": ("azblob://state?storage_account=a", "azure", {}, "pulumi-rewind[azure]", "AZURE_STORAGE_KEY"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_missing_library_is_named_with_its_extra_and_the_other_way(kind: str, tmp_path: Path) -> None:
    url, package, environ, extra, other = MISSING[kind]
    said, _ = opened(url, tmp_path, package, **environ)
    assert said.startswith(url.partition("?")[0])
    assert f"Install `{extra}` (docs/install.md says how)" in said
    assert other in said


NONE = {
    "s3": ("s3://state", {"AWS_EC2_METADATA_DISABLED": "true"}, "aws sts get-caller-identity"),
    "azblob": ("azblob://state?storage_account=a", {}, "az login"),
}


@pytest.mark.parametrize("kind", NONE)
def test_no_credentials_at_all(kind: str, tmp_path: Path) -> None:
    """Nothing of what the libraries log of their search is on standard error."""
    url, environ, helps = NONE[kind]
    said, _ = opened(url, tmp_path, **environ)
    assert f"{url}: there are no credentials: " in said
    assert helps in said
