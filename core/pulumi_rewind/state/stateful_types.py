"""Which resource types hold data, and which do something whenever they are made. Pure.

One table serves all spellings of a type: ``aws:rds/instance:Instance`` (bridged), ``aws:index/dbInstance:DbInstance``
(a Terraform provider bridged when used), ``aws-native:rds:DBInstance``, ``azure-native:storage/v20230101:Account``.
Sources: the type lists of the providers' public schemas and of their Terraform providers.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple


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
    "google": "gcp", "google-beta": "gcp", "google-native": "gcp",
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


# Modules | what a Terraform name begins with (the modules themselves, where nothing is said) | nouns
_AWS: Final = """
rds | rds db | instance cluster globalcluster snapshot clustersnapshot
dynamodb | | table globaltable
s3 | | bucket object bucketobject objectcopy
s3express s3 | s3 | directorybucket
s3tables | | table tablebucket
efs | | filesystem
ebs ec2 | ebs | volume snapshot
elasticache | | cluster replicationgroup cachecluster globalreplicationgroup serverlesscache
memorydb | | cluster
docdb | | cluster dbcluster elasticcluster
docdbelastic | | cluster
neptune | | cluster dbcluster
redshift | | cluster
redshiftserverless | | namespace
kinesis | | stream
sqs | | queue
msk kafka | msk | cluster serverlesscluster
mq amazonmq | mq | broker
opensearch opensearchservice elasticsearch | opensearch elasticsearch | domain
opensearchserverless | opensearchserverless opensearch | collection
kms | | key externalkey replicakey replicaexternalkey
cloudhsmv2 cloudhsm | cloudhsmv2 | cluster
secretsmanager | | secret
ssm | | parameter
ecr | | repository
ecrpublic | | repository
codecommit | | repository
codeartifact | | repository domain
cognito | | userpool identitypool
backup | | vault backupvault
glacier | | vault
fsx | | filesystem lustrefilesystem ontapfilesystem openzfsfilesystem windowsfilesystem snapshot
fsx | | volume ontapvolume openzfsvolume
timestreamwrite timestream | timestreamwrite | database table
timestreaminfluxdb | | dbinstance
keyspaces cassandra | keyspaces | table keyspace
qldb | | ledger
lightsail | | database disk bucket
workspaces | | workspace
dsql | | cluster
finspace | | kxdatabase kxvolume
"""

_AZURE: Final = """
storage | | account storageaccount container blobcontainer share fileshare queue table blob datalakegen2filesystem
sql mssql | sql mssql | server database managedinstance manageddatabase sqlserver managedinstancedatabase
dbforpostgresql postgresql | postgresql | server flexibleserver database servergroup flexibleserverdatabase
dbforpostgresql cosmosdb | cosmosdb | postgresqlcluster cluster
dbformysql mysql | mysql | server flexibleserver database singleserver flexibledatabase flexibleserverdatabase
dbformariadb mariadb | mariadb | server database
cosmosdb documentdb | cosmosdb | account databaseaccount sqldatabase sqlcontainer mongodatabase mongocollection
cosmosdb documentdb | cosmosdb | mongocluster gremlindatabase gremlingraph cassandrakeyspace cassandratable
cosmosdb documentdb | cosmosdb | cassandracluster table sqlresourcesqldatabase sqlresourcesqlcontainer
cosmosdb documentdb | cosmosdb | mongodbresourcemongodbdatabase mongodbresourcemongodbcollection tableresourcetable
cosmosdb documentdb | cosmosdb | gremlinresourcegremlindatabase gremlinresourcegremlingraph
cosmosdb documentdb | cosmosdb | cassandraresourcecassandrakeyspace cassandraresourcecassandratable
keyvault | | keyvault vault key secret certificate managedhsm
keyvault | keyvault | managedhardwaresecuritymodule managedhardwaresecuritymodulekey
compute | | manageddisk disk snapshot
cache redis | redis | cache redis rediscache redisenterprise
redisenterprise | | cluster database
eventhub | | eventhub eventhubnamespace namespace
servicebus | | queue topic namespace
containerregistry containerservice | container | registry
netapp | | volume
recoveryservices | recoveryservices | vault
dataprotection | | backupvault
kusto | | cluster database
synapse | | sqlpool workspace
search | | service
"""

_GCP: Final = """
sql sqladmin | sql | databaseinstance database instance
storage | | bucket bucketobject object
bigquery | | dataset table
bigtable bigtableadmin | bigtable | instance table
spanner | | instance database
firestore | | database document
compute | | disk regiondisk snapshot
redis | | instance cluster
memcache | | instance
memorystore | | instance
filestore file | filestore | instance snapshot backup
alloydb | | cluster backup
kms cloudkms | kms | keyring cryptokey
secretmanager | secretmanager | secret regionalsecret
artifactregistry | artifactregistry | repository
sourcerepo | sourcerepo | repository
pubsub | | topic subscription
netapp | | volume
backupdisasterrecovery | | backupvault
"""

_OTHERS: Final[Mapping[str, frozenset[str]]] = {
    package: frozenset(names.split())
    for package, names in {
        "azure": "keyvault eventhub snapshot",
        "random": "password randompassword bytes randombytes string randomstring",
        "tls": "privatekey tlsprivatekey",
        "postgresql": "schema postgresqlschema",
        "mongodbatlas": "cluster advancedcluster flexcluster serverlessinstance",
        "digitalocean": "spacesbucketobject",
        "github": "repository githubrepository",
        "gitlab": "project gitlabproject",
        "rabbitmq": "queue rabbitmqqueue",
        "kafka": "topic kafkatopic",
        "confluentcloud": "kafkacluster kafkatopic",
        "confluent": "kafkacluster kafkatopic",
        "elasticstack": "elasticsearchindex elasticstackelasticsearchindex",
        "ec": "deployment ecdeployment",
        "cloudflare": "workerskvnamespace workerskv queue",
        "vault": "mount vaultmount",
        "consul": "keys consulkeys keyprefix consulkeyprefix",
        "openstack": "container objectstoragecontainer objectstoragecontainerv1",
        "aiven": "pg aivenpg mysql aivenmysql kafka aivenkafka redis aivenredis valkey aivenvalkey opensearch "
        "aivenopensearch clickhouse aivenclickhouse cassandra aivencassandra kafkatopic aivenkafkatopic",
        "oci": "autonomousdatabase dbsystem mysqldbsystem vault key filestoragefilesystem",
        "alicloud": "instance",
        "hcloud": "snapshot",
        "linode": "objectstoragebucket",
        "libvirt": "volume",
    }.items()
}  # fmt: skip

_HEADS: Final = frozenset(
    {("bucket",), ("database",), ("database", "instance"), ("database", "cluster"), ("volume",), ("table",), ("disk",),
     ("file", "system"), ("filesystem",), ("keyspace",)}
)  # fmt: skip
"""What the name of a type ends in that holds data, whichever provider has it."""

_NO_DATA: Final = frozenset({"route", "routing", "attached", "catalog", "lookup", "default", "logical", "external"})
"""What such a name has in it where it is about a network, an attachment, or the description of others' data."""

