"""`blame` on the recorded shop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.tui.shop import Shop

ROOT = Path(__file__).resolve().parents[2]


def rewind(shop: Shop, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pulumi_rewind_tui.cli", *arguments],
        cwd=shop.root,
        env={**shop.environ, "PYTHONPATH": f"{ROOT / 'core'}:{ROOT / 'tui'}", "TZ": "UTC", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_people_see_update_commit_and_author(shop: Shop) -> None:
    done = rewind(shop, "blame", "prod", "api")
    assert done.returncode == 0, done.stderr
    hotfix = next(line for line in done.stdout.splitlines() if "userData" in line)
    assert hotfix.startswith("#6")
    assert "589ec68*" in hotfix
    assert "Ada Tester" in hotfix


def test_machines_get_json_with_secrets_masked(shop: Shop) -> None:
    done = rewind(shop, "blame", "--json", "-s", "prod", "orders-db")
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = {item["path"]: item for item in json.loads(done.stdout)}
    password = found["inputs.password"]
    assert password["secret"] is True
    assert password["value"] == "[secret]"
    assert password["certain"] is True, "compared decrypted"
    assert password["update"]["version"] == 7
    assert found["inputs.engine"]["update"]["commit"].startswith("0418495")
    assert "correct-horse" not in done.stdout + done.stderr


def test_without_a_passphrase_secrets_are_uncertain_and_it_says_why(tmp_path: Path) -> None:
    done = rewind(Shop(tmp_path / "shop", passphrase=None), "blame", "-s", "prod", "orders-db")
    assert done.returncode == 0, done.stderr
    assert "?" in next(line for line in done.stdout.splitlines() if "password" in line)
    assert "passphrase" in done.stderr


@pytest.mark.parametrize(("arguments", "words"), [(("nothing",), "no resource 'nothing'"), ((), "[STACK] RESOURCE")])
def test_mistakes_are_usage_errors(shop: Shop, arguments: tuple[str, ...], words: str) -> None:
    done = rewind(shop, "blame", "-s", "prod", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
