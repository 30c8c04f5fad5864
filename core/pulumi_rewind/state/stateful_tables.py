"""The types of each provider that hold data, and those that hold none although they are named like it. Pure.

A row: modules | what a Terraform name begins with (the modules themselves, where nothing is said) | nouns. A row
without modules is for types without a module. All in lower case, without versions. What names tell by themselves (a
bucket, a database, a volume) needs no row: see `stateful_types`. How the rows were checked: docs/settings.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_AWS: Final = """
rds | rds db | instance cluster globalcluster snapshot clustersnapshot snapshotcopy clustersnapshotcopy
dynamodb | | table globaltable
s3 | | bucket object bucketobject objectcopy vectorsindex
s3express s3 | s3 | directorybucket
s3tables | | table tablebucket
s3vectors | | index
efs | | filesystem
ebs ec2 | ebs | volume volumecopy snapshot snapshotcopy snapshotimport
elasticache | | cluster replicationgroup cachecluster globalreplicationgroup serverlesscache
memorydb | | cluster multiregioncluster
docdb | | cluster dbcluster elasticcluster globalcluster
docdbelastic | | cluster
neptune | | cluster dbcluster globalcluster
neptunegraph | | graph
redshift | | cluster
redshiftserverless | | namespace
kinesis kinesisvideo | kinesis | stream videostream
sqs | | queue
msk kafka | msk | cluster serverlesscluster topic
mq amazonmq | mq | broker
opensearch opensearchservice elasticsearch | opensearch elasticsearch | domain
opensearchserverless opensearch | opensearchserverless opensearch | collection serverlesscollection
opensearchserverless | | index collectionindex
cloudsearch sdb | cloudsearch simpledb | domain
customerprofiles | | domain
kms | | key externalkey replicakey replicaexternalkey
cloudhsmv2 cloudhsm | cloudhsmv2 | cluster
paymentcryptography | | key
secretsmanager | | secret
ssm | | parameter
ecr | | repository
ecrpublic | | repository
codecommit | | repository
codecatalyst | | sourcerepository
codeartifact | | repository domain
cognito | | userpool identitypool
backup | | vault backupvault logicallyairgappedvault logicallyairgappedbackupvault
glacier | | vault
fsx | | filesystem lustrefilesystem ontapfilesystem openzfsfilesystem windowsfilesystem filecache snapshot
fsx | | volume ontapvolume openzfsvolume
timestreamwrite timestream | timestreamwrite | database table influxdbinstance
timestreaminfluxdb | | dbinstance
keyspaces cassandra | keyspaces | table keyspace
qldb | | ledger
lightsail | | database disk bucket
workspaces | | workspace
dsql | | cluster
finspace | | kxdatabase kxvolume
odb | | cloudvmcluster cloudautonomousvmcluster
cloudwatch logs | cloudwatch | logstream
cloudwatch events | cloudwatch | eventarchive archive
cloudtrail | | eventdatastore
cloudfront | | keyvaluestore
mailmanager ses | mailmanager | archive mailmanagerarchive
mediastore | | container
storagegateway | | tape
healthimaging healthlake | | datastore fhirdatastore
omics | | annotationstore referencestore sequencestore variantstore
kendra qbusiness | | index
location | | geofencecollection
rekognition forecast personalize bedrockagentcore | | dataset
rekognition | | collection
iotanalytics | | channel dataset datastore
directoryservice | directoryservice | directory microsoftad simplead
amp aps | prometheus | workspace
"""

_AZURE: Final = """
storage | | account storageaccount container blobcontainer share fileshare queue table blob zipblob sharefile
storage | | datalakegen2filesystem datalakegen2path
sql mssql | sql mssql | server database managedinstance manageddatabase sqlserver managedinstancedatabase
dbforpostgresql postgresql | postgresql | server flexibleserver database servergroup flexibleserverdatabase singleserver
dbforpostgresql | | servergroupcluster backupsautomaticandondemand
dbforpostgresql postgresql cosmosdb | cosmosdb | postgresqlcluster cluster
dbformysql mysql | mysql | server flexibleserver database singleserver flexibledatabase flexibleserverdatabase
dbformariadb mariadb | mariadb | server database
cosmosdb documentdb | cosmosdb | account databaseaccount sqldatabase sqlcontainer mongodatabase mongocollection
cosmosdb documentdb | cosmosdb | mongocluster gremlindatabase gremlingraph cassandrakeyspace cassandratable
cosmosdb documentdb | cosmosdb | cassandracluster cassandradatacenter garnetcluster table
cosmosdb documentdb | cosmosdb | sqlresourcesqldatabase sqlresourcesqlcontainer
cosmosdb documentdb | cosmosdb | mongodbresourcemongodbdatabase mongodbresourcemongodbcollection tableresourcetable
cosmosdb documentdb | cosmosdb | gremlinresourcegremlindatabase gremlinresourcegremlingraph graphresourcegraph
cosmosdb documentdb | cosmosdb | cassandraresourcecassandrakeyspace cassandraresourcecassandratable
cosmosdb documentdb | | databaseaccountgremlingraph databaseaccountmongodbcollection databaseaccountsqlcontainer
keyvault | keyvault | keyvault vault key secret certificate certifiate managedhsm
keyvault | keyvault | managedhardwaresecuritymodule managedhardwaresecuritymodulekey
hsm hardwaresecuritymodules | dedicatedhardwaresecurity | module dedicatedhsm cloudhsmcluster
compute | | manageddisk disk snapshot
compute | virtualmachine | restorepointcollection restorepoint
cache redis | redis | cache redis rediscache redisenterprise enterprisecluster enterprisedatabase
redisenterprise managedredis | managed redisenterprise | cluster database redisenterprise managedredis redis
eventhub | | eventhub eventhubnamespace namespace topic
eventgrid | | namespacetopic
servicebus | | queue topic namespace
containerregistry containerservice | container | registry
machinelearningservices | machinelearning | registry
appconfiguration | app | configurationstore configuration
netapp | | volume volumegroup volumegrouporacle volumegroupsaphana capacitypoolsubvolume
recoveryservices | recoveryservices | vault
recoveryservices backup | backup | protecteditem protectedvm protectedfileshare
dataprotection | | backupvault backupinstance backupinstanceblobstorage backupinstanceblogstorage backupinstancedisk
dataprotection | | backupinstancedatalakestorage backupinstancekubernetescluster backupinstancepostgresql
dataprotection | | backupinstancemysqlflexibleserver backupinstancepostgresqlflexibleserver
kusto | | cluster database
synapse | | sqlpool kustopool workspace
search | | service
datalakestore | datalake | account store
databoxedge | | share container
azurestackhci | | storagecontainer
azurearcdata | | sqlmanagedinstance
oracle | | cloudvmcluster
confidentialledger | confidential | ledger managedccf
elasticcloud | elasticcloud | elasticsearch
confluent | | organizationclusterbyid topic
monitor monitoring | monitor | workspace azuremonitorworkspace
loganalytics operationalinsights | loganalytics | workspace analyticsworkspace workspacetablecustomlog
healthcare healthcareapis | healthcare | dicomservice fhirservice
| | keyvault eventhub snapshot
"""

_GCP: Final = """
sql sqladmin | sql | databaseinstance database instance
storage | | bucket bucketobject object
bigquery | | dataset table
bigtable bigtableadmin | bigtable | instance table
spanner | | instance database
firestore | | database document
firebasedatabase | | instance
compute | | disk regiondisk snapshot regionsnapshot
redis | | instance cluster
memcache | | instance
memorystore | | instance
lustre parallelstore | | instance
filestore file | filestore | instance snapshot backup share
alloydb | | cluster backup
kms cloudkms | kms | keyring cryptokey cryptokeyversion
secretmanager | secretmanager | secret regionalsecret
parametermanager | | parameter regionalparameter
artifactregistry | artifactregistry | repository
sourcerepo securesourcemanager dataform | sourcerepo securesourcemanager dataform | repository repo
pubsub | | topic subscription litetopic litesubscription
pubsublite | | topic subscription
managedkafka | | cluster topic
netapp | | volume
backupdisasterrecovery | | backupvault
logging | | projectbucketconfig folderbucketconfig organizationbucketconfig billingaccountbucketconfig
healthcare | | dataset annotationstore consentstore dicomstore fhirstore hl7store hl7v2store
discoveryengine | | datastore userstore
vertex aiplatform | vertex | aidataset aifeaturestore aifeatureonlinestore aiindex aimetadatastore
aiplatform | | dataset featureonlinestore index metadatastore
vectorsearch | | collection dataobject
oracledatabase | | cloudvmcluster exadbvmcluster
contentwarehouse | | document
datalabeling dialogflow translate | | dataset conversationdataset
baremetalsolution | | nfsshare
dataproc metastore | dataproc | metastoreservice
metastore | | service
activedirectory managedidentities | | domain
"""

_ALICLOUD: Final = """
rds | rds db | instance ddrinstance aiinstance
adb | | cluster dbcluster
alikafka | | instance topic
amqp | | instance queue
cassandra hbase | | cluster datacenter instance
mse | | cluster
nas | | fileset
clickhouse selectdb | | dbcluster
cr cs | cr | registryenterpriseinstance registryenterpriserepo repo eeinstance eerepo
databasefilesystem | | instance
datahub | | topic
drds | | instance polardbxinstance
ecs | ecs | snapshotgroup
elasticsearch | | instance
cms | | dataset
gpdb | | instance elasticinstance supabaseproject
graphdatabase | | dbinstance
hbr | | vault replicationvault
kms | | instance key keyversion secret
kvcachestorekvcache | | store
kvstore redis | kvstore redis | instance tairinstance
lindorm | | instance
log sls | log sls | project store metricstore
mns message | mns message | queue topic servicequeue servicetopic
mongodb | | instance serverlessinstance shardinginstance
oos | | parameter secretparameter
opensearch | | appgroup
oss | | bucket bucketobject
ots | | instance table
polardb | | cluster zonaldbcluster dynamotable
rocketmq ons | rocketmq ons | instance topic rocketmqinstance rocketmqtopic
tsdb hologram starrocks | | instance
esa dcdn | | kvnamespace
maxcompute | | project
| | milvusinstance
"""

_OCI: Final = """
artifacts | | containerrepository repository
core | | bootvolume
database | | cloudvmcluster vmcluster autonomousvmcluster cloudautonomousvmcluster exadbvmcluster dbhome
database | | pluggabledatabaseslocalclone pluggabledatabasesremoteclone
devops | | repository
datalabellingservice | | dataset
generativeai | | hostedapplicationstorage
kms | | key keyversion vault
logging | | log
objectstorage | | object storageobject
opensearch | | cluster opensearchcluster
psql | | dbsystem
redis | | rediscluster ocicachecluster
streaming | | stream streampool
vault | | secret
"""

_SCALEWAY: Final = """
databases datawarehouse opensearch | rdb datawarehouse opensearch | instance deployment
redis kafka | | cluster
mongodb | | instance
keymanager | keymanager | key keymaterial
secrets | | secret
| | secret
registry | | namespace
object | | item
file | | filesystem
"""

_OVH: Final = """
cloudproject | | storage containerregistry
cloudproject | | filestorageshare
hosting | | privatedatabasedb
dedicated | | nashapartition
dbaas | | logsoutputgraylogstream logsoutputopensearchindex
okms | | okms secret servicekey servicekeyjwk
| | cloudprojectfilestorageshare storageefs storageefsshare
"""

_OTHERS: Final = {
    "random": "password bytes string",
    "tls": "privatekey",
    "postgresql": "schema",
    "mongodbatlas": "cluster advancedcluster flexcluster serverlessinstance onlinearchive",
    "digitalocean": "spacesbucketobject databasedb containerregistry containerregistries nfs",
    "github": "repository",
    "gitlab": "project",
    "kafka": "topic",
    "cloudamqp": "instance",
    "confluentcloud": "kafkacluster kafkatopic",
    "elasticstack": "elasticsearchindex",
    "ec": "deployment elasticsearchproject observabilityproject securityproject",
    "cloudflare": "workerskvnamespace workerskv secretsstore stream",
    "vault": "mount namespace",
    "consul": "keys keyprefix",
    "aiven": "pg mysql kafka redis valkey dragonfly opensearch clickhouse cassandra influxdb m3db alloydbomni thanos "
    "kafkatopic",
    "hcloud": "storagebox",
    "linode": "databasemysql databasepostgresql objectstorageobject",
    "upcloud": "storage filestorage managedobjectstorage manageddatabasemysql manageddatabaseopensearch "
    "manageddatabasepostgresql manageddatabaseredis manageddatabasevalkey manageddatabaselogicaldatabase",
    "minio": "s3object kmskey",
    "snowflake": "schema stage stageinternal imagerepository",
    "databricks": "schema catalog metastore postgresproject postgresbranch agentkitmanagedmemorystore "
    "agentkitsessionstore",
}  # fmt: skip
"""Types without a module, or of whichever module."""

_VAULT: Final = """
transit pkisecret | transit pki | secretbackendkey secretbackendrootcert
ssh | | secretbackendca
keymgmt | | key
"""

_OPENSTACK: Final = """
objectstorage | objectstorage | container containerobject object
database | db | instance
sharedfilesystem | | share
"""

ROWS: Final[Mapping[str, str]] = {
    "aws": _AWS, "azure": _AZURE, "gcp": _GCP, "alicloud": _ALICLOUD, "oci": _OCI, "scaleway": _SCALEWAY, "ovh": _OVH,
    "vault": _VAULT, "openstack": _OPENSTACK,
}  # fmt: skip

NAMES: Final[Mapping[str, frozenset[str]]] = {package: frozenset(names.split()) for package, names in _OTHERS.items()}

EMPTY: Final[Mapping[str, str]] = {
    "aws": """
