"""Which types hold data, by tokens of real providers in every spelling that Pulumi has for them."""

from __future__ import annotations

import time

import pytest

from pulumi_rewind.plan.model import Step
from pulumi_rewind.plan.risks import step_risks
from pulumi_rewind.state.stateful_types import is_stateful, runs_again
from tests.support.checkpoints import checkpoint, urn

DATA = """
aws:rds/instance:Instance aws:rds/cluster:Cluster aws:rds/globalCluster:GlobalCluster aws:dynamodb/table:Table
aws:rds/snapshot:Snapshot aws:rds/clusterSnapshot:ClusterSnapshot aws:s3/bucket:Bucket aws:s3/bucketV2:BucketV2
aws:s3/bucketObject:BucketObject aws:s3/bucketObjectv2:BucketObjectv2 aws:efs/fileSystem:FileSystem
aws:ebs/volume:Volume aws:elasticache/cluster:Cluster aws:elasticache/replicationGroup:ReplicationGroup
aws:docdb/cluster:Cluster aws:neptune/cluster:Cluster aws:redshift/cluster:Cluster aws:kinesis/stream:Stream
aws:sqs/queue:Queue aws:opensearch/domain:Domain aws:elasticsearch/domain:Domain aws:kms/key:Key
aws:secretsmanager/secret:Secret aws:ssm/parameter:Parameter aws:ecr/repository:Repository
aws:cognito/userPool:UserPool aws:backup/vault:Vault aws:fsx/lustreFileSystem:LustreFileSystem aws:msk/cluster:Cluster
aws:mq/broker:Broker aws:memorydb/cluster:Cluster aws:codecommit/repository:Repository
aws:timestreamwrite/table:Table aws:lightsail/database:Database aws:ebs/snapshot:Snapshot
aws:index/dbInstance:DbInstance aws:index/rdsCluster:RdsCluster aws:index/sqsQueue:SqsQueue aws:index/kmsKey:KmsKey
aws:index/efsFileSystem:EfsFileSystem aws:index/secretsmanagerSecret:SecretsmanagerSecret
aws:index/dynamodbTable:DynamodbTable aws:index/s3Bucket:S3Bucket aws:index/s3Object:S3Object
aws:index/ebsVolume:EbsVolume aws:index/elasticacheReplicationGroup:ElasticacheReplicationGroup
aws:index/docdbCluster:DocdbCluster aws:index/ssmParameter:SsmParameter aws:index/ecrRepository:EcrRepository
aws:index/kinesisStream:KinesisStream aws:index/cognitoUserPool:CognitoUserPool aws:index/mskCluster:MskCluster
aws:index/opensearchDomain:OpensearchDomain aws:index/backupVault:BackupVault aws:index/dbSnapshot:DbSnapshot
aws:index/rdsGlobalCluster:RdsGlobalCluster aws:index/redshiftCluster:RedshiftCluster aws:index/mqBroker:MqBroker
aws-native:rds:DBInstance aws-native:rds:DBCluster aws-native:rds:GlobalCluster aws-native:dynamodb:Table
aws-native:dynamodb:GlobalTable aws-native:s3:Bucket aws-native:sqs:Queue aws-native:kms:Key aws-native:ec2:Volume
aws-native:secretsmanager:Secret aws-native:efs:FileSystem aws-native:elasticache:ReplicationGroup
aws-native:ecr:Repository aws-native:kinesis:Stream aws-native:opensearchservice:Domain aws-native:neptune:DBCluster
aws-native:docdb:DBCluster aws-native:cognito:UserPool aws-native:backup:BackupVault aws-native:amazonmq:Broker
aws-native:msk:Cluster aws-native:ssm:Parameter
azure:storage/account:Account azure:storage/container:Container azure:storage/share:Share azure:storage/queue:Queue
azure:storage/table:Table azure:storage/blob:Blob azure:mssql/server:Server azure:mssql/database:Database
azure:postgresql/server:Server azure:postgresql/flexibleServer:FlexibleServer
azure:postgresql/flexibleServerDatabase:FlexibleServerDatabase azure:mysql/flexibleServer:FlexibleServer
azure:cosmosdb/account:Account azure:cosmosdb/sqlContainer:SqlContainer azure:cosmosdb/mongoDatabase:MongoDatabase
azure:keyvault/keyVault:KeyVault azure:keyvault/secret:Secret azure:keyvault/key:Key
azure:compute/managedDisk:ManagedDisk azure:redis/cache:Cache azure:containerservice/registry:Registry
azure:recoveryservices/vault:Vault azure:servicebus/queue:Queue azure:eventhub/eventHub:EventHub
azurerm:index/postgresqlServer:PostgresqlServer azurerm:index/postgresqlFlexibleServer:PostgresqlFlexibleServer
azurerm:index/mysqlFlexibleServer:MysqlFlexibleServer azurerm:index/mssqlServer:MssqlServer
azurerm:index/mssqlDatabase:MssqlDatabase azurerm:index/mssqlManagedInstance:MssqlManagedInstance
azurerm:index/storageAccount:StorageAccount azurerm:index/storageContainer:StorageContainer
azurerm:index/cosmosdbAccount:CosmosdbAccount azurerm:index/keyVault:KeyVault
azurerm:index/keyVaultSecret:KeyVaultSecret azurerm:index/managedDisk:ManagedDisk
azurerm:index/redisCache:RedisCache azurerm:index/containerRegistry:ContainerRegistry
azurerm:index/recoveryServicesVault:RecoveryServicesVault azurerm:index/mariadbServer:MariadbServer
azurerm:index/servicebusQueue:ServicebusQueue azurerm:index/netappVolume:NetappVolume
azure-native:storage:StorageAccount azure-native:storage/v20230101:StorageAccount azure-native:storage:BlobContainer
azure-native:storage:FileShare azure-native:sql:Server azure-native:sql:Database azure-native:sql:ManagedInstance
azure-native:dbforpostgresql:Server azure-native:dbforpostgresql/v20221201:FlexibleServer
azure-native:dbformysql:Server azure-native:documentdb:DatabaseAccount azure-native:cosmosdb:DatabaseAccount
azure-native:documentdb:SqlResourceSqlContainer azure-native:keyvault:Vault azure-native:keyvault:Secret
azure-native:compute:Disk azure-native:cache:Redis azure-native:containerregistry:Registry
gcp:sql/databaseInstance:DatabaseInstance gcp:sql/database:Database gcp:storage/bucket:Bucket
gcp:bigquery/dataset:Dataset gcp:bigquery/table:Table gcp:bigtable/instance:Instance gcp:bigtable/table:Table
gcp:spanner/instance:Instance gcp:spanner/database:Database gcp:firestore/database:Database gcp:compute/disk:Disk
gcp:compute/regionDisk:RegionDisk gcp:redis/instance:Instance gcp:filestore/instance:Instance
gcp:kms/cryptoKey:CryptoKey gcp:kms/keyRing:KeyRing gcp:secretmanager/secret:Secret gcp:alloydb/cluster:Cluster
gcp:artifactregistry/repository:Repository gcp:pubsub/topic:Topic
google:index/sqlDatabaseInstance:SqlDatabaseInstance google:index/storageBucket:StorageBucket
google:index/bigqueryDataset:BigqueryDataset google:index/spannerDatabase:SpannerDatabase
google:index/computeDisk:ComputeDisk google:index/redisInstance:RedisInstance google:index/kmsCryptoKey:KmsCryptoKey
google:index/secretManagerSecret:SecretManagerSecret google:index/alloydbCluster:AlloydbCluster
google-native:sqladmin/v1:Instance google-native:storage/v1:Bucket google-native:compute/v1:Disk
google-native:spanner/v1:Instance google-native:bigquery/v2:Table google-native:file/v1:Instance
kubernetes:core/v1:PersistentVolumeClaim kubernetes:core/v1:PersistentVolume kubernetes:apps/v1:StatefulSet
kubernetes:apps/v1beta2:StatefulSet kubernetes:snapshot.storage.k8s.io/v1:VolumeSnapshot
kubernetes:index/persistentVolumeClaimV1:PersistentVolumeClaimV1 kubernetes:index/statefulSetV1:StatefulSetV1
random:index/randomPassword:RandomPassword random:index/password:Password random:index/string:String
tls:index/privateKey:PrivateKey digitalocean:index/databaseCluster:DatabaseCluster digitalocean:index/volume:Volume
digitalocean:index/spacesBucket:SpacesBucket linode:index/volume:Volume hcloud:index/volume:Volume
docker:index/volume:Volume postgresql:index/database:Database mysql:index/database:Database
mongodbatlas:index/cluster:Cluster mongodbatlas:index/advancedCluster:AdvancedCluster cloudflare:index/r2Bucket:R2Bucket
cloudflare:index/d1Database:D1Database github:index/repository:Repository snowflake:index/database:Database
snowflake:index/table:Table openstack:blockstorage/volume:Volume minio:index/s3Bucket:S3Bucket
confluentcloud:index/kafkaTopic:KafkaTopic neon:index/database:Database rabbitmq:index/queue:Queue
oci:Database/autonomousDatabase:AutonomousDatabase bridged:index:Database acme:db:Database
aws:cloudwatch/logGroup:LogGroup aws:index/cloudwatchLogGroup:CloudwatchLogGroup aws-native:logs:LogGroup
azure-native:operationalinsights:Workspace azurerm:index/logAnalyticsWorkspace:LogAnalyticsWorkspace
azurerm:index/snapshot:Snapshot gcp:logging/projectBucketConfig:ProjectBucketConfig
google:index/cloudTasksQueue:CloudTasksQueue google:index/pubsubSubscription:PubsubSubscription
alicloud:rds/instance:Instance alicloud:index/dbInstance:DbInstance alicloud:kms/key:Key alicloud:oss/bucket:Bucket
oci:Kms/key:Key oci:index/kmsVault:KmsVault oci:Redis/redisCluster:RedisCluster vault:index/mount:Mount
vault:transit/secretBackendKey:SecretBackendKey scaleway:redis/cluster:Cluster scaleway:index/redisCluster:RedisCluster
digitalocean:index/containerRegistry:ContainerRegistry linode:index/databaseMysqlV2:DatabaseMysqlV2
upcloud:index/managedDatabaseLogicalDatabase:ManagedDatabaseLogicalDatabase confluent:index/kafkaTopic:KafkaTopic
aiven:index/openSearch:OpenSearch mongodbatlas:index/onlineArchive:OnlineArchive acme:mq:WorkQueue
acme:x:PostgresInstance acme:x:ValkeyCluster kubernetes:postgres-operator.crunchydata.com/v1beta1:PostgresCluster
kubernetes:postgresql.cnpg.io/v1:Cluster kubernetes:acid.zalan.do/v1:postgresql
"""