_DESCRIBING: Final = frozenset({"glue", "athena", "lakeformation", "databrew", "quicksight"})
"""Modules whose databases and tables describe data that lies elsewhere."""

_KUBERNETES: Final = frozenset(
    {"persistentvolume", "persistentvolumeclaim", "statefulset", "volumesnapshot", "elasticsearch", "kafka",
     "kafkatopic", "mongodbcommunity", "perconaxtradbcluster", "perconaservermongodb", "postgrescluster",
     "rediscluster", "cephcluster", "objectbucketclaim"}
)  # fmt: skip
"""By kind. What a Secret or a ConfigMap holds comes back with its inputs."""


def _rows(table: str) -> Iterator[tuple[str, str]]:
    for line in table.strip().splitlines():
        modules, prefixes, nouns = (part.split() for part in line.split("|"))
        for noun in nouns:
            for prefix in prefixes or modules:
                yield "", prefix + noun
                yield from ((module, prefix + noun) for module in modules)
            yield from ((module, noun) for module in modules)


@cache
def _known(family: str) -> frozenset[tuple[str, str]]:
    tables = {"aws": _AWS, "azure": _AZURE, "gcp": _GCP}
    return frozenset(_rows(tables[family])) if family in tables else frozenset()


@cache
def _holds_data(token: str) -> bool:
    kind = _parsed(token)
    if kind.package == "kubernetes":
        return kind.name in _KUBERNETES
    if (kind.module, kind.name) in _known(kind.package) or kind.name in _OTHERS.get(kind.package, ()):
        return True
    if kind.package == "pulumi" or kind.module in _DESCRIBING or _NO_DATA.intersection(kind.words):
        return False
    return kind.words[-1:] in _HEADS or kind.words[-2:] in _HEADS


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
