"""``postgres://`` URLs as the pulumi CLI's driver (lib/pq) reads them, said to libpq.

Source: lib/pq 1.12, which Pulumi 3.276 has; libpq has other defaults, and refuses settings of the session in a URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from pulumi_rewind.backends.urls import shown_url, user_home
from pulumi_rewind.errors import BackendError

TABLE: Final = "pulumi_state"
"""Where the URL names none."""

DRIVERS: Final = frozenset(
    {"binary_parameters", "datestyle", "disable_prepared_binary_result", "geqo", "krbspn", "sslinline", "table", "tz"}
)
"""Parameters that concern the CLI and its driver alone."""

LIBPQ: Final = frozenset(
    {
        "application_name", "channel_binding", "client_encoding", "connect_timeout", "dbname",
        "fallback_application_name", "gssencmode", "host", "hostaddr", "keepalives", "keepalives_count",
        "keepalives_idle", "keepalives_interval", "krbsrvname", "load_balance_hosts", "max_protocol_version",
        "min_protocol_version", "options", "passfile", "password", "port", "service", "sslcert", "sslcrl", "sslkey",
        "sslmode", "sslnegotiation", "sslpassword", "sslrootcert", "sslsni", "ssl_max_protocol_version",
        "ssl_min_protocol_version", "target_session_attrs", "tcp_user_timeout", "user",
    }
)  # fmt: skip
"""Parameters of a connection; others are settings of the session to the CLI's driver."""

VARIABLES: Final[Mapping[str, str]] = {
    "PGAPPNAME": "application_name",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGDATABASE": "dbname",
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGKRBSRVNAME": "krbsrvname",
    "PGLOADBALANCEHOSTS": "load_balance_hosts",
    "PGOPTIONS": "options",
    "PGPASSFILE": "passfile",
    "PGPASSWORD": "password",
    "PGPORT": "port",
    "PGSERVICE": "service",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLMODE": "sslmode",
    "PGSSLNEGOTIATION": "sslnegotiation",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLSNI": "sslsni",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGUSER": "user",
}
"""What the CLI's driver takes from the environment; the URL wins."""

HOST: Final = "localhost"
"""The default of the CLI's driver; that of libpq is a Unix socket."""

SSLMODE: Final = "require"
"""The default of the CLI's driver; that of libpq is `prefer`."""

PATIENCE: Final = 10
"""Seconds until a connection must stand."""

ROOTS: Final = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
)  # fmt: skip
"""Where systems keep the certificates that they trust. Source: Go's crypto/x509."""

_PART: Final = r'(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)'
_TABLE: Final = re.compile(rf"{_PART}(?:\.{_PART})*")


@dataclass(frozen=True)
class PostgresUrl:
    """What a URL and the environment say of a database."""

    shown: str
    """The URL without credentials."""
    arguments: Mapping[str, Any] = field(repr=False)
    """What libpq takes, the password among them; without our own settings of the session."""
    settings: Mapping[str, str]
    """Settings of the session."""
    table: tuple[str, ...]
    """The table's name, before it perhaps that of its schema."""
    database: str
    """What comes before ``.pulumi/`` in keys; empty where the URL has no path."""
    credentials: str
    """Who logs in, and where the password is from."""

    @property
    def self_made(self) -> bool:
        """Whether the table's name is one for which the CLI can't make the table: it has a schema, or needs quotes."""
        return not re.fullmatch(r"[a-z_][a-z0-9_$]*", ".".join(self.table))