NO_DATA = """
aws:s3/bucketPolicy:BucketPolicy aws:s3/bucketNotification:BucketNotification aws:s3/bucketVersioning:BucketVersioning
aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock aws:s3/bucketOwnershipControls:BucketOwnershipControls
aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2
aws:s3/accessPoint:AccessPoint aws:rds/subnetGroup:SubnetGroup aws:rds/parameterGroup:ParameterGroup
aws:rds/clusterParameterGroup:ClusterParameterGroup aws:rds/optionGroup:OptionGroup aws:rds/proxy:Proxy
aws:rds/proxyTarget:ProxyTarget aws:rds/clusterEndpoint:ClusterEndpoint aws:rds/eventSubscription:EventSubscription
aws:rds/clusterInstance:ClusterInstance aws:rds/roleAssociation:RoleAssociation aws:rds/securityGroup:SecurityGroup
aws:elasticache/subnetGroup:SubnetGroup aws:elasticache/parameterGroup:ParameterGroup aws:elasticache/user:User
aws:redshift/subnetGroup:SubnetGroup aws:docdb/clusterParameterGroup:ClusterParameterGroup
aws:neptune/subnetGroup:SubnetGroup aws:ssm/document:Document aws:ssm/association:Association
aws:ssm/maintenanceWindow:MaintenanceWindow aws:ssm/patchBaseline:PatchBaseline aws:ssm/activation:Activation
aws:ssm/resourceDataSync:ResourceDataSync aws:sqs/queuePolicy:QueuePolicy aws:kms/alias:Alias aws:kms/grant:Grant
aws:secretsmanager/secretPolicy:SecretPolicy aws:secretsmanager/secretRotation:SecretRotation
aws:efs/mountTarget:MountTarget aws:efs/accessPoint:AccessPoint aws:ecr/lifecyclePolicy:LifecyclePolicy
aws:ecr/repositoryPolicy:RepositoryPolicy aws:ec2/volumeAttachment:VolumeAttachment aws:ec2/routeTable:RouteTable
aws:ec2/defaultRouteTable:DefaultRouteTable aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation
aws:ec2/instance:Instance aws:ec2/securityGroup:SecurityGroup aws:ecs/cluster:Cluster aws:eks/cluster:Cluster
aws:batch/jobQueue:JobQueue aws:mediaconvert/queue:Queue aws:glue/catalogTable:CatalogTable
aws:glue/catalogDatabase:CatalogDatabase aws:athena/database:Database aws:backup/plan:Plan
aws:cognito/userPoolClient:UserPoolClient aws:cognito/userPoolDomain:UserPoolDomain
aws:opensearch/domainPolicy:DomainPolicy aws:dynamodb/tag:Tag aws:iam/role:Role aws:lambda/function:Function
aws:lambda/permission:Permission aws:msk/configuration:Configuration aws:ec2transitgateway/routeTable:RouteTable
aws:servicediscovery/instance:Instance aws:route53/record:Record aws:cloudwatch/metricAlarm:MetricAlarm
aws:index/dbSubnetGroup:DbSubnetGroup aws:index/dbParameterGroup:DbParameterGroup
aws:index/s3BucketPolicy:S3BucketPolicy aws:index/sqsQueuePolicy:SqsQueuePolicy aws:index/kmsAlias:KmsAlias
aws:index/instance:Instance aws:index/ecsCluster:EcsCluster aws:index/eksCluster:EksCluster
aws:index/routeTable:RouteTable aws:index/ssmDocument:SsmDocument aws:index/efsMountTarget:EfsMountTarget
aws:index/elasticacheSubnetGroup:ElasticacheSubnetGroup aws:index/dbProxy:DbProxy aws:index/iamRole:IamRole
aws-native:rds:DBSubnetGroup aws-native:rds:DBParameterGroup aws-native:rds:DBProxy aws-native:s3:BucketPolicy
aws-native:ec2:RouteTable aws-native:ec2:VolumeAttachment aws-native:kms:Alias aws-native:ecs:Cluster
aws-native:eks:Cluster aws-native:ec2:Instance aws-native:sqs:QueuePolicy aws-native:ssm:Document
azure:storage/accountNetworkRules:AccountNetworkRules azure:storage/managementPolicy:ManagementPolicy
azure:mssql/firewallRule:FirewallRule azure:postgresql/firewallRule:FirewallRule
azure:postgresql/flexibleServerConfiguration:FlexibleServerConfiguration azure:network/routeTable:RouteTable
azure:keyvault/accessPolicy:AccessPolicy azure:compute/virtualMachine:VirtualMachine
azure:compute/dataDiskAttachment:DataDiskAttachment azure:containerservice/kubernetesCluster:KubernetesCluster
azure:redis/firewallRule:FirewallRule azure:privatedns/zone:Zone azure:core/resourceGroup:ResourceGroup
azurerm:index/mssqlFirewallRule:MssqlFirewallRule azurerm:index/storageManagementPolicy:StorageManagementPolicy
azurerm:index/keyVaultAccessPolicy:KeyVaultAccessPolicy azurerm:index/routeTable:RouteTable
azurerm:index/postgresqlFlexibleServerFirewallRule:PostgresqlFlexibleServerFirewallRule
azurerm:index/virtualMachineDataDiskAttachment:VirtualMachineDataDiskAttachment
azure-native:storage:ManagementPolicy azure-native:storage:BlobServiceProperties azure-native:storage:EncryptionScope
azure-native:storage:BlobContainerImmutabilityPolicy azure-native:storage:ObjectReplicationPolicy
azure-native:sql:FirewallRule azure-native:sql:ServerKey azure-native:network:RouteTable
azure-native:compute:DiskAccess azure-native:compute:DiskEncryptionSet azure-native:compute:VirtualMachine
azure-native:containerservice:ManagedCluster azure-native:web:WebApp
gcp:sql/user:User gcp:sql/sslCert:SslCert gcp:storage/bucketIAMBinding:BucketIAMBinding
gcp:storage/bucketAccessControl:BucketAccessControl gcp:storage/notification:Notification
gcp:compute/attachedDisk:AttachedDisk gcp:compute/diskResourcePolicyAttachment:DiskResourcePolicyAttachment
gcp:compute/instance:Instance gcp:compute/route:Route gcp:container/cluster:Cluster
gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember gcp:secretmanager/secretIamMember:SecretIamMember
gcp:bigquery/job:Job gcp:alloydb/user:User
google:index/sqlUser:SqlUser google:index/storageBucketIamMember:StorageBucketIamMember
google:index/computeInstance:ComputeInstance google:index/containerCluster:ContainerCluster
google-native:compute/v1:Instance google-native:container/v1:Cluster google-native:storage/v1:BucketIamPolicy
kubernetes:core/v1:Secret kubernetes:core/v1:ConfigMap kubernetes:apps/v1:Deployment kubernetes:apps/v1:DaemonSet
kubernetes:core/v1:Service kubernetes:batch/v1:Job kubernetes:helm.sh/v3:Release kubernetes:core/v1:ServiceAccount
kubernetes:storage.k8s.io/v1:StorageClass kubernetes:core/v1:PersistentVolumeClaimPatch
kubernetes:storage.k8s.io/v1:VolumeAttachment kubernetes:index/secretV1:SecretV1
random:index/randomPet:RandomPet random:index/randomId:RandomId random:index/randomInteger:RandomInteger
random:index/randomShuffle:RandomShuffle random:index/randomUuid:RandomUuid tls:index/selfSignedCert:SelfSignedCert
digitalocean:index/databaseUser:DatabaseUser digitalocean:index/volumeAttachment:VolumeAttachment
postgresql:index/role:Role postgresql:index/grant:Grant mysql:index/user:User github:index/repositoryFile:RepositoryFile
cloudflare:index/record:Record docker:index/container:Container docker:index/image:Image
mongodbatlas:index/databaseUser:DatabaseUser pulumi:pulumi:Stack pulumi:providers:aws bridged:index:Server
command:local:Command
alicloud:ecs/instance:Instance alicloud:dns/instance:Instance alicloud:rds/account:Account
aws:cleanrooms/configuredTable:ConfiguredTable aws:datasync/fsxOpenZfsFileSystem:FsxOpenZfsFileSystem
aws:index/athenaDatabase:AthenaDatabase aws:index/glueCatalogTable:GlueCatalogTable aws:sns/topic:Topic
aws:ec2transitgateway/policyTable:PolicyTable aws:index/batchJobQueue:BatchJobQueue aws:connect/queue:Queue
aws-native:neptune:DBInstance aws:storagegateway/nfsFileShare:NfsFileShare
aws:secretsmanager/secretVersion:SecretVersion azure:datafactory/datasetSqlServerTable:DatasetSqlServerTable
azure-native:awsconnector:S3Bucket azurerm:index/dataFactoryDatasetMysqlTable:DataFactoryDatasetMysqlTable
azure-native:containerservice:Snapshot azure-native:kusto:ReadOnlyFollowingDatabase
gcp:compute/backendBucket:BackendBucket google:index/computeBackendBucket:ComputeBackendBucket gcp:biglake/table:Table
gcp:projects/usageExportBucket:UsageExportBucket libvirt:index/cloudInitDisk:CloudInitDisk
openstack:keymanager/containerV1:ContainerV1 acme:x:ExternalRedisCluster kubernetes:cluster.x-k8s.io/v1beta1:Cluster
snowflake:index/dynamicTable:DynamicTable snowflake:index/streamOnTable:StreamOnTable vault:kv/secretV2:SecretV2
mongodbatlas:index/federatedDatabaseInstance:FederatedDatabaseInstance github:index/actionsSecret:ActionsSecret
"""