neptune docdb | | dbinstance
batch connect gamelift mediaconvert | batch connect gamelift mediaconvert | jobqueue queue gamesessionqueue
deadline pcs | | queue
storagegateway | | nfsfileshare smbfileshare
opsworks | | rdsdbinstance
""",
    "azure": """
containerservice | | snapshot managedclustersnapshot
netapp | | volumebucket capacitypoolbucket
kusto synapse | | readonlyfollowingdatabase
azurearcdata | | sqlserverdatabase
loganalytics | | workspacetable
""",
    "gcp": """
biglake | | database hivedatabase hivetable icebergtable table
compute | | backendbucket regionbackendbucket
""",
    "alicloud": """
ehpc | | queue
dms | | enterpriselogicdatabase
""",
    "oci": """
meteringcomputation | | customtable
redis | | ocicacheusergetrediscluster
""",
    "libvirt": "| | cloudinitdisk",
    "mongodbatlas": "| | federateddatabaseinstance cloudbackupsnapshotexportbucket",
    "ovh": "cloudproject | | workflowbackup",
    "snowflake": "| | dynamictable secondarydatabase shareddatabase streamontable streamondirectorytable",
    "databricks": "| | onlinetable databasesynceddatabasetable postgressyncedtable",
}
"""What is named like data and holds none: work, views of data that lies elsewhere, what can be computed again."""

DESCRIBING: Final = frozenset(
    {"glue", "athena", "lakeformation", "databrew", "quicksight", "cleanrooms", "datasync",  # aws
     "awsconnector", "databasewatcher", "datafactory", "datashare", "streamanalytics", "offazure",  # azure
     "databasemanagement", "datasafe"}  # oci
)  # fmt: skip
"""Modules whose databases, tables and buckets describe data that lies elsewhere."""
