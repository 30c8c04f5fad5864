"""Gathers the types of Pulumi packages that suggest data, for tests/core/test_types_of_providers.py.

    pip download --no-deps --dest PACKAGES pulumi-aws pulumi-gcp …
    python -m scripts.type_names PACKAGES/*.whl

A path may also be a package's `schema.json`, or the `provider.go` of a Terraform provider, whose types are then named
as Pulumi names them when it bridges that provider in use. Each makes one file in tests/core/types: by module, the types
whose name or module suggests data, and those that count as stateful today.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Final

from pulumi_rewind.state.stateful_types import is_stateful

FOLDER: Final = Path(__file__).resolve().parents[1] / "tests/core/types"

_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")

_WORDS: Final = frozenset(
    word
    for line in (
        "archive backup blob broker bucket buckets cache cassandra clickhouse cluster collection container database",
        "databases dataset datastore db disk document documents efs elasticsearch fileshare filesystem fs hsm index",
        "influxdb item items kafka key keyring keys keyspace keystore kv lake ledger log logs lustre mongo mongodb",
        "mssql mysql namespace nfs object opensearch parameter password postgres postgresql queue redis registry repo",
        "repositories repository schema secret secrets share snapshot sql stateful storage store stream table topic",
        "userpool valkey vault volume warehouse",
    )
    for word in line.split()
)
"""Words of a type's name."""

_PAIRS: Final = frozenset(
    {("file", "system"), ("user", "pool"), ("identity", "pool"), ("event", "hub"), ("log", "group"), ("key", "ring"),
     ("replication", "group")}
)  # fmt: skip
_MODULES: Final = re.compile(
    r"""
    ^(adb|alikafka|amqp|cr$|db|dms|dsql|ebs$|ecr|efs|file|fsx|gpdb|hsm|kms|log|mns|mq|msk|nas$|ots$|oss$|rds|s3|sdb|search
      |sns|sqs|tsdb|vault)
    |(pubsub|storage)$
    |alloydb|artifactregistry|backup|bigquery|bigtable|cache|cassandra|clickhouse|codecommit|cognito|containerregistry
    |cosmosdb|database|datastore|directory|docdb|documentdb|dynamodb|elasticsearch|eventhub|filestor|firestore|glacier
    |hbase|hologram|kafka|keymanager|keyspaces|keyvault|kinesis|kusto|ledger|lindorm|lustre|maxcompute|memorystore
    |metastore|milvus|mongo|neptune|netapp|opensearch|parallelstore|polardb|queue|redis|redshift|rocketmq|secret
    |servicebus|spanner|sql|starrocks|streaming|synapse|timestream
    """,
    re.VERBOSE,
)
"""What a module's name begins with, ends in, or has in it."""


def smells(module: str, name: str) -> bool:
    """Whether a type's name, or that of its module, is one that data may lie behind."""
    words = [word.lower() for word in _WORD.findall(name)]
    # A Terraform name begins with what is a module elsewhere.
    named = _MODULES.search(name.lower() if module == "index" else module)
    return bool(named or _WORDS.intersection(words) or _PAIRS.intersection(pairwise(words)))


def tokens(path: Path) -> tuple[str, list[str]]:
    """What a package calls itself, with its version where it says one, and the tokens of its types."""
    if path.suffix == ".whl":
        return _of_wheel(path)
    if path.suffix == ".json":
        schema = json.loads(path.read_bytes())
        return f"{schema['name']} {schema.get('version', '')}".strip(), list(schema["resources"])
    return _of_terraform(path)


def _of_wheel(path: Path) -> tuple[str, list[str]]:
    """From the table by which a Python SDK finds the class of a type."""
    with zipfile.ZipFile(path) as wheel:
        root = next(name for name in wheel.namelist() if name.endswith("/__init__.py") and name.count("/") == 1)
        table = re.search(r'resource_modules="""(.*?)"""', wheel.read(root).decode(), re.DOTALL)
    name, version = path.name.split("-")[:2]
    rows = json.loads(table[1]) if table else []
    return f"{name.replace('_', '-')} {version}", [token for row in rows for token in row["classes"]]


def _of_terraform(path: Path) -> tuple[str, list[str]]:
    """From the map of resources in a provider's source: ``"aws_db_instance": resourceAwsDbInstance(),``."""
    names = re.findall(r'"([a-z]+)_([a-z0-9_]+)":\s+resource', path.read_text())
    package = names[0][0]
    classes = ["".join(word.capitalize() for word in rest.split("_")) for _, rest in names]
    version = re.search(r"@v([0-9.]+)", str(path))
    title = f"terraform-provider-{package} {version[1] if version else ''}".strip()
    return title, [f"{package}:index/{name[0].lower()}{name[1:]}:{name}" for name in classes]


def text(title: str, every: Iterable[str]) -> str:
    """The file of one package: where the names are from, then `package`, then each module with its names."""
    by_module: dict[str, set[str]] = defaultdict(set)
    every = sorted(set(every))
    for token in every:
        _, module, name = token.split(":")
        module = module.partition("/")[0]
        if smells(module.lower(), name) or is_stateful(token):
            by_module[module].add(name)
    chosen = sum(map(len, by_module.values()))
    package = every[0].partition(":")[0]
    lines = [f"# {title}: {len(every)} types, {chosen} of them here. Written by scripts/type_names.py.", f"{package}::"]
    for module, names in sorted(by_module.items()):
        lines += textwrap.wrap(f"{module}: {' '.join(sorted(names))}", 120, subsequent_indent="  ")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for argument in sys.argv[1:]:
        name, found = tokens(Path(argument))
        target = FOLDER / f"{name.partition(' ')[0]}.txt"
        target.write_text(text(name, found))
        print(target)
