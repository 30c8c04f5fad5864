"""From a ``postgres://`` URL and the environment to what libpq takes; no server is asked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pulumi_rewind.backends import open_backend
from pulumi_rewind.backends.postgres_url import parse_postgres_url, table_name
from pulumi_rewind.errors import BackendError


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


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(BackendError, match=r"//me:\[secret\]@box/state needs .* psycopg is not installed") as caught:
        open_backend("postgres://me:hush@box/state", {})
    assert "`pulumi-rewind[postgres]` (docs/install.md says how)" in caught.value.hint