@pytest.mark.parametrize("token", DATA.split())
def test_what_holds_data_is_known_in_every_spelling(token: str) -> None:
    assert is_stateful(token)


@pytest.mark.parametrize("token", NO_DATA.split())
def test_what_belongs_to_such_things_holds_none(token: str) -> None:
    assert not is_stateful(token)


def test_a_project_adds_types_of_its_own() -> None:
    assert is_stateful("acme:crm/ledger:Ledger", ["acme:crm/*"])
    assert not is_stateful("acme:crm/ledger:Ledger", ["acme:hr/*"])


@pytest.mark.parametrize("token", ["", "x", "a:b", "a:b:c:d", "aws:::", "ünï:cödé:Tâble", "my::Bucket"])
def test_odd_tokens_are_no_trouble(token: str) -> None:
    assert isinstance(is_stateful(token), bool)


def test_ten_thousand_resources_are_quick() -> None:
    started = time.process_time()
    for index in range(10_000):
        is_stateful(f"aws:s3/bucket{index % 50}:Bucket{index % 50}", ["acme:*"])
    assert time.process_time() - started < 1


RUN = """
kubernetes:batch/v1:Job kubernetes:index/jobV1:JobV1 command:local:Command command:remote:Command
null:index/resource:Resource null:index/nullResource:NullResource time:index/sleep:Sleep
time:index/timeSleep:TimeSleep aws:lambda/invocation:Invocation aws:index/lambdaInvocation:LambdaInvocation
azure-native:resources:DeploymentScript gcp:bigquery/job:Job gcp:dataproc/job:Job gcp:dataflow/job:Job
"""