def parse_postgres_url(url: str, environ: Mapping[str, str]) -> PostgresUrl:
    """Takes a URL apart.

    Raises:
        BackendError: it can't be understood, or asks for what only the CLI's driver can do.
    """
    shown = shown_url(url)
    said = {keyword: environ[name] for name, keyword in VARIABLES.items() if environ.get(name)}
    try:
        parts = urlsplit(url)
        named = _of_authority(parts)
    except ValueError as err:
        raise BackendError(
            f"{shown} can't be understood: {err}",
            hint="Write postgres://USER@HOST:PORT/DATABASE, with %XX for special characters; several ports are "
            "written `?port=5432,5433`.",
        ) from None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if query.get("sslinline", "").lower() in {"1", "t", "true", "yes", "on"}:
        raise BackendError(
            f"{shown} has certificates in the URL (sslinline), which only the CLI's driver can read",
            hint="Put them into files, and name these with `sslcert` and `sslkey`.",
        )
    named |= {name: value for name, value in query.items() if name in LIBPQ and value}
    arguments: dict[str, Any] = {"connect_timeout": PATIENCE}
    if "service" not in said | named:
        arguments |= {"host": HOST, "sslmode": SSLMODE}
    arguments |= said | named
    if arguments.get("sslmode") in {"verify-ca", "verify-full"} and "sslrootcert" not in arguments:
        arguments |= _roots(environ)
    if "password" not in arguments and "passfile" not in arguments:
        arguments["passfile"] = str(_home(environ) / ".pgpass")
    return PostgresUrl(
        shown=shown,
        arguments=arguments,
        settings={name: value for name, value in query.items() if name not in LIBPQ and name not in DRIVERS},
        table=table_name(query.get("table") or TABLE, shown),
        database=unquote(parts.path.strip("/")),
        credentials=_credentials(arguments, said, named),
    )


def table_name(text: str, shown: str) -> tuple[str, ...]:
    """A table's name as SQL reads it: lower case where it isn't quoted, perhaps with a schema.

    Raises:
        BackendError: SQL would read it as something else.
    """
    if not _TABLE.fullmatch(text):
        raise BackendError(
            f"{shown}: {text!r} is no table's name to the pulumi CLI",
            hint="A name that needs quotes has them in the URL: `table=%22my-state%22`.",
        )
    return tuple(
        part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in re.findall(_PART, text)
    )


def options_of(given: str, settings: Mapping[str, str]) -> str:
    """Settings of a session, and options that were given, as libpq's ``options`` takes them; ours win."""
    return " ".join(filter(None, (given, *(f"-c {name}={_escaped(value)}" for name, value in settings.items()))))


def _escaped(value: str) -> str:
    return re.sub(r"([\\\s])", r"\\\1", value)


def _of_authority(parts: SplitResult) -> dict[str, Any]:
    """What stands before the query."""
    found = {
        "host": unquote(parts.hostname or ""),
        "port": str(parts.port) if parts.port is not None else "",
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "dbname": unquote(parts.path.strip("/")),
    }
    return {name: value for name, value in found.items() if value}


def _home(environ: Mapping[str, str]) -> Path:
    """Where the CLI's driver looks for its files: HOME counts more than the user database."""
    home = environ.get("HOME")
    return Path(home) if home else user_home()


def _roots(environ: Mapping[str, str]) -> dict[str, str]:
    """The system's certificates, which the CLI's driver takes; libpq does so only where it is told."""
    own = _home(environ) / ".postgresql" / "root.crt"
    found = next((path for path in (environ.get("SSL_CERT_FILE", ""), *ROOTS) if path and Path(path).exists()), "")
    return {"sslrootcert": found} if found and not own.exists() else {}


def _credentials(arguments: Mapping[str, Any], said: Mapping[str, str], named: Mapping[str, str]) -> str:
    if "user" in arguments:
        user = f"user {arguments['user']} from {'the URL' if 'user' in named else 'PGUSER'}"
    else:
        user = "the user of the service file" if "service" in arguments else "the user of this machine"
    if "password" in named:
        return f"{user}, password from the URL"
    if "password" in said:
        return f"{user}, password from PGPASSWORD"
    passfile = arguments.get("passfile")
    if passfile and Path(passfile).exists():
        return f"{user}, password from {passfile} if it has one"
    certificate = f", certificate {arguments['sslcert']}" if "sslcert" in arguments else ""
    return f"{user}, no password{certificate}"
