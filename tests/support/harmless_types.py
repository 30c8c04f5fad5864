"""Why a type that is named like something that holds data holds none: rules, and patterns where there is no rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Final

ENDINGS: Final[Mapping[str, str]] = {
    "who may do what": """
        policy policies binding member members acl role user users grant grants permission permissions access
        access-level administrator admin privilege privileges credential credentials creds token authorization
        authentication assignment approval collaborator collaborators""",
    "a name, an address or a way to something": """
        association associations attachment attach connection connector endpoint link mapping peering accepter
        access-point mount gateway listener network target route routes route-table propagation proxy alias
        backend frontend record address subnet integration domain-name custom-domain website cname
        private-link-resource virtual-host load-balancer subscription linked-server trust-store location""",
    "how something works": """
        configuration config settings setting properties rule rules rule-collection option options preferences
        default template profile type class classifier filter definition control controls quota limit lock
        encryption protection versioning lifecycle cors label tag tags header notification notifications webhook
        extension plugin metadata map certificate cert capacity reservation commitment baseline exclusion
        revocation block referer style worm payment acceleration branding logging list rule-set match-set
        encryption-set credential-set scope license recipe file-format framework provider feature
        parameter-version version qos package format""",
    "what data looks like": """
        schema schemas schema-registry schema-version schema-bundle field attribute""",
    "work, and what starts it": """
        job task run operation execution action plan schedule trigger assessment migration simulation drill
        query export import script step statement selection pipeline rotation sync restore upgrade request
        management discovery ciphertext procedure function sign verify verification channel replicator processor
        optimizer etl workflow session advisor restore-workload""",
    "what watches, or sends on": """
        monitor monitoring alert alarm metric detector dashboard destination sink delivery log-delivery flow-log
        query-log access-log audit analysis subscriber delivery-stream metric-stream event-stream
        stream-processor logs-stream insights lens watcher prometheus""",
    "compute, with its disks elsewhere": """
        node nodes agent machine vm host application app service api environment image workgroup fleet
        infrastructure hypervisor kubernetes-cluster k-8s-cluster virtual-cluster compute-cluster hpc-cluster
        connected-cluster attached-cluster bare-metal-cluster vmware-cluster replication-instance""",
    "another view, or a copy, of what lies elsewhere": """
        replication replica view views secondary-index search-index mirror standby source cluster-instance""",
    "a group of things that have entries of their own": """
        group pool""",
    "a change of another object": """
        patch registration membership""",
    "a key that its inputs bring back, or that nothing is encrypted with": """
        api-key access-key ssh-key gpg-key public-key deploy-key plan-key hmac-key tag-key stream-key key-pair
        customer-managed-key customer-managed-keys signing-key host-key url-key activation-key client-key
        metrics-key install-key secret-key tsig-key share-key""",
    "one entry, which its inputs bring back": """
        item entry row entity repository-file secret-version variable kv""",
}
"""By reason: what a name ends in, in words."""

TYPES: Final[Mapping[str, str]] = {
    "describes, or connects, what lies elsewhere": """
        *:glue:* *:athena:* aws:index:glue* aws:index:athena* *:databrew:* *:datasync:* aws:index:datasync*
        *:cleanrooms*:* *:awsconnector:* *:datafactory:* *:datashare:* *:datamigration:*
        *:machinelearning*:*container *:machinelearning*:*dataset *:machinelearning*:*datastore*
        *:streamanalytics:* *:offazure:* *:azuredata:* *:azurearcdata:sqlserver* *:mysqldiscovery:*
        *:databasewatcher:* oci:databasemanagement:* oci:databasetools:* oci:datasafe:* oci:opsi:*
        oci:meteringcomputation:* oci:oci:dbmulticloud* oci:database:external* oci:database:keystore *:biglake:*
        *:dataplex:* *:iotsitewise:dataset *:iotoperationsdataprocessor:* *:apigee:datastore
        google-native:apigee:archivedeployment *:*:coderepository* *:cloudbuild*:repository
        ec:*:snapshotrepository *:*:gitrepository databricks:*:repo alicloud:cr:chartrepository
        alicloud:cr:vpcendpointlinkedvpc snowflake:*:external* snowflake:*:icebergtablefrom*
        snowflake:*:storageintegration* snowflake:*:apiintegration* snowflake:*:catalogintegration*
        snowflake:*:shareddatabase snowflake:*:secondarydatabase snowflake:*:streamon* mongodbatlas:*:federated*
        mongodbatlas:*:*exportbucket *:projects:usageexportbucket *:*:*backendbucket *:storagegateway:*fileshare
        aws:index:storagegateway*fileshare *:app:*storage *:appplatform:* *:containerapp:*storage
        *:web:webapp*storageaccounts* *:*:*linkedstorageaccount *:keyvault:managedstorageaccount
        *:backup:containerstorageaccount *:netapp:*volumebucket* *:netapp:capacitypoolbucket
        *:kms:customkeystore *:*:sourcerepresentationinstance *:logging:linkeddataset
        alicloud:pai:workspacedataset *:discovery:storage* *:databoxedge:storageaccount alicloud:dms:*
        *:apimanagement:* *:iot:endpoint* *:digitaltwins:endpoint* *:firebase:storagedefaultbucket
        *:container:registry openstack:keymanager:container* ovh:*:cloudkeymanagercontainer* vault:managed:keys
        databricks:*:databasedatabasecatalog databricks:*:postgrescatalog *:compute:attacheddisk
        *:*:connectedregistry *:migrate:* *:hybridnetwork:* *:datareplication:* *:recoveryservices:*protection*
        *:siterecovery:* *:securitylake:* *:ec2:sqlhastandbydetectedinstance *:azurelargeinstance:*
        *:baremetalinfrastructure:* *:stack:hcistoragepath *:networkcloud:storageappliance *:marketplace:*
        *:backupd*:managementserver *:resourceexplorer*:* *:containerregistry:archife""",
    "shared with others, and lies with its owner": """
        *:*:resourceshare* aws:index:ramresourceshare *:*:portfolioshare *:*:frameworkshare *:*:quotashare
        *:storage:datashare cloudflare:*:share* databricks:*:share snowflake:*:share
        snowflake:*:grantprivilegestoshare openstack:dns:zoneshare* upcloud:*:filestorageshare
        *:bigqueryanalyticshub:*""",
    "compute, with its data elsewhere": """
        *:oracle*:exascale*vault oci:database:exascale*vault *:ackone:* *:edas:* *:eflo:* *:ehpc:*
        *:emr*:cluster aws:index:emrcluster *:ecs:*cluster* *:eks:cluster aws:index:ecscluster
        aws:index:ekscluster *:ebs:dedicatedblockstoragecluster *:eci:* *:medialive:* *:pcs:*
        *:sagemaker:cluster *:route53recoverycontrol:* *:finspace:kxcluster *:lightsail:container* *:avs:*
        *:azurestackhci:cluster *:connectedvmwarevsphere:* *:containerservice:*cluster
        *:containerservice:*namespace *:containerservice:registryt* *:containerservice:registryw*
        *:arckubernetes:* *:eventhub:cluster *:hdinsight:cluster *:hdinsight:h*cluster
        *:hdinsight:interactivequerycluster *:hdinsight:sparkcluster *:*:*managedcluster
        *:redhatopenshift:*cluster *:networkcloud:*cluster* *:operationalinsights:cluster *:loganalytics:cluster
        *:servicefabric:* *:stack:hcicluster *:machinelearning:inferencecluster gcp:container:*cluster
        google-native:container:cluster *:dataproc:cluster *:edgecontainer:* *:gkeonprem:*
        *:hypercomputecluster:* *:managedkafka:connectcluster *:vmwareengine:* *:workstations:*
        *:bigtableadmin:cluster databricks:*:cluster gitlab:*:*cluster linode:*:lkecluster *:containerengine:*
        oci:core:compute* oci:generativeai:dedicatedaicluster oci:generativeai:semanticstore
        oci:mysql:heatwavecluster oci:ocvp:* *:containerinfra:cluster scaleway:kubernetes:cluster
        scaleway:*:container* scaleway:containers:* ovh:dbaas:logscluster confluentcloud:*:ksqlcluster
        snowflake:*:warehouse* databricks:*:warehouses* docker:*:container aiven:*:kafka*make*
        aiven:*:kafkaconnect* *:alloydb:instance *:neptune:dbinstance *:rds:*readonlyinstance
        alicloud:rds:custom alicloud:rds:customdeploymentset oci:database:exadata* alicloud:ebs:*
        alicloud:polardb:aicluster alicloud:ecs:*cluster alicloud:ecs:storagecapacityunit mongodbatlas:*:stream*
        *:cosmosdb:fleet* *:databasefleetmanager:fleettier *:databasefleetmanager:fleetspace
        *:cosmosdb:*workspace* mongodbatlas:*:networkcontainer *:cosmosdb:throughput* *:cloudhsmv2:hsm
        aws:index:cloudhsmv2hsm aws:index:opsworks* mongodbatlas:*:searchdeployment
        *:oracledatabase:goldengatedeployment oci:mysql:bluegreendeployment *:rds:deployment *:synapse:*runtime*
        alicloud:yundun:* *:storagemover:* *:storage:mover*""",
    "a name for things that have entries of their own": """
        alicloud:cms:namespace alicloud:cr:*namespace alicloud:cs:*namespace alicloud:mse:*namespace
        alicloud:sae:* alicloud:schedulerx:* *:*:*httpnamespace *:*:*dnsnamespace *:*:channelnamespace
        *:*:rulegroup*namespace *:*:idnamespace *:s3tables:namespace *:quicksight:namespace *:deviceregistry:*
        *:eventgrid:*namespace *:*:partnernamespace *:notificationhub*:namespace *:relay:namespace
        cloudflare:*:aisearchnamespace cloudflare:*:workersforplatforms* consul:*:namespace *:gkehub:namespace
        *:servicedirectory:namespace *:iam:*namespace kubernetes:core:namespace oci:*:*namespace
        scaleway:*:functionnamespace scaleway:functions:namespace *:netapp:*account *:powerbi:* *:scheduler:*
        *:*:resourcecollection *:*:cidrcollection *:security:apicollection *:storage:*folder
        *:storage:sharedirectory *:tags:* *:spanner:instancepartition *:logic*:* *:aad:*
        oci:fleetsoftwareupdate:* *:schemas:registry *:eventschemas:registry *:agentregistry:*
        *:bedrock:agentcoreregistry *:cloudiot:* *:cr:chain *:databasemigration:project *:dms:migrationproject
        github:*:repositoryproject oci:filestorage:exportset alicloud:cloudstoragegateway:storagebundle
        *:storagediscovery:*""",
    "an account, a client or a name, of which nothing is kept but the inputs": """
        alicloud:*:*account *:cognito:*client *:cognito:*domain* *:cognito:*resourceserver
        *:cognito:*customization *:cognito:terms aws:index:cognitoresourceserver aws:index:cognitouserpoolclient
        aws:index:cognitouserpooldomain *:hbr:*client *:eventhub:domain alicloud:cr:*domain scaleway:*:*domain
        hcloud:*:*subaccount openstack:objectstorage:account* vault:*:*account vault:approle:*
        *:connectedcache:* *:dbforpostgresql:administrators* *:mysql:*administratory *:netapp:activedirectory
        *:*:tempurl oci:*:preauthrequest ovh:*:*presign ovh:*:*allowlist ovh:*:*iam ovh:*:*oidc
        ovh:*:*restrictionsregistry""",
    "a secret, or a key, that its inputs bring back": """
        alicloud:apig:secret *:msk:batchscramsecret *:cdn:*secret *:devtestlab:secret *:redhatopenshift:secret
        *:servicefabricmesh:secret* cloudflare:*:secretsstoresecret databricks:*:secret* databricks:*:*secret
        docker:*:secret *:composer:*secret github:*:*secret mongodbatlas:*:*secret oci:networkfirewall:*secret
        openstack:keymanager:* ovh:*:cloudkeymanagersecret* kubernetes:core:secret vault:generic:* vault:kv:*
        vault:ad:* vault:gcp:* vault:kmip:* vault:ldap:* vault:identity:* vault:pkisecret:backend*
        vault:pkisecret:secretbackendconfig* vault:pkisecret:secretbackendi* vault:pkisecret:*sign*
        vault:pkiexternalca:* vault:secrets:* vault:keymgmt:distributekey vault:keymgmt:keyrotate
        vault:keymgmt:replicatekey vault:transform:* mysql:*:userpassword oci:identity:uipassword
        *:*:tokenpassword snowflake:*:secretwith* snowflake:*:userpublickeys *:appconfiguration:*key*
        *:cloudfront:keyvaluestorekey* *:connect:securitykey *:cognitive:* *:networkcloud:*keyset *:*:serverkey
        *:*:managedinstancekey *:synapse:*key *:*:defaultkmskey *:ecs:diskdefaultkmskey *:bedrock:*cmk
        confluentcloud:*:byokkey confluentcloud:*:schemaregistry?ek *:compute:*accountkey *:iam:*key
        google-native:*:key gcp:serviceaccount:key *:recaptcha:* *:kms:keyhandle scaleway:annotations:*
        oci:kms:encrypteddata oci:kms:generatedkey digitalocean:*:spaceskey linode:*:objectstoragekey
        ovh:*:dbaaslogsencryptionkey *:apigee:*keystore* ec:*:*keystore oci:database:*wallet
        *:networkservices:edgecachekeyset""",
    "what its inputs, or what it copies, bring back": """
        *:ssm:document aws:index:ssmdocument *:realtimecompute:sqlfile databricks:*:*file *:dialogflow:document
        *:discoveryengine:document libvirt:*:cloudinitdisk kubernetes:kustomize:* *:automation:variableobject
        *:containerservice:*snapshot cloudflare:*:*dataset *:dns:* snowflake:*:dynamictable databricks:*:online*
        databricks:*:*synced* *:*:readonlyfollowingdatabase *:*:*partitionindex *:*:placeindex *:sls:index
        *:log:storeindex *:firestore:index *:datastore:index *:vectorsearch:index oci:nosql:index
        *:vertex:*deployedindex *:gemini:* *:vertex:*featureview aws:redshift:snapshotcopy
        oci:streaming:connectharness *:verifiedpermissions:policystore confluentcloud:*:kafkamirrortopic
        confluentcloud:*:rtcetopic confluentcloud:*:tableflowtopic oci:oci:clusterhealth* snowflake:*:filefor*
        cloudflare:*:stream?*""",
    "a cache in front of what keeps the data": """
        *:*:apicache *:*:runcache *:dax:cluster aws:index:daxcluster *:storagegateway:cache
        aws:index:storagegatewaycache *:storagegateway:workingstorage aws:index:storagegatewayworkingstorage
        *:storagecache:cache *:hpc:cache *:netapp:capacitypoolcache cloudflare:*:*tieredcache
        cloudflare:*:zonecache* *:esa:cachereserveinstance *:*:anywherecache *:waas:purgecache
        *:edgeservices:cachestage scaleway:*:*cachestage *:networkservices:edgecacheorigin""",
    "hands messages on, and keeps none": """
        *:sns:topic aws:index:snstopic *:ses:identitynotificationtopic aws:index:ses* *:quicksight:topic*
        *:*:eventgridtopic *:eventgrid:domaintopic *:eventgrid:partnertopic *:eventgrid:systemtopic
        *:eventgrid:topic *:eventgrid:topicspace oci:ons:* *:*:mnqsnstopic *:mnq:snstopic gitlab:*:topic
        *:cognitiveservices:* *:iotoperations*:broker *:managednetworkfabric:* *:amqp:exchange *:webpubsub:*
        *:datastream:stream *:qldb:stream *:iot:stream *:mediaconnect:* *:kinesis:streamconsumer
        *:rds:clusteractivitystream *:firestore:changestream ovh:dbaas:logsinput ovh:dbaas:logsrole*
        cloudflare:*:pipelinestream cloudflare:*:queueconsumer *:storage:ftpserver""",
    "work, and its order": """
        *:batch:jobqueue aws:index:batchjobqueue *:connect:queue *:deadline:queue *:gamelift:*
        aws:index:gamelift* *:mediaconvert:queue *:*:*trafficqosqueue ovh:*:workflowbackup *:*:summarylog
        *:monitoring:scheduledqueryruleslog *:sls:scheduledsql *:bigquery:routine snowflake:*:*sql
        *:*:*routetableaggregation oci:database:*window oci:database:*unmount oci:database:*history
        oci:database:*rolechange oci:databasemigration:* azure:loganalytics:datasource*
        azure:loganalytics:querypack azure:loganalytics:savedsearch azure:loganalytics:workspacetablemicrosoft
        azure:loganalytics:workspacetable alicloud:log:alertresource alicloud:log:ingestion
        alicloud:log:ossshipper alicloud:log:resource *:logs:transformer *:cloudwatch:logtransformer
        *:nas:dataflow *:dataprotection:backuppolicy* *:backup:policy*""",
    "how something works": """
        alicloud:maxcompute:tunnel* *:directoryservice:?*forwarder aws:index:*forwarder
        *:directoryservice:iproutes* *:directoryservice:*region *:directoryservice:shareddirectory *:*:*trust
        google-native:metastore:federation *:azureactivedirectory:* databricks:*:directory
        alicloud:oss:bucketarchive* alicloud:oss:bucketdata* alicloud:oss:bucketinventory
        alicloud:oss:*logfields *:actiontrail:* alicloud:*:securityip alicloud:*:*iparray
        alicloud:rds:dbproxypublic alicloud:ots:tunnel *:nas:recyclebin *:rocketmq:qoscar *:threatdetection:*
        *:backup:legalhold *:storage:*legalhold *:ec2*:*policytable *:ecs:clustercapacityproviders
        *:rds:instancedesiredstate *:rds:reservedinstance *:redshift:clusteriamroles *:redshift:partner
        *:s3:bucketabac *:s3:inventory aws:index:s3bucketinventory *:s3*:accessgrantsinstance *:cloudngfw:*
        *:network:* *:hybridcontainerservice:* *:edge:* *:sql:encryptionprotector *:*:*safeguard
        *:synapse:privatelinkhub *:web:* *:security*:* *:keyvault:certificatecontacts
        *:keyvault:certificateissuer *:sentinel:* cloudamqp:*:extradisksize cloudamqp:*:integrationlog
        cloudflare:*:logp* cloudflare:*:*registry cloudflare:*:r2bucketsippy confluentcloud:*:schema*
        digitalocean:*:databasefirewall digitalocean:*:databaselogsink* databricks:*:mws*
        databricks:*:sqlvisualization databricks:*:sqlwidget *:bigquery:*enrollment *:iam:*managedidentity
        *:memorystore:*endpoints *:redis:*connections *:netapp:kmsconfig github:*:repository?*
        github:*:?*repository github:*:*repositories gitlab:*:deploykeyenable gitlab:*:project?*
        gitlab:*:valuestreamanalytics kubernetes:certificates.k8s.io:* kubernetes:networking.k8s.io:*
        mongodbatlas:*:custom* mongodbatlas:*:?*onlinearchive mongodbatlas:*:*failover oci:artifacts:*signature
        oci:database:applicationvip oci:dblm:* oci:devops:repositoryref oci:identity:*
        oci:loganalytics:*associations* oci:loganalytics:*content oci:loganalytics:namespace?*
        oci:logging:*search oci:redis:ocicachebackup?* oci:redis:ocicacheconfig* oci:redis:ocicacheuser*
        oci:oci:*addon openstack:blockstorage:quoteset* ovh:*:opensearchpattern snowflake:*:*parameter
        snowflake:*:tableconstraint upcloud:*:*staticsite""",
}
"""By reason: patterns of ``package:module:name`` in lower case."""

HOLDING: Final = """
    *:cloudwatch:loggroup *:logs:loggroup aws:index:*loggroup oci:*:*loggroup *:*:*replicationgroup *:*:userpool
    aws*:*:*identitypool *:synapse:sqlpool *:synapse:kustopool *:opensearch:appgroup *:netapp:volumegroup
    *:logging:*bucketconfig *:*kms:*keyversion *:*:snapshotimport *:recoveryservices:protecteditem
    cloudflare:*:workerskv scaleway:*:*item *:search:service google-native:metastore:service
    *:backup:protectedvm *:dataprotection:backupinstance* alicloud:ecs:ecssnapshotgroup oci:streaming:streampool
    aws:index:cognitouserpool *:keyvault:certificate vault:pkisecret:secretbackendrootcert
    ovh:dbaas:logsoutputopensearchindex postgresql:*:schema snowflake:*:schema databricks:*:schema
    *:pubsub*:*subscription vault:*:mount *:iotanalytics:channel *:healthcare*:*service
    *:dataproc:metastoreservice
"""
"""What holds data although a rule above would say that it does not: no rule counts for these."""

PATTERNS: Final = {pattern: reason for reason, patterns in TYPES.items() for pattern in patterns.split()}

_REASONS: Final = {ending: reason for reason, endings in ENDINGS.items() for ending in endings.split()}
_WORD: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")


def why_harmless(token: str) -> str:
    """The reason why a type holds no data; empty where there is none. Modules are without versions and file names."""
    plain = token.lower()
    if any(fnmatchcase(plain, pattern) for pattern in HOLDING.split()):
        return ""
    words = [word.lower() for word in _WORD.findall(re.sub(r"(?<=[a-z])[vV][0-9]+$", "", token.rpartition(":")[2]))]
    for count in (1, 2, 3):
        if (ending := "-".join(words[-count:])) in _REASONS:
            return _REASONS[ending]
    return next((reason for pattern, reason in PATTERNS.items() if fnmatchcase(plain, pattern)), "")