STAND = """
kubernetes:batch/v1:CronJob kubernetes:apps/v1:Deployment aws:glue/job:Job aws:batch/jobDefinition:JobDefinition
databricks:index/job:Job time:index/static:Static time:index/rotating:Rotating gcp:cloudscheduler/job:Job
aws:lambda/function:Function kubernetes:batch/v1:JobPatch
"""


@pytest.mark.parametrize("token", RUN.split())
def test_jobs_and_commands_run_again_when_they_are_made(token: str) -> None:
    assert runs_again(token, "create")
    assert runs_again(token, "replace")
    assert not runs_again(token, "delete")
    assert runs_again(token, "update") is token.startswith("command:")


@pytest.mark.parametrize("token", STAND.split())
def test_a_definition_of_work_is_no_work(token: str) -> None:
    assert not runs_again(token, "create")


@pytest.mark.parametrize(("op", "codes"), [("create", ["runs-again"]), ("replace", ["runs-again"]), ("delete", [])])
def test_a_plan_says_what_runs_again(op: str, codes: list[str]) -> None:
    """A replaced command does its work once more: https://github.com/pulumi/pulumi-command/issues/9"""
    nothing = checkpoint()
    step = Step(urn("migrate", "command:local:Command"), "migrate", "command:local:Command", op, "replaced")
    assert [risk.code for risk in step_risks(step, nothing, (), stack="dev")] == codes
