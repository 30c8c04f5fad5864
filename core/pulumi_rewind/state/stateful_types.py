"""Which resource types hold data, and which do something whenever they are made. Pure.

One table serves all spellings of a type: ``aws:rds/instance:Instance`` (bridged), ``aws:index/dbInstance:DbInstance``
(a Terraform provider bridged when used), ``aws-native:rds:DBInstance``, ``azure-native:storage/v20230101:Account``.
What names don't tell stands in `stateful_tables`; `tests/core/test_types_of_providers.py` compares both with the types
of the providers' packages.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from pulumi_rewind.state.stateful_tables import DESCRIBING, EMPTY, NAMES, ROWS


class _Type(NamedTuple):
    """A type token in lower case, without what only some spellings have."""

    package: str
    module: str
    """Empty for ``index``; without versions and file names."""
    name: str
    """Without a version at its end."""
    words: tuple[str, ...]
    """The name's words."""


_FAMILIES: Final[Mapping[str, str]] = {
    "aws-native": "aws", "awscc": "aws", "azure-native": "azure", "azure-nextgen": "azure", "azurerm": "azure",
    "google": "gcp", "google-beta": "gcp", "google-native": "gcp", "confluent": "confluentcloud",
}  # fmt: skip

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def _parsed(token: str) -> _Type:
    package, _, rest = token.partition(":")
    module, _, name = rest.rpartition(":")
    module = module.partition("/")[0].lower()
    name = re.sub(r"(?<=[a-z])[vV][0-9]+(?:(?:alpha|beta)[0-9]+)?$", "", name)
    package = package.lower()
    short = name.lower().replace("_", "")
    return _Type(
        _FAMILIES.get(package, package),
        "" if module == "index" else module,
        short,
        tuple(word.lower() for word in _WORD.findall(name)),
    )


_HEADS: Final = frozenset(
    tuple(head.split())
    for head in (
        "bucket", "database", "database instance", "database cluster", "db instance", "db cluster", "db system",
        "volume", "table", "disk", "file system", "filesystem", "file share", "keyspace", "queue", "kafka topic",
        "log group", "snapshot", "backup", "backup vault", "key vault",
    )
)  # fmt: skip
"""What the name of a type ends in that holds data, whichever provider has it."""

_ENGINES: Final = frozenset(
    {"cassandra", "clickhouse", "elasticsearch", "kafka", "mariadb", "memcached", "mongo", "mongodb", "mysql",
     "opensearch", "postgres", "postgresql", "redis", "valkey"}
)  # fmt: skip
"""Servers for data: an instance or a cluster of one holds data."""

_NO_DATA: Final = frozenset(
    {"route", "routing", "attached", "catalog", "lookup", "default", "logical", "external", "endpoint", "output",
     "policy", "export", "qos"}
)  # fmt: skip
"""What such a name has in it where it is about a network, an attachment, or the description of others' data."""

_KUBERNETES: Final = frozenset(
    {"persistentvolume", "persistentvolumeclaim", "statefulset", "volumesnapshot", "elasticsearch", "kafka",
     "kafkatopic", "mongodbcommunity", "perconaxtradbcluster", "perconaservermongodb", "postgrescluster",
     "rediscluster", "cephcluster", "objectbucketclaim", "cassandradatacenter", "clickhouseinstallation",
     "innodbcluster", "mariadb", "rabbitmqcluster", "scyllacluster",
     "postgresql.cnpg.io:cluster", "acid.zalan.do:postgresql", "longhorn.io:volume"}
)  # fmt: skip
"""By kind, or by group and kind where a kind alone says little. A Secret or a ConfigMap comes back with its inputs."""


def _rows(table: str) -> Iterator[tuple[str, str]]:
    for line in filter(None, table.splitlines()):
        modules, prefixes, nouns = (part.split() for part in line.split("|"))
        for noun in nouns:
            for prefix in prefixes or modules or [""]:
                yield "", prefix + noun
                yield from ((module, prefix + noun) for module in modules)
            yield from ((module, noun) for module in modules)


@cache
def _known(family: str) -> frozenset[tuple[str, str]]:
    return frozenset(_rows(ROWS.get(family, "")))


@cache
def _empty(family: str) -> frozenset[tuple[str, str]]:
    return frozenset(_rows(EMPTY.get(family, "")))


@cache
def _holds_data(token: str) -> bool:
    kind = _parsed(token)
    if kind.package == "kubernetes":
        return not _KUBERNETES.isdisjoint({kind.name, f"{kind.module}:{kind.name}"})
    # A Terraform name may begin with the package's own: randomPassword, tlsPrivateKey.
    names = {kind.name, kind.name.removeprefix(kind.package)}
    pairs = {(kind.module, name) for name in names}
    if not pairs.isdisjoint(_known(kind.package)) or not names.isdisjoint(NAMES.get(kind.package, ())):
        return True
    if kind.package == "pulumi" or not pairs.isdisjoint(_empty(kind.package)) or _describes(kind):
        return False
    if _NO_DATA.intersection(kind.words):
        return False
    last, before = kind.words[-1:], kind.words[-2:-1]
    served = last in {("cluster",), ("instance",)} and _ENGINES.issuperset(before)
    return last in _HEADS or kind.words[-2:] in _HEADS or (served and bool(before))


def _describes(kind: _Type) -> bool:
    """Whether a type is of a module of descriptions; a Terraform name begins with the module."""
    return kind.module in DESCRIBING or (not kind.module and kind.name.startswith(tuple(DESCRIBING)))


def is_stateful(type_: str, extra: Sequence[str] = ()) -> bool:
    """Whether a resource type is known to hold data which re-creating it does not bring back.

    `extra` are more types, with ``*`` as a wildcard: `stateful_types` of `rewind.toml`.
    """
    return _holds_data(type_) or any(fnmatch.fnmatchcase(type_, pattern) for pattern in extra)


_RUNS: Final = frozenset(
    {
        ("kubernetes", "job"), ("command", "command"), ("command", "copyfile"), ("command", "copytoremote"),
        ("null", "resource"), ("null", "nullresource"), ("terraform", "data"), ("time", "sleep"), ("time", "timesleep"),
        ("shell", "script"), ("ansible", "playbook"), ("aws", "invocation"), ("aws", "lambdainvocation"),
        ("aws", "customresourceemulator"), ("azure", "deploymentscript"), ("azure", "resourcedeploymentscriptazurecli"),
        ("azure", "resourcedeploymentscriptpowershell"), ("azure", "resourcedeploymentscriptazurepowershell"),
        ("gcp", "workflowtemplate"), ("gcp", "dataprocjob"), ("gcp", "dataflowjob"), ("gcp", "bigqueryjob"),
    }
)  # fmt: skip
_JOBS: Final = frozenset({("gcp", "dataproc", "job"), ("gcp", "dataflow", "job"), ("gcp", "bigquery", "job")})


def runs_again(type_: str, op: str) -> bool:
    """Whether a step does once more what a resource is there to do: jobs, commands, triggers, waits.

    They do it when they are made; a command also when it changes.
    """
    kind = _parsed(type_)
    runs = (kind.package, kind.name) in _RUNS or (kind.package, kind.module, kind.name) in _JOBS
    return runs and (op in {"create", "replace"} or (op == "update" and kind.package in {"command", "shell"}))
